/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_trap.c - the trap without Wine: code below the line makes calls, and what becomes of the
 * thread's signals meanwhile. Wine suspends threads with SIGUSR1 and ends them with SIGQUIT:
 * neither may come while the handler of SIGSYS holds something, or stands where the program's own
 * context should.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach_fixture.h"
#include "sandbox/trap.h"

#define INTERPRETER "/lib64/ld-linux-x86-64.so.2" /* of the x86-64 ABI */
#define UNKNOWN_STATUS 0xc000001c
#define NUMBER 0x3fff

static uint16_t numbers[PWK_NATIVE_NUMBERS];
static void *dispatcher = (void *)abort;
static struct pwk_process_slot *slot;
static volatile sig_atomic_t caught, caught_while_learning;

/* mov $NUMBER, %eax; syscall; ret */
static const unsigned char low_code[] = {0xb8, 0xff, 0x3f, 0, 0, 0x0f, 0x05, 0xc3};
static uint32_t (*low_call)(void);

static void catch (int signal)
{
    (void)signal;
    caught++;
}

static void send_both(void)
{
    CHECK(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1) == 0);
    CHECK(syscall(SYS_tgkill, getpid(), gettid(), SIGQUIT) == 0);
}

static void learn(void)
{
    send_both();
    caught_while_learning = caught;
}

static void start(pwk_audit_t *audit, void (*learner)(void))
{
    struct pwk_trap trap = {.numbers = numbers,
                            .learn = learner,
                            .dispatcher = &dispatcher,
                            .unknown_status = UNKNOWN_STATUS,
                            .audit = audit,
                            .slot = &slot};
    stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    struct sigaction action = {.sa_handler = catch};
    struct pwk_error error = {""};
    void *code = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(code != MAP_FAILED && (uintptr_t)code < PWK_TRAP_LINE);
    memcpy(code, low_code, sizeof low_code);
    memcpy(&low_call, &code, sizeof low_call);
    memset(numbers, 0xff, sizeof numbers);
    slot = pwk_process_slot_private();
    CHECK(stack.ss_sp && sigaltstack(&stack, NULL) == 0);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0 && sigaction(SIGQUIT, &action, NULL) == 0);
    if (pwk_trap_start(&trap, &error) != 0 || pwk_trap_arm() != 0) {
        fprintf(stderr, "%s\n", error.text);
        _exit(1);
    }
}

static void signals_wait_for_the_handlers_end(void)
{
    sigset_t mask;

    start(NULL, learn);
    CHECK(low_call() == UNKNOWN_STATUS);
    CHECK(caught_while_learning == 0);
    CHECK(caught == 2);
    /* They are let through again. */
    CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
    CHECK(!sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGQUIT));
    send_both();
    CHECK(caught == 4);
}

static void what_is_refused_is_recorded(void)
{
    char path[] = "/tmp/pwk-trap-XXXXXX", line[1024], expected[64];
    pwk_audit_t *audit;
    FILE *file;

    CHECK(close(mkstemp(path)) == 0);
    CHECK(pwk_audit_open("unit", path, NULL, PWK_AUDIT_DENIALS, &audit, NULL) == 0);
    start(audit, NULL);
    CHECK(low_call() == UNKNOWN_STATUS);
    pwk_audit_attend(audit);
    file = fopen(path, "r");
    CHECK(file && fgets(line, sizeof line, file));
    unlink(path);
    CHECK(strstr(line, "\"event\":\"native_call\"") && strstr(line, "\"number\":\"0x3fff\""));
    snprintf(expected, sizeof expected, "\"address\":\"0x%llx\"",
             (unsigned long long)(uintptr_t)low_call + 5);
    CHECK(strstr(line, expected) && strstr(line, "\"count\":\"1\""));
}

#define IN_CHILD(name)                                                                             \
    static void test_##name(void **context)                                                        \
    {                                                                                              \
        (void)context;                                                                             \
        run_in_child(name);                                                                        \
    }

IN_CHILD(signals_wait_for_the_handlers_end)
IN_CHILD(what_is_refused_is_recorded)

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_wait_for_the_handlers_end),
        cmocka_unit_test(test_what_is_refused_is_recorded),
    };

    /* The trap wants to lie above the line, where the interpreter puts what it is told to run. */
    if ((uintptr_t)main < PWK_TRAP_LINE && argc == 1) {
        execl(INTERPRETER, INTERPRETER, argv[0], "again", (char *)NULL);
        return 99;
    }
    return cmocka_run_group_tests_name("trap", tests, NULL, NULL);
}
