/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call_arguments.c - see call_arguments.h. Which argument of which call means what stands in one
 * table; the meanings are those of the calls' pages in section 2 of the manual.
 */
#include "sandbox/call_arguments.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum kind {
    PATH = 1, /* the address of a string */
    ADDRESS,  /* the address of a socket's address: its family */
    FAMILY,
    NUMBER, /* an int */
    SIZE,
    FLAGS
};

struct argument {
    uint8_t kind, place;
    const char *name;
};

struct row {
    uint16_t number;
    struct argument arguments[PWK_CALL_ARGUMENTS];
};

#define PATH_AT(place)                                                                             \
    {                                                                                              \
        PATH, place, "path"                                                                        \
    }
#define TWO_PATHS(first, second)                                                                   \
    {                                                                                              \
        PATH_AT(first),                                                                            \
        {                                                                                          \
            PATH, second, "to"                                                                     \
        }                                                                                          \
    }

static const struct row rows[] = {
    {__NR_access, {PATH_AT(0)}},
    {__NR_bind, {{ADDRESS, 1, "family"}}},
    {__NR_chdir, {PATH_AT(0)}},
    {__NR_chmod, {PATH_AT(0), {FLAGS, 1, "mode"}}},
    {__NR_chown, {PATH_AT(0)}},
    {__NR_chroot, {PATH_AT(0)}},
    {__NR_clone, {{FLAGS, 0, "flags"}}},
    {__NR_connect, {{ADDRESS, 1, "family"}}},
    {__NR_creat, {PATH_AT(0), {FLAGS, 1, "mode"}}},
    {__NR_execve, {PATH_AT(0)}},
    {__NR_execveat, {PATH_AT(1)}},
    {__NR_faccessat, {PATH_AT(1)}},
    {__NR_faccessat2, {PATH_AT(1)}},
    {__NR_fchmodat, {PATH_AT(1), {FLAGS, 2, "mode"}}},
    {__NR_fchownat, {PATH_AT(1)}},
    {__NR_fsopen, {PATH_AT(0)}},
    {__NR_ftruncate, {{SIZE, 1, "size"}}},
    {__NR_getxattr, {PATH_AT(0)}},
    {__NR_ioctl, {{FLAGS, 1, "request"}}},
    {__NR_kill, {{NUMBER, 0, "process"}, {NUMBER, 1, "signal"}}},
    {__NR_lchown, {PATH_AT(0)}},
    {__NR_lgetxattr, {PATH_AT(0)}},
    {__NR_link, TWO_PATHS(0, 1)},
    {__NR_linkat, TWO_PATHS(1, 3)},
    {__NR_lstat, {PATH_AT(0)}},
    {__NR_memfd_create, {PATH_AT(0)}},
    {__NR_mkdir, {PATH_AT(0)}},
    {__NR_mkdirat, {PATH_AT(1)}},
    {__NR_mknod, {PATH_AT(0), {FLAGS, 1, "mode"}}},
    {__NR_mknodat, {PATH_AT(1), {FLAGS, 2, "mode"}}},
    {__NR_mmap, {{SIZE, 1, "size"}, {FLAGS, 2, "protection"}}},
    {__NR_mount, TWO_PATHS(0, 1)},
    {__NR_mprotect, {{SIZE, 1, "size"}, {FLAGS, 2, "protection"}}},
    {__NR_mremap, {{SIZE, 2, "size"}}},
    {__NR_munmap, {{SIZE, 1, "size"}}},
    {__NR_name_to_handle_at, {PATH_AT(1)}},
    {__NR_newfstatat, {PATH_AT(1)}},
    {__NR_open, {PATH_AT(0), {FLAGS, 1, "flags"}}},
    {__NR_openat, {PATH_AT(1), {FLAGS, 2, "flags"}}},
    {__NR_openat2, {PATH_AT(1)}},
    {__NR_open_tree, {PATH_AT(1)}},
    {__NR_personality, {{FLAGS, 0, "persona"}}},
    {__NR_pidfd_open, {{NUMBER, 0, "process"}}},
    {__NR_pivot_root, TWO_PATHS(0, 1)},
    {__NR_prctl, {{NUMBER, 0, "option"}, {FLAGS, 1, "value"}}},
    {__NR_pread64, {{SIZE, 2, "size"}}},
    {__NR_process_vm_readv, {{NUMBER, 0, "process"}}},
    {__NR_process_vm_writev, {{NUMBER, 0, "process"}}},
    {__NR_ptrace, {{NUMBER, 0, "request"}, {NUMBER, 1, "process"}}},
    {__NR_pwrite64, {{SIZE, 2, "size"}}},
    {__NR_read, {{NUMBER, 0, "descriptor"}, {SIZE, 2, "size"}}},
    {__NR_readlink, {PATH_AT(0)}},
    {__NR_readlinkat, {PATH_AT(1)}},
    {__NR_rename, TWO_PATHS(0, 1)},
    {__NR_renameat, TWO_PATHS(1, 3)},
    {__NR_renameat2, TWO_PATHS(1, 3)},
    {__NR_rmdir, {PATH_AT(0)}},
    {__NR_sendfile, {{SIZE, 3, "size"}}},
    {__NR_setns, {{FLAGS, 1, "kind"}}},
    {__NR_setxattr, {PATH_AT(0)}},
    {__NR_socket, {{FAMILY, 0, "family"}, {NUMBER, 1, "type"}}},
    {__NR_socketpair, {{FAMILY, 0, "family"}, {NUMBER, 1, "type"}}},
    {__NR_splice, {{SIZE, 4, "size"}}},
    {__NR_stat, {PATH_AT(0)}},
    {__NR_statfs, {PATH_AT(0)}},
    {__NR_statx, {PATH_AT(1)}},
    {__NR_swapon, {PATH_AT(0)}},
    {__NR_symlink, TWO_PATHS(0, 1)},
    {__NR_symlinkat, TWO_PATHS(0, 2)},
    {__NR_tgkill, {{NUMBER, 0, "process"}, {NUMBER, 2, "signal"}}},
    {__NR_tkill, {{NUMBER, 0, "thread"}, {NUMBER, 1, "signal"}}},
    {__NR_truncate, {PATH_AT(0), {SIZE, 1, "size"}}},
    {__NR_umount2, {PATH_AT(0)}},
    {__NR_unlink, {PATH_AT(0)}},
    {__NR_unlinkat, {PATH_AT(1)}},
    {__NR_unshare, {{FLAGS, 0, "flags"}}},
    {__NR_utimensat, {PATH_AT(1)}},
    {__NR_write, {{NUMBER, 0, "descriptor"}, {SIZE, 2, "size"}}},
};

static const char *family_word(unsigned family)
{
    static const char *const words[] = {
        [AF_UNSPEC] = "unspec", [AF_UNIX] = "unix",       [AF_INET] = "inet",
        [AF_INET6] = "inet6",   [AF_NETLINK] = "netlink", [AF_PACKET] = "packet",
        [AF_ALG] = "alg",       [AF_VSOCK] = "vsock",     [AF_BLUETOOTH] = "bluetooth",
    };

    return family < sizeof(words) / sizeof(words[0]) ? words[family] : NULL;
}

static void tell_family(uint64_t family, char *text)
{
    const char *word = family_word((unsigned)family);

    if (word != NULL)
        snprintf(text, PWK_CALL_TEXT_MAX, "%s", word);
    else
        snprintf(text, PWK_CALL_TEXT_MAX, "%u", (unsigned)family);
}

static void tell(const struct pwk_notification *call, const struct argument *argument, char *text)
{
    uint64_t value = call->args[argument->place];
    sa_family_t family;

    switch ((enum kind)argument->kind) {
    case PATH:
        if (value == 0)
            text[0] = '\0';
        else if (pwk_notify_read_string(call, value, text, PWK_CALL_TEXT_MAX) < 0)
            strcpy(text, "?");
        return;
    case ADDRESS:
        if (pwk_notify_read(call, value, &family, sizeof(family)) == 0)
            tell_family(family, text);
        else
            strcpy(text, "?");
        return;
    case FAMILY:
        tell_family(value, text);
        return;
    case NUMBER:
        snprintf(text, PWK_CALL_TEXT_MAX, "%d", (int)value);
        return;
    case SIZE:
        snprintf(text, PWK_CALL_TEXT_MAX, "%" PRIu64, value);
        return;
    case FLAGS:
        snprintf(text, PWK_CALL_TEXT_MAX, "%#" PRIx64, value);
        return;
    }
}

void pwk_call_arguments_read(const struct pwk_notification *call,
                             struct pwk_call_argument arguments[PWK_CALL_ARGUMENTS])
{
    const struct row *row = NULL;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].number == call->nr)
            row = &rows[i];
    for (size_t i = 0; i < PWK_CALL_ARGUMENTS; i++) {
        arguments[i].name = row != NULL ? row->arguments[i].name : NULL;
        if (arguments[i].name != NULL)
            tell(call, &row->arguments[i], arguments[i].text);
    }
}
