/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_policy_supervisor.c - the supervisor of the Linux policy: what it answers and records, many
 * processes that arm at once, and its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/policy_supervisor.h"

static char folder[] = "/tmp/test_supervisor.XXXXXX";
static char log_path[64], mark[64];
static struct pwk_policy policy;
static struct pwk_policy_page *page;
static pid_t launcher, supervisor;

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(log_path, sizeof(log_path), "%s/audit.jsonl", folder);
    snprintf(mark, sizeof(mark), "%s/mark", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(log_path);
    rmdir(mark);
    return rmdir(folder);
}

/* A process that does nothing stands for pwk-wine. */
static void start(const char *const *words, enum pwk_audit_level level)
{
    struct pwk_syscall_rules rules = {0};
    const struct pwk_policy_words laid = {&rules, NULL};
    struct pwk_policy_needs needs = {.listens = 1};
    struct pwk_policy_code code;
    pwk_audit_t *audit;
    int fd;

    for (; *words != NULL; words += 2)
        assert_int_equal(pwk_syscall_rules_add(&rules, words[0], words[1], 0, NULL), 0);
    assert_int_equal(pwk_policy_resolve(&policy, PWK_SYSCALLS_DEFAULT, &laid, 1, NULL), 0);
    assert_true(policy.listens);
    assert_int_equal(pwk_policy_compile(&policy, &code, NULL), 0);
    fd = pwk_policy_file_make(code.code, code.length, &needs, NULL);
    assert_int_equal(pwk_policy_page_open(fd, &page, NULL), 0);
    close(fd);
    pwk_policy_code_finish(&code);
    unlink(log_path);
    launcher = fork();
    if (launcher == 0)
        for (;;)
            pause();
    supervisor = fork();
    if (supervisor == 0) {
        if (pwk_audit_open("k", log_path, NULL, level, &audit, NULL) != 0)
            _exit(1);
        pwk_policy_supervise(page, &policy, audit, pidfd_open(launcher, 0));
        _exit(0);
    }
}

/* The supervisor ends by itself when its launcher has ended. */
static void finish(void)
{
    int status;

    kill(launcher, SIGKILL);
    assert_int_equal(waitpid(launcher, NULL, 0), launcher);
    assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
    assert_int_equal(status, 0);
    pwk_policy_page_close(page);
}

static pid_t start_child(int (*run)(void))
{
    pid_t child = fork();

    if (child == 0) {
        alarm(30);
        _exit(pwk_policy_page_arm(page, NULL) == 0 ? run() : 99);
    }
    return child;
}

static int end_of(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* How many lines of the log hold both texts. */
static unsigned count(const char *one, const char *other)
{
    char line[8192];
    unsigned found = 0;
    FILE *stream = fopen(log_path, "r");

    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream) != NULL)
        found += strstr(line, one) != NULL && strstr(line, other) != NULL;
    fclose(stream);
    return found;
}

/* ---- answers ---- */

static int refused_and_logged(void)
{
    if (syscall(SYS_mkdir, mark, 0700) == 0 || errno != EPERM)
        return 1;
    if (syscall(SYS_openat2, AT_FDCWD, "/", NULL, 0) == 0 || errno != ENOSYS)
        return 2;
    if (syscall(SYS_connect, 0, &(struct sockaddr){.sa_family = AF_UNIX}, 2) == 0 || errno != EPERM)
        return 3;
    if (syscall(SYS_mkdir, (char *)1, 0700) == 0 || errno != EPERM)
        return 4;
    for (int i = 0; i < 3; i++)
        if (syscall(SYS_getppid) <= 0)
            return 5;
    return access(mark, F_OK) == 0 ? 6 : 0;
}

static const char *const words[] = {"mkdir",  "notify",  "openat2", "notify", "connect",
                                    "notify", "getppid", "log",     NULL};

static void answers_and_records(void **state)
{
    char pid[32];
    pid_t child;

    (void)state;
    start(words, PWK_AUDIT_DECISIONS);
    child = start_child(refused_and_logged);
    assert_int_equal(end_of(child), 0);
    assert_int_equal(end_of(start_child(refused_and_logged)), 0);
    finish();
    snprintf(pid, sizeof(pid), "\"pid\":%d,", (int)child);
    assert_int_equal(count("\"verdict\":\"denied\",\"syscall\":\"mkdir\"", mark), 2);
    assert_int_equal(count("\"syscall\":\"mkdir\"", "\"path\":\"?\""), 2);
    assert_int_equal(count("\"syscall\":\"openat2\"", "\"path\":\"/\""), 2);
    assert_int_equal(count("\"syscall\":\"connect\"", "\"family\":\"unix\""), 2);
    /* At this level, of what is allowed the first in each process. */
    assert_int_equal(
        count("\"verdict\":\"allowed\",\"syscall\":\"getppid\"", "\"event\":\"syscall\""), 2);
    assert_int_equal(count(pid, "getppid"), 1);
}

static void every_call_at_the_level_of_all(void **state)
{
    (void)state;
    start(words, PWK_AUDIT_ALL);
    assert_int_equal(end_of(start_child(refused_and_logged)), 0);
    finish();
    assert_int_equal(count("\"verdict\":\"allowed\"", "getppid"), 3);
}

static void denials_alone(void **state)
{
    (void)state;
    start(words, PWK_AUDIT_DENIALS);
    assert_int_equal(end_of(start_child(refused_and_logged)), 0);
    finish();
    assert_int_equal(count("\"verdict\":\"allowed\"", "getppid"), 0);
    assert_int_equal(count("\"verdict\":\"denied\"", "mkdir"), 2);
}

/* ---- everything is logged, by many at once ---- */

static int everyday_life(void)
{
    int ends[2];
    char byte = 0;
    pid_t child;

    if (pipe(ends) != 0 || write(ends[1], "x", 1) != 1 || read(ends[0], &byte, 1) != 1)
        return 1;
    child = fork();
    if (child == 0)
        _exit(mkdir(mark, 0700) != 0 && errno != EEXIST);
    if (waitpid(child, NULL, 0) != child)
        return 2;
    signal(SIGUSR1, SIG_IGN);
    return raise(SIGUSR1) == 0 && access(mark, F_OK) == 0 ? 0 : 3;
}

static const char *const log_all[] = {"default", "log", NULL};

#define MANY 12

static void many_arm_at_once(void **state)
{
    pid_t children[MANY];

    (void)state;
    start(log_all, PWK_AUDIT_DECISIONS);
    for (int i = 0; i < MANY; i++)
        children[i] = start_child(everyday_life);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(end_of(children[i]), 0);
    finish();
    assert_int_equal(
        count("\"syscall\":\"pipe\"", "allowed") + count("\"syscall\":\"pipe2\"", "allowed"), MANY);
    assert_int_equal(count("\"denied\"", ""), 0);
}

/* ---- ends ---- */

/* From a child to the test, and back. */
static int to_test[2], to_child[2];

static void make_pipes(void)
{
    assert_int_equal(pipe(to_test), 0);
    assert_int_equal(pipe(to_child), 0);
}

static void close_pipes(void)
{
    for (int i = 0; i < 2; i++) {
        close(to_test[i]);
        close(to_child[i]);
    }
}

static bool say(const int pipe[2])
{
    return write(pipe[1], "x", 1) == 1;
}

static bool hear(const int pipe[2])
{
    char byte;

    return read(pipe[0], &byte, 1) == 1;
}

/* What a refused call answers that is made only when the test has said so. */
static int refused_with(int expected)
{
    if (!say(to_test) || !hear(to_child))
        return 1;
    return syscall(SYS_mkdir, mark, 0700) == -1 && errno == expected ? 0 : 2;
}

static int ask_late(void)
{
    return refused_with(EPERM);
}

/* A program may outlive its launcher. */
static void it_stays_as_long_as_a_process(void **state)
{
    pid_t child;

    (void)state;
    make_pipes();
    start(words, PWK_AUDIT_DECISIONS);
    child = start_child(ask_late);
    assert_true(hear(to_test));
    kill(launcher, SIGKILL);
    usleep(300000); /* for a supervisor that would end with its launcher */
    assert_true(say(to_child));
    assert_int_equal(end_of(child), 0);
    finish();
    close_pipes();
}

static int ask_nobody(void)
{
    return refused_with(ENOSYS);
}

static void killed_it_leaves_refusals(void **state)
{
    pid_t child;

    (void)state;
    rmdir(mark);
    make_pipes();
    start(words, PWK_AUDIT_DECISIONS);
    child = start_child(ask_nobody);
    assert_true(hear(to_test));
    kill(supervisor, SIGKILL);
    assert_int_equal(waitpid(supervisor, NULL, 0), supervisor);
    assert_true(say(to_child));
    assert_int_equal(end_of(child), 0);
    kill(launcher, SIGKILL);
    waitpid(launcher, NULL, 0);
    pwk_policy_page_close(page);
    close_pipes();
}

/* A process that was killed while it was about to arm holds nobody up. */
static void an_offer_that_was_left(void **state)
{
    pid_t gone = fork();

    (void)state;
    if (gone == 0)
        _exit(0);
    assert_int_equal(waitpid(gone, NULL, 0), gone);
    start(words, PWK_AUDIT_DECISIONS);
    for (size_t i = 0; i < PWK_POLICY_OFFERS; i++)
        atomic_store(&page->offers[i].pid, gone);
    for (int tries = 0; tries < 50 && atomic_load(&page->offers[0].pid) != 0; tries++)
        usleep(100000);
    assert_int_equal(end_of(start_child(refused_and_logged)), 0);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_records),
        cmocka_unit_test(every_call_at_the_level_of_all),
        cmocka_unit_test(denials_alone),
        cmocka_unit_test(many_arm_at_once),
        cmocka_unit_test(it_stays_as_long_as_a_process),
        cmocka_unit_test(killed_it_leaves_refusals),
        cmocka_unit_test(an_offer_that_was_left),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
