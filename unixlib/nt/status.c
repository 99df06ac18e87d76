/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * status.c - from errno to NTSTATUS.
 */
#include "nt/nt_status.h"

#include <errno.h>
#include <stddef.h>

static const struct {
    int error;
    ntstatus status;
} table[] = {
    {0, STATUS_SUCCESS},
    {-ENOENT, STATUS_OBJECT_NAME_NOT_FOUND},
    {-ENOTDIR, STATUS_OBJECT_NAME_NOT_FOUND},
    {-EIDRM, STATUS_KEY_DELETED},
    {-ENODATA, STATUS_NO_MORE_ENTRIES},
    {-ENOTEMPTY, STATUS_CANNOT_DELETE},
    {-EEXIST, STATUS_OBJECT_NAME_COLLISION},
    {-ELOOP, STATUS_NAME_TOO_LONG},
    {-EINVAL, STATUS_INVALID_PARAMETER},
    {-ECHILD, STATUS_CHILD_MUST_BE_VOLATILE},
    {-EROFS, STATUS_MEDIA_WRITE_PROTECTED},
    {-ENOSPC, STATUS_DISK_FULL},
    {-EUCLEAN, STATUS_REGISTRY_CORRUPT},
    {-ENOMEM, STATUS_NO_MEMORY},
    {-ETIMEDOUT, STATUS_IO_TIMEOUT},
    {-EMFILE, STATUS_INSUFFICIENT_RESOURCES},
    {-ECANCELED, STATUS_TRANSACTION_NOT_ACTIVE},
    {-EBUSY, STATUS_TRANSACTIONAL_CONFLICT},
    {-EOPNOTSUPP, STATUS_OPERATION_NOT_SUPPORTED_IN_TRANSACTION},
    {-ENOSYS, STATUS_NOT_IMPLEMENTED},
};

ntstatus nt_status_from_errno(int error)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].error == error)
            return table[i].status;
    return STATUS_REGISTRY_IO_FAILED;
}
