/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_commit_writer.c - what pwkctl's processes with rights are told by those that read a store,
 * when a hostile store has taken these over: changes that nobody asked for, and messages that do
 * not hold together.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/prefix_changes.h"
#include "launcher/commit_writer.h"
#include "launcher/registry_told.h"

#define MINE "HKLM\\Software\\Mine"
#define MINE_PATH "Machine\\Software\\Mine"
#define MISSING "/nonexistent/pwk-prefix"

static const char *const named[] = {MINE, "HKLM\\System\\CurrentControlSet\\Services\\"};

struct world {
    struct commit_writer writer;
    struct pwk_profile profile;
    struct pwk_prefix_changes changes;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct pwk_error error;

    setenv("WINEPREFIX", MISSING, 1);
    pwk_profile_init(&world->profile);
    world->writer.profile = &world->profile;
    world->writer.keys = (const char **)named;
    world->writer.key_count = sizeof(named) / sizeof(named[0]);
    assert_int_equal(commit_files_make(&world->writer.files, &error), 0);
    world->changes = (struct pwk_prefix_changes){.fd = world->writer.files.changes,
                                                 .size = sizeof(struct pwk_changes_page)};
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    commit_files_close(&world->writer.files);
    pwk_profile_finish(&world->profile);
    free(world);
    return 0;
}

static size_t widen(uint16_t *units, const char *text)
{
    size_t count = 0;

    for (; text[count] != '\0'; count++)
        units[count] = (unsigned char)text[count];
    return count;
}

static void change(struct world *world, enum registry_layer_kind kind, const char *path,
                   const char *name, uint32_t type)
{
    uint16_t path_units[4096], name_units[4096];
    const struct registry_layer_change made = {.kind = kind,
                                               .path = path_units,
                                               .path_units = widen(path_units, path),
                                               .name = name_units,
                                               .name_units = widen(name_units, name),
                                               .type = type};

    assert_int_equal(pwk_prefix_changes_add(&world->changes, &made), 0);
}

/* What the writer answers to a request of `size` bytes. */
static int serve_size(struct world *world, uint64_t size, struct pwk_error *error)
{
    const struct commit_request request = {size};
    struct commit_order order;
    int asked[2], answered[2];

    assert_int_equal(pipe(asked), 0);
    assert_int_equal(pipe(answered), 0);
    assert_true(control_send(asked[1], &request, sizeof(request)));
    assert_int_equal(
        commit_writer_serve(&world->writer, &(struct control_channel){asked[0], answered[1]}),
        CONTROL_OK);
    assert_true(control_receive(answered[0], &order, sizeof(order)));
    assert_int_equal(order.step, COMMIT_END);
    *error = order.error;
    for (int i = 0; i < 2; i++) {
        close(asked[i]);
        close(answered[i]);
    }
    return order.result;
}

static void refused(struct world *world, int code)
{
    struct pwk_error error;

    assert_int_equal(serve_size(world, world->changes.size, &error), code);
    assert_non_null(strstr(error.text, "nothing was committed"));
    assert_int_equal(ftruncate(world->changes.fd, 0), 0);
    world->changes.size = sizeof(struct pwk_changes_page);
}

/* It gets as far as the loader, or the prefix, which is not there. */
static void accepted(struct world *world)
{
    struct pwk_error error;

    assert_true(serve_size(world, world->changes.size, &error) < 0);
    assert_null(strstr(error.text, "nothing was committed"));
    assert_string_not_equal(error.text, "");
    assert_int_equal(ftruncate(world->changes.fd, 0), 0);
    world->changes.size = sizeof(struct pwk_changes_page);
}

/* ---- changes ---- */

static void test_what_was_asked_for(void **state)
{
    struct world *world = *state;

    change(world, REGISTRY_LAYER_KEY, "Machine\\Software", "", 0); /* on the way */
    change(world, REGISTRY_LAYER_KEY, "machine\\software\\MINE", "", 0);
    change(world, REGISTRY_LAYER_VALUE, "Machine\\Software\\Mine\\below", "name", 1);
    change(world, REGISTRY_LAYER_SUBKEY_DELETED, "Machine\\Software", "Mine", 0);
    change(world, REGISTRY_LAYER_KEY, "Machine\\System\\ControlSet001\\Services", "", 0);
    change(world, REGISTRY_LAYER_KEY, "Machine\\System\\ControlSet001\\Services\\one", "", 0);
    accepted(world);
}

static void test_what_was_not(void **state)
{
    static const char *const paths[] = {"Machine\\Software\\Other", "Machine\\Software\\Mine2",
                                        "Machine\\Software",
                                        "User\\S-1-5-21-0-0-0-1000\\Software\\Run", ""};
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        change(world, REGISTRY_LAYER_KEY, "Machine\\Software\\Mine", "", 0);
        change(world, REGISTRY_LAYER_VALUE, paths[i], "name", 1);
        refused(world, -EXDEV);
    }
    change(world, REGISTRY_LAYER_SUBKEY_DELETED, "Machine\\Software", "Other", 0);
    refused(world, -EXDEV);
    change(world, REGISTRY_LAYER_SUBKEYS_KEPT, "Machine\\Software", "", 0);
    refused(world, -EXDEV);
    /* A key on the way that becomes a link would take all of it elsewhere. */
    change(world, REGISTRY_LAYER_KEY, "Machine\\Software", "", REGISTRY_CREATE_LINK);
    refused(world, -EXDEV);
}

/* Where the key is a link, wineserver would follow it; it takes several backslashes for one. */
static void test_below_a_link(void **state)
{
    struct world *world = *state;

    for (int all = 0; all < 2; all++) {
        change(world, REGISTRY_LAYER_KEY, MINE_PATH, "", 0);
        change(world, REGISTRY_LAYER_KEY, MINE_PATH "\\link", "", REGISTRY_CREATE_LINK);
        change(world, REGISTRY_LAYER_VALUE, MINE_PATH "\\link", "SymbolicLinkValue", 6);
        change(world, REGISTRY_LAYER_KEY, MINE_PATH "\\links", "", 0);
        change(world, REGISTRY_LAYER_KEY, MINE_PATH "\\links\\there", "", 0);
        accepted(world);
        change(world, REGISTRY_LAYER_KEY, MINE_PATH, "", 0);
        change(world, REGISTRY_LAYER_KEY, MINE_PATH "\\link", "", 0);
        change(world, REGISTRY_LAYER_KEY, MINE_PATH "\\LINK", "", REGISTRY_CREATE_LINK);
        change(world, REGISTRY_LAYER_VALUE, MINE_PATH "\\link\\there", "name", 1);
        refused(world, -EPROTO);
        change(world, REGISTRY_LAYER_KEY, MINE_PATH, "", 0);
        change(world, REGISTRY_LAYER_KEY, MINE_PATH "\\link", "", REGISTRY_CREATE_LINK);
        change(world, REGISTRY_LAYER_SUBKEY_DELETED, MINE_PATH "\\link", "there", 0);
        refused(world, -EPROTO);
        change(world, REGISTRY_LAYER_KEY, MINE_PATH "\\", "", 0);
        refused(world, -EPROTO);
        change(world, REGISTRY_LAYER_KEY, MINE_PATH, "", 0);
        change(world, REGISTRY_LAYER_KEY, MINE_PATH "\\\\link", "", 0);
        refused(world, -EPROTO);
        world->writer.key_count = 0;
    }
}

/* A link that the prefix has already, by an earlier commit. */
static void test_below_what_was_not_told(void **state)
{
    struct world *world = *state;

    change(world, REGISTRY_LAYER_KEY, MINE_PATH, "", 0);
    change(world, REGISTRY_LAYER_VALUE, MINE_PATH "\\link\\there", "name", 1);
    refused(world, -EPROTO);
    change(world, REGISTRY_LAYER_KEY, MINE_PATH "\\link", "", 0); /* the first itself */
    refused(world, -EPROTO);
}

static void test_all_is_asked_for(void **state)
{
    struct world *world = *state;

    world->writer.key_count = 0;
    change(world, REGISTRY_LAYER_VALUE, "Machine\\Software\\Other", "name", 1);
    accepted(world);
    /* Keys that no commit touches. */
    change(world, REGISTRY_LAYER_KEY, "User\\S-1-5-21-1-2-3-4\\Software", "", 0);
    refused(world, -EPROTO);
    change(world, REGISTRY_LAYER_VALUE,
           "Machine\\System\\ControlSet001\\Control\\TimeZoneInformation", "name", 1);
    refused(world, -EPROTO);
}

static void test_names_that_are_too_long(void **state)
{
    char path[4000] = "Machine\\Software\\Mine\\";
    struct world *world = *state;

    memset(path + strlen(path), 'x', sizeof(path) - 1 - strlen(path));
    change(world, REGISTRY_LAYER_KEY, path, "", 0);
    refused(world, -EPROTO);
    path[2040] = '\0';
    change(world, REGISTRY_LAYER_SUBKEY_DELETED, path, "0123456789", 0);
    refused(world, -EPROTO);
}

/* ---- a file that does not hold together ---- */

static void test_file(void **state)
{
    struct world *world = *state;
    struct pwk_error error;
    uint32_t size;
    off_t at = sizeof(struct pwk_changes_page);

    assert_int_equal(serve_size(world, 0, &error), -EPROTO);
    assert_int_equal(serve_size(world, UINT64_MAX, &error), -EPROTO);
    assert_int_equal(serve_size(world, sizeof(struct pwk_changes_page) + 4096, &error), -EPROTO);
    for (size = 0; size < 200; size += 8) { /* 64 is what it is */
        world->changes.size = sizeof(struct pwk_changes_page);
        change(world, REGISTRY_LAYER_KEY, "Machine\\Software", "", 0);
        if (world->changes.size - (uint64_t)at == size)
            continue;
        assert_int_equal(pwrite(world->changes.fd, &size, sizeof(size), at), sizeof(size));
        refused(world, -EPROTO);
    }
    change(world, REGISTRY_LAYER_KEY, "Machine\\Software", "", 0);
    world->changes.size -= 8; /* cut short */
    refused(world, -EPROTO);
}

static void test_nothing_is_asked(void **state)
{
    struct world *world = *state;
    int asked[2], answered[2];

    assert_int_equal(pipe(asked), 0);
    assert_int_equal(pipe(answered), 0);
    assert_int_equal(write(asked[1], "x", 1), 1);
    close(asked[1]);
    assert_int_equal(
        commit_writer_serve(&world->writer, &(struct control_channel){asked[0], answered[1]}),
        CONTROL_OK);
    close(asked[0]);
    close(answered[0]);
    /* Nor does it matter where nobody listens any more. */
    assert_false(control_send(answered[1], "x", 1));
    close(answered[1]);
}

/* ---- a registry that is told ---- */

static size_t told;

static int told_key(void *context, const uint16_t *path, size_t units, bool link)
{
    (void)context, (void)path, (void)units, (void)link;
    told++;
    return 0;
}

static int told_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                      const void *data, size_t size)
{
    (void)context, (void)name, (void)units, (void)type, (void)data, (void)size;
    told++;
    return 0;
}

static int read_told(const uint32_t *words, size_t count, struct pwk_error *error)
{
    const struct registry_told_sink sink = {NULL, told_key, told_value};
    int ends[2];

    told = 0;
    assert_int_equal(pipe(ends), 0);
    assert_true(control_send(ends[1], words, count * sizeof(*words)));
    close(ends[1]);
    return registry_told_read(ends[0], &sink, error);
}

#define READ(...)                                                                                  \
    read_told((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4, &error)

static void test_told(void **state)
{
    struct pwk_error error;

    (void)state;
    /* kind (key, value, error, end), units, type, size; a name of two units */
    assert_int_equal(READ(0, 2, 0, 0, 0x00610061, 1, 2, 1, 4, 0x00610061, 7, 3, 0, 0, 0), 0);
    assert_int_equal(told, 2);
    assert_int_equal(READ(2, 0, ENOENT, 4, 0x21212121), -ENOENT);
    assert_string_equal(error.text, "!!!!");
    assert_int_equal(READ(2, 0, 0, 4, 0x1b1b1b1b), -EPROTO);
    assert_null(strchr(error.text, 0x1b));
    assert_int_equal(READ(0, 2, 0, 0, 0x00610061), -EPROTO); /* no end */
    assert_int_equal(READ(4, 0, 0, 0), -EPROTO);
    assert_int_equal(READ(3, 1, 0, 0, 0), -EPROTO);
    assert_int_equal(READ(0, 2049, 0, 0), -EPROTO);
    assert_int_equal(READ(1, 16384, 0, 0), -EPROTO);
    assert_int_equal(READ(1, 0, 0, UINT32_MAX), -EPROTO);
    assert_int_equal(READ(1, 0, 0, 1u << 30), -EPROTO); /* of which nothing comes */
    assert_int_equal(READ(0), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_below_a_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_below_what_was_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_is_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_that_are_too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_asked, set_up, tear_down),
        cmocka_unit_test(test_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
