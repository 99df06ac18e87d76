/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * second_log.c - see second_log.h.
 */
#include "launcher/second_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/audit.h"
#include "kernel/audit_log.h"

#define STEP 65536 /* longer than any line */

static void open_from(struct pwk_second_log *log)
{
    log->from = open(log->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

int pwk_second_log_open(struct pwk_second_log *log, const struct pwk_boot_record *record,
                        struct pwk_error *error)
{
    struct stat st;
    int rc;

    if (record->audit[0] == '\0' || record->audit_level == PWK_AUDIT_OFF)
        return 0;
    if (snprintf(log->path, sizeof(log->path), "%s/audit.jsonl", record->state) >=
        (int)sizeof(log->path))
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", record->state);
    rc = audit_log_open_other(record->audit, &log->to, error);
    if (rc != 0)
        return rc;
    open_from(log);
    log->at = log->from >= 0 && fstat(log->from, &st) == 0 ? st.st_size : 0;
    log->open = true;
    return 0;
}

/* True while there is more. */
static bool copy_lines(struct pwk_second_log *log)
{
    char lines[STEP];
    ssize_t got = pread(log->from, lines, sizeof(lines), log->at);
    ssize_t whole = got, written;

    while (whole > 0 && lines[whole - 1] != '\n')
        whole--;
    if (whole <= 0)
        return false;
    do
        written = write(log->to, lines, (size_t)whole);
    while (written < 0 && errno == EINTR);
    log->at += written > 0 ? written : 0;
    return written == whole;
}

/* Whether another file stands at the log's path by now. */
static bool has_moved(const struct pwk_second_log *log)
{
    struct stat mine, named;

    return lstat(log->path, &named) == 0 &&
           (log->from < 0 || fstat(log->from, &mine) != 0 || mine.st_dev != named.st_dev ||
            mine.st_ino != named.st_ino);
}

void pwk_second_log_follow(struct pwk_second_log *log)
{
    bool moved = log->open && has_moved(log);

    for (int file = 0; log->open && file <= moved; file++) {
        struct stat st;

        if (file > 0) {
            if (log->from >= 0)
                close(log->from);
            open_from(log);
            log->at = 0;
        }
        if (log->from >= 0 && fstat(log->from, &st) == 0 && st.st_size < log->at)
            log->at = 0;
        while (log->from >= 0 && copy_lines(log))
            ;
    }
}

/* As the session's first process would do within a tenth of a second. */
static void collect(const struct pwk_boot_record *record)
{
    pwk_audit_t *audit;
    char path[PATH_MAX];

    if (record->audit_level == PWK_AUDIT_OFF ||
        snprintf(path, sizeof(path), "%s/audit.jsonl", record->state) >= (int)sizeof(path) ||
        pwk_audit_open(record->kernel, path, NULL, record->audit_level, &audit, NULL) != 0)
        return;
    pwk_audit_set_limit(audit, record->audit_limit);
    pwk_audit_collect(audit, record->runtime, record->state, true);
    pwk_audit_close(audit);
}

void pwk_second_log_finish(struct pwk_second_log *log, const struct pwk_boot_record *record)
{
    collect(record);
    pwk_second_log_follow(log);
    if (!log->open)
        return;
    if (log->from >= 0)
        close(log->from);
    close(log->to);
    log->open = false;
}
