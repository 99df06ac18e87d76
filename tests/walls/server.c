/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server.c - a server for the tests of the network: says on standard output who came, a line each:
 * "tcp", "udp" or "dns". Answers every name with the address given.
 *
 *   server ADDRESS PORT
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct in_addr own;

static int open_socket(int type, int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr = own};
    int fd = socket(AF_INET, type, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        (type == SOCK_STREAM && listen(fd, 16) < 0)) {
        perror("server");
        exit(1);
    }
    return fd;
}

static void take_datagram(int fd)
{
    char data[512];

    if (recv(fd, data, sizeof(data), 0) >= 0)
        puts("udp");
}

/* RFC 1035: the question again, with one answer that points to its name. */
static void answer_name(int fd)
{
    static const unsigned char head[12] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};
    unsigned char data[1024];
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    ssize_t length = recvfrom(fd, data, 512, 0, (struct sockaddr *)&from, &size), end = 12;

    puts("dns");
    while (end < length && data[end] != 0)
        end += data[end] + 1;
    end += 5; /* the root's label, type and class */
    if (length < 12 || end > length)
        return;
    data[2] = 0x81;
    data[3] = 0x80;
    memset(data + 6, 0, 6);
    if (data[end - 3] == 1) { /* an IPv4 address is asked for */
        data[7] = 1;
        memcpy(data + end, head, sizeof(head));
        memcpy(data + end + sizeof(head), &own, 4);
        end += (ssize_t)sizeof(head) + 4;
    }
    sendto(fd, data, (size_t)end, 0, (struct sockaddr *)&from, size);
}

int main(int argc, char *argv[])
{
    struct pollfd sockets[3];

    if (argc != 3 || inet_pton(AF_INET, argv[1], &own) != 1)
        return 2;
    sockets[0].fd = open_socket(SOCK_STREAM, atoi(argv[2]));
    sockets[1].fd = open_socket(SOCK_DGRAM, atoi(argv[2]));
    sockets[2].fd = open_socket(SOCK_DGRAM, 53);
    for (int i = 0; i < 3; i++)
        sockets[i].events = POLLIN;
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("ready");
    while (poll(sockets, 3, -1) > 0) {
        if (sockets[0].revents) {
            close(accept(sockets[0].fd, NULL, NULL));
            puts("tcp");
        }
        if (sockets[1].revents)
            take_datagram(sockets[1].fd);
        if (sockets[2].revents)
            answer_name(sockets[2].fd);
    }
    return 1;
}
