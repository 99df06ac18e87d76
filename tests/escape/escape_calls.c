/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * escape_calls.c - other calls that do what a refused one does; and calls that reach further.
 */
#include "escape.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static enum outcome open_by(long fd)
{
    return escape_reads_passwd(fd) ? DONE : escape_reached(fd);
}

static enum outcome by_open(void)
{
    return open_by(escape_call(SYS_open, SECRET, (long)O_RDONLY, 0L));
}

static enum outcome by_openat2(void)
{
    struct open_how how = {.flags = O_RDONLY};

    return open_by(escape_call(SYS_openat2, (long)AT_FDCWD, SECRET, &how, (long)sizeof(how)));
}

static enum outcome by_creat(void)
{
    return escape_reached(escape_call(SYS_creat, escape_mark, 0600L));
}

static enum outcome by_mknod(void)
{
    return escape_reached(escape_call(SYS_mknod, escape_mark, 0100600L, 0L));
}

static int file_handle;
static union {
    struct {
        unsigned bytes;
        int type;
    };
    char room[256];
} handle = {.bytes = 128};

static enum outcome take_handle(void)
{
    int mount_id;

    file_handle = open("/etc", O_RDONLY | O_DIRECTORY);
    if (escape_call(SYS_name_to_handle_at, (long)AT_FDCWD, SECRET, &handle, &mount_id, 0L) < 0)
        return escape_says("this file system has no handles");
    return DONE;
}

static enum outcome by_handle(void)
{
    long fd = escape_call(SYS_open_by_handle_at, (long)file_handle, &handle, (long)O_RDONLY);

    if (fd == -EPERM && geteuid() != 0)
        return escape_says("needs root");
    return open_by(fd);
}

static enum outcome by_name_to_handle(void)
{
    int mount_id;

    return escape_reached(
        escape_call(SYS_name_to_handle_at, (long)AT_FDCWD, SECRET, &handle, &mount_id, 0L));
}

/* ---- data without read and write ---- */

static int secret, pipe_ends[2], pair[2], copy;

static enum outcome open_ends(void)
{
    secret = open(SECRET, O_RDONLY);
    copy = open(escape_mark, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (secret < 0 || copy < 0 || pipe(pipe_ends) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return escape_says("no descriptors");
    return DONE;
}

static enum outcome by_sendfile(void)
{
    return escape_reached(escape_call(SYS_sendfile, (long)pair[0], (long)secret, 0L, 16L));
}

static enum outcome by_splice(void)
{
    return escape_reached(
        escape_call(SYS_splice, (long)secret, 0L, (long)pipe_ends[1], 0L, 16L, 0L));
}

static enum outcome by_copy_file_range(void)
{
    return escape_reached(
        escape_call(SYS_copy_file_range, (long)secret, 0L, (long)copy, 0L, 16L, 0L));
}

static enum outcome by_vmsplice(void)
{
    struct iovec part = {(void *)"secret", 6};

    return escape_reached(escape_call(SYS_vmsplice, (long)pipe_ends[1], &part, 1L, 0L));
}

static enum outcome by_preadv2(void)
{
    char bytes[8];
    struct iovec part = {bytes, sizeof(bytes)};

    return escape_reached(escape_call(SYS_preadv2, (long)secret, &part, 1L, 0L, 0L, 0L));
}

static enum outcome by_sendmmsg(void)
{
    struct iovec part = {(void *)"secret", 6};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};

    return escape_reached(escape_call(SYS_sendmmsg, (long)pair[0], &message, 1L, 0L));
}

/* Linux's old asynchronous I/O reads for the process. */
static enum outcome by_aio(void)
{
    char bytes[8];
    aio_context_t context = 0;
    struct iocb request = {.aio_lio_opcode = IOCB_CMD_PREAD,
                           .aio_fildes = (uint32_t)secret,
                           .aio_buf = (uintptr_t)bytes,
                           .aio_nbytes = sizeof(bytes)};
    struct iocb *requests[] = {&request};
    long result = escape_call(SYS_io_setup, 1L, &context);

    if (result < 0)
        return result == -ENOSYS ? escape_says("no asynchronous I/O") : escape_reached(result);
    return escape_reached(escape_call(SYS_io_submit, context, 1L, requests));
}

/* ---- further reach ---- */

static enum outcome by_unshare(void)
{
    return escape_reached(escape_call(SYS_unshare, 0L));
}

static enum outcome by_setns(void)
{
    return escape_reached(escape_call(SYS_setns, -1L, 0L));
}

static enum outcome by_userfaultfd(void)
{
    long result = escape_call(SYS_userfaultfd, (long)(O_CLOEXEC | 1)); /* UFFD_USER_MODE_ONLY */

    return result == -ENOSYS ? escape_says("no userfaultfd") : escape_reached(result);
}

static enum outcome by_bpf(void)
{
    return escape_reached(escape_call(SYS_bpf, 0L, "", 1L << 20));
}

static enum outcome by_keyctl(void)
{
    return escape_reached(escape_call(SYS_keyctl, 9999L, 0L));
}

static enum outcome by_perf(void)
{
    return escape_reached(escape_call(SYS_perf_event_open, 0L, 0L, -1L, -1L, 0L));
}

static enum outcome by_modify_ldt(void)
{
    char room[64];

    return escape_reached(escape_call(SYS_modify_ldt, 0L, room, (long)sizeof(room)));
}

static enum outcome by_mount(void)
{
    return escape_reached(escape_call(SYS_mount, 1L, 1L, 1L, 0L, 0L));
}

static enum outcome by_open_tree(void)
{
    return escape_reached(escape_call(SYS_open_tree, -1L, "/", 1L << 30));
}

const struct escape escapes_by_calls[] = {
    {"open in place of openat", 0, {"@file=errno"}, WORD, "open", by_open},
    {"openat2 in place of openat", 0, {"@file=errno"}, WORD, "openat2", by_openat2},
    {"creat in place of openat", 0, {"@file=errno"}, WORD, "creat", by_creat},
    {"mknod in place of creat", 0, {"@file=errno"}, WORD, "mknod", by_mknod},
    {"a file by its handle", 0, {"@file=errno"}, WORD, "open_by_handle_at", by_handle, take_handle},
    {"asking for a file's handle", 0, {NULL}, WORD, "name_to_handle_at", by_name_to_handle},
    {"sendfile in place of read and write",
     0,
     {"@io=errno"},
     WORD,
     "sendfile",
     by_sendfile,
     open_ends},
    {"splice in place of read", 0, {"@io=errno"}, WORD, "splice", by_splice, open_ends},
    {"vmsplice in place of write", 0, {"@io=errno"}, WORD, "vmsplice", by_vmsplice, open_ends},
    {"copy_file_range in place of write",
     0,
     {"@io=errno"},
     WORD,
     "copy_file_range",
     by_copy_file_range,
     open_ends},
    {"preadv2 in place of read", 0, {"@io=errno"}, WORD, "preadv2", by_preadv2, open_ends},
    {"sendmmsg in place of sendmsg",
     0,
     {"@network=errno"},
     WORD,
     "sendmmsg",
     by_sendmmsg,
     open_ends},
    {"asynchronous I/O in place of read",
     0,
     {"@io=errno", "io_setup=errno"},
     WORD,
     "io_setup",
     by_aio,
     open_ends},
    {"unshare", 0, {NULL}, WORD, "unshare", by_unshare},
    {"setns", 0, {NULL}, WORD, "setns", by_setns},
    {"userfaultfd", 0, {NULL}, WORD, "userfaultfd", by_userfaultfd},
    {"bpf", 0, {NULL}, WORD, "bpf", by_bpf},
    {"keyctl", 0, {NULL}, WORD, "keyctl", by_keyctl},
    {"perf_event_open", 0, {NULL}, WORD, "perf_event_open", by_perf},
    {"modify_ldt", 0, {NULL}, WORD, "modify_ldt", by_modify_ldt},
    {"mount", 0, {NULL}, WORD, "mount", by_mount},
    {"open_tree in place of mount", 0, {NULL}, WORD, "open_tree", by_open_tree},
    {NULL},
};
