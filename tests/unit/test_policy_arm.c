/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_policy_arm.c - arming: the guard's mark, the memory file and what is no such file, the boot
 * record's word, and a supervisor that never comes. What a filter does is tests/escape's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/policy_arm.h"
#include "sandbox/policy_boot.h"
#include "sandbox/policy_built_in.h"

/* Arming is for good: each test does it in a child, whose status must be 0. */
static int in_child(int (*run)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(run());
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int arm_default(void)
{
    return pwk_policy_arm(pwk_policy_programs[PWK_SYSCALLS_DEFAULT].code,
                          pwk_policy_programs[PWK_SYSCALLS_DEFAULT].length, 0, NULL);
}

static int child_of_an_armed_process(void)
{
    return pwk_policy_is_armed() ? 0 : 1;
}

static int arm_and_look(void)
{
    int status;
    pid_t child;

    if (pwk_policy_is_armed())
        return 1;
    if (arm_default() != 0 || !pwk_policy_is_armed())
        return 2;
    child = fork();
    if (child == 0)
        _exit(child_of_an_armed_process());
    waitpid(child, &status, 0);
    return status == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 3;
}

static void the_mark_of_the_guard(void **state)
{
    (void)state;
    assert_false(pwk_policy_is_armed());
    assert_int_equal(in_child(arm_and_look), 0);
    assert_false(pwk_policy_is_armed());
}

/* As on a Linux without seccomp, or where a container forbids it. */
static int arm_without_seccomp(void)
{
    struct sock_filter code[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_seccomp},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    struct sock_fprog program = {4, code};
    struct pwk_error error = {""};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        return 1;
    if (pwk_policy_arm(code, 4, 0, &error) != -ENOSYS)
        return 2;
    return strstr(error.text, "cannot be armed") != NULL && strstr(error.text, "doctor") != NULL
               ? 0
               : 3;
}

static void no_seccomp(void **state)
{
    (void)state;
    assert_int_equal(in_child(arm_without_seccomp), 0);
}

/* ---- the memory file ---- */

static const struct sock_filter allow_all[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
static const struct pwk_policy_needs no_needs;

static void the_file_brings_the_program(void **state)
{
    const struct pwk_policy_needs needs = {.opened = 2, .listens = 1};
    struct pwk_policy_page *page;
    struct pwk_error error;
    int fd = pwk_policy_file_make(allow_all, 1, &needs, &error);

    (void)state;
    assert_true(fd > STDERR_FILENO);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 1), -1);
    assert_int_equal(pwk_policy_page_open(fd, &page, &error), 0);
    assert_int_equal(page->length, 1);
    assert_int_equal(page->needs.opened, 2);
    assert_int_equal(page->needs.listens, 1);
    assert_memory_equal(page->code, allow_all, sizeof(allow_all));
    pwk_policy_page_close(page);
    close(fd);
}

static void sizes_of_programs(void **state)
{
    struct sock_filter *code = calloc(PWK_POLICY_MAX + 1, sizeof(*code));
    struct pwk_error error;
    int fd;

    (void)state;
    assert_non_null(code);
    assert_int_equal(pwk_policy_file_make(code, 0, &no_needs, &error), -E2BIG);
    assert_int_equal(pwk_policy_file_make(code, PWK_POLICY_MAX + 1, &no_needs, &error), -E2BIG);
    fd = pwk_policy_file_make(code, PWK_POLICY_MAX, &no_needs, &error);
    assert_true(fd >= 0);
    close(fd);
    free(code);
}

static void refuse_file(int fd)
{
    struct pwk_policy_page *page = (void *)&page;
    struct pwk_error error;

    assert_int_equal(pwk_policy_page_open(fd, &page, &error), -EINVAL);
    assert_null(page);
    if (fd >= 0)
        close(fd);
}

static void what_is_no_such_file(void **state)
{
    struct pwk_policy_page page = {.length = 5};
    char bytes[sizeof(page) + 8] = {0};
    int fd;

    (void)state;
    refuse_file(-1);
    refuse_file(open("/dev/null", O_RDWR));
    refuse_file(open("/proc/self/exe", O_RDONLY));
    fd = memfd_create("unsealed", MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, sizeof(page) + 8), 0);
    refuse_file(fd);
    fd = memfd_create("empty", MFD_ALLOW_SEALING);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    refuse_file(fd);
    /* One that says more than it holds. */
    fd = memfd_create("lying", MFD_ALLOW_SEALING);
    memcpy(bytes, &page, sizeof(page));
    assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    refuse_file(fd);
}

/* ---- the boot record ---- */

static void a_record_that_lies(void **state)
{
    struct pwk_boot_record record = {.policy = PWK_POLICY_DEFAULT, .policy_armed = true};
    struct pwk_error error;

    (void)state;
    assert_int_equal(pwk_policy_boot_take(&record, &error), -EPERM);
    assert_non_null(strstr(error.text, "PWK_KERNEL says that a Linux policy is armed"));
    record = (struct pwk_boot_record){.policy = PWK_POLICY_FILE, .policy_file = 999};
    assert_int_equal(pwk_policy_boot_take(&record, &error), -EINVAL);
}

static int arm_by_record(void)
{
    struct pwk_boot_record record = {.policy = PWK_POLICY_STRICT};
    char variable[] = "PWK_KERNEL=version=3\npolicy=-strict\nend=1";

    if (pwk_policy_boot_take(&record, NULL) != 0 || pwk_policy_is_armed())
        return 1;
    if (pwk_policy_boot_arm(variable, NULL) != 0 || !pwk_policy_is_armed())
        return 2;
    if (strcmp(variable, "PWK_KERNEL=version=3\npolicy=+strict\nend=1") != 0)
        return 3;
    /* A child with that record. */
    record.policy_armed = true;
    return pwk_policy_boot_take(&record, NULL) == 0 && pwk_policy_boot_arm(variable, NULL) == 0 ? 0
                                                                                                : 4;
}

static void the_record_is_marked(void **state)
{
    (void)state;
    assert_int_equal(in_child(arm_by_record), 0);
}

/* ---- no supervisor ---- */

static int arm_with_nobody_there(void)
{
    const struct sock_filter notify_all[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF}};
    const struct pwk_policy_needs needs = {.listens = 1};
    struct pwk_policy_page *page;

    if (pwk_policy_page_open(pwk_policy_file_make(notify_all, 1, &needs, NULL), &page, NULL) != 0)
        return 1;
    pwk_policy_page_arm(page, NULL);
    return 2;
}

static void a_supervisor_that_never_comes(void **state)
{
    (void)state;
    assert_int_equal(in_child(arm_with_nobody_there), -SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mark_of_the_guard),
        cmocka_unit_test(no_seccomp),
        cmocka_unit_test(the_file_brings_the_program),
        cmocka_unit_test(sizes_of_programs),
        cmocka_unit_test(what_is_no_such_file),
        cmocka_unit_test(a_record_that_lies),
        cmocka_unit_test(the_record_is_marked),
        cmocka_unit_test(a_supervisor_that_never_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
