/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_fixture.h - what the tests of the registry share: a folder with a real store, and
 * registry.h with ASCII text in place of UTF-16. What is not named try_... fails the test where
 * the registry answers an error.
 */
#ifndef PWK_TESTS_REGISTRY_FIXTURE_H
#define PWK_TESTS_REGISTRY_FIXTURE_H

#include <sys/types.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/registry.h"

#define REG_SZ 1u
#define REG_BINARY 3u
#define REG_LINK 6u
#define SMALL_CACHE (64u << 10) /* the smallest there is */

/* Setup and teardown: each test has a folder of its own. */
extern char store_folder[PATH_MAX];
int make_folder(void **state);
int remove_folder(void **state);

/* `name` in the folder; lives until the next call. */
const char *in_folder(const char *name);

registry_t *open_store(void);
registry_t *open_store_with(size_t cache_bytes, const char *const *passthrough, size_t count);
/* Fails to open; `code` is what must be answered, and the line must name `file`. */
void refuse_store(const struct registry_options *options, int code, const char *file);

/* ASCII as UTF-16. */
struct registry_path wide(const char *text);
/* True where the units are the ASCII text. */
bool same_text(const uint16_t *units, size_t count, const char *text);

int try_lookup(registry_t *registry, uint64_t from, const char *path, unsigned flags,
               uint64_t *key);
uint64_t lookup(registry_t *registry, uint64_t from, const char *path);
int try_create(registry_t *registry, uint64_t from, const char *path, unsigned flags,
               uint64_t *key);
uint64_t create(registry_t *registry, uint64_t from, const char *path);
/* A link at `path` below the top key, to a full path. */
uint64_t create_link(registry_t *registry, const char *path, const char *target);
struct registry_key_info key_info(registry_t *registry, uint64_t key);

int try_set(registry_t *registry, uint64_t key, const char *name, uint32_t type, const void *data,
            size_t size);
void set(registry_t *registry, uint64_t key, const char *name, const char *text);
int try_query(registry_t *registry, uint64_t key, const char *name,
              struct registry_value_info *info, void *data, size_t capacity);
/* The value must hold these bytes. */
void check_value(registry_t *registry, uint64_t key, const char *name, uint32_t type,
                 const void *data, size_t size);
void check_text(registry_t *registry, uint64_t key, const char *name, const char *text);

extern const struct registry_options may_create;

/* A child that does the steps and ends with what they answer; after two minutes in any case. */
pid_t start_process(int (*steps)(int number), int number);
/* The child must end with status 0. */
void finish_process(pid_t child);

/* Does the steps in a child that has a disk of its own over the store's folder (`options` as for
 * mount of a tmpfs); they answer 0, or NO_SMALL_DISK, which skips the test. */
#define NO_SMALL_DISK 77
void on_a_small_disk(const char *options, int (*steps)(void));

/* A whole file, to be freed; the test fails where there is none. */
void *read_file(const char *path, size_t *size);
void write_file(const char *path, const void *data, size_t size);

#endif
