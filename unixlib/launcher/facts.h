/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * facts.h - what the machine holds that a plan is made from: read, and nothing changed but the
 * run-time folder made.
 */
#ifndef PWK_LAUNCHER_FACTS_H
#define PWK_LAUNCHER_FACTS_H

#include <limits.h>
#include <stdbool.h>

#include "kernel/boot_record.h"
#include "kernel/profile.h"
#include "launcher/arguments.h"
#include "launcher/program.h"
#include "launcher/windows_library.h"
#include "sandbox/cgroup.h"
#include "sandbox/desktop.h"
#include "wine/location.h"

struct pwk_facts {
    struct pwk_wine_location wine;
    char loader[PATH_MAX];    /* pwk's own loader */
    char folder[PATH_MAX];    /* the current one, or "" where it cannot be told */
    char libdir[PATH_MAX];    /* pwk's own */
    char wine_data[PATH_MAX]; /* where pwk's loader finds Wine's data */
    char prefix[PATH_MAX];
    bool prefix_exists;
    char runtime[PATH_MAX];
    char kernel[PWK_KERNEL_NAME_MAX + 1];
    char state[PATH_MAX];
    bool state_exists;
    bool state_ephemeral;        /* it exists, and goes with its last process */
    char profile_path[PATH_MAX]; /* "": built in */
    struct pwk_profile profile;  /* owned */
    char audit[PATH_MAX];        /* --audit as an absolute path, or "" */
    struct pwk_program program;
    char place[PATH_MAX];       /* where it lies (pwk_program_place) */
    char home[PATH_MAX];        /* the home folder, without symbolic links, or "" */
    char own_home[PATH_MAX];    /* that of the user database, where it is another, or "" */
    char home_folder[PATH_MAX]; /* what is to be seen of it, likewise, where a PATH is given */
    struct pwk_desktop desktop; /* what there is of it */
    struct pwk_cgroup cgroup;   /* where limits that are asked for can be set */
    bool counts_io;             /* Linux counts what processes read and write */
    bool has_wine_debug;        /* WINEDEBUG is set */
    bool has_server;            /* WINESERVER is set */
    bool lacks_wayland;         /* neither WAYLAND_DISPLAY nor XDG_RUNTIME_DIR is set */
    struct pwk_windows_library library; /* owned */
};

/* `facts` is all zero: of a static one the pages that are not written are never made. 0, or the
 * exit status: 127 program not found, 126 it cannot be run, 125 all else. Ends with
 * pwk_facts_finish in any case. */
int pwk_facts_find(struct pwk_facts *facts, const struct pwk_arguments *arguments,
                   struct pwk_error *error);
void pwk_facts_finish(struct pwk_facts *facts);

/* Loads the profile that counts for the kernel at `state` into `profile` (which is initialised):
 * `named` where not NULL (a file, or a built-in profile where there is no such file), else the
 * kernel's own, else the user's, else none. `path` receives which, or "". */
int pwk_profile_choose(struct pwk_profile *profile, const char *named, const char *state,
                       char path[PATH_MAX], struct pwk_error *error);

#endif
