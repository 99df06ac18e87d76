/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_boot_record.c - libFuzzer target: the reader of the boot record, which any program may have
 * written. What it takes must come out of the writer and back the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/boot_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void check_same(const struct pwk_boot_record *a, const struct pwk_boot_record *b)
{
    require(strcmp(a->kernel, b->kernel) == 0 && strcmp(a->state, b->state) == 0 &&
            strcmp(a->runtime, b->runtime) == 0 && strcmp(a->audit, b->audit) == 0);
    require(a->windows == b->windows && a->registry == b->registry &&
            a->session == b->session && a->audit_level == b->audit_level &&
            a->audit_limit == b->audit_limit && a->registry_cache == b->registry_cache &&
            a->inherit == b->inherit && a->build == b->build &&
            a->syscall_numbers == b->syscall_numbers && a->rewrite_sites == b->rewrite_sites &&
            a->policy == b->policy && a->policy_armed == b->policy_armed &&
            a->policy_file == b->policy_file && a->passthrough_count == b->passthrough_count);
    for (size_t i = 0; i < a->passthrough_count; i++)
        require(strcmp(a->passthrough[i], b->passthrough[i]) == 0);
}

/* Written, and read once more. */
static void check_round_trip(const struct pwk_boot_record *record)
{
    struct pwk_boot_record again;
    char *text = pwk_boot_record_format(record);

    require(text && strncmp(text, PWK_BOOT_VARIABLE "=", sizeof(PWK_BOOT_VARIABLE)) == 0);
    require(pwk_boot_record_parse(&again, text + sizeof(PWK_BOOT_VARIABLE), NULL) == 0);
    check_same(record, &again);
    pwk_boot_record_finish(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct pwk_boot_record record;
    struct pwk_error error = {""};
    char *text = malloc(size + 1);

    require(text);
    memcpy(text, bytes, size);
    text[size] = '\0';
    if (pwk_boot_record_parse(&record, text, &error) == 0) {
        require(record.state[0] == '/' && record.runtime[0] == '/' && record.kernel[0]);
        require(!strchr(record.kernel, '/') && record.passthrough_count <= PWK_MAX_PASSTHROUGH);
        check_round_trip(&record);
        pwk_boot_record_finish(&record);
    } else {
        require(error.text[0] && !strchr(error.text, '\n'));
        require(record.passthrough_count == 0);
    }
    free(text);
    return 0;
}
