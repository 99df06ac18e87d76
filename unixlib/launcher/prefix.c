/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix.c - the prefix is set up by stock Wine's wineboot, once, under a lock.
 */
#include "launcher/prefix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool has_file(const char *prefix, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%s", prefix, name);

    return length > 0 && length < (int)sizeof(path) && access(path, F_OK) == 0;
}

/* wineserver writes system.reg when it ends, or half a minute after a change. */
bool pwk_prefix_exists(const char *prefix)
{
    return has_file(prefix, "system.reg");
}

/* Wine's own mark that a prefix is set up. It is made early, so that it counts only while nobody
 * is at work: under the lock. */
bool pwk_prefix_is_set_up(const char *prefix)
{
    return pwk_prefix_exists(prefix) || has_file(prefix, ".update-timestamp");
}

/* Held until the descriptor is closed. */
static int take_lock(const char *runtime, struct pwk_error *error)
{
    char path[PATH_MAX];
    int fd;
    int code;

    if (snprintf(path, sizeof(path), "%s/prefix.lock", runtime) >= (int)sizeof(path))
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", runtime);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        code = -errno;
        return pwk_error_set(error, code, "cannot open %s: %s", path, strerror(-code));
    }
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR) {
            code = -errno;
            close(fd);
            return pwk_error_set(error, code, "cannot lock %s: %s", path, strerror(-code));
        }
    return fd;
}

/* Runs in the child: becomes wineboot, silent, without a display and without the offers to fetch
 * Mono and Gecko. Never returns. */
static void become_wineboot(const char *prefix, const struct pwk_wine_location *location)
{
    char *const arguments[] = {(char *)location->loader, "wineboot", "--init", NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(null, STDERR_FILENO) < 0)
        _exit(125);
    setenv("WINEPREFIX", prefix, 1);
    setenv("WINEDEBUG", "-all", 1);
    setenv("WINEDLLOVERRIDES", "mscoree,mshtml=", 1);
    setenv("WINESERVER", location->server, 0);
    unsetenv("DISPLAY");
    unsetenv("WAYLAND_DISPLAY");
    execv(location->loader, arguments);
    _exit(125);
}

static int run_wineboot(const char *prefix, const struct pwk_wine_location *location,
                        struct pwk_error *error)
{
    int status = 0;
    pid_t child;

    fprintf(stderr, "pwk-wine: setting up the Wine prefix %s; this happens once\n", prefix);
    child = fork();
    if (child == 0)
        become_wineboot(prefix, location);
    if (child < 0)
        return pwk_error_set(error, -errno, "cannot start %s: %s", location->loader,
                             strerror(errno));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return pwk_error_set(error, -errno, "cannot wait for %s: %s", location->loader,
                                 strerror(errno));
    if (status != 0 || !has_file(prefix, "dosdevices"))
        return pwk_error_set(error, -EIO,
                             "the prefix %s could not be set up (status %#x): see what "
                             "'WINEPREFIX=%s %s wineboot --init' says",
                             prefix, (unsigned)status, prefix, location->loader);
    return 0;
}

/* Makes the folders on the way to the prefix: Wine makes only the last. */
static int make_parents(const char *prefix, struct pwk_error *error)
{
    char path[PATH_MAX];
    size_t length = strlen(prefix);

    if (length >= sizeof(path))
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", prefix);
    memcpy(path, prefix, length + 1);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        int failed;

        *slash = '\0';
        failed = mkdir(path, 0777) != 0 && errno != EEXIST ? errno : 0;
        if (failed != 0)
            return pwk_error_set(error, -failed, "cannot make %s for the prefix: %s", path,
                                 strerror(failed));
        *slash = '/';
    }
    return 0;
}

/* wineboot has your rights, and runs what lies in the prefix. One that has had kernels was set up
 * before them: who has taken its registry away since may have left something else. */
static int check_is_new(const char *prefix, struct pwk_error *error)
{
    if (!has_file(prefix, "pwk/kernels"))
        return 0;
    return pwk_error_set(
        error, -EEXIST,
        "the prefix %s has had kernels and has lost its registry (system.reg), which "
        "a program may have removed: put it back, or, where you trust what is in "
        "the prefix, run 'WINEPREFIX=%s wineboot --init'",
        prefix, prefix);
}

int pwk_prefix_create(const char *prefix, const struct pwk_wine_location *location,
                      const char *runtime, struct pwk_error *error)
{
    int lock = take_lock(runtime, error);
    int rc = 0;

    if (lock < 0)
        return lock;
    if (!pwk_prefix_is_set_up(prefix)) {
        rc = check_is_new(prefix, error);
        if (rc == 0)
            rc = make_parents(prefix, error);
        if (rc == 0)
            rc = run_wineboot(prefix, location, error);
    }
    close(lock);
    return rc;
}
