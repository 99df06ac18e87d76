/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * winsock.c - a Windows program that tries the ways to the network, and to itself on loopback.
 *
 *   winsock outside ADDRESS PORT OWN NAME   each way to the server there; a bind to this machine's
 * OWN address; NAME by DNS winsock loopback                    servers of its own at 127.0.0.1, ::1
 * and any address
 *
 * Prints "WAY ok" or "WAY" and the error of Winsock's, a line each.
 */
#include <winsock2.h>

#include <mswsock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ws2tcpip.h>

static void tell(const char *way, int failed)
{
    int error = failed ? WSAGetLastError() : 0;

    if (failed)
        printf("%s %d\n", way, error);
    else
        printf("%s ok\n", way);
    fflush(stdout);
}

static struct sockaddr_in at(const char *address, int port)
{
    struct sockaddr_in result = {0};

    result.sin_family = AF_INET;
    result.sin_port = htons((u_short)port);
    result.sin_addr.s_addr = inet_addr(address);
    return result;
}

/* ---- outside ---- */

static struct sockaddr_in server;

static void try_connect(void)
{
    SOCKET fd = socket(AF_INET, SOCK_STREAM, 0);

    tell("connect", connect(fd, (struct sockaddr *)&server, sizeof(server)));
    closesocket(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    tell("WSAConnect",
         WSAConnect(fd, (struct sockaddr *)&server, sizeof(server), NULL, NULL, NULL, NULL));
    closesocket(fd);
}

/* Non-blocking: the answer comes at once, or by select. */
static void try_nonblocking(void)
{
    SOCKET fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval wait = {5, 0};
    u_long on = 1;
    fd_set done, failed;
    int error = 0, size = sizeof(error);

    ioctlsocket(fd, FIONBIO, &on);
    if (connect(fd, (struct sockaddr *)&server, sizeof(server)) != 0 &&
        WSAGetLastError() == WSAEWOULDBLOCK) {
        FD_ZERO(&done);
        FD_ZERO(&failed);
        FD_SET(fd, &done);
        FD_SET(fd, &failed);
        if (select(0, NULL, &done, &failed, &wait) == 1 && FD_ISSET(fd, &done))
            WSASetLastError(0);
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, (char *)&error, &size) == 0)
            WSASetLastError(error ? error : WSAETIMEDOUT);
    }
    tell("nonblocking", WSAGetLastError() != 0);
    closesocket(fd);
}

static void try_connect_ex(void)
{
    GUID id = WSAID_CONNECTEX;
    LPFN_CONNECTEX function;
    OVERLAPPED overlapped = {0};
    struct sockaddr_in any = at("0.0.0.0", 0);
    SOCKET fd = socket(AF_INET, SOCK_STREAM, 0);
    DWORD size, flags;
    int failed = 0;

    WSAIoctl(fd, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), &function, sizeof(function),
             &size, NULL, NULL);
    bind(fd, (struct sockaddr *)&any, sizeof(any));
    overlapped.hEvent = WSACreateEvent();
    if (!function(fd, (struct sockaddr *)&server, sizeof(server), NULL, 0, &size, &overlapped)) {
        failed = WSAGetLastError() != WSA_IO_PENDING;
        if (!failed)
            failed = !WSAGetOverlappedResult(fd, &overlapped, &size, TRUE, &flags);
    }
    tell("ConnectEx", failed);
    closesocket(fd);
}

static void try_datagrams(void)
{
    SOCKET fd = socket(AF_INET, SOCK_DGRAM, 0);
    WSABUF data = {1, "x"};
    DWORD sent;

    tell("sendto", sendto(fd, "x", 1, 0, (struct sockaddr *)&server, sizeof(server)) != 1);
    tell("WSASendTo",
         WSASendTo(fd, &data, 1, &sent, 0, (struct sockaddr *)&server, sizeof(server), NULL, NULL));
    tell("connected-datagram",
         connect(fd, (struct sockaddr *)&server, sizeof(server)) || send(fd, "x", 1, 0) != 1);
    closesocket(fd);
}

static void try_raw(void)
{
    /* An echo request: type, code, checksum, identifier, number. */
    static const unsigned char echo[8] = {8, 0, 0xf7, 0xff, 0, 0, 0, 0};
    SOCKET fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

    if (fd == INVALID_SOCKET) {
        tell("raw", 1);
        return;
    }
    tell("raw", sendto(fd, (const char *)echo, sizeof(echo), 0, (struct sockaddr *)&server,
                       sizeof(server)) != sizeof(echo));
    closesocket(fd);
}

static void try_ipv6(void)
{
    struct sockaddr_in6 address = {0};
    SOCKET fd = socket(AF_INET6, SOCK_STREAM, 0);

    address.sin6_family = AF_INET6;
    address.sin6_port = server.sin_port;
    memset(address.sin6_addr.s6_addr + 10, 0xff, 2);
    memcpy(address.sin6_addr.s6_addr + 12, &server.sin_addr, 4);
    {
        DWORD off = 0;
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, (char *)&off, sizeof(off));
    }
    tell("ipv6-mapped", connect(fd, (struct sockaddr *)&address, sizeof(address)));
    closesocket(fd);
}

static void try_bind(const char *own)
{
    struct sockaddr_in address = at(own, 0);
    SOCKET fd = socket(AF_INET, SOCK_STREAM, 0);

    tell("bind", bind(fd, (struct sockaddr *)&address, sizeof(address)));
    closesocket(fd);
}

static void try_name(const char *name)
{
    struct addrinfo *result = NULL;
    int code = getaddrinfo(name, NULL, NULL, &result);

    WSASetLastError(code);
    tell("getaddrinfo", code);
    tell("gethostbyname", gethostbyname(name) == NULL);
}

static int outside(char *argv[])
{
    server = at(argv[2], atoi(argv[3]));
    try_connect();
    try_nonblocking();
    try_connect_ex();
    try_datagrams();
    try_raw();
    try_ipv6();
    try_bind(argv[4]);
    try_name(argv[5]);
    return 0;
}

/* ---- loopback ---- */

/* A server at `bound`, reached at `reached`. */
static void try_server(const char *way, int family, void *bound, void *reached, int size)
{
    SOCKET listener = socket(family, SOCK_STREAM, 0), client = socket(family, SOCK_STREAM, 0), got;
    int length = size;
    char byte = 0;
    u_short port;

    if (bind(listener, bound, size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, bound, &length) != 0) {
        tell(way, 1);
        return;
    }
    port = ((struct sockaddr_in *)bound)->sin_port; /* in the same place for both families */
    ((struct sockaddr_in *)reached)->sin_port = port;
    if (connect(client, reached, size) != 0 || send(client, "x", 1, 0) != 1) {
        tell(way, 1);
        return;
    }
    got = accept(listener, NULL, NULL);
    tell(way, got == INVALID_SOCKET || recv(got, &byte, 1, 0) != 1 || byte != 'x');
    closesocket(got);
    closesocket(client);
    closesocket(listener);
}

static int loopback(void)
{
    struct sockaddr_in bound = at("127.0.0.1", 0), reached = at("127.0.0.1", 0);
    struct sockaddr_in6 bound6 = {0}, reached6;
    SOCKET fd = socket(AF_INET, SOCK_DGRAM, 0);
    char host[256];

    try_server("ipv4", AF_INET, &bound, &reached, sizeof(bound));
    bound = at("0.0.0.0", 0);
    try_server("any", AF_INET, &bound, &reached, sizeof(bound));
    bound6.sin6_family = AF_INET6;
    bound6.sin6_addr.s6_addr[15] = 1;
    reached6 = bound6;
    try_server("ipv6", AF_INET6, &bound6, &reached6, sizeof(bound6));
    reached = at("127.0.0.1", 9);
    tell("datagram", sendto(fd, "x", 1, 0, (struct sockaddr *)&reached, sizeof(reached)) != 1);
    tell("own-name", gethostname(host, sizeof(host)) != 0 || gethostbyname("localhost") == NULL);
    return 0;
}

int main(int argc, char *argv[])
{
    WSADATA data;

    if (WSAStartup(MAKEWORD(2, 2), &data) != 0)
        return 2;
    if (argc == 6 && strcmp(argv[1], "outside") == 0)
        return outside(argv);
    if (argc == 2 && strcmp(argv[1], "loopback") == 0)
        return loopback();
    fprintf(stderr, "usage: winsock outside ADDRESS PORT OWN-ADDRESS NAME | loopback\n");
    return 2;
}
