/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session_known.c - see session_known.h. One line of three parts with tabs between them: numbers,
 * the control group's folder, the session's shape.
 */
#include "sandbox/session_known.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/process_table.h"

static const char *yes_no(const struct pwk_session_plan *plan, enum pwk_desktop_switch of)
{
    return plan->desktop.reached[of] ? "yes" : "no";
}

void pwk_session_shape(const struct pwk_session_plan *plan, char *text, size_t capacity)
{
    snprintf(text, capacity,
             "files %s, network %s, IPC %s, host name %s, display %s, sound %s, printing %s, "
             "cpu %u%%, io %" PRIu64 ", home %s%s%s%s",
             plan->overlay_files ? "overlay" : "shared",
             plan->isolated_network ? "isolated" : "host", plan->own_ipc ? "own" : "host's",
             plan->own_uts ? "own" : "host's", yes_no(plan, PWK_DISPLAY), yes_no(plan, PWK_SOUND),
             yes_no(plan, PWK_PRINTING), plan->cpu, plan->io,
             plan->homes[0][0] ? "hidden: " : "full", plan->homes[0],
             plan->home_folder[0] ? " but for " : "", plan->home_folder);
    for (; *text; text++)
        if (*text == '\n')
            *text = '?';
}

static int known_path(char path[PATH_MAX], const char *runtime)
{
    return snprintf(path, PATH_MAX, "%s/" PWK_SESSION_INIT, runtime) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int pwk_session_known_write(const struct pwk_session_plan *plan, pid_t pid, const char *group)
{
    struct pwk_session_known known;
    char path[PATH_MAX], text[sizeof(known)];
    int result = known_path(path, plan->runtime), fd, length;
    struct stat namespace;

    if (result == 0 && stat("/proc/self/ns/pid_for_children", &namespace) < 0)
        result = -errno;
    if (result == 0 && strpbrk(group, "\t\n"))
        result = -EINVAL;
    if (result < 0)
        return result;
    pwk_session_shape(plan, known.shape, sizeof(known.shape));
    length = snprintf(text, sizeof(text), "%d %llu %llu\t%s\t%s\n", (int)pid,
                      (unsigned long long)pwk_process_start_time(pid),
                      (unsigned long long)namespace.st_ino, group, known.shape);
    if (length >= (int)sizeof(text))
        return -ENAMETOOLONG;
    /* Whatever stands there by now, a pipe or a link, is none of ours to write through. */
    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    result = write(fd, text, (size_t)length) == length ? 0 : -EIO;
    close(fd);
    return result;
}

int pwk_session_known_read(const char *runtime, struct pwk_session_known *known)
{
    char path[PATH_MAX], text[sizeof(*known)];
    const char *group, *shape;
    ssize_t size;
    int fd;

    if (known_path(path, runtime) < 0)
        return -ESRCH;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -ESRCH;
    size = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    group = strchr(text, '\t');
    shape = group ? strchr(group + 1, '\t') : NULL;
    if (!shape || shape - group > (ptrdiff_t)sizeof(known->group) ||
        strlen(shape) > sizeof(known->shape) ||
        sscanf(text, "%d %llu %llu", &known->pid, &known->started, &known->namespace) != 3 ||
        known->pid <= 1)
        return -ESRCH;
    memcpy(known->group, group + 1, (size_t)(shape - group - 1));
    known->group[shape - group - 1] = '\0';
    strcpy(known->shape, shape + 1);
    return 0;
}

int pwk_session_known_find(const char *runtime, struct pwk_session_known *known)
{
    int fd = pwk_session_known_read(runtime, known) < 0
                 ? -1
                 : (int)syscall(SYS_pidfd_open, known->pid, 0);

    if (fd >= 0 && pwk_process_start_time(known->pid) == known->started)
        return fd;
    if (fd >= 0)
        close(fd);
    return -ESRCH;
}

/* Skips what both begin with, up to the part that differs; the parts stand in one order. */
static void skip_alike(const char **first, const char **second)
{
    size_t part = 0;

    for (size_t i = 0; (*first)[i] != '\0' && (*first)[i] == (*second)[i]; i++)
        if ((*first)[i] == ',')
            part = i + 1 + strspn(*first + i + 1, " ");
    *first += part;
    *second += part;
}

int pwk_session_known_check(const struct pwk_session_known *known,
                            const struct pwk_session_plan *plan, struct pwk_error *error)
{
    char shape[sizeof(known->shape)];
    const char *is = known->shape, *asked = shape;

    pwk_session_shape(plan, shape, sizeof(shape));
    if (strcmp(shape, known->shape) == 0)
        return 0;
    skip_alike(&is, &asked);
    return pwk_error_set(
        error, -EBUSY,
        "the kernel's own session is up, and it is another than is asked for (it "
        "has %.*s, asked for is %.*s): end its programs first, or ask for the same",
        (int)strcspn(is, ","), is, (int)strcspn(asked, ","), asked);
}
