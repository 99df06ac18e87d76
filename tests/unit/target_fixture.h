/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * target_fixture.h - a kernel, and processes that it is attached to.
 */
#ifndef TARGET_FIXTURE_H
#define TARGET_FIXTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "attach_fixture.h"
#include "pwk/process_kernel.h"

/* What a target and the test tell each other. */
struct shared {
    atomic_int stage;
    atomic_long answer;
    atomic_int failures;
    atomic_bool stop;
};
extern struct shared *shared;
extern process_kernel_t *kernel;

int set_up(void **context);
int tear_down(void **context);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* A target that ends with 0 when `body` has returned, and with the test at the latest. */
pid_t start_target(void (*body)(void));
void wait_stage(int stage);
int end_target(pid_t pid); /* waits for it: its status */

/* Bodies. Both set stage 1, and end when `stop` is set. The first asks for its parent all the time,
 * and keeps the answer: 0 for the true one, a negative errno, or what else it was. */
void ask(void);
void wait_for_stop(void);

/* Until `ask` has had that answer. */
void wait_answer(long answer);

/* Handlers. */
int answer_4711(int nr, void *args);
int refuse(int nr, void *args); /* EPERM */

#endif
