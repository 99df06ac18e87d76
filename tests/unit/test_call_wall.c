/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_call_wall.c - the wall of Linux calls round an own session: the filter as it is raised, run
 * by an interpreter over every number of all three ABIs, and raised for real.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "filter_run.h"
#include "sandbox/call_wall.h"

#define ALLOW SECCOMP_RET_ALLOW
#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))
#define HIGH UINT64_C(0x100000000)
#define X32 0x40000000
#define NATIVE AUDIT_ARCH_X86_64
#define OLD AUDIT_ARCH_I386
#define BOTH 0
#define ISOLATED 1
#define HOST 2

static struct sock_filter isolated[PWK_CALL_WALL_MAX], host[PWK_CALL_WALL_MAX];
static size_t isolated_length, host_length;

static int write_walls(void **state)
{
    (void)state;
    isolated_length = pwk_call_wall_write(isolated, true);
    host_length = pwk_call_wall_write(host, false);
    return isolated_length > PWK_CALL_WALL_MAX || host_length > PWK_CALL_WALL_MAX;
}

static unsigned decide(bool isolated_network, uint32_t arch, int number, uint64_t first,
                       uint64_t second, bool *looked)
{
    struct seccomp_data data = {.nr = number, .arch = arch, .args = {first, second}};

    return isolated_network ? filter_run(isolated, isolated_length, &data, looked)
                            : filter_run(host, host_length, &data, looked);
}

struct expectation {
    uint32_t arch;
    int number;
    unsigned decision;
    uint64_t first, second;
    int network; /* BOTH, or the one it is said of */
};

/* The 32-bit numbers stand for themselves here, as "syscall_32.tbl" of Linux has them. */
static const struct expectation expected[] = {
    {NATIVE, 248, REFUSE(EPERM)}, /* add_key */
    {NATIVE, 249, REFUSE(EPERM)}, /* request_key */
    {NATIVE, 250, REFUSE(EPERM)}, /* keyctl */
    {NATIVE, 298, REFUSE(EPERM)}, /* perf_event_open */
    {NATIVE, 321, REFUSE(EPERM)}, /* bpf */
    {NATIVE, 323, REFUSE(EPERM)}, /* userfaultfd */
    {NATIVE, 425, REFUSE(EPERM)}, /* io_uring_setup */
    {OLD, 286, REFUSE(EPERM)},
    {OLD, 287, REFUSE(EPERM)},
    {OLD, 288, REFUSE(EPERM)},
    {OLD, 336, REFUSE(EPERM)},
    {OLD, 357, REFUSE(EPERM)},
    {OLD, 374, REFUSE(EPERM)},
    {OLD, 425, REFUSE(EPERM)},
    /* ioctl: Linux looks at the low half of a request. */
    {NATIVE, 16, REFUSE(EPERM), 0, 0x5412},
    {NATIVE, 16, REFUSE(EPERM), 0, HIGH | 0x5412},
    {NATIVE, 16, REFUSE(EPERM), 7, 0x541c},
    {NATIVE, 16, ALLOW, 0x5412, 0x5411},
    {NATIVE, 16, ALLOW, 0, 0x5413},
    {NATIVE, 16, ALLOW, 0, 0x541b},
    {OLD, 54, REFUSE(EPERM), 0, 0x5412},
    {OLD, 54, REFUSE(EPERM), 0, 0x541c},
    {OLD, 54, ALLOW, 0, 0x5401},
    /* fcntl and fcntl64: F_SETLEASE and F_SETDELEG. */
    {NATIVE, 72, REFUSE(EPERM), 3, 1024},
    {NATIVE, 72, REFUSE(EPERM), 3, HIGH | 1024},
    {NATIVE, 72, REFUSE(EPERM), 3, 1040},
    {NATIVE, 72, ALLOW, 1024, 1025},
    {NATIVE, 72, ALLOW, 3, 6},
    {OLD, 55, REFUSE(EPERM), 3, 1024},
    {OLD, 221, REFUSE(EPERM), 3, 1040},
    {OLD, 221, ALLOW, 3, 1025},
    {NATIVE, 55, ALLOW, 3, 1024}, /* getsockopt */
    {OLD, 72, ALLOW, 3, 1024},    /* sigsuspend */
    /* Numbers of the other ABI are other calls: umask, and what is not used. */
    {NATIVE, 54, ALLOW, 0, 0x5412},
    {OLD, 16, ALLOW, 0, 0x5412},
    /* socket: Unix, IP, IPv6 and netlink. */
    {NATIVE, 41, ALLOW, 1},
    {NATIVE, 41, ALLOW, 2},
    {NATIVE, 41, ALLOW, 10},
    {NATIVE, 41, ALLOW, 16},
    {NATIVE, 41, ALLOW, HIGH | 2},
    {NATIVE, 41, REFUSE(EAFNOSUPPORT), 40, 0, ISOLATED},
    {NATIVE, 41, REFUSE(EAFNOSUPPORT), HIGH | 40, 0, ISOLATED},
    {NATIVE, 41, REFUSE(EAFNOSUPPORT), 0, 0, ISOLATED},
    {NATIVE, 41, REFUSE(EAFNOSUPPORT), 17, 0, ISOLATED},
    {NATIVE, 41, REFUSE(EAFNOSUPPORT), 38, 0, ISOLATED},
    {NATIVE, 41, REFUSE(EAFNOSUPPORT), 0xffffffff, 0, ISOLATED},
    {NATIVE, 41, ALLOW, 40, 0, HOST},
    {OLD, 359, ALLOW, 10},
    {OLD, 359, REFUSE(EAFNOSUPPORT), 40, 0, ISOLATED},
    {OLD, 359, ALLOW, 40, 0, HOST},
    {OLD, 102, REFUSE(EPERM), 1, 0, ISOLATED}, /* socketcall */
    {OLD, 102, ALLOW, 1, 0, HOST},
    {NATIVE, 102, ALLOW, 1}, /* getuid */
    /* socketpair makes none that leads out of the machine but Unix ones. */
    {NATIVE, 53, ALLOW, 1},
};

static void calls_are_decided(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        for (int network = ISOLATED; network <= HOST; network++) {
            const struct expectation *e = &expected[i];
            bool looked;
            unsigned decision;

            if (e->network != BOTH && e->network != network)
                continue;
            decision =
                decide(network == ISOLATED, e->arch, e->number, e->first, e->second, &looked);
            if (decision != e->decision)
                fail_msg("%#x %d(%#llx, %#llx): %#x in place of %#x", e->arch, e->number,
                         (unsigned long long)e->first, (unsigned long long)e->second, decision,
                         e->decision);
        }
}

static bool is_expected(uint32_t arch, int number)
{
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        if (expected[i].arch == arch && expected[i].number == number)
            return true;
    return false;
}

/* And by its number alone, so that Linux keeps it in its bitmap. */
static void every_other_call_is_allowed(void **state)
{
    static const uint32_t archs[] = {NATIVE, OLD};
    bool looked;

    (void)state;
    for (int i = 0; i < 2; i++)
        for (int number = 0; number < 2048; number++)
            for (int network = 0; network < 2; network++) {
                if (is_expected(archs[i], number))
                    continue;
                assert_int_equal(decide(network, archs[i], number, 40, 0x5412, &looked), ALLOW);
                assert_false(looked);
            }
}

/* x32's numbers reach the same calls by other ones, and -1 is none. */
static void other_numbers_are_refused(void **state)
{
    static const int others[] = {
        -1, X32, X32 | 16, X32 | 41, X32 | 514, X32 | 0x3fffffff, (int)0x80000000u};
    bool looked;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        for (int network = 0; network < 2; network++) {
            assert_int_equal(decide(network, NATIVE, others[i], 0, 0, &looked), REFUSE(ENOSYS));
            assert_int_equal(decide(network, OLD, others[i], 0, 0, &looked), REFUSE(ENOSYS));
        }
    for (int number = 0; number < 2048; number++)
        assert_int_equal(decide(true, NATIVE, X32 | number, 0, 0, &looked), REFUSE(ENOSYS));
}

static void other_machines_calls_end_the_process(void **state)
{
    static const uint32_t others[] = {0, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, 0xffffffff,
                                      AUDIT_ARCH_X86_64 & ~__AUDIT_ARCH_64BIT};
    bool looked;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        for (int number = -1; number < 600; number++)
            assert_int_equal(decide(true, others[i], number, 0, 0, &looked),
                             SECCOMP_RET_KILL_PROCESS);
}

/* In a child, which it cannot be taken from again. */
static int under_the_wall(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || pwk_call_wall_raise(true) != 0)
        return 1;
    if (socket(40, SOCK_STREAM, 0) >= 0 || errno != EAFNOSUPPORT)
        return 2;
    if (syscall(SYS_keyctl, 0, 0, 0) >= 0 || errno != EPERM)
        return 3;
    if (socket(AF_UNIX, SOCK_STREAM, 0) < 0)
        return 4;
    return getppid() > 0 ? 0 : 5;
}

static void linux_takes_it(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0)
        _exit(under_the_wall());
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_decided),
        cmocka_unit_test(every_other_call_is_allowed),
        cmocka_unit_test(other_numbers_are_refused),
        cmocka_unit_test(other_machines_calls_end_the_process),
        cmocka_unit_test(linux_takes_it),
    };

    return cmocka_run_group_tests_name("call_wall", tests, write_walls, NULL);
}
