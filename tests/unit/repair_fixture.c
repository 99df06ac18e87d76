/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * repair_fixture.c - see repair_fixture.h.
 */
#include "tests/unit/repair_fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the store ---- */

void key_name(int key, char name[16])
{
    snprintf(name, 16, "Key%04dx", key);
}

/* Of the values of every eighth key the last is far larger than a page. */
size_t value_size(int key, int value)
{
    return value < VALUES - 1 ? 24u + 8u * (unsigned)value : key % 8 == 0 ? 10000 : 640;
}

void value_mark(int key, int value, char mark[16])
{
    snprintf(mark, 16, "v%04d.%d!", key, value);
}

void value_data(int key, int value, char *data)
{
    char mark[16];

    value_mark(key, value, mark);
    for (size_t i = 0; i < value_size(key, value); i += 8)
        memcpy(data + i, mark, 8);
}

void set_values(registry_t *registry, uint64_t key, int number)
{
    static char data[10000];
    char name[16];

    for (int i = 0; i < VALUES; i++) {
        value_mark(number, i, name);
        value_data(number, i, data);
        assert_int_equal(try_set(registry, key, name, REG_BINARY, data, value_size(number, i)), 0);
    }
}

void checkpoint(void)
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
void make_store(void)
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

struct file read_store(void)
{
    struct file file = {0};

    file.bytes = read_file(in_folder("registry.db"), &file.size);
    file.damaged = calloc(file.size / PAGE + 1, sizeof(bool));
    assert_non_null(file.damaged);
    return file;
}

void free_file(struct file *file)
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

struct saved *see_all(const struct left *left)
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
void compare(const struct file *file)
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

int run(bool mend, struct registry_check *check, struct registry_error *error)
{
    *check = (struct registry_check){.repair = mend, .say = ignore_line};
    return registry_check(store_folder, check, error);
}

struct registry_check check_store(bool mend)
{
    struct registry_check check;
    struct registry_error error;
    int code = run(mend, &check, &error);

    if (code)
        fail_msg("%s answers %d: %s", mend ? "the repair" : "the check", code, error.text);
    return check;
}

void is_clean(void)
{
    assert_int_equal(check_store(false).findings, 0);
    assert_int_equal(check_store(true).repaired, false);
}

void remove_kept_files(void)
{
    char command[PATH_MAX + 64];

    snprintf(command, sizeof(command), "rm -f '%s'/registry.db.damaged-*", store_folder);
    assert_int_equal(system(command), 0);
}

/* Finds the damage, mends it, compares with what was left, and keeps the damaged file. */
struct registry_check mend_and_compare(const struct file *file)
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

void write_store(const struct file *file)
{
    remove(in_folder("registry.db-wal"));
    remove(in_folder("registry.db-shm"));
    write_file(in_folder("registry.db"), file->bytes, file->size);
}

/* The page in the file gets these bytes; `file` keeps the old ones and notes it. */
void damage(struct file *file, size_t page, size_t from, const void *bytes, size_t size)
{
    int fd = open(in_folder("registry.db"), O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, (off_t)(page * PAGE + from)), size);
    close(fd);
    file->damaged[page] = true;
}

void random_bytes(unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(random() >> 8);
}

void run_sql(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(in_folder("registry.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
