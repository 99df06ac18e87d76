/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_hostile.c - what a hostile program of the kernel can leave in the store's folder,
 * or write to it meanwhile, for pwkctl, which runs with all of its user's rights: it must lead it
 * neither to other files nor to other memory.
 */
#include "tests/unit/lower_fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/coherence.h"
#include "registry/layer_changes.h"
#include "registry/repair.h"

#define ROOT REGISTRY_ROOT_KEY
#define SECTOR 512

/* ---- a rollback journal ---- */

static void put_number(FILE *file, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        putc((int)(number >> shift & 0xff), file);
}

/* One that SQLite would roll back: it changes nothing of the database, and names a super-journal,
 * which is deleted then (https://sqlite.org/fileformat2.html#rollbackjournal). */
static void leave_journal(const char *name)
{
    static const unsigned char magic[] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    const uint32_t page = 4096;
    char victim[PATH_MAX];
    uint32_t sum = 0;
    struct stat status;
    FILE *file;

    snprintf(victim, sizeof victim, "%s", in_folder(name));
    assert_int_equal(stat(in_folder("registry.db"), &status), 0);
    file = fopen(in_folder("registry.db-journal"), "w");
    assert_non_null(file);
    fwrite(magic, sizeof magic, 1, file);
    put_number(file, 0); /* pages in the journal */
    put_number(file, 0);
    put_number(file, (uint32_t)status.st_size / page);
    put_number(file, SECTOR);
    put_number(file, page);
    fseek(file, SECTOR, SEEK_SET);
    put_number(file, (1u << 30) / page + 1);
    for (const char *at = victim; *at; at++) {
        putc(*at, file);
        sum += (uint32_t)*at;
    }
    put_number(file, (uint32_t)strlen(victim));
    put_number(file, sum);
    fwrite(magic, sizeof magic, 1, file);
    assert_int_equal(fclose(file), 0);
}

static const char precious[] = "precious";

static void make_store_and_journal(void)
{
    registry_t *registry = open_store();

    set(registry, create(registry, ROOT, "Machine"), "value", "text");
    registry_close(registry);
    write_file(in_folder("of the user"), precious, sizeof precious);
    leave_journal("of the user");
}

static void check_victim(void)
{
    size_t size;
    void *text;

    assert_int_equal(access(in_folder("of the user"), F_OK), 0);
    text = read_file(in_folder("of the user"), &size);
    assert_int_equal(size, sizeof precious);
    assert_memory_equal(text, precious, sizeof precious);
    free(text);
}

static void a_journal_deletes_nothing(void **state)
{
    registry_t *registry;

    (void)state;
    make_store_and_journal();
    for (int again = 0; again < 2; again++) {
        registry = open_store();
        check_text(registry, lookup(registry, ROOT, "Machine"), "value", "text");
        set(registry, lookup(registry, ROOT, "Machine"), "another", "text");
        registry_close(registry);
        check_victim();
    }
}

static void say_nothing(void *context, const char *line)
{
    (void)context;
    (void)line;
}

/* A look at it (pwkctl registry check) is as careful, and so is who mends it. */
static void a_journal_deletes_nothing_in_a_check(void **state)
{
    struct registry_check check = {.say = say_nothing, .repair = true};
    struct registry_error error;

    (void)state;
    make_store_and_journal();
    assert_int_equal(registry_check(store_folder, &check, &error), 0);
    check_victim();
}

/* ---- rows ---- */

/* What a program does to the database itself. */
static void run_sql(const char *sql)
{
    sqlite3 *db;
    char *error = NULL;

    assert_int_equal(sqlite3_open(in_folder("registry.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    sqlite3_close(db);
}

/* A store with the kernel's own key Software\\Own, and in it the kernel's link Link. */
static void make_layer(void)
{
    registry_t *registry;

    lower_becomes("[Software] 1\n\"a\"=dword:00000001\n");
    registry = open_layers();
    put(registry, "Software\\Own", "value", 1);
    create_link(registry, "Machine\\Software\\Own\\Link", "\\Registry\\Machine\\Software");
    registry_close(registry);
}

#define OWN "(SELECT id FROM keys WHERE name = x'4f0077006e00')"
#define LINK "(SELECT id FROM keys WHERE name = x'4c0069006e006b00')"

struct told {
    size_t changes, longest_key, longest_value;
    bool below_link;
};

static int tell(void *context, const struct registry_layer_change *change)
{
    static const char link[] = "Machine\\Software\\Own\\Link\\";
    struct told *told = context;
    bool below = change->path_units >= sizeof link - 1;

    for (size_t i = 0; below && i < sizeof link - 1; i++)
        below = change->path[i] == (unsigned char)link[i];
    told->below_link |= below;
    told->changes++;
    if (change->kind == REGISTRY_LAYER_SUBKEY_DELETED && change->name_units > told->longest_key)
        told->longest_key = change->name_units;
    if ((change->kind == REGISTRY_LAYER_VALUE || change->kind == REGISTRY_LAYER_VALUE_DELETED) &&
        change->name_units > told->longest_value)
        told->longest_value = change->name_units;
    return 0;
}

/* What a commit would write. */
static int visit(registry_t *registry, struct told *told)
{
    const struct registry_layer_visitor visitor = {.context = told, .change = tell};
    const struct registry_path all = {0};

    memset(told, 0, sizeof *told);
    return registry_visit_layer(registry, &all, &visitor);
}

static void names_longer_than_names_are(void **state)
{
    static uint16_t room[REGISTRY_MAX_VALUE_NAME];
    const struct registry_buffer name = {room, sizeof room};
    struct registry_value_info info;
    struct registry_key_info key;
    registry_t *registry;
    struct told told;
    uint64_t own;

    (void)state;
    make_layer();
    run_sql("INSERT INTO key_values(key, sort, name, position, type, data, layer)"
            " VALUES(" OWN ", zeroblob(140000), zeroblob(140000), 9, 3, x'01', 2);"
            "INSERT INTO value_tombstones(key, sort, name)"
            " VALUES(" OWN ", zeroblob(141000), zeroblob(141000));"
            "INSERT INTO key_tombstones(parent, sort, name)"
            " VALUES(" OWN ", zeroblob(142000), zeroblob(142000));"
            "INSERT INTO keys(parent, sort, name, class, flags, last_write, layer)"
            " VALUES(" OWN ", zeroblob(143000), zeroblob(143000), zeroblob(300000), 0, 0, 2);");
    registry = open_layers();
    own = lookup(registry, ROOT, "Machine\\Software\\Own");
    for (uint32_t i = 0; registry_enumerate_value(registry, own, i, &info, &name, NULL) == 0; i++)
        assert_in_range(info.name_bytes, 0, sizeof room);
    assert_int_equal(registry_query_key(registry, own, false, &key, NULL, NULL), 0);
    assert_in_range(key.max_subkey_name, 0, REGISTRY_MAX_KEY_NAME * 2);
    assert_in_range(key.max_value_name, 0, REGISTRY_MAX_VALUE_NAME * 2);
    visit(registry, &told);
    assert_true(told.changes > 0);
    assert_in_range(told.longest_value, 0, REGISTRY_MAX_VALUE_NAME);
    assert_in_range(told.longest_key, 0, REGISTRY_MAX_VALUE_NAME);
    registry_close(registry);
}

/* Of branch Own alone a commit must write nothing but Own. */
static void a_name_of_several_components(void **state)
{
    static const char *const rows[] = {
        "INSERT INTO keys(parent, sort, name, flags, last_write, layer)"
        " VALUES(" OWN ", x'004c005c0061', x'4c005c006100', 0, 0, 2)",
        "INSERT INTO key_tombstones(parent, sort, name)"
        " VALUES(" OWN ", x'004c005c0061', x'4c005c006100')",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        registry_t *registry;
        struct told told;

        make_layer();
        registry = open_layers();
        assert_int_equal(visit(registry, &told), 0);
        registry_close(registry);
        run_sql(rows[i]);
        registry = open_layers();
        assert_int_equal(visit(registry, &told), -EUCLEAN);
        registry_close(registry);
        run_sql("DELETE FROM keys WHERE name = x'4c005c006100'; DELETE FROM key_tombstones");
    }
}

static void keys_below_a_link(void **state)
{
    registry_t *registry;
    struct told told;

    (void)state;
    make_layer();
    run_sql("INSERT INTO keys(parent, sort, name, flags, last_write, layer)"
            " VALUES(" LINK ", x'00410041', x'41004100', 0, 0, 2);"
            "INSERT INTO key_values(key, sort, name, position, type, data, layer)"
            " VALUES((SELECT max(id) FROM keys), x'0041', x'4100', 0, 3, x'01', 2);"
            "INSERT INTO key_tombstones(parent, sort, name)"
            " VALUES(" LINK ", x'0042', x'4200')");
    registry = open_layers();
    assert_int_equal(visit(registry, &told), 0);
    assert_true(told.changes > 0);
    assert_false(told.below_link);
    registry_close(registry);
}

/* ---- the schema ---- */

/* SQLite's own modules would be run over pages that a hostile program has written. */
static void a_table_that_is_a_module(void **state)
{
    sqlite3 *db;
    registry_t *registry;
    bool has_module;

    (void)state;
    make_layer();
    assert_int_equal(sqlite3_open(in_folder("registry.db"), &db), SQLITE_OK);
    has_module = sqlite3_exec(db,
                              "DROP TABLE marks; CREATE VIRTUAL TABLE marks USING fts4(name, "
                              "value)",
                              NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_close(db);
    if (!has_module)
        skip();
    if (registry_open(store_folder, &may_create, &registry, NULL) == 0) {
        assert_true(registry_is_empty(registry) < 0);
        registry_close(registry);
    }
}

/* ---- the lock ---- */

/* What taking the lock writes to the shared memory is one number, and no pointer that giving it
 * back could be led by: all else that was written is overwritten by a hostile program. */
static void the_lock_trusts_no_memory(void **state)
{
    struct coherence_finding finding;
    struct registry_error error;
    coherence_t *coherence;
    unsigned char *shared, *before;
    struct stat status;
    size_t size, first = 0, written = 0;
    int fd;

    (void)state;
    assert_int_equal(coherence_open(in_folder("registry.coherence"), &coherence, &finding, &error),
                     0);
    assert_int_equal(coherence_start(coherence), 0);
    fd = open(in_folder("registry.coherence"), O_RDWR);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    size = (size_t)status.st_size;
    shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(shared != MAP_FAILED);
    before = malloc(size);
    memcpy(before, shared, size);
    assert_int_equal(coherence_lock(coherence), 0);
    while (first < size && shared[first] == before[first])
        first++;
    assert_true(first < size);
    for (size_t at = (first & ~(size_t)3) + 4; at < size; at++)
        if (shared[at] != before[at]) {
            shared[at] = 0x41;
            written++;
        }
    coherence_unlock(coherence);
    assert_int_equal(written, 0);
    assert_int_equal(coherence_lock(coherence), 0);
    coherence_unlock(coherence);
    free(before);
    munmap(shared, size);
    close(fd);
    coherence_close(coherence, NULL, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
#define TEST_LAYERS(name) cmocka_unit_test_setup_teardown(name, make_layers, remove_layers)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_journal_deletes_nothing),          TEST(a_journal_deletes_nothing_in_a_check),
        TEST_LAYERS(names_longer_than_names_are), TEST_LAYERS(a_name_of_several_components),
        TEST_LAYERS(keys_below_a_link),           TEST_LAYERS(a_table_that_is_a_module),
        TEST(the_lock_trusts_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
