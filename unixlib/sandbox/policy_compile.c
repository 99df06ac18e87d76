/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_compile.c - see policy.h: a table of actions to BPF, by libseccomp. Rules look at numbers
 * alone; arguments are the guard's.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/policy.h"

/* Calls that came with Linux 5.1 and later stand from here on. */
#define FIRST_NEW_CALL 424

int pwk_policy_errno(int number)
{
    return number >= FIRST_NEW_CALL && number < PWK_POLICY_CALLS ? ENOSYS : EPERM;
}

static uint32_t filter_action(enum pwk_syscall_action action, int number)
{
    switch (action) {
    case PWK_SYSCALL_ALLOW:
        return SCMP_ACT_ALLOW;
    case PWK_SYSCALL_ERRNO:
        return SCMP_ACT_ERRNO((uint16_t)pwk_policy_errno(number));
    case PWK_SYSCALL_LOG:
    case PWK_SYSCALL_NOTIFY:
        return SCMP_ACT_NOTIFY;
    case PWK_SYSCALL_TRAP:
        return SCMP_ACT_TRAP;
    case PWK_SYSCALL_KILL:
        break;
    }
    return SCMP_ACT_KILL_PROCESS;
}

static int add_rules(scmp_filter_ctx filter, const struct pwk_policy *policy, uint32_t fallback,
                     const uint8_t *below)
{
    int rc = 0;

    for (int number = 0; rc == 0 && number < PWK_POLICY_CALLS; number++) {
        uint32_t action = filter_action(policy->actions[number], number);

        if (below != NULL ? policy->actions[number] != below[number] : action != fallback)
            rc = seccomp_rule_add(filter, action, number, 0);
    }
    return rc;
}

/* libseccomp writes to a descriptor only. */
static int take_bytes(scmp_filter_ctx filter, struct pwk_policy_code *code)
{
    int fd = memfd_create("pwk-policy", MFD_CLOEXEC);
    struct stat status;
    int rc = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);

    if (rc == 0 && fstat(fd, &status) != 0)
        rc = -errno;
    if (rc == 0) {
        code->length = (size_t)status.st_size / sizeof(*code->code);
        code->code = malloc((size_t)status.st_size + 1);
        if (code->code == NULL)
            rc = -ENOMEM;
        else if (pread(fd, code->code, (size_t)status.st_size, 0) != status.st_size)
            rc = -EIO;
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

/* `fallback`: what becomes of calls without a rule, and of other architectures, which the guard has
 * refused already. */
static int compile(const struct pwk_policy *policy, uint32_t fallback, const uint8_t *below,
                   struct pwk_policy_code *code, struct pwk_error *error)
{
    scmp_filter_ctx filter = seccomp_init(fallback);
    int rc = filter != NULL ? 0 : -ENOMEM;

    *code = (struct pwk_policy_code){0};
    if (rc == 0)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
                              below != NULL ? fallback : SCMP_ACT_ERRNO(ENOSYS));
    /* A tree of numbers in place of a list. */
    if (rc == 0)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (rc == 0)
        rc = add_rules(filter, policy, fallback, below);
    if (rc == 0)
        rc = take_bytes(filter, code);
    if (filter != NULL)
        seccomp_release(filter);
    if (rc == 0)
        return 0;
    pwk_policy_code_finish(code);
    return pwk_error_set(error, rc, "libseccomp cannot make the Linux policy: %s", strerror(-rc));
}

int pwk_policy_compile_whole(const struct pwk_policy *policy, struct pwk_policy_code *code,
                             struct pwk_error *error)
{
    return compile(policy, filter_action(policy->fallback, PWK_POLICY_CALLS), NULL, code, error);
}

/* What stands in compiled rules for "no rule says anything". */
#define GO_ON SCMP_ACT_TRACE(0x7077)

int pwk_policy_compile_over(const struct pwk_policy *policy, const uint8_t below[PWK_POLICY_CALLS],
                            struct pwk_policy_code *code, struct pwk_error *error)
{
    int rc = compile(policy, GO_ON, below, code, error);

    for (size_t at = 0; rc == 0 && at < code->length; at++)
        if (code->code[at].code == (BPF_RET | BPF_K) && code->code[at].k == GO_ON)
            code->code[at] =
                (struct sock_filter){BPF_JMP | BPF_JA, 0, 0, (uint32_t)(code->length - at - 1)};
    return rc;
}

void pwk_policy_code_finish(struct pwk_policy_code *code)
{
    free(code->code);
    *code = (struct pwk_policy_code){0};
}
