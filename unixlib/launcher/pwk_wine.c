/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pwk_wine.c - pwk-wine: runs a Windows program under its own process kernel. Parse, plan,
 * execute.
 */
#include "config.h"

#include <stdio.h>

#include "launcher/arguments.h"
#include "launcher/facts.h"
#include "launcher/plan.h"

static int fail(int status, const struct pwk_error *error)
{
    fprintf(stderr, "pwk-wine: %s\n", error->text);
    return status;
}

/* Ends with what was to be printed on its way, or says why it is not. */
static int finish_output(void)
{
    if (fflush(stdout) == 0)
        return 0;
    perror("pwk-wine: standard output");
    return PWK_EXIT_FAILED;
}

static int run(const struct pwk_arguments *arguments)
{
    static struct pwk_facts facts;
    static struct pwk_plan plan;
    struct pwk_error error;
    int status = pwk_facts_find(&facts, arguments, &error);

    if (status != 0) {
        pwk_facts_finish(&facts);
        return fail(status, &error);
    }
    if (pwk_plan_build(&plan, arguments, &facts, &error) != 0) {
        status = fail(PWK_EXIT_FAILED, &error);
    } else if (arguments->print_plan) {
        if (arguments->json)
            pwk_plan_print_json(&plan, stdout);
        else
            pwk_plan_print(&plan, stdout);
        status = finish_output();
    } else {
        status = pwk_plan_execute(&plan, &error);
    }
    pwk_plan_finish(&plan);
    pwk_facts_finish(&facts);
    return status;
}

int main(int argc, char *argv[])
{
    struct pwk_arguments arguments;
    struct pwk_error error;

    if (pwk_arguments_parse(&arguments, argc, argv, &error) != 0)
        return fail(PWK_EXIT_FAILED, &error);
    if (arguments.help) {
        fputs(pwk_arguments_help, stdout);
        return finish_output();
    }
    if (arguments.version) {
        puts("pwk-wine " PACKAGE_VERSION);
        return finish_output();
    }
    return run(&arguments);
}
