/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_guard.c - see policy_guard.h. A table of calls and argument tests, and the little
 * assembler that makes BPF of it. Up to the first argument only the number and the architecture are
 * looked at, so that Linux finds calls without a row here to be decided by number alone (its bitmap
 * of such calls) and runs no BPF for them. For that it goes through the filter once for each number
 * when it is armed, which is most of what arming costs: hence the short ways.
 */
#include "sandbox/policy_guard.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "sandbox/filter_values.h"
#include "sandbox/trap.h"

/* From uapi headers newer than Debian 12's, or older than they might be. */
#define SET_SYSCALL_USER_DISPATCH 59
#define DISPATCH_ON 1
#define IO_URING_SETUP 425
#define IO_URING_REGISTER 427 /* io_uring_enter lies between */

/* CLONE_NEWTIME lies in the bits of the exit signal and does nothing in clone(2). */
#define NAMESPACE_FLAGS                                                                            \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

enum test {
    NO_TEST,
    IS_NOT,      /* the 64 bits are not values[0] */
    LOW_IS,      /* the lower 32 bits are values[0]: Linux reads an int */
    LOW_IS_NONE, /* they are none of the values */
    LOW_HAS      /* they have some bit of values[0] */
};

#define MAX_VALUES 4
#define MAX_CONDITIONS 2

struct condition {
    enum test test;
    uint8_t argument;
    uint8_t count; /* of values */
    uint64_t values[MAX_VALUES];
};

/* A call is refused where all conditions of one of its rows hold. Rows of a call stand together. */
struct row {
    uint16_t number;
    uint16_t error;
    uint8_t part; /* of enum pwk_guard_part; 0: always there */
    struct condition conditions[MAX_CONDITIONS];
};

#define OPTION(option)                                                                             \
    {                                                                                              \
        LOW_IS, 0, 1,                                                                              \
        {                                                                                          \
            option                                                                                 \
        }                                                                                          \
    }

#define DISPATCH OPTION(SET_SYSCALL_USER_DISPATCH)

static const struct row rows[] = {
    /* Others change what addresses mean: no randomisation, data that can be run. 0xffffffff asks.
     */
    {__NR_personality, EPERM, 0, {{LOW_IS_NONE, 0, 2, {0, 0xffffffff}}}},
    {__NR_prctl, PWK_GUARD_ANSWER, 0, {OPTION(PWK_GUARD_PROBE)}},
    /* Off, or another range: native code of Windows' would reach Linux again. */
    {__NR_prctl, EPERM, 0, {DISPATCH, {IS_NOT, 1, 1, {DISPATCH_ON}}}},
    {__NR_prctl, EPERM, 0, {DISPATCH, {IS_NOT, 2, 1, {PWK_TRAP_PASS_START}}}},
    {__NR_prctl, EPERM, 0, {DISPATCH, {IS_NOT, 3, 1, {PWK_TRAP_PASS_LENGTH}}}},
    /* A byte that the program could write would switch it off. */
    {__NR_prctl, EPERM, 0, {DISPATCH, {IS_NOT, 4, 1, {0}}}},
    /* /proc/self/exe leads children to their loader. */
    {__NR_prctl, EPERM, 0, {OPTION(PR_SET_MM)}},
    /* The supervisor reads the names of files in the process that asks. */
    {__NR_prctl, EPERM, 0, {OPTION(PR_SET_DUMPABLE), {IS_NOT, 1, 1, {1}}}},
    /* Keys typed into the terminal from which pwk-wine was called. */
    {__NR_ioctl, EPERM, 0, {{LOW_IS, 1, 1, {TIOCSTI}}}},
    {__NR_ioctl, EPERM, 0, {{LOW_IS, 1, 1, {TIOCLINUX}}}},
    {__NR_clone, EPERM, PWK_GUARD_NAMESPACES, {{LOW_HAS, 0, 1, {NAMESPACE_FLAGS}}}},
    {__NR_socket,
     EAFNOSUPPORT,
     PWK_GUARD_SOCKET_FAMILIES,
     {{LOW_IS_NONE, 0, 4, {PWK_SOCKET_FAMILIES}}}},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* ---- the assembler ---- */

/* Jumps to a place that is not yet known, at most MAX_VALUES + 1 in a condition. */
#define MAX_ENDS 16
#define MAX_PENDING (MAX_CONDITIONS * (MAX_VALUES + 1))

struct assembly {
    struct sock_filter *code;
    size_t length;
    struct {
        size_t at;
        bool when_true;
    } pending[MAX_PENDING]; /* to the next row */
    size_t pending_count;
    size_t ends[MAX_ENDS]; /* jumps behind the guard */
    size_t end_count;
};

static void put(struct assembly *out, uint16_t code, uint32_t k, uint8_t if_true, uint8_t if_false)
{
    out->code[out->length++] = (struct sock_filter){code, if_true, if_false, k};
}

static void load(struct assembly *out, size_t offset)
{
    put(out, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void load_argument(struct assembly *out, unsigned argument, bool high)
{
    load(out, offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t) + (high ? 4 : 0));
}

static void refuse(struct assembly *out, uint16_t error)
{
    put(out, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error, 0, 0);
}

/* A jump that leads to the next row when the comparison comes out as `when_true` says. */
static void jump_to_next_row(struct assembly *out, uint16_t comparison, uint32_t k, bool when_true)
{
    out->pending[out->pending_count].at = out->length;
    out->pending[out->pending_count++].when_true = when_true;
    put(out, BPF_JMP | comparison | BPF_K, k, 0, 0);
}

static void land_here(struct assembly *out)
{
    for (size_t i = 0; i < out->pending_count; i++) {
        size_t at = out->pending[i].at;
        uint8_t distance = (uint8_t)(out->length - at - 1);

        if (out->pending[i].when_true)
            out->code[at].jt = distance;
        else
            out->code[at].jf = distance;
    }
    out->pending_count = 0;
}

static void put_is_not(struct assembly *out, unsigned argument, uint64_t value)
{
    load_argument(out, argument, false);
    put(out, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)value, 0, 2);
    load_argument(out, argument, true);
    jump_to_next_row(out, BPF_JEQ, (uint32_t)(value >> 32), true);
}

static void put_condition(struct assembly *out, const struct condition *condition)
{
    switch (condition->test) {
    case NO_TEST:
        return;
    case IS_NOT:
        put_is_not(out, condition->argument, condition->values[0]);
        return;
    case LOW_IS:
    case LOW_HAS:
        load_argument(out, condition->argument, false);
        jump_to_next_row(out, condition->test == LOW_IS ? BPF_JEQ : BPF_JSET,
                         (uint32_t)condition->values[0], false);
        return;
    case LOW_IS_NONE:
        load_argument(out, condition->argument, false);
        for (size_t i = 0; i < condition->count; i++)
            jump_to_next_row(out, BPF_JEQ, (uint32_t)condition->values[i], true);
        return;
    }
}

/* A jump behind the guard when the comparison holds. */
static void jump_to_end(struct assembly *out, uint16_t comparison, uint32_t k)
{
    out->ends[out->end_count++] = out->length;
    put(out, BPF_JMP | comparison | BPF_K, k, 0, 0);
}

static void land_ends(struct assembly *out)
{
    for (size_t i = 0; i < out->end_count; i++) {
        struct sock_filter *jump = &out->code[out->ends[i]];
        size_t distance = out->length - out->ends[i] - 1;

        if (jump->code == (BPF_JMP | BPF_JA))
            jump->k = (uint32_t)distance;
        else
            jump->jt = (uint8_t)distance;
    }
}

/* The rows of one call, from `first` on. Answers the first row behind them. */
static size_t put_call(struct assembly *out, size_t first, unsigned opened)
{
    size_t test = out->length;
    size_t row;

    put(out, BPF_JMP | BPF_JEQ | BPF_K, rows[first].number, 0, 0);
    for (row = first; row < ROW_COUNT && rows[row].number == rows[first].number; row++) {
        if ((rows[row].part & opened) != 0)
            continue;
        for (size_t i = 0; i < MAX_CONDITIONS; i++)
            put_condition(out, &rows[row].conditions[i]);
        refuse(out, rows[row].error);
        land_here(out);
    }
    jump_to_end(out, BPF_JA, 0);
    out->code[test].jf = (uint8_t)(out->length - test - 1);
    return row;
}

static uint32_t last_number(void)
{
    uint32_t last = 0;

    for (size_t row = 0; row < ROW_COUNT; row++)
        if (rows[row].number > last)
            last = rows[row].number;
    return last;
}

size_t pwk_guard_write(struct sock_filter code[PWK_GUARD_MAX], unsigned opened)
{
    struct assembly out = {.code = code};

    load(&out, offsetof(struct seccomp_data, arch));
    put(&out, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    refuse(&out, ENOSYS);
    load(&out, offsetof(struct seccomp_data, nr));
    put(&out, BPF_JMP | BPF_JGE | BPF_K, PWK_X32_BIT, 0, 1);
    refuse(&out, ENOSYS);
    /* What is asked of io_uring is done without any filter's being asked. */
    put(&out, BPF_JMP | BPF_JGE | BPF_K, IO_URING_SETUP, 0, 2);
    jump_to_end(&out, BPF_JGT, IO_URING_REGISTER);
    refuse(&out, ENOSYS);
    jump_to_end(&out, BPF_JGT, last_number());
    for (size_t row = 0; row < ROW_COUNT;)
        row = put_call(&out, row, opened);
    land_ends(&out);
    return out.length;
}
