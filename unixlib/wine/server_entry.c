/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_entry.c - the program "wineserver" beside pwk's loader, where Wine's ntdll.so looks for
 * the server before anywhere else: becomes Wine's own, in a session of the kernel's own under a
 * Linux policy (sandbox/server_policy.h) and with the mark that its clients lose (sandbox/mark.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/prefix_layer.h"
#include "sandbox/mark.h"
#include "sandbox/server_policy.h"
#include "wine/location.h"

#define FAILED 1 /* Wine ends with it */

/* Of Debian's Wine: the binary beside the script, and what the script starts it with. */
#define DEBIAN_BINARY "wineserver64"
#define DEBIAN_STAY "-p0"

static int fail(const char *line)
{
    fprintf(stderr, "pwk: %s\n", line);
    return FAILED;
}

/* What Wine would have started: $WINESERVER, which pwk-wine sets, else what belongs to Wine. */
static bool find_server(char path[PATH_MAX], struct pwk_error *error)
{
    const char *named = getenv("WINESERVER");
    struct pwk_wine_location location;

    if (!named || !*named) {
        if (pwk_wine_locate(&location, error) < 0)
            return false;
        named = location.server;
    }
    if (snprintf(path, PATH_MAX, "%s", named) < PATH_MAX)
        return true;
    pwk_error_set(error, -ENAMETOOLONG, "WINESERVER: the path is too long");
    return false;
}

static bool is_script(const char *path)
{
    char start[2] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && read(fd, start, sizeof start) < 0)
        start[0] = '\0';
    if (fd >= 0)
        close(fd);
    return memcmp(start, "#!", sizeof start) == 0;
}

/* In place of Debian's script its binary. False where the script is another one. */
static bool pass_script(char path[PATH_MAX])
{
    char *name = strrchr(path, '/');

    if (!name || (size_t)(name + 1 - path) + sizeof DEBIAN_BINARY > PATH_MAX)
        return false;
    strcpy(name + 1, DEBIAN_BINARY);
    return access(path, X_OK) == 0;
}

/* A watcher of the prefix's registry whose wineserver has ended meanwhile is to end too: what
 * another one saved would undo what others write to the prefix's files. */
static bool starts_for_nobody(void)
{
    return getenv(PWK_SERVED_VARIABLE) != NULL;
}

int main(int argc, char *argv[])
{
    char **words = calloc((size_t)argc + 2, sizeof *words);
    char path[PATH_MAX], named[PATH_MAX];
    struct pwk_error error;
    int count = 0;

    if (!words)
        return fail("out of memory");
    if (starts_for_nobody())
        return FAILED;
    if (!find_server(path, &error))
        return fail(error.text);
    words[count++] = path;
    if (!pwk_mark_is_held()) {
        memcpy(words + count, argv + 1, (size_t)(argc - 1) * sizeof *words);
        execv(path, words);
        fprintf(stderr, "pwk: wineserver (%s) cannot be run: %s\n", path, strerror(errno));
        return FAILED;
    }
    strcpy(named, path);
    if (is_script(path)) {
        if (!pass_script(path)) {
            fprintf(stderr,
                    "pwk: %s is a script, which the Linux policy of wineserver does not let "
                    "execute anything: set WINESERVER to the binary, or use --session shared\n",
                    named);
            return FAILED;
        }
        words[count++] = (char *)DEBIAN_STAY;
    }
    memcpy(words + count, argv + 1, (size_t)(argc - 1) * sizeof *words);
    pwk_server_policy_execute(path, words, &error);
    return fail(error.text);
}
