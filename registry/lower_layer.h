/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lower_layer.h - keeps the store in step with the layer below it: what the prefix changed shows,
 * but for what the kernel wrote or took away. Beside the database stands the text of the state
 * that the store was last brought in step with (registry.lower-<n>), so that only differences are
 * looked at.
 */
#ifndef PWK_REGISTRY_LOWER_LAYER_H
#define PWK_REGISTRY_LOWER_LAYER_H

#include "registry/registry_internal.h"

/* One text of the lower layer. */
struct lower_source {
    char *text;
    size_t size;
};

/* Reads up to REGISTRY_LOWER_TEXTS files; empty ones have size 0. Close also after an error. */
int lower_sources_open(struct lower_source *sources, const int *fds, size_t count);
void lower_sources_close(struct lower_source *sources, size_t count);

/* Inside a write: remembers the texts as the state that the store is in step with. */
int lower_keep(registry_t *registry, const struct lower_source *sources, size_t count);
/* After its commit: removes what was kept before. */
void lower_forget_older(registry_t *registry);

/* Inside a write: brings the store in step with the texts, which become the kept ones. What is to
 * be published is in `changes`. */
struct lower_changes;
int lower_bring_in_step(registry_t *registry, const struct lower_source *sources, size_t count,
                        struct lower_changes *changes);
/* Inside a write: which state that was. After its commit: tells it to all processes. */
int lower_write_state(registry_t *registry, struct coherence_lower state);
int lower_tell_state(registry_t *registry);
/* Inside a write: a store in memory that holds the kept text and nothing else; the caller closes
 * it. -ENODATA where there is no good kept text. */
int lower_open_kept(registry_t *registry, hive_store_t **lower);

/* Follows the lower layer where it has moved on; failures are remembered, not repeated. Takes the
 * locks itself: to be called without. */
void lower_catch_up(registry_t *registry);

#endif
