/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_write.c - see prefix_write.h. Stands in the place of a program, as the watcher does
 * (prefix_watch.c): it never leaves the first call of a row.
 */
#include "wine/prefix_write.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "nt/nt_status.h"
#include "nt/personality.h"
#include "wine/server_key.h"
#include "wine/server_start.h"
#include "wine/service_table.h"

static struct pwk_prefix_changes changes;

static void count_done(void)
{
    __atomic_add_fetch(&changes.page->done, 1, __ATOMIC_RELAXED);
}

/* True where each change can be made. */
static bool check(void)
{
    struct registry_layer_change change;
    struct pwk_changes_record *record;
    uint64_t at = 0;

    while ((record = pwk_prefix_changes_next(&changes, &at, &change))) {
        ntstatus status = pwk_server_key_change(&change, true);
        if (NT_ERROR(status)) {
            record->status = status;
            record->outcome = PWK_CHANGE_FAILED;
            changes.page->failed++;
        }
        count_done();
    }
    return changes.page->failed == 0;
}

static void write_changes(void)
{
    struct registry_layer_change change;
    struct pwk_changes_record *record;
    uint64_t at = 0;

    while ((record = pwk_prefix_changes_next(&changes, &at, &change))) {
        ntstatus status = pwk_server_key_change(&change, false);
        record->status = status;
        record->outcome = NT_ERROR(status)                      ? PWK_CHANGE_FAILED
                          : status == STATUS_OBJECT_NAME_EXISTS ? PWK_CHANGE_SAME
                                                                : PWK_CHANGE_DONE;
        changes.page->failed += record->outcome == PWK_CHANGE_FAILED;
        changes.page->written += record->outcome == PWK_CHANGE_DONE;
        count_done();
    }
}

static void set_phase(enum pwk_changes_phase phase)
{
    __atomic_store_n(&changes.page->done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&changes.page->phase, (uint32_t)phase, __ATOMIC_SEQ_CST);
}

/* Stands in the place of the program: never returns. */
static int work(void)
{
    pwk_server_start_end();
    if (check()) {
        set_phase(PWK_CHANGES_WRITING);
        write_changes();
        pwk_server_key_flush();
        set_phase(PWK_CHANGES_WRITTEN);
    } else {
        set_phase(PWK_CHANGES_CHECKED);
    }
    _exit(0);
}

__attribute__((visibility("default"))) int pwk_write(void *ntdll, const char *ntdll_dll, int fd)
{
    struct pwk_error error;
    int result;

    changes.fd = fd;
    result = pwk_prefix_changes_map(&changes);
    /* It may have ended before this process was tied to it. */
    if (result == 0 && (uint32_t)getppid() != changes.page->parent)
        result = -ESRCH;
    if (result == 0)
        result = pwk_service_table_find(ntdll, ntdll_dll, &error);
    if (result < 0)
        return result;
    nt_personality.host.forward = pwk_service_table_forward;
    nt_personality.host.call = pwk_service_table_call;
    nt_personality.host.first_call = work;
    result = pwk_service_table_take_over(&error);
    if (result == 0)
        pwk_server_start_begin();
    return result;
}
