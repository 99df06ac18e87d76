/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_file.h - the files of hives. They are opened by Wine, so that a program can save and load
 * only what it could write and read; what is in them is not trusted.
 */
#ifndef PWK_NT_HIVE_FILE_H
#define PWK_NT_HIVE_FILE_H

#include <stddef.h>

#include "nt/nt_status.h"

/* "ZwCreateFile function (wdm.h)" */
#define FILE_READ_DATA 0x1u
#define FILE_WRITE_DATA 0x2u
#define FILE_ATTRIBUTE_NORMAL 0x80u
#define FILE_SHARE_READ 0x1u
#define FILE_SHARE_WRITE 0x2u
#define FILE_SHARE_DELETE 0x4u
#define FILE_OPEN 1u
#define FILE_CREATE 2u
#define FILE_OPEN_IF 3u
#define FILE_SYNCHRONOUS_IO_NONALERT 0x20u

struct hive_open_mode {
    uint32_t access, sharing, disposition;
};

/* Opens the file that the OBJECT_ATTRIBUTES at `attributes` name: a descriptor that the caller
 * closes, and the Unix path (PATH_MAX bytes; empty where there is none). May fault. */
ntstatus hive_open(uint64_t attributes, const struct hive_open_mode *mode, int *fd, char *path);

/* A descriptor of a file handle of the program's that must carry `access`; -EBADF. */
int hive_descriptor(nt_handle file, uint32_t access);

int hive_write_all(int fd, const unsigned char *bytes, size_t size);

/* A whole file, in memory that the caller frees; -EINVAL for what cannot be a hive. */
int hive_read_all(int fd, void **image, size_t *size);

/* Writes what is in and below `key` to its file; the old content stays until the new is whole. */
int hive_write_back(uint64_t key, const char *path);

/* Images that cannot be read are no hives to the program; everything else is the store's error. */
ntstatus hive_status(int result);

#endif
