/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach_ops.c - lends the sandbox to the API of kernels, as soon as it is loaded.
 */
#include "kernel/syscall_handlers.h"
#include "sandbox/own_process.h"
#include "sandbox/supervise.h"

static const struct pk_attach_ops ops = {
    .attach_self = pwk_own_process_attach,
    .detach_self = pwk_own_process_detach,
    .add_self = pwk_own_process_add,
    .attach_other = pwk_supervise_attach,
    .detach_other = pwk_supervise_detach,
};

__attribute__((constructor)) void pwk_attach_lend(void)
{
    pk_set_own_origin(&pwk_own_process_origin);
    pk_set_attach_ops(&ops);
}
