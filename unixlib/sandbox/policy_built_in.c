/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_built_in.c - see policy_built_in.h.
 */
#include "sandbox/policy_built_in.h"

#include "policy_tables.h"

const struct pwk_policy_program pwk_policy_programs[2] = {
    [PWK_SYSCALLS_DEFAULT] = {default_code, sizeof(default_code) / sizeof(default_code[0])},
    [PWK_SYSCALLS_STRICT] = {strict_code, sizeof(strict_code) / sizeof(strict_code[0])},
};

const struct pwk_policy_program pwk_policy_server_program = {
    server_code, sizeof(server_code) / sizeof(server_code[0])};

const char *pwk_call_name(int number)
{
    return number >= 0 && number < PWK_POLICY_CALLS ? call_names + call_name_offsets[number] : "";
}
