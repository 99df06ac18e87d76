/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * repair_fixture.h - damaged stores, and what must be saved of them. That is known from the bytes
 * of the file alone: every name and all data are made of marks that are found nowhere else, so that
 * a key or value is lost only where a page that holds one of its marks was damaged.
 */
#ifndef PWK_TESTS_REPAIR_FIXTURE_H
#define PWK_TESTS_REPAIR_FIXTURE_H

#include "registry/repair.h"
#include "tests/unit/registry_fixture.h"

#define ROOT REGISTRY_ROOT_KEY
#define PAGE 4096u
#define KEYS 320
#define VALUES 3 /* a key */
#define PARENT(key) ((key) / 8)

/* What key `key` is called, and what its values are called and hold. */
void key_name(int key, char name[16]);
size_t value_size(int key, int value);
void value_mark(int key, int value, char mark[16]);
void value_data(int key, int value, char *data);
void set_values(registry_t *registry, uint64_t key, int number);

/* A tree in which key n stands below key n / 8, all of it in the file itself. */
void make_store(void);
/* All of the log into the file. */
void checkpoint(void);
void run_sql(const char *sql);

struct file {
    unsigned char *bytes;
    size_t size;
    bool *damaged; /* by page */
};

/* The store's file, to be freed, with no page damaged yet; and back again. */
struct file read_store(void);
void free_file(struct file *file);
void write_store(const struct file *file);
/* The page in the file gets these bytes; `file` keeps the old ones and notes it. */
void damage(struct file *file, size_t page, size_t from, const void *bytes, size_t size);
void random_bytes(unsigned char *bytes, size_t size);

/* What a store holds of all that, to be freed. `left`: what must be right, or NULL: all of it. */
struct left;
struct saved {
    uint64_t keys[KEYS];
    int parents[KEYS]; /* -1: none of ours */
    bool values[KEYS][VALUES];
    int value_keys[KEYS][VALUES];
    const struct left *left; /* of the file, or NULL: all of it */
};
struct saved *see_all(const struct left *left);

/* Everything that can be read in `file` is in the store, in its place. */
void compare(const struct file *file);

/* A check, or with `mend` a repair: its answer; or what it found, where it must answer 0. */
int run(bool mend, struct registry_check *check, struct registry_error *error);
struct registry_check check_store(bool mend);
void is_clean(void);
void remove_kept_files(void);
/* Finds the damage, mends it, compares with what was left, and keeps the damaged file. */
struct registry_check mend_and_compare(const struct file *file);

#endif
