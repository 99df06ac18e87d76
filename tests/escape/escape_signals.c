/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * escape_signals.c - games with signals: SIGSYS kept from its handler, and contexts that are
 * changed behind a signal.
 */
#include "escape.h"

#include <signal.h>
#include <setjmp.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static enum outcome make_mark(void)
{
    escape_call(SYS_mkdir, escape_mark, 0700L);
    return access(escape_mark, F_OK) == 0 ? DONE : REFUSED;
}

static enum outcome sigsys_blocked(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    return make_mark();
}

static enum outcome sigsys_ignored(void)
{
    signal(SIGSYS, SIG_IGN);
    return make_mark();
}

static void do_nothing(int signal)
{
    (void)signal;
}

static enum outcome sigsys_handler_replaced(void)
{
    signal(SIGSYS, do_nothing);
    return make_mark();
}

/* The handler makes the call anew from the signal's own context. */
static void set_number_anew(int signal, siginfo_t *info, void *context)
{
    ucontext_t *interrupted = context;
    static int tries;

    (void)signal;
    if (tries++ > 3)
        return;
    interrupted->uc_mcontext.gregs[REG_RAX] = info->si_syscall;
    interrupted->uc_mcontext.gregs[REG_RIP] -= 2;
}

static enum outcome sigsys_made_anew(void)
{
    struct sigaction action = {.sa_sigaction = set_number_anew, .sa_flags = SA_SIGINFO};

    sigaction(SIGSYS, &action, NULL);
    return make_mark();
}

/* ---- a context that begins at a system call ---- */

void escape_landing(void);
__asm__(".pushsection .text\n"
        ".type escape_landing, @function\n"
        "escape_landing:\n\t"
        "syscall\n\t"
        "andq $-16, %rsp\n\t"
        "call escape_landed\n\t"
        "hlt\n"
        ".size escape_landing, .-escape_landing\n"
        ".popsection");

void escape_landed(void);
__attribute__((used)) void escape_landed(void)
{
    _exit(access(escape_mark, F_OK) == 0 ? DONE : REFUSED);
}

static void land_at_call(int signal, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

    (void)signal;
    (void)info;
    registers[REG_RIP] = (greg_t)escape_landing;
    registers[REG_RAX] = SYS_mkdir;
    registers[REG_RDI] = (greg_t)escape_mark;
    registers[REG_RSI] = 0700;
}

static enum outcome by_sigreturn(void)
{
    struct sigaction action = {.sa_sigaction = land_at_call, .sa_flags = SA_SIGINFO};

    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    return REFUSED;
}

/* A frame of rt_sigreturn that no signal has made. */
static enum outcome by_forged_frame(void)
{
    static struct {
        ucontext_t context;
        char room[4096]; /* Linux's own frame ends with a siginfo */
    } frame;
    greg_t *registers = frame.context.uc_mcontext.gregs;
    unsigned short segment;

    __asm__("mov %%cs, %0" : "=r"(segment));
    registers[REG_CSGSFS] = segment;
    __asm__("mov %%ss, %0" : "=r"(segment));
    registers[REG_CSGSFS] |= (greg_t)segment << 48;
    registers[REG_RIP] = (greg_t)escape_landing;
    registers[REG_RAX] = SYS_mkdir;
    registers[REG_RDI] = (greg_t)escape_mark;
    registers[REG_RSI] = 0700;
    registers[REG_EFL] = 0x202;
    __asm__("mov %%rsp, %0" : "=r"(registers[REG_RSP]));
    registers[REG_RSP] -= 4096;
    __asm__ volatile("mov %0, %%rsp\n\tmov %1, %%eax\n\tsyscall"
                     :
                     : "r"(&frame.context), "i"(SYS_rt_sigreturn)
                     : "memory");
    return REFUSED;
}

const struct escape escapes_by_signals[] = {
    {"SIGSYS blocked", 0, {"mkdir=trap"}, WORD, "mkdir", sigsys_blocked},
    {"SIGSYS ignored", 0, {"mkdir=trap"}, WORD, "mkdir", sigsys_ignored},
    {"SIGSYS with another handler", 0, {"mkdir=trap"}, WORD, "mkdir", sigsys_handler_replaced},
    {"SIGSYS, and the call made anew", 0, {"mkdir=trap"}, WORD, "mkdir", sigsys_made_anew},
    {"a signal that returns to a call", 0, {"mkdir=errno"}, WORD, "mkdir", by_sigreturn},
    {"a forged frame of a signal", 0, {"mkdir=errno"}, WORD, "mkdir", by_forged_frame},
    {NULL},
};
