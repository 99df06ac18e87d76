/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process.c - the process family: a program's children run under its kernel.
 */
#include "nt/bequest.h"
#include "nt/personality.h"

/* What a program starts gets the kernel; what Wine starts on its own account does not come
 * through this row and does not get it. A bad pointer ends the call in the middle and leaves the
 * kernel shown: later processes of Wine's own would then run under it too, which harms nobody. */
ntstatus nt_create_user_process(const struct nt_call *call)
{
    struct nt_bequest bequest;
    ntstatus status;

    if (!nt_personality.inherit)
        return nt_forward(call);
    status = nt_bequest_begin(call, &bequest);
    if (status)
        return status;
    nt_personality.host.show_kernel(true);
    status = nt_forward(call);
    nt_personality.host.show_kernel(false);
    nt_bequest_end(call, &bequest, status);
    return status;
}

/* With handle 0 the other threads are ended, with NtCurrentProcess the process. */
ntstatus nt_terminate_process(const struct nt_call *call)
{
    if (call->arguments[0] == NT_CURRENT_PROCESS)
        nt_personality.host.end_process();
    return nt_forward(call);
}
