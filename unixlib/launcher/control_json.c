/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_json.c - see control_json.h.
 */
#include "launcher/control_json.h"

#include <errno.h>

#include "launcher/registry_data.h"

json_t *control_value_json(const uint16_t *name, size_t units, uint32_t type, const void *data,
                           size_t size)
{
    json_t *object = json_pack("{s:o}", "value", registry_data_units_json(name, units));
    json_t *shown = registry_data_json(type, data, size);
    bool whole = object != NULL && shown != NULL && json_object_update(object, shown) == 0;

    json_decref(shown);
    if (whole)
        return object;
    json_decref(object);
    return NULL;
}

struct keys {
    json_t *list;
    json_t *values; /* of the last key; borrowed */
    bool with_values;
    struct control_path name;
};

static int add_key(void *context, const struct control_key *key)
{
    struct keys *keys = context;
    json_t *object;

    if (control_key_name(key->path, key->units, &keys->name) != 0)
        return -ENAMETOOLONG;
    object = json_pack("{s:o, s:b, s:b, s:b}", "key",
                       registry_data_units_json(keys->name.text, keys->name.units), "link",
                       key->link, "volatile", key->is_volatile, "session", key->elsewhere);
    if (object != NULL && keys->with_values) {
        keys->values = json_array();
        json_object_set_new(object, "values", keys->values);
    }
    return json_array_append_new(keys->list, object) == 0 ? 0 : -ENOMEM;
}

static int add_value(void *context, const struct control_key *key, const uint16_t *name,
                     size_t units, uint32_t type, const void *data, size_t size)
{
    struct keys *keys = context;

    (void)key;
    return json_array_append_new(keys->values, control_value_json(name, units, type, data, size)) ==
                   0
               ? 0
               : -ENOMEM;
}

int control_keys_json(struct control_session *session, unsigned depth, bool values, json_t **list)
{
    struct keys keys = {.list = json_array(), .with_values = values};
    const struct control_visitor visitor = {&keys, depth, add_key, values ? add_value : NULL};
    int rc = keys.list == NULL ? -ENOMEM : control_session_walk(session, &visitor);

    if (rc == 0) {
        *list = keys.list;
        return 0;
    }
    json_decref(keys.list);
    if (rc == -ENOMEM || rc == -ENAMETOOLONG)
        control_session_fail(session, rc, "");
    return rc;
}
