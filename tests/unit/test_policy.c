/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_policy.c - the Linux policy, simulated: filters as they are armed, guard and all, run by an
 * interpreter over tables of calls and what must become of them.
 */
#include <errno.h>
#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "filter_run.h"
#include "sandbox/policy.h"
#include "sandbox/policy_arm.h"
#include "sandbox/policy_guard.h"

#define ALLOW SECCOMP_RET_ALLOW
#define KILL SECCOMP_RET_KILL_PROCESS
#define TRAP SECCOMP_RET_TRAP
#define NOTIFY SECCOMP_RET_USER_NOTIF
#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))
#define HIGH UINT64_C(0x100000000)

#define START UINT64_C(0x700000000002)
#define LENGTH UINT64_C(0xffffffffffe)

struct filter {
    struct sock_filter code[BPF_MAXINSNS];
    size_t length;
};

struct word {
    const char *name;
    const char *action;
};

/* The filter of a base with words over it, as it is armed. */
static void make(struct filter *filter, enum pwk_syscall_base base, const struct word *words)
{
    struct pwk_syscall_rules rules = {0};
    const struct pwk_policy_words laid = {&rules, NULL};
    struct pwk_policy_code program;
    struct pwk_policy policy;
    struct pwk_error error = {""};

    for (; words != NULL && words->name != NULL; words++)
        assert_int_equal(pwk_syscall_rules_add(&rules, words->name, words->action, 0, &error), 0);
    if (pwk_policy_resolve(&policy, base, &laid, 1, &error) != 0 ||
        pwk_policy_compile(&policy, &program, &error) != 0)
        fail_msg("%s", error.text);
    filter->length = pwk_guard_write(filter->code, policy.opened);
    assert_true(filter->length <= PWK_GUARD_MAX);
    assert_true(program.length <= PWK_POLICY_MAX);
    memcpy(filter->code + filter->length, program.code, program.length * sizeof(*program.code));
    filter->length += program.length;
    pwk_policy_code_finish(&program);
}

static int number(const char *name)
{
    int found = pwk_policy_number(name);

    if (found < 0)
        fail_msg("%s has no number", name);
    return found;
}

static unsigned decide(const struct filter *filter, uint32_t arch, int call,
                       const uint64_t arguments[6])
{
    struct seccomp_data data = {.nr = call, .arch = arch, .instruction_pointer = 0x401000};
    bool looked;

    if (arguments != NULL)
        memcpy(data.args, arguments, sizeof(data.args));
    return filter_run(filter->code, filter->length, &data, &looked);
}

struct expectation {
    const char *name;
    unsigned decision;
    uint64_t arguments[6];
};

static void expect(const struct filter *filter, const struct expectation *expected)
{
    for (; expected->name != NULL; expected++) {
        unsigned decision =
            decide(filter, AUDIT_ARCH_X86_64, number(expected->name), expected->arguments);

        if (decision != expected->decision)
            fail_msg("%s(%#llx, %#llx, %#llx): %#x in place of %#x", expected->name,
                     (unsigned long long)expected->arguments[0],
                     (unsigned long long)expected->arguments[1],
                     (unsigned long long)expected->arguments[2], decision, expected->decision);
    }
}

/* What holds in every policy, whatever the words say. */
static const struct expectation always[] = {
    {"io_uring_setup", REFUSE(ENOSYS)},
    {"io_uring_enter", REFUSE(ENOSYS)},
    {"io_uring_register", REFUSE(ENOSYS)},
    {"personality", REFUSE(EPERM), {0x0040000}},
    {"personality", REFUSE(EPERM), {0x0400000}},
    {"personality", REFUSE(EPERM), {8}},
    {"personality", REFUSE(EPERM), {HIGH | 8}},
    {"personality", REFUSE(EPERM), {0xfffffffe}},
    {"personality", REFUSE(EPERM), {1}},
    {"prctl", REFUSE(PWK_GUARD_ANSWER), {PWK_GUARD_PROBE}},
    {"prctl", REFUSE(EPERM), {59, 0}},
    {"prctl", REFUSE(EPERM), {HIGH | 59, 0}},
    {"prctl", REFUSE(EPERM), {59, 2, START, LENGTH}},
    {"prctl", REFUSE(EPERM), {59, HIGH | 1, START, LENGTH}},
    {"prctl", REFUSE(EPERM), {59, 1, 0, 0}},
    {"prctl", REFUSE(EPERM), {59, 1, START & 0xffffffff, LENGTH}},
    {"prctl", REFUSE(EPERM), {59, 1, START + 1, LENGTH}},
    {"prctl", REFUSE(EPERM), {59, 1, START, LENGTH & 0xffffffff}},
    {"prctl", REFUSE(EPERM), {59, 1, START, LENGTH + HIGH}},
    {"prctl", REFUSE(EPERM), {59, 1, START, LENGTH, 0x7fff1000}},
    {"prctl", REFUSE(EPERM), {59, 1, START, LENGTH, HIGH}},
    {"prctl", REFUSE(EPERM), {35, 13}},
    {"prctl", REFUSE(EPERM), {HIGH | 35, 13}},
    {"prctl", REFUSE(EPERM), {4, 0}},
    {"prctl", REFUSE(EPERM), {4, HIGH | 1}},
    {"ioctl", REFUSE(EPERM), {0, 0x5412}},
    {"ioctl", REFUSE(EPERM), {0, HIGH | 0x5412}},
    {"ioctl", REFUSE(EPERM), {0, 0x541c}},
    {NULL}};

/* What no policy that allows the call by number may refuse for its arguments. */
static const struct expectation never_refused[] = {
    {"personality", ALLOW, {0}},
    {"personality", ALLOW, {0xffffffff}},
    {"prctl", ALLOW, {HIGH | 59, 1, START, LENGTH, 0}},
    {"prctl", ALLOW, {15, 0x7fff00000000}},
    {"prctl", ALLOW, {38, 1}},
    {"prctl", ALLOW, {4, 1}},
    {"ioctl", ALLOW, {3, 0x5401}},
    {"ioctl", ALLOW, {0x5412, 0x5413}},
    {NULL}};

static const struct word all_allowed[] = {
    {"default", "allow"}, {"@never", "allow"}, {"io_uring_setup", "allow"},
    {"prctl", "allow"},   {"ioctl", "allow"},  {"personality", "allow"},
    {"unshare", "allow"}, {"socket", "allow"}, {NULL}};
static const struct word personality_allowed[] = {{"personality", "allow"}, {NULL}};

static void holes_are_closed_in_every_policy(void **state)
{
    static struct filter filter;

    (void)state;
    for (int base = PWK_SYSCALLS_DEFAULT; base <= PWK_SYSCALLS_STRICT; base++) {
        make(&filter, base, NULL);
        expect(&filter, always);
        make(&filter, base, all_allowed);
        expect(&filter, always);
        expect(&filter, never_refused);
        make(&filter, base, personality_allowed);
        expect(&filter, never_refused);
    }
}

static void other_doors_are_closed(void **state)
{
    static struct filter filter;
    static const uint32_t others[] = {AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, 0, 0xffffffff};

    (void)state;
    make(&filter, PWK_SYSCALLS_DEFAULT, all_allowed);
    for (int call = -1; call < PWK_POLICY_CALLS; call++) {
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
            assert_int_equal(decide(&filter, others[i], call, NULL), REFUSE(ENOSYS));
        assert_int_equal(decide(&filter, AUDIT_ARCH_X86_64, call | 0x40000000, NULL),
                         REFUSE(ENOSYS));
    }
}

static void default_profile(void **state)
{
    static struct filter filter;
    static const struct expectation expected[] = {{"openat", ALLOW},
                                                  {"execve", ALLOW},
                                                  {"mmap", ALLOW},
                                                  {"mseal", ALLOW},
                                                  {"sched_setscheduler", ALLOW},
                                                  {"clone", ALLOW, {0x1200011}},
                                                  {"clone", ALLOW, {0x3d0f00}},
                                                  {"clone", REFUSE(EPERM), {0x10000011}},
                                                  {"clone", REFUSE(EPERM), {HIGH | 0x20000}},
                                                  {"clone", REFUSE(EPERM), {0x40000000}},
                                                  {"clone3", REFUSE(ENOSYS)},
                                                  {"socket", ALLOW, {1, 1}},
                                                  {"socket", ALLOW, {2, 1}},
                                                  {"socket", ALLOW, {10, 2}},
                                                  {"socket", ALLOW, {16, 3}},
                                                  {"socket", REFUSE(EAFNOSUPPORT), {38, 5}},
                                                  {"socket", REFUSE(EAFNOSUPPORT), {40, 1}},
                                                  {"socket", REFUSE(EAFNOSUPPORT), {17, 3}},
                                                  {"socket", REFUSE(EAFNOSUPPORT), {HIGH | 38, 5}},
                                                  {"ptrace", REFUSE(EPERM)},
                                                  {"process_vm_writev", REFUSE(EPERM)},
                                                  {"bpf", REFUSE(EPERM)},
                                                  {"perf_event_open", REFUSE(EPERM)},
                                                  {"keyctl", REFUSE(EPERM)},
                                                  {"mount", REFUSE(EPERM)},
                                                  {"fsopen", REFUSE(ENOSYS)},
                                                  {"open_tree_attr", REFUSE(ENOSYS)},
                                                  {"unshare", REFUSE(EPERM)},
                                                  {"setns", REFUSE(EPERM)},
                                                  {"userfaultfd", REFUSE(EPERM)},
                                                  {"open_by_handle_at", REFUSE(EPERM)},
                                                  {"pidfd_getfd", REFUSE(ENOSYS)},
                                                  {"init_module", REFUSE(EPERM)},
                                                  {"kexec_load", REFUSE(EPERM)},
                                                  {"reboot", REFUSE(EPERM)},
                                                  {"swapon", REFUSE(EPERM)},
                                                  {"acct", REFUSE(EPERM)},
                                                  {"quotactl", REFUSE(EPERM)},
                                                  {"nfsservctl", REFUSE(EPERM)},
                                                  {"iopl", REFUSE(EPERM)},
                                                  {"modify_ldt", REFUSE(EPERM)},
                                                  {"pivot_root", REFUSE(EPERM)},
                                                  {NULL}};

    (void)state;
    make(&filter, PWK_SYSCALLS_DEFAULT, NULL);
    expect(&filter, expected);
    assert_int_equal(decide(&filter, AUDIT_ARCH_X86_64, PWK_POLICY_CALLS + 1, NULL), ALLOW);
}

static void strict_profile(void **state)
{
    static struct filter filter;
    static const struct expectation expected[] = {{"openat", ALLOW},
                                                  {"execve", ALLOW},
                                                  {"mmap", ALLOW},
                                                  {"clone", ALLOW, {0x3d0f00}},
                                                  {"exit_group", ALLOW},
                                                  {"rt_sigreturn", ALLOW},
                                                  {"restart_syscall", ALLOW},
                                                  {"fdatasync", ALLOW},
                                                  {"seccomp", ALLOW},
                                                  {"clone", REFUSE(EPERM), {0x10000011}},
                                                  {"clone3", REFUSE(ENOSYS)},
                                                  {"openat2", REFUSE(ENOSYS)},
                                                  {"execveat", REFUSE(EPERM)},
                                                  {"ptrace", REFUSE(EPERM)},
                                                  {"splice", REFUSE(EPERM)},
                                                  {"sendfile", REFUSE(EPERM)},
                                                  {"personality", ALLOW, {0xffffffff}},
                                                  {"mknod", REFUSE(EPERM)},
                                                  {"setuid", REFUSE(EPERM)},
                                                  {"mseal", REFUSE(ENOSYS)},
                                                  {NULL}};

    (void)state;
    make(&filter, PWK_SYSCALLS_STRICT, NULL);
    expect(&filter, expected);
    for (int call = 470; call < 600; call++)
        assert_int_equal(decide(&filter, AUDIT_ARCH_X86_64, call, NULL),
                         REFUSE(call < PWK_POLICY_CALLS ? ENOSYS : EPERM));
}

static void words_over_the_base(void **state)
{
    static struct filter filter;
    static const struct word words[] = {
        {"openat", "errno"}, {"@file", "allow"}, {"ptrace", "allow"}, {"@debug", "kill"},
        {"mount", "log"},    {"mount", "kill"},  {"unshare", "trap"}, {"keyctl", "notify"},
        {"reboot", "log"},   {"@sync", "errno"}, {"@sync", "kill"},   {NULL}};
    static const struct expectation expected[] = {
        {"openat", REFUSE(EPERM)}, {"stat", ALLOW},   {"ptrace", ALLOW},         {"bpf", KILL},
        {"mount", KILL},           {"unshare", TRAP}, {"keyctl", NOTIFY},        {"reboot", NOTIFY},
        {"membarrier", KILL},      {"futex", KILL},   {"swapon", REFUSE(EPERM)}, {NULL}};

    (void)state;
    make(&filter, PWK_SYSCALLS_DEFAULT, words);
    expect(&filter, expected);
}

static void defaults(void **state)
{
    static struct filter filter;
    static const struct {
        struct word words[3];
        struct expectation expected[6];
    } cases[] = {
        {{{"default", "errno"}, {NULL}},
         {{"read", REFUSE(EPERM)},
          {"exit_group", ALLOW},
          {"exit", ALLOW},
          {"rt_sigreturn", ALLOW}}},
        {{{"default", "kill"}, {"read", "allow"}, {NULL}},
         {{"read", ALLOW}, {"write", KILL}, {"mount", REFUSE(EPERM)}, {"exit_group", ALLOW}}},
        {{{"default", "log"}, {NULL}},
         {{"read", NOTIFY}, {"exit", ALLOW}, {"mount", REFUSE(EPERM)}, {"mseal", NOTIFY}}},
        {{{"default", "kill"}, {"default", "allow"}, {NULL}}, {{"read", ALLOW}}},
        {{{"@process", "kill"}, {NULL}},
         {{"fork", KILL}, {"exit_group", ALLOW}, {"clone", KILL}, {"prctl", KILL}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make(&filter, PWK_SYSCALLS_DEFAULT, cases[i].words);
        expect(&filter, cases[i].expected);
    }
}

static void what_is_named_singly_opens_its_arguments(void **state)
{
    static struct filter filter;
    static const struct word by_group[] = {{"@namespace", "allow"}, {"@network", "allow"}, {NULL}};
    static const struct word singly[] = {{"unshare", "allow"}, {"socket", "allow"}, {NULL}};
    static const struct expectation shut[] = {
        {"clone", REFUSE(EPERM), {0x10000011}}, {"socket", REFUSE(EAFNOSUPPORT), {38}}, {NULL}};
    static const struct expectation open[] = {
        {"clone", ALLOW, {0x10000011}}, {"socket", ALLOW, {38}}, {NULL}};

    (void)state;
    make(&filter, PWK_SYSCALLS_DEFAULT, by_group);
    expect(&filter, shut);
    make(&filter, PWK_SYSCALLS_DEFAULT, singly);
    expect(&filter, open);
}

/* wineserver's policy, as it is armed. */
static void wineserver(void **state)
{
    static struct filter filter;
    static const struct expectation expected[] = {{"openat", ALLOW},
                                                  {"read", ALLOW},
                                                  {"epoll_wait", ALLOW},
                                                  {"sendmsg", ALLOW},
                                                  {"socket", ALLOW, {1, 1}},
                                                  {"socket", ALLOW, {2, 1}},
                                                  {"socket", REFUSE(EAFNOSUPPORT), {38, 5}},
                                                  {"ptrace", ALLOW, {16}},
                                                  {"tgkill", ALLOW},
                                                  {"sched_setaffinity", ALLOW},
                                                  {"clone", ALLOW, {0x1200011}},
                                                  {"clone", REFUSE(EPERM), {0x10000011}},
                                                  {"exit_group", ALLOW},
                                                  {"rt_sigreturn", ALLOW},
                                                  {"execve", REFUSE(EPERM)},
                                                  {"execveat", REFUSE(EPERM)},
                                                  {"vfork", REFUSE(EPERM)},
                                                  {"clone3", REFUSE(ENOSYS)},
                                                  {"process_vm_writev", REFUSE(EPERM)},
                                                  {"pidfd_getfd", REFUSE(ENOSYS)},
                                                  {"unshare", REFUSE(EPERM)},
                                                  {"setns", REFUSE(EPERM)},
                                                  {"mount", REFUSE(EPERM)},
                                                  {"chroot", REFUSE(EPERM)},
                                                  {"bpf", REFUSE(EPERM)},
                                                  {"keyctl", REFUSE(EPERM)},
                                                  {"memfd_create", REFUSE(EPERM)},
                                                  {"prctl", REFUSE(EPERM), {38, 1}},
                                                  {"seccomp", REFUSE(EPERM)},
                                                  {"ioctl", REFUSE(EPERM), {0, 0x5412}},
                                                  {"io_uring_setup", REFUSE(ENOSYS)},
                                                  {NULL}};
    const struct pwk_policy_program *program = &pwk_policy_server_program;

    (void)state;
    filter.length = pwk_guard_write(filter.code, 0);
    memcpy(filter.code + filter.length, program->code, program->length * sizeof(*program->code));
    filter.length += program->length;
    expect(&filter, expected);
    for (const char *const *name = pwk_policy_server; *name != NULL; name++)
        number(*name);
    for (int call = -1; call < 600; call++)
        assert_int_equal(decide(&filter, AUDIT_ARCH_I386, call, NULL), REFUSE(ENOSYS));
}

/* A call that is decided by number alone costs nothing: Linux keeps a bitmap of those. */
static void ordinary_calls_are_decided_by_number(void **state)
{
    static struct filter filter;
    static const char *const with_arguments[] = {"clone", "ioctl", "personality", "prctl",
                                                 "socket"};

    (void)state;
    for (int base = PWK_SYSCALLS_DEFAULT; base <= PWK_SYSCALLS_STRICT; base++) {
        make(&filter, base, NULL);
        for (int call = 0; call < PWK_POLICY_CALLS; call++) {
            struct seccomp_data data = {.nr = call, .arch = AUDIT_ARCH_X86_64};
            bool expected = false, looked;

            for (size_t i = 0; i < sizeof(with_arguments) / sizeof(with_arguments[0]); i++)
                expected |= number(with_arguments[i]) == call;
            filter_run(filter.code, filter.length, &data, &looked);
            assert_int_equal(looked, expected);
        }
    }
}

/* The bytes that the build made are those that libseccomp makes now. */
static void built_in_programs(void **state)
{
    struct pwk_policy_code now;
    struct pwk_policy policy;

    (void)state;
    for (int base = PWK_SYSCALLS_DEFAULT; base <= PWK_SYSCALLS_STRICT; base++) {
        assert_int_equal(pwk_policy_resolve(&policy, base, NULL, 0, NULL), 0);
        assert_true(policy.built_in);
        assert_int_equal(pwk_policy_compile_whole(&policy, &now, NULL), 0);
        assert_int_equal(now.length, pwk_policy_programs[base].length);
        assert_memory_equal(now.code, pwk_policy_programs[base].code,
                            now.length * sizeof(*now.code));
        pwk_policy_code_finish(&now);
    }
}

/* Rules before a built-in program decide as one program of all rules does. */
static void rules_over_a_program(void **state)
{
    static struct filter over, whole;
    struct pwk_syscall_rules rules = {0};
    const struct pwk_policy_words laid = {&rules, NULL};
    struct pwk_policy_code code;
    struct pwk_policy policy;

    (void)state;
    for (int base = PWK_SYSCALLS_DEFAULT; base <= PWK_SYSCALLS_STRICT; base++) {
        rules.count = 0;
        pwk_syscall_rules_add(&rules, "ptrace", "allow", 0, NULL);
        pwk_syscall_rules_add(&rules, "@network", "kill", 0, NULL);
        pwk_syscall_rules_add(&rules, "@event", "notify", 0, NULL);
        pwk_syscall_rules_add(&rules, "splice", "trap", 0, NULL);
        pwk_syscall_rules_add(&rules, "mseal", "log", 0, NULL);
        assert_int_equal(pwk_policy_resolve(&policy, base, &laid, 1, NULL), 0);
        assert_int_equal(pwk_policy_compile_whole(&policy, &code, NULL), 0);
        whole.length = code.length;
        memcpy(whole.code, code.code, code.length * sizeof(*code.code));
        pwk_policy_code_finish(&code);
        assert_int_equal(pwk_policy_compile(&policy, &code, NULL), 0);
        over.length = code.length;
        memcpy(over.code, code.code, code.length * sizeof(*code.code));
        pwk_policy_code_finish(&code);
        for (int call = 0; call < 600; call++)
            assert_int_equal(decide(&over, AUDIT_ARCH_X86_64, call, NULL),
                             decide(&whole, AUDIT_ARCH_X86_64, call, NULL));
        for (int call = -1; call < 600; call++)
            assert_int_equal(decide(&over, AUDIT_ARCH_I386, call, NULL), REFUSE(ENOSYS));
    }
}

/* Each name of each table stands for a call of x86-64 (or for a group), once in its group. */
static void tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < pwk_policy_group_count; i++) {
        const struct pwk_policy_group *group = &pwk_policy_groups[i];

        assert_ptr_equal(pwk_policy_find_group(group->name), group);
        assert_true(strlen(group->name) <= PWK_SYSCALL_NAME_MAX);
        for (size_t j = 0; group->calls[j] != NULL; j++) {
            if (group->calls[j][0] == '@')
                assert_non_null(pwk_policy_find_group(group->calls[j]));
            else
                number(group->calls[j]);
            for (size_t k = 0; k < j; k++)
                assert_string_not_equal(group->calls[j], group->calls[k]);
        }
    }
    for (size_t i = 0; pwk_policy_essential[i] != NULL; i++)
        number(pwk_policy_essential[i]);
    for (size_t i = 0; pwk_policy_untrappable[i] != NULL; i++)
        number(pwk_policy_untrappable[i]);
    for (size_t i = 0; i < pwk_policy_new_call_count; i++)
        assert_string_equal(pwk_call_name(pwk_policy_new_calls[i].number),
                            pwk_policy_new_calls[i].name);
    assert_string_equal(pwk_call_name(number("openat")), "openat");
    assert_string_equal(pwk_call_name(PWK_POLICY_CALLS - 1), "");
}

#define NEWEST_CALL 469 /* file_setattr, Linux 6.17 */

/* Every call up to then stands in some group, so that a policy of groups can be complete. */
static void groups_are_complete(void **state)
{
    bool grouped[PWK_POLICY_CALLS] = {false};

    (void)state;
    for (size_t i = 0; i < pwk_policy_group_count; i++)
        for (size_t j = 0; pwk_policy_groups[i].calls[j] != NULL; j++)
            if (pwk_policy_groups[i].calls[j][0] != '@' &&
                strcmp(pwk_policy_groups[i].name, "@wine") != 0)
                grouped[number(pwk_policy_groups[i].calls[j])] = true;
    for (size_t i = 0; pwk_policy_essential[i] != NULL; i++)
        grouped[number(pwk_policy_essential[i])] = true;
    for (int call = 0; call <= NEWEST_CALL; call++)
        if (!grouped[call] && pwk_call_name(call)[0] != '\0')
            fail_msg("%s is in no group", pwk_call_name(call));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holes_are_closed_in_every_policy),
        cmocka_unit_test(other_doors_are_closed),
        cmocka_unit_test(default_profile),
        cmocka_unit_test(strict_profile),
        cmocka_unit_test(words_over_the_base),
        cmocka_unit_test(defaults),
        cmocka_unit_test(what_is_named_singly_opens_its_arguments),
        cmocka_unit_test(ordinary_calls_are_decided_by_number),
        cmocka_unit_test(wineserver),
        cmocka_unit_test(built_in_programs),
        cmocka_unit_test(rules_over_a_program),
        cmocka_unit_test(tables),
        cmocka_unit_test(groups_are_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
