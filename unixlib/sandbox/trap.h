/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trap.h - the trap: system calls that do not come from native code never reach Linux. They are
 * calls of the program's own kernel, by its numbers, and go through the door that its ordinary
 * calls take.
 *
 * Linux' syscall user dispatch (prctl(2), PR_SET_SYSCALL_USER_DISPATCH; Linux 5.11) turns every
 * system call into SIGSYS unless the instruction lies in one range of addresses. That range begins
 * at the line: native libraries lie above it, Windows code below, wherever it has come from. What
 * else could become executable above the line has to be kept from it (nt/memory.c).
 * It is a door, not a lock: code that jumps to a system call inside a native library gets it. What
 * no code of the process may do is the policy's affair.
 */
#ifndef PWK_SANDBOX_TRAP_H
#define PWK_SANDBOX_TRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/audit.h"
#include "kernel/process_table.h"

/* Native code lies from here on. Every Wine places its own dlls and the program's below, and Linux
 * its libraries above: at most 2^32 pages (vm.mmap_rnd_bits) below the end of user space, which is
 * at 2^47. */
#define PWK_TRAP_LINE UINT64_C(0x700000000000)
#define PWK_USER_SPACE_END UINT64_C(0x800000000000)
/* The loader places native code this much higher at least: libraries that are loaded later come to
 * lie below it. */
#define PWK_TRAP_ROOM (UINT64_C(1) << 40)

/* What the trap lets through. A call at the very end of the memory below the line is told by the
 * address behind it, and is caught: native code does not begin with that instruction. */
#define PWK_TRAP_PASS_START (PWK_TRAP_LINE + 2)
#define PWK_TRAP_PASS_LENGTH (PWK_USER_SPACE_END - PWK_TRAP_PASS_START)

/* How many numbers there can be: four tables of 4096 services each. Windows has two. */
#define PWK_NATIVE_NUMBERS 0x4000
#define PWK_NATIVE_UNKNOWN UINT16_MAX

/* What a native call meets. All of it stays valid for good. */
struct pwk_trap {
    /* PWK_NATIVE_NUMBERS entries: what the dispatcher knows each number as, or PWK_NATIVE_UNKNOWN.
     */
    const uint16_t *numbers;
    /* May know more numbers, and puts them into the table then: called before a number is refused,
     * in the signal's handler, which has interrupted code of the program's. NULL: there are none.
     */
    void (*learn)(void);
    /* Where the dispatcher's address stands when a call is made: that of an ordinary call. It is
     * jumped to as by a call that returns to `return_offset` bytes behind the instruction. */
    void *const *dispatcher;
    uint64_t return_offset;
    uint32_t unknown_status; /* the answer to an unknown number */
    bool count_sites;        /* hot sites become direct calls (call_site.h) */
    pwk_audit_t *audit;      /* may be NULL */
    struct pwk_process_slot *const *slot;
};

/* Whether this Linux can do it and native code lies where it has to; then takes SIGSYS over and
 * opens the door. Nothing is caught before threads are armed. -ENOTSUP with a line. Once a
 * process; `trap` is copied. */
int pwk_trap_start(const struct pwk_trap *trap, struct pwk_error *error);

/* Arms the calling thread; no-op where it is armed or no trap was started. It cannot be undone by
 * code that is caught. Arming ends with the thread, and is inherited neither by threads nor by
 * processes. 0 or a negative errno: the thread must not run code of the program's then. */
int pwk_trap_arm(void);

/* Native calls of `number` are made at `entry`, by code of the program's, until `handle` is false.
 * It is entered as by a call from behind the instruction, with the registers of the call: the
 * number in eax, the arguments in r10, rdx, r8, r9 and on the stack. `entry` is one for the
 * process. Sites that have become direct calls already are not met. -ENOSYS (no trap was started),
 * -EINVAL (the number). */
int pwk_trap_handle(uint32_t number, uint64_t entry, bool handle);

#endif
