/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * escape_main.c - tries the ways of escape.h and reports. Status 0 where every way that can be gone
 * on this machine is stopped by its rule and by nothing else, and enough of them were tried.
 */
#include "escape.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape_notify.h"
#include "sandbox/policy.h"
#include "sandbox/policy_guard.h"

#define LEAST_TRIED 25
#define TRY_SECONDS 30

char escape_mark[64];
static char *why; /* in memory that the children share */

enum outcome escape_says(const char *text)
{
    snprintf(why, 4096, "%s", text);
    return CANNOT;
}

long escape_call(long number, ...)
{
    register long r10 __asm__("r10");
    register long r8 __asm__("r8");
    register long r9 __asm__("r9");
    long a[6], result;
    va_list arguments;

    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    r10 = a[3];
    r8 = a[4];
    r9 = a[5];
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

enum outcome escape_reached(long result)
{
    return result == -EPERM || result == -ENOSYS || result == -EAFNOSUPPORT ? REFUSED : DONE;
}

bool escape_reads_passwd(long fd)
{
    char byte;

    return fd >= 0 && pread((int)fd, &byte, 1, 0) == 1;
}

/* ---- filters ---- */

/* Where the guard's parts stand (policy_guard.c); checked before anything is changed. */
enum { ARCH_REFUSAL = 2, X32_REFUSAL = 5, URING_REFUSAL = 8, FIRST_CALL = 10 };

static void let_through(struct sock_filter *code, size_t at)
{
    if (code[at].code != (BPF_RET | BPF_K) || code[at].k != (SECCOMP_RET_ERRNO | ENOSYS)) {
        fprintf(stderr, "the guard does not look as this test knows it\n");
        exit(1);
    }
    code[at].k = SECCOMP_RET_ALLOW;
}

/* The test of a call's number never holds any more. */
static void skip_call(struct sock_filter *code, size_t length, int number)
{
    for (size_t at = FIRST_CALL; at < length; at += 1u + code[at].jf)
        if (code[at].code == (BPF_JMP | BPF_JEQ | BPF_K) && code[at].k == (uint32_t)number) {
            code[at].jt = code[at].jf;
            return;
        }
    fprintf(stderr, "the guard has no row for call %d\n", number);
    exit(1);
}

static void take_out(const struct escape *escape, struct sock_filter *code, size_t guard)
{
    switch (escape->part) {
    case GUARD_CALL:
        skip_call(code, guard, pwk_policy_number(escape->out));
        return;
    case GUARD_ARCH:
        let_through(code, ARCH_REFUSAL);
        return;
    case GUARD_X32:
        let_through(code, X32_REFUSAL);
        return;
    case GUARD_URING:
        let_through(code, URING_REFUSAL);
        return;
    default:
        return;
    }
}

static void add_word(struct pwk_syscall_rules *rules, const char *word)
{
    char name[64];
    const char *action = strchr(word, '=') + 1;
    struct pwk_error error;

    snprintf(name, sizeof(name), "%.*s", (int)(action - 1 - word), word);
    if (pwk_syscall_rules_add(rules, name, action, 0, &error) != 0) {
        fprintf(stderr, "%s: %s\n", word, error.text);
        exit(1);
    }
}

void escape_resolve(const struct escape *escape, bool out, struct pwk_policy *policy)
{
    struct pwk_syscall_rules rules = {0};
    const struct pwk_policy_words words = {&rules, NULL};
    struct pwk_error error;

    for (size_t i = 0; i < MAX_WORDS && escape->words[i] != NULL; i++)
        add_word(&rules, escape->words[i]);
    if (out && escape->part == WORD)
        pwk_syscall_rules_add(&rules, escape->out, "allow", 0, &error);
    if (pwk_policy_resolve(policy, escape->base, &words, 1, &error) != 0) {
        fprintf(stderr, "%s: %s\n", escape->name, error.text);
        exit(1);
    }
}

static void arm(const struct escape *escape, bool out)
{
    struct sock_filter code[BPF_MAXINSNS];
    struct sock_fprog program = {.filter = code};
    struct pwk_policy_code compiled;
    struct pwk_policy policy;
    struct pwk_error error;
    bool all_threads = !(out && escape->part == ALL_THREADS);
    size_t guard;

    if (out && escape->part == EVERYTHING)
        return;
    escape_resolve(escape, out, &policy);
    if (pwk_policy_compile(&policy, &compiled, &error) != 0)
        exit(1);
    guard = pwk_guard_write(code, policy.opened);
    if (out)
        take_out(escape, code, guard);
    memcpy(code + guard, compiled.code, compiled.length * sizeof(code[0]));
    program.len = (unsigned short)(guard + compiled.length);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, all_threads ? SECCOMP_FILTER_FLAG_TSYNC : 0,
                &program) != 0) {
        perror("seccomp");
        exit(1);
    }
}

/* ---- trying ---- */

static void run_child(const struct escape *escape, bool out)
{
    enum outcome outcome = escape->prepare != NULL ? escape->prepare() : DONE;

    alarm(TRY_SECONDS);
    if (outcome != CANNOT) {
        arm(escape, out);
        outcome = escape->try();
    }
    _exit((int)outcome);
}

/* A process that SIGSYS has ended has not done it, unless it has. */
static int try_once(const struct escape *escape, bool out)
{
    int status;
    pid_t child;

    why[0] = '\0';
    rmdir(escape_mark);
    unlink(escape_mark);
    child = fork();
    if (child == 0)
        run_child(escape, out);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) != SIGSYS       ? -WTERMSIG(status)
               : access(escape_mark, F_OK) == 0 ? DONE
                                                : REFUSED;
    return WEXITSTATUS(status);
}

static const char *outcome_word(int outcome)
{
    static const char *const words[] = {"refused", "done", "impossible"};

    return outcome >= 0 && outcome <= CANNOT ? words[outcome] : "ended by a signal";
}

static struct {
    int tried, skipped, failed;
} count;

void escape_report(const char *name, int with_rule, int without_rule)
{
    if (with_rule == REFUSED && without_rule == DONE) {
        count.tried++;
        printf("ok: %s\n", name);
    } else if (with_rule == CANNOT || (with_rule == REFUSED && without_rule == CANNOT)) {
        count.skipped++;
        printf("skipped: %s: %s\n", name, why);
    } else {
        count.failed++;
        printf("FAILED: %s: %s (%d) with its rule, %s (%d) without\n", name,
               outcome_word(with_rule), with_rule, outcome_word(without_rule), without_rule);
    }
    fflush(stdout);
}

static void try_all(const struct escape *escape)
{
    for (; escape->name != NULL; escape++) {
        int with_rule = try_once(escape, false);

        escape_report(escape->name, with_rule,
                      with_rule == CANNOT ? CANNOT : try_once(escape, true));
    }
}

int main(int argc, char *argv[])
{
    if (argc > 1 && strcmp(argv[1], "make-directory") == 0)
        return escape_call(SYS_mkdir, argv[2], 0700L) < 0;
    why = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (why == MAP_FAILED)
        return 1;
    snprintf(escape_mark, sizeof(escape_mark), "/tmp/pwk-escape.%d", (int)getpid());
    try_all(escapes_by_calls);
    try_all(escapes_by_doors);
    try_all(escapes_by_arguments);
    try_all(escapes_by_signals);
    try_all(escapes_by_processes);
    escape_try_notifications();
    rmdir(escape_mark);
    unlink(escape_mark);
    printf("%d ways tried, %d skipped, %d failed\n", count.tried, count.skipped, count.failed);
    return count.failed > 0 || count.tried < LEAST_TRIED;
}
