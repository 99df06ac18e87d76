/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ephemeral.c - see ephemeral.h.
 */
#include "launcher/ephemeral.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel/process_table.h"
#include "kernel/state.h"
#include "launcher/detached.h"
#include "sandbox/session.h"
#include "sandbox/session_limits.h"

#define MARKER "ephemeral"
#define GONE ".gone-" /* and the inode, or new- and a process: no kernel is called so */
#define MAKE_ATTEMPTS 8

static int state_file(char path[PATH_MAX], const char *state, const char *name,
                      struct pwk_error *error)
{
    if (snprintf(path, PATH_MAX, "%s/%s", state, name) >= PATH_MAX)
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", state);
    return 0;
}

bool pwk_ephemeral_is(const char *state)
{
    char path[PATH_MAX];
    struct stat st;

    return state_file(path, state, MARKER, NULL) == 0 && lstat(path, &st) == 0 &&
           S_ISREG(st.st_mode);
}

/* Makes the marker, locked from its first moment on: it gets its name when it has its lock. */
static int make_marker(const char *state, const char *path, struct pwk_error *error)
{
    char name[64];
    char new_path[PATH_MAX];
    int fd;
    int code;

    snprintf(name, sizeof(name), MARKER ".%ld", (long)getpid());
    code = state_file(new_path, state, name, error);
    if (code != 0)
        return code;
    fd = open(new_path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0 && rename(new_path, path) == 0)
        return fd;
    code = -errno;
    if (fd >= 0) {
        close(fd);
        unlink(new_path);
    }
    return pwk_error_set(error, code, "cannot make %s: %s", new_path, strerror(-code));
}

int pwk_ephemeral_enter(const char *state, struct pwk_error *error)
{
    char path[PATH_MAX];
    struct stat st;
    int rc = state_file(path, state, MARKER, error);
    int fd;

    if (rc != 0)
        return rc;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return make_marker(state, path, error);
    if (fd < 0)
        return pwk_error_set(error, -errno, "cannot open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_SH | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0)
        return fd;
    close(fd);
    return pwk_error_set(error, -EBUSY, "the ephemeral kernel in %s is just ending: try again",
                         state);
}

/* Held, so that no sweep takes it for a leftover: the folder's descriptor, or a negative errno. */
static int hold_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -EAGAIN;
}

int pwk_ephemeral_make(const char *prefix, const char *state, struct pwk_error *error)
{
    char folder[64], apart[PATH_MAX], path[PATH_MAX];
    int held = -EAGAIN, marker = 0, rc = 0;

    if (access(state, F_OK) == 0)
        return -EEXIST;
    snprintf(folder, sizeof(folder), GONE "new-%ld", (long)getpid());
    /* A sweep may take it away before it is held. */
    for (int i = 0; held == -EAGAIN && rc == 0 && i < MAKE_ATTEMPTS; i++) {
        rc = pwk_state_make_apart(prefix, folder, apart, error);
        held = hold_folder(apart);
    }
    if (rc == 0)
        rc = state_file(path, apart, MARKER, error);
    if (rc == 0)
        rc = marker = make_marker(apart, path, error);
    if (rc >= 0 && renameat2(AT_FDCWD, apart, AT_FDCWD, state, RENAME_NOREPLACE) < 0)
        rc = errno == EEXIST
                 ? -EEXIST
                 : pwk_error_set(error, -errno, "cannot make %s: %s", state, strerror(errno));
    if (rc < 0) {
        if (marker > 0)
            close(marker);
        pwk_state_remove(apart, NULL);
    }
    if (held >= 0)
        close(held);
    return rc < 0 ? rc : marker;
}

static int runtime_path(char path[PATH_MAX], const char *runtime, const char *kind,
                        const struct stat *state)
{
    return snprintf(path, PATH_MAX, "%s/%s-%llx-%llx", runtime, kind,
                    (unsigned long long)state->st_dev, (unsigned long long)state->st_ino) < PATH_MAX
               ? 0
               : -ENAMETOOLONG;
}

int pwk_kernel_runtime(const char *runtime, const char *state, bool own_session,
                       char path[PATH_MAX], struct pwk_error *error)
{
    struct stat st;

    bool ephemeral = pwk_ephemeral_is(state);

    if (!ephemeral && !own_session) {
        strcpy(path, runtime);
        return 0;
    }
    if (stat(state, &st) != 0)
        return pwk_error_set(error, -errno, "%s: %s", state, strerror(errno));
    if (runtime_path(path, runtime, ephemeral ? "ephemeral" : "session", &st) < 0)
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", runtime);
    return 0;
}

/* Takes a kernel away that nobody uses. First its name, at once, so that whoever is killed from
 * here on leaves what the next sweep knows for a leftover, however much of it is still there. */
static void remove_kernel(const char *state, const char *runtime)
{
    const char *name = strrchr(state, '/') + 1;
    int held = open(state, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char gone[PATH_MAX];
    struct stat st;

    /* Two at once would take files out of each other's hands, and both give up. */
    if (held < 0 || flock(held, LOCK_EX | LOCK_NB) < 0 || fstat(held, &st) < 0) {
        if (held >= 0)
            close(held);
        return;
    }
    if (strncmp(name, GONE, strlen(GONE)) != 0 &&
        snprintf(gone, sizeof(gone), "%.*s" GONE "%llx", (int)(name - state), state,
                 (unsigned long long)st.st_ino) < (int)sizeof(gone) &&
        rename(state, gone) == 0)
        state = gone;
    pwk_session_group_forget(runtime);
    pwk_state_remove(runtime, NULL);
    pwk_state_remove(state, NULL);
    close(held);
}

/* Removes the kernel when nobody uses it. `marker` holds at most a shared lock, and does so again
 * afterwards, unless true is answered: the kernel is gone, or in the care of another one who holds
 * the marker. */
static bool try_remove(const char *state, const char *runtime, int marker)
{
    int table;

    if (flock(marker, LOCK_EX | LOCK_NB) != 0)
        return true;
    table = pwk_process_table_alone(runtime, state);
    if (table < 0 && table != -EBUSY)
        return true;
    if (table >= 0) {
        remove_kernel(state, runtime);
        close(table);
        return true;
    }
    flock(marker, LOCK_SH | LOCK_NB);
    return false;
}

static void wait_for_end(int pidfd)
{
    struct pollfd end = {.fd = pidfd, .events = POLLIN};

    while (poll(&end, 1, -1) < 0 && errno == EINTR)
        ;
}

/* Waits until some process of the kernel has ended, or its own session, in which all of them are;
 * false where none can be waited for. */
static bool wait_for_one(const char *state, const char *runtime)
{
    pwk_process_table_t *table;
    struct pwk_process_info info;
    size_t count;
    int pidfd = pwk_session_find(runtime, NULL);

    if (pidfd >= 0) {
        wait_for_end(pidfd);
        close(pidfd);
        return true;
    }
    if (pwk_process_table_open(runtime, state, false, &table, NULL, NULL) != 0)
        return false;
    count = pwk_process_table_list(table, &info, 1);
    pwk_process_table_close(table);
    if (count == 0)
        return false;
    pidfd = pidfd_open(info.pid, 0);
    if (pidfd < 0)
        return errno == ESRCH;
    wait_for_end(pidfd);
    close(pidfd);
    return true;
}

struct reaping {
    const char *state, *runtime;
};

/* In the reaper itself, with the marker and the launcher's pidfd as its descriptors. */
static void reap(void *context)
{
    /* A process that holds the table but does not stand in it, because it has just started or the
     * table is full, cannot be waited for: it is asked for again after a while. */
    const struct timespec a_while = {.tv_nsec = 200000000};
    const struct reaping *reaping = context;
    const int marker = PWK_DETACHED_FIRST, launcher = PWK_DETACHED_FIRST + 1;

    signal(SIGHUP, SIG_IGN);
    wait_for_end(launcher);
    for (;;) {
        while (wait_for_one(reaping->state, reaping->runtime))
            ;
        if (try_remove(reaping->state, reaping->runtime, marker))
            return;
        nanosleep(&a_while, NULL);
    }
}

int pwk_ephemeral_start_reaper(const char *state, const char *runtime, int marker,
                               struct pwk_error *error)
{
    struct reaping reaping = {state, runtime};
    int fds[] = {marker, pidfd_open(getpid(), 0)};
    int result = fds[1] < 0 ? -errno : pwk_detached_start("pwk-reaper", fds, 2, reap, &reaping);

    if (fds[1] >= 0)
        close(fds[1]);
    return result == 0 ? 0
                       : pwk_error_set(error, result,
                                       "cannot start the process that removes the kernel: %s",
                                       strerror(-result));
}

/* True where nothing has been done with the kernel yet: its run-time folder comes first. */
static bool is_untouched(const char *state)
{
    char store[PATH_MAX];
    const struct dirent *entry;
    bool untouched;
    DIR *folder = opendir(state);

    untouched = folder && state_file(store, state, "store", NULL) == 0;
    while (untouched && (entry = readdir(folder)) != NULL)
        untouched = entry->d_name[0] == '.' || strcmp(entry->d_name, MARKER) == 0 ||
                    strcmp(entry->d_name, "store") == 0;
    if (folder)
        closedir(folder);
    return untouched && (rmdir(store) == 0 || errno == ENOENT);
}

static void sweep_one(const char *state, const char *runtime)
{
    char kernel_runtime[PATH_MAX];
    char path[PATH_MAX];
    pwk_process_table_t *table;
    bool nobody = false;
    int marker;

    if (!pwk_ephemeral_is(state) || state_file(path, state, MARKER, NULL) != 0)
        return;
    marker = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (marker < 0)
        return;
    if (flock(marker, LOCK_EX | LOCK_NB) != 0 ||
        pwk_kernel_runtime(runtime, state, false, kernel_runtime, NULL) != 0) {
        close(marker);
        return;
    }
    if (access(kernel_runtime, F_OK) < 0 && errno == ENOENT) {
        if (is_untouched(state))
            remove_kernel(state, kernel_runtime);
    } else if (pwk_process_table_open(kernel_runtime, state, false, &table, &nobody, NULL) == 0) {
        pwk_process_table_close(table);
        if (nobody)
            try_remove(state, kernel_runtime, marker);
    }
    close(marker);
}

/* The run-time folder of a kernel is called after its state's inode, which stays when that is
 * renamed. */
static void sweep_gone(const char *prefix, const char *runtime)
{
    char kernels[PATH_MAX], state[PATH_MAX], own[PATH_MAX];
    const struct dirent *entry;
    struct stat st;
    DIR *folder;

    if (snprintf(kernels, sizeof(kernels), "%s/pwk/kernels", prefix) >= (int)sizeof(kernels))
        return;
    folder = opendir(kernels);
    while (folder && (entry = readdir(folder)) != NULL)
        if (strncmp(entry->d_name, GONE, strlen(GONE)) == 0 &&
            state_file(state, kernels, entry->d_name, NULL) == 0 && lstat(state, &st) == 0 &&
            S_ISDIR(st.st_mode) && runtime_path(own, runtime, "ephemeral", &st) == 0)
            remove_kernel(state, own);
    if (folder)
        closedir(folder);
}

void pwk_ephemeral_sweep(const char *prefix, const char *runtime)
{
    char state[PATH_MAX];
    char **names;

    sweep_gone(prefix, runtime);
    if (pwk_state_list(prefix, &names, NULL) != 0)
        return;
    for (size_t i = 0; names[i] != NULL; i++)
        if (pwk_state_path(prefix, names[i], false, state, NULL) == 0)
            sweep_one(state, runtime);
    pwk_state_list_free(names);
}
