/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * profile.h - what a kernel is: read from an INI file (libinih), from the command line, or from
 * windows_pk_config_t. Unknown sections, keys and values are errors with file and line.
 */
#ifndef PWK_KERNEL_PROFILE_H
#define PWK_KERNEL_PROFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "kernel/error.h"

enum pwk_windows { /* 0: what the prefix says */
                   PWK_WINDOWS_PREFIX,
                   PWK_WINDOWS_7,
                   PWK_WINDOWS_8,
                   PWK_WINDOWS_81,
                   PWK_WINDOWS_10,
                   PWK_WINDOWS_11,
};

/* The kernel's registry: a layer over the prefix's, a copy of it that is never looked at again, or
 * the prefix's own. */
enum pwk_registry_mode { PWK_REGISTRY_OVERLAY, PWK_REGISTRY_PRIVATE, PWK_REGISTRY_OFF };
enum pwk_session_mode { PWK_SESSION_SHARED, PWK_SESSION_OWN };
/* Where no mode is asked for, files and network follow the session: an own one has a copy-on-write
 * view of the prefix and loopback alone, the shared one the prefix itself and the host's network.
 */
enum pwk_files_mode { PWK_FILES_OF_SESSION, PWK_FILES_OVERLAY, PWK_FILES_SHARED };
enum pwk_network_mode { PWK_NETWORK_OF_SESSION, PWK_NETWORK_ISOLATED, PWK_NETWORK_HOST };
/* What a native system call's number means: that of the ntdll in use, or of the Windows version
 * that the program sees. */
enum pwk_syscall_numbers { PWK_NUMBERS_NTDLL, PWK_NUMBERS_WINDOWS };
enum pwk_audit_level { PWK_AUDIT_OFF, PWK_AUDIT_DENIALS, PWK_AUDIT_DECISIONS, PWK_AUDIT_ALL };

/* What becomes of a Linux call (man 2 seccomp): it is made; it fails at once; it is made, with an
 * audit record; it goes to a handler in the process; it fails, with an audit record that has its
 * arguments; the process is killed. */
enum pwk_syscall_action {
    PWK_SYSCALL_ALLOW,
    PWK_SYSCALL_ERRNO,
    PWK_SYSCALL_LOG,
    PWK_SYSCALL_TRAP,
    PWK_SYSCALL_NOTIFY,
    PWK_SYSCALL_KILL,
};
/* The policy that the words of a profile are laid over: what no Windows program needs is refused,
 * or all that Wine does not need. */
enum pwk_syscall_base { PWK_SYSCALLS_DEFAULT, PWK_SYSCALLS_STRICT };

#define PWK_SYSCALL_NAME_MAX 31
#define PWK_MAX_SYSCALL_RULES 512

/* Names are words here: which calls and groups there are, the sandbox room knows. */
struct pwk_syscall_rule {
    char name[PWK_SYSCALL_NAME_MAX + 1]; /* of a call, "@" and a group's name, or "default" */
    enum pwk_syscall_action action;
    int line; /* of the profile; 0: the command line's */
};

struct pwk_syscall_rules {
    struct pwk_syscall_rule rule[PWK_MAX_SYSCALL_RULES]; /* later ones over earlier ones */
    size_t count;
};

/* Namespaces of an own session. Without the first three there is none. */
#define PWK_NAMESPACE_USER (1u << 0)
#define PWK_NAMESPACE_MOUNT (1u << 1)
#define PWK_NAMESPACE_PID (1u << 2)
#define PWK_NAMESPACE_NET (1u << 3)
#define PWK_NAMESPACE_IPC (1u << 4)
#define PWK_NAMESPACE_UTS (1u << 5)
#define PWK_NAMESPACES_NEEDED (PWK_NAMESPACE_USER | PWK_NAMESPACE_MOUNT | PWK_NAMESPACE_PID)
#define PWK_NAMESPACES_TEXT 48

/* Whether a session's programs reach the display, sound and printing. Where it is not said, an own
 * session has the first two, and the shared one all that the user has. */
enum pwk_reach { PWK_REACH_OF_SESSION, PWK_REACH_YES, PWK_REACH_NO };

/* What of the home folder a session's programs see. */
enum pwk_home_mode { PWK_HOME_UNSAID, PWK_HOME_FULL, PWK_HOME_NONE, PWK_HOME_FOLDER };
struct pwk_home {
    enum pwk_home_mode mode;
    char folder[PATH_MAX]; /* PWK_HOME_FOLDER: as it was written, absolute or from "~/" on */
};

#define PWK_MAX_CPU_PERCENT 100000 /* of one processor */

#define PWK_MAX_PASSTHROUGH 32

struct pwk_profile {
    enum pwk_windows windows;
    char build[12]; /* a word of pwk_windows_build_parse; "": the version's usual build */
    bool inherit;   /* children run under the same kernel */
    enum pwk_session_mode session;
    enum pwk_reach display, sound, printing;
    enum pwk_files_mode files;
    enum pwk_network_mode network;
    unsigned namespaces; /* PWK_NAMESPACE_*; 0: not said */
    struct pwk_home home;
    unsigned cpu; /* percent of one processor; 0: no limit */
    uint64_t io;  /* bytes a second; 0: no limit */
    enum pwk_registry_mode registry;
    uint64_t registry_cache;                /* bytes; 0: the registry's own default */
    char *passthrough[PWK_MAX_PASSTHROUGH]; /* owned */
    size_t passthrough_count;
    enum pwk_syscall_numbers syscall_numbers;
    bool rewrite_sites; /* hot native call sites are made direct calls */
    enum pwk_syscall_base syscall_base;
    struct pwk_syscall_rules syscalls;
    enum pwk_audit_level audit;
    uint64_t audit_limit; /* bytes at which the log is renamed; 0: never */
};

/* Fills in the built-in profile. Ends with pwk_profile_finish. */
void pwk_profile_init(struct pwk_profile *profile);
void pwk_profile_finish(struct pwk_profile *profile);

/* Reads `path` over what `profile` holds. On error nothing of `profile` has changed, and the line
 * names file, line and the words that are allowed. -ENOENT when there is no such file. */
int pwk_profile_load(struct pwk_profile *profile, const char *path, struct pwk_error *error);

/* Writes `profile` as a file that pwk_profile_load, over the built-in profile, reads to the same.
 */
void pwk_profile_write(const struct pwk_profile *profile, FILE *stream);

/* Makes `profile` the built-in profile of that name ("default" or "strict"). -ENOENT where there is
 * none. */
int pwk_profile_built_in(struct pwk_profile *profile, const char *name);

/* Adds a rule of the Linux policy. -EINVAL for a word that is no action (`default` takes allow,
 * errno, log and kill only) or no possible name, -E2BIG beyond PWK_MAX_SYSCALL_RULES. */
int pwk_syscall_rules_add(struct pwk_syscall_rules *rules, const char *name, const char *action,
                          int line, struct pwk_error *error);

/* Words to values and back. The parsers return 0 or -EINVAL and name the allowed words. */
int pwk_windows_parse(const char *word, enum pwk_windows *out, struct pwk_error *error);
int pwk_session_mode_parse(const char *word, enum pwk_session_mode *out, struct pwk_error *error);
int pwk_files_mode_parse(const char *word, enum pwk_files_mode *out, struct pwk_error *error);
int pwk_network_mode_parse(const char *word, enum pwk_network_mode *out, struct pwk_error *error);
int pwk_registry_mode_parse(const char *word, enum pwk_registry_mode *out, struct pwk_error *error);
int pwk_syscall_numbers_parse(const char *word, enum pwk_syscall_numbers *out,
                              struct pwk_error *error);
int pwk_yes_no_parse(const char *word, bool *out, struct pwk_error *error);
int pwk_audit_level_parse(const char *word, enum pwk_audit_level *out, struct pwk_error *error);
const char *pwk_syscall_action_word(enum pwk_syscall_action action);
const char *pwk_windows_word(enum pwk_windows windows);
const char *pwk_session_mode_word(enum pwk_session_mode mode);
const char *pwk_files_mode_word(enum pwk_files_mode mode);
const char *pwk_network_mode_word(enum pwk_network_mode mode);
const char *pwk_registry_mode_word(enum pwk_registry_mode mode);
const char *pwk_syscall_numbers_word(enum pwk_syscall_numbers numbers);
const char *pwk_audit_level_word(enum pwk_audit_level level);

/* Of a cage (cage_words.c). A list of namespaces is written as it is read; an own session has
 * those that it needs whatever the list says. */
int pwk_namespaces_parse(const char *list, unsigned *out, struct pwk_error *error);
void pwk_namespaces_write(unsigned namespaces, char text[PWK_NAMESPACES_TEXT]);
int pwk_home_parse(const char *word, struct pwk_home *out, struct pwk_error *error);
int pwk_cpu_limit_parse(const char *word, unsigned *out, struct pwk_error *error);
int pwk_io_limit_parse(const char *word, uint64_t *out, struct pwk_error *error);

/* "64M", "2G", "1000": bytes in powers of 1024 (systemd.resource-control(5) writes them so). */
int pwk_size_parse(const char *word, uint64_t *out, struct pwk_error *error);

#endif
