/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trap.c - see trap.h. The door changes the interrupted thread's registers and nothing else: what
 * is left to do, the thread does itself behind the signal, so that a fault there (a stack that has
 * run out) is its own.
 */
#include "sandbox/trap.h"

#include <errno.h>
#include <linux/audit.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include "kernel/number_text.h"
#include "sandbox/call_site.h"
#include "sandbox/policy_arm.h"
#include "sandbox/sigsys.h"

/* linux/prctl.h of Linux 5.11; older headers lack them. */
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#endif

#define SYSCALL_SIZE 2 /* of `syscall` as of `int n` */
#define TRAP_FLAG 0x100
#define GENERAL_PROTECTION 13
/* What the processor says of a gate that user code may not use: its number, and that it is one. */
#define GATE_ERROR(vector) ((vector) << 3 | 2)

static struct pwk_trap trap;
static bool started;
static __thread bool armed;

/* How often each number was refused, and in the last place all that Windows has no place for. */
static uint32_t refusals[PWK_NATIVE_NUMBERS + 1];

/* The way from the signal to the dispatcher: rcx is the return address and r11 the dispatcher, both
 * of which a system call may change. No flag is changed. Single-stepping is taken up at the
 * dispatcher itself, where Wine expects it after a call from a stub. */
void pwk_trap_enter(void);
void pwk_trap_enter_stepping(void);
__asm__(".pushsection .text\n"
        ".globl pwk_trap_enter\n.hidden pwk_trap_enter\n.type pwk_trap_enter, @function\n"
        "pwk_trap_enter:\n\t"
        "pushq %rcx\n\t"
        "jmp *%r11\n"
        ".size pwk_trap_enter, .-pwk_trap_enter\n"
        ".globl pwk_trap_enter_stepping\n.hidden pwk_trap_enter_stepping\n"
        ".type pwk_trap_enter_stepping, @function\n"
        "pwk_trap_enter_stepping:\n\t"
        "pushq %rcx\n\t"
        "pushfq\n\t"
        "orq $0x100, (%rsp)\n\t"
        "popfq\n\t"
        "jmp *%r11\n"
        ".size pwk_trap_enter_stepping, .-pwk_trap_enter_stepping\n"
        ".popsection");

/* Counts every refusal and records the first, second, fourth and so on of each number. */
static void record_refusal(uint32_t *place, uint32_t number, uint64_t address, const char *reason)
{
    uint32_t count = __atomic_add_fetch(place, 1, __ATOMIC_RELAXED);
    char numbers[3][PWK_NUMBER_TEXT];

    pwk_count(*trap.slot, PWK_DENIALS, 1);
    if (count & (count - 1))
        return;
    pwk_audit_write(trap.audit, PWK_AUDIT_DENIALS, "native_call", "denied", "number",
                    pwk_hexadecimal(numbers[0], number, 1), "address",
                    pwk_hexadecimal(numbers[1], address, 1), "reason", reason, "count",
                    pwk_decimal(numbers[2], count), NULL);
}

/* A gate that Windows does not have (`int 0x80`): what Windows makes of it is the processor's
 * general protection fault at the instruction. The signal's owner gets it as if it were one. */
static void raise_protection_fault(ucontext_t *context)
{
    greg_t *registers = context->uc_mcontext.gregs;
    siginfo_t info = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};
    struct sigaction action;

    registers[REG_RIP] -= SYSCALL_SIZE;
    registers[REG_TRAPNO] = GENERAL_PROTECTION;
    registers[REG_ERR] = GATE_ERROR(0x80);
    if (sigaction(SIGSEGV, NULL, &action) == 0 && action.sa_flags & SA_SIGINFO) {
        /* Undone with the context at this signal's end. */
        sigprocmask(SIG_BLOCK, &action.sa_mask, NULL);
        action.sa_sigaction(SIGSEGV, &info, context);
        return;
    }
    sigaction(SIGSEGV, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    raise(SIGSEGV);
}

/* Numbers that the program itself serves, and where. */
static bool handled[PWK_NATIVE_NUMBERS];
static uint64_t handler_entry;

static bool is_handled(uint32_t number)
{
    return number < PWK_NATIVE_NUMBERS && __atomic_load_n(&handled[number], __ATOMIC_ACQUIRE);
}

static uint16_t find_number(uint32_t number)
{
    uint16_t known;

    if (number >= PWK_NATIVE_NUMBERS)
        return PWK_NATIVE_UNKNOWN;
    known = __atomic_load_n(&trap.numbers[number], __ATOMIC_RELAXED);
    if (known != PWK_NATIVE_UNKNOWN || !trap.learn)
        return known;
    trap.learn();
    return __atomic_load_n(&trap.numbers[number], __ATOMIC_RELAXED);
}

/* As by a call that returns to rcx. */
static void go_on_at_r11(greg_t *registers)
{
    registers[REG_RIP] = (greg_t)pwk_trap_enter;
    if (registers[REG_EFL] & TRAP_FLAG) {
        registers[REG_EFL] &= ~TRAP_FLAG;
        registers[REG_RIP] = (greg_t)pwk_trap_enter_stepping;
    }
}

static void serve(const siginfo_t *info, ucontext_t *context)
{
    greg_t *registers = context->uc_mcontext.gregs;
    /* Windows looks at the lower half alone. */
    uint32_t number = (uint32_t)registers[REG_RAX];
    uint64_t address = (uint64_t)registers[REG_RIP] - SYSCALL_SIZE;
    uint16_t known;

    if (info->si_arch != AUDIT_ARCH_X86_64) {
        record_refusal(&refusals[PWK_NATIVE_NUMBERS], number, address, "not a Windows system call");
        raise_protection_fault(context);
        return;
    }
    if (is_handled(number)) {
        registers[REG_RCX] = registers[REG_RIP];
        registers[REG_R11] = (greg_t)handler_entry;
        go_on_at_r11(registers);
        return;
    }
    known = find_number(number);
    if (known == PWK_NATIVE_UNKNOWN) {
        registers[REG_RAX] = trap.unknown_status;
        record_refusal(&refusals[number < PWK_NATIVE_NUMBERS ? number : PWK_NATIVE_NUMBERS], number,
                       address, "unknown number");
        return;
    }
    if (trap.count_sites)
        pwk_sites_trapped(address, number);
    registers[REG_RAX] = known;
    registers[REG_RCX] = registers[REG_RIP] + (greg_t)trap.return_offset;
    registers[REG_R11] = (greg_t)__atomic_load_n(trap.dispatcher, __ATOMIC_RELAXED);
    go_on_at_r11(registers);
}

int pwk_trap_handle(uint32_t number, uint64_t entry, bool handle)
{
    if (!started)
        return -ENOSYS;
    if (number >= PWK_NATIVE_NUMBERS)
        return -EINVAL;
    if (handle)
        handler_entry = entry;
    __atomic_store_n(&handled[number], handle, __ATOMIC_RELEASE);
    return 0;
}

static int set_dispatch(void)
{
    return prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, PWK_TRAP_PASS_START,
                 PWK_TRAP_PASS_LENGTH, 0) < 0
               ? -errno
               : 0;
}

int pwk_trap_start(const struct pwk_trap *new_trap, struct pwk_error *error)
{
    int result;

    /* Switching off what is not on needs no more than that Linux knows it. A policy that was armed
     * by a process before this one forbids it, and that process had it. */
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) < 0 && !pwk_policy_is_armed())
        return pwk_error_set(error, -ENOTSUP,
                             "this Linux cannot catch a program's own system calls (%s); use "
                             "Linux 5.11 or newer, built with CONFIG_GENERIC_ENTRY",
                             strerror(errno));
    if ((uintptr_t)pwk_trap_start < PWK_TRAP_LINE || (uintptr_t)prctl < PWK_TRAP_LINE)
        return pwk_error_set(error, -ENOTSUP,
                             "native libraries lie where Windows code does, so its system calls "
                             "cannot be told apart; run with 'ulimit -s 8192' and without setarch");
    if (personality(UINT32_MAX) & READ_IMPLIES_EXEC)
        return pwk_error_set(
            error, -ENOTSUP,
            "all data are code here (READ_IMPLIES_EXEC), so system calls cannot be "
            "told apart; run without 'setarch -X'");
    trap = *new_trap;
    pwk_sigsys_set_user_dispatch(serve);
    result = pwk_sigsys_install();
    if (result < 0)
        return pwk_error_set(error, result, "SIGSYS cannot be taken over: %s", strerror(-result));
    __atomic_store_n(&started, true, __ATOMIC_RELEASE);
    return 0;
}

/* A thread may have been born with the signal blocked, down from whoever started pwk-wine; a caught
 * call would end the process then. */
static int let_signal_through(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGSYS);
    return -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int pwk_trap_arm(void)
{
    int result;

    if (armed || !__atomic_load_n(&started, __ATOMIC_ACQUIRE))
        return 0;
    result = let_signal_through();
    if (result == 0)
        result = set_dispatch();
    armed = result == 0;
    return result;
}
