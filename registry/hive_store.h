/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_store.h - the store of one registry: two SQLite tables, keys and values. All SQL of pwk
 * stands behind this header.
 *
 * One connection a store object, one thread at a time, signals blocked by the caller (nothing may
 * unwind out of SQLite), never across fork. Functions answer 0 or a negative errno as registry.h
 * lists them. Names are UTF-16 in host order; `sort` forms (upcased, big-endian, so that memcmp
 * orders them by code unit) are made inside.
 */
#ifndef PWK_REGISTRY_HIVE_STORE_H
#define PWK_REGISTRY_HIVE_STORE_H

#include "registry/registry.h"

typedef struct hive_store hive_store_t;

/* Whose a key or value is. The kernel's registry is a layer over the prefix's ("lower"); the store
 * holds both merged, so that reading knows nothing of layers. What the kernel took away has a
 * tombstone, which hides it also when the lower layer is looked at again. */
#define HIVE_LOWER 1u           /* the lower layer has it */
#define HIVE_UPPER 2u           /* the kernel wrote it, or something below it */
#define HIVE_SUPERSEDE_LOCAL 4u /* keys: values of the lower layer are not seen */
#define HIVE_SUPERSEDE_TREE 8u  /* keys: nor is anything else of it below */

struct hive_key {
    uint64_t id;
    uint64_t parent;
    uint64_t last_write;
    uint32_t flags;
    uint32_t layer; /* to hive_store_insert_key: HIVE_LOWER, or 0: the kernel's */
    const uint16_t *name;
    size_t name_units;
    const uint16_t *class_name;
    size_t class_units;
    bool secured; /* out only: it has a descriptor of its own */
};

struct hive_value {
    const uint16_t *name;
    size_t name_units;
    uint32_t type;
    const void *data;
    size_t size;
};

/* As registry_prepare_confined says, of SQLite. */
void hive_store_prepare_confined(void);

/* Opens `path`; with `create`, makes the file and its schema where there is none. Older schemas
 * are migrated in a transaction; newer ones are refused. A file that may not be written is opened
 * for reading. */
int hive_store_open(const char *path, bool create, hive_store_t **out,
                    struct registry_error *error);
void hive_store_close(hive_store_t *store);

/* True also where the file could not be opened for writing. */
bool hive_store_is_read_only(hive_store_t *store);

/* Reads every page and index; -EUCLEAN with what is wrong. Slow: for use after an unclean end. */
int hive_store_check(hive_store_t *store, const char *path, struct registry_error *error);

int hive_store_begin(hive_store_t *store);
int hive_store_commit(hive_store_t *store);
void hive_store_rollback(hive_store_t *store);
/* Moves the log into the database file and fsyncs both. */
int hive_store_checkpoint(hive_store_t *store);

/* Reading. Memory that `out` and the visitors' arguments point to lives until the next call. A read
 * leaves a snapshot open, which would be in the way of checkpoints: hive_store_release ends it. */
void hive_store_release(hive_store_t *store);
/* What is read between these is read from one snapshot, at the price of one. Not while writing. */
int hive_store_begin_reading(hive_store_t *store);
void hive_store_end_reading(hive_store_t *store);
/* In *flags beside what the key's row holds: it has a descriptor of its own. */
#define HIVE_FOUND_SECURED 0x80000000u
int hive_store_find_key(hive_store_t *store, uint64_t parent, const uint16_t *name, size_t units,
                        uint64_t *id, uint32_t *flags);
int hive_store_read_key(hive_store_t *store, uint64_t id, struct hive_key *out);
/* Visitors answer 0 to go on; anything else ends the walk and is returned. */
int hive_store_visit_subkeys(hive_store_t *store, uint64_t parent,
                             int (*visit)(void *context, const struct hive_key *key),
                             void *context);
int hive_store_visit_values(hive_store_t *store, uint64_t key,
                            int (*visit)(void *context, const struct hive_value *value),
                            void *context);
int hive_store_find_value(hive_store_t *store, uint64_t key, const uint16_t *name, size_t units,
                          struct hive_value *out);

/* Values with their positions, which grow in the order of values and leave gaps
 * (hive_store_order.c). Unordered is the cheapest way to all, and the only one that can be ended
 * early at no cost; the others are for keys that have many. */
int hive_store_visit_values_unordered(hive_store_t *store, uint64_t key,
                                      int (*visit)(void *context, const struct hive_value *value,
                                                   int64_t position),
                                      void *context);
struct hive_measures {
    uint32_t count;
    uint32_t max_name, max_data; /* bytes; of keys, those of their classes */
};
/* Looks at every value. */
int hive_store_measure_values(hive_store_t *store, uint64_t key, struct hive_measures *out);
/* The position of the value with that index; -ENOENT. Costs a step for each value before it. */
int hive_store_value_position(hive_store_t *store, uint64_t key, uint32_t index, int64_t *position);
/* Up to `limit` values behind a position in their order, or before it in the opposite one. */
int hive_store_visit_values_from(
    hive_store_t *store, uint64_t key, int64_t position, bool backwards, uint32_t limit,
    int (*visit)(void *context, const struct hive_value *value, int64_t position), void *context);

/* Subkeys in their order, for keys that have many: their measures; the one with that index
 * (-ENOENT; costs a step for each before it); and up to `limit` behind a subkey (0: from the first
 * on), or before it in the opposite order. */
int hive_store_measure_subkeys(hive_store_t *store, uint64_t parent, struct hive_measures *out);
int hive_store_subkey_at(hive_store_t *store, uint64_t parent, uint32_t index, uint64_t *id);
int hive_store_visit_subkeys_from(hive_store_t *store, uint64_t parent, uint64_t subkey,
                                  bool backwards, uint32_t limit,
                                  int (*visit)(void *context, uint64_t id), void *context);

/* -ENOENT without such a key, -ENODATA where it has no descriptor of its own. */
int hive_store_read_security(hive_store_t *store, uint64_t id, const void **descriptor,
                             size_t *size);

/* Writing, inside begin and commit. Times are FILETIMEs. A key is given the next id, or its own
 * where that is not 0. */
int hive_store_insert_key(hive_store_t *store, const struct hive_key *key, uint64_t *id);
/* No key will be given an id up to this one. */
int hive_store_use_key_id(hive_store_t *store, uint64_t id);
int hive_store_update_key(hive_store_t *store, uint64_t id, uint64_t last_write, uint32_t flags,
                          const uint16_t *class_name, size_t class_units);
int hive_store_touch_key(hive_store_t *store, uint64_t id, uint64_t last_write);
/* -EEXIST where the parent has a subkey of that name. */
int hive_store_rename_key(hive_store_t *store, uint64_t id, const uint16_t *name, size_t units);
/* `size` 0: none of its own any more. */
int hive_store_put_security(hive_store_t *store, uint64_t id, const void *descriptor, size_t size);
/* 1 or 0. */
int hive_store_has_subkeys(hive_store_t *store, uint64_t id);
/* -ENOTEMPTY while it has subkeys; its values go with it. */
int hive_store_remove_key(hive_store_t *store, uint64_t id);
/* Sets and touches the key; -EIDRM when there is no such key. */
int hive_store_put_value(hive_store_t *store, uint64_t key, const struct hive_value *value,
                         uint64_t last_write);
int hive_store_remove_value(hive_store_t *store, uint64_t key, const uint16_t *name, size_t units);
/* Removes what is below a key and its values, and with `whole` the key itself; -EIDRM. */
int hive_store_remove_branch(hive_store_t *store, uint64_t id, bool whole);
/* The file that a key was loaded from; -ENOENT where there is none. */
int hive_store_put_hive(hive_store_t *store, uint64_t key, const char *file);
int hive_store_get_hive(hive_store_t *store, uint64_t key, char *file, size_t size);
/* Removes all volatile keys with everything below them. */
int hive_store_remove_volatile(hive_store_t *store);

/* ---- layers (hive_store_layers.c). The writing functions above are the kernel's: they keep marks
 * and tombstones by themselves. These are for what comes from the lower layer. ---- */

/* The key and all above it are the kernel's too from now on. */
int hive_store_claim_key(hive_store_t *store, uint64_t id);
int hive_store_set_key_layer(hive_store_t *store, uint64_t id, uint32_t layer);
/* 1: a tombstone stands there; 0: none. */
int hive_store_key_is_hidden(hive_store_t *store, uint64_t parent, const uint16_t *name,
                             size_t units);
/* The same of any subkey's name. */
int hive_store_hides_keys(hive_store_t *store, uint64_t parent);
int hive_store_value_is_hidden(hive_store_t *store, uint64_t key, const uint16_t *name,
                               size_t units);
int hive_store_value_layer(hive_store_t *store, uint64_t key, const uint16_t *name, size_t units,
                           uint32_t *layer);
int hive_store_set_value_layer(hive_store_t *store, uint64_t key, const uint16_t *name,
                               size_t units, uint32_t layer);
/* Puts a value of the lower layer, in place of one that is its alone; -EIDRM. */
int hive_store_put_lower_value(hive_store_t *store, uint64_t key, const struct hive_value *value,
                               uint64_t last_write);
/* Removes without a tombstone. */
int hive_store_drop_value(hive_store_t *store, uint64_t key, const uint16_t *name, size_t units);
int hive_store_drop_key(hive_store_t *store, uint64_t id);
/* The same with all below it, or, of the top key, with what is below it alone; keys that were
 * loaded from files stay, with those above them. The place of application hives is left alone. */
int hive_store_drop_branch(hive_store_t *store, uint64_t id);
int hive_store_drop_key_tombstone(hive_store_t *store, uint64_t parent, const uint16_t *name,
                                  size_t units);
int hive_store_drop_value_tombstone(hive_store_t *store, uint64_t key, const uint16_t *name,
                                    size_t units);
/* The key is the lower layer's alone from now on, unless something of the kernel's is in it, hides
 * something in it, or is below it. */
int hive_store_release_key(hive_store_t *store, uint64_t id);
/* What the layers hold of a key or of its values; names live until the visitor returns. */
struct hive_layered {
    const uint16_t *name;
    size_t name_units;
    uint32_t layer; /* 0: a tombstone */
};
int hive_store_visit_value_layers(hive_store_t *store, uint64_t key,
                                  int (*visit)(void *context, const struct hive_layered *entry),
                                  void *context);
int hive_store_visit_key_tombstones(hive_store_t *store, uint64_t parent,
                                    int (*visit)(void *context, const struct hive_layered *entry),
                                    void *context);
int hive_store_visit_value_tombstones(hive_store_t *store, uint64_t key,
                                      int (*visit)(void *context, const struct hive_layered *entry),
                                      void *context);
/* Puts the key in the place of the lower layer's: HIVE_SUPERSEDE_LOCAL hides values there,
 * HIVE_SUPERSEDE_TREE also what is below. Or shows the lower layer again, when that is looked at
 * next. (hive_store_marks.c) */
int hive_store_supersede_key(hive_store_t *store, uint64_t id, uint32_t mark);
int hive_store_merge_key(hive_store_t *store, uint64_t id);
/* Removes all that is the lower layer's alone; what the kernel wrote stays. */
int hive_store_forget_lower(hive_store_t *store);

/* Named marks ("imported"): 0 when never set. */
int hive_store_get_mark(hive_store_t *store, const char *name, int64_t *value);
int hive_store_set_mark(hive_store_t *store, const char *name, int64_t value);

#endif
