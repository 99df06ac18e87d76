/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * service_call.c - services of NT's that the Unix side answers.
 */
#include "unix_side.h"

#define STATUS_NOT_IMPLEMENTED_HERE ((NTSTATUS)0xc0000002)
#define STATUS_ACCESS_VIOLATION_HERE ((NTSTATUS)0xc0000005)

NTSTATUS call_service(struct pwk_service_params *params)
{
    /* A fault on the Unix side ends the call and leaves this. */
    params->status = (uint32_t)STATUS_ACCESS_VIOLATION_HERE;
    if (!has_unix_side()) {
        return STATUS_NOT_IMPLEMENTED_HERE;
    }
    call_unix(PWK_UNIX_SERVICE, params);
    return (NTSTATUS)params->status;
}
