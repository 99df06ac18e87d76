/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * escape.h - ways round the Linux policy, each tried twice by a process of its own: under a policy
 * that must stop it, and under the same policy with the one rule taken out that stops it. A way
 * that fails even then shows nothing and counts as skipped.
 */
#ifndef PWK_TESTS_ESCAPE_H
#define PWK_TESTS_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/profile.h"

enum outcome {
    REFUSED, /* the policy stopped it */
    DONE,    /* it was done, or Linux itself said something else */
    CANNOT   /* this machine has no such way; `escape_says` tells why */
};

/* What is taken out of the filter: a rule by word is made `allow`; a part of the guard lets all
 * through; a flag of arming is left out. */
enum part {
    WORD,        /* `out` names the call */
    GUARD_CALL,  /* the guard's rows for the call that `out` names */
    GUARD_ARCH,  /* other architectures */
    GUARD_X32,   /* x32 numbers */
    GUARD_URING, /* io_uring */
    ALL_THREADS, /* the filter is laid on the calling thread alone */
    EVERYTHING   /* no filter at all */
};

#define MAX_WORDS 8

struct escape {
    const char *name;
    enum pwk_syscall_base base;
    const char *words[MAX_WORDS]; /* NAME=ACTION */
    enum part part;
    const char *out;
    enum outcome (*try)(void);     /* under the policy */
    enum outcome (*prepare)(void); /* before it, where not NULL; CANNOT or DONE */
};

/* Ends with a row without a name. */
extern const struct escape escapes_by_calls[];
extern const struct escape escapes_by_doors[];
extern const struct escape escapes_by_arguments[];
extern const struct escape escapes_by_signals[];
extern const struct escape escapes_by_processes[];

/* Remembers why a way cannot be tried, for the report; answers CANNOT. */
enum outcome escape_says(const char *why);

/* A Linux call from an instruction of ours: its result or a negative errno. */
long escape_call(long number, ...);

/* REFUSED for the errnos that a policy answers with, else DONE. */
enum outcome escape_reached(long result);

/* What /etc/passwd's first bytes are compared with: true where `fd` can be read. */
bool escape_reads_passwd(long fd);
#define SECRET "/etc/passwd"

/* A file that exists only where the way was gone: made by a call under test. */
extern char escape_mark[64];

#endif
