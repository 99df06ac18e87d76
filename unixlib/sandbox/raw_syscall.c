/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * raw_syscall.c - the known instruction of trapped_call.h, in a file of its own: the launcher's
 * supervisor makes calls through it without serving any.
 */
#include "sandbox/trapped_call.h"

/* syscall's arguments are where the C convention has them, one place to the left, but for the
 * fourth, which stands in r10 since the instruction itself overwrites rcx. */
__asm__(".text\n"
        ".balign 16\n"
        ".globl pwk_raw_syscall\n"
        ".hidden pwk_raw_syscall\n"
        ".type pwk_raw_syscall, @function\n"
        "pwk_raw_syscall:\n"
        "    .cfi_startproc\n"
        "    movq %rdi, %rax\n"
        "    movq %rsi, %rdi\n"
        "    movq %rdx, %rsi\n"
        "    movq %rcx, %rdx\n"
        "    movq %r8, %r10\n"
        "    movq %r9, %r8\n"
        "    movq 8(%rsp), %r9\n"
        "    syscall\n"
        ".globl pwk_raw_syscall_end\n"
        ".hidden pwk_raw_syscall_end\n"
        "pwk_raw_syscall_end:\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size pwk_raw_syscall, . - pwk_raw_syscall\n");
