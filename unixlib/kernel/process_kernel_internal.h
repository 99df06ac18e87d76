/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_kernel_internal.h - what stands behind process_kernel_t, for the rooms of pwk itself.
 *
 * Kernels live in a fixed pool, so that a pointer to one can be checked and never leads to memory
 * that has been given back. A kernel is used between pk_hold and pk_release; pk_destroy only makes
 * it impossible to find, and the last release takes it apart.
 */
#ifndef PWK_KERNEL_PROCESS_KERNEL_INTERNAL_H
#define PWK_KERNEL_PROCESS_KERNEL_INTERNAL_H

#include "kernel/audit.h"
#include "kernel/process_table.h"
#include "kernel/profile.h"
#include "pwk/process_kernel.h"
#include "pwk/windows_process_kernel.h"
#include "registry/registry.h"

#define PK_POOL_SIZE 64

struct wpk_bridge; /* windows_process_kernel.c */

enum pk_state { PK_FREE, PK_LIVE, PK_ENDING };

/* All but `public` is guarded by the pool's mutex, or does not change while the kernel is held. */
struct pk_kernel {
    process_kernel_t public;
    enum pk_state state;
    unsigned index;            /* in the pool; also the slot of its bound callbacks */
    unsigned references;       /* one for being live, one for each pk_hold */
    bool pinned;               /* the process lives with it: neither detached nor destroyed */
    struct wpk_bridge *bridge; /* owned; NULL unless made by wpk_create */
};

/* Finds a live kernel and keeps it from being taken apart; NULL where `kernel` is none. */
struct pk_kernel *pk_hold(process_kernel_t *kernel);
void pk_release(struct pk_kernel *kernel);

/* Notes that a held kernel is that of `pid`: -EINVAL (it is being destroyed); -EBUSY (it is another
 * process's, or the calling process has another). pk_leave_process undoes it. */
int pk_claim_process(struct pk_kernel *kernel, pid_t pid);
void pk_leave_process(struct pk_kernel *kernel);

/* Whether it is the one that is attached to the calling process. */
bool pk_is_attached(const struct pk_kernel *kernel);

/* Makes a held kernel impossible to find. False: somebody else did, or it is pinned. */
bool pk_end(struct pk_kernel *kernel);

/* pk_create for wpk_create; `bridge` becomes the kernel's own, except on failure. */
process_kernel_t *pk_create_with_bridge(const char *name, struct wpk_bridge *bridge);

/* ---- windows_process_kernel.c ---- */

void wpk_bridge_destroy(struct wpk_bridge *bridge);

/* 0 where the configuration can be carried out in this process, else pk_attach's answer, with the
 * reason in one word for the audit log. */
int wpk_bridge_check_attach(const struct wpk_bridge *bridge, const char **reason);

/* What the boot code needs to switch a kernel on: its configuration and its registry (NULL: none).
 * False where wpk_create did not make it. Valid until pk_destroy; pk_pin makes it so for good. */
bool wpk_get_parts(process_kernel_t *kernel, windows_pk_config_t *config, registry_t **registry);

/* The founding document's version numbers in the profile's terms; PWK_WINDOWS_PREFIX where
 * unknown. */
enum pwk_windows wpk_profile_windows(const windows_pk_config_t *config);

/* ---- the booted kernel ---- */

/* The process lives with `kernel` from now on: pk_detach refuses, pk_destroy does nothing. */
int pk_pin(process_kernel_t *kernel);

/* What a booted kernel (unixlib/wine/boot.c) lends to the API: set once before any PE code runs,
 * or while pk_attach switches a process over. What it points to lives as long as the process. */
struct pwk_booted_kernel {
    const char *name;
    registry_t *registry;          /* NULL: --registry off */
    struct pwk_process_slot *slot; /* may be NULL */
    enum pwk_windows windows;
    pwk_audit_t *audit; /* may be NULL */
};
void pwk_set_booted_kernel(const struct pwk_booted_kernel *booted);

/* NULL in a process that runs under none. */
const struct pwk_booted_kernel *pwk_get_booted_kernel(void);

#endif
