/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_view.c - see audit_view.h.
 */
#include "launcher/audit_view.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/utf8.h"

/* ---- records ---- */

static const char *text_of(json_t *record, const char *name)
{
    return json_string_value(json_object_get(record, name));
}

json_t *pwk_audit_parse(const char *line, size_t size)
{
    json_t *record = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);

    if (json_is_object(record) && text_of(record, "time") != NULL &&
        text_of(record, "kernel") != NULL && text_of(record, "event") != NULL &&
        text_of(record, "verdict") != NULL && json_is_integer(json_object_get(record, "pid")))
        return record;
    json_decref(record);
    return NULL;
}

bool pwk_audit_is_wanted(const struct pwk_audit_filter *filter, json_t *record)
{
    if (filter->event != NULL && strcmp(filter->event, text_of(record, "event")) != 0)
        return false;
    if (filter->verdict != NULL && strcmp(filter->verdict, text_of(record, "verdict")) != 0)
        return false;
    if (filter->since != NULL && strcmp(text_of(record, "time"), filter->since) < 0)
        return false;
    return filter->pid == 0 || json_integer_value(json_object_get(record, "pid")) == filter->pid;
}

static bool is_plain(uint32_t code)
{
    return code >= 0x20 && (code < 0x7f || code >= 0xa0);
}

/* Control characters as \xHH, the rest as it is; quoted where it would not read as one word. */
static void show_text(const char *text, FILE *stream)
{
    size_t left = strlen(text);
    bool quoted = left == 0 || strpbrk(text, " \"=") != NULL;

    if (quoted)
        putc('"', stream);
    while (left > 0) {
        uint32_t code;
        size_t length = pwk_utf8_read(text, left, &code);

        if (quoted && (*text == '"' || *text == '\\'))
            putc('\\', stream);
        if (length > 0 && is_plain(code))
            fwrite(text, 1, length, stream);
        else
            fprintf(stream, "\\x%02x", length > 0 ? (unsigned)code : (unsigned char)*text);
        length = length > 0 ? length : 1;
        text += length;
        left -= length;
    }
    if (quoted)
        putc('"', stream);
}

static bool is_shown_apart(const char *name)
{
    static const char *const apart[] = {"time", "kernel", "pid", "tid", "event", "verdict"};

    for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++)
        if (strcmp(apart[i], name) == 0)
            return true;
    return false;
}

static void show_value(json_t *value, FILE *stream)
{
    if (json_is_string(value))
        show_text(json_string_value(value), stream);
    else if (json_is_integer(value))
        fprintf(stream, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        fputs(json_is_true(value) ? "yes" : "?", stream);
}

void pwk_audit_show(json_t *record, FILE *stream)
{
    const char *name;
    json_t *value;

    show_text(text_of(record, "time"), stream);
    fprintf(stream, " %7" JSON_INTEGER_FORMAT " ",
            json_integer_value(json_object_get(record, "pid")));
    show_text(text_of(record, "event"), stream);
    putc(' ', stream);
    show_text(text_of(record, "verdict"), stream);
    json_object_foreach(record, name, value)
    {
        if (is_shown_apart(name))
            continue;
        putc(' ', stream);
        show_text(name, stream);
        putc('=', stream);
        show_value(value, stream);
    }
    putc('\n', stream);
}

/* ---- files ---- */

int pwk_audit_file_open(struct pwk_audit_file *file, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat status;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return -EINVAL;
    }
    file->fd = fd;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    file->position = 0;
    file->used = 0;
    file->skipping = false;
    return 0;
}

void pwk_audit_file_close(struct pwk_audit_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

bool pwk_audit_file_moved(const struct pwk_audit_file *file, const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 &&
           (status.st_dev != file->device || status.st_ino != file->inode);
}

static void take_line(struct pwk_audit_file *file, const char *line, size_t size,
                      void (*each)(void *context, const char *line, size_t size, json_t *record),
                      void *context)
{
    json_t *record = file->skipping ? NULL : pwk_audit_parse(line, size);

    if (record != NULL)
        each(context, line, size, record);
    else
        file->no_record++;
    file->skipping = false;
    json_decref(record);
}

/* Takes the whole lines out of the buffer; a part of one stays, or is passed over where it fills
 * the buffer. */
static void take_lines(struct pwk_audit_file *file,
                       void (*each)(void *context, const char *line, size_t size, json_t *record),
                       void *context)
{
    const char *at = file->buffer;
    const char *end = file->buffer + file->used;
    const char *stop;

    while (at < end && (stop = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        take_line(file, at, (size_t)(stop - at), each, context);
        at = stop + 1;
    }
    file->used = (size_t)(end - at);
    if (file->used == sizeof(file->buffer)) {
        file->skipping = true;
        file->used = 0;
    }
    memmove(file->buffer, at, file->used);
}

int pwk_audit_file_read(struct pwk_audit_file *file,
                        void (*each)(void *context, const char *line, size_t size, json_t *record),
                        void *context)
{
    struct stat status;

    if (fstat(file->fd, &status) == 0 && (uint64_t)status.st_size < file->position) {
        file->position = 0;
        file->used = 0;
        file->skipping = false;
    }
    for (;;) {
        ssize_t got = pread(file->fd, file->buffer + file->used, sizeof(file->buffer) - file->used,
                            (off_t)file->position);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : 0;
        file->position += (uint64_t)got;
        file->used += (size_t)got;
        take_lines(file, each, context);
    }
}
