/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_layers_commit.c - the ends of the kernel's layer where the model of
 * test_registry_layers_model.c does not go: marks set by hand, kinds of keys, what the layer below
 * has not taken over, and processes that are killed in the middle.
 */
#include "tests/unit/lower_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/hive_files.h"
#include "registry/layer_changes.h"

#define ROOT REGISTRY_ROOT_KEY

/* ---- what the layer is told to be ---- */

static char told[4096];

static void tell_text(const uint16_t *text, size_t units)
{
    size_t used = strlen(told);

    for (size_t i = 0; i < units && used + 1 < sizeof told; i++)
        told[used++] = (char)text[i];
    told[used] = 0;
}

static int tell(void *context, const struct registry_layer_change *change)
{
    static const char *const kinds[] = {"key ",    "values ", "subkeys ",
                                        "-value ", "-key ",   "value "};
    const uint16_t *list = change->data;

    (void)context;
    strcat(told, kinds[change->kind]);
    tell_text(change->path, change->path_units);
    if (change->name_units) {
        strcat(told, ":");
        tell_text(change->name, change->name_units);
    }
    if (change->kind == REGISTRY_LAYER_KEY && change->type & REGISTRY_CREATE_LINK)
        strcat(told, " link");
    if (change->kind == REGISTRY_LAYER_VALUES_KEPT || change->kind == REGISTRY_LAYER_SUBKEYS_KEPT)
        for (size_t at = 0; at < change->size / 2; at += 1 + list[at]) {
            strcat(told, " ");
            tell_text(list + at + 1, list[at]);
        }
    strcat(told, "\n");
    return 0;
}

static bool skip_none_but(void *context, const uint16_t *path, size_t units)
{
    const struct registry_path *apart = context;

    return apart && units == apart->units && memcmp(path, apart->text, units * 2) == 0;
}

static struct registry_path branch_at(registry_t *registry, const char *path)
{
    struct registry_path typed = wide(path), branch;

    assert_int_equal(registry_layer_path(registry, typed.text, typed.units, &branch), 0);
    return branch;
}

static const char *changes(registry_t *registry, const char *path)
{
    const struct registry_layer_visitor visitor = {.change = tell};
    struct registry_path branch = branch_at(registry, path);

    told[0] = 0;
    assert_int_equal(registry_visit_layer(registry, &branch, &visitor), 0);
    return told;
}

/* With the layer below as it is now. */
static size_t settle(registry_t *registry, const char *path, const char *apart)
{
    struct registry_path branch = branch_at(registry, path), skipped;
    const struct registry_layer_visitor visitor = {.context = apart ? &skipped : NULL,
                                                   .skip = skip_none_but};
    struct registry_lower lower = the_lower();
    struct registry_layer_state state = {0};
    struct registry_lower_state now;
    int fds[REGISTRY_LOWER_TEXTS];
    size_t left;

    if (apart)
        skipped = wide(apart);
    assert_int_equal(lower.open(lower.context, &now, fds, &state.count), 0);
    state.instance = now.instance;
    state.generation = now.generation;
    state.fds = fds;
    assert_int_equal(registry_settle_layer(registry, &state, &branch, 1, &visitor, &left), 0);
    close(fds[0]);
    return left;
}

static int discard(registry_t *registry, const char *path, struct registry_path *at)
{
    struct registry_path branch = branch_at(registry, path), unused;

    return registry_discard_layer(registry, &branch, 1, at ? at : &unused);
}

/* ---- the tests ---- */

static void the_layer_is_told(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A\\\\B]\n\"v\"=dword:1\n\"w\"=dword:2\n\n[C]\n@=dword:3\n\n[D\\\\E]\n\n[Z]\n");
    registry = open_layers();
    put(registry, "A\\B", "v", 10);
    remove_value(registry, "A\\B", "w");
    remove_key(registry, "C");
    remove_key(registry, "D\\E");
    put(registry, "D\\E", "new", 4);
    assert_string_equal(changes(registry, "Machine\\A"),
                        "key Machine\nkey Machine\\A\nkey Machine\\A\\B\n-value Machine\\A\\B:w\n"
                        "value Machine\\A\\B:v\n");
    assert_string_equal(changes(registry, "Machine\\D"),
                        "key Machine\nkey Machine\\D\nkey Machine\\D\\E\nvalues Machine\\D\\E new\n"
                        "value Machine\\D\\E:new\nsubkeys Machine\\D\\E\n");
    assert_string_equal(changes(registry, "Machine\\C"), "-key Machine:C\n");
    assert_string_equal(changes(registry, "Machine\\C\\Below"), "-key Machine\\C:Below\n");
    assert_string_equal(changes(registry, "Machine\\D\\E\\Gone"), "-key Machine\\D\\E:Gone\n");
    assert_string_equal(changes(registry, "Machine\\Z"), "key Machine\n");
    assert_string_equal(changes(registry, "Machine\\Never"), "");
    registry_close(registry);
}

/* Half of it is below, the other half stays the kernel's. */
static void only_what_is_below_is_given_up(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\"v\"=dword:1\n\"gone\"=dword:2\n\n[B]\n\n[C]\n");
    registry = open_layers();
    put(registry, "A", "v", 0x10);
    put(registry, "A", "new", 0x11);
    remove_value(registry, "A", "gone");
    remove_key(registry, "B");
    remove_key(registry, "C");
    put(registry, "D\\E", "v", 0x12);
    lower_becomes("[A]\n\"v\"=dword:10\n\"gone\"=dword:2\n\n[C]\n\n[D]\n");
    assert_int_equal(settle(registry, "", NULL), 5); /* new, gone, C, E and its v */
    for (int again = 0; again < 2; again++) {
        assert_int_equal(number(registry, "A", "v"), 0x10);
        assert_int_equal(number(registry, "A", "new"), 0x11);
        assert_int_equal(number(registry, "A", "gone"), NO_VALUE);
        assert_false(has_key(registry, "B"));
        assert_false(has_key(registry, "C"));
        assert_int_equal(number(registry, "D\\E", "v"), 0x12);
        registry_close(registry);
        registry = open_layers();
    }
    /* What was given up follows what is below; the rest does not. */
    lower_becomes("[A]\n\"v\"=dword:20\n\"new\"=dword:21\n\"gone\"=dword:22\n\n[B]\n\n[C]\n\n"
                  "[D\\\\E]\n\"v\"=dword:23\n");
    assert_int_equal(number(registry, "A", "v"), 0x20);
    assert_int_equal(number(registry, "A", "new"), 0x11);
    assert_int_equal(number(registry, "A", "gone"), NO_VALUE);
    assert_true(has_key(registry, "B"));
    assert_false(has_key(registry, "C"));
    assert_int_equal(number(registry, "D\\E", "v"), 0x12);
    /* And with the rest it is done. */
    lower_becomes("[A]\n\"v\"=dword:20\n\"new\"=dword:11\n\n[B]\n\n[D\\\\E]\n\"v\"=dword:12\n");
    assert_int_equal(settle(registry, "", NULL), 0);
    lower_becomes("[Z]\n");
    assert_string_equal(subkeys(registry, ""), "Z ");
    registry_close(registry);
}

static void keys_apart_are_not_counted(void **state)
{
    registry_t *registry;

    (void)state;
    lower_becomes("[A]\n\n[B]\n");
    registry = open_layers();
    put(registry, "A\\Sub", "v", 1);
    put(registry, "B", "v", 2);
    remove_key(registry, "A\\Sub");
    put(registry, "A\\Sub\\Deep", "v", 1);
    assert_int_equal(settle(registry, "", "Machine\\A"), 1);
    assert_int_equal(settle(registry, "", NULL), 4); /* B's v; Sub, Deep and its v */
    assert_int_equal(settle(registry, "Machine\\B", NULL), 1);
    registry_close(registry);
}

static void marks_set_by_hand_end(void **state)
{
    static const enum registry_layer marks[] = {REGISTRY_SUPERSEDES_LOCAL,
                                                REGISTRY_SUPERSEDES_TREE};
    static const char *const below[] = {
        "[A]\n\"mine\"=dword:5\n\n[A\\\\B]\n\"w\"=dword:2\n",
        "[A]\n\"mine\"=dword:5\n",
    };

    for (size_t i = 0; i < 2; i++) {
        enum registry_layer layer;
        registry_t *registry;
        uint64_t key;

        make_layers(state);
        lower_becomes("[A]\n\"v\"=dword:1\n\n[A\\\\B]\n\"w\"=dword:2\n");
        registry = open_layers();
        key = put(registry, "A", "mine", 5);
        assert_int_equal(registry_set_layer(registry, key, marks[i]), 0);
        assert_non_null(strstr(changes(registry, "Machine\\A"), "values Machine\\A mine\n"));
        assert_true((strstr(told, "subkeys Machine\\A\n") != NULL) == (i == 1));
        /* While something is hidden the mark stands. */
        assert_int_equal(settle(registry, "Machine\\A", NULL), 1);
        assert_int_equal(registry_get_layer(registry, key, &layer), 0);
        assert_int_equal(layer, marks[i]);
        assert_string_equal(values(registry, "A"), "mine ");
        lower_becomes(below[i]);
        assert_int_equal(settle(registry, "Machine\\A", NULL), 0);
        assert_int_equal(registry_get_layer(registry, key, &layer), 0);
        assert_int_equal(layer, REGISTRY_MERGED);
        lower_becomes("[A]\n\"v\"=dword:1\n\n[A\\\\B]\n\"w\"=dword:3\n");
        assert_string_equal(values(registry, "A"), "v ");
        assert_int_equal(number(registry, "A\\B", "w"), 3);
        registry_close(registry);
        remove_layers(state);
    }
}

static void classes_and_links(void **state)
{
    static const uint16_t class_name[] = u"Own";
    struct registry_path path = wide("Machine\\Link"), classy = wide("Machine\\Classy");
    registry_t *registry;
    uint64_t key;
    bool created;

    (void)state;
    lower_becomes("[Link]\n\n[Z]\n");
    registry = open_layers();
    remove_key(registry, "Link");
    assert_int_equal(registry_create(registry, ROOT, path.text, path.units, REGISTRY_OPEN_LINK,
                                     REGISTRY_CREATE_LINK, NULL, 0, &key, &created, NULL),
                     0);
    assert_int_equal(registry_create(registry, ROOT, classy.text, classy.units, 0, 0, class_name, 3,
                                     &key, &created, NULL),
                     0);
    assert_non_null(strstr(changes(registry, ""), "key Machine\\Link link\n"));
    assert_non_null(strstr(told, "key Machine\\Classy:Own\n"));
    /* Without the class the key is no difference, and yet stays the kernel's with it. */
    lower_becomes("[Link] 1\n#link\n\n[Classy] 1\n\n[Z]\n");
    assert_int_equal(settle(registry, "", NULL), 0);
    assert_int_equal(key_info(registry, key).class_bytes, 6);
    assert_string_equal(changes(registry, "Machine\\Link"), "key Machine\n");
    lower_becomes("[Z]\n");
    assert_true(has_key(registry, "Classy"));
    assert_false(has_key(registry, "Link"));
    registry_close(registry);
}

static void what_is_no_part_of_the_layer(void **state)
{
    struct registry_path name = wide("Hive"), app = wide("App"), gone = wide("Machine\\Vol");
    struct registry_error error;
    registry_t *registry;
    uint64_t key, place;
    bool created;
    size_t size;
    void *image;

    (void)state;
    lower_becomes("[Z]\n");
    registry = open_layers();
    place = put(registry, "Saved\\Sub", "v", 1);
    assert_int_equal(
        registry_save_hive(registry, place, REGISTRY_HIVE_LATEST, &image, &size, &error), 0);
    make(registry, "Place");
    assert_int_equal(registry_load_hive(registry, lookup(registry, ROOT, "Machine\\Place"),
                                        name.text, name.units, "/hive", image, size, &key, &error),
                     0);
    place = create(registry, ROOT, "A");
    assert_int_equal(
        registry_load_hive(registry, place, app.text, app.units, "/app", image, size, &key, &error),
        0);
    free(image);
    assert_int_equal(registry_create(registry, ROOT, gone.text, gone.units, 0, REGISTRY_VOLATILE,
                                     NULL, 0, &key, &created, NULL),
                     0);
    assert_string_equal(changes(registry, ""),
                        "key Machine\nkey Machine\\Place\nkey Machine\\Saved\n"
                        "key Machine\\Saved\\Sub\n"
                        "value Machine\\Saved\\Sub:v\n");
    assert_int_equal(settle(registry, "", NULL), 4);
    assert_int_equal(discard(registry, "", NULL), 0);
    /* The files of loaded hives have not been written yet: they stay. */
    assert_int_equal(number(registry, "Place\\Hive", "v"), 1);
    assert_int_equal(key_info(registry, lookup(registry, ROOT, "A\\App")).values, 1);
    assert_false(has_key(registry, "Saved"));
    assert_false(has_key(registry, "Vol"));
    assert_string_equal(subkeys(registry, ""), "Place Z ");
    registry_close(registry);
}

static void discarding_answers(void **state)
{
    registry_t *registry;
    struct registry_path at;
    char path[PATH_MAX];

    (void)state;
    lower_becomes("[A\\\\B]\n\"v\"=dword:1\n\"w\"=dword:2\n\n[C\\\\D]\n@=dword:3\n");
    registry = open_layers();
    assert_int_equal(discard(registry, "Machine\\A", &at), -ENOENT);
    assert_int_equal(discard(registry, "Machine\\Never", NULL), -ENOENT);
    put(registry, "A\\B", "v", 10);
    put(registry, "A\\New", "v", 10);
    remove_key(registry, "C\\D");
    remove_key(registry, "C");
    assert_int_equal(discard(registry, "Machine\\C\\D", &at), -ENOTDIR);
    assert_int_equal(at.units, strlen("Machine\\C"));
    assert_int_equal(discard(registry, "Machine\\A\\B", NULL), 0);
    assert_string_equal(values(registry, "A\\B"), "v w ");
    assert_int_equal(number(registry, "A\\B", "v"), 1);
    assert_int_equal(number(registry, "A\\New", "v"), 10);
    assert_int_equal(discard(registry, "Machine\\C", NULL), 0);
    assert_int_equal(number(registry, "C\\D", ""), 3);
    /* Without the kept text nobody knows what is below. */
    assert_int_equal(registry_lower_file(registry, path), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(discard(registry, "", NULL), -ENODATA);
    assert_int_equal(number(registry, "A\\New", "v"), 10);
    registry_close(registry);
}

/* ---- kill -9 ---- */

enum { ROUNDS = 30, VALUES = 400 };

static void fill(registry_t *registry, int round)
{
    char name[32];

    for (int i = 0; i < VALUES; i++) {
        snprintf(name, sizeof name, "v%d", i);
        put(registry, "Many\\Sub", name, (uint32_t)(round * VALUES + i));
    }
}

static char *text_of(int round)
{
    char *text = malloc(VALUES * 40 + 64), *at = text;

    at += sprintf(at, "[Many\\\\Sub]\n");
    for (int i = 0; i < VALUES; i++)
        at += sprintf(at, "\"v%d\"=dword:%x\n", i, (unsigned)(round * VALUES + i));
    return text;
}

/* Whatever is killed when, what the kernel sees is what it saw, and all can be done again. */
static void killed_while_it_settles(void **state)
{
    (void)state;
    lower_becomes("[Z]\n");
    for (int round = 1; round <= ROUNDS; round++) {
        registry_t *registry = open_layers();
        char *text = text_of(round);
        pid_t child;

        fill(registry, round);
        registry_close(registry);
        lower_becomes(text);
        free(text);
        child = fork();
        if (child == 0) {
            registry = open_layers();
            if (round % 2)
                settle(registry, "", NULL);
            else
                discard(registry, "Machine\\Many", NULL);
            pause();
        }
        usleep((useconds_t)(round * 1500));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        registry = open_layers();
        for (int i = 0; i < VALUES; i++) {
            char name[32];
            snprintf(name, sizeof name, "v%d", i);
            assert_int_equal(number(registry, "Many\\Sub", name), round * VALUES + i);
        }
        assert_int_equal(settle(registry, "", NULL), 0);
        assert_string_equal(changes(registry, ""), "");
        registry_close(registry);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_layers, remove_layers)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(the_layer_is_told),          TEST(only_what_is_below_is_given_up),
        TEST(keys_apart_are_not_counted), cmocka_unit_test(marks_set_by_hand_end),
        TEST(classes_and_links),          TEST(what_is_no_part_of_the_layer),
        TEST(discarding_answers),         TEST(killed_while_it_settles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
