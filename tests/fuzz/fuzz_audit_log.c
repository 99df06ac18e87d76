/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_audit_log.c - libFuzzer target: the reader of audit logs, which anybody may have written to.
 * What it shows has one line a record and nothing that moves a terminal's cursor.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "launcher/audit_view.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool promise)
{
    if (!promise)
        abort();
}

struct reading {
    FILE *stream;
    size_t records;
};

static void show(void *context, const char *line, size_t size, json_t *record)
{
    const struct pwk_audit_filter filter = {.event = "never", .since = "2026", .pid = 1};
    struct reading *reading = context;

    require(!memchr(line, '\n', size));
    pwk_audit_is_wanted(&filter, record);
    pwk_audit_show(record, reading->stream);
    reading->records++;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct pwk_audit_file file;
    struct reading reading = {0};
    char *text = NULL;
    size_t shown, lines = 0;

    file = (struct pwk_audit_file){.fd = memfd_create("log", MFD_CLOEXEC)};
    require(file.fd >= 0 && write(file.fd, bytes, size) == (ssize_t)size);
    reading.stream = open_memstream(&text, &shown);
    require(reading.stream && pwk_audit_file_read(&file, show, &reading) == 0);
    require(fclose(reading.stream) == 0);
    pwk_audit_file_close(&file);
    for (size_t i = 0; i < shown; i++) {
        require((unsigned char)text[i] >= 0x20 || text[i] == '\n');
        require(text[i] != 0x7f);
        lines += text[i] == '\n';
    }
    require(lines == reading.records);
    for (size_t i = 0; i < size; i++)
        lines -= bytes[i] == '\n';
    require(lines + file.no_record == 0);
    free(text);
    return 0;
}
