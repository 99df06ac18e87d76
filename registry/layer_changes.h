/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layer_changes.h - the kernel's layer as a list of changes to the layer below, and their two ends:
 * the layer below has them (they are settled), or the kernel gives them up (they are discarded).
 *
 * Volatile keys are left out, as they end with the kernel's processes, and so are keys that were
 * loaded from a file: that file has them. Descriptors are not told: Wine's text holds none.
 * Paths are below \Registry ("Machine\Software\..."). Errors as in registry.h; none of this follows
 * a transaction.
 */
#ifndef PWK_REGISTRY_LAYER_CHANGES_H
#define PWK_REGISTRY_LAYER_CHANGES_H

#include "registry/registry.h"

/* In the order in which they are told, for each key: what is gone comes before what is there, a key
 * before what is below it. */
enum registry_layer_kind {
    REGISTRY_LAYER_KEY,            /* it is there: `name` is its class */
    REGISTRY_LAYER_VALUES_KEPT,    /* it has no values but those in `data` */
    REGISTRY_LAYER_SUBKEYS_KEPT,   /* nor subkeys but those in `data` */
    REGISTRY_LAYER_VALUE_DELETED,  /* `name` */
    REGISTRY_LAYER_SUBKEY_DELETED, /* `name`, with all below it */
    REGISTRY_LAYER_VALUE,          /* `name`, `type`, `data` */
    REGISTRY_LAYER_KINDS
};

struct registry_layer_change {
    enum registry_layer_kind kind;
    const uint16_t *path; /* of the key */
    size_t path_units;
    const uint16_t *name;
    size_t name_units;
    uint32_t type;    /* of a value; of a key REGISTRY_CREATE_LINK or 0 */
    const void *data; /* of ..._KEPT: names, each a unit with its length before it */
    size_t size;
};

/* The key at `path` without links on the way; it may be missing, or deleted by the kernel, from
 * any component on. -EINVAL where the path gets too long. */
int registry_layer_path(registry_t *registry, const uint16_t *path, size_t units,
                        struct registry_path *branch);

/* Tells the changes at `branch` (as registry_layer_path answers it; "": everything) and below.
 * `skip`: keys that are none of the caller's business, with all below them. `change` answers 0 to
 * go on; both are called with the registry's lock held and all signals blocked. */
struct registry_layer_visitor {
    void *context;
    bool (*skip)(void *context, const uint16_t *path, size_t units);
    int (*change)(void *context, const struct registry_layer_change *change);
};
int registry_visit_layer(registry_t *registry, const struct registry_path *branch,
                         const struct registry_layer_visitor *visitor);

/* A state of the layer below: Wine's texts, and which state it is (as struct registry_lower). */
struct registry_layer_state {
    uint64_t instance, generation;
    const int *fds;
    size_t count;
};

/* Brings the registry in step with `state`, and gives up what the kernel holds at the branches that
 * this state has as well: rows, marks and tombstones. In one transaction. `*left`: how many keys
 * and values still differ there, but for what `skip` (of the visitor; the rest is not used) names.
 */
int registry_settle_layer(registry_t *registry, const struct registry_layer_state *state,
                          const struct registry_path *branches, size_t count,
                          const struct registry_layer_visitor *visitor, size_t *left);

/* Gives up all that the kernel did at the branches and shows what is below there, in one
 * transaction; keys get new ids. -ENOENT: the kernel has done nothing at a branch (never said of
 * all), which `at` is a copy of; -ENOTDIR: what is above it is deleted or superseded as a whole, by
 * the key `at`. -ENODATA: it is not known what is below; a program has to be started first. */
int registry_discard_layer(registry_t *registry, const struct registry_path *branches, size_t count,
                           struct registry_path *at);

#endif
