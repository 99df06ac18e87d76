/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal.c - see journal.h.
 */
#include "registry/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/upcase.h"

enum record_kind { RECORD_VALUE = 1, RECORD_KEY, RECORD_DELETION };

/* Followed by name and data: a value's, or a key's name and class. */
struct record {
    uint64_t key;
    uint64_t parent; /* of a key that was made or deleted */
    uint64_t last_write;
    uint32_t size; /* of the whole record, a multiple of 8 */
    uint32_t kind;
    uint32_t type; /* of a value; a key's flags */
    uint32_t name_units;
    uint32_t data_size;
    uint32_t unused;
};

/* The machine's boot id; all zero while it is not known. */
static unsigned char known_boot[16];

void journal_know_boot(void)
{
    char text[40] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    unsigned char boot[16] = {0};
    size_t digits = 0;

    if (fd < 0)
        return;
    if (read(fd, text, sizeof text - 1) > 0) {
        for (const char *at = text; *at && digits < 32; at++) {
            const char *found = strchr("0123456789abcdef", *at);
            if (!found)
                continue;
            boot[digits / 2] |=
                (unsigned char)((found - "0123456789abcdef") << (digits % 2 ? 0 : 4));
            digits++;
        }
    }
    close(fd);
    memcpy(known_boot, boot, sizeof boot);
}

void journal_start(struct journal *journal, uint64_t database)
{
    static const unsigned char unknown[16];

    if (!memcmp(known_boot, unknown, sizeof known_boot))
        journal_know_boot();
    if (memcmp(known_boot, journal->boot, sizeof known_boot) ||
        !memcmp(known_boot, unknown, sizeof known_boot) || journal->database != database ||
        journal->used > JOURNAL_BYTES)
        atomic_store(&journal->used, 0);
    memcpy(journal->boot, known_boot, sizeof known_boot);
    journal->database = database;
}

bool journal_pending(const struct journal *journal)
{
    return atomic_load_explicit(&journal->used, memory_order_acquire) != 0;
}

static bool append(struct journal *journal, struct record *record, const uint16_t *name,
                   const void *data)
{
    uint32_t used = atomic_load(&journal->used);
    size_t name_bytes = (size_t)record->name_units * 2;
    unsigned char *at;

    if (name_bytes + record->data_size > JOURNAL_VALUE_LIMIT)
        return false;
    record->size = (uint32_t)((sizeof *record + name_bytes + record->data_size + 7) & ~(size_t)7);
    if (used > JOURNAL_BYTES || record->size > JOURNAL_BYTES - used)
        return false;
    at = journal->records + used;
    memcpy(at, record, sizeof *record);
    if (name_bytes)
        memcpy(at + sizeof *record, name, name_bytes);
    if (record->data_size)
        memcpy(at + sizeof *record + name_bytes, data, record->data_size);
    atomic_store_explicit(&journal->used, used + record->size, memory_order_release);
    return true;
}

bool journal_append(struct journal *journal, uint64_t key, uint64_t last_write,
                    const struct hive_value *value)
{
    struct record record = {.key = key,
                            .last_write = last_write,
                            .kind = RECORD_VALUE,
                            .type = value->type,
                            .name_units = (uint32_t)value->name_units,
                            .data_size = (uint32_t)value->size};

    return value->name_units + value->size <= JOURNAL_VALUE_LIMIT &&
           append(journal, &record, value->name, value->data);
}

bool journal_append_key(struct journal *journal, const struct hive_key *key)
{
    struct record record = {.key = key->id,
                            .parent = key->parent,
                            .last_write = key->last_write,
                            .kind = RECORD_KEY,
                            .type = key->flags,
                            .name_units = (uint32_t)key->name_units,
                            .data_size = (uint32_t)key->class_units * 2};

    return key->class_units <= JOURNAL_VALUE_LIMIT / 2 &&
           append(journal, &record, key->name, key->class_name);
}

bool journal_append_deletion(struct journal *journal, uint64_t key, uint64_t parent,
                             uint64_t last_write)
{
    struct record record = {
        .key = key, .parent = parent, .last_write = last_write, .kind = RECORD_DELETION};

    return append(journal, &record, NULL, NULL);
}

/* ---- writing it down ---- */

/* What a value was set to last, where it was set more than once. */
struct latest {
    const struct record *record; /* NULL: free */
    bool written;
};

/* A copy of the records, which a hostile program can no longer change. */
struct reading {
    hive_store_t *store;
    unsigned char *records;
    size_t size;
    uint64_t *gone; /* keys that the journal made and deleted, sorted */
    size_t gone_count;
    bool at_the_end;
    struct latest *latest; /* by key and name of a value; a power of two of them */
    size_t latest_mask;
    uint64_t highest;             /* id of a key that was made */
    uint64_t touched, touched_at; /* a key whose time is yet to be written */
};

static const uint16_t *record_name(const struct record *record)
{
    return (const uint16_t *)(record + 1);
}

/* The next whole record, or NULL. Its size is looked at once: where the records are no copy, a
 * hostile program may change it meanwhile, and what is read must stay within them. */
static const struct record *next_record(const struct reading *reading, size_t *at)
{
    const struct record *record = (const struct record *)(reading->records + *at);
    size_t room = reading->size - *at;
    uint32_t size;

    if (room < sizeof *record)
        return NULL;
    size = __atomic_load_n(&record->size, __ATOMIC_RELAXED);
    if (size > room || size < sizeof *record || size % 8 ||
        record->name_units > JOURNAL_VALUE_LIMIT / 2 || record->data_size > JOURNAL_VALUE_LIMIT ||
        sizeof *record + record->name_units * 2 + record->data_size > size)
        return NULL;
    *at += size;
    return record;
}

bool journal_is_sane(const struct journal *journal)
{
    struct reading reading = {.records = (unsigned char *)journal->records,
                              .size = atomic_load(&journal->used)};
    size_t at = 0;

    if (reading.size > JOURNAL_BYTES)
        return false;
    while (next_record(&reading, &at))
        continue;
    return at == reading.size;
}

static struct latest *latest_of(const struct reading *reading, const struct record *record)
{
    const uint16_t *name = record_name(record);
    size_t at = (registry_name_hash(name, record->name_units) ^ record->key * 0x9e3779b1u) &
                reading->latest_mask;

    for (;; at = (at + 1) & reading->latest_mask) {
        struct latest *latest = &reading->latest[at];
        if (!latest->record ||
            (latest->record->key == record->key &&
             registry_name_compare(record_name(latest->record), latest->record->name_units, name,
                                   record->name_units) == 0))
            return latest;
    }
}

static int find_latest(struct reading *reading)
{
    size_t slots = 64;
    const struct record *record;

    while (slots < 2 * reading->size / sizeof *record)
        slots *= 2;
    reading->latest = calloc(slots, sizeof *reading->latest);
    reading->latest_mask = slots - 1;
    if (!reading->latest)
        return -ENOMEM;
    for (size_t at = 0; (record = next_record(reading, &at));)
        if (record->kind == RECORD_VALUE)
            latest_of(reading, record)->record = record;
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return first < second ? -1 : first > second;
}

static bool is_in(const uint64_t *ids, size_t count, uint64_t id)
{
    return count && bsearch(&id, ids, count, sizeof *ids, compare_ids);
}

/* Finds the keys that came and went, or that go now. */
static int find_gone(struct reading *reading)
{
    size_t most = reading->size / sizeof(struct record) + 1, made_count = 0;
    uint64_t *made = malloc(2 * most * sizeof *made);
    const struct record *record;

    if (!made)
        return -ENOMEM;
    reading->gone = made;
    for (size_t at = 0; (record = next_record(reading, &at));) {
        if (record->kind != RECORD_KEY)
            continue;
        made[most + made_count++] = record->key;
        if (record->key > reading->highest && !reading->at_the_end)
            reading->highest = record->key;
    }
    qsort(made + most, made_count, sizeof *made, compare_ids);
    for (size_t at = 0; (record = next_record(reading, &at));)
        if ((record->kind == RECORD_DELETION && is_in(made + most, made_count, record->key)) ||
            (record->kind == RECORD_KEY && reading->at_the_end && record->type & REGISTRY_VOLATILE))
            reading->gone[reading->gone_count++] = record->key;
    qsort(reading->gone, reading->gone_count, sizeof *reading->gone, compare_ids);
    return 0;
}

/* Many changes in one key after the other write its time once. */
static int touch(struct reading *reading, uint64_t key, uint64_t last_write)
{
    int result = 0;

    if (reading->touched && reading->touched != key)
        result = hive_store_touch_key(reading->store, reading->touched, reading->touched_at);
    reading->touched = key;
    reading->touched_at = last_write;
    return result;
}

static int write_key(struct reading *reading, const struct record *record)
{
    struct hive_key key = {
        .id = record->key,
        .parent = record->parent,
        .last_write = record->last_write,
        .flags = record->type & (REGISTRY_VOLATILE | REGISTRY_CREATE_LINK),
        .layer = HIVE_UPPER,
        .name = record_name(record),
        .name_units = record->name_units,
        .class_name = record_name(record) + record->name_units,
        .class_units = record->data_size / 2,
    };
    uint64_t id;
    int result = hive_store_insert_key(reading->store, &key, &id);

    /* Written down before, by one who was killed before the journal was emptied. */
    return result == -EEXIST ? 0 : result;
}

/* In its first place and spelling, what it was set to last. */
static int write_value(struct reading *reading, const struct record *record)
{
    struct latest *latest = latest_of(reading, record);
    const struct record *last = latest->record;
    struct hive_value value = {record_name(record), record->name_units, last->type,
                               record_name(last) + last->name_units, last->data_size};
    int result;

    if (latest->written)
        return 0;
    latest->written = true;
    result = hive_store_put_value(reading->store, record->key, &value, last->last_write);
    return result == -EIDRM ? 0 : result;
}

static int write_record(struct reading *reading, const struct record *record)
{
    bool gone = is_in(reading->gone, reading->gone_count, record->key);
    int result = 0;

    switch (record->kind) {
    case RECORD_VALUE:
        return gone ? 0 : write_value(reading, record);
    case RECORD_KEY:
        if (!gone)
            result = write_key(reading, record);
        break;
    case RECORD_DELETION:
        if (!gone)
            result = hive_store_remove_key(reading->store, record->key);
        result = result == -ENOTEMPTY ? 0 : result;
        break;
    default:
        return 0;
    }
    if (result == 0 && !(gone && reading->at_the_end))
        result = touch(reading, record->parent, record->last_write);
    return result;
}

bool journal_concerns(const struct journal *journal, uint64_t key)
{
    struct reading reading = {.records = (unsigned char *)journal->records,
                              .size = atomic_load(&journal->used)};
    const struct record *record;
    size_t at = 0;

    if (reading.size > JOURNAL_BYTES)
        return true;
    while ((record = next_record(&reading, &at)))
        if (record->key == key || record->parent == key)
            return true;
    return at != reading.size;
}

int journal_apply(const struct journal *journal, hive_store_t *store, bool at_the_end)
{
    struct reading reading = {
        .store = store, .size = atomic_load(&journal->used), .at_the_end = at_the_end};
    const struct record *record;
    int result = 0;

    if (reading.size > JOURNAL_BYTES)
        reading.size = JOURNAL_BYTES;
    reading.records = malloc(reading.size + 1);
    if (!reading.records)
        return -ENOMEM;
    memcpy(reading.records, journal->records, reading.size);
    result = find_gone(&reading);
    if (result == 0)
        result = find_latest(&reading);
    /* A record that is none can only be a hostile program's: the rest is dropped. */
    for (size_t at = 0; result == 0 && (record = next_record(&reading, &at));)
        result = write_record(&reading, record);
    if (result == 0)
        result = touch(&reading, 0, 0);
    if (result == 0 && reading.highest)
        result = hive_store_use_key_id(store, reading.highest);
    free(reading.latest);
    free(reading.gone);
    free(reading.records);
    return result;
}

void journal_clear(struct journal *journal)
{
    atomic_store(&journal->used, 0);
}
