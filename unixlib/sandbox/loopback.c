/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loopback.c - see loopback.h. Interfaces are set by an ioctl on any socket of the namespace; one
 * of the Unix kind serves, so that pwk opens no network socket even here.
 */
#include "sandbox/loopback.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int pwk_loopback_raise(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result = 0;

    if (fd < 0)
        return -errno;
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        result = -errno;
    close(fd);
    return result;
}
