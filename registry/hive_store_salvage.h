/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store_salvage.h - a new store out of what is left of a damaged one.
 */
#ifndef PWK_REGISTRY_HIVE_STORE_SALVAGE_H
#define PWK_REGISTRY_HIVE_STORE_SALVAGE_H

#include "registry/hive_store.h"
#include "registry/store_image.h"

#define HIVE_LOST_AND_FOUND "\\Registry\\Lost+Found"

struct hive_salvage {
    registry_progress progress; /* may be NULL */
    void (*say)(void *context, const char *line);
    void *context;

    uint64_t keys, values;   /* in the new store, without what is made up */
    uint64_t capital_keys;   /* known from the index of names alone: in capitals, without values */
    uint64_t cut_values;     /* whose data is lost */
    uint64_t lost_and_found; /* keys whose place is not known */
};

/* Puts every row of `image` that can be read into `store`, which is new, in one transaction. Keys
 * keep their ids. A key whose parent is gone goes, with all below it, into a key of
 * HIVE_LOST_AND_FOUND named after the parent's id. Ends with everything on stable storage in the
 * store's file alone. -ENODATA where not one key was found; then and on errors the store is to be
 * thrown away. */
int hive_store_salvage(hive_store_t *store, struct store_image *image,
                       struct hive_salvage *salvage);

/* Moves the log into the store's file, fsynced, and empties it. -ETIMEDOUT where somebody reads. */
int hive_store_settle(hive_store_t *store);

#endif
