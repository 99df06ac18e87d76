/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_model_compare.c - a model beside a real registry: one operation done in both, and all
 * that either holds compared.
 */
#include "tests/unit/registry_model.h"

#define LARGEST 8192 /* bytes of data that operations set */

static char difference[1024];

static const char *differs(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *differs(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(difference, sizeof(difference), format, arguments);
    va_end(arguments);
    return difference;
}

/* The bytes of a value; how many. */
static size_t data_of(const struct model_value *value, unsigned char data[LARGEST])
{
    unsigned random = value->seed;

    if (value->type == REG_LINK && value->target[0]) {
        struct registry_path text = wide(value->target);

        memcpy(data, text.text, text.units * 2);
        return text.units * 2;
    }
    for (size_t i = 0; i < value->size; i++) {
        random = random * 1103515245u + 12345u;
        data[i] = (unsigned char)(random >> 16);
    }
    return value->size;
}

/* ---- values ---- */

static const char *compare_data(const struct model_value *value,
                                const struct registry_value_info *info, const void *found)
{
    unsigned char expected[LARGEST];
    size_t size = data_of(value, expected);

    if (info->type != value->type || info->data_bytes != size)
        return differs("value '%s' has type %u and %u bytes, not %u and %zu", value->name,
                       info->type, info->data_bytes, value->type, size);
    if (size && memcmp(found, expected, size))
        return differs("value '%s' has other data", value->name);
    return NULL;
}

static const char *query_value(registry_t *registry, uint64_t id, const struct model_key *key,
                               const char *name)
{
    int expected = model_find_value(key, name);
    struct registry_value_info info = {0};
    unsigned char data[LARGEST];
    int code = try_query(registry, id, name, &info, data, sizeof(data));

    if (code != (expected < 0 ? -ENOENT : 0))
        return differs("querying '%s' of key '%s' answers %d", name, key->name, code);
    return expected < 0 ? NULL : compare_data(&key->values[expected], &info, data);
}

static const char *list_values(registry_t *registry, const struct model_key *key)
{
    unsigned char data[LARGEST];
    uint16_t name[64];
    const struct registry_buffer name_out = {name, sizeof(name)}, data_out = {data, sizeof(data)};
    struct registry_value_info info = {0};
    const char *result;

    for (size_t i = 0; i < key->value_count; i++) {
        const struct model_value *value = &key->values[i];
        char other[sizeof(value->name)];
        int code =
            registry_enumerate_value(registry, key->id, (uint32_t)i, &info, &name_out, &data_out);

        if (code || !same_text(name, info.name_bytes / 2, value->name))
            return differs("value %zu of key '%s' is not '%s' (%d)", i, key->name, value->name,
                           code);
        result = compare_data(value, &info, data);
        memcpy(other, value->name, sizeof(other));
        model_other_case(other);
        if (!result)
            result = query_value(registry, key->id, key, other);
        if (result)
            return result;
    }
    if (registry_enumerate_value(registry, key->id, (uint32_t)key->value_count, &info, NULL,
                                 NULL) != -ENODATA)
        return differs("key '%s' has more than %zu values", key->name, key->value_count);
    return NULL;
}

/* ---- keys ---- */

static uint32_t longer(uint32_t longest, size_t bytes)
{
    return bytes > longest ? (uint32_t)bytes : longest;
}

/* What a key tells of itself. */
static const char *compare_info(const struct model *model, registry_t *registry, int number)
{
    const struct model_key *key = &model->keys[number];
    uint16_t name[REGISTRY_MAX_KEY_NAME];
    const struct registry_buffer name_out = {name, sizeof(name)};
    uint32_t longest_key = 0, longest_name = 0, largest = 0;
    unsigned char data[LARGEST];
    struct registry_key_info info;
    int list[MODEL_KEYS], code;
    size_t count = model_list_subkeys(model, number, list);

    for (size_t i = 0; i < count; i++)
        longest_key = longer(longest_key, strlen(model->keys[list[i]].name) * 2);
    for (size_t i = 0; i < key->value_count; i++) {
        longest_name = longer(longest_name, strlen(key->values[i].name) * 2);
        largest = longer(largest, data_of(&key->values[i], data));
    }
    code = registry_query_key(registry, key->id, true, &info, &name_out, NULL);
    if (code)
        return differs("querying key '%s' answers %d", key->name, code);
    if (!same_text(name, info.name_bytes / 2, key->name))
        return differs("key '%s' has another name", key->name);
    if (info.flags != key->flags || info.subkeys != count || info.values != key->value_count)
        return differs("key '%s' has flags %u, %u subkeys, %u values, not %u, %zu, %zu", key->name,
                       info.flags, info.subkeys, info.values, key->flags, count, key->value_count);
    if (info.max_subkey_name != longest_key || info.max_value_name != longest_name ||
        info.max_value_data != largest)
        return differs("key '%s' tells other greatest lengths: %u %u %u, not %u %u %u", key->name,
                       info.max_subkey_name, info.max_value_name, info.max_value_data, longest_key,
                       longest_name, largest);
    return NULL;
}

/* Lists the subkeys, by index and by name, and binds them where `bind`. */
static const char *list_subkeys(struct model *model, registry_t *registry, int number, bool bind)
{
    const uint64_t id = model->keys[number].id;
    int list[MODEL_KEYS], code;
    size_t count = model_list_subkeys(model, number, list);
    uint64_t listed, found;

    for (size_t i = 0; i < count; i++) {
        struct model_key *subkey = &model->keys[list[i]];
        char other[sizeof(subkey->name)];

        memcpy(other, subkey->name, sizeof(other));
        model_other_case(other);
        code = registry_enumerate_key(registry, id, (uint32_t)i, &listed);
        if (code)
            return differs("subkey %zu of '%s' answers %d", i, model->keys[number].name, code);
        code = try_lookup(registry, id, other, REGISTRY_OPEN_LINK, &found);
        if (code || found != listed || (!bind && found != subkey->id))
            return differs("subkey %zu of '%s' is not '%s' (%d)", i, model->keys[number].name,
                           subkey->name, code);
        subkey->id = found;
    }
    code = registry_enumerate_key(registry, id, (uint32_t)count, &listed);
    return code == -ENODATA
               ? NULL
               : differs("'%s' has a subkey too many (%d)", model->keys[number].name, code);
}

static const char *compare_key(struct model *model, registry_t *registry, int number, bool bind)
{
    const char *result = compare_info(model, registry, number);

    if (!result)
        result = list_values(registry, &model->keys[number]);
    return result ? result : list_subkeys(model, registry, number, bind);
}

static const char *compare_branch(struct model *model, registry_t *registry, int number)
{
    int list[MODEL_KEYS];
    const char *result = compare_key(model, registry, number, true);
    size_t count = model_list_subkeys(model, number, list);

    for (size_t i = 0; !result && i < count; i++)
        result = compare_branch(model, registry, list[i]);
    return result;
}

const char *model_compare(struct model *model, registry_t *registry)
{
    int code = try_lookup(registry, REGISTRY_ROOT_KEY, model->keys[0].name, 0, &model->keys[0].id);

    if (code)
        return differs("looking up '%s' answers %d", model->keys[0].name, code);
    return compare_branch(model, registry, 0);
}

/* ---- one operation ---- */

/* A deleted key answers so to everything. */
static int use_gone(registry_t *registry, const struct model *model,
                    const struct operation *operation)
{
    struct registry_path name = wide(operation->path);
    struct registry_value_info info;
    struct registry_key_info about;
    uint64_t id, found;

    if (!model->gone_count)
        return -EIDRM;
    id = model->gone[(size_t)operation->key %
                     (model->gone_count < MODEL_GONE ? model->gone_count : MODEL_GONE)];
    if (registry_query_key(registry, id, true, &about, NULL, NULL) != -EIDRM)
        return 1;
    if (try_lookup(registry, id, operation->path, 0, &found) != -EIDRM)
        return 2;
    if (try_create(registry, id, operation->path, 0, &found) != -EIDRM)
        return 3;
    if (try_query(registry, id, operation->path, &info, NULL, 0) != -EIDRM)
        return 4;
    if (registry_enumerate_key(registry, id, 0, &found) != -EIDRM)
        return 5;
    if (registry_delete_value(registry, id, name.text, name.units) != -EIDRM)
        return 6;
    if (registry_rename(registry, id, name.text, name.units) != -EIDRM)
        return 7;
    return try_set(registry, id, operation->path, REG_BINARY, "x", 1);
}

static int operate_really(registry_t *registry, const struct model *model,
                          const struct operation *operation, uint64_t *found, bool *created)
{
    const uint64_t id = model->keys[operation->key].id;
    struct registry_path path = wide(operation->path);
    unsigned char data[LARGEST];
    size_t size;

    switch (operation->kind) {
    case OPERATION_CREATE:
        return registry_create(registry, id, path.text, path.units, operation->lookup_flags,
                               operation->key_flags, NULL, 0, found, created, NULL);
    case OPERATION_LOOKUP:
        return registry_lookup(registry, id, path.text, path.units, operation->lookup_flags, found,
                               NULL);
    case OPERATION_DELETE:
        return registry_delete(registry, id);
    case OPERATION_RENAME:
        return registry_rename(registry, id, path.text, path.units);
    case OPERATION_SET:
        size = data_of(&operation->value, data);
        return try_set(registry, id, operation->value.name, operation->value.type, data, size);
    case OPERATION_DELETE_VALUE:
        return registry_delete_value(registry, id, path.text, path.units);
    case OPERATION_GONE:
        return use_gone(registry, model, operation);
    case OPERATION_FLUSH:
        return registry_flush(registry);
    default:
        return 0;
    }
}

/* A key that was led to: bound where it is new, else compared. */
static const char *check_found(struct model *model, int key, bool is_new, uint64_t found,
                               bool created)
{
    if (created != is_new)
        return differs("the key was %s", created ? "created" : "not created");
    if (is_new)
        model->keys[key].id = found;
    else if (model->keys[key].id != found)
        return differs("the path leads to another key than '%s'", model->keys[key].name);
    return NULL;
}

const char *model_operate_both(struct model *model, registry_t *registry,
                               const struct operation *operation)
{
    uint64_t id = model->keys[operation->key].id, found = 0;
    bool used[MODEL_KEYS], created = false;
    int key, code, expected;

    if (operation->kind == OPERATION_QUERY)
        return query_value(registry, id, &model->keys[operation->key], operation->path);
    if (operation->kind == OPERATION_LIST)
        return compare_key(model, registry, operation->key, false);
    for (int i = 0; i < MODEL_KEYS; i++)
        used[i] = model->keys[i].used;
    code = operate_really(registry, model, operation, &found, &created);
    expected = model_operate(model, operation, &key);
    if (code != expected)
        return differs("answers %d, not %d", code, expected);
    if (code == 0 && operation->kind == OPERATION_DELETE)
        model->gone[model->gone_count++ % MODEL_GONE] = id;
    return code == 0 && key >= 0 ? check_found(model, key, !used[key], found, created) : NULL;
}
