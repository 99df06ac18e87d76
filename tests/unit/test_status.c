/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_status.c - the NTSTATUS of each error that registry.h lists.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nt/nt_status.h"

/* Numbers and not names: a wrong definition must be found too ("NTSTATUS Values", MS-ERREF). */
static void listed_errors(void **state)
{
    static const struct {
        int error;
        uint32_t status;
    } expected[] = {
        {0, 0},
        {-ENOENT, 0xc0000034},    /* object name not found */
        {-ENOTDIR, 0xc0000034},   /* the same: keys know no other */
        {-EIDRM, 0xc000017c},     /* key deleted */
        {-ENODATA, 0x8000001a},   /* no more entries: a warning */
        {-ENOTEMPTY, 0xc0000121}, /* cannot delete */
        {-EEXIST, 0xc0000035},    /* object name collision */
        {-EINVAL, 0xc000000d},    /* invalid parameter */
        {-ECHILD, 0xc0000181},    /* child must be volatile */
        {-EROFS, 0xc00000a2},     /* media write protected */
        {-ENOSPC, 0xc000007f},    /* disk full */
        {-EUCLEAN, 0xc000014c},   /* registry corrupt */
        {-ENOMEM, 0xc0000017},    /* no memory */
        {-ETIMEDOUT, 0xc00000b5}, /* I/O timeout */
        {-EIO, 0xc000014d},       /* registry I/O failed */
        {-ENOSYS, 0xc0000002},    /* not implemented */
        {-EBUSY, 0xc0190001},     /* transactional conflict */
        {-ECANCELED, 0xc0190003}, /* transaction not active */
        {-EOPNOTSUPP, 0xc019005a}, /* operation not supported in transaction */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_int_equal(nt_status_from_errno(expected[i].error), expected[i].status);
}

/* No error, known or not, may look like success to a program. */
static void every_error_is_a_failure(void **state)
{
    (void)state;
    for (int error = -4096; error < 0; error++) {
        uint32_t status = nt_status_from_errno(error);

        assert_true(NT_ERROR(status) || error == -ENODATA);
        assert_true(status >> 31);
    }
    assert_true(NT_ERROR(nt_status_from_errno(ENOENT)));
    assert_true(NT_ERROR(nt_status_from_errno(INT32_MIN)));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(listed_errors),
        cmocka_unit_test(every_error_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
