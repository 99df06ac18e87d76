/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * generate_policy.c - a tool of the build: writes the built-in policies, compiled, and the names of
 * calls as C to standard output (policy_built_in.h).
 */
#include <stdio.h>
#include <string.h>

#include "sandbox/policy.h"

static int write_program(struct pwk_policy *policy, const char *name)
{
    struct pwk_policy_code code;
    struct pwk_error error;

    pwk_policy_fill(policy);
    if (pwk_policy_compile_whole(policy, &code, &error) != 0) {
        fprintf(stderr, "generate_policy: %s: %s\n", name, error.text);
        return 1;
    }
    printf("static const struct sock_filter %s_code[] = {\n", name);
    for (size_t i = 0; i < code.length; i++)
        printf("    {%#x, %u, %u, %#x},\n", code.code[i].code, code.code[i].jt, code.code[i].jf,
               code.code[i].k);
    printf("};\n");
    pwk_policy_code_finish(&code);
    return 0;
}

static int write_programs(void)
{
    struct pwk_policy strict, ordinary, server;

    pwk_policy_lay_base(&ordinary, PWK_SYSCALLS_DEFAULT);
    pwk_policy_lay_base(&strict, PWK_SYSCALLS_STRICT);
    pwk_policy_lay_server(&server);
    return write_program(&ordinary, "default") + write_program(&strict, "strict") +
           write_program(&server, "server");
}

static void write_actions(void)
{
    struct pwk_policy policy;

    printf("const uint8_t pwk_policy_base_actions[2][PWK_POLICY_CALLS] = {\n");
    for (int base = PWK_SYSCALLS_DEFAULT; base <= PWK_SYSCALLS_STRICT; base++) {
        pwk_policy_lay_base(&policy, base);
        printf("    {");
        for (int number = 0; number < PWK_POLICY_CALLS; number++)
            printf("%u,%s", policy.actions[number], number % 24 == 23 ? "\n     " : " ");
        printf("},\n");
    }
    printf("};\n");
}

/* All in one text, so that nothing needs relocating when it is loaded. */
static void write_names(void)
{
    char name[PWK_SYSCALL_NAME_MAX + 1];
    unsigned offset = 1;

    printf("static const char call_names[] =\n    \"\\0\"\n");
    for (int number = 0; number < PWK_POLICY_CALLS; number++)
        if (pwk_policy_find_name(number, name))
            printf("    \"%s\\0\"\n", name);
    printf("    ;\nstatic const uint16_t call_name_offsets[PWK_POLICY_CALLS] = {\n    ");
    for (int number = 0; number < PWK_POLICY_CALLS; number++) {
        bool known = pwk_policy_find_name(number, name);

        printf("%u,%s", known ? offset : 0, number % 12 == 11 ? "\n    " : " ");
        offset += known ? (unsigned)strlen(name) + 1 : 0;
    }
    printf("};\n");
}

int main(void)
{
    printf("/* Made by unixlib/sandbox/generate_policy.c. */\n");
    if (write_programs() != 0)
        return 1;
    write_actions();
    write_names();
    return fflush(stdout) != 0;
}
