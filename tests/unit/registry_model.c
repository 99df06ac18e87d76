/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_model.c - see registry_model.h. Here is the model itself: what is chosen, and what it
 * does. The comparison with a real registry is in registry_model_compare.c.
 */
#include "tests/unit/registry_model.h"

#define LINK_LIMIT 32 /* as many links as one path may lead over */

static unsigned next_random(struct model *model, unsigned below)
{
    model->random = model->random * 1103515245u + 12345u;
    return (model->random >> 8) % below;
}

/* ---- names: Latin-1, compared without case ---- */

static unsigned char upcase(unsigned char unit)
{
    if ((unit >= 'a' && unit <= 'z') || (unit >= 0xe0 && unit <= 0xfe && unit != 0xf7))
        return (unsigned char)(unit - 0x20);
    return unit;
}

int model_compare_names(const char *left, const char *right)
{
    for (;; left++, right++) {
        unsigned char a = upcase((unsigned char)*left), b = upcase((unsigned char)*right);

        if (a != b || !a)
            return a - b;
    }
}

void model_other_case(char *name)
{
    for (; *name; name++)
        *name = (char)upcase((unsigned char)*name);
}

/* ---- keys ---- */

int model_find_subkey(const struct model *model, int parent, const char *name)
{
    for (int i = 0; i < MODEL_KEYS; i++)
        if (model->keys[i].used && model->keys[i].parent == parent &&
            !model_compare_names(model->keys[i].name, name))
            return i;
    return -1;
}

size_t model_list_subkeys(const struct model *model, int parent, int list[MODEL_KEYS])
{
    size_t count = 0;

    for (int i = 0; i < MODEL_KEYS; i++) {
        size_t at = count;

        if (!model->keys[i].used || model->keys[i].parent != parent)
            continue;
        for (; at && model_compare_names(model->keys[list[at - 1]].name, model->keys[i].name) > 0;
             at--)
            list[at] = list[at - 1];
        list[at] = i;
        count++;
    }
    return count;
}

static int free_key(const struct model *model)
{
    for (int i = 0; i < MODEL_KEYS; i++)
        if (!model->keys[i].used)
            return i;
    return -1;
}

static int depth_of(const struct model *model, int key)
{
    int depth = 0;

    while ((key = model->keys[key].parent) >= 0)
        depth++;
    return depth;
}

/* The full path of a key, `\Registry\...`. */
static void path_of(const struct model *model, int key, char path[MODEL_TEXT])
{
    size_t at = MODEL_TEXT - 1;

    /* Written from its end, then moved to the front. */
    path[at] = '\0';
    for (; key >= 0; key = model->keys[key].parent) {
        size_t length = strlen(model->keys[key].name);

        if (length + sizeof("\\Registry\\") > at)
            abort();
        at -= length;
        memcpy(path + at, model->keys[key].name, length);
        path[--at] = '\\';
    }
    at -= strlen("\\Registry");
    memcpy(path + at, "\\Registry", strlen("\\Registry"));
    memmove(path, path + at, MODEL_TEXT - at);
}

int model_find_value(const struct model_key *key, const char *name)
{
    for (size_t i = 0; i < key->value_count; i++)
        if (!model_compare_names(key->values[i].name, name))
            return (int)i;
    return -1;
}

/* ---- paths ---- */

struct route {
    int key;       /* where it leads */
    int parent;    /* of the key that is not there */
    char name[12]; /* of that */
};

/* The path with the target of a link in its place; 0 or an errno. Targets are full paths of the
 * model's keys, or lead out of it to where nothing is. */
static int follow_link(const struct model *model, int link, const char **rest, char *text,
                       size_t size)
{
    int value = model_find_value(&model->keys[link], MODEL_LINK_VALUE);
    char top[MODEL_TEXT], longer[4 * MODEL_TEXT];
    const char *target;
    size_t length;

    if (value < 0)
        return -ENOENT;
    target = model->keys[link].values[value].target;
    path_of(model, 0, top);
    length = strlen(top);
    if (strncmp(target, "\\Registry\\", 10))
        return -ENOENT;
    if (strncmp(target, top, length) || (target[length] && target[length] != '\\'))
        return -ENOTDIR;
    if (snprintf(longer, sizeof(longer), "%s\\%s", target + length, *rest) >= (int)sizeof(longer))
        return -EINVAL;
    snprintf(text, size, "%s", longer);
    *rest = text;
    return 0;
}

static int follow(const struct model *model, int from, const char *path, unsigned flags,
                  struct route *route)
{
    char text[4 * MODEL_TEXT];

    *route = (struct route){from, -1, ""};
    for (int links = 0;;) {
        char name[64];
        size_t length;
        int found, code;

        path += strspn(path, "\\");
        if (!*path)
            return 0;
        length = strcspn(path, "\\");
        snprintf(name, sizeof(name), "%.*s", (int)length, path);
        path += length;
        path += strspn(path, "\\");
        found = model_find_subkey(model, route->key, name);
        if (found < 0 && *path)
            return -ENOTDIR;
        if (found < 0) {
            route->parent = route->key;
            snprintf(route->name, sizeof(route->name), "%.11s", name);
            return -ENOENT;
        }
        if (model->keys[found].flags & REGISTRY_CREATE_LINK &&
            !(!*path && flags & REGISTRY_OPEN_LINK)) {
            if (++links > LINK_LIMIT)
                return -ELOOP;
            code = follow_link(model, found, &path, text, sizeof(text));
            if (code)
                return code;
            route->key = 0;
            continue;
        }
        route->key = found;
    }
}

/* ---- operations ---- */

static int create_key(struct model *model, const struct operation *operation, int *key)
{
    struct route route;
    int code = follow(model, operation->key, operation->path, operation->lookup_flags, &route);
    struct model_key *made;

    *key = code == 0 ? route.key : -1;
    if (code != -ENOENT || route.parent < 0)
        return code;
    if (model->keys[route.parent].flags & REGISTRY_VOLATILE &&
        !(operation->key_flags & REGISTRY_VOLATILE))
        return -ECHILD;
    *key = free_key(model);
    made = &model->keys[*key];
    *made = (struct model_key){.used = true, .parent = route.parent, .flags = operation->key_flags};
    snprintf(made->name, sizeof(made->name), "%s", route.name);
    return 0;
}

static int delete_key(struct model *model, int key)
{
    int list[MODEL_KEYS];

    if (model_list_subkeys(model, key, list))
        return -ENOTEMPTY;
    model->keys[key].used = false;
    return 0;
}

static int rename_key(struct model *model, int key, const char *name)
{
    if (model_find_subkey(model, model->keys[key].parent, name) >= 0)
        return -EEXIST;
    snprintf(model->keys[key].name, sizeof(model->keys[key].name), "%.11s", name);
    return 0;
}

static int set_value(struct model_key *key, const struct model_value *value)
{
    int found = model_find_value(key, value->name);
    struct model_value *place = &key->values[found < 0 ? (int)key->value_count++ : found];
    char name[sizeof(value->name)];

    /* The name stays as it was written first. */
    memcpy(name, found < 0 ? value->name : place->name, sizeof(name));
    *place = *value;
    memcpy(place->name, name, sizeof(name));
    return 0;
}

static int delete_value(struct model_key *key, const char *name)
{
    int found = model_find_value(key, name);

    if (found < 0)
        return -ENOENT;
    key->value_count--;
    memmove(key->values + found, key->values + found + 1,
            (key->value_count - (size_t)found) * sizeof(*key->values));
    return 0;
}

int model_operate(struct model *model, const struct operation *operation, int *key)
{
    struct model_key *on = &model->keys[operation->key];
    struct route route;
    int code;

    *key = -1;
    switch (operation->kind) {
    case OPERATION_CREATE:
        return create_key(model, operation, key);
    case OPERATION_LOOKUP:
        code = follow(model, operation->key, operation->path, operation->lookup_flags, &route);
        *key = code == 0 ? route.key : -1;
        return code;
    case OPERATION_DELETE:
        return delete_key(model, operation->key);
    case OPERATION_RENAME:
        return rename_key(model, operation->key, operation->path);
    case OPERATION_SET:
        return set_value(on, &operation->value);
    case OPERATION_DELETE_VALUE:
        return delete_value(on, operation->path);
    case OPERATION_QUERY:
        return model_find_value(on, operation->path) < 0 ? -ENOENT : 0;
    case OPERATION_GONE:
        return -EIDRM;
    default:
        return 0;
    }
}

void model_drop_volatile(struct model *model)
{
    /* What is below a volatile key is volatile. */
    for (int i = 0; i < MODEL_KEYS; i++)
        if (model->keys[i].flags & REGISTRY_VOLATILE)
            model->keys[i].used = false;
}

/* ---- the choice ---- */

/* Few names, so that they meet; two that differ by case alone. */
static const char *random_name(struct model *model)
{
    static const char *const names[] = {"a",  "B",        "b",        "Cc",          "d d", "E.e",
                                        "zZ", "\xe4pfel", "\xc4PFEL", "longer name", "9"};

    return names[next_random(model, sizeof(names) / sizeof(names[0]))];
}

static int random_key(struct model *model)
{
    int key;

    do
        key = (int)next_random(model, MODEL_KEYS);
    while (!model->keys[key].used);
    return key;
}

/* One to three components, with a backslash more here and there. */
static void random_path(struct model *model, char path[MODEL_TEXT])
{
    unsigned components = 1 + next_random(model, 4) / 2;
    size_t length = 0;

    for (unsigned i = 0; i < components; i++)
        length += (size_t)snprintf(path + length, MODEL_TEXT - length, "%s%s",
                                   i                       ? "\\"
                                   : next_random(model, 8) ? ""
                                                           : "\\\\",
                                   random_name(model));
}

static void choose_value(struct model *model, struct operation *operation)
{
    const struct model_key *key = &model->keys[operation->key];
    struct model_value *value = &operation->value;

    if (key->flags & REGISTRY_CREATE_LINK) {
        unsigned kind = next_random(model, 10);

        strcpy(value->name, MODEL_LINK_VALUE);
        value->type = REG_LINK;
        if (kind < 8)
            path_of(model, random_key(model), value->target);
        else
            strcpy(value->target, kind == 8 ? "\\Registry\\no\\such" : "nothing");
        value->size = strlen(value->target) * 2;
        return;
    }
    snprintf(value->name, sizeof(value->name), "%s",
             next_random(model, 8) ? random_name(model) : "");
    value->type = next_random(model, 12);
    value->seed = next_random(model, 1u << 16);
    /* Some are too large for the journal. */
    value->size = next_random(model, next_random(model, 16) ? 80 : 6000);
}

static enum operation_kind random_kind(struct model *model)
{
    static const enum operation_kind kinds[] = {
        OPERATION_CREATE,       OPERATION_CREATE, OPERATION_CREATE, OPERATION_CREATE,
        OPERATION_LOOKUP,       OPERATION_LOOKUP, OPERATION_LOOKUP, OPERATION_DELETE,
        OPERATION_DELETE,       OPERATION_RENAME, OPERATION_SET,    OPERATION_SET,
        OPERATION_SET,          OPERATION_SET,    OPERATION_SET,    OPERATION_SET,
        OPERATION_QUERY,        OPERATION_QUERY,  OPERATION_LIST,   OPERATION_GONE,
        OPERATION_DELETE_VALUE,
    };

    /* One that waits for the disk is rare. */
    if (!next_random(model, 200))
        return OPERATION_FLUSH;
    return kinds[next_random(model, sizeof(kinds) / sizeof(kinds[0]))];
}

struct operation model_choose(struct model *model)
{
    struct operation operation = {.kind = random_kind(model), .key = random_key(model)};
    const struct model_key *key = &model->keys[operation.key];

    random_path(model, operation.path);
    operation.lookup_flags = next_random(model, 4) ? 0 : REGISTRY_OPEN_LINK;
    if (operation.kind == OPERATION_CREATE) {
        unsigned kind = next_random(model, 10);

        operation.key_flags = kind < 2 ? REGISTRY_CREATE_LINK : 0;
        if (kind > 0 && kind < 4 && model->makes_volatile)
            operation.key_flags |= REGISTRY_VOLATILE;
        if (free_key(model) < 0 || depth_of(model, operation.key) >= MODEL_DEPTH)
            operation.kind = OPERATION_DELETE;
    } else if (operation.kind == OPERATION_SET) {
        choose_value(model, &operation);
        if (key->value_count == MODEL_VALUES && model_find_value(key, operation.value.name) < 0)
            operation.kind = OPERATION_LIST;
    } else if (operation.kind != OPERATION_LOOKUP) {
        strcpy(operation.path, random_name(model));
    }
    if (operation.key == 0 &&
        (operation.kind == OPERATION_DELETE || operation.kind == OPERATION_RENAME))
        operation.kind = OPERATION_LIST;
    return operation;
}

void model_begin(struct model *model, const char *top, unsigned seed)
{
    memset(model, 0, sizeof(*model));
    model->random = seed;
    model->keys[0] = (struct model_key){.used = true, .parent = -1};
    snprintf(model->keys[0].name, sizeof(model->keys[0].name), "%s", top);
}

const char *operation_text(const struct operation *operation)
{
    static const char *const kinds[] = {"create", "lookup", "delete",
                                        "rename", "set",    "delete value",
                                        "query",  "list",   "use of a deleted key",
                                        "flush"};
    static char text[2 * MODEL_TEXT + 100];

    snprintf(text, sizeof(text), "%s at key %d, '%s', flags %u %u, value '%s' of %zu bytes",
             kinds[operation->kind], operation->key, operation->path, operation->lookup_flags,
             operation->key_flags, operation->value.name, operation->value.size);
    return text;
}
