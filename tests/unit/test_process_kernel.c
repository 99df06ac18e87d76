/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_process_kernel.c - the process kernel object and its API, natively.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/process_kernel_internal.h"
#include "kernel/state.h"

static int tear_down(void **context)
{
    (void)context;
    pk_shutdown();
    return 0;
}

static process_kernel_t *new_kernel(const char *name)
{
    process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, name);
    assert_non_null(kernel);
    return kernel;
}

static void a_new_kernel_is_filled_in(void **context)
{
    (void)context;
    assert_int_equal(pk_init(), 0);
    assert_int_equal(pk_init(), 0);
    process_kernel_t *kernel = pk_create(PK_TYPE_GENERIC, "one");
    assert_non_null(kernel);
    assert_int_equal(kernel->pid, 0);
    assert_int_equal(kernel->type, PK_TYPE_GENERIC);
    assert_string_equal(kernel->name, "one");
    assert_null(kernel->private_data);
    assert_null(kernel->windows_bridge);
    assert_non_null(kernel->syscall_intercept);
    assert_int_equal(kernel->stats.errors, 0);
    assert_ptr_not_equal(new_kernel("one"), kernel);
    pk_destroy(kernel);
    pk_destroy(NULL);
}

static void names_and_types_are_checked(void **context)
{
    (void)context;
    char name[80];
    static const char *const bad[] = {NULL, "", "a\nb", "\x7f", "\xc2\x85", "\xff", "caf\xc3"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        errno = 0;
        assert_null(pk_create(PK_TYPE_CUSTOM, bad[i]));
        assert_int_equal(errno, EINVAL);
    }
    memset(name, 'n', sizeof(name));
    name[64] = '\0';
    assert_null(pk_create(PK_TYPE_CUSTOM, name));
    name[63] = '\0';
    assert_string_equal(new_kernel(name)->name, name);
    errno = 0;
    assert_null(pk_create((process_kernel_type_t)3, "a"));
    assert_int_equal(errno, EINVAL);
    assert_string_equal(new_kernel("Caf\xc3\xa9 \xf0\x9f\x8e\xb2")->name,
                        "Caf\xc3\xa9 \xf0\x9f\x8e\xb2");
}

static void a_process_has_room_for_64(void **context)
{
    (void)context;
    process_kernel_t *kernels[64];

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 64; i++) {
            kernels[i] = new_kernel("k");
            kernels[i]->free_fn(kernels[i]->malloc_fn(i + 1));
        }
        errno = 0;
        assert_null(pk_create(PK_TYPE_CUSTOM, "k"));
        assert_int_equal(errno, ENOSPC);
        for (size_t i = 0; i < 64; i++) {
            assert_int_equal(kernels[i]->stats.memory_allocated, i + 1);
        }
        pk_destroy(kernels[17]);
        kernels[17] = new_kernel("again");
        assert_int_equal(kernels[17]->stats.memory_allocated, 0);
        pk_shutdown();
    }
}

static void what_is_no_kernel_is_refused(void **context)
{
    (void)context;
    process_kernel_t *dead = new_kernel("dead");
    process_kernel_t *live = new_kernel("live");
    static process_kernel_t forged;
    struct pk_stats stats;

    pk_destroy(dead);
    process_kernel_t *const bad[] = {NULL, dead, &forged, (process_kernel_t *)((char *)live + 8),
                                     (process_kernel_t *)(uintptr_t)-8};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(pk_attach(bad[i], 0), -EINVAL);
        assert_int_equal(pk_detach(bad[i]), -EINVAL);
        assert_int_equal(pk_execute(bad[i], free, NULL), -EINVAL);
        assert_int_equal(pk_register_syscall(bad[i], 1, live->syscall_intercept), -EINVAL);
        assert_int_equal(pk_register_allocator(bad[i], malloc, free), -EINVAL);
        assert_int_equal(pk_register_io(bad[i], NULL, NULL, NULL), -EINVAL);
        pk_destroy(bad[i]);
        stats.errors = 1;
        pk_get_stats(bad[i], &stats);
        assert_int_equal(stats.errors, 0);
    }
    pk_get_stats(live, NULL);
}

static void one_kernel_is_attached_at_a_time(void **context)
{
    (void)context;
    process_kernel_t *a = new_kernel("a");
    process_kernel_t *b = new_kernel("b");

    assert_null(pk_get_current());
    assert_int_equal(pk_detach(a), -ESRCH);
    assert_int_equal(pk_attach(a, -1), -EINVAL);
    assert_int_equal(pk_attach(a, getppid()), -ENOSYS);
    assert_null(pk_get_current());
    assert_int_equal(pk_attach(a, getpid()), 0);
    assert_int_equal(a->pid, getpid());
    assert_ptr_equal(pk_get_current(), a);
    assert_int_equal(pk_attach(a, 0), 0);
    assert_int_equal(pk_attach(b, 0), -EBUSY);
    assert_int_equal(b->pid, 0);
    assert_int_equal(pk_detach(a), 0);
    assert_int_equal(a->pid, 0);
    assert_null(pk_get_current());
    assert_int_equal(pk_attach(b, 0), 0);
    pk_destroy(b);
    assert_null(pk_get_current());
    assert_int_equal(pk_attach(a, 0), 0);
}

struct nest {
    process_kernel_t *outer;
    process_kernel_t *inner;
    process_kernel_t *seen[3];
};

static void look(void *context)
{
    struct nest *nest = context;
    nest->seen[1] = pk_get_current();
}

static void enter_inner(void *context)
{
    struct nest *nest = context;
    nest->seen[0] = pk_get_current();
    assert_int_equal(pk_execute(nest->inner, look, nest), 0);
    nest->seen[2] = pk_get_current();
}

static void execution_nests_and_is_put_back(void **context)
{
    (void)context;
    struct nest nest = {new_kernel("outer"), new_kernel("inner"), {NULL}};
    process_kernel_t *attached = new_kernel("attached");

    assert_int_equal(pk_execute(nest.outer, NULL, NULL), -EINVAL);
    assert_int_equal(pk_attach(attached, 0), 0);
    assert_int_equal(pk_execute(nest.outer, enter_inner, &nest), 0);
    assert_ptr_equal(nest.seen[0], nest.outer);
    assert_ptr_equal(nest.seen[1], nest.inner);
    assert_ptr_equal(nest.seen[2], nest.outer);
    assert_ptr_equal(pk_get_current(), attached);
    nest.inner = nest.outer;
    assert_int_equal(pk_execute(nest.outer, enter_inner, &nest), 0);
    assert_ptr_equal(nest.seen[1], nest.outer);
}

static void leave_thread(void *context)
{
    (void)context;
    pthread_exit(NULL);
}

static void *execute_and_leave(void *kernel)
{
    pk_execute(kernel, leave_thread, NULL);
    return kernel;
}

struct visit {
    process_kernel_t *kernel;
    process_kernel_t *seen;
    sem_t entered;
    sem_t go_on;
};

static void wait_inside(void *context)
{
    struct visit *visit = context;
    sem_post(&visit->entered);
    sem_wait(&visit->go_on);
    visit->seen = pk_get_current();
}

static void *visit_kernel(void *context)
{
    struct visit *visit = context;
    pk_execute(visit->kernel, wait_inside, visit);
    return NULL;
}

static void a_kernel_in_use_outlives_its_destruction(void **context)
{
    (void)context;
    pthread_t thread;
    void *answer = NULL;
    struct visit visit = {.kernel = new_kernel("visited")};

    sem_init(&visit.entered, 0, 0);
    sem_init(&visit.go_on, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, visit_kernel, &visit), 0);
    sem_wait(&visit.entered);
    assert_null(pk_get_current()); /* it is the other thread's alone */
    pk_destroy(visit.kernel);
    assert_int_equal(pk_attach(visit.kernel, 0), -EINVAL);
    process_kernel_t *other = new_kernel("other");
    assert_ptr_not_equal(other, visit.kernel);
    assert_string_equal(visit.kernel->name, "visited");
    sem_post(&visit.go_on);
    pthread_join(thread, NULL);
    assert_ptr_equal(visit.seen, visit.kernel);

    /* A thread that ends inside leaves the kernel behind in order. */
    assert_int_equal(pthread_create(&thread, NULL, execute_and_leave, other), 0);
    pthread_join(thread, &answer);
    assert_null(answer);
    pk_destroy(other);
    for (size_t i = 0; i < 64; i++) {
        new_kernel("all places are free again");
    }
}

static size_t asked;
static void *freed;

static void *own_malloc(size_t size)
{
    asked = size;
    return size == 13 ? NULL : malloc(size);
}

static void own_free(void *memory)
{
    freed = memory;
    free(memory);
}

static void the_registered_allocator_is_used_and_counted(void **context)
{
    (void)context;
    process_kernel_t *kernel = new_kernel("a");
    process_kernel_t *other = new_kernel("b");

    assert_int_equal(pk_register_allocator(kernel, own_malloc, NULL), -EINVAL);
    assert_int_equal(pk_register_allocator(kernel, NULL, own_free), -EINVAL);
    assert_int_equal(pk_register_allocator(kernel, own_malloc, own_free), 0);
    asked = 0;
    void *memory = kernel->malloc_fn(100);
    assert_non_null(memory);
    assert_int_equal(asked, 100);
    kernel->free_fn(memory);
    assert_ptr_equal(freed, memory);
    assert_null(kernel->malloc_fn(13));
    assert_int_equal(kernel->stats.memory_allocated, 100);
    assert_int_equal(kernel->stats.errors, 1);
    assert_int_equal(other->stats.memory_allocated, 0);

    assert_int_equal(pk_register_allocator(kernel, NULL, NULL), 0);
    asked = 0;
    kernel->free_fn(kernel->malloc_fn(50));
    assert_int_equal(asked, 0);
    assert_int_equal(kernel->stats.memory_allocated, 150);

    void *(*stale)(size_t) = kernel->malloc_fn;
    pk_destroy(kernel);
    errno = 0;
    assert_null(stale(1));
    assert_int_equal(errno, ENODEV);
}

static ssize_t own_read(int fd, void *buf, size_t size)
{
    if (size > 0) {
        memset(buf, 'r', size);
    }
    return fd == 77 ? (ssize_t)size : -1;
}

static ssize_t own_write(int fd, const void *buf, size_t size)
{
    (void)buf;
    return fd + (ssize_t)size;
}

static int own_ioctl(int fd, unsigned long request, void *arg)
{
    *(int *)arg = fd;
    return (int)request;
}

static void io_goes_to_the_host_or_where_it_is_redirected(void **context)
{
    (void)context;
    process_kernel_t *kernel = new_kernel("io");
    int ends[2];
    char bytes[8] = "";
    int number = 0;
    struct pk_stats stats;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(kernel->write_fn(ends[1], "abc", 3), 3);
    assert_int_equal(kernel->ioctl_fn(ends[0], FIONREAD, &number), 0);
    assert_int_equal(number, 3);
    assert_int_equal(kernel->read_fn(ends[0], bytes, 8), 3);
    assert_string_equal(bytes, "abc");
    close(ends[0]);
    close(ends[1]);
    errno = 0;
    assert_int_equal(kernel->read_fn(-1, bytes, 1), -1);
    assert_int_equal(errno, EBADF);

    assert_int_equal(pk_register_io(kernel, own_read, own_write, own_ioctl), 0);
    assert_int_equal(kernel->read_fn(77, bytes, 2), 2);
    assert_memory_equal(bytes, "rr", 2);
    assert_int_equal(kernel->read_fn(1, bytes, 2), -1);
    assert_int_equal(kernel->write_fn(5, bytes, 2), 7);
    assert_int_equal(kernel->ioctl_fn(6, 9, &number), 9);
    assert_int_equal(number, 6);
    assert_int_equal(pk_register_io(kernel, own_read, NULL, NULL), 0);
    assert_int_equal(kernel->write_fn(-1, bytes, 1), -1);
    assert_int_equal(kernel->read_fn(77, bytes, 1), 1);

    pk_get_stats(kernel, &stats);
    assert_int_equal(stats.io_operations, 10);
    assert_int_equal(stats.errors, 3);
    assert_int_equal(stats.memory_allocated, 0);
    assert_int_equal(stats.syscalls_intercepted, 0);
    assert_memory_equal(&stats, &kernel->stats, sizeof(stats));
}

static int own_call(int nr, void *args)
{
    (void)args;
    return nr;
}

/* This program is linked without the sandbox room. */
static void handlers_need_the_sandbox(void **context)
{
    (void)context;
    process_kernel_t *kernel = new_kernel("calls");

    assert_int_equal(pk_register_syscall(kernel, 101, own_call), -ENOSYS);
    assert_int_equal(pk_register_syscall(kernel, -1, own_call), -EINVAL);
    assert_int_equal(pk_register_syscall(kernel, 101, kernel->syscall_intercept), -EINVAL);
    assert_int_equal(pk_register_syscall(kernel, 101, NULL), -EINVAL);
    assert_int_equal(kernel->syscall_intercept(101, NULL), -ENOSYS);
    assert_int_equal(kernel->stats.syscalls_intercepted, 1);
    assert_int_equal(kernel->stats.errors, 1);
}

static atomic_bool counting;

static void *use_a_lot(void *context)
{
    process_kernel_t *kernel = context;
    for (int i = 0; i < 20000; i++) {
        kernel->free_fn(kernel->malloc_fn(7));
        kernel->write_fn(5, "", 0);
        kernel->read_fn(1, NULL, 0);
    }
    return NULL;
}

/* What is counted never goes back. */
static void *watch(void *context)
{
    struct pk_stats last = {0};
    struct pk_stats now;
    uintptr_t wrong = 0;

    while (atomic_load(&counting)) {
        pk_get_stats(context, &now);
        wrong += now.memory_allocated < last.memory_allocated ||
                 now.io_operations < last.io_operations || now.errors < last.errors;
        last = now;
    }
    return (void *)wrong;
}

static void counters_are_exact_with_many_threads(void **context)
{
    (void)context;
    process_kernel_t *kernel = new_kernel("threads");
    pthread_t threads[6];
    pthread_t watcher;
    void *wrong;

    assert_int_equal(pk_register_io(kernel, own_read, own_write, NULL), 0);
    atomic_store(&counting, true);
    assert_int_equal(pthread_create(&watcher, NULL, watch, kernel), 0);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_a_lot, kernel), 0);
    }
    for (size_t i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
    }
    atomic_store(&counting, false);
    pthread_join(watcher, &wrong);
    assert_null(wrong);
    assert_int_equal(kernel->stats.memory_allocated, 6 * 20000 * 7);
    assert_int_equal(kernel->stats.io_operations, 6 * 20000 * 2);
    assert_int_equal(kernel->stats.errors, 6 * 20000);
}

static void *create_and_destroy(void *context)
{
    (void)context;
    for (int i = 0; i < 3000; i++) {
        process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "churn");
        if (kernel == NULL) {
            return "no room";
        }
        kernel->free_fn(kernel->malloc_fn(10));
        if (kernel->stats.memory_allocated != 10) {
            return "counts of another kernel";
        }
        if (pk_attach(kernel, 0) == 0 && pk_detach(kernel) != 0) {
            return "not detached";
        }
        pk_destroy(kernel);
    }
    return NULL;
}

static void kernels_come_and_go_in_many_threads(void **context)
{
    (void)context;
    pthread_t threads[6];

    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, create_and_destroy, NULL), 0);
    }
    for (size_t i = 0; i < 6; i++) {
        void *complaint;
        pthread_join(threads[i], &complaint);
        assert_null(complaint);
    }
    assert_null(pk_get_current());
}

/* What cannot be undone is done in a process of its own. */
static void in_a_child(void (*test)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        test();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("line %d: %s\n", __LINE__, #condition);                                    \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void check_denial(pwk_process_table_t *table, const char *log)
{
    struct pwk_process_info info;
    char line[512];

    CHECK(pwk_process_table_list(table, &info, 1) == 1 && info.counters[PWK_DENIALS] == 1);
    FILE *file = fopen(log, "r");
    CHECK(file != NULL && fgets(line, sizeof(line), file) != NULL);
    CHECK(strstr(line, "\"event\":\"attach\",\"verdict\":\"denied\",\"name\":\"own\"") != NULL);
    fclose(file);
}

static void under_a_booted_kernel(void)
{
    char folder[] = "/tmp/pwk-kernel-XXXXXX";
    char log[64];
    struct pwk_booted_kernel booted = {.name = "games", .windows = PWK_WINDOWS_10};
    pwk_process_table_t *table;
    struct pk_stats stats;

    CHECK(mkdtemp(folder) != NULL);
    snprintf(log, sizeof(log), "%s/log", folder);
    CHECK(pwk_process_table_open(folder, folder, true, &table, NULL, NULL) == 0);
    CHECK(pwk_audit_open("games", log, NULL, PWK_AUDIT_DENIALS, &booted.audit, NULL) == 0);
    booted.slot = pwk_process_table_enter(table, booted.windows, "test");
    CHECK(pwk_get_booted_kernel() == NULL);
    pwk_set_booted_kernel(&booted);
    CHECK(pwk_get_booted_kernel()->slot == booted.slot);

    process_kernel_t *stand_in = pk_get_current();
    CHECK(stand_in != NULL && stand_in->type == PK_TYPE_WINDOWS && stand_in->pid == getpid());
    CHECK(strcmp(stand_in->name, "games") == 0);
    pwk_count(booted.slot, PWK_SYSCALLS_INTERCEPTED, 40);
    pwk_count(booted.slot, PWK_ERRORS, 2);
    stand_in->free_fn(stand_in->malloc_fn(9));
    pk_get_stats(stand_in, &stats);
    CHECK(stats.syscalls_intercepted == 40 && stats.errors == 2 && stats.memory_allocated == 9);
    CHECK(pk_detach(stand_in) == -EBUSY);
    pk_destroy(stand_in);
    pk_shutdown();
    CHECK(pk_get_current() == stand_in);

    process_kernel_t *own = pk_create(PK_TYPE_CUSTOM, "own");
    pk_get_stats(own, &stats);
    CHECK(stats.syscalls_intercepted == 0);
    CHECK(pk_attach(own, 0) == 0 && pk_get_current() == own);
    pk_get_stats(own, &stats);
    CHECK(stats.syscalls_intercepted == 40);
    CHECK(pk_detach(own) == 0 && pk_get_current() == stand_in);
    CHECK(pk_attach(own, 1) == -ENOSYS);
    check_denial(table, log);

    pwk_process_table_close(table);
    pwk_audit_close(booted.audit);
    CHECK(pwk_state_remove(folder, NULL) == 0);
}

static void a_booted_kernel_has_a_stand_in(void **context)
{
    (void)context;
    in_a_child(under_a_booted_kernel);
}

static void pin_and_try_to_leave(void)
{
    process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "pinned");

    CHECK(pk_pin(NULL) == -EINVAL);
    CHECK(pk_attach(kernel, 0) == 0);
    CHECK(pk_pin(kernel) == 0);
    CHECK(pk_detach(kernel) == -EBUSY);
    pk_destroy(kernel);
    CHECK(pk_get_current() == kernel);
}

static void a_pinned_kernel_stays(void **context)
{
    (void)context;
    in_a_child(pin_and_try_to_leave);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_new_kernel_is_filled_in),
        TEST(names_and_types_are_checked),
        TEST(a_process_has_room_for_64),
        TEST(what_is_no_kernel_is_refused),
        TEST(one_kernel_is_attached_at_a_time),
        TEST(execution_nests_and_is_put_back),
        TEST(a_kernel_in_use_outlives_its_destruction),
        TEST(the_registered_allocator_is_used_and_counted),
        TEST(io_goes_to_the_host_or_where_it_is_redirected),
        TEST(handlers_need_the_sandbox),
        TEST(counters_are_exact_with_many_threads),
        TEST(kernels_come_and_go_in_many_threads),
        TEST(a_booted_kernel_has_a_stand_in),
        TEST(a_pinned_kernel_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
