/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit.h - the audit log: JSON Lines, one record a decision, never data (docs/audit.md).
 *
 * A process of a kernel puts its records into a ring in a file of the run-time folder; who puts one
 * writes the log too where that is cheap, and a thread of the process does where records come fast.
 * What a killed process has left in its ring is written by the next process of the kernel, by the
 * last one that ends, or by pwkctl. Any other process (pwk-wine, a supervisor) writes the log at
 * once. In a session of the kernel's own, all processes but its first are apart from the log: they
 * put records into rings, and the first process collects them.
 */
#ifndef PWK_KERNEL_AUDIT_H
#define PWK_KERNEL_AUDIT_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/error.h"
#include "kernel/process_table.h"
#include "kernel/profile.h"

typedef struct pwk_audit pwk_audit_t;

/* Opens `path` for append (made where missing, mode 0600) and, unless NULL or "", `second`.
 * With level PWK_AUDIT_OFF nothing is opened and records are dropped. With `path` NULL the process
 * is *apart* from the log, which it must not be able to reach: it opens nothing, `second` neither;
 * records stay in its ring (pwk_audit_join) until a collector or pwk_audit_collect of another
 * process writes them, and without a ring they are dropped and counted. */
int pwk_audit_open(const char *kernel, const char *path, const char *second,
                   enum pwk_audit_level level, pwk_audit_t **out, struct pwk_error *error);
/* Where no other thread uses it any more, and none was started for it: a process of a kernel only
 * leaves (below). */
void pwk_audit_close(pwk_audit_t *audit);

/* A log at `path` that would grow beyond `limit` bytes (0, as it is at first: no limit) is renamed
 * to PATH.1, in place of an older one. To be set before the first record. */
void pwk_audit_set_limit(pwk_audit_t *audit, uint64_t limit);

/* Records {"time":...,"kernel":...,"pid":...,"tid":...,"event":EVENT,"verdict":VERDICT, ...}.
 * `level` is the least level at which the record is kept. The rest are pairs of const char *name
 * (small letters and underscores, each once), const char *value (UTF-8; bad sequences are
 * replaced), ended by NULL. Any thread, and signal handlers between pwk_audit_begin_deferred and
 * pwk_audit_end_deferred; errno is kept. With a ring it never waits. A record that is lost is
 * counted, and the next one that is written says how many ("dropped"). */
void pwk_audit_write(pwk_audit_t *audit, enum pwk_audit_level level, const char *event,
                     const char *verdict, ...) __attribute__((sentinel));

/* The same for what another process does, which the calling one watches: `pid` and `tid` are that
 * one's. For processes without a ring, or apart and in no table; any thread, no signal handler. */
void pwk_audit_write_about(pwk_audit_t *audit, pid_t pid, pid_t tid, enum pwk_audit_level level,
                           const char *event, const char *verdict, ...) __attribute__((sentinel));

/* In between this thread puts records and writes none: in a signal handler, which may have
 * interrupted it in the middle of that, or where several records are to be written together
 * (pwk_audit_attend). Calls nest. */
void pwk_audit_begin_deferred(void);
void pwk_audit_end_deferred(void);

/* What an ordinary thread of the process should look at now and then, at no cost: not 0 where
 * records wait that were put in a signal handler (PWK_AUDIT_WAITING: call pwk_audit_attend), or
 * where every call is to be recorded (PWK_AUDIT_EVERY_CALL). */
#define PWK_AUDIT_WAITING 1u
#define PWK_AUDIT_EVERY_CALL 2u
extern _Atomic unsigned pwk_audit_attention;
void pwk_audit_attend(pwk_audit_t *audit);

/* ---- rings ---- */

/* Gives the process that entered `slot` of the kernel's table its ring, and makes `audit` the one
 * that pwk_audit_attention speaks of. `first`: no other process of the kernel was running; then
 * what killed ones have left in theirs is written. Where there is no ring to be had, records are
 * written at once as before.
 * Apart, a process gets any ring whose last owner's records are in the log; `table` and `slot` may
 * be NULL for one that is in no table and writes about others. */
void pwk_audit_join(pwk_audit_t *audit, const char *runtime, const char *state,
                    pwk_process_table_t *table, struct pwk_process_slot *slot, bool first);

/* Before the slot is left: writes all that is in the ring and gives it back; from now on records
 * are written at once. Waits for a moment where somebody else is writing. Apart, what is in the
 * ring stays there, and records are dropped from now on. */
void pwk_audit_leave(pwk_audit_t *audit);

/* Writes what processes that are gone have left in their rings, and with `live` what waits in those
 * of running ones. For a process with a ring (after pwk_audit_leave), or any other of the same
 * user. -EAGAIN: somebody holds the log's lock; or another negative errno. */
int pwk_audit_collect(pwk_audit_t *audit, const char *runtime, const char *state, bool live);

/* ---- collectors ---- */

/* What a log is like. */
struct pwk_audit_settings {
    char kernel[64];
    enum pwk_audit_level level; /* of the collector's own records */
    uint64_t limit;             /* as pwk_audit_set_limit */
};

/* Writes the log for processes that are apart from it. It reaches the log by a descriptor of the
 * state's folder, whatever is mounted later over the way there. Of one thread. */
typedef struct pwk_audit_collector pwk_audit_collector_t;

/* Opens audit.jsonl in the folder `state`; with level PWK_AUDIT_OFF only when some process has put
 * a record. The rings are those in `runtime`, which must be seen under that path later too. Both
 * paths are absolute. */
int pwk_audit_collector_open(const struct pwk_audit_settings *settings, const char *runtime,
                             const char *state, pwk_audit_collector_t **out,
                             struct pwk_error *error);

/* Writes what waits in all rings; what is in the file of rings may be of a hostile process's
 * making. What cannot be written now is next time. Answers after how many nanoseconds to look
 * again: many, or few where records come fast. */
uint64_t pwk_audit_collector_look(pwk_audit_collector_t *collector);

/* For the collector's own records; NULL with level PWK_AUDIT_OFF. */
pwk_audit_t *pwk_audit_collector_log(pwk_audit_collector_t *collector);

#endif
