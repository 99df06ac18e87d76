/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sigsys.h - SIGSYS of this process: the signal by which Linux says that a call was not made. Two
 * doors lead out of it. Syscall user dispatch (the trap: code that must not reach Linux at all) and
 * seccomp (the policy: a call that a rule traps) are told apart by si_code, so neither part needs
 * to know the other.
 */
#ifndef PWK_SANDBOX_SIGSYS_H
#define PWK_SANDBOX_SIGSYS_H

#include <signal.h>
#include <ucontext.h>

/* What Linux says of a call that user dispatch caught; older C libraries lack the name
 * (asm-generic/siginfo.h). */
#ifndef SYS_USER_DISPATCH
#define SYS_USER_DISPATCH 2
#endif

/* Serves one signal, on the thread that made the call, by changing `context`. Async-signal-safe:
 * it interrupts code of any kind, libc's included. errno is kept by the caller. */
typedef void (*pwk_sigsys_door)(const siginfo_t *info, ucontext_t *context);

/* Takes the signal over, once for the process; what was there before gets the signals that are no
 * door's. 0 or a negative errno. */
int pwk_sigsys_install(void);

/* Opens a door. To be called before anything can knock at it; a signal without its door ends the
 * process, as SIGSYS does. */
void pwk_sigsys_set_user_dispatch(pwk_sigsys_door door);
void pwk_sigsys_set_seccomp(pwk_sigsys_door door);

#endif
