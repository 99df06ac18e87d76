/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_connect.c - see server_connect.h. Wine connects to "socket" in the server's folder, from
 * within that folder.
 */
#include "wine/server_connect.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static void (*connected)(int);

void pwk_server_connection_begins(void (*function)(int connection))
{
    connected = function;
}

static bool is_server(const struct sockaddr *address, socklen_t length)
{
    static const char name[] = "socket";

    return address && length >= offsetof(struct sockaddr_un, sun_path) + sizeof name &&
           address->sa_family == AF_UNIX &&
           memcmp(((const struct sockaddr_un *)address)->sun_path, name, sizeof name) == 0;
}

/* Any thread. */
__attribute__((visibility("default"))) int connect(int fd, const struct sockaddr *address,
                                                   socklen_t length)
{
    static int (*next)(int, const struct sockaddr *, socklen_t);
    void (*function)(int) = connected;
    int result;

    if (!next && !(next = (__typeof__(next))dlsym(RTLD_NEXT, "connect"))) {
        errno = ENOSYS;
        return -1;
    }
    result = next(fd, address, length);
    if (result == 0 && function && is_server(address, length)) {
        connected = NULL;
        function(fd);
    }
    return result;
}
