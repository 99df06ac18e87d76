/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * boot_record.h - what pwk-wine hands to the loader, and a program's process to its children:
 * one environment variable, PWK_KERNEL, with lines of name=value.
 *
 * The loader keeps the variable in the Unix environment under the name PWK-KERNEL and shows it
 * as PWK_KERNEL only while a program itself starts a process. So what Wine starts on its own
 * account (wineboot, the desktop) runs without a kernel, and a program's children within it.
 */
#ifndef PWK_KERNEL_BOOT_RECORD_H
#define PWK_KERNEL_BOOT_RECORD_H

#include <limits.h>
#include <stdbool.h>

#include "kernel/profile.h"

#define PWK_BOOT_VARIABLE "PWK_KERNEL"
/* What a process of the kernel tells a child besides (wine/birth.h); no other process's affair. */
#define PWK_BIRTH_VARIABLE "PWK_BIRTH"
#define PWK_KERNEL_NAME_MAX 63

/* The Linux policy of a process: none, a built-in one, or what a memory file holds that pwk-wine
 * made (sandbox/policy_arm.h). */
enum pwk_policy_origin {
    PWK_POLICY_NONE,
    PWK_POLICY_DEFAULT,
    PWK_POLICY_STRICT,
    PWK_POLICY_FILE,
};

/* Stands in the variable's text before the policy's word: whether the process was born under it or
 * has to arm it. Changed in place once a process has armed it. */
#define PWK_POLICY_LINE "\npolicy="
#define PWK_POLICY_TO_ARM '-'
#define PWK_POLICY_ARMED '+'

struct pwk_boot_record {
    char kernel[PWK_KERNEL_NAME_MAX + 1]; /* name */
    char state[PATH_MAX];                 /* folder of the kernel's state, absolute */
    char runtime[PATH_MAX];               /* folder of run-time files, absolute */
    char audit[PATH_MAX];                 /* a second audit log, or "" */
    char below[PATH_MAX]; /* in an own session: where the prefix's registry is published, or "" */
    enum pwk_windows windows;
    uint32_t build; /* a build of that version's (windows_build.h); 0: its usual one */
    enum pwk_registry_mode registry;
    enum pwk_session_mode session;
    enum pwk_audit_level audit_level;
    uint64_t audit_limit; /* bytes at which the log is renamed; 0: never */
    uint64_t registry_cache;
    bool inherit;
    enum pwk_network_mode network; /* PWK_NETWORK_ISOLATED or PWK_NETWORK_HOST */
    enum pwk_syscall_numbers syscall_numbers;
    bool rewrite_sites;
    enum pwk_policy_origin policy;
    bool policy_armed;                      /* by the process's parent */
    int policy_file;                        /* PWK_POLICY_FILE: the descriptor */
    char *passthrough[PWK_MAX_PASSTHROUGH]; /* owned */
    size_t passthrough_count;
};

/* The variable's whole text, "PWK_KERNEL=...", to be freed by the caller; NULL without memory or
 * where a path holds a line break. */
char *pwk_boot_record_format(const struct pwk_boot_record *record);

/* Reads the part behind the '='. -EINVAL where it is not such a text. */
int pwk_boot_record_parse(struct pwk_boot_record *record, const char *text,
                          struct pwk_error *error);

/* "none", "default", "strict" or "profile". */
const char *pwk_policy_origin_word(enum pwk_policy_origin origin);

void pwk_boot_record_finish(struct pwk_boot_record *record);

#endif
