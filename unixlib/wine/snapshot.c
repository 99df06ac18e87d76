/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.c - wineserver writes its registry as text into a memory file that we hand to it
 * (NtSaveKey), so that changes it has not yet saved to the prefix are in the snapshot too.
 */
#include "wine/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "wine/service_table.h"

#define GENERIC_WRITE 0x40000000u
#define TOKEN_ADJUST_PRIVILEGES 0x20u
#define TOKEN_QUERY 0x8u
#define SE_BACKUP_PRIVILEGE 17u
#define SE_PRIVILEGE_ENABLED 2u

/* "TOKEN_PRIVILEGES structure (winnt.h)" with one entry */
struct token_privileges {
    uint32_t count;
    uint32_t luid_low;
    int32_t luid_high;
    uint32_t attributes;
};

#define CALL(name, ...)                                                                            \
    pwk_service_table_call(name, (const uint64_t[]){__VA_ARGS__},                                  \
                           sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Turns the backup privilege on, or back to what `before` says. */
static ntstatus set_backup_privilege(const struct token_privileges *wanted,
                                     struct token_privileges *before)
{
    nt_handle token = 0;
    uint32_t size = 0;
    ntstatus status = CALL("NtOpenProcessToken", NT_CURRENT_PROCESS,
                           TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, (uint64_t)&token);

    if (status)
        return status;
    status = CALL("NtAdjustPrivilegesToken", token, 0, (uint64_t)wanted,
                  before ? sizeof *before : 0, (uint64_t)before, (uint64_t)&size);
    CALL("NtClose", token);
    return status;
}

/* Has wineserver write one branch into a memory file; the descriptor, or a negative errno. */
static int save_branch(uint16_t *path, size_t units)
{
    struct unicode_string name = {(uint16_t)(units * 2), (uint16_t)(units * 2), path};
    struct object_attributes attributes = {.length = sizeof attributes, .object_name = &name};
    nt_handle key = 0, file = 0;
    ntstatus status;
    int fd = memfd_create("pwk-snapshot", MFD_CLOEXEC);

    if (fd < 0)
        return -errno;
    status = CALL("NtOpenKey", (uint64_t)&key, KEY_READ_RIGHTS, (uint64_t)&attributes);
    if (!status)
        status = CALL("wine_server_fd_to_handle", (uint64_t)fd, GENERIC_WRITE, 0, (uint64_t)&file);
    if (!status)
        status = CALL("NtSaveKey", key, file);
    if (file)
        CALL("NtClose", file);
    if (key)
        CALL("NtClose", key);
    if (status) {
        close(fd);
        return -EIO;
    }
    return fd;
}

/* A registry that wineserver lost before it saved it for the first time has hardly a key. */
static bool is_set_up(void)
{
    static uint16_t path[] = u"\\Registry\\Machine\\Software\\Microsoft\\Windows NT";
    size_t bytes = sizeof path - sizeof path[0];
    struct unicode_string name = {(uint16_t)bytes, (uint16_t)bytes, path};
    struct object_attributes attributes = {.length = sizeof attributes, .object_name = &name};
    nt_handle key = 0;

    if (CALL("NtOpenKey", (uint64_t)&key, KEY_READ_RIGHTS, (uint64_t)&attributes))
        return false;
    CALL("NtClose", key);
    return true;
}

struct progress {
    struct timespec start;
    int shown; /* percent, or -1 */
};

static void show_progress(void *context, double share)
{
    struct progress *progress = context;
    struct timespec now;
    int percent = (int)(share * 100);

    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - progress->start.tv_sec) * 1000 +
                (now.tv_nsec - progress->start.tv_nsec) / 1000000 <
            1000 ||
        percent == progress->shown)
        return;
    progress->shown = percent;
    fprintf(stderr, "\rpwk: taking in the prefix's registry: %d %%", percent);
}

int pwk_snapshot_import(registry_t *registry, struct pwk_error *error)
{
    static uint16_t branches[][20] = {u"\\Registry\\Machine", u"\\Registry\\User"};
    static const struct token_privileges backup = {1, SE_BACKUP_PRIVILEGE, 0, SE_PRIVILEGE_ENABLED};
    static const size_t units[] = {17, 14};
    struct progress progress = {.shown = -1};
    struct token_privileges before = {0};
    struct registry_error reason;
    int fds[2] = {-1, -1}, result;

    if (!is_set_up())
        return pwk_error_set(error, -ENODATA,
                             "the registry of the Wine prefix is empty: set it up again with "
                             "'wineboot -u', or use another prefix");
    clock_gettime(CLOCK_MONOTONIC, &progress.start);
    result = set_backup_privilege(&backup, &before) & 0x80000000u ? -EPERM : 0;
    for (size_t i = 0; result == 0 && i < 2; i++) {
        fds[i] = save_branch(branches[i], units[i]);
        if (fds[i] < 0)
            result = fds[i];
    }
    if (before.count)
        set_backup_privilege(&before, NULL);
    if (result < 0) {
        pwk_error_set(error, result,
                      "wineserver did not give out the prefix's registry (%s); run the prefix "
                      "once with stock Wine",
                      strerror(-result));
    } else {
        result = registry_import_wine_text(registry, fds, 2, show_progress, &progress, &reason);
        if (result < 0)
            pwk_error_set(error, result, "%s", reason.text);
    }
    if (progress.shown >= 0)
        fputc('\n', stderr);
    for (size_t i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return result;
}
