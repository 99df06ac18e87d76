/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter_run.h - an interpreter for seccomp filters: what Linux would decide, without Linux.
 */
#ifndef PWK_TESTS_FILTER_RUN_H
#define PWK_TESTS_FILTER_RUN_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>

/* The SECCOMP_RET_ value of a filter for one call. Fails the test where Linux would not take the
 * filter (seccomp(2), bpf_check_classic): an unknown instruction, a jump or a load out of bounds.
 * `looked_at_arguments` says whether an argument was read on the way. */
unsigned filter_run(const struct sock_filter *code, size_t length, const struct seccomp_data *data,
                    bool *looked_at_arguments);

#endif
