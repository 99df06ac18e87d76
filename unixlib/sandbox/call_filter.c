/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call_filter.c - see call_filter.h.
 */
#include "sandbox/call_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/trapped_call.h"

#define FIRST_COMMON 424 /* conventions had numbers of their own before that */
#define LAST_COMMON 511
#define X32_BIT 0x40000000U
#define LOW(field) offsetof(struct seccomp_data, field)
#define HIGH(field) (offsetof(struct seccomp_data, field) + 4)

/* libseccomp has no rule on the instruction's address. In its place each of its "trap" goes on to
 * a test of ours at the end, so that the calls that are let through by number alone stay so (Linux
 * remembers those and runs no filter for them). */
static int exempt_raw_syscall(struct sock_fprog *program)
{
    const uint64_t raw = (uint64_t)(uintptr_t)pwk_raw_syscall_end;
    const struct sock_filter test[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW(instruction_pointer)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)raw, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, HIGH(instruction_pointer)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(raw >> 32), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    const unsigned extra = sizeof test / sizeof test[0];
    struct sock_filter *code =
        realloc(program->filter, (program->len + extra) * sizeof *program->filter);

    if (!code)
        return -ENOMEM;
    for (unsigned i = 0; i < program->len; i++)
        if (code[i].code == (BPF_RET | BPF_K) &&
            (code[i].k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_TRAP)
            code[i] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, program->len - i - 1);
    memcpy(code + program->len, test, sizeof test);
    program->filter = code;
    program->len = (unsigned short)(program->len + extra);
    return 0;
}

static int export_program(struct sock_fprog *program, scmp_filter_ctx filter)
{
    int fd = memfd_create("pwk-filter", MFD_CLOEXEC);
    int result = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);
    struct stat st;

    if (result == 0 && fstat(fd, &st) < 0)
        result = -errno;
    if (result == 0 &&
        (st.st_size <= 0 || (size_t)st.st_size > BPF_MAXINSNS * sizeof(struct sock_filter)))
        result = -EINVAL;
    if (result == 0) {
        program->len = (unsigned short)((size_t)st.st_size / sizeof(struct sock_filter));
        program->filter = malloc((size_t)st.st_size);
        if (!program->filter)
            result = -ENOMEM;
        else if (pread(fd, program->filter, (size_t)st.st_size, 0) != st.st_size)
            result = -EIO;
    }
    if (fd >= 0)
        close(fd);
    return result;
}

/* What leaves alone calls that nothing is said about, and conventions that it knows nothing of. */
static scmp_filter_ctx new_filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (filter && seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW) < 0) {
        seccomp_release(filter);
        filter = NULL;
    }
    return filter;
}

/* A rule on its arguments cannot stand beside one on the whole call. */
static int add_fixed_mappings(scmp_filter_ctx filter, uint32_t action, const int *numbers,
                              size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == SCMP_SYS(mmap))
            return 0;
    return seccomp_rule_add(
        filter, action, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE, PROT_WRITE),
        SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_FIXED | MAP_PRIVATE, MAP_FIXED | MAP_PRIVATE));
}

static int add_native(scmp_filter_ctx filter, enum pwk_call_filter_kind kind, const int *numbers,
                      size_t count)
{
    uint32_t action = kind == PWK_CALL_FILTER_TRAP ? SCMP_ACT_TRAP : SCMP_ACT_NOTIFY;
    int result = 0;

    for (size_t i = 0; result == 0 && i < count; i++)
        result = seccomp_rule_add(filter, action, numbers[i], 0);
    if (result == 0 && kind == PWK_CALL_FILTER_TRAP)
        result =
            seccomp_rule_add(filter, action, SCMP_SYS(rt_sigaction), 1, SCMP_A1(SCMP_CMP_NE, 0));
    if (result == 0 && kind == PWK_CALL_FILTER_TRAP)
        result = seccomp_rule_add(filter, action, SCMP_SYS(rt_sigprocmask), 2,
                                  SCMP_A0_32(SCMP_CMP_NE, SIG_UNBLOCK), SCMP_A1(SCMP_CMP_NE, 0));
    if (result == 0 && kind == PWK_CALL_FILTER_TRAP)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return result;
}

/* The calls of the same names, where these have such. A number that libseccomp has no name for
 * (-EFAULT) is a call of a later Linux: see refuse_unnamed. */
static int add_foreign(scmp_filter_ctx filter, const int *numbers, size_t count)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < count; i++) {
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), numbers[i], 0);
        if (result == -EDOM || result == -EEXIST || result == -EFAULT)
            result = 0;
    }
    return result;
}

/* Calls that libseccomp has no name for have one number in all conventions, as all have from
 * FIRST_COMMON on. They are refused ahead of its program. */
static int refuse_unnamed(struct sock_fprog *program, const int *numbers, size_t count)
{
    unsigned unnamed[LAST_COMMON - FIRST_COMMON + 1], k = 0;

    for (size_t i = 0; i < count; i++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, numbers[i]);

        if (!name && numbers[i] >= FIRST_COMMON && numbers[i] <= LAST_COMMON)
            unnamed[k++] = (unsigned)numbers[i];
        free(name);
    }
    if (k == 0)
        return 0;
    const unsigned extra = 2 * k + 6;
    struct sock_filter *code = malloc((program->len + extra) * sizeof *code), *at = code;
    if (!code)
        return -ENOMEM;
    *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW(nr));
    for (unsigned i = 0; i < k; i++)
        *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, unnamed[i] | X32_BIT,
                                             2 * k + 3 - i, 0);
    *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW(arch));
    *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, k + 3);
    *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW(nr));
    for (unsigned i = 0; i < k; i++)
        *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, unnamed[i], k - i, 0);
    *at++ = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1);
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    memcpy(at, program->filter, program->len * sizeof *code);
    free(program->filter);
    program->filter = code;
    program->len = (unsigned short)(program->len + extra);
    return 0;
}

static int use_foreign(scmp_filter_ctx filter)
{
    int result = seccomp_arch_add(filter, SCMP_ARCH_X86);

    if (result == 0)
        result = seccomp_arch_add(filter, SCMP_ARCH_X32);
    if (result == 0)
        result = seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
    return result;
}

int pwk_call_filter_build(struct sock_fprog *program, enum pwk_call_filter_kind kind,
                          const int *numbers, size_t count, bool fixed_mappings)
{
    static const int mappings = SCMP_SYS(mmap);
    scmp_filter_ctx native = new_filter();
    scmp_filter_ctx foreign = new_filter();
    int result = native && foreign ? add_native(native, kind, numbers, count) : -ENOMEM;

    *program = (struct sock_fprog){0};
    if (result == 0 && fixed_mappings)
        result = add_fixed_mappings(native, SCMP_ACT_NOTIFY, numbers, count);
    if (result == 0)
        result = use_foreign(foreign);
    if (result == 0)
        result = add_foreign(foreign, numbers, count);
    if (result == 0 && fixed_mappings)
        result = add_foreign(foreign, &mappings, 1);
    if (result == 0 && (result = seccomp_merge(native, foreign)) == 0)
        foreign = NULL;
    if (result == 0)
        result = export_program(program, native);
    if (result == 0)
        result = refuse_unnamed(program, numbers, count);
    if (result == 0 && kind == PWK_CALL_FILTER_TRAP)
        result = exempt_raw_syscall(program);
    if (native)
        seccomp_release(native);
    if (foreign)
        seccomp_release(foreign);
    if (result < 0)
        pwk_call_filter_free(program);
    return result;
}

void pwk_call_filter_free(struct sock_fprog *program)
{
    free(program->filter);
    *program = (struct sock_fprog){0};
}
