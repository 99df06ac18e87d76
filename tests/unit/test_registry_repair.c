/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_repair.c - checking and mending damaged stores. What must be saved is known from
 * the bytes of the file alone: every name and all data are made of marks that are found nowhere
 * else, so that a key or value is lost only where a page that holds one of its marks was damaged.
 */
#include "tests/unit/registry_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/repair.h"

#define ROOT REGISTRY_ROOT_KEY
#define PAGE 4096u
#define KEYS 320
#define VALUES 3 /* a key */
#define PARENT(key) ((key) / 8)

/* ---- the store ---- */

static void key_name(int key, char name[16])
{
    snprintf(name, 16, "Key%04dx", key);
}

/* Of the values of every eighth key the last is far larger than a page. */
static size_t value_size(int key, int value)
{
    return value < VALUES - 1 ? 24u + 8u * (unsigned)value : key % 8 == 0 ? 10000 : 640;
}

static void value_mark(int key, int value, char mark[16])
{
    snprintf(mark, 16, "v%04d.%d!", key, value);
}

static void value_data(int key, int value, char *data)
{
    char mark[16];

    value_mark(key, value, mark);
    for (size_t i = 0; i < value_size(key, value); i += 8)
        memcpy(data + i, mark, 8);
}

static void set_values(registry_t *registry, uint64_t key, int number)
{
    static char data[10000];
    char name[16];

    for (int i = 0; i < VALUES; i++) {
        value_mark(number, i, name);
        value_data(number, i, data);
        assert_int_equal(try_set(registry, key, name, REG_BINARY, data, value_size(number, i)), 0);
    }
}

static void checkpoint(void)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(in_folder("registry.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "INSERT OR IGNORE INTO marks VALUES('imported', 1);"
                                  "PRAGMA wal_checkpoint(TRUNCATE)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

/* A tree in which key n stands below key n / 8, all of it in the file itself. */
static void make_store(void)
{
    static uint64_t ids[KEYS];
    registry_t *registry = open_store();
    char name[16];

    for (int i = 0; i < KEYS; i++) {
        key_name(i, name);
        ids[i] = create(registry, i == 0 ? ROOT : ids[PARENT(i)], name);
        set_values(registry, ids[i], i);
    }
    registry_close(registry);
    checkpoint();
}

/* ---- what is left of the file ---- */

struct file {
    unsigned char *bytes;
    size_t size;
    bool *damaged; /* by page */
};

static struct file read_store(void)
{
    struct file file = {0};

    file.bytes = read_file(in_folder("registry.db"), &file.size);
    file.damaged = calloc(file.size / PAGE + 1, sizeof(bool));
    assert_non_null(file.damaged);
    return file;
}

static void free_file(struct file *file)
{
    free(file->bytes);
    free(file->damaged);
}

/* How often a mark stands in the file, and in damaged pages. */
struct marks {
    unsigned all, damaged;
};

struct left {
    struct marks key_rows[KEYS], key_index[KEYS];
    struct marks value_rows[KEYS][VALUES], value_data[KEYS][VALUES];
};

/* True where the bytes are `pattern`, its characters `step` bytes apart; # stands for digits, which
 * make the number. */
static bool match(const unsigned char *at, size_t step, const char *pattern, int *number)
{
    *number = 0;
    for (; *pattern; pattern++, at += step) {
        if (*pattern == '#' && *at >= '0' && *at <= '9')
            *number = *number * 10 + (*at - '0');
        else if (*at != (unsigned char)*pattern)
            return false;
    }
    return true;
}

static void count_mark(const struct file *file, size_t offset, size_t size, struct marks *marks)
{
    marks->all++;
    marks->damaged += file->damaged[offset / PAGE] || file->damaged[(offset + size - 1) / PAGE];
}

/* Names stand as UTF-16, in the index of keys upcased and big-endian; data as they are. */
static struct left *look_at_file(const struct file *file)
{
    struct left *left = calloc(1, sizeof(*left));
    int n;

    assert_non_null(left);
    for (size_t at = 0; at + 16 <= file->size; at++) {
        const unsigned char *bytes = file->bytes + at;
        if (match(bytes, 2, "Key####x", &n) && n < KEYS)
            count_mark(file, at, 16, &left->key_rows[n]);
        else if (match(bytes, 2, "KEY####X", &n) && n < KEYS)
            count_mark(file, at, 16, &left->key_index[n]);
        else if (match(bytes, 2, "v####.#!", &n) && n < KEYS * 10 && n % 10 < VALUES)
            count_mark(file, at, 16, &left->value_rows[n / 10][n % 10]);
        else if (match(bytes, 1, "v####.#!", &n) && n < KEYS * 10 && n % 10 < VALUES)
            count_mark(file, at, 8, &left->value_data[n / 10][n % 10]);
    }
    return left;
}

static bool is_whole(const struct marks *marks)
{
    return marks->all > 0 && marks->damaged == 0;
}

/* The upcased name stands in the row of keys and in the index, and maybe where a row was once: of
 * two places that count, one is left. */
static bool key_is_left(const struct left *left, int key)
{
    return is_whole(&left->key_rows[key]) || left->key_index[key].damaged < 2;
}

static bool value_is_left(const struct left *left, int key, int value)
{
    return is_whole(&left->value_rows[key][value]) && is_whole(&left->value_data[key][value]);
}

/* ---- what was saved ---- */

struct saved {
    uint64_t keys[KEYS];
    int parents[KEYS]; /* -1: none of ours */
    bool values[KEYS][VALUES];
    int value_keys[KEYS][VALUES];
    const struct left *left; /* of the file, or NULL: all of it */
};

static int number_of_key(const uint16_t *name, size_t units)
{
    char text[16];

    for (int i = 0; i < KEYS; i++) {
        key_name(i, text);
        if (units == strlen(text)) {
            bool same = true;
            for (size_t at = 0; same && at < units; at++)
                same = name[at] == (unsigned char)text[at] ||
                       name[at] == (unsigned char)text[at] - 0x20;
            if (same)
                return i;
        }
    }
    return -1;
}

static void see_values(registry_t *registry, uint64_t id, int key, struct saved *saved)
{
    static char data[20000], expected[10000];
    static uint16_t units[64];
    const struct registry_buffer name = {units, sizeof(units)}, buffer = {data, sizeof(data)};
    struct registry_value_info info;

    for (uint32_t i = 0; registry_enumerate_value(registry, id, i, &info, &name, &buffer) == 0;
         i++) {
        char text[64] = "";
        int owner, value;
        for (size_t at = 0; at < info.name_bytes / 2 && at < 63; at++)
            text[at] = (char)units[at];
        if (sscanf(text, "v%d.%d!", &owner, &value) != 2 || owner < 0 || owner >= KEYS ||
            value < 0 || value >= VALUES)
            fail_msg("there never was a value '%s'", text);
        value_data(owner, value, expected);
        assert_int_equal(info.data_bytes, value_size(owner, value));
        /* Other bytes in the place of data are data to SQLite. */
        if (!saved->left || value_is_left(saved->left, owner, value))
            assert_memory_equal(data, expected, info.data_bytes);
        assert_false(saved->values[owner][value]);
        saved->values[owner][value] = true;
        saved->value_keys[owner][value] = key;
    }
}

static void see_subkeys(registry_t *registry, uint64_t id, int parent, bool lost,
                        struct saved *saved)
{
    uint16_t units[REGISTRY_MAX_KEY_NAME];
    const struct registry_buffer name = {units, sizeof(units)};
    uint64_t subkey;

    for (uint32_t i = 0; registry_enumerate_key(registry, id, i, &subkey) == 0; i++) {
        struct registry_key_info info;
        int key;
        assert_int_equal(registry_query_key(registry, subkey, true, &info, &name, NULL), 0);
        key = number_of_key(units, info.name_bytes / 2);
        if (key < 0) {
            bool is_lost = same_text(units, info.name_bytes / 2, "Lost+Found");
            assert_true(lost || is_lost);
            see_values(registry, subkey, -1, saved);
            see_subkeys(registry, subkey, -1, true, saved);
            continue;
        }
        assert_true(saved->keys[key] == 0);
        saved->keys[key] = subkey;
        saved->parents[key] = parent;
        see_values(registry, subkey, key, saved);
        see_subkeys(registry, subkey, key, false, saved);
    }
}

static struct saved *see_all(const struct left *left)
{
    struct saved *saved = calloc(1, sizeof(*saved));
    registry_t *registry = open_store();

    assert_non_null(saved);
    saved->left = left;
    see_subkeys(registry, ROOT, -1, false, saved);
    registry_close(registry);
    return saved;
}

/* Everything that can be read in `file` is there, in its place. */
static void compare(const struct file *file)
{
    struct left *left = look_at_file(file);
    struct saved *saved = see_all(left);
    char name[16];

    for (int i = 0; i < KEYS; i++) {
        key_name(i, name);
        bool whole = key_is_left(left, i);
        if (whole && !saved->keys[i])
            fail_msg("%s is lost", name);
        if (whole && i > 0 && saved->keys[PARENT(i)])
            assert_int_equal(saved->parents[i], PARENT(i));
        for (int j = 0; j < VALUES; j++) {
            if (value_is_left(left, i, j) && !saved->values[i][j])
                fail_msg("value %d of %s is lost", j, name);
            if (saved->values[i][j] && saved->keys[i])
                assert_int_equal(saved->value_keys[i][j], i);
        }
    }
    free(saved);
    free(left);
}

/* ---- check and repair ---- */

static void ignore_line(void *context, const char *line)
{
    (void)context;
    assert_null(strchr(line, '\n'));
    assert_true(line[0] != '\0');
}

static int run(bool mend, struct registry_check *check, struct registry_error *error)
{
    *check = (struct registry_check){.repair = mend, .say = ignore_line};
    return registry_check(store_folder, check, error);
}

static struct registry_check check_store(bool mend)
{
    struct registry_check check;
    struct registry_error error;
    int code = run(mend, &check, &error);

    if (code)
        fail_msg("%s answers %d: %s", mend ? "the repair" : "the check", code, error.text);
    return check;
}

static void is_clean(void)
{
    assert_int_equal(check_store(false).findings, 0);
    assert_int_equal(check_store(true).repaired, false);
}

static void remove_kept_files(void)
{
    char command[PATH_MAX + 64];

    snprintf(command, sizeof(command), "rm -f '%s'/registry.db.damaged-*", store_folder);
    assert_int_equal(system(command), 0);
}

/* Finds the damage, mends it, compares with what was left, and keeps the damaged file. */
static struct registry_check mend_and_compare(const struct file *file)
{
    struct registry_check check;
    struct stat before, after;

    assert_int_equal(stat(in_folder("registry.db"), &before), 0);
    assert_true(check_store(false).findings > 0);
    check = check_store(true);
    assert_true(check.repaired);
    assert_int_equal(stat(check.kept, &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_size == after.st_size);
    remove_kept_files();
    compare(file);
    is_clean();
    return check;
}

static void write_store(const struct file *file)
{
    remove(in_folder("registry.db-wal"));
    remove(in_folder("registry.db-shm"));
    write_file(in_folder("registry.db"), file->bytes, file->size);
}

/* The page in the file gets these bytes; `file` keeps the old ones and notes it. */
static void damage(struct file *file, size_t page, size_t from, const void *bytes, size_t size)
{
    int fd = open(in_folder("registry.db"), O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, (off_t)(page * PAGE + from)), size);
    close(fd);
    file->damaged[page] = true;
}

static void random_bytes(unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(random() >> 8);
}

static void a_store_in_order(void **state)
{
    struct registry_check check;

    (void)state;
    make_store();
    check = check_store(false);
    assert_int_equal(check.findings, 0);
    assert_int_equal(check.keys, KEYS);
    assert_int_equal(check.values, KEYS * VALUES);
    is_clean();
}

/* Pages anywhere, by random bytes, by zeros, or in part. PWK_REPAIR_ROUNDS: how often. */
static void damaged_pages(void **state)
{
    const char *wanted = getenv("PWK_REPAIR_ROUNDS");
    const int rounds = wanted ? atoi(wanted) : 40;
    unsigned char noise[PAGE];
    struct file pristine;

    (void)state;
    srandom(20);
    make_store();
    pristine = read_store();
    for (int round = 0; round < rounds; round++) {
        size_t pages = pristine.size / PAGE;
        int count = 1 + (int)(random() % (round % 4 == 3 ? (long)pages / 2 : 5));

        write_store(&pristine);
        memset(pristine.damaged, 0, pages);
        for (int i = 0; i < count; i++) {
            size_t page = (size_t)random() % pages, from = 0, size = PAGE;
            if (round % 4 == 2) {
                from = (size_t)random() % 64;
                size = 64 + (size_t)random() % 1024;
            }
            random_bytes(noise, sizeof(noise));
            if (round % 4 == 1)
                memset(noise, 0, sizeof(noise));
            damage(&pristine, page, from, noise, size);
        }
        /* Zeros at the end of a chain of pages are data like any other. */
        if (check_store(false).findings)
            mend_and_compare(&pristine);
    }
    free_file(&pristine);
}

/* The pages of one table or index, interior or leaf. */
static size_t pages_of(const char *table, const char *kind, size_t *pages, size_t capacity)
{
    sqlite3_stmt *statement;
    size_t count = 0;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(in_folder("registry.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT pageno FROM dbstat WHERE name=?1 AND pagetype=?2",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, kind, -1, SQLITE_STATIC);
    while (count < capacity && sqlite3_step(statement) == SQLITE_ROW)
        pages[count++] = (size_t)sqlite3_column_int64(statement, 0) - 1;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

static void damage_tree(const char *table, const char *kind)
{
    unsigned char noise[PAGE];
    size_t pages[200], count;
    struct file file;

    make_store();
    count = pages_of(table, kind, pages, 200);
    assert_true(count > 0);
    file = read_store();
    random_bytes(noise, sizeof(noise));
    for (size_t i = 0; i < count; i++)
        damage(&file, pages[i], 0, noise, PAGE);
    mend_and_compare(&file);
    free_file(&file);
}

/* No row stands there: nothing may be lost, wherever the children are. */
static void a_damaged_way_to_the_keys(void **state)
{
    (void)state;
    damage_tree("keys", "internal");
}

static void a_damaged_way_to_the_values(void **state)
{
    (void)state;
    damage_tree("key_values", "internal");
}

static void damaged_keys_are_found_in_the_index(void **state)
{
    (void)state;
    damage_tree("keys", "leaf");
}

static void a_damaged_index_of_names(void **state)
{
    struct saved *saved;

    (void)state;
    damage_tree("keys_by_name", "leaf");
    saved = see_all(NULL);
    for (int i = 0; i < KEYS; i++) {
        assert_true(saved->keys[i] != 0);
        assert_int_equal(saved->parents[i], i == 0 ? -1 : PARENT(i));
    }
    free(saved);
}

/* Once the header alone, once all of the first page, with the schema. */
static void a_damaged_header(void **state)
{
    unsigned char noise[PAGE];
    struct registry_check check;
    struct file file;

    (void)state;
    make_store();
    file = read_store();
    for (int i = 0; i < 2; i++) {
        write_store(&file);
        random_bytes(noise, sizeof(noise));
        damage(&file, 0, 0, noise, i ? PAGE : 100);
        check = mend_and_compare(&file);
        assert_int_equal(check.keys, KEYS);
        assert_int_equal(check.values, KEYS * VALUES);
    }
    free_file(&file);
}

static void a_file_that_was_cut_off(void **state)
{
    struct file file;

    (void)state;
    make_store();
    file = read_store();
    for (size_t parts = 2; parts < 8; parts += 2) {
        size_t keep = file.size * (parts - 1) / parts / 512 * 512 + 100;
        write_store(&file);
        for (size_t page = 0; page < file.size / PAGE; page++)
            file.damaged[page] = page >= keep / PAGE;
        assert_int_equal(truncate(in_folder("registry.db"), (off_t)keep), 0);
        mend_and_compare(&file);
    }
    free_file(&file);
}

/* ---- the log ---- */

/* Leaves all of the store in its log, and the last value in the journal. */
static int write_and_die(int number)
{
    registry_t *registry = open_store();
    uint64_t key = create(registry, ROOT, "Key0000x");

    (void)number;
    for (int i = 1; i < 40; i++) {
        char name[16];
        key_name(i, name);
        set_values(registry, create(registry, key, name), i);
    }
    registry_flush(registry);
    set_values(registry, key, 0);
    raise(SIGKILL);
    return 1;
}

static void die_with_a_log(void)
{
    pid_t child = start_process(write_and_die, 0);
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void values_of_the_journal_are_kept(void **state)
{
    unsigned char noise[100];
    registry_t *registry;
    uint64_t key;
    char data[64];

    (void)state;
    die_with_a_log();
    random_bytes(noise, sizeof(noise));
    {
        struct file file = read_store();
        damage(&file, 0, 0, noise, sizeof(noise));
        free_file(&file);
    }
    remove(in_folder("registry.db-shm"));
    assert_true(check_store(true).findings > 0 || check_store(false).findings == 0);
    registry = open_store();
    key = lookup(registry, ROOT, "Key0000x");
    for (int i = 0; i < VALUES - 1; i++) {
        char name[16];
        value_mark(0, i, name);
        value_data(0, i, data);
        check_value(registry, key, name, REG_BINARY, data, value_size(0, i));
    }
    registry_close(registry);
    is_clean();
}

/* A page in the middle of the log: what was written after it is saved. */
static void a_damaged_log(void **state)
{
    unsigned char noise[200];
    struct registry_check check;
    registry_t *registry;
    struct stat status;
    uint64_t key;
    int fd;

    (void)state;
    die_with_a_log();
    assert_int_equal(stat(in_folder("registry.db-wal"), &status), 0);
    fd = open(in_folder("registry.db-wal"), O_WRONLY | O_CLOEXEC);
    random_bytes(noise, sizeof(noise));
    assert_int_equal(pwrite(fd, noise, sizeof(noise), 32 + 24 + (status.st_size / 2 / 4120) * 4120),
                     200);
    close(fd);
    check = check_store(true);
    assert_true(check.findings > 0 && check.repaired);
    registry = open_store();
    key = lookup(registry, ROOT, "Key0000x");
    lookup(registry, key, "Key0039x");
    registry_close(registry);
    is_clean();
}

/* ---- rows that SQLite finds in order ---- */

static void run_sql(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(in_folder("registry.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static uint64_t lost_key(registry_t *registry, const char *name)
{
    return lookup(registry, lookup(registry, ROOT, "Lost+Found"), name);
}

static void a_broken_tree(void **state)
{
    registry_t *registry;
    uint64_t key;

    (void)state;
    registry = open_store();
    key = create(registry, ROOT, "A");
    assert_int_equal(key, 2);
    set(registry, key, "one", "1");
    set(registry, key, "two", "2");
    assert_int_equal(create(registry, key, "B"), 3);
    assert_int_equal(create(registry, lookup(registry, key, "B"), "C"), 4);
    assert_int_equal(create(registry, ROOT, "D"), 5);
    assert_int_equal(create(registry, lookup(registry, ROOT, "D"), "E"), 6);
    assert_int_equal(create(registry, ROOT, "V"), 7);
    assert_int_equal(create(registry, lookup(registry, ROOT, "V"), "W"), 8);
    registry_close(registry);
    checkpoint();
    is_clean();
    run_sql("UPDATE keys SET parent=4 WHERE id=3;" /* B below C below B */
            "DELETE FROM keys WHERE id=5;"         /* the parent of E */
            "UPDATE key_values SET position=7;"    /* twice, and past the last */
            "UPDATE keys SET flags=1 WHERE id=7;"  /* W lasts, V does not */
            "INSERT INTO key_values(key, sort, name, position, type, data)"
            " VALUES(99, x'0058', x'5800', 1, 3, x'aa');"
            "INSERT INTO hives VALUES(77, '/nowhere');"
            "DELETE FROM marks");
    assert_true(check_store(false).findings >= 6);
    assert_true(check_store(true).repaired);
    registry = open_store();
    key = lookup(registry, ROOT, "A");
    check_text(registry, key, "one", "1");
    check_text(registry, key, "two", "2");
    lookup(registry, lost_key(registry, "key-3"), "B\\C");
    lookup(registry, lost_key(registry, "key-5"), "E");
    check_text(registry, lost_key(registry, "key-99"), "X", "\xaa");
    lookup(registry, ROOT, "V\\W");
    assert_int_equal(registry_is_empty(registry), 0);
    set(registry, key, "three", "3");
    registry_close(registry);
    is_clean();
    /* The place is there now: a second repair uses it again. */
    run_sql("UPDATE keys SET parent=50 WHERE name=x'4500'");
    assert_true(check_store(true).repaired);
    registry = open_store();
    lookup(registry, lost_key(registry, "key-50"), "E");
    check_text(registry, lost_key(registry, "key-99"), "X", "\xaa");
    registry_close(registry);
    is_clean();
}

static void names_that_do_not_sort(void **state)
{
    (void)state;
    make_store();
    run_sql("UPDATE keys SET sort=x'00410042' WHERE id=5");
    assert_int_equal(check_store(false).findings, 1);
    run_sql("UPDATE keys SET flags=64 WHERE id=6");
    assert_int_equal(check_store(false).findings, 2);
}

/* ---- refused ---- */

static void refuse(int code, const char *part)
{
    struct registry_check check;
    struct registry_error error = {""};

    assert_int_equal(run(true, &check, &error), code);
    if (!strstr(error.text, part))
        fail_msg("'%s' does not say '%s'", error.text, part);
    assert_false(check.repaired);
}

static void what_is_not_repaired(void **state)
{
    unsigned char noise[20 * PAGE];
    registry_t *registry;
    size_t size;
    void *left;

    (void)state;
    refuse(-ENOENT, "registry.db");
    registry = open_store();
    refuse(-EBUSY, "in use");
    registry_close(registry);
    run_sql("PRAGMA user_version=99");
    refuse(-EPROTO, "99");
    assert_int_equal(remove(in_folder("registry.db")), 0);
    remove(in_folder("registry.db-wal"));
    run_sql("CREATE TABLE other(x); INSERT INTO other VALUES(1)");
    refuse(-EPROTO, "not a registry");
    random_bytes(noise, sizeof(noise));
    write_file(in_folder("registry.db"), noise, sizeof(noise));
    refuse(-ENODATA, "nothing");
    left = read_file(in_folder("registry.db"), &size);
    assert_int_equal(size, sizeof(noise));
    assert_memory_equal(left, noise, size);
    free(left);
    assert_int_equal(access(in_folder("registry.db.repairing"), F_OK), -1);
}

static int check_now(int number)
{
    struct registry_check check;
    struct registry_error error;

    return run(number != 0, &check, &error) != 0 || check.findings != 0;
}

/* A check is no hindrance: other processes are at work. */
static void a_check_while_the_store_is_in_use(void **state)
{
    registry_t *registry;

    (void)state;
    make_store();
    registry = open_store();
    set(registry, lookup(registry, ROOT, "Key0000x"), "new", "value");
    finish_process(start_process(check_now, 0));
    registry_close(registry);
}

/* ---- repairs that do not come to their end ---- */

static int repair_now(int number)
{
    struct registry_check check;
    struct registry_error error;

    (void)number;
    return run(true, &check, &error) != 0;
}

/* Wherever it is killed, the next one does it. */
static void a_repair_that_is_killed(void **state)
{
    unsigned char noise[PAGE];
    struct file file;

    (void)state;
    srandom(7);
    make_store();
    file = read_store();
    random_bytes(noise, sizeof(noise));
    for (int round = 0; round < 25; round++) {
        pid_t child;
        int status;

        write_store(&file);
        damage(&file, 5, 0, noise, PAGE);
        child = start_process(repair_now, 0);
        usleep((unsigned)(random() % 60000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        check_store(true);
        compare(&file);
        is_clean();
        remove_kept_files();
    }
    free_file(&file);
}

/* Killed between the last two steps: whoever opens the store first goes on. */
static void a_repair_that_only_needs_its_name(void **state)
{
    struct file file;
    registry_t *registry;

    (void)state;
    make_store();
    file = read_store();
    write_file(in_folder("registry.db.repaired"), file.bytes, file.size);
    write_file(in_folder("registry.db"), "damaged", 7);
    write_file(in_folder("registry.db-wal"), "damaged too", 11);
    registry = open_store();
    lookup(registry, ROOT, "Key0000x\\Key0001x");
    registry_close(registry);
    assert_int_equal(access(in_folder("registry.db.repaired"), F_OK), -1);
    compare(&file);
    free_file(&file);
}

/* Answers which step went wrong, or 0. */
static int repair_on_a_full_disk(void)
{
    struct registry_check check;
    struct registry_error error;
    unsigned char noise[100] = {1};
    size_t size, after_size;
    void *before, *after;
    struct file file;
    char filling[4096] = "";
    int fd;

    make_store();
    file = read_store();
    damage(&file, 0, 0, noise, sizeof(noise));
    before = read_file(in_folder("registry.db"), &size);
    fd = open(in_folder("filling"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, filling, sizeof(filling)) > 0)
        ;
    close(fd);
    if (run(true, &check, &error) != -ENOSPC || !strstr(error.text, "disk is full"))
        return 1;
    after = read_file(in_folder("registry.db"), &after_size);
    if (size != after_size || memcmp(before, after, size))
        return 2;
    if (access(in_folder("registry.db.repairing"), F_OK) == 0)
        return 3;
    return 0;
}

static void a_repair_on_a_full_disk(void **state)
{
    (void)state;
    on_a_small_disk("size=16m", repair_on_a_full_disk);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    static const struct CMUnitTest tests[] = {
        TEST(a_store_in_order),
        TEST(damaged_pages),
        TEST(a_damaged_way_to_the_keys),
        TEST(a_damaged_way_to_the_values),
        TEST(damaged_keys_are_found_in_the_index),
        TEST(a_damaged_index_of_names),
        TEST(a_damaged_header),
        TEST(a_file_that_was_cut_off),
        TEST(values_of_the_journal_are_kept),
        TEST(a_damaged_log),
        TEST(a_broken_tree),
        TEST(names_that_do_not_sort),
        TEST(what_is_not_repaired),
        TEST(a_check_while_the_store_is_in_use),
        TEST(a_repair_that_is_killed),
        TEST(a_repair_that_only_needs_its_name),
        TEST(a_repair_on_a_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
