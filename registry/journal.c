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

struct record {
    uint64_t key;
    uint64_t last_write;
    uint32_t size; /* of the whole record, a multiple of 8 */
    uint32_t type;
    uint32_t name_units;
    uint32_t data_size;
};

/* The machine's boot id as 16 bytes; all zero where it cannot be read. */
static void read_boot_id(unsigned char boot[16])
{
    char text[40] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    size_t digits = 0;

    memset(boot, 0, 16);
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
}

void journal_start(struct journal *journal, uint64_t database)
{
    static const unsigned char unknown[16];
    unsigned char boot[16];

    read_boot_id(boot);
    if (memcmp(boot, journal->boot, sizeof boot) || !memcmp(boot, unknown, sizeof boot) ||
        journal->database != database || journal->used > JOURNAL_BYTES)
        atomic_store(&journal->used, 0);
    memcpy(journal->boot, boot, sizeof boot);
    journal->database = database;
}

bool journal_pending(const struct journal *journal)
{
    return atomic_load_explicit(&journal->used, memory_order_acquire) != 0;
}

bool journal_append(struct journal *journal, uint64_t key, uint64_t last_write,
                    const struct hive_value *value)
{
    uint32_t used = atomic_load(&journal->used);
    size_t name_bytes = value->name_units * 2;
    struct record record = {
        .key = key,
        .last_write = last_write,
        .type = value->type,
        .name_units = (uint32_t)value->name_units,
        .data_size = (uint32_t)value->size,
    };
    unsigned char *at;

    if (name_bytes + value->size > JOURNAL_VALUE_LIMIT)
        return false;
    record.size = (uint32_t)((sizeof record + name_bytes + value->size + 7) & ~(size_t)7);
    if (used > JOURNAL_BYTES || record.size > JOURNAL_BYTES - used)
        return false;
    at = journal->records + used;
    memcpy(at, &record, sizeof record);
    if (name_bytes)
        memcpy(at + sizeof record, value->name, name_bytes);
    if (value->size)
        memcpy(at + sizeof record + name_bytes, value->data, value->size);
    atomic_store_explicit(&journal->used, used + record.size, memory_order_release);
    return true;
}

static int apply_record(const unsigned char *at, size_t room, hive_store_t *store, size_t *size)
{
    struct record record;
    struct hive_value value;
    uint16_t *name;
    int result;

    if (room < sizeof record)
        return -EUCLEAN;
    memcpy(&record, at, sizeof record);
    if (record.size > room || record.size < sizeof record ||
        record.name_units > JOURNAL_VALUE_LIMIT / 2 || record.data_size > JOURNAL_VALUE_LIMIT ||
        sizeof record + record.name_units * 2 + record.data_size > record.size)
        return -EUCLEAN;
    *size = record.size;
    name = (uint16_t *)(at + sizeof record);
    value = (struct hive_value){name, record.name_units, record.type,
                                at + sizeof record + record.name_units * 2, record.data_size};
    result = hive_store_put_value(store, record.key, &value, record.last_write);
    return result == -EIDRM ? 0 : result;
}

int journal_apply(const struct journal *journal, hive_store_t *store)
{
    uint32_t used = atomic_load(&journal->used);
    unsigned char *copy;
    int result = 0;

    if (used > JOURNAL_BYTES)
        used = JOURNAL_BYTES;
    copy = malloc(used + 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, journal->records, used);
    for (size_t at = 0, size = 0; result == 0 && at < used; at += size)
        result = apply_record(copy + at, used - at, store, &size);
    free(copy);
    /* A record that is none can only be a hostile program's: the rest is dropped. */
    return result == -EUCLEAN ? 0 : result;
}

void journal_clear(struct journal *journal)
{
    atomic_store(&journal->used, 0);
}
