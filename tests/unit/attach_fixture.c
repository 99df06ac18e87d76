/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach_fixture.c - see attach_fixture.h.
 */
#include "attach_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/supervise.h"

__attribute__((constructor)) static void lend(void)
{
    pwk_attach_lend();
}

_Noreturn void check_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s (errno %d)\n", file, line, what, errno);
    _exit(1);
}

void run_in_child(void (*body)(void))
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFSIGNALED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int install_filter(enum pwk_call_filter_kind kind, const int *numbers, size_t count)
{
    struct sock_fprog program;
    unsigned flags = kind == PWK_CALL_FILTER_NOTIFY
                         ? SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC |
                               SECCOMP_FILTER_FLAG_TSYNC_ESRCH
                         : SECCOMP_FILTER_FLAG_TSYNC;
    int result = pwk_call_filter_build(&program, kind, numbers, count, false);

    if (result < 0)
        return result;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    result = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (result < 0)
        result = -errno;
    pwk_call_filter_free(&program);
    return result;
}
