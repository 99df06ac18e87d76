/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit.c - writes the audit log: a record is put together on the stack and written at once, with
 * no lock held and nothing allocated, so that a thread may end or fault anywhere in it.
 */
#include "kernel/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel/utf8.h"

#define RECORD_MAX 16384 /* bytes of one record */
#define STRING_MAX 4096  /* of one string; longer ones are cut, and "cut":true says so */
#define TAIL_MAX 64      /* kept free for what closes a record */

struct audit_log {
    int fd; /* -1: none */
    _Atomic uint64_t dropped;
    atomic_bool torn; /* the last write ended within a line */
};

struct pwk_audit {
    enum pwk_audit_level level;
    struct audit_log logs[2];
    char kernel[64];
};

struct record {
    size_t length;
    size_t limit; /* add_bytes goes no further */
    bool cut;
    char text[RECORD_MAX];
};

static bool add_bytes(struct record *record, const char *bytes, size_t size)
{
    if (record->length + size > record->limit) {
        record->cut = true;
        return false;
    }
    memcpy(record->text + record->length, bytes, size);
    record->length += size;
    return true;
}

/* One character in JSON: control characters, DEL included, as \u00XX. */
static bool add_character(struct record *record, const char *at, size_t length, uint32_t code)
{
    char escape[8];

    if (code == '"' || code == '\\') {
        escape[0] = '\\';
        escape[1] = (char)code;
        return add_bytes(record, escape, 2);
    }
    if (code < 0x20 || code == 0x7f) {
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)code);
        return add_bytes(record, escape, 6);
    }
    return add_bytes(record, at, length);
}

/* A JSON string. The closing quote may go past the limit by one byte. */
static void add_string(struct record *record, const char *text)
{
    size_t left = strlen(text);
    size_t limit = record->limit;

    if (!add_bytes(record, "\"", 1)) {
        return;
    }
    if (record->length + STRING_MAX < limit) {
        record->limit = record->length + STRING_MAX;
    }
    while (left > 0) {
        uint32_t code;
        size_t length = pwk_utf8_read(text, left, &code);
        bool fits = length > 0 ? add_character(record, text, length, code)
                               : add_bytes(record, "\xef\xbf\xbd", 3);
        if (!fits) {
            break;
        }
        length = length > 0 ? length : 1;
        text += length;
        left -= length;
    }
    record->limit = limit;
    record->text[record->length++] = '"';
}

/* `,"name":"value"`, left out as a whole where not even the name would fit. Names are the
 * kernel's own words: nothing in them needs an escape. */
static void add_pair(struct record *record, const char *name, const char *value)
{
    if (record->length + strlen(name) + sizeof(",\"\":\"\"") > record->limit) {
        record->cut = true;
        return;
    }
    add_bytes(record, ",", 1);
    add_string(record, name);
    add_bytes(record, ":", 1);
    add_string(record, value);
}

/* UTC in ISO 8601. Reckoned here because gmtime_r takes the C library's lock. */
static void format_time(char *out, size_t size)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);

    /* Years are counted from March, so that the day of the leap year is the last of its year. */
    int64_t days = now.tv_sec / 86400 + 719468;
    int64_t second = now.tv_sec % 86400;
    int64_t era = days / 146097;
    int64_t day_of_era = days % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * march_month + 2) / 5 + 1;
    int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    int64_t year = era * 400 + year_of_era + (month <= 2);

    snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ", (int)year, (int)month, (int)day,
             (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60), now.tv_nsec / 1000);
}

/* Only files and terminals: a pipe or socket would stop the program when its reader goes. */
static int open_log(const char *path, int flags, int *out, struct pwk_error *error)
{
    int fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags, 0600);
    struct stat status;

    if (fd < 0) {
        int code = errno;
        return pwk_error_set(error, -code,
                             "%s: the audit log cannot be opened (%s); name a file that can be "
                             "written to, or set [audit] level = off",
                             path, strerror(code));
    }
    if (fstat(fd, &status) != 0 || (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode))) {
        close(fd);
        return pwk_error_set(error, -EINVAL,
                             "%s: the audit log must be a regular file or a terminal; name another",
                             path);
    }
    *out = fd;
    return 0;
}

int pwk_audit_open(const char *kernel, const char *path, const char *second,
                   enum pwk_audit_level level, pwk_audit_t **out, struct pwk_error *error)
{
    pwk_audit_t *audit = calloc(1, sizeof(*audit));
    int result = 0;

    *out = NULL;
    if (audit == NULL) {
        return pwk_error_set(error, -ENOMEM, "no memory is left for the audit log");
    }
    audit->level = level;
    audit->logs[0].fd = -1;
    audit->logs[1].fd = -1;
    snprintf(audit->kernel, sizeof(audit->kernel), "%s", kernel);
    if (level != PWK_AUDIT_OFF) {
        result = open_log(path, O_NOFOLLOW, &audit->logs[0].fd, error);
        if (result == 0 && second != NULL && second[0] != '\0') {
            result = open_log(second, 0, &audit->logs[1].fd, error);
        }
    }
    if (result != 0) {
        pwk_audit_close(audit);
        return result;
    }
    *out = audit;
    return 0;
}

void pwk_audit_close(pwk_audit_t *audit)
{
    if (audit == NULL) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        if (audit->logs[i].fd >= 0) {
            close(audit->logs[i].fd);
        }
    }
    free(audit);
}

/* Closes the record for this log and writes it. A line that was left torn is ended first, so that
 * it spoils no other. */
static void write_log(struct audit_log *log, struct record *record, size_t body)
{
    uint64_t dropped = atomic_exchange(&log->dropped, 0);
    bool torn = atomic_exchange(&log->torn, false);
    char *start = record->text + 1;
    size_t size = body - 1;

    if (torn) {
        start--;
        size++;
    }
    if (record->cut) {
        size += (size_t)sprintf(start + size, ",\"cut\":true");
    }
    if (dropped > 0) {
        size += (size_t)sprintf(start + size, ",\"dropped\":%llu", (unsigned long long)dropped);
    }
    size += (size_t)sprintf(start + size, "}\n");

    ssize_t written;
    do {
        written = write(log->fd, start, size);
    } while (written < 0 && errno == EINTR);
    if (written == (ssize_t)size) {
        return;
    }
    atomic_fetch_add(&log->dropped, dropped + 1);
    if (torn || written > 0) {
        atomic_store(&log->torn, true);
    }
}

void pwk_audit_write(pwk_audit_t *audit, enum pwk_audit_level level, const char *event,
                     const char *verdict, ...)
{
    if (audit == NULL || level == PWK_AUDIT_OFF || level > audit->level) {
        return;
    }

    int saved_errno = errno;
    struct record record;
    char time[64];
    char ids[64];
    va_list pairs;

    record.length = 0;
    record.limit = RECORD_MAX - TAIL_MAX;
    record.cut = false;
    format_time(time, sizeof(time));
    snprintf(ids, sizeof(ids), ",\"pid\":%d,\"tid\":%d", (int)getpid(), (int)gettid());
    add_bytes(&record, "\n{\"time\":", 9);
    add_string(&record, time);
    add_pair(&record, "kernel", audit->kernel);
    add_bytes(&record, ids, strlen(ids));
    add_pair(&record, "event", event);
    add_pair(&record, "verdict", verdict);
    va_start(pairs, verdict);
    for (const char *name; (name = va_arg(pairs, const char *)) != NULL;) {
        const char *value = va_arg(pairs, const char *);
        add_pair(&record, name, value != NULL ? value : "");
    }
    va_end(pairs);

    size_t body = record.length;
    for (size_t i = 0; i < 2; i++) {
        if (audit->logs[i].fd >= 0) {
            write_log(&audit->logs[i], &record, body);
        }
    }
    errno = saved_errno;
}
