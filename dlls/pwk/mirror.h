/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mirror.h - the kernels as Windows code sees them: a process_kernel_t in memory of pwk.dll for
 * each kernel of the Unix side, tied to it by handle. Callbacks of the program live here.
 */
#ifndef PWK_DLL_MIRROR_H
#define PWK_DLL_MIRROR_H

#include <stdbool.h>
#include <stdint.h>

#include "pwk.h"

#define MIRROR_COUNT 64 /* as many as the Unix side has kernels */

struct mirror {
    process_kernel_t public;
    bool live;           /* can be found */
    unsigned references; /* one for being live, one for each hold; 0: free */
    unsigned index;
    uint32_t handle; /* of the Unix side; 0 until it is known */
};

/* A live mirror with its callbacks bound, held once for the caller; NULL when there are 64. Where
 * `handle` is not 0 and has a mirror already, it is that one. */
struct mirror *mirror_create(process_kernel_type_t type, const char *name, uint32_t handle);

/* The live mirror behind a pointer of the program's, held; NULL where it is none. */
struct mirror *mirror_hold(process_kernel_t *kernel);
/* The same by place in the pool. */
struct mirror *mirror_hold_index(unsigned index);
void mirror_release(struct mirror *mirror);

/* Can be found no more; it ends with the last release. The caller holds it. */
void mirror_end(struct mirror *mirror);

/* ---- bound_callbacks.c ---- */

void bound_callbacks_bind(struct mirror *mirror);
void bound_callbacks_unbind(struct mirror *mirror);
/* NULL: the default. */
void bound_callbacks_set_allocator(struct mirror *mirror, void *(__cdecl *malloc_fn)(UINT64),
                                   void(__cdecl *free_fn)(void *));
void bound_callbacks_set_io(struct mirror *mirror, INT64(__cdecl *read_fn)(int, void *, UINT64),
                            INT64(__cdecl *write_fn)(int, const void *, UINT64),
                            int(__cdecl *ioctl_fn)(int, ULONG, void *));

/* ---- native_handlers.c: handlers of native system calls ---- */

typedef int(__cdecl *native_handler)(int nr, void *args);

/* Errors are those of pk_register_syscall. */
int native_handlers_register(struct mirror *mirror, int nr, native_handler handler);

/* Calls reach the handlers of a kernel from now on, or no more. -ENOSYS where they cannot. */
int native_handlers_start(struct mirror *mirror);
void native_handlers_stop(struct mirror *mirror);

/* The same, for good. */
void native_handlers_end(struct mirror *mirror);

/* Runs the kernel's handler by hand, and counts. */
int native_handlers_call(unsigned index, int nr, void *args);

#endif
