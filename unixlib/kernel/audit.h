/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit.h - the audit log: JSON Lines, one record a decision, never data. Each record is one
 * O_APPEND write, so that records of several processes never mix.
 */
#ifndef PWK_KERNEL_AUDIT_H
#define PWK_KERNEL_AUDIT_H

#include <stdint.h>

#include "kernel/error.h"
#include "kernel/profile.h"

typedef struct pwk_audit pwk_audit_t;

/* Opens `path` for append (made where missing, mode 0600) and, unless NULL or "", `second`.
 * With level PWK_AUDIT_OFF nothing is opened and records are dropped. */
int pwk_audit_open(const char *kernel, const char *path, const char *second,
                   enum pwk_audit_level level, pwk_audit_t **out, struct pwk_error *error);
void pwk_audit_close(pwk_audit_t *audit);

/* Writes {"time":...,"kernel":...,"pid":...,"tid":...,"event":EVENT,"verdict":VERDICT, ...}.
 * `level` is the least level at which the record is kept. The rest are pairs of const char *name,
 * const char *value (UTF-8; bad sequences are replaced), ended by NULL. Any thread. A write that
 * fails is counted, and the count stands in the next record that succeeds ("dropped"). */
void pwk_audit_write(pwk_audit_t *audit, enum pwk_audit_level level, const char *event,
                     const char *verdict, ...) __attribute__((sentinel));

#endif
