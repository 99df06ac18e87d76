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

const uint16_t *const pwk_snapshot_paths[PWK_SNAPSHOT_BRANCHES] = {u"\\Registry\\Machine",
                                                                   u"\\Registry\\User"};

_Static_assert(sizeof(struct token_privileges) == sizeof(struct pwk_backup_privilege),
               "room for what was before");

/* Sets privileges; `before` may be NULL. */
static ntstatus adjust_privileges(const struct token_privileges *wanted,
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

int pwk_backup_privilege_take(struct pwk_backup_privilege *before)
{
    static const struct token_privileges backup = {1, SE_BACKUP_PRIVILEGE, 0, SE_PRIVILEGE_ENABLED};

    memset(before, 0, sizeof *before);
    return adjust_privileges(&backup, (struct token_privileges *)before) & 0x80000000u ? -EPERM : 0;
}

void pwk_backup_privilege_restore(const struct pwk_backup_privilege *before)
{
    const struct token_privileges *privileges = (const struct token_privileges *)before;

    if (privileges->count)
        adjust_privileges(privileges, NULL);
}

ntstatus pwk_snapshot_open_key(const uint16_t *path, nt_handle *key)
{
    struct unicode_string name = {0, 0, (uint16_t *)path};
    struct object_attributes attributes = {.length = sizeof attributes, .object_name = &name};

    while (path[name.length / 2])
        name.length += 2;
    name.maximum_length = name.length;
    *key = 0;
    return CALL("NtOpenKey", (uint64_t)key, KEY_READ_RIGHTS, (uint64_t)&attributes);
}

int pwk_snapshot_save(size_t branch, int fd)
{
    nt_handle key, file = 0;
    ntstatus status = pwk_snapshot_open_key(pwk_snapshot_paths[branch], &key);

    if (!status)
        status = CALL("wine_server_fd_to_handle", (uint64_t)fd, GENERIC_WRITE, 0, (uint64_t)&file);
    if (!status)
        status = CALL("NtSaveKey", key, file);
    if (file)
        CALL("NtClose", file);
    if (key)
        CALL("NtClose", key);
    return status == STATUS_DISK_FULL ? -ENOSPC : status ? -EIO : 0;
}

/* A registry that wineserver lost before it saved it for the first time has hardly a key. */
int pwk_snapshot_check(struct pwk_error *error)
{
    nt_handle key;

    if (pwk_snapshot_open_key(u"\\Registry\\Machine\\Software\\Microsoft\\Windows NT", &key))
        return pwk_error_set(error, -ENODATA,
                             "the registry of the Wine prefix is empty: set it up again with "
                             "'wineboot -u', or use another prefix");
    CALL("NtClose", key);
    return 0;
}

struct progress {
    struct timespec start;
    int shown; /* percent, or -1 */
};

/* On a terminal alone: in a log, or in what another program reads, the numbers would be noise. */
static void show_progress(void *context, double share)
{
    struct progress *progress = context;
    struct timespec now;
    int percent = (int)(share * 100);

    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - progress->start.tv_sec) * 1000 +
                (now.tv_nsec - progress->start.tv_nsec) / 1000000 <
            1000 ||
        percent == progress->shown || !isatty(STDERR_FILENO))
        return;
    progress->shown = percent;
    fprintf(stderr, "\rpwk: taking in the prefix's registry: %d %%", percent);
}

int pwk_snapshot_take_in(registry_t *registry, const int *fds, size_t count,
                         struct pwk_error *error)
{
    struct progress progress = {.shown = -1};
    struct registry_error reason;
    int result;

    clock_gettime(CLOCK_MONOTONIC, &progress.start);
    result = registry_import_wine_text(registry, fds, count, show_progress, &progress, &reason);
    if (progress.shown >= 0)
        fputc('\n', stderr);
    return result < 0 ? pwk_error_set(error, result, "%s", reason.text) : 0;
}

int pwk_snapshot_import(registry_t *registry, struct pwk_error *error)
{
    struct pwk_backup_privilege before = {0};
    int fds[PWK_SNAPSHOT_BRANCHES] = {-1, -1};
    int result = pwk_snapshot_check(error);

    if (result < 0)
        return result;
    result = pwk_backup_privilege_take(&before);
    for (size_t i = 0; result == 0 && i < PWK_SNAPSHOT_BRANCHES; i++) {
        fds[i] = memfd_create("pwk-snapshot", MFD_CLOEXEC);
        result = fds[i] < 0 ? -errno : pwk_snapshot_save(i, fds[i]);
    }
    pwk_backup_privilege_restore(&before);
    if (result < 0)
        pwk_error_set(error, result,
                      "wineserver did not give out the prefix's registry (%s); run the prefix "
                      "once with stock Wine",
                      strerror(-result));
    else
        result = pwk_snapshot_take_in(registry, fds, PWK_SNAPSHOT_BRANCHES, error);
    for (size_t i = 0; i < PWK_SNAPSHOT_BRANCHES; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return result;
}
