/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * birth.c - see birth.h.
 */
#include "wine/birth.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/boot_record.h"

#define NAME_MARK 3 /* PWK_BIRTH is in force, PWK-BIRTH is not */
#define NOTHING "0000000000000000 -0000000001"

struct birth {
    int begun;
    int handles;
    char told[sizeof NOTHING]; /* the variable's text, ready before fork: there it is only copied */
};

static __thread struct birth birth __attribute__((tls_model("initial-exec")));
static char variable[] = PWK_BIRTH_VARIABLE "=" NOTHING;

int pwk_birth_take(uint64_t *number)
{
    const char *text = getenv(PWK_BIRTH_VARIABLE);
    unsigned long long found = 0;
    int handles = -1;

    *number = 0;
    if (text && strlen(text) == strlen(NOTHING) &&
        sscanf(text, "%16llx %11d", &found, &handles) == 2)
        *number = found;
    else
        handles = -1;
    unsetenv(PWK_BIRTH_VARIABLE);
    return handles > STDERR_FILENO ? handles : -1;
}

static void tell(void)
{
    if (!birth.begun)
        return;
    memcpy(variable + sizeof PWK_BIRTH_VARIABLE, birth.told, sizeof birth.told);
    variable[NAME_MARK] = '_';
    if (birth.handles >= 0)
        fcntl(birth.handles, F_SETFD, 0);
}

int pwk_birth_prepare(void)
{
    int result = -pthread_atfork(NULL, NULL, tell);

    variable[NAME_MARK] = '-';
    return result == 0 && putenv(variable) != 0 ? -errno : result;
}

void pwk_birth_begin(uint64_t number, int handles)
{
    pwk_birth_end();
    snprintf(birth.told, sizeof birth.told, "%016llx %011d", (unsigned long long)number, handles);
    birth.handles = handles;
    birth.begun = 1;
}

void pwk_birth_end(void)
{
    if (birth.begun && birth.handles >= 0)
        close(birth.handles);
    birth.begun = 0;
}
