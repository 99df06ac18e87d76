/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * batch.h - many changes of a registry as one: all of them are done, or none, also where the
 * process is killed in the middle. Other processes see none of them before the end and all of them
 * after.
 *
 * From begin to end the batch holds the registry's locks, and all signals are blocked: other
 * writers wait (at most ten seconds, then they fail), and no function of registry.h may be called
 * by this process. All memory that is handed in must not fault. Errors are those of registry.h;
 * after one the batch is to be ended with it.
 */
#ifndef PWK_REGISTRY_BATCH_H
#define PWK_REGISTRY_BATCH_H

#include "registry/registry.h"

typedef struct registry_batch registry_batch_t;

int registry_begin_batch(registry_t *registry, registry_batch_t **out);

/* Ends it: what was done stays where `result` is 0, else nothing. Answers `result`, or why it could
 * not stay. */
int registry_end_batch(registry_batch_t *batch, int result);

/* True where a signal waits that would end the process: what takes long should give up. */
bool registry_batch_interrupted(const registry_batch_t *batch);

/* As registry_lookup: links are followed, the last component's unless REGISTRY_OPEN_LINK. */
int registry_batch_find(registry_batch_t *batch, uint64_t from, const uint16_t *path, size_t units,
                        unsigned flags, uint64_t *key);
/* The same; makes the key, and those on the way to it, where they are missing. */
int registry_batch_create(registry_batch_t *batch, uint64_t from, const uint16_t *path,
                          size_t units, unsigned flags, uint64_t *key);

struct registry_batch_key {
    uint64_t last_write; /* 0: now */
    bool link;
    const uint16_t *class_name; /* empty, as the descriptor: left as it is */
    size_t class_units;
    const void *security;
    size_t security_size;
};
/* Sets what a key is beside its name, values and subkeys. */
int registry_batch_set_key(registry_batch_t *batch, uint64_t key,
                           const struct registry_batch_key *data);
int registry_batch_set_last_write(registry_batch_t *batch, uint64_t key, uint64_t last_write);

int registry_batch_set_value(registry_batch_t *batch, uint64_t key, const uint16_t *name,
                             size_t units, uint32_t type, const void *data, size_t size);
int registry_batch_delete_value(registry_batch_t *batch, uint64_t key, const uint16_t *name,
                                size_t units);
/* Deletes the key with all below it; -EXDEV where a part of that lives elsewhere. */
int registry_batch_delete_branch(registry_batch_t *batch, uint64_t key);

#endif
