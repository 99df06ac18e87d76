/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_journal.c - the journal of a store, which lies in memory that hostile programs write to: the
 * input is its records. They are written down twice, as after a kill, into one store, whose rows
 * must hold together; then all is taken back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/journal.h"

static char folder[] = "/tmp/pwk-fuzz-journal-XXXXXX";
static char path[sizeof folder + 16];
static hive_store_t *store;

static void require(int condition)
{
    if (!condition)
        abort();
}

static void remove_folder(void)
{
    char command[sizeof folder + 16];

    hive_store_close(store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    require(system(command) == 0);
}

/* With keys 1 (the top), 2 and 3 below one another, and a value. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const uint16_t name[] = {'K'};
    struct hive_key key = {.parent = REGISTRY_ROOT_KEY, .name = name, .name_units = 1};
    struct hive_value value = {.name = name, .name_units = 1, .data = "", .size = 1};
    struct registry_error error;

    (void)argc, (void)argv;
    require(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/registry.db", folder);
    require(hive_store_open(path, true, &store, &error) == 0);
    atexit(remove_folder);
    require(hive_store_begin(store) == 0);
    for (int i = 0; i < 2; i++) {
        require(hive_store_insert_key(store, &key, &key.parent) == 0);
        require(hive_store_put_value(store, key.parent, &value, 1) == 0);
    }
    require(hive_store_commit(store) == 0);
    return 0;
}

static int see_value(void *context, const struct hive_value *value)
{
    size_t *sum = context;

    for (size_t i = 0; i < value->size; i++)
        *sum += ((const unsigned char *)value->data)[i];
    return 0;
}

static int see_key(void *context, const struct hive_key *key)
{
    size_t *sum = context;

    for (size_t i = 0; i < key->name_units; i++)
        *sum += key->name[i];
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct journal journal;
    size_t sum = 0;

    size = size < JOURNAL_BYTES ? size : JOURNAL_BYTES;
    memcpy(journal.records, bytes, size);
    atomic_store(&journal.used, (uint32_t)size);
    journal_is_sane(&journal);
    journal_concerns(&journal, 2);
    require(hive_store_begin(store) == 0);
    for (int i = 0; i < 2; i++)
        if (journal_apply(&journal, store, i == 1) < 0)
            break;
    for (uint64_t id = 1; id < 6; id++) {
        hive_store_visit_values(store, id, see_value, &sum);
        hive_store_visit_subkeys(store, id, see_key, &sum);
    }
    hive_store_release(store);
    hive_store_rollback(store);
    return 0;
}
