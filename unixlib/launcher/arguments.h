/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arguments.h - pwk-wine's command line as values.
 */
#ifndef PWK_LAUNCHER_ARGUMENTS_H
#define PWK_LAUNCHER_ARGUMENTS_H

#include <stdbool.h>

#include "kernel/error.h"
#include "kernel/profile.h"

/* Strings and `program` point into argv. */
struct pwk_arguments {
    const char *kernel;  /* NULL: not given */
    const char *profile; /* NULL: not given */
    const char *audit;   /* NULL: not given */
    bool ephemeral;
    bool has_windows;
    enum pwk_windows windows;
    bool has_registry;
    enum pwk_registry_mode registry;
    bool has_session;
    enum pwk_session_mode session;
    enum pwk_files_mode files;         /* PWK_FILES_OF_SESSION: not given */
    enum pwk_network_mode network;     /* PWK_NETWORK_OF_SESSION: not given */
    unsigned namespaces;               /* PWK_NAMESPACE_*; 0: not given */
    struct pwk_home home;              /* PWK_HOME_UNSAID: not given */
    unsigned cpu;                      /* percent; 0: not given */
    uint64_t io;                       /* bytes a second; 0: not given */
    struct pwk_syscall_rules syscalls; /* --syscall */
    bool stats;
    bool print_plan;
    bool json; /* with print_plan */
    bool version;
    bool help;
    char *const *program; /* PROGRAM and its arguments, NULL-terminated; NULL where none is given */
};

/* Reads argv up to PROGRAM or "--". Options of later versions are refused by name. 0 or a negative
 * errno; a missing PROGRAM is an error unless --version or --help is asked for. */
int pwk_arguments_parse(struct pwk_arguments *arguments, int argc, char *const argv[],
                        struct pwk_error *error);

/* What --help prints. */
extern const char pwk_arguments_help[];

#endif
