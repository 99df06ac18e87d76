/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy.h - the Linux policy: what becomes of each Linux call of a kernel's programs. Words are
 * laid over a built-in policy as a table by number, and that is compiled by libseccomp to a BPF
 * program. The guard (policy_guard.h) goes in front of it when it is armed (policy_arm.h).
 *
 * Only the launcher, pwkctl and libpwk link this, and with it libseccomp; Windows programs under a
 * kernel get bytes.
 */
#ifndef PWK_SANDBOX_POLICY_H
#define PWK_SANDBOX_POLICY_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/profile.h"
#include "sandbox/policy_built_in.h"

struct pwk_policy {
    enum pwk_syscall_base base;
    bool built_in;                    /* no word was laid over the base */
    enum pwk_syscall_action fallback; /* for calls that no word names */
    uint8_t actions[PWK_POLICY_CALLS];
    /* What an explicit `allow` of a single call opens in the guard: bits of enum
     * pwk_guard_part. */
    unsigned opened;
    bool listens; /* some call is logged or refused by the supervisor */
};

/* Where words come from, for what is said of them. */
struct pwk_policy_words {
    const struct pwk_syscall_rules *rules;
    const char *path; /* of the profile; NULL: the command line */
};

/* Lays the words of the profile and then those of the command line over the base: the last word on
 * a name wins, and a call's own name wins over groups. -EINVAL for a name that neither this pwk nor
 * libseccomp knows, and for an action that cannot work there. */
int pwk_policy_resolve(struct pwk_policy *policy, enum pwk_syscall_base base,
                       const struct pwk_policy_words *words, size_t count, struct pwk_error *error);

/* True where some call has this action. */
bool pwk_policy_uses(const struct pwk_policy *policy, enum pwk_syscall_action action);

/* How many of the calls that have a name have this action. */
size_t pwk_policy_count(const struct pwk_policy *policy, enum pwk_syscall_action action);

/* What becomes of a call of that number, which may be any. */
enum pwk_syscall_action pwk_policy_action(const struct pwk_policy *policy, int number);

/* The errno that a refused call answers: ENOSYS for newer calls, which C libraries try before an
 * older one that does the same, EPERM for all others. */
int pwk_policy_errno(int number);

/* The number of a Linux call on x86-64, or a negative errno. */
int pwk_policy_number(const char *name);

/* ---- by libseccomp ---- */

/* A compiled policy, owned; ends with pwk_policy_code_finish. */
struct pwk_policy_code {
    struct sock_filter *code;
    size_t length; /* instructions */
};

/* The built-in policy's program, with rules before it for the calls of which words say something
 * else: a few rules take libseccomp some 50 microseconds, a whole strict policy milliseconds. Only
 * another default makes it compile everything. */
int pwk_policy_compile(const struct pwk_policy *policy, struct pwk_policy_code *code,
                       struct pwk_error *error);
int pwk_policy_compile_whole(const struct pwk_policy *policy, struct pwk_policy_code *code,
                             struct pwk_error *error);
/* Rules for those calls alone whose action differs from what is `below`; for others the program
 * goes on behind its last instruction. */
int pwk_policy_compile_over(const struct pwk_policy *policy, const uint8_t below[PWK_POLICY_CALLS],
                            struct pwk_policy_code *code, struct pwk_error *error);
void pwk_policy_code_finish(struct pwk_policy_code *code);

/* For the build: the base's own words, from the groups; then the fallback where no word is. */
void pwk_policy_lay_base(struct pwk_policy *policy, enum pwk_syscall_base base);
void pwk_policy_lay_server(struct pwk_policy *policy);
void pwk_policy_fill(struct pwk_policy *policy);
/* For the build: a call's name from libseccomp or from our table; false where it has none. */
bool pwk_policy_find_name(int number, char name[PWK_SYSCALL_NAME_MAX + 1]);

/* ---- groups (policy_groups.c) ---- */

struct pwk_policy_group {
    const char *name;         /* with its "@" */
    const char *what;         /* in a line, for people */
    const char *const *calls; /* NULL-terminated: names, and other groups */
};

extern const struct pwk_policy_group pwk_policy_groups[];
extern const size_t pwk_policy_group_count;
const struct pwk_policy_group *pwk_policy_find_group(const char *name); /* NULL: none */

/* What the process must be able to do whatever the policy says: return from a signal, end, and give
 * the mark up (mark.h), which comes after arming; a process has no capabilities to get by it. */
extern const char *const pwk_policy_essential[];
/* What wineserver needs, of any version and C library. */
extern const char *const pwk_policy_server[];
/* What processes do where no handler can serve a trapped call. */
extern const char *const pwk_policy_untrappable[];
/* Calls newer than the libseccomp of Debian 12. */
struct pwk_policy_new_call {
    const char *name;
    int number;
};
extern const struct pwk_policy_new_call pwk_policy_new_calls[];
extern const size_t pwk_policy_new_call_count;

#endif
