/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_layer.h - the prefix's registry as the lower layer of kernels' registries: texts that one
 * watcher writes, and a page in shared memory that says how new they are. This is what both sides
 * share; wine/prefix_watch.h has the sides that speak with wineserver.
 */
#ifndef PWK_KERNEL_PREFIX_LAYER_H
#define PWK_KERNEL_PREFIX_LAYER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/error.h"
#include "registry/registry.h"

#define PWK_PREFIX_BRANCHES 2 /* \Registry\Machine, \Registry\User */

struct pwk_prefix_page {
    uint64_t magic;
    uint64_t instance;   /* of the watcher that writes here */
    uint64_t generation; /* counts states; its low half is a futex */
    uint32_t busy;       /* a change has been seen and is not published yet */
    uint32_t wanted;     /* a futex: somebody waits for the newest state */
    uint32_t failure;    /* an errno: why the watcher has ended, or 0 */
    uint32_t reserved;
    uint64_t branches[PWK_PREFIX_BRANCHES]; /* the generation of each branch's text */
};

struct pwk_prefix_layer {
    char folder[PATH_MAX];
    uint64_t device, inode; /* of the folder */
    struct pwk_prefix_page *page;
};

/* Opens the run-time folder of the prefix in use, made where missing, and maps the page. What is
 * mapped stays for the life of the process. */
int pwk_prefix_layer_open(struct pwk_prefix_layer *layer, struct pwk_error *error);

/* The path of a branch's text. */
int pwk_prefix_layer_text(const struct pwk_prefix_layer *layer, size_t branch, uint64_t generation,
                          char path[PATH_MAX]);

/* For registry_lower: opens the newest texts; `context` is a struct pwk_prefix_layer. */
int pwk_prefix_layer_texts(void *context, uint64_t *generation, int fds[REGISTRY_LOWER_TEXTS],
                           size_t *count);

/* What makes the loader a watcher; set by us alone. */
#define PWK_WATCH_VARIABLE "PWK_PREFIX_WATCH"

/* True while a watcher lives, though it may have published nothing yet. Costs three system calls.
 */
bool pwk_prefix_layer_watched(const struct pwk_prefix_layer *layer);
/* The process that watches, as it said itself, or 0. */
pid_t pwk_prefix_layer_watcher(const struct pwk_prefix_layer *layer);
/* For the watcher, for its life; -EBUSY: there is one. */
int pwk_prefix_layer_take_watch(const struct pwk_prefix_layer *layer);
/* Starts a watcher, `loader` being pwk's loader, in the environment and the session of processes
 * of its own: nothing of the caller's is open in it. It may find that there is one, and end. */
int pwk_prefix_layer_start_watcher(const char *loader);

/* The environment for a process of ours in the prefix's session: this one's with `variable`
 * ("NAME=VALUE", not copied), without what is a process's own. The caller frees it; NULL without
 * memory. */
char **pwk_prefix_layer_environment(const char *variable);

/* When pwk-wine was started, for the process that it becomes: in this variable, as FILETIME. */
#define PWK_STARTED_VARIABLE "PWK_STARTED"
uint64_t pwk_filetime_now(void);

/* The prefix's own files, which hold its registry while no session is up. */
struct pwk_prefix_files {
    uint64_t signature; /* tells one state of them from another; never 0 */
    uint64_t newest;    /* FILETIME of the last change */
};
int pwk_prefix_files_look(struct pwk_prefix_files *files);
/* As pwk_prefix_layer_texts; `context` is not used, the generation left alone. */
int pwk_prefix_files_texts(void *context, uint64_t *generation, int fds[REGISTRY_LOWER_TEXTS],
                           size_t *count);

/* Sleeps until the generation is not `seen` any more, or for so long. */
void pwk_prefix_layer_wait(struct pwk_prefix_layer *layer, uint64_t seen, unsigned milliseconds);
/* True where the watcher may still rest from its last text, and see a change a little later. */
bool pwk_prefix_layer_rests(const struct pwk_prefix_layer *layer);
/* Asks the watcher to hurry. */
void pwk_prefix_layer_want(struct pwk_prefix_layer *layer);

#endif
