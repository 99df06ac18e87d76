/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_json.h - what pwkctl registry get and ls show, as JSON.
 */
#ifndef PWK_LAUNCHER_CONTROL_JSON_H
#define PWK_LAUNCHER_CONTROL_JSON_H

#include <jansson.h>

#include "launcher/control_session.h"

/* An object of a value: `value` (its name), `type`, `type_number` and `data`. NULL without memory.
 */
json_t *control_value_json(const uint16_t *name, size_t units, uint32_t type, const void *data,
                           size_t size);

/* The keys from the session's own down to `depth` below it, as a list of objects: `key`, `link`,
 * `volatile`, `session` (it lives in the session's registry) and, with `values`, `values`. 0 with
 * `*list`, which the caller takes over; else the session has the error. */
int control_keys_json(struct control_session *session, unsigned depth, bool values, json_t **list);

#endif
