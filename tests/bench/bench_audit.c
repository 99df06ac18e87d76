/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench_audit.c - what a record of the audit log costs who makes it, in nanoseconds, and how many
 * are lost:
 *
 *   bench_audit FOLDER COUNT LEVEL   prints lines of NAME NANOSECONDS DROPPED
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/audit.h"
#include "kernel/process_table.h"

/* Of the thread itself: what the writer does beside it is not its cost. */
static uint64_t nanoseconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void measure(const char *name, pwk_audit_t *audit, struct pwk_process_slot *slot,
                    enum pwk_audit_level level, uint64_t count, unsigned burst)
{
    uint64_t before[PWK_COUNTER_COUNT] = {0}, after[PWK_COUNTER_COUNT] = {0};
    uint64_t spent = 0, done = 0;

    pwk_process_slot_add(slot, before);
    for (; done < count; done += burst) {
        uint64_t start = nanoseconds();
        for (unsigned i = 0; i < burst; i++)
            pwk_audit_write(audit, level, "call", "served", "service", "NtQueryValueKey", "status",
                            "0x00000000", NULL);
        spent += nanoseconds() - start;
        usleep(2000);
    }
    pwk_process_slot_add(slot, after);
    printf("%s %.0f %" PRIu64 "\n", name, (double)spent / (double)done,
           after[PWK_AUDIT_DROPPED] - before[PWK_AUDIT_DROPPED]);
}

int main(int argc, char **argv)
{
    pwk_process_table_t *table;
    struct pwk_process_slot *slot;
    struct pwk_error error;
    pwk_audit_t *audit;
    char path[4096];
    enum pwk_audit_level level;
    bool first;

    if (argc != 4 || pwk_audit_level_parse(argv[3], &level, &error) != 0)
        return 2;
    uint64_t count = strtoull(argv[2], NULL, 10);
    snprintf(path, sizeof(path), "%s/audit.jsonl", argv[1]);
    if (pwk_process_table_open(argv[1], argv[1], true, &table, &first, &error) != 0 ||
        pwk_audit_open("bench", path, NULL, level, &audit, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    measure("at-once", audit, NULL, level, count / 100, 100);
    slot = pwk_process_table_enter(table, 0, "bench");
    uint64_t start = nanoseconds();
    pwk_audit_join(audit, argv[1], argv[1], table, slot, first);
    printf("join %" PRIu64 " 0\n", nanoseconds() - start);
    measure("single", audit, slot, PWK_AUDIT_DENIALS, 20, 1);
    measure("warm-up", audit, slot, level, count / 10, 200);
    measure("steady", audit, slot, level, count, 200);
    measure("flood", audit, slot, level, count, 100000);
    start = nanoseconds();
    pwk_audit_leave(audit);
    printf("leave %" PRIu64 " 0\n", nanoseconds() - start);
    pwk_process_table_leave(table, slot);
    _exit(fflush(stdout) != 0);
}
