/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_collector.c - writes the audit log for processes that must not be able to reach it: looks
 * at their rings again and again. Nothing of the file of rings is mapped, so that one that is cut
 * short harms nobody but those who map it.
 */
#include "kernel/audit_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/process_table_internal.h"

#define PAUSE_NANOSECONDS 100000000
/* Where more cells than that waited in one ring: the smallest ring must not fill in a pause. */
#define SHORT_PAUSE_NANOSECONDS 4000000
#define MANY_CELLS 64

struct pwk_audit_collector {
    struct pwk_audit_settings settings;
    int folder;           /* the state's */
    char state[PATH_MAX]; /* for words */
    char rings[PATH_MAX];
    pwk_audit_t *audit; /* NULL: the log is not open yet */
};

/* The log's own path may lead elsewhere, or nowhere, by the time that it is renamed. */
static int open_log(pwk_audit_collector_t *collector, struct pwk_error *error)
{
    struct audit_stall *stalls = calloc(SLOT_COUNT, sizeof(*stalls));
    char path[64];
    int result = stalls == NULL ? -ENOMEM : 0;

    snprintf(path, sizeof(path), "/proc/self/fd/%d/audit.jsonl", collector->folder);
    if (result == 0) {
        result = pwk_audit_open(collector->settings.kernel, path, NULL, PWK_AUDIT_ALL,
                                &collector->audit, NULL);
    }
    if (result != 0) {
        free(stalls);
        return pwk_error_set(error, result,
                             "%s/audit.jsonl: the audit log cannot be opened (%s); make it a file "
                             "that can be written to, or set [audit] level = off",
                             collector->state, strerror(-result));
    }
    collector->audit->stalls = stalls;
    pwk_audit_set_limit(collector->audit, collector->settings.limit);
    return 0;
}

int pwk_audit_collector_open(const struct pwk_audit_settings *settings, const char *runtime,
                             const char *state, pwk_audit_collector_t **out,
                             struct pwk_error *error)
{
    pwk_audit_collector_t *collector = calloc(1, sizeof(*collector));
    int result;

    *out = NULL;
    if (collector == NULL) {
        return pwk_error_set(error, -ENOMEM, "no memory is left for the audit log");
    }
    collector->settings = *settings;
    snprintf(collector->state, sizeof(collector->state), "%s", state);
    collector->folder = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
    result = collector->folder < 0
                 ? pwk_error_set(error, -errno, "%s: %s", state, strerror(errno))
                 : pwk_kernel_file_path(runtime, state, "audit", collector->rings, error);
    if (result == 0 && settings->level != PWK_AUDIT_OFF) {
        result = open_log(collector, error);
    }
    if (result != 0) {
        if (collector->folder >= 0) {
            close(collector->folder);
        }
        free(collector);
        return result;
    }
    *out = collector;
    return 0;
}

/* The file is opened anew each time: whoever can make it can also put another in its place. */
uint64_t pwk_audit_collector_look(pwk_audit_collector_t *collector)
{
    int fd = pwk_kernel_file_open(collector->rings, 0);
    uint64_t pause = PAUSE_NANOSECONDS;
    sigset_t before;

    if (fd < 0) {
        return pause;
    }
    audit_block_signals(&before);
    if (collector->audit != NULL || (audit_rings_are_due(fd) && open_log(collector, NULL) == 0)) {
        int result = audit_collect_rings(collector->audit, fd, true);
        if (result == 0 && collector->audit->waiting > MANY_CELLS) {
            pause = SHORT_PAUSE_NANOSECONDS;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(fd);
    return pause;
}

pwk_audit_t *pwk_audit_collector_log(pwk_audit_collector_t *collector)
{
    return collector->settings.level != PWK_AUDIT_OFF ? collector->audit : NULL;
}
