/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * profile_read.c - the reader of profiles: INI files, by libinih.
 */
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/profile_internal.h"

#define MAX_PROFILE_SIZE (1u << 20)

struct reading {
    struct pwk_profile *profile;
    const char *path;
    const char *position;
    const char *end;
    int line; /* of the text last handed to inih */
    int failed_line;
    int code;
    struct pwk_error *error;
};

static void fail(struct reading *reading, int code, const char *what)
{
    reading->failed_line = reading->line;
    reading->code =
        pwk_error_set(reading->error, code, "%s:%d: %s", reading->path, reading->line, what);
}

/* inih's reader, in place of fgets: one line a call, so that the count is right. Leading blanks
 * are dropped: inih would take an indented key for more of the value above it. A line longer than
 * inih's buffer is refused; fgets would have read its rest as a line of its own. */
static char *read_line(char *buffer, int capacity, void *stream)
{
    struct reading *reading = stream;
    const char *start = reading->position;
    const char *stop;
    size_t length;

    if (reading->code != 0 || start == reading->end)
        return NULL;
    stop = memchr(start, '\n', (size_t)(reading->end - start));
    stop = stop == NULL ? reading->end : stop;
    reading->position = stop == reading->end ? stop : stop + 1;
    reading->line++;
    while (start < stop && (*start == ' ' || *start == '\t'))
        start++;
    length = (size_t)(stop - start);
    if (length + 2 > (size_t)capacity) {
        char what[64];

        snprintf(what, sizeof(what), "the line is longer than %d bytes", capacity - 2);
        fail(reading, -EINVAL, what);
        return NULL;
    }
    memcpy(buffer, start, length);
    buffer[length] = '\n';
    buffer[length + 1] = '\0';
    return buffer;
}

#if INI_HANDLER_LINENO
static int handle_line(void *user, const char *section, const char *name, const char *value,
                       int line)
#else
static int handle_line(void *user, const char *section, const char *name, const char *value)
#endif
{
    struct reading *reading = user;
    struct pwk_error why;
    struct pwk_error where;
    int code;

#if INI_HANDLER_LINENO
    (void)line;
#endif
    if (reading->code != 0)
        return 0;
    code = pwk_profile_apply(reading->profile, section, name, value == NULL ? "" : value,
                             reading->line, &why);
    if (code == 0)
        return 1;
    if (section[0] == '\0')
        where = why;
    else
        pwk_error_set(&where, 0, "[%s] %s: %s", section, name, why.text);
    fail(reading, code, where.text);
    return 0;
}

static int parse_text(struct pwk_profile *profile, const char *path, const char *text, size_t size,
                      struct pwk_error *error)
{
    struct reading reading = {
        .profile = profile, .path = path, .position = text, .end = text + size, .error = error};
    int first_bad;

    if (memchr(text, '\0', size) != NULL)
        return pwk_error_set(error, -EINVAL, "%s holds a zero byte: it must be a text file", path);
    first_bad = ini_parse_stream(read_line, &reading, handle_line, &reading);
    if (first_bad < 0)
        return pwk_error_set(error, -ENOMEM, "no memory left");
    if (first_bad > 0 && (reading.code == 0 || first_bad < reading.failed_line)) {
        reading.line = first_bad;
        fail(&reading, -EINVAL, "this is neither [section] nor key = value");
    }
    return reading.code;
}

/* The whole file in memory, to be freed by the caller. */
static int read_file(const char *path, char **text, size_t *size, struct pwk_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    ssize_t got = 0;
    int code = 0;

    *size = 0;
    *text = NULL;
    if (fd < 0 || fstat(fd, &st) != 0)
        code = -errno;
    else if (!S_ISREG(st.st_mode))
        code = -EISDIR;
    else if (st.st_size > MAX_PROFILE_SIZE)
        code = -EFBIG;
    else if ((*text = malloc(MAX_PROFILE_SIZE)) == NULL)
        code = -ENOMEM;
    while (code == 0 && *size < MAX_PROFILE_SIZE &&
           (got = read(fd, *text + *size, MAX_PROFILE_SIZE - *size)) != 0) {
        if (got > 0)
            *size += (size_t)got;
        else if (errno != EINTR)
            code = -errno;
    }
    if (fd >= 0)
        close(fd);
    if (code == 0)
        return 0;
    free(*text);
    *text = NULL;
    return pwk_error_set(error, code, "cannot read the profile %s: %s%s", path,
                         code == -EISDIR ? "it is not a file" : strerror(-code),
                         code == -ENOENT && !strchr(path, '/')
                             ? "; give the path of a file, or strict or default, which are built in"
                             : "");
}

static int copy_profile(struct pwk_profile *to, const struct pwk_profile *from)
{
    *to = *from;
    to->passthrough_count = 0;
    for (size_t i = 0; i < from->passthrough_count; i++) {
        int rc = pwk_profile_add_passthrough(to, from->passthrough[i]);

        if (rc != 0)
            return rc;
    }
    return 0;
}

int pwk_profile_load(struct pwk_profile *profile, const char *path, struct pwk_error *error)
{
    struct pwk_profile copy;
    size_t size;
    char *text;
    int rc = read_file(path, &text, &size, error);

    if (rc != 0)
        return rc;
    rc = copy_profile(&copy, profile);
    if (rc != 0)
        pwk_error_set(error, rc, "no memory left");
    else
        rc = parse_text(&copy, path, text, size, error);
    free(text);
    if (rc != 0) {
        pwk_profile_finish(&copy);
        return rc;
    }
    pwk_profile_finish(profile);
    *profile = copy;
    return 0;
}
