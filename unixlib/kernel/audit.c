/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit.c - the audit log of a process: opening it, and taking records: into the ring, or without
 * one into the log at once. A record is put together on the stack, with no lock held and nothing
 * allocated, so that a thread may end or fault anywhere in it.
 */
#include "kernel/audit_internal.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* A putting thread writes the log itself as long as that happens no more often than this. */
#define SELF_DRAINS 32
#define SELF_DRAINS_PER (NANOSECONDS / 10)

/* Without a ring, how often and at what distance (in nanoseconds) the log's lock is tried for. Not
 * for long: it may be a supervisor that waits, and a call of who holds the lock that it answers. */
#define AT_ONCE_TRIES 5
#define AT_ONCE_PAUSE 100000

_Atomic unsigned pwk_audit_attention;

static __thread unsigned deferred __attribute__((tls_model("initial-exec")));

void pwk_audit_begin_deferred(void)
{
    deferred++;
}

void pwk_audit_end_deferred(void)
{
    deferred--;
}

int pwk_audit_open(const char *kernel, const char *path, const char *second,
                   enum pwk_audit_level level, pwk_audit_t **out, struct pwk_error *error)
{
    pwk_audit_t *audit = malloc(sizeof(*audit));
    int result = 0;

    *out = NULL;
    if (audit == NULL) {
        return pwk_error_set(error, -ENOMEM, "no memory is left for the audit log");
    }
    memset(audit, 0, offsetof(pwk_audit_t, batch));
    audit->level = level;
    audit->log.fd = -1;
    audit->other.fd = -1;
    audit->rings = -1;
    audit->pid = getpid();
    audit->apart = path == NULL;
    snprintf(audit->kernel, sizeof(audit->kernel), "%s", kernel);
    if (level != PWK_AUDIT_OFF && !audit->apart) {
        result = audit_log_open(&audit->log, path, error);
        if (result == 0 && second != NULL && second[0] != '\0') {
            result = audit_log_open_other(second, &audit->other.fd, error);
        }
    }
    if (result != 0) {
        pwk_audit_close(audit);
        return result;
    }
    *out = audit;
    return 0;
}

void pwk_audit_set_limit(pwk_audit_t *audit, uint64_t limit)
{
    audit->log.limit = limit;
}

void pwk_audit_close(pwk_audit_t *audit)
{
    if (audit == NULL) {
        return;
    }
    audit_log_close(&audit->log);
    if (audit->other.fd >= 0) {
        close(audit->other.fd);
    }
    if (audit->writer.ring != NULL) {
        munmap(audit->writer.ring, audit_ring_size(audit->writer.cells));
    }
    if (audit->rings >= 0) {
        close(audit->rings);
    }
    free(audit->stalls);
    free(audit);
}

/* ---- the user's log ---- */

static size_t count_lines(const char *text, size_t size)
{
    size_t lines = 0;

    for (size_t i = 0; i < size; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

/* False where not all got in; `lines` receives how many lines did. */
static bool write_lines(struct other_log *log, const char *text, size_t size, size_t *lines)
{
    ssize_t written;

    do {
        written = write(log->fd, text, size);
    } while (written < 0 && errno == EINTR);
    if (written > 0) {
        atomic_store(&log->torn, text[written - 1] != '\n');
    }
    *lines = written > 0 ? count_lines(text, (size_t)written) : 0;
    return written == (ssize_t)size;
}

/* A line that says how many records are missing here; it ends one that was left torn. */
static bool write_loss(pwk_audit_t *audit, uint64_t dropped)
{
    struct audit_record record;
    char line[AUDIT_LINE_MAX + 1];
    size_t lines;

    audit_record_fill_plain(&record, "audit", "dropped");
    record.head.tid = (uint32_t)gettid();
    record.head.time = audit_now();
    line[0] = '\n';
    size_t size = audit_line_format(line + 1, audit->kernel, audit->pid, &record);
    size = audit_line_end(line + 1, size, dropped);
    if (atomic_load(&audit->other.torn)) {
        return write_lines(&audit->other, line, size + 1, &lines);
    }
    return write_lines(&audit->other, line + 1, size, &lines);
}

void audit_write_other(pwk_audit_t *audit, const char *text, size_t size, size_t count)
{
    struct other_log *log = &audit->other;
    size_t lines = 0;

    if (log->fd < 0) {
        return;
    }
    uint64_t dropped = atomic_exchange(&log->dropped, 0);
    if (dropped > 0 && !write_loss(audit, dropped)) {
        atomic_fetch_add(&log->dropped, dropped + count);
        return;
    }
    if (!write_lines(log, text, size, &lines)) {
        atomic_fetch_add(&log->dropped, count - (lines < count ? lines : count));
    }
}

/* ---- without a ring ---- */

/* Waits for other threads and processes that write just now, but not for long. */
static bool begin_writing(pwk_audit_t *audit)
{
    const struct timespec pause = {0, AT_ONCE_PAUSE};

    for (int i = 0; i < AT_ONCE_TRIES; i++) {
        if (!atomic_exchange(&audit->draining, true)) {
            if (audit_log_lock(&audit->log) == 0) {
                return true;
            }
            atomic_store(&audit->draining, false);
        }
        nanosleep(&pause, NULL);
    }
    return false;
}

static void end_writing(pwk_audit_t *audit)
{
    audit_log_unlock(&audit->log);
    atomic_store(&audit->draining, false);
}

/* A log whose lock is not to be had is appended to all the same. */
static void write_at_once(pwk_audit_t *audit, pid_t pid, const struct audit_record *record)
{
    char line[AUDIT_LINE_MAX];
    uint64_t dropped = atomic_exchange(&audit->dropped, 0);
    uint64_t offset, inode;
    size_t body = audit->apart ? 0 : audit_line_format(line, audit->kernel, pid, record);
    sigset_t before;

    if (body == 0) {
        atomic_fetch_add(&audit->dropped, dropped + 1);
        pwk_count(audit->slot, PWK_AUDIT_DROPPED, audit->apart);
        return;
    }
    size_t size = audit_line_end(line, body, dropped);
    audit_block_signals(&before);
    bool locked = begin_writing(audit);
    bool written = (!locked || audit_log_prepare(&audit->log, size, &offset, &inode) == 0) &&
                   audit_log_append(&audit->log, line, size) == size;
    if (!written) {
        atomic_fetch_add(&audit->dropped, dropped + 1);
        pwk_count(audit->slot, PWK_AUDIT_DROPPED, 1);
    }
    audit_write_other(audit, line, audit_line_end(line, body, 0), 1);
    if (locked) {
        end_writing(audit);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- with one ---- */

/* Whether this thread may write the log now: few have lately. */
static bool few_drains(pwk_audit_t *audit, uint64_t now)
{
    uint64_t since = atomic_load_explicit(&audit->drains_since, memory_order_relaxed);

    if (now - since > SELF_DRAINS_PER) {
        atomic_store_explicit(&audit->drains_since, now, memory_order_relaxed);
        atomic_store_explicit(&audit->drains, 0, memory_order_relaxed);
    }
    return atomic_fetch_add_explicit(&audit->drains, 1, memory_order_relaxed) < SELF_DRAINS;
}

/* The thread's number, which costs a call of Linux once. A thread that has forked is another one:
 * the process says so. */
static uint32_t own_tid(pwk_audit_t *audit)
{
    static __thread struct {
        pid_t pid;
        pid_t tid;
    } own __attribute__((tls_model("initial-exec")));

    if (own.pid != audit->pid) {
        own.tid = gettid();
        own.pid = audit->pid;
    }
    return (uint32_t)own.tid;
}

static void put(pwk_audit_t *audit, struct audit_record *record, bool often)
{
    uint64_t waiting;

    if (!audit_ring_put(&audit->writer, record, &waiting)) {
        pwk_count(audit->slot, PWK_AUDIT_DROPPED, 1);
        record->head.time = audit_now();
        waiting = audit->writer.cells;
    }
    if (audit->apart) {
        return;
    }
    if (deferred > 0) {
        if (!audit_wake_writer(audit, waiting, false)) {
            atomic_fetch_or(&pwk_audit_attention, PWK_AUDIT_WAITING);
        }
        return;
    }
    uint64_t now = record->head.time;
    if (!often && few_drains(audit, now)) {
        audit_drain(audit);
    } else if (!audit_wake_writer(audit, waiting, true)) {
        audit_drain(audit);
    }
}

void pwk_audit_write(pwk_audit_t *audit, enum pwk_audit_level level, const char *event,
                     const char *verdict, ...)
{
    if (audit == NULL || level == PWK_AUDIT_OFF || level > audit->level) {
        return;
    }

    int saved_errno = errno;
    struct audit_record record;
    va_list pairs;

    va_start(pairs, verdict);
    audit_record_fill(&record, event, verdict, pairs);
    va_end(pairs);
    if (atomic_load_explicit(&audit->has_ring, memory_order_acquire)) {
        record.head.tid = own_tid(audit);
        put(audit, &record, level == PWK_AUDIT_ALL);
    } else {
        record.head.tid = (uint32_t)gettid();
        record.head.time = audit_now();
        write_at_once(audit, audit->pid, &record);
    }
    errno = saved_errno;
}

void pwk_audit_write_about(pwk_audit_t *audit, pid_t pid, pid_t tid, enum pwk_audit_level level,
                           const char *event, const char *verdict, ...)
{
    if (audit == NULL || level == PWK_AUDIT_OFF || level > audit->level) {
        return;
    }

    int saved_errno = errno;
    struct audit_record record;
    va_list pairs;

    bool has_ring = atomic_load_explicit(&audit->has_ring, memory_order_acquire);

    va_start(pairs, verdict);
    if (has_ring) {
        audit_record_fill_about(&record, pid, event, verdict, pairs);
    } else {
        audit_record_fill(&record, event, verdict, pairs);
    }
    va_end(pairs);
    record.head.tid = (uint32_t)tid;
    if (has_ring) {
        put(audit, &record, false);
    } else {
        record.head.time = audit_now();
        write_at_once(audit, pid, &record);
    }
    errno = saved_errno;
}

void pwk_audit_attend(pwk_audit_t *audit)
{
    uint64_t not_before;

    if (audit == NULL || audit->apart || deferred > 0) {
        return;
    }
    not_before = atomic_load_explicit(&audit->drain_not_before, memory_order_relaxed);
    if (not_before != 0 && audit_now() < not_before) {
        return;
    }
    int saved_errno = errno;
    atomic_fetch_and(&pwk_audit_attention, ~PWK_AUDIT_WAITING);
    if (atomic_load(&audit->has_ring)) {
        audit_drain(audit);
    }
    errno = saved_errno;
}
