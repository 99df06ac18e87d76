/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter_run.c - see filter_run.h. Of classic BPF, what libseccomp and the guard write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "filter_run.h"

static uint32_t load(const struct seccomp_data *data, uint32_t offset, bool *looked_at_arguments)
{
    uint32_t word;

    if (offset % 4 != 0 || offset > sizeof(*data) - 4)
        fail_msg("a load at %u", offset);
    if (offset >= offsetof(struct seccomp_data, args))
        *looked_at_arguments = true;
    memcpy(&word, (const char *)data + offset, 4);
    return word;
}

static bool compare(uint16_t code, uint32_t a, uint32_t k)
{
    switch (code) {
    case BPF_JMP | BPF_JEQ | BPF_K:
        return a == k;
    case BPF_JMP | BPF_JGT | BPF_K:
        return a > k;
    case BPF_JMP | BPF_JGE | BPF_K:
        return a >= k;
    case BPF_JMP | BPF_JSET | BPF_K:
        return (a & k) != 0;
    default:
        fail_msg("the instruction %#x", code);
        return false;
    }
}

unsigned filter_run(const struct sock_filter *code, size_t length, const struct seccomp_data *data,
                    bool *looked_at_arguments)
{
    uint32_t a = 0;
    size_t at = 0;

    *looked_at_arguments = false;
    while (at < length) {
        const struct sock_filter *now = &code[at++];

        switch (now->code) {
        case BPF_RET | BPF_K:
            return now->k;
        case BPF_LD | BPF_W | BPF_ABS:
            a = load(data, now->k, looked_at_arguments);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= now->k;
            break;
        case BPF_JMP | BPF_JA:
            at += now->k;
            break;
        default:
            at += compare(now->code, a, now->k) ? now->jt : now->jf;
        }
    }
    fail_msg("a jump behind the end");
    return 0;
}
