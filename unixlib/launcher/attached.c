/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attached.c - see attached.h. Both sides look who is at the other end: nobody else's process is
 * believed, or obeyed.
 */
#include "launcher/attached.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel/state.h"

#define PREFIX "attach."
#define PATIENCE 5 /* seconds that either side waits for the other */

static int socket_address(pid_t pid, struct sockaddr_un *address, struct pwk_error *error)
{
    char runtime[PATH_MAX];
    int rc = pwk_runtime_path(runtime, error);

    if (rc != 0)
        return rc;
    address->sun_family = AF_UNIX;
    if (snprintf(address->sun_path, sizeof(address->sun_path), "%s/" PREFIX "%d", runtime,
                 (int)pid) >= (int)sizeof(address->sun_path))
        return pwk_error_set(error, -ENAMETOOLONG,
                             "%s: the path is too long for a socket: set XDG_RUNTIME_DIR to a "
                             "shorter one",
                             runtime);
    return 0;
}

static int open_socket(void)
{
    const struct timeval patience = {.tv_sec = PATIENCE};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    return fd;
}

static int is_ours(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/* A connection to a supervisor, -ESRCH where none listens. */
static int connect_to(const struct sockaddr_un *address)
{
    int fd = open_socket();

    if (fd < 0)
        return fd;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 && is_ours(fd))
        return fd;
    close(fd);
    return -ESRCH;
}

int pwk_attached_listen(pid_t pid, struct pwk_error *error)
{
    struct sockaddr_un address = {0};
    int fd, rc = socket_address(pid, &address, error);

    if (rc != 0)
        return rc;
    fd = connect_to(&address);
    if (fd >= 0) {
        close(fd);
        return pwk_error_set(error, -EBUSY,
                             "a kernel is attached to process %d already: see pwkctl ps", (int)pid);
    }
    unlink(address.sun_path);
    fd = open_socket();
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 8) != 0) {
        rc = pwk_error_set(error, -errno, "%s: %s", address.sun_path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return rc;
    }
    return fd;
}

void pwk_attached_unlink(pid_t pid)
{
    struct sockaddr_un address;

    if (socket_address(pid, &address, NULL) == 0)
        unlink(address.sun_path);
}

int pwk_attached_accept(int socket, enum pwk_attached_request *request)
{
    const struct timeval patience = {.tv_sec = PATIENCE};
    int fd = accept4(socket, NULL, NULL, SOCK_CLOEXEC);
    char byte;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (!is_ours(fd) || recv(fd, &byte, 1, 0) != 1) {
        close(fd);
        return -EPERM;
    }
    *request = (enum pwk_attached_request)byte;
    return fd;
}

int pwk_attached_ask(pid_t pid, enum pwk_attached_request request, struct pwk_attached *answer,
                     struct pwk_error *error)
{
    struct sockaddr_un address = {0};
    char byte = (char)request;
    int fd, rc = socket_address(pid, &address, error);

    if (rc != 0)
        return rc;
    fd = connect_to(&address);
    if (fd < 0)
        return pwk_error_set(error, -ESRCH, "no kernel is attached to process %d: see pwkctl ps",
                             (int)pid);
    if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 ||
        recv(fd, answer, sizeof(*answer), 0) != (ssize_t)sizeof(*answer))
        rc = pwk_error_set(error, -EIO, "the supervisor of process %d does not answer", (int)pid);
    close(fd);
    answer->kernel[sizeof(answer->kernel) - 1] = '\0';
    answer->program[sizeof(answer->program) - 1] = '\0';
    answer->state[sizeof(answer->state) - 1] = '\0';
    return rc;
}

int pwk_attached_each(void (*show)(void *context, const struct pwk_attached *attached),
                      void *context, struct pwk_error *error)
{
    char runtime[PATH_MAX];
    const struct dirent *entry;
    DIR *folder;
    int rc = pwk_runtime_path(runtime, error);

    if (rc != 0)
        return rc;
    folder = opendir(runtime);
    if (folder == NULL)
        return pwk_error_set(error, -errno, "%s: %s", runtime, strerror(errno));
    while ((entry = readdir(folder)) != NULL) {
        struct pwk_attached attached = {0};

        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
            pwk_attached_ask(atoi(entry->d_name + strlen(PREFIX)), PWK_ATTACHED_TELL, &attached,
                             NULL) == 0)
            show(context, &attached);
    }
    closedir(folder);
    return 0;
}
