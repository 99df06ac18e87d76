/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * personality.c - the personality's storage and what all families share.
 */
#include "nt/personality.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/number_text.h"

struct nt_personality nt_personality;

ntstatus nt_forward(const struct nt_call *call)
{
    return nt_personality.host.forward(call->row, call->arguments);
}

void nt_host_write(uint64_t address, const void *data, size_t size)
{
    nt_host_call("NtWriteVirtualMemory", 5, NT_CURRENT_PROCESS, address, (uint64_t)data, size, 0);
}

ntstatus nt_deny(const struct nt_call *call, ntstatus status, const char *what)
{
    pwk_count(nt_personality.slot, PWK_DENIALS, 1);
    pwk_audit_write(nt_personality.audit, PWK_AUDIT_DENIALS, "service", "denied", "service",
                    nt_services[call->row].name, "reason", what, NULL);
    return status;
}

void nt_audit_call(unsigned row, ntstatus status)
{
    char text[PWK_NUMBER_TEXT];

    pwk_audit_write(nt_personality.audit, PWK_AUDIT_ALL, "call", NT_ERROR(status) ? "failed" : "served",
                    "service", nt_services[row].name, "status", pwk_hexadecimal(text, (uint32_t)status, 8), NULL);
}

void nt_report_store_error(int error)
{
    static _Atomic unsigned reported;
    const char *line;
    unsigned bit;

    switch (error) {
    case -ENOSPC:
        bit = 1;
        line = "pwk: the disk is full: a registry write was refused; make room\n";
        break;
    case -EROFS:
        bit = 2;
        line = "pwk: the kernel's registry cannot be written; mend the permissions of its "
               "store folder\n";
        break;
    case -EUCLEAN:
        bit = 4;
        line = "pwk: the kernel's registry is damaged; run 'pwkctl doctor'\n";
        break;
    case -EIO:
        bit = 8;
        line = "pwk: the disk failed under the kernel's registry; check the disk\n";
        break;
    default:
        return;
    }
    if (atomic_fetch_or(&reported, bit) & bit)
        return;
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        return;
}
