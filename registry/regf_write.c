/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regf_write.c - the writer of hive files: each key's record first, then its values, then its
 * subkeys in the same way; the record is completed when all of them are known.
 *
 * Internal functions answer 0, a negative errno with the reason in the error, or what the source
 * answered.
 */
#include "registry/regf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/regf_format.h"
#include "registry/regf_image.h"
#include "registry/upcase.h"

#define MAX_KEY_NAME 256u
#define MAX_VALUE_NAME 16383u
#define MAX_CLASS (UINT16_MAX / 2u)
#define MAX_DATA (UINT16_MAX * (size_t)REGF_SEGMENT)

#define LEAF_KEYS 506u /* what Windows puts into one lh list: such a cell fills a block */

struct writer {
    const struct regf_source *source;
    uint32_t minor;
    struct regf_image image;
    struct regf_error *error;
};

struct offsets {
    uint32_t *items;
    size_t count;
    size_t capacity;
};

/* Owner administrators, group the system; the system and administrators: everything, everybody:
 * reading; subkeys inherit it. */
static const unsigned char default_security[] = {
    1, 0, 4,  0x80, 92,   0, 0,   0, 108, 0, 0, 0, 0,  0, 0, 0, 20, 0, 0, 0, /* header */
    2, 0, 72, 0,    3,    0, 0,   0,                                         /* list of 3 entries */
    0, 2, 20, 0,    0x3f, 0, 0xf, 0,                                         /* all access */
    1, 1, 0,  0,    0,    0, 0,   5, 18,  0, 0, 0,                           /* S-1-5-18 */
    0, 2, 24, 0,    0x3f, 0, 0xf, 0,                                         /* all access */
    1, 2, 0,  0,    0,    0, 0,   5, 32,  0, 0, 0, 32, 2, 0, 0,              /* S-1-5-32-544 */
    0, 2, 20, 0,    0x19, 0, 2,   0,                                         /* read */
    1, 1, 0,  0,    0,    0, 0,   1, 0,   0, 0, 0,                           /* S-1-1-0 */
    1, 2, 0,  0,    0,    0, 0,   5, 32,  0, 0, 0, 32, 2, 0, 0,              /* the owner */
    1, 1, 0,  0,    0,    0, 0,   5, 18,  0, 0, 0,                           /* the group */
};

static int fail(struct writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct writer *writer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(writer->error->text, sizeof(writer->error->text), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static int push(struct writer *writer, struct offsets *offsets, uint32_t offset)
{
    if (offsets->count == offsets->capacity) {
        size_t capacity = offsets->capacity ? offsets->capacity * 2 : 16;
        uint32_t *items = realloc(offsets->items, capacity * sizeof(*items));

        if (!items) {
            fail(writer, "out of memory");
            return -ENOMEM;
        }
        offsets->items = items;
        offsets->capacity = capacity;
    }
    offsets->items[offsets->count++] = offset;
    return 0;
}

/* ---- names ---- */

static bool is_latin1(const uint16_t *name, size_t units)
{
    for (size_t i = 0; i < units; i++)
        if (name[i] > 0xff)
            return false;
    return true;
}

static void store_name(unsigned char *out, const uint16_t *name, size_t units, bool latin1)
{
    if (!latin1 && units)
        memcpy(out, name, units * sizeof(*name));
    for (size_t i = 0; latin1 && i < units; i++)
        out[i] = (unsigned char)name[i];
}

/* The name of a key that has been written. */
struct stored_name {
    const unsigned char *bytes;
    size_t units;
    bool latin1;
};

static struct stored_name find_name(const struct writer *writer, uint32_t key)
{
    const unsigned char *bytes = regf_image_at(&writer->image, key);
    struct regf_nk nk;

    memcpy(&nk, bytes, sizeof(nk));
    return (struct stored_name){
        .bytes = bytes + sizeof(nk),
        .units = nk.flags & REGF_KEY_LATIN1 ? nk.name_size : nk.name_size / sizeof(uint16_t),
        .latin1 = nk.flags & REGF_KEY_LATIN1,
    };
}

static uint16_t upcased_unit(const struct stored_name *name, size_t index)
{
    uint16_t unit;

    if (name->latin1)
        return registry_upcase(name->bytes[index]);
    memcpy(&unit, name->bytes + index * sizeof(unit), sizeof(unit));
    return registry_upcase(unit);
}

static int compare_keys(const void *a, const void *b, void *context)
{
    struct stored_name one = find_name(context, *(const uint32_t *)a);
    struct stored_name other = find_name(context, *(const uint32_t *)b);

    for (size_t i = 0; i < one.units && i < other.units; i++) {
        int difference = upcased_unit(&one, i) - upcased_unit(&other, i);

        if (difference)
            return difference;
    }
    return (one.units > other.units) - (one.units < other.units);
}

static uint32_t hash_name(const struct stored_name *name)
{
    uint32_t hash = 0;

    for (size_t i = 0; i < name->units; i++)
        hash = hash * 37 + upcased_unit(name, i);
    return hash;
}

/* ---- values ---- */

static int put_big_data(struct writer *writer, const struct regf_value *value, uint32_t *offset)
{
    struct regf_image *image = &writer->image;
    struct regf_db db = {.signature = {'d', 'b'}};
    const unsigned char *data = value->data;
    int result;

    db.count = (uint16_t)((value->size + REGF_SEGMENT - 1) / REGF_SEGMENT);
    if ((result = regf_image_add(image, sizeof(db), offset)) ||
        (result = regf_image_add(image, db.count * sizeof(uint32_t), &db.segments)))
        return result;
    memcpy(regf_image_at(image, *offset), &db, sizeof(db));
    for (size_t i = 0; i < db.count; i++) {
        size_t done = i * REGF_SEGMENT;
        size_t part = value->size - done < REGF_SEGMENT ? value->size - done : REGF_SEGMENT;
        uint32_t segment;

        if ((result = regf_image_add(image, part, &segment)))
            return result;
        memcpy(regf_image_at(image, segment), data + done, part);
        ((uint32_t *)regf_image_at(image, db.segments))[i] = segment;
    }
    return 0;
}

/* Sets the fields of the value's record that say where its data are. */
static int put_data(struct writer *writer, const struct regf_value *value, struct regf_vk *vk)
{
    uint32_t offset = 0;
    int result;

    vk->size = (uint32_t)value->size;
    if (value->size <= sizeof(offset)) {
        vk->size |= REGF_INLINE;
        if (value->size)
            memcpy(&offset, value->data, value->size);
        vk->data = offset;
        return 0;
    }
    if (value->size > REGF_SEGMENT && writer->minor >= 4) {
        result = put_big_data(writer, value, &offset);
    } else {
        result = regf_image_add(&writer->image, value->size, &offset);
        if (result == 0)
            memcpy(regf_image_at(&writer->image, offset), value->data, value->size);
    }
    vk->data = offset;
    return result;
}

static int put_value(struct writer *writer, const struct regf_value *value, uint32_t *offset)
{
    bool latin1 = is_latin1(value->name, value->name_units);
    struct regf_vk vk = {.signature = {'v', 'k'}, .type = value->type};
    unsigned char *out;
    int result;

    if (value->name_units > MAX_VALUE_NAME)
        return fail(writer, "the name of a value has %zu units; %u are possible", value->name_units,
                    MAX_VALUE_NAME);
    if (value->size > MAX_DATA)
        return fail(writer, "a value of %zu bytes; %zu are possible", value->size, MAX_DATA);
    vk.name_size = (uint16_t)(value->name_units * (latin1 ? 1 : sizeof(uint16_t)));
    vk.flags = latin1 && value->name_units ? REGF_VALUE_LATIN1 : 0;
    if ((result = regf_image_add(&writer->image, sizeof(vk) + vk.name_size, offset)) ||
        (result = put_data(writer, value, &vk)))
        return result;
    out = regf_image_at(&writer->image, *offset);
    memcpy(out, &vk, sizeof(vk));
    store_name(out + sizeof(vk), value->name, value->name_units, latin1);
    return 0;
}

/* Writes all values of a key but not their list; `nk` takes their greatest sizes. */
static int put_values(struct writer *writer, uint64_t key, struct regf_nk *nk,
                      struct offsets *values)
{
    for (;;) {
        struct regf_value value = {0};
        uint32_t offset, name_bytes;
        int result = writer->source->value(writer->source->context, key, values->count, &value);

        if (result)
            return result == -ENODATA ? 0 : result;
        if ((result = put_value(writer, &value, &offset)) ||
            (result = push(writer, values, offset)))
            return result;
        name_bytes = (uint32_t)(value.name_units * sizeof(uint16_t));
        if (nk->max_value_name < name_bytes)
            nk->max_value_name = name_bytes;
        if (nk->max_value_data < value.size)
            nk->max_value_data = (uint32_t)value.size;
    }
}

static int put_value_list(struct writer *writer, uint64_t key, struct regf_nk *nk)
{
    struct offsets values = {0};
    int result = put_values(writer, key, nk, &values);

    nk->value_count = (uint32_t)values.count;
    if (result == 0 && values.count)
        result = regf_image_add(&writer->image, values.count * sizeof(uint32_t), &nk->values);
    if (result == 0 && values.count)
        memcpy(regf_image_at(&writer->image, nk->values), values.items,
               values.count * sizeof(uint32_t));
    free(values.items);
    return result;
}

/* ---- lists of subkeys ---- */

/* What stands beside a key's offset in an lf list: the start of its name, where that is Latin-1. */
static uint32_t name_hint(const struct stored_name *name)
{
    unsigned char hint[sizeof(uint32_t)] = {0};
    uint32_t word = 0;

    if (name->latin1)
        memcpy(hint, name->bytes, name->units < sizeof(hint) ? name->units : sizeof(hint));
    memcpy(&word, hint, sizeof(word));
    return word;
}

/* Version 1.3 knows lf lists, later ones lh. */
static int put_leaf(struct writer *writer, const uint32_t *keys, size_t count, uint32_t *offset)
{
    struct regf_list list = {.signature = {'l', writer->minor >= 5 ? 'h' : 'f'},
                             .count = (uint16_t)count};
    unsigned char *out;
    int result = regf_image_add(&writer->image,
                                sizeof(list) + count * sizeof(struct regf_list_entry), offset);

    if (result)
        return result;
    out = regf_image_at(&writer->image, *offset);
    memcpy(out, &list, sizeof(list));
    out += sizeof(list);
    for (size_t i = 0; i < count; i++, out += sizeof(struct regf_list_entry)) {
        struct stored_name name = find_name(writer, keys[i]);
        struct regf_list_entry entry = {
            .key = keys[i], .hash = writer->minor >= 5 ? hash_name(&name) : name_hint(&name)};

        memcpy(out, &entry, sizeof(entry));
    }
    return 0;
}

/* One lh list, or an ri of as many as it takes. */
static int put_lists(struct writer *writer, const struct offsets *keys, uint32_t *offset)
{
    size_t leaves = (keys->count + LEAF_KEYS - 1) / LEAF_KEYS;
    struct regf_list list = {.signature = {'r', 'i'}, .count = (uint16_t)leaves};
    int result;

    if (leaves == 1)
        return put_leaf(writer, keys->items, keys->count, offset);
    if (leaves > UINT16_MAX)
        return fail(writer, "%zu subkeys in one key; %u are possible", keys->count,
                    UINT16_MAX * LEAF_KEYS);
    if ((result = regf_image_add(&writer->image, sizeof(list) + leaves * sizeof(uint32_t), offset)))
        return result;
    memcpy(regf_image_at(&writer->image, *offset), &list, sizeof(list));
    for (size_t i = 0; i < leaves; i++) {
        size_t first = i * LEAF_KEYS;
        size_t count = keys->count - first < LEAF_KEYS ? keys->count - first : LEAF_KEYS;
        uint32_t leaf;

        if ((result = put_leaf(writer, keys->items + first, count, &leaf)))
            return result;
        memcpy((unsigned char *)regf_image_at(&writer->image, *offset) + sizeof(list) +
                   i * sizeof(leaf),
               &leaf, sizeof(leaf));
    }
    return 0;
}

static int refuse_double(struct writer *writer, uint32_t key)
{
    struct stored_name name = find_name(writer, key);
    char text[64];
    size_t i;

    for (i = 0; i < name.units && i < sizeof(text) - 1; i++) {
        uint16_t unit = upcased_unit(&name, i);

        text[i] = (char)(unit >= 0x20 && unit < 0x7f ? unit : '?');
    }
    text[i] = '\0';
    return fail(writer, "two subkeys of one key have the name '%s'", text);
}

/* Sorts the subkeys, writes their lists and completes the fields about them. */
static int list_subkeys(struct writer *writer, struct offsets *keys, struct regf_nk *nk)
{
    nk->subkey_count = (uint32_t)keys->count;
    if (keys->count == 0)
        return 0;
    qsort_r(keys->items, keys->count, sizeof(*keys->items), compare_keys, writer);
    for (size_t i = 0; i < keys->count; i++) {
        struct stored_name name = find_name(writer, keys->items[i]);
        uint32_t name_bytes = (uint32_t)(name.units * sizeof(uint16_t));
        struct regf_nk child;

        if (i && compare_keys(&keys->items[i - 1], &keys->items[i], writer) == 0)
            return refuse_double(writer, keys->items[i]);
        memcpy(&child, regf_image_at(&writer->image, keys->items[i]), sizeof(child));
        if (nk->max_subkey_name < name_bytes)
            nk->max_subkey_name = name_bytes;
        if (nk->max_subkey_class < child.class_size)
            nk->max_subkey_class = child.class_size;
    }
    return put_lists(writer, keys, &nk->subkeys);
}

/* ---- keys ---- */

static int check_key(struct writer *writer, const struct regf_key *key)
{
    if (key->name_units == 0)
        return fail(writer, "a subkey without a name");
    if (key->name_units > MAX_KEY_NAME)
        return fail(writer, "the name of a key has %zu units; %u are possible", key->name_units,
                    MAX_KEY_NAME);
    if (key->class_units > MAX_CLASS)
        return fail(writer, "the class of a key has %zu units; %u are possible", key->class_units,
                    MAX_CLASS);
    if (key->security_size > REGF_MAX_BINS)
        return fail(writer, "a security descriptor of %zu bytes", key->security_size);
    return 0;
}

/* Adds the record with the key's name, its class and its descriptor. */
static int put_node(struct writer *writer, const struct regf_key *key, struct regf_nk *nk,
                    uint32_t *offset)
{
    struct regf_image *image = &writer->image;
    const void *security = key->security_size ? key->security : default_security;
    size_t security_size = key->security_size ? key->security_size : sizeof(default_security);
    bool latin1 = is_latin1(key->name, key->name_units);
    int result;

    nk->flags |= latin1 ? REGF_KEY_LATIN1 : 0;
    nk->flags |= key->link ? REGF_KEY_LINK : 0;
    nk->flags |= key->predefined_handle ? REGF_KEY_PREDEFINED : 0;
    nk->last_write = key->last_write;
    nk->value_count = key->predefined_handle;
    nk->name_size = (uint16_t)(key->name_units * (latin1 ? 1 : sizeof(uint16_t)));
    nk->class_size = (uint16_t)(key->class_units * sizeof(uint16_t));
    if ((result = regf_image_add(image, sizeof(*nk) + nk->name_size, offset)))
        return result;
    store_name((unsigned char *)regf_image_at(image, *offset) + sizeof(*nk), key->name,
               key->name_units, latin1);
    if (nk->class_size) {
        if ((result = regf_image_add(image, nk->class_size, &nk->class_name)))
            return result;
        memcpy(regf_image_at(image, nk->class_name), key->class_name, nk->class_size);
    }
    return regf_image_share(image, security, security_size, &nk->security);
}

static int put_key(struct writer *writer, uint64_t id, uint32_t parent, unsigned depth,
                   uint32_t *offset);

static int put_subkeys(struct writer *writer, uint64_t id, uint32_t offset, unsigned depth,
                       struct offsets *keys)
{
    for (;;) {
        uint64_t subkey;
        uint32_t child;
        int result = writer->source->subkey(writer->source->context, id, keys->count, &subkey);

        if (result)
            return result == -ENODATA ? 0 : result;
        if ((result = put_key(writer, subkey, offset, depth, &child)) ||
            (result = push(writer, keys, child)))
            return result;
    }
}

/* Recursion is bounded by REGF_MAX_DEPTH: about 300 KiB of stack. */
static int put_key(struct writer *writer, uint64_t id, uint32_t parent, unsigned depth,
                   uint32_t *offset)
{
    static const uint16_t root_name[] = {'R', 'o', 'o', 't'};
    struct regf_nk nk = {.signature = {'n', 'k'},
                         .parent = parent,
                         .subkeys = REGF_NONE,
                         .volatile_subkeys = REGF_NONE,
                         .values = REGF_NONE,
                         .class_name = REGF_NONE};
    struct offsets keys = {0};
    struct regf_key key = {0};
    int result;

    if (depth > REGF_MAX_DEPTH)
        return fail(writer, "keys are nested more than %u deep", REGF_MAX_DEPTH);
    if ((result = writer->source->key(writer->source->context, id, &key)))
        return result;
    if (depth == 1) {
        nk.flags = REGF_KEY_ROOT | REGF_KEY_NO_DELETE;
        if (key.name_units == 0) {
            key.name = root_name;
            key.name_units = sizeof(root_name) / sizeof(root_name[0]);
        }
    }
    if ((result = check_key(writer, &key)) || (result = put_node(writer, &key, &nk, offset)) ||
        (!key.predefined_handle && (result = put_value_list(writer, id, &nk))))
        return result;
    result = put_subkeys(writer, id, *offset, depth + 1, &keys);
    if (result == 0)
        result = list_subkeys(writer, &keys, &nk);
    free(keys.items);
    if (result == 0)
        memcpy(regf_image_at(&writer->image, *offset), &nk, sizeof(nk));
    return result;
}

/* ---- the whole ---- */

int regf_write(const struct regf_source *source, uint64_t root, void **image, size_t *size,
               struct regf_error *error)
{
    return regf_write_version(source, root, 5, image, size, error);
}

int regf_write_version(const struct regf_source *source, uint64_t root, uint32_t minor,
                       void **image, size_t *size, struct regf_error *error)
{
    struct regf_error unwanted;
    struct writer writer = {.source = source, .minor = minor, .error = error ? error : &unwanted};
    struct regf_nk nk;
    uint32_t offset;
    int result;

    writer.error->offset = 0;
    writer.error->text[0] = '\0';
    writer.image.error = writer.error;
    result = put_key(&writer, root, REGF_NONE, 1, &offset);
    if (result == 0) {
        memcpy(&nk, regf_image_at(&writer.image, offset), sizeof(nk));
        regf_image_seal(&writer.image, minor, offset, nk.last_write);
        *image = writer.image.bytes;
        *size = writer.image.size;
        writer.image.bytes = NULL;
    }
    regf_image_finish(&writer.image);
    return result;
}
