/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call_site.h - native call sites that trap often are made direct calls: a trap costs a signal, a
 * call what a stub's call does. It is opted into, since it changes bytes of the program's code.
 *
 * The one form that is touched is `mov eax, NUMBER; syscall` (b8 imm32 0f 05), which is as long as
 * `call [abs32]` (ff 14 25 disp32). The pointers that are called through lie at 0x050f0000, eight
 * bytes a number, so the last two bytes of the new instruction are 0f 05 as well, and only the
 * first five change. Whoever stands between the two old instructions, or jumps there, still finds a
 * `syscall` and is trapped.
 *
 * The five bytes change in one store, within one aligned word of eight: a processor that fetches
 * the code meanwhile sees the old or the new instruction, never a mixture ("AMD64 Architecture
 * Programmer's Manual", volume 2, on cross-modifying code; code generators that patch running code
 * rely on it on Intel's too). So no int3 has to stand there in between, whose signal would have to
 * be taken from Wine's debugging; sites whose five bytes cross such a boundary stay as they are.
 */
#ifndef PWK_SANDBOX_CALL_SITE_H
#define PWK_SANDBOX_CALL_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/error.h"

#define PWK_SITE_SIZE 7
#define PWK_SITE_CHANGED 5 /* of them */
#define PWK_SITE_SYSCALL 5 /* where in it `syscall` stands */
#define PWK_SITE_TABLE UINT64_C(0x050f0000)
#define PWK_SITE_NUMBERS 0x2000 /* what a table of 64 KiB holds */
#define PWK_SITE_TRAPS 128      /* after so many a site is hot */

/* ---- the pure part ---- */

/* Whether the site at `address` can be changed: `bytes` are the one before it and its seven. A
 * prefix before it would make it another instruction. */
bool pwk_site_fits(uint64_t address, const unsigned char bytes[1 + PWK_SITE_SIZE], uint32_t number);

/* The aligned eight bytes that hold the site's first five, with these as they are before (`direct`
 * false) or after the change. */
uint64_t pwk_site_word(uint64_t word, uint64_t address, uint32_t number, bool direct);

/* Whether they hold a site that was changed, for that number. */
bool pwk_site_is_direct(uint64_t word, uint64_t address, uint32_t number);

/* ---- changing ---- */

/* The program's memory, as only its owner can handle it. Called on threads that run or ran code of
 * the program's, with all signals blocked. */
struct pwk_site_memory {
    /* Makes the page of `address` writable code and says what it was, and the start of the
     * allocation that it belongs to. False where it is no code, or not the process's alone. */
    bool (*open)(uint64_t address, uint32_t *protection, uint64_t *allocation);
    void (*close)(uint64_t address, uint32_t protection);
};

/* Lays out the table and its thunks, for all numbers below PWK_SITE_NUMBERS that `numbers`
 * (sandbox/trap.h) knows. A thunk loads the dispatcher's number, makes the return address the one
 * that a stub's call has, `return_offset` further on, and jumps through `dispatcher`, which lies
 * below 2^31. Once, before Wine places anything; -EEXIST with a line where the place is taken. */
int pwk_sites_start(const uint16_t *numbers, uint64_t dispatcher, uint8_t return_offset,
                    const struct pwk_site_memory *memory, struct pwk_error *error);

/* The trap (trap.h) was hit by the `syscall` at `address` with a known number: counts, and changes
 * the site when it is hot. In the signal's handler: code of the program's was interrupted, so no
 * lock is held by this thread. */
void pwk_sites_trapped(uint64_t address, uint32_t number);

/* Makes the sites in the range what they were, and keeps all as they are until the end, which the
 * same thread must come to. Size 0: those of the allocation that starts at `base`. */
void pwk_sites_begin_change(uint64_t base, uint64_t size);
void pwk_sites_end_change(void);

#endif
