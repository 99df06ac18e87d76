/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * privileges.c - see privileges.h.
 */
#include "sandbox/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/mark.h"
#include "sandbox/walls.h"

/* User 0 gets no capabilities by being user 0, now and for good. */
#define NO_ROOT                                                                                    \
    (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                               \
     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |                                 \
     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* Has the mark handed on by what is executed. The bounding set must still have it, and securebits
 * allow it. */
static int hand_on_mark(struct __user_cap_header_struct *header)
{
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, header, sets) < 0)
        return -errno;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        sets[i].inheritable = i == CAP_TO_INDEX(PWK_MARK) ? CAP_TO_MASK(PWK_MARK) : 0;
    if (syscall(SYS_capset, header, sets) < 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, PWK_MARK, 0, 0) < 0)
        return -errno;
    return 0;
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct left[_LINUX_CAPABILITY_U32S_3] = {{0}};
    const unsigned mark = CAP_TO_MASK(PWK_MARK);
    int result = 0;

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -errno;
    if (pwk_wall_stands(PWK_WALL_MARK)) {
        left[CAP_TO_INDEX(PWK_MARK)] = (struct __user_cap_data_struct){mark, mark, mark};
        result = hand_on_mark(&header);
    }
    if (result < 0)
        return result;
    /* The first number that this Linux does not know is EINVAL. */
    for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;)
        capability++;
    if (errno != EINVAL)
        return -errno;
    if (prctl(PR_SET_SECUREBITS, NO_ROOT, 0, 0, 0) < 0 || syscall(SYS_capset, &header, left) < 0)
        return -errno;
    return 0;
}

int pwk_privileges_drop(void)
{
    int result = pwk_wall_stands(PWK_WALL_CAPABILITIES) ? drop_capabilities() : 0;

    if (result == 0 && pwk_wall_stands(PWK_WALL_NO_NEW_PRIVS) &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        result = -errno;
    return result;
}
