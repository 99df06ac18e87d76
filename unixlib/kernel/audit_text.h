/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_text.h - a record of the audit log from its parts, and as a line of JSON. Async-signal-safe
 * throughout: nothing is allocated and no lock of the C library's taken.
 */
#ifndef PWK_KERNEL_AUDIT_TEXT_H
#define PWK_KERNEL_AUDIT_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <sys/types.h>

#include "kernel/audit_ring.h"

#define AUDIT_LINE_MAX 16384 /* bytes of one line, with its end */

/* Fills in `record` but for time and thread: event, verdict and pairs of names and values, ended by
 * NULL. What finds no room is left out, and the record says so. */
void audit_record_fill(struct audit_record *record, const char *event, const char *verdict,
                       va_list pairs);

/* The same of event and verdict alone. */
void audit_record_fill_plain(struct audit_record *record, const char *event, const char *verdict);

/* The same of a record about another process, which its first pair names. */
void audit_record_fill_about(struct audit_record *record, pid_t pid, const char *event,
                             const char *verdict, va_list pairs);
/* Takes that pair out again; false, and nothing done, where there is none. */
bool audit_record_take_pid(struct audit_record *record, pid_t *pid);

/* The line without what closes it, for audit_line_end; bytes of it. 0 where the record is not
 * fit to be shown: a name that is none, or one of those that say who wrote it. */
size_t audit_line_format(char line[AUDIT_LINE_MAX], const char *kernel, pid_t pid,
                         const struct audit_record *record);

/* Closes the line of `size` bytes, with the count of records that were lost before it, where there
 * are such. Bytes of the whole line. */
size_t audit_line_end(char line[AUDIT_LINE_MAX], size_t size, uint64_t dropped);

#endif
