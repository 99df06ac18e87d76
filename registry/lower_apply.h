/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lower_apply.h - writes what changed in the lower layer into the store.
 */
#ifndef PWK_REGISTRY_LOWER_APPLY_H
#define PWK_REGISTRY_LOWER_APPLY_H

#include "registry/coherence.h"
#include "registry/hive_store.h"
#include "registry/lower_image.h"

/* What is to be published; more than fit: everything may have changed. */
struct lower_changes {
    struct coherence_change list[256];
    size_t count;
};

/* Inside a write. Both texts as lower_image_compare made them. -EINVAL: a text is damaged. */
int lower_apply_changed(hive_store_t *store, const struct lower_text *text,
                        struct lower_changes *changes);
int lower_apply_gone(hive_store_t *store, const struct lower_text *text,
                     struct lower_changes *changes);

#endif
