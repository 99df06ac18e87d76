/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_arm.c - see policy_arm.h.
 */
#include "sandbox/policy_arm.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/policy_install.h"

bool pwk_policy_is_armed(void)
{
    return prctl(PWK_GUARD_PROBE, 0, 0, 0, 0) < 0 && errno == PWK_GUARD_ANSWER;
}

int pwk_policy_install(const struct sock_filter *code, size_t length, unsigned opened,
                       unsigned long flags)
{
    struct sock_filter all[BPF_MAXINSNS];
    size_t guard = pwk_guard_write(all, opened);
    struct sock_fprog program = {.len = (unsigned short)(guard + length), .filter = all};
    long result;

    memcpy(all + guard, code, length * sizeof(*code));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -errno;
    result =
        syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_TSYNC, &program);
    return result < 0 ? -errno : (int)result;
}

int pwk_policy_arm(const struct sock_filter *code, size_t length, unsigned opened,
                   struct pwk_error *error)
{
    int result = pwk_policy_install(code, length, opened, 0);

    /* A thread's number: it has a filter of its own, which Linux cannot bring in step. */
    if (result > 0)
        result = -EBUSY;
    return result == 0 ? 0
                       : pwk_error_set(error, result,
                                       "the Linux policy cannot be armed: %s; see pwkctl doctor",
                                       strerror(-result));
}
