/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lower_fixture.h - a registry that follows a layer below it: the layer is a text that the test
 * writes, its generation a word in memory that children of fork share. All paths are below
 * \Registry\Machine; values are DWORDs, so that a test reads as a table.
 */
#ifndef PWK_TESTS_LOWER_FIXTURE_H
#define PWK_TESTS_LOWER_FIXTURE_H

#include "tests/unit/registry_fixture.h"

#define NO_KEY (-1)
#define NO_VALUE (-2)

/* Setup and teardown: a folder, and a layer below that nobody has written yet. */
int make_layers(void **state);
int remove_layers(void **state);

/* The layer below is this from now on: sections as Wine writes them, relative to Machine. Who
 * sleeps on it is woken. `becomes_raw`: the whole text, whatever it is. */
void lower_becomes(const char *sections);
void lower_becomes_raw(const char *text, size_t size);

/* Who counts the layer's states, as a process sees it. */
extern uint64_t lower_instance;

/* Called, once, when the next process or registry object has opened the newest text and not taken
 * it in yet. */
extern void (*lower_opened)(void);

/* For registry_follow_lower. */
struct registry_lower the_lower(void);

/* Opens the store, imports the first state where that has not been done, and follows. */
registry_t *open_layers(void);
int try_open_layers(registry_t **registry, struct registry_error *error);

/* The DWORD at `name`, or NO_KEY or NO_VALUE. */
long number(registry_t *registry, const char *path, const char *name);
bool has_key(registry_t *registry, const char *path);
/* The kernel's own writes; `put` makes what is missing of the path and returns the key. */
uint64_t put(registry_t *registry, const char *path, const char *name, uint32_t value);
uint64_t make(registry_t *registry, const char *path);
void remove_key(registry_t *registry, const char *path);
void remove_value(registry_t *registry, const char *path, const char *name);
int try_put(registry_t *registry, const char *path, const char *name, uint32_t value);

/* The subkeys or the values of a key as "a b c ", in the order of enumeration; lives until the
 * next call. */
const char *subkeys(registry_t *registry, const char *path);
const char *values(registry_t *registry, const char *path);

/* How many files of that beginning are in the folder. */
size_t count_files(const char *beginning);

#endif
