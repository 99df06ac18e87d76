/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_view.h - lines of an audit log as records, chosen and shown. A log may hold anything: who
 * could write to it is not known here.
 */
#ifndef PWK_LAUNCHER_AUDIT_VIEW_H
#define PWK_LAUNCHER_AUDIT_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PWK_AUDIT_LINE_MAX 65536 /* a longer line is no record */

/* Which records are wanted; NULL and 0: any. */
struct pwk_audit_filter {
    const char *event;
    const char *verdict;
    const char *since; /* the beginning of a time as the log has it */
    json_int_t pid;
};

/* The record on a line (without its end), to be released by json_decref; NULL where it is none. */
json_t *pwk_audit_parse(const char *line, size_t size);

bool pwk_audit_is_wanted(const struct pwk_audit_filter *filter, json_t *record);

/* One line for people: time, pid, event, verdict, and the rest as name=value. Nothing in it can
 * move a terminal's cursor. */
void pwk_audit_show(json_t *record, FILE *stream);

/* Reads a file line by line as it grows. */
struct pwk_audit_file {
    int fd; /* -1: none is open */
    uint64_t device;
    uint64_t inode;
    uint64_t position;
    size_t used;
    bool skipping;    /* a line that is too long */
    size_t no_record; /* lines that were passed over, ever */
    char buffer[PWK_AUDIT_LINE_MAX];
};

/* Zeros make a file of which none is open. 0 or a negative errno. */
int pwk_audit_file_open(struct pwk_audit_file *file, const char *path);
void pwk_audit_file_close(struct pwk_audit_file *file);

/* Whether another file stands at `path` by now. */
bool pwk_audit_file_moved(const struct pwk_audit_file *file, const char *path);

/* Calls `each` for every whole line that has been added. 0 or a negative errno. A file that has
 * become shorter is read from its start. */
int pwk_audit_file_read(struct pwk_audit_file *file,
                        void (*each)(void *context, const char *line, size_t size, json_t *record),
                        void *context);

#endif
