/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * names.c - see names.h. Answers of a refusal are those of a machine without a name server:
 * getaddrinfo(3), gethostbyname(3), getnameinfo(3), resolver(3).
 */
#include "wine/names.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <resolv.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pwk_name_judge judge;

void pwk_names_judged_by(pwk_name_judge function)
{
    judge = function;
}

static bool is_of_this_machine(const char *name)
{
    unsigned char number[16];
    char own[256] = "";
    size_t length = strlen(name);

    if (length == 0 || strcasecmp(name, "localhost") == 0 ||
        inet_pton(AF_INET, name, number) == 1 || inet_pton(AF_INET6, name, number) == 1)
        return true;
    return gethostname(own, sizeof own - 1) == 0 && strcasecmp(name, own) == 0;
}

static bool may_ask(const char *name)
{
    return !judge || !name || is_of_this_machine(name) || judge(name);
}

EXPORTED int getaddrinfo(const char *restrict node, const char *restrict service,
                         const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
    if (may_ask(node))
        return NEXT(getaddrinfo)(node, service, hints, result);
    return EAI_NONAME;
}

EXPORTED int gethostbyname_r(const char *restrict name, struct hostent *restrict buffer,
                             char *restrict text, size_t size, struct hostent **restrict result,
                             int *restrict error)
{
    if (may_ask(name))
        return NEXT(gethostbyname_r)(name, buffer, text, size, result, error);
    *result = NULL;
    *error = HOST_NOT_FOUND;
    return 0;
}

EXPORTED int gethostbyaddr_r(const void *restrict address, socklen_t length, int type,
                             struct hostent *restrict buffer, char *restrict text, size_t size,
                             struct hostent **restrict result, int *restrict error)
{
    char name[INET6_ADDRSTRLEN] = "an address";

    if (length == (type == AF_INET6 ? 16 : 4))
        inet_ntop(type, address, name, sizeof name);
    if (!judge || strncmp(name, "127.", 4) == 0 || strcmp(name, "::1") == 0 || judge(name))
        return NEXT(gethostbyaddr_r)(address, length, type, buffer, text, size, result, error);
    *result = NULL;
    *error = HOST_NOT_FOUND;
    return 0;
}

EXPORTED int getnameinfo(const struct sockaddr *restrict address, socklen_t length,
                         char *restrict host, socklen_t host_length, char *restrict service,
                         socklen_t service_length, int flags)
{
    if (judge && host && host_length && !(flags & NI_NUMERICHOST)) {
        if ((flags & NI_NAMEREQD) && !judge("an address"))
            return EAI_NONAME;
        flags = (flags & ~NI_NAMEREQD) | NI_NUMERICHOST;
    }
    return NEXT(getnameinfo)(address, length, host, host_length, service, service_length, flags);
}

EXPORTED int res_query(const char *name, int class, int type, unsigned char *answer, int size)
{
    if (!judge || judge(name))
        return NEXT(res_query)(name, class, type, answer, size);
    h_errno = TRY_AGAIN;
    return -1;
}
