/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_files.c - see hive_files.h. Every operation is one transaction of the hive store.
 */
#include "registry/hive_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/branch_source.h"
#include "registry/import.h"
#include "registry/regf.h"
#include "registry/registry_internal.h"
#include "registry/transaction.h"

/* An image of a branch, inside begin and end. */
static int write_image(registry_t *registry, uint64_t key, uint32_t version, void **image,
                       size_t *size, struct registry_error *error)
{
    struct branch_source branch = {.store = registry->store};
    struct regf_source source = branch_source_regf(&branch);
    struct regf_error reason = {0};
    int result = regf_write_version(&source, key, version, image, size, &reason);

    branch_source_finish(&branch);
    if (result < 0 && reason.text[0])
        snprintf(error->text, sizeof error->text, "the hive cannot be written: %s", reason.text);
    return result;
}

int registry_save_hive(registry_t *registry, uint64_t key, uint32_t version, void **image,
                       size_t *size, struct registry_error *error)
{
    struct registry_guard guard;
    struct hive_key row;
    int result;

    error->text[0] = 0;
    /* The writers' lock keeps the branch as it is; nothing is written. */
    result = registry_begin_write_key(registry, &guard, key, &row);
    if (result < 0)
        return result;
    result = write_image(registry, key, version, image, size, error);
    if (result == 0)
        result = -ECANCELED;
    result = registry_end_write(registry, &guard, result, NULL, 0);
    return result == -ECANCELED ? 0 : result;
}

/* ---- from an image ---- */

struct loading {
    registry_t *registry;
    bool merge;                         /* keys that are there already are gone into */
    uint64_t stack[REGF_MAX_DEPTH + 1]; /* the keys from the branch's own on */
    size_t depth;
    uint64_t last_write;
};

/* The row's class and time replace those of a key that is there. */
static int find_or_insert(hive_store_t *store, const struct hive_key *row, uint64_t *id)
{
    uint32_t flags;
    int result = hive_store_find_key(store, row->parent, row->name, row->name_units, id, &flags);

    if (result == -ENOENT)
        return hive_store_insert_key(store, row, id);
    if (result == 0)
        result = hive_store_update_key(store, *id, row->last_write, row->flags, row->class_name,
                                       row->class_units);
    return result;
}

static int enter_key(void *context, const struct regf_key *key)
{
    struct loading *loading = context;
    hive_store_t *store = loading->registry->store;
    struct hive_key row = {
        .last_write = key->last_write,
        .flags = key->link ? REGISTRY_CREATE_LINK : 0,
        .name = key->name,
        .name_units = key->name_units,
        .class_name = key->class_name,
        .class_units = key->class_units,
    };
    uint64_t id;
    int result = 0;

    loading->last_write = key->last_write;
    if (loading->depth == 0) {
        id = loading->stack[0]; /* the root's own name says nothing */
    } else {
        if (!key->name_units || key->name_units > REGISTRY_MAX_KEY_NAME)
            return -EINVAL;
        row.parent = loading->stack[loading->depth - 1];
        result = loading->merge ? find_or_insert(store, &row, &id)
                                : hive_store_insert_key(store, &row, &id);
    }
    if (result == 0 && key->security_size)
        result = hive_store_put_security(store, id, key->security, key->security_size);
    loading->stack[loading->depth++] = id;
    return result;
}

static int load_value(void *context, const struct regf_value *value)
{
    struct loading *loading = context;
    struct hive_value row = {value->name, value->name_units, value->type, value->data, value->size};

    return hive_store_put_value(loading->registry->store, loading->stack[loading->depth - 1], &row,
                                loading->last_write);
}

static int leave_key(void *context)
{
    struct loading *loading = context;

    loading->depth--;
    return 0;
}

static int note_hive(void *context, const struct regf_hive *hive)
{
    (void)context;
    (void)hive;
    return 0;
}

static int parse(const void *image, size_t size, const struct regf_sink *sink,
                 struct registry_error *error)
{
    struct regf_error reason = {0};
    int result = regf_parse(image, size, sink, &reason);

    if (result < 0 && reason.text[0])
        snprintf(error->text, sizeof error->text, "no hive that can be read: at %llu: %s",
                 (unsigned long long)reason.offset, reason.text);
    return result;
}

/* Fills the key `base` from a regf image. */
static int fill_from_regf(registry_t *registry, uint64_t base, bool merge, const void *image,
                          size_t size, struct registry_error *error)
{
    struct regf_sink sink = {NULL, note_hive, enter_key, load_value, leave_key};
    struct loading *loading = calloc(1, sizeof *loading);
    int result;

    if (!loading)
        return -ENOMEM;
    loading->registry = registry;
    loading->merge = merge;
    loading->stack[0] = base;
    sink.context = loading;
    result = parse(image, size, &sink, error);
    free(loading);
    return result;
}

static bool is_text(const void *image, size_t size)
{
    static const char text_start[] = "WINE REGISTRY";

    return size > sizeof text_start && !memcmp(image, text_start, sizeof text_start - 1);
}

/* Fills the key `base` from an image of either kind. */
static int fill_from_image(registry_t *registry, uint64_t base, const void *image, size_t size,
                           struct registry_error *error)
{
    return is_text(image, size) ? registry_import_text_below(registry, base, image, size, error)
                                : fill_from_regf(registry, base, false, image, size, error);
}

static int accept_key(void *context, const struct regf_key *key)
{
    (void)context;
    (void)key;
    return 0;
}

static int accept_value(void *context, const struct regf_value *value)
{
    (void)context;
    (void)value;
    return 0;
}

static int accept_leave(void *context)
{
    (void)context;
    return 0;
}

int registry_check_hive(const void *image, size_t size, struct registry_error *error)
{
    static const struct regf_sink sink = {NULL, note_hive, accept_key, accept_value, accept_leave};

    error->text[0] = 0;
    return is_text(image, size) ? 0 : parse(image, size, &sink, error);
}

/* Lays a branch over the key `base`, inside begin and end. */
static int overlay_branch(registry_t *registry, uint64_t branch, uint64_t base,
                          struct registry_error *error)
{
    void *image;
    size_t size;
    int result = write_image(registry, branch, REGISTRY_HIVE_LATEST, &image, &size, error);

    if (result < 0)
        return result;
    result = fill_from_regf(registry, base, true, image, size, error);
    free(image);
    return result;
}

/* The merged branch stands in the store for as long as the transaction lasts, which is rolled
 * back. */
int registry_save_merged(registry_t *registry, uint64_t high, uint64_t low, void **image,
                         size_t *size, struct registry_error *error)
{
    static const uint16_t name[] = u"(merging)";
    struct hive_key row = {.parent = REGISTRY_ROOT_KEY,
                           .last_write = registry_now(),
                           .name = name,
                           .name_units = sizeof name / sizeof name[0] - 1};
    struct registry_guard guard;
    struct hive_key exists;
    uint64_t merged;
    int result;

    error->text[0] = 0;
    result = registry_begin_write_key(registry, &guard, high, &exists);
    if (result < 0)
        return result;
    result = hive_store_read_key(registry->store, low, &exists);
    result = result == -ENOENT ? -EIDRM : result;
    if (result == 0)
        result = hive_store_insert_key(registry->store, &row, &merged);
    if (result == 0)
        result = overlay_branch(registry, low, merged, error);
    if (result == 0)
        result = overlay_branch(registry, high, merged, error);
    if (result == 0)
        result = write_image(registry, merged, REGISTRY_HIVE_LATEST, image, size, error);
    if (result == 0)
        result = -ECANCELED;
    result = registry_end_write(registry, &guard, result, NULL, 0);
    return result == -ECANCELED ? 0 : result;
}

int registry_load_hive(registry_t *registry, uint64_t parent, const uint16_t *name, size_t units,
                       const char *file, const void *image, size_t size, uint64_t *key,
                       struct registry_error *error)
{
    struct hive_key row = {
        .parent = parent, .last_write = registry_now(), .name = name, .name_units = units};
    struct registry_guard guard;
    uint32_t flags;
    int result;

    error->text[0] = 0;
    if (registry_transaction_of(parent))
        return -EOPNOTSUPP;
    if (!units || units > REGISTRY_MAX_KEY_NAME)
        return -EINVAL;
    result = registry_begin_write(registry, &guard);
    if (result < 0)
        return result;
    result = hive_store_find_key(registry->store, parent, name, units, key, &flags);
    result = result == 0 ? -EEXIST : result == -ENOENT ? 0 : result;
    if (result == 0)
        result = hive_store_insert_key(registry->store, &row, key);
    if (result == 0)
        result = hive_store_put_hive(registry->store, *key, file);
    if (result == 0 && size)
        result = fill_from_image(registry, *key, image, size, error);
    return registry_end_write(registry, &guard, result, registry_everything, REGISTRY_EVERYTHING);
}

int registry_hive_file(registry_t *registry, uint64_t key, char *path)
{
    struct registry_guard guard;
    int result = registry_enter(registry, &guard);

    if (result < 0)
        return result;
    result = hive_store_get_hive(registry->store, key, path, PATH_MAX);
    registry_leave(registry, &guard);
    return result;
}

int registry_set_hive_file(registry_t *registry, uint64_t key, const char *path)
{
    struct registry_guard guard;
    struct hive_key row;
    int result = registry_begin_write_key(registry, &guard, key, &row);

    if (result < 0)
        return result;
    result = hive_store_put_hive(registry->store, key, path);
    return registry_end_write(registry, &guard, result, NULL, 0);
}

int registry_unload_hive(registry_t *registry, uint64_t key)
{
    struct registry_guard guard;
    int result;

    if (registry_transaction_of(key))
        return -EOPNOTSUPP;
    result = registry_begin_write(registry, &guard);
    if (result < 0)
        return result;
    result = hive_store_remove_branch(registry->store, key, true);
    return registry_end_write(registry, &guard, result, registry_everything, REGISTRY_EVERYTHING);
}

int registry_restore_hive(registry_t *registry, uint64_t key, const void *image, size_t size,
                          struct registry_error *error)
{
    struct registry_guard guard;
    struct hive_key row;
    int result;

    error->text[0] = 0;
    result = registry_begin_write_key(registry, &guard, key, &row);
    if (result < 0)
        return result;
    result = hive_store_remove_branch(registry->store, key, false);
    if (result == 0)
        result = fill_from_image(registry, key, image, size, error);
    return registry_end_write(registry, &guard, result, registry_everything, REGISTRY_EVERYTHING);
}
