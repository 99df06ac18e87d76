/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_told.c - see registry_told.h.
 */
#include "launcher/registry_told.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_DATA (1u << 30)

enum kind { TOLD_KEY, TOLD_VALUE, TOLD_ERROR, TOLD_END };

/* Followed by a path or name, and the data of a value or the line of an error. */
struct head {
    uint32_t kind;
    uint32_t units;
    uint32_t type; /* of a value; of a key whether it is a link; of an error its errno */
    uint32_t size;
};

/* ---- telling ---- */

static int put(FILE *stream, const struct head *head, const uint16_t *name, const void *data)
{
    if (fwrite(head, sizeof(*head), 1, stream) == 1 &&
        fwrite(name, sizeof(*name), head->units, stream) == head->units &&
        fwrite(data, 1, head->size, stream) == head->size)
        return 0;
    return -EPIPE;
}

static int tell_key(void *context, const struct control_key *key)
{
    const struct head head = {TOLD_KEY, (uint32_t)key->units, key->link, 0};

    return key->elsewhere || key->is_volatile ? 0 : put(context, &head, key->path, "");
}

static int tell_value(void *context, const struct control_key *key, const uint16_t *name,
                      size_t units, uint32_t type, const void *data, size_t size)
{
    const struct head head = {TOLD_VALUE, (uint32_t)units, type, (uint32_t)size};

    return key->is_volatile ? 0 : put(context, &head, name, size > 0 ? data : "");
}

int registry_tell(const char *kernel, int to)
{
    static struct control_session session;
    FILE *stream = fdopen(to, "we");
    const struct control_visitor visitor = {stream, UINT_MAX, tell_key, tell_value};
    struct head last = {.kind = TOLD_END};
    int rc;

    if (stream == NULL)
        return CONTROL_FAILED;
    rc = control_session_open(&session, kernel, false);
    if (rc == 0)
        rc = control_session_walk(&session, &visitor);
    if (rc != 0)
        last = (struct head){TOLD_ERROR, 0, (uint32_t)-rc, (uint32_t)strlen(session.error.text)};
    control_session_close(&session);
    put(stream, &last, NULL, session.error.text);
    return fflush(stream) == 0 && rc == 0 ? CONTROL_OK : CONTROL_FAILED;
}

/* ---- being told ---- */

struct reading {
    FILE *stream;
    struct head head;
    uint16_t name[REGISTRY_MAX_VALUE_NAME > CONTROL_PATH_UNITS ? REGISTRY_MAX_VALUE_NAME
                                                               : CONTROL_PATH_UNITS];
    char *data;
    size_t capacity;
};

/* A line that was told, printed as what it is. */
static int take_error(const struct reading *reading, struct pwk_error *error)
{
    const uint32_t code = reading->head.type;

    return pwk_error_set(error, code > 0 && code < 4096 ? -(int)code : -EPROTO, "%.*s",
                         (int)(reading->head.size < 1000 ? reading->head.size : 1000),
                         reading->data);
}

static bool read_record(struct reading *reading)
{
    struct head *head = &reading->head;

    if (fread(head, sizeof(*head), 1, reading->stream) != 1 || head->kind > TOLD_END ||
        head->size > MOST_DATA ||
        head->units > (head->kind == TOLD_KEY     ? CONTROL_PATH_UNITS
                       : head->kind == TOLD_VALUE ? REGISTRY_MAX_VALUE_NAME
                                                  : 0))
        return false;
    if (head->size >= reading->capacity) {
        char *larger = realloc(reading->data, head->size + 1);

        if (larger == NULL)
            return false;
        reading->data = larger;
        reading->capacity = head->size + 1;
    }
    return fread(reading->name, sizeof(reading->name[0]), head->units, reading->stream) ==
               head->units &&
           fread(reading->data, 1, head->size, reading->stream) == head->size;
}

static int read_all(struct reading *reading, const struct registry_told_sink *sink,
                    struct pwk_error *error)
{
    const struct head *head = &reading->head;
    int rc = 0;

    while (rc == 0 && read_record(reading)) {
        if (head->kind == TOLD_END)
            return 0;
        if (head->kind == TOLD_ERROR)
            return take_error(reading, error);
        rc = head->kind == TOLD_KEY
                 ? sink->key(sink->context, reading->name, head->units, head->type != 0)
                 : sink->value(sink->context, reading->name, head->units, head->type, reading->data,
                               head->size);
        if (rc != 0)
            return pwk_error_set(error, rc, "the other kernel's registry cannot be compared: %s",
                                 rc == -ENOMEM ? "no memory left" : "a path in it is too long");
    }
    return pwk_error_set(error, -EPROTO, "the other kernel's registry was not read to its end");
}

int registry_told_read(int from, const struct registry_told_sink *sink, struct pwk_error *error)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    FILE *stream = reading != NULL ? fdopen(from, "re") : NULL;
    int rc = -ENOMEM;

    if (stream != NULL) {
        reading->stream = stream;
        rc = read_all(reading, sink, error);
        fclose(stream);
    } else {
        close(from);
        pwk_error_set(error, rc, "no memory left");
    }
    free(reading ? reading->data : NULL);
    free(reading);
    return rc;
}
