/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_tracee.c - calls made in the name of a process that is held still: only the call that was
 * asked for is believed, whatever the code has become in which its instruction was found.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target_fixture.h"
#include "sandbox/tracee.h"

#define PAGE 4096
#define MAPPINGS 5000
#define KILLS 40
#define LONGEST 3000 /* microseconds until the kill */

/* Code of a file that both have mapped, and that can be changed when the target is held. */
static unsigned char *code, *writable;

static void put_code(const char *bytes, size_t size)
{
    memset(writable, 0x90, PAGE);
    memcpy(writable, bytes, size);
}

static int map_code(void **context)
{
    int file = memfd_create("code", MFD_CLOEXEC);

    if (file < 0 || ftruncate(file, PAGE) != 0)
        return -1;
    code = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    writable = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return code == MAP_FAILED || writable == MAP_FAILED ? -1 : set_up(context);
}

static int unmap_code(void **context)
{
    munmap(code, PAGE);
    munmap(writable, PAGE);
    return tear_down(context);
}

static void calls_are_made_in_its_name(void **context)
{
    static const uint64_t none[6];
    struct pwk_tracee tracee;
    pid_t target = start_target(wait_for_stop);

    (void)context;
    wait_stage(1);
    assert_int_equal(pwk_tracee_stop(&tracee, target), 0);
    assert_int_equal(pwk_tracee_call(&tracee, SYS_getpid, none), target);
    assert_int_equal(pwk_tracee_call(&tracee, SYS_getppid, none), getpid());
    assert_int_equal(pwk_tracee_call(&tracee, SYS_close, (const uint64_t[6]){~0u}), -EBADF);
    pwk_tracee_release(&tracee);
    shared->stop = true;
    assert_int_equal(end_target(target), 0);
}

static void another_call_is_not_believed(void **context)
{
    static const struct {
        const char *bytes;
        size_t size;
        int64_t answer; /* to getpgid(0) */
    } cases[] = {
        {"\x0f\x05", 2, 0},                          /* syscall: what is asked for */
        {"\xb8\x27\0\0\0\x0f\x05", 7, -ENOTSUP},     /* mov $39 (getpid), %eax */
        {"\xbf\x01\0\0\0\x0f\x05", 7, -ENOTSUP},     /* mov $1, %edi: of process 1 */
        {"\xbe\x01\0\0\0\x0f\x05", 7, -ENOTSUP},     /* mov $1, %esi */
        {"\xba\x01\0\0\0\x0f\x05", 7, -ENOTSUP},     /* mov $1, %edx */
        {"\x41\xba\x01\0\0\0\x0f\x05", 8, -ENOTSUP}, /* mov $1, %r10d */
        {"\x41\xb8\x01\0\0\0\x0f\x05", 8, -ENOTSUP}, /* mov $1, %r8d */
        {"\x41\xb9\x01\0\0\0\x0f\x05", 8, -ENOTSUP}, /* mov $1, %r9d */
    };
    static const uint64_t none[6];
    pid_t target = start_target(wait_for_stop);

    (void)context;
    wait_stage(1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pwk_tracee tracee;

        assert_int_equal(pwk_tracee_stop(&tracee, target), 0);
        tracee.instruction = (uint64_t)code;
        put_code(cases[i].bytes, cases[i].size);
        assert_int_equal(pwk_tracee_call(&tracee, SYS_getpgid, none),
                         cases[i].answer ? cases[i].answer : getpgid(target));
        pwk_tracee_release(&tracee);
    }
    /* And it goes on as it was. */
    shared->stop = true;
    assert_int_equal(end_target(target), 0);
}

/* A long list of mappings, which takes a while to read, and ends with those that hold code. */
static void map_much(void)
{
    char *below =
        mmap(NULL, (size_t)MAPPINGS * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (int i = 0; i < MAPPINGS; i += 2)
        mprotect(below + (size_t)i * PAGE, PAGE, PROT_READ);
    wait_for_stop();
}

static pid_t start_killer(pid_t target, useconds_t after)
{
    pid_t killer = fork();

    if (killer == 0) {
        usleep(after);
        kill(target, SIGKILL);
        _exit(0);
    }
    return killer;
}

static void who_ends_meanwhile_is_gone(void **context)
{
    (void)context;
    for (int round = 0; round < KILLS; round++) {
        struct pwk_tracee tracee;
        pid_t target, killer;
        int result;

        shared->stage = 0;
        target = start_target(map_much);
        wait_stage(1);
        killer = start_killer(target, (useconds_t)(round * LONGEST / KILLS));
        result = pwk_tracee_stop(&tracee, target);
        if (result == 0)
            pwk_tracee_release(&tracee);
        else
            assert_int_equal(result, -ESRCH);
        assert_int_equal(waitpid(killer, NULL, 0), killer);
        waitpid(target, NULL, 0); /* where who traces it has not */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_are_made_in_its_name, map_code, unmap_code),
        cmocka_unit_test_setup_teardown(another_call_is_not_believed, map_code, unmap_code),
        cmocka_unit_test_setup_teardown(who_ends_meanwhile_is_gone, map_code, unmap_code),
    };

    return cmocka_run_group_tests_name("tracee", tests, NULL, NULL);
}
