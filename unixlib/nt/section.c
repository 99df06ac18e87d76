/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * section.c - the section family: Wine maps; what needs to know of an image is told.
 */
#include "nt/personality.h"

#define PAGE_EXECUTE_READ 0x20

/* "ZwMapViewOfSection function (wdm.h)": base and size at the places given here, the protection
 * last. Wine's loader maps every image with this protection. */
ntstatus nt_map_view_of_section(const struct nt_call *call)
{
    ntstatus status = nt_forward(call);

    if (!NT_ERROR(status) && call->arguments[1] == NT_CURRENT_PROCESS &&
        (uint32_t)call->arguments[9] == PAGE_EXECUTE_READ && nt_personality.host.image_mapped)
        nt_personality.host.image_mapped(*(const uint64_t *)call->arguments[2],
                                         *(const uint64_t *)call->arguments[6]);
    return status;
}
