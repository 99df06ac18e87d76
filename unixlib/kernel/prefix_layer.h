/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_layer.h - the prefix's registry as the lower layer of kernels' registries: texts that one
 * publisher at a time writes into the prefix's run-time folder, and a page in shared memory that
 * says which are the newest. While wineserver serves the prefix to stock Wine's programs or in the
 * shared session, the publisher is a watcher (wine/prefix_watch.h); else whoever finds that the
 * prefix's files have changed (prefix_files.h).
 *
 * The folder holds locks, and in `published/` the page and the texts: that alone is shown, to be
 * read, to sessions of kernels' own, since who can open a file can lock it.
 */
#ifndef PWK_KERNEL_PREFIX_LAYER_H
#define PWK_KERNEL_PREFIX_LAYER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/error.h"
#include "registry/registry.h"

#define PWK_PREFIX_BRANCHES 2 /* of a watcher's texts: \Registry\Machine, \Registry\User */
#define PWK_PREFIX_TEXTS REGISTRY_LOWER_TEXTS /* of the files': the second of them is in two */

/* In `published/`. */
#define PWK_PREFIX_PAGE "registry.below"

/* One state: whose it is, and for which generation each of its texts was written; 0: there is no
 * such text. */
struct pwk_prefix_published {
    uint64_t instance; /* of the watcher, or the signature of the files; never 0 */
    uint64_t texts[PWK_PREFIX_TEXTS];
};

struct pwk_prefix_page {
    uint64_t magic;
    uint64_t generation; /* counts states, 0: there is none; its low half is a futex */
    uint32_t busy;       /* a change has been seen and is not published yet */
    uint32_t wanted;     /* a futex: somebody waits for the newest state */
    uint32_t failure;    /* an errno: why the watcher has ended, or 0 */
    uint32_t ended;      /* it has ended because its session's last program had */
    /* That of generation g is [g & 1]: who is killed while he writes the next leaves it whole. */
    struct pwk_prefix_published published[2];
};

struct pwk_prefix_layer {
    char folder[PATH_MAX];        /* "" where only what is published can be seen */
    char shown[PATH_MAX];         /* its `published` */
    uint64_t device, inode;       /* of the folder */
    struct pwk_prefix_page *page; /* not to be written where only what is published can be seen */
};

/* Opens the run-time folder of the prefix in use, made where missing, and maps the page. What is
 * mapped stays for the life of the process. */
int pwk_prefix_layer_open(struct pwk_prefix_layer *layer, struct pwk_error *error);
/* The same with the folder of run-time files and the prefix as they are known already. */
int pwk_prefix_layer_open_in(struct pwk_prefix_layer *layer, const char *runtime,
                             const char *prefix, struct pwk_error *error);
/* In a session of the kernel's own: what is published, by its path; it can only be read. */
int pwk_prefix_layer_open_shown(struct pwk_prefix_layer *layer, const char *shown,
                                struct pwk_error *error);

/* For registry_lower, `context` being a struct pwk_prefix_layer: the newest state, and its texts.
 * -ENOENT: nothing has been published. */
int pwk_prefix_layer_look(void *context, struct registry_lower_state *state);
int pwk_prefix_layer_texts(void *context, struct registry_lower_state *state,
                           int fds[REGISTRY_LOWER_TEXTS], size_t *count);

/* The newest state, and its generation. -ENOENT: there is none. */
int pwk_prefix_layer_published(const struct pwk_prefix_layer *layer,
                               struct pwk_prefix_published *published, uint64_t *generation);

/* ---- for publishers ---- */

/* The path of a text. */
int pwk_prefix_layer_text(const struct pwk_prefix_layer *layer, size_t text, uint64_t generation,
                          char path[PATH_MAX]);
/* The generation to publish next; it comes after `last` too. */
uint64_t pwk_prefix_layer_next(const struct pwk_prefix_layer *layer, uint64_t last);
/* Makes a state whose texts are written the newest, wakes who waits for it, and removes the texts
 * of the one before that it does not have. One publisher at a time. */
void pwk_prefix_layer_publish(struct pwk_prefix_layer *layer,
                              const struct pwk_prefix_published *published, uint64_t generation);
/* Removes texts that are not of the newest state: of publishers that were killed. */
void pwk_prefix_layer_sweep(const struct pwk_prefix_layer *layer);
/* A descriptor whose owner alone may publish, or become a watcher, until he closes it; -EBUSY where
 * another one does not let go of it for ten seconds. */
int pwk_prefix_layer_lock(const struct pwk_prefix_layer *layer);

/* ---- the watcher ---- */

/* What makes the loader a watcher; set by us alone. With this value it ends where no wineserver
 * runs, in place of starting one: it has the other variable then, while it is one. What Wine starts
 * for it (wineboot, where a session begins) is no watcher. */
#define PWK_WATCH_VARIABLE "PWK_PREFIX_WATCH"
#define PWK_WATCH_SERVED "served"
#define PWK_SERVED_VARIABLE "PWK_PREFIX_SERVED"

/* True while a watcher lives, though it may have published nothing yet. Costs three system calls.
 */
bool pwk_prefix_layer_watched(const struct pwk_prefix_layer *layer);
/* The process that watches, as it said itself, or 0. */
pid_t pwk_prefix_layer_watcher(const struct pwk_prefix_layer *layer);
/* For the watcher, for its life; -EBUSY: there is one. Nobody else publishes any more when it
 * returns. */
int pwk_prefix_layer_take_watch(const struct pwk_prefix_layer *layer);
/* Starts a watcher, `loader` being pwk's loader, in the environment and the session of processes
 * of its own: nothing of the caller's is open in it. It may find that there is one, and end; so it
 * does where it is to watch a session that is `served` already, and that has ended meanwhile. */
int pwk_prefix_layer_start_watcher(const char *loader, bool served);

/* The environment for a process of ours in the prefix's session: this one's with `variable`
 * ("NAME=VALUE", not copied), without what is a process's own. The caller frees it; NULL without
 * memory. */
char **pwk_prefix_layer_environment(const char *variable);

/* When pwk-wine was started, for the process that it becomes: in this variable, as FILETIME. */
#define PWK_STARTED_VARIABLE "PWK_STARTED"
uint64_t pwk_filetime(const struct timespec *time);
uint64_t pwk_filetime_now(void);

/* Sleeps until the generation is not `seen` any more, or for so long. */
void pwk_prefix_layer_wait(struct pwk_prefix_layer *layer, uint64_t seen, unsigned milliseconds);
/* True where the watcher may still rest from its last text, and see a change a little later. */
bool pwk_prefix_layer_rests(const struct pwk_prefix_layer *layer);
/* Asks the watcher to hurry. */
void pwk_prefix_layer_want(struct pwk_prefix_layer *layer);

#endif
