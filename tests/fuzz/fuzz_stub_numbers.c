/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_stub_numbers.c - libFuzzer target: the reader of service numbers, which takes a path and is
 * given a file in memory. The seeds are the smallest dlls that have stubs.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wine/stub_numbers.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool promise)
{
    if (!promise)
        abort();
}

static const char *file_with(const uint8_t *bytes, size_t size)
{
    static char path[64];
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("ntdll.dll", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    require(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct pwk_stub_numbers stubs;
    const char *path = file_with(bytes, size);
    struct pwk_error error = {""};
    int code = pwk_stub_numbers_read(path, &stubs, &error);

    if (code) {
        require(code == -EINVAL && strstr(error.text, path) && !strchr(error.text, '\n'));
        return 0;
    }
    require(stubs.count > 0 && stubs.count <= PWK_MAX_STUBS);
    for (size_t i = 0; i < stubs.count; i++) {
        require(memchr(stubs.stubs[i].name, 0, sizeof(stubs.stubs[i].name)));
        require(strncmp(stubs.stubs[i].name, "Nt", 2) == 0);
    }
    pwk_stub_find(&stubs, stubs.stubs[0].name);
    return 0;
}
