/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notify.h - telling programs of changes to keys, by whichever process of the kernel they were
 * made.
 */
#ifndef PWK_NT_NOTIFY_H
#define PWK_NT_NOTIFY_H

#include "nt/services.h"

/* After each write of this process, when no lock is held: fires what waits for it. Cheap where
 * nothing waits. */
void nt_notify_written(void);

/* A handle was closed: what waits on it fires. */
void nt_notify_closed(nt_handle handle);

/* The one thread of a process that waits for changes by other processes comes in as a call of
 * NtFlushKey with this for a handle, a value that is nobody's. */
#define NOTIFY_THREAD_ARGUMENT UINT64_C(0x44000000)
ntstatus nt_notify_thread(void);

#endif
