/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mark.c - see mark.h. The loader has a copy of its own: nothing else of pwk's is used here.
 */
#include "sandbox/mark.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Outside own sessions a user may have the capability by himself: not without the bounding set. */
bool pwk_mark_is_held(void)
{
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, PWK_MARK, 0, 0) == 1 &&
           prctl(PR_CAPBSET_READ, PWK_MARK, 0, 0, 0) == 0;
}

/* What is not permitted any more leaves the ambient set by itself. */
int pwk_mark_give_up(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}
