/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_policy.c - see server_policy.h.
 */
#include "sandbox/server_policy.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/policy_arm.h"
#include "sandbox/policy_built_in.h"

#define KEYS 3      /* the arguments of a call that execve does not have */
#define FIRST_KEY 3 /* the first of them */
#define RULE_MAX 24 /* instructions */
#define RULE_HEAD 2 /* of them, before the comparisons */
#define OF_A_HALF 2 /* of them, for 32 bits of a key */
#define HALVES (KEYS * 2)

static void put(struct sock_filter *line, uint16_t code, size_t value, size_t if_true,
                size_t if_false)
{
    *line = (struct sock_filter){code, (uint8_t)if_true, (uint8_t)if_false, (uint32_t)value};
}

/* The rule for execve: what has no key goes on to the program behind, which refuses it. Returns the
 * number of instructions. */
static size_t write_rule(struct sock_filter rule[RULE_MAX], const uint64_t keys[KEYS])
{
    const size_t end = RULE_HEAD + HALVES * OF_A_HALF + 1;
    size_t at = 0;

    put(&rule[at++], BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    put(&rule[at], BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, end - at - 1);
    at++;
    for (size_t half = 0; half < HALVES; half++) {
        size_t offset = offsetof(struct seccomp_data, args) + FIRST_KEY * sizeof(uint64_t) +
                        half * sizeof(uint32_t);

        put(&rule[at++], BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
        put(&rule[at], BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(keys[half / 2] >> (half % 2 * 32)), 0,
            end - at - 1);
        at++;
    }
    put(&rule[at++], BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    return at;
}

int pwk_server_policy_execute(const char *path, char *const arguments[], struct pwk_error *error)
{
    const struct pwk_policy_program *program = &pwk_policy_server_program;
    struct sock_filter code[PWK_POLICY_MAX];
    uint64_t keys[KEYS];
    size_t length;
    int result;

    if (getrandom(keys, sizeof(keys), 0) != (ssize_t)sizeof(keys))
        return pwk_error_set(error, -EIO, "no random numbers for wineserver's Linux policy");
    length = write_rule(code, keys);
    memcpy(code + length, program->code, program->length * sizeof(*code));
    result = pwk_policy_arm(code, length + program->length, 0, error);
    if (result < 0)
        return result;
    syscall(SYS_execve, path, arguments, environ, keys[0], keys[1], keys[2]);
    result = -errno;
    return pwk_error_set(error, result, "wineserver (%s) cannot be run: %s", path,
                         strerror(-result));
}
