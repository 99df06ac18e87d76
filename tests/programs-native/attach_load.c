/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach_load.c - attaches a kernel to processes with eight busy threads, again and again, and
 * checks each time that no thread is missed and none suffers. Usage: attach_load ROUNDS. A target
 * serves four rounds: attached freshly, and three times again after pk_detach.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "loaded_target.h"
#include "pwk/process_kernel.h"

#define ANSWER 4711
#define TIMES 4

static struct loaded_target *target;

static int answer(int nr, void *args)
{
    (void)args;
    return nr == SYS_getppid ? ANSWER : -EPROTO;
}

/* Every thread's next answer has to be this one. Its answer to a call that was made before may
 * still come in, so it is the round after the next that counts. */
static void expect_answers(int round, long expected)
{
    double end = loaded_target_now() + LOADED_PATIENCE;

    for (int i = 0; i < LOADED_THREADS; i++) {
        loaded_target_go_on(target, i, round, end);
        if (target->answers[i] != expected)
            loaded_target_fail(round, "a thread got another answer", target->answers[i]);
    }
}

static void one_target(process_kernel_t *kernel, int first, int last, double *times)
{
    pid_t pid = loaded_target_start(target);
    int status;

    for (int round = first; round < last; round++) {
        double start = loaded_target_now();
        int result = pk_attach(kernel, pid);
        times[round] = loaded_target_now() - start;
        if (result != 0) {
            loaded_target_fail(round, "pk_attach", result);
            break;
        }
        expect_answers(round, ANSWER);
        result = pk_detach(kernel);
        if (result != 0)
            loaded_target_fail(round, "pk_detach", result);
        expect_answers(round, getpid());
    }
    target->stop = true;
    if (waitpid(pid, &status, 0) != pid || status != 0)
        loaded_target_fail(first, "the target's end", status);
    if (target->failures != 0)
        loaded_target_fail(first, "calls of the target failed; the last at line",
                           target->failed_line);
}

static int compare(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;

    return difference < 0 ? -1 : difference > 0;
}

static void report(const char *what, double *times, int count)
{
    qsort(times, (size_t)count, sizeof(*times), compare);
    printf("%s: %d, median %.2f ms, 99%% %.2f ms, longest %.2f ms\n", what, count,
           times[count / 2] * 1e3, times[count * 99 / 100] * 1e3, times[count - 1] * 1e3);
}

int main(int argc, char *argv[])
{
    int rounds = argc > 1 ? atoi(argv[1]) : 0;
    process_kernel_t *kernel = pk_create(PK_TYPE_CUSTOM, "load");

    if (rounds < TIMES || kernel == NULL) {
        fprintf(stderr, "usage: attach_load ROUNDS (%d or more)\n", TIMES);
        return 2;
    }
    double *times = calloc((size_t)rounds, sizeof(*times));
    double *fresh = calloc((size_t)rounds, sizeof(*fresh));
    int fresh_count = 0, again_count = 0;
    target = loaded_target_new();
    if (times == NULL || fresh == NULL || pk_register_syscall(kernel, SYS_getppid, answer) != 0)
        return 2;
    for (int first = 0; first < rounds && loaded_target_failed < 10; first += TIMES)
        one_target(kernel, first, first + TIMES < rounds ? first + TIMES : rounds, times);
    for (int round = 0; round < rounds; round++)
        if (round % TIMES == 0)
            fresh[fresh_count++] = times[round];
        else
            times[again_count++] = times[round];
    report("attached to a fresh process", fresh, fresh_count);
    report("attached again", times, again_count);
    pk_destroy(kernel);
    if (loaded_target_failed == 0)
        printf("%d times attached to 8 busy threads: none missed, none disturbed\n", rounds);
    return loaded_target_failed != 0;
}
