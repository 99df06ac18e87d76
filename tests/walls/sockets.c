/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sockets.c - ways to services outside, and to what they hand out: each of outside.c's sockets
 * gives a descriptor of the machine's / to whoever connects. The session's plan keeps display,
 * sound and printing off.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "attempt.h"
#include "sandbox/desktop.h"

static int receive_root(int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    char byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    const struct cmsghdr *header;
    int root;

    if (recvmsg(fd, &message, 0) < 0 || (header = CMSG_FIRSTHDR(&message)) == NULL)
        return -1;
    memcpy(&root, CMSG_DATA(header), sizeof(root));
    return root;
}

/* `name` begins with @ for an abstract one. */
static int try_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), root;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    char path[512];

    if (strlen(name) >= sizeof(address.sun_path))
        return 2;
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    else
        size++;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0)
        return judge(-1);
    root = receive_root(fd);
    if (root < 0)
        return judge(-1);
    snprintf(path, sizeof(path), "/proc/self/fd/%d%s", root, fact("OUTSIDE_TMP"));
    return read_secret(path);
}

static int try_tmp_socket(void)
{
    return try_socket(fact("OUTSIDE_TMP_SOCKET"));
}

static int try_wineserver(void)
{
    return try_socket(fact("OUTSIDE_WINESERVER"));
}

static int try_other_display(void)
{
    return try_socket(fact("OUTSIDE_DISPLAY_SOCKET"));
}

static int try_own_display(void)
{
    return try_socket(fact("OUTSIDE_OWN_DISPLAY_SOCKET"));
}

static int try_sound(void)
{
    return try_socket(fact("OUTSIDE_SOUND")) == OUT ? OUT : try_socket(PWK_DESKTOP_FOLDER "/pulse");
}

static int try_socket_in(const char *folder, const char *name)
{
    return chdir(folder) < 0 ? judge(-1) : try_socket(name);
}

static int try_printing(void)
{
    return try_socket_in(fact("OUTSIDE_FOLDER"), "printing") == OUT
               ? OUT
               : try_socket(PWK_DESKTOP_FOLDER "/cups");
}

static int try_session_bus(void)
{
    return try_socket_in(fact("OUTSIDE_USER_RUNTIME"), "bus");
}

static int try_run_socket(void)
{
    return try_socket(fact("OUTSIDE_RUN_SOCKET"));
}

static int try_agent(void)
{
    return try_socket(fact("SSH_AUTH_SOCK"));
}

static int try_abstract_socket(void)
{
    return try_socket(fact("OUTSIDE_ABSTRACT"));
}

static int connect_to(const char *host)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)fact_number("OUTSIDE_PORT"))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, host, &address.sin_addr);
    return fd < 0 ? judge(-1) : judge(connect(fd, (struct sockaddr *)&address, sizeof(address)));
}

static int try_host_loopback(void)
{
    return connect_to("127.0.0.1");
}

/* Sent to nobody (RFC 5737), where there is a way out at all. */
static int try_datagram(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
    return fd < 0 ? judge(-1)
                  : judge(sendto(fd, "", 1, 0, (struct sockaddr *)&address, sizeof(address)));
}

/* Of a family that knows no network namespaces, or has no use here. */
static int try_other_family(void)
{
    return judge(socket(fact_number("OUTSIDE_FAMILY"), fact_number("OUTSIDE_FAMILY_TYPE"), 0));
}

static int try_ipc_memory(void)
{
    return judge(shmget(fact_number("OUTSIDE_IPC_KEY"), 1, 0));
}

static int try_message_queue(void)
{
    return judge(mq_open(fact("OUTSIDE_QUEUE"), O_RDONLY));
}

const struct attempt socket_attempts[] = {
    {"tmp-socket", try_tmp_socket, "temporary", false},
    {"wineserver", try_wineserver, "temporary", false},
    {"other-display", try_other_display, "temporary", false},
    {"agent", try_agent, "temporary", false},
    {"own-display", try_own_display, "display", false},
    {"sound", try_sound, "sound", false},
    {"printing", try_printing, "printing", false},
    {"session-bus", try_session_bus, "sockets", false},
    {"run-socket", try_run_socket, "run", true},
    {"abstract-socket", try_abstract_socket, "network", false},
    {"host-loopback", try_host_loopback, "network", false},
    {"datagram", try_datagram, "network", false},
    {"other-family", try_other_family, "calls", false},
    {"ipc-memory", try_ipc_memory, "ipc", false},
    {"message-queue", try_message_queue, "ipc", false},
    {0},
};
