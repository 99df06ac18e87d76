/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * file.c - the file family: counts reads, writes and controls, which Wine serves, and lets Unix
 * pipes pass for the pipes that programs take them for.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nt/personality.h"

ntstatus nt_count_io(const struct nt_call *call)
{
    pwk_count(nt_personality.slot, PWK_IO_OPERATIONS, 1);
    return nt_forward(call);
}

#define FILE_PIPE_INFORMATION_CLASS 23u

/* "FILE_PIPE_INFORMATION structure (ntifs.h)" */
struct file_pipe_information {
    uint32_t read_mode;       /* 0: byte stream */
    uint32_t completion_mode; /* 0: blocking */
};

static bool is_unix_pipe(nt_handle handle)
{
    struct stat status;
    int32_t fd = -1;
    bool pipe;

    if (nt_host_call("wine_server_handle_to_fd", 4, handle, 0, (uint64_t)&fd, 0) != STATUS_SUCCESS)
        return false;
    pipe = fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
    close(fd);
    return pipe;
}

/* A standard handle that is a Unix pipe says that it is a pipe, but Wine knows its modes only for
 * named pipes of its own and refuses to set them: Node.js, for one, then has no output. A Unix pipe
 * is a blocking byte stream: asking for that succeeds ("SetNamedPipeHandleState function"). */
ntstatus nt_set_information_file(const struct nt_call *call)
{
    ntstatus status = nt_forward(call);
    struct file_pipe_information information;
    struct io_status_block done = {STATUS_SUCCESS, 0};

    if (status != STATUS_OBJECT_TYPE_MISMATCH ||
        (uint32_t)call->arguments[4] != FILE_PIPE_INFORMATION_CLASS ||
        (uint32_t)call->arguments[3] < sizeof information)
        return status;
    memcpy(&information, (const void *)call->arguments[2], sizeof information);
    if (information.read_mode || information.completion_mode || !is_unix_pipe(call->arguments[0]))
        return status;
    memcpy((void *)call->arguments[1], &done, sizeof done);
    return STATUS_SUCCESS;
}
