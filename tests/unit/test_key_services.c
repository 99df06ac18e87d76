/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_key_services.c - the key services that no Wine's ntdll has a number for, called as the
 * dispatch calls them, on a real store and real files. Of the host only what opens files, tells of
 * privileges (everybody may open every key) and sets events is played here: with paths of this
 * machine in place of NT's.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nt/handle_table.h"
#include "nt/hive_file.h"
#include "nt/hive_mount.h"
#include "nt/key_protect.h"
#include "nt/personality.h"
#include "registry/hive_files.h"
#include "tests/unit/registry_fixture.h"

#define EVENT UINT64_C(0x1000)
#define ANY_PROCESS_ID 4711

static bool privileged, event_set;

/* ---- the host ---- */

static ntstatus open_file(const uint64_t *a)
{
    const struct object_attributes *attributes = (const void *)a[2];
    uint32_t disposition = (uint32_t)a[7];
    char path[PATH_MAX];
    size_t units = attributes->object_name->length / 2;
    int flags = (uint32_t)a[1] & FILE_WRITE_DATA ? O_RDWR : O_RDONLY, fd;

    for (size_t i = 0; i < units; i++)
        path[i] = (char)attributes->object_name->buffer[i];
    path[units] = 0;
    if (disposition != FILE_OPEN)
        flags |= O_CREAT | (disposition == FILE_CREATE ? O_EXCL : 0);
    fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? STATUS_OBJECT_NAME_COLLISION : STATUS_OBJECT_NAME_NOT_FOUND;
    *(nt_handle *)a[0] = (nt_handle)fd;
    return STATUS_SUCCESS;
}

static ntstatus host_call(const char *name, const uint64_t *a, size_t count)
{
    (void)count;
    if (!strcmp(name, "NtCreateFile"))
        return open_file(a);
    if (!strcmp(name, "wine_server_handle_to_fd")) {
        *(int32_t *)a[2] = dup((int)a[0]);
        return *(int32_t *)a[2] < 0 ? STATUS_INVALID_HANDLE : STATUS_SUCCESS;
    }
    if (!strcmp(name, "NtOpenThreadToken"))
        return STATUS_NO_TOKEN;
    if (!strcmp(name, "NtAccessCheck")) {
        *(uint32_t *)a[6] = (uint32_t)a[2];
        *(ntstatus *)a[7] = STATUS_SUCCESS;
        return STATUS_SUCCESS;
    }
    if (!strcmp(name, "NtPrivilegeCheck"))
        *(uint8_t *)a[2] = privileged;
    else if (!strcmp(name, "NtQueryInformationProcess"))
        ((uint64_t *)a[2])[4] = ANY_PROCESS_ID;
    else if (!strcmp(name, "NtDuplicateObject"))
        *(nt_handle *)a[3] = a[1];
    else if (!strcmp(name, "NtSetEvent"))
        event_set = a[0] == EVENT;
    else if (!strcmp(name, "NtClose") && a[0] < EVENT && a[0] > 2)
        close((int)a[0]);
    return STATUS_SUCCESS;
}

static ntstatus host_forward(unsigned row, const uint64_t *arguments)
{
    (void)row;
    (void)arguments;
    return STATUS_INVALID_SYSTEM_SERVICE;
}

static int start(void **state)
{
    if (make_folder(state))
        return -1;
    nt_personality.registry = open_store();
    nt_personality.slot = pwk_process_slot_private();
    nt_personality.host.call = host_call;
    nt_personality.host.forward = host_forward;
    privileged = true;
    event_set = false;
    return 0;
}

static int stop(void **state)
{
    registry_close(nt_personality.registry);
    nt_personality.registry = NULL;
    return remove_folder(state);
}

/* ---- calling ---- */

#define CALL(handler, ...) call_handler(handler, (const uint64_t[]){__VA_ARGS__})

static ntstatus call_handler(nt_handler handler, const uint64_t *arguments)
{
    struct nt_call call = {nt_row(handler), arguments};

    return handler(&call);
}

/* OBJECT_ATTRIBUTES for a text; good for four calls. */
static uint64_t named(const char *text)
{
    static struct {
        struct object_attributes attributes;
        struct unicode_string string;
        struct registry_path path;
    } names[4];
    static unsigned next;
    unsigned i = next++ % 4;

    names[i].path = wide(text);
    names[i].string =
        (struct unicode_string){(uint16_t)(names[i].path.units * 2),
                                (uint16_t)(names[i].path.units * 2), names[i].path.text};
    names[i].attributes = (struct object_attributes){.length = sizeof names[i].attributes,
                                                     .object_name = &names[i].string};
    return (uint64_t)&names[i].attributes;
}

static nt_handle open_handle(uint64_t key)
{
    struct key_handle content = {.key = key, .access = KEY_ALL_RIGHTS};

    return key_handle_open(&content);
}

static void close_handle(nt_handle handle)
{
    assert_int_equal(CALL(nt_close, handle), STATUS_SUCCESS);
}

static int make_file(const char *name)
{
    int fd = open(in_folder(name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    return fd;
}

/* A key of a hive in a file, loaded; `number` is in it. */
static uint64_t load_hive(const char *file, const char *name, const char *text)
{
    uint64_t key = create(nt_personality.registry, REGISTRY_ROOT_KEY, "Planted");
    struct registry_error reason;
    struct registry_path path = wide(name);
    void *image;
    size_t size;

    set(nt_personality.registry, key, "text", text);
    assert_int_equal(registry_save_hive(nt_personality.registry, key, REGISTRY_HIVE_LATEST, &image,
                                        &size, &reason),
                     0);
    write_file(in_folder(file), image, size);
    assert_int_equal(registry_delete(nt_personality.registry, key), 0);
    assert_int_equal(registry_load_hive(nt_personality.registry, REGISTRY_ROOT_KEY, path.text,
                                        path.units, in_folder(file), image, size, &key, &reason),
                     0);
    free(image);
    return key;
}

/* ---- the tests ---- */

static void formats_are_as_asked_for(void **state)
{
    static const struct {
        uint32_t format;
        ntstatus status;
        unsigned minor;
    } cases[] = {{REG_STANDARD_FORMAT, STATUS_SUCCESS, 3},
                 {REG_LATEST_FORMAT, STATUS_SUCCESS, 5},
                 {REG_NO_COMPRESSION, STATUS_INVALID_PARAMETER, 0},
                 {REG_STANDARD_FORMAT | REG_LATEST_FORMAT, STATUS_INVALID_PARAMETER, 0},
                 {0, STATUS_INVALID_PARAMETER, 0},
                 {8, STATUS_INVALID_PARAMETER, 0}};
    nt_handle key = open_handle(create(nt_personality.registry, REGISTRY_ROOT_KEY, "Key"));
    nt_handle hive = open_handle(load_hive("hive", "Loaded", "x"));
    unsigned char *image;
    size_t size;
    int fd = make_file("saved");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(CALL(nt_save_key_ex, key, (uint64_t)fd, cases[i].format), cases[i].status);
        if (cases[i].status)
            continue;
        image = read_file(in_folder("saved"), &size);
        assert_int_equal(image[0x18], cases[i].minor);
        free(image);
    }
    assert_int_equal(CALL(nt_save_key_ex, hive, (uint64_t)fd, REG_NO_COMPRESSION), STATUS_SUCCESS);
    privileged = false;
    assert_int_equal(CALL(nt_save_key_ex, key, (uint64_t)fd, REG_LATEST_FORMAT),
                     STATUS_PRIVILEGE_NOT_HELD);
    close(fd);
    close_handle(key);
    close_handle(hive);
}

static void merged_keys_are_saved(void **state)
{
    registry_t *registry = nt_personality.registry;
    uint64_t high = create(registry, REGISTRY_ROOT_KEY, "High"), key;
    uint64_t low = create(registry, REGISTRY_ROOT_KEY, "Low");
    uint64_t into = create(registry, REGISTRY_ROOT_KEY, "Into");
    nt_handle high_handle = open_handle(high), low_handle = open_handle(low);
    nt_handle into_handle = open_handle(into);
    int fd = make_file("merged");

    (void)state;
    set(registry, high, "both", "high");
    set(registry, low, "BOTH", "low");
    set(registry, low, "low only", "low");
    create(registry, high, "Both");
    create(registry, low, "both");
    set(registry, create(registry, low, "both\\deep"), "v", "low");
    create(registry, high, "High only");
    assert_int_equal(CALL(nt_save_merged_keys, high_handle, low_handle, (uint64_t)fd),
                     STATUS_SUCCESS);
    assert_int_equal(CALL(nt_restore_key, into_handle, (uint64_t)fd, 0), STATUS_SUCCESS);
    assert_int_equal(key_info(registry, into).values, 2);
    check_text(registry, into, "both", "high");
    check_text(registry, into, "low only", "low");
    registry_enumerate_key(registry, into, 0, &key);
    check_text(registry, lookup(registry, into, "both\\deep"), "v", "low");
    lookup(registry, into, "High only");
    /* Neither branch is any other for it, and nothing is left behind. */
    assert_int_equal(key_info(registry, high).values, 1);
    check_text(registry, low, "both", "low");
    assert_int_equal(try_lookup(registry, REGISTRY_ROOT_KEY, "(merging)", 0, &key), -ENOENT);

    assert_int_equal(CALL(nt_save_merged_keys, high_handle, 4, (uint64_t)fd),
                     STATUS_INVALID_HANDLE);
    registry_delete(registry, lookup(registry, low, "both\\deep"));
    registry_delete(registry, lookup(registry, low, "both"));
    assert_int_equal(registry_delete(registry, low), 0);
    assert_int_equal(CALL(nt_save_merged_keys, high_handle, low_handle, (uint64_t)fd),
                     STATUS_KEY_DELETED);
    close(fd);
    close_handle(high_handle);
    close_handle(low_handle);
    close_handle(into_handle);
}

static void a_hive_in_use_is_unloaded_later(void **state)
{
    nt_handle key = open_handle(load_hive("hive", "Loaded", "first"));
    uint64_t found;

    (void)state;
    assert_int_equal(CALL(nt_unload_key, named("\\Registry\\Loaded")), STATUS_CANNOT_DELETE);
    assert_int_equal(CALL(nt_unload_key_ex, named("\\Registry\\Loaded"), EVENT), STATUS_PENDING);
    assert_false(event_set);
    close_handle(key);
    assert_true(event_set);
    assert_int_equal(try_lookup(nt_personality.registry, REGISTRY_ROOT_KEY, "Loaded", 0, &found),
                     -ENOENT);

    load_hive("hive", "Loaded", "second");
    event_set = false;
    assert_int_equal(CALL(nt_unload_key_ex, named("\\Registry\\Loaded"), EVENT), STATUS_SUCCESS);
    assert_true(event_set);
    load_hive("hive", "Loaded", "third");
    assert_int_equal(CALL(nt_unload_key_ex, named("\\Registry\\Loaded"), 0), STATUS_SUCCESS);
    assert_int_equal(CALL(nt_unload_key_ex, named("\\Registry\\Loaded"), 0),
                     STATUS_INVALID_PARAMETER);
}

static void unloading_can_be_forced(void **state)
{
    nt_handle key = open_handle(load_hive("hive", "Loaded", "x"));

    (void)state;
    assert_int_equal(CALL(nt_unload_key2, named("\\Registry\\Loaded"), 2),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(CALL(nt_unload_key2, named("\\Registry\\Loaded"), 0), STATUS_CANNOT_DELETE);
    privileged = false;
    assert_int_equal(CALL(nt_unload_key2, named("\\Registry\\Loaded"), REG_FORCE_UNLOAD),
                     STATUS_PRIVILEGE_NOT_HELD);
    privileged = true;
    assert_int_equal(CALL(nt_unload_key2, named("\\Registry\\Loaded"), REG_FORCE_UNLOAD),
                     STATUS_SUCCESS);
    assert_int_equal(CALL(nt_flush_key, key), STATUS_KEY_DELETED);
    close_handle(key);
}

static void open_subkeys_are_counted(void **state)
{
    registry_t *registry = nt_personality.registry;
    uint64_t top = create(registry, REGISTRY_ROOT_KEY, "Top");
    uint64_t one = create(registry, top, "One"), deep = create(registry, one, "Deep");
    nt_handle handles[] = {open_handle(top), open_handle(one), open_handle(one), open_handle(deep)};
    struct {
        uint32_t count, padding;
        struct {
            uint64_t process_id;
            struct unicode_string name;
        } keys[8];
        uint16_t text[128];
    } found;
    uint32_t count = 99, needed = 0;

    (void)state;
    assert_int_equal(CALL(nt_query_open_subkeys, named("\\Registry\\Top"), (uint64_t)&count),
                     STATUS_SUCCESS);
    assert_int_equal(count, 2);
    assert_int_equal(CALL(nt_query_open_subkeys_ex, named("\\Registry\\Top"), 4, (uint64_t)&found,
                          (uint64_t)&needed),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(CALL(nt_query_open_subkeys_ex, named("\\Registry\\Top"), needed - 1,
                          (uint64_t)&found, (uint64_t)&needed),
                     STATUS_BUFFER_OVERFLOW);
    assert_int_equal(CALL(nt_query_open_subkeys_ex, named("\\Registry\\Top"), sizeof found,
                          (uint64_t)&found, (uint64_t)&needed),
                     STATUS_SUCCESS);
    assert_int_equal(found.count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct unicode_string *name = &found.keys[i].name;

        assert_int_equal(found.keys[i].process_id, ANY_PROCESS_ID);
        assert_true(same_text(name->buffer, name->length / 2, "\\REGISTRY\\Top\\One") ||
                    same_text(name->buffer, name->length / 2, "\\REGISTRY\\Top\\One\\Deep"));
    }
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++)
        close_handle(handles[i]);
    assert_int_equal(CALL(nt_query_open_subkeys, named("\\Registry\\Top"), (uint64_t)&count),
                     STATUS_SUCCESS);
    assert_int_equal(count, 0);
    assert_int_equal(CALL(nt_query_open_subkeys, named("\\Registry\\None"), (uint64_t)&count),
                     STATUS_OBJECT_NAME_NOT_FOUND);
}

static void a_locked_key_is_not_written(void **state)
{
    registry_t *registry = nt_personality.registry;
    uint64_t key = create(registry, REGISTRY_ROOT_KEY, "Locked");
    nt_handle handle = open_handle(key), other = open_handle(key), child = 0;
    uint32_t disposition;

    (void)state;
    privileged = false;
    assert_int_equal(CALL(nt_lock_registry_key, handle), STATUS_PRIVILEGE_NOT_HELD);
    privileged = true;
    assert_int_equal(CALL(nt_lock_registry_key, handle), STATUS_SUCCESS);
    assert_int_equal(CALL(nt_delete_key, other), STATUS_ACCESS_DENIED);
    assert_int_equal(CALL(nt_create_key, (uint64_t)&child, KEY_ALL_RIGHTS,
                          named("\\Registry\\Locked\\New"), 0, 0, 0, (uint64_t)&disposition),
                     STATUS_ACCESS_DENIED);
    assert_int_equal(CALL(nt_create_key, (uint64_t)&child, KEY_ALL_RIGHTS,
                          named("\\Registry\\Elsewhere"), 0, 0, 0, (uint64_t)&disposition),
                     STATUS_SUCCESS);
    key_unprotect(key); /* the next test's store has the same numbers */
    close_handle(child);
    close_handle(handle);
    close_handle(other);
}

static void a_keys_mark_is_told(void **state)
{
    static const struct {
        enum registry_layer layer;
        uint32_t told;
    } marks[] = {{REGISTRY_SUPERSEDES_LOCAL, 2}, {REGISTRY_SUPERSEDES_TREE, 4}, {REGISTRY_MERGED, 0}};
    uint64_t key = create(nt_personality.registry, REGISTRY_ROOT_KEY, "Marked");
    nt_handle handle = open_handle(key);

    (void)state;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        uint32_t told = 99, needed = 0;
        assert_int_equal(registry_set_layer(nt_personality.registry, key, marks[i].layer), 0);
        assert_int_equal(CALL(nt_query_key, handle, KeyLayerInformation, (uint64_t)&told,
                              sizeof told, (uint64_t)&needed),
                         STATUS_SUCCESS);
        assert_int_equal(told, marks[i].told);
        assert_int_equal(needed, sizeof told);
    }
    close_handle(handle);
}

static void compacting_checks_its_keys(void **state)
{
    uint64_t hive = load_hive("hive", "Loaded", "x");
    struct key_handle reading = {.key = hive, .access = KEY_READ_RIGHTS};
    nt_handle plain = open_handle(create(nt_personality.registry, REGISTRY_ROOT_KEY, "Plain"));
    nt_handle handles[] = {open_handle(hive), plain, key_handle_open(&reading), 4};

    (void)state;
    assert_int_equal(CALL(nt_compact_keys, 2, (uint64_t)handles), STATUS_SUCCESS);
    assert_int_equal(CALL(nt_compact_keys, 3, (uint64_t)handles), STATUS_ACCESS_DENIED);
    assert_int_equal(CALL(nt_compact_keys, 1, (uint64_t)&handles[3]), STATUS_INVALID_HANDLE);
    assert_int_equal(CALL(nt_compress_key, handles[0]), STATUS_SUCCESS);
    assert_int_equal(CALL(nt_compress_key, plain), STATUS_INVALID_PARAMETER);
    assert_int_equal(CALL(nt_compress_key, handles[2]), STATUS_ACCESS_DENIED);
    for (int i = 0; i < 3; i++)
        close_handle(handles[i]);
}

/* What the end of a process does, which closes no handle one by one. */
static void an_application_hive_goes_back_at_the_end(void **state)
{
    nt_handle root = 0, again = 0;
    char path[PATH_MAX];
    struct stat before, after;
    uint64_t key;

    (void)state;
    snprintf(path, sizeof path, "%s", in_folder("app"));
    assert_int_equal(CALL(nt_load_key_ex, named("\\Registry\\A\\App"), named(path), REG_APP_HIVE, 0,
                          0, KEY_ALL_RIGHTS, (uint64_t)&root, 0),
                     STATUS_SUCCESS);
    assert_int_equal(stat(path, &before), 0);
    assert_true(before.st_size >= 8192); /* a hive from the start */
    create(nt_personality.registry, REGISTRY_ROOT_KEY, "A\\App\\New");
    hive_mount_end();
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(try_lookup(nt_personality.registry, REGISTRY_ROOT_KEY, "A\\App", 0, &key),
                     -ENOENT);
    close_handle(root);
    assert_int_equal(CALL(nt_load_key_ex, named("\\Registry\\A\\App"), named(path), REG_APP_HIVE, 0,
                          0, KEY_ALL_RIGHTS, (uint64_t)&again, 0),
                     STATUS_SUCCESS);
    lookup(nt_personality.registry, REGISTRY_ROOT_KEY, "A\\App\\New");
    close_handle(again);
}

/* One that was left behind, and whose file was removed: the new file counts. */
static void a_removed_file_is_not_brought_back(void **state)
{
    nt_handle root = 0;
    char path[PATH_MAX];
    struct registry_path name = wide("App");
    struct registry_error reason;
    uint64_t key, left;

    (void)state;
    snprintf(path, sizeof path, "%s", in_folder("app"));
    key = create(nt_personality.registry, REGISTRY_ROOT_KEY, "A");
    assert_int_equal(registry_load_hive(nt_personality.registry, key, name.text, name.units, path,
                                        NULL, 0, &left, &reason),
                     0);
    create(nt_personality.registry, left, "Stale");
    assert_int_equal(CALL(nt_load_key_ex, named("\\Registry\\A\\New"), named(path), REG_APP_HIVE, 0,
                          0, KEY_ALL_RIGHTS, (uint64_t)&root, 0),
                     STATUS_SUCCESS);
    assert_int_equal(try_lookup(nt_personality.registry, REGISTRY_ROOT_KEY, "A\\App", 0, &key),
                     -ENOENT);
    assert_int_equal(key_info(nt_personality.registry,
                              lookup(nt_personality.registry, REGISTRY_ROOT_KEY, "A\\New"))
                         .subkeys,
                     0);
    close_handle(root);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(formats_are_as_asked_for, start, stop),
        cmocka_unit_test_setup_teardown(merged_keys_are_saved, start, stop),
        cmocka_unit_test_setup_teardown(a_hive_in_use_is_unloaded_later, start, stop),
        cmocka_unit_test_setup_teardown(unloading_can_be_forced, start, stop),
        cmocka_unit_test_setup_teardown(open_subkeys_are_counted, start, stop),
        cmocka_unit_test_setup_teardown(a_locked_key_is_not_written, start, stop),
        cmocka_unit_test_setup_teardown(a_keys_mark_is_told, start, stop),
        cmocka_unit_test_setup_teardown(compacting_checks_its_keys, start, stop),
        cmocka_unit_test_setup_teardown(an_application_hive_goes_back_at_the_end, start, stop),
        cmocka_unit_test_setup_teardown(a_removed_file_is_not_brought_back, start, stop),
    };

    alarm(120);
    return key_table_start(-1) < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
