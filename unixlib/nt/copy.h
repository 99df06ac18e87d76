/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy.h - copying a program's arguments in, before any lock is taken. The pointers may be bad:
 * the fault then ends the whole call (Wine answers STATUS_ACCESS_VIOLATION), so nothing may be
 * held here that would be lost.
 */
#ifndef PWK_NT_COPY_H
#define PWK_NT_COPY_H

#include <stddef.h>

#include "nt/nt_status.h"

#define NT_NAME_UNITS 32767

/* A string of the program's, copied. */
struct nt_name {
    size_t units;
    uint16_t text[NT_NAME_UNITS + 1];
};

/* Copies a counted string; STATUS_OBJECT_NAME_INVALID for an odd length, STATUS_ACCESS_VIOLATION
 * for a NULL `source`. */
ntstatus nt_copy_name(struct nt_name *name, const struct unicode_string *source);

/* Memory that belongs to the calling thread and is good until its next call of either function;
 * NULL without memory. It is not lost when the thread faults or ends. */
void *nt_scratch(size_t size);
void *nt_copy_bytes(const void *source, size_t size);

#endif
