/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_arguments.c - pwk-wine's command line: what is taken, and what is refused with which words.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/arguments.h"

#define MAX_WORDS 16

static struct pwk_arguments arguments;
static struct pwk_error error;

/* Parses "pwk-wine" and the words up to NULL. */
static int parse(const char *const *words)
{
    static char *argv[MAX_WORDS + 2];
    int argc = 1;

    argv[0] = (char *)"pwk-wine";
    for (; words[argc - 1] != NULL; argc++) {
        assert_true(argc <= MAX_WORDS);
        argv[argc] = (char *)words[argc - 1];
    }
    argv[argc] = NULL;
    error.text[0] = '\0';
    return pwk_arguments_parse(&arguments, argc, argv, &error);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void nothing_but_a_program(void **state)
{
    (void)state;
    assert_int_equal(PARSE("a.exe"), 0);
    assert_string_equal(arguments.program[0], "a.exe");
    assert_null(arguments.program[1]);
    assert_null(arguments.kernel);
    assert_false(arguments.has_windows || arguments.has_registry || arguments.ephemeral ||
                 arguments.stats || arguments.print_plan);
}

static void every_option(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--kernel", "games", "--ephemeral", "--windows=8.1", "--registry", "off",
                           "--profile=p=q.ini", "--audit", "-", "--stats", "--print-plan",
                           "--session=shared", "--files", "shared"),
                     -EINVAL);
    assert_non_null(strstr(error.text, "PROGRAM"));
    assert_int_equal(PARSE("--kernel", "games", "--ephemeral", "--windows=8.1", "--registry", "off",
                           "--profile=p=q.ini", "--audit", "-", "--stats", "--print-plan",
                           "--net=host", "--session=own", "--files", "overlay", "a.exe"),
                     0);
    assert_true(arguments.has_session);
    assert_int_equal(arguments.session, PWK_SESSION_OWN);
    assert_int_equal(arguments.files, PWK_FILES_OVERLAY);
    assert_int_equal(arguments.network, PWK_NETWORK_HOST);
    assert_string_equal(arguments.kernel, "games");
    assert_string_equal(arguments.profile, "p=q.ini");
    assert_string_equal(arguments.audit, "-");
    assert_true(arguments.ephemeral && arguments.stats && arguments.print_plan);
    assert_true(arguments.has_windows && arguments.has_registry);
    assert_int_equal(arguments.windows, PWK_WINDOWS_81);
    assert_int_equal(arguments.registry, PWK_REGISTRY_OFF);
}

static void options_end_at_the_program(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--stats", "a.exe", "--windows", "nonsense", "--"), 0);
    assert_string_equal(arguments.program[0], "a.exe");
    assert_string_equal(arguments.program[1], "--windows");
    assert_string_equal(arguments.program[3], "--");
    assert_false(arguments.has_windows);

    assert_int_equal(PARSE("--stats", "--", "--help", "x"), 0);
    assert_string_equal(arguments.program[0], "--help");
    assert_false(arguments.help);

    assert_int_equal(PARSE("", "x"), 0);
    assert_string_equal(arguments.program[0], "");
}

static void the_last_word_counts(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--windows", "7", "--windows", "11", "a.exe"), 0);
    assert_int_equal(arguments.windows, PWK_WINDOWS_11);
}

static void help_and_version_need_no_program(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--help"), 0);
    assert_true(arguments.help);
    assert_int_equal(PARSE("--version"), 0);
    assert_true(arguments.version);
    assert_null(arguments.program);
    assert_non_null(strstr(pwk_arguments_help, "--print-plan"));
}

static void later_options_are_refused_by_name(void **state)
{
    static const char *const options[] = {"--max-memory", "--max-handles", "--max-threads",
                                          "--driver"};

    (void)state;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        assert_int_equal(PARSE(options[i], "1", "a.exe"), -ENOTSUP);
        assert_memory_equal(error.text, options[i], strlen(options[i]));
        assert_non_null(strstr(error.text, ": not in this version of pwk (it comes with "));
    }
    assert_int_equal(PARSE("--max-memory=1G", "a.exe"), -ENOTSUP);
    assert_int_equal(PARSE("--max-memory"), -ENOTSUP);
    assert_int_equal(PARSE("--registry=overlaid", "a.exe"), -EINVAL);
    assert_non_null(strstr(error.text, "use overlay, private or off"));
}

static void words_of_the_cage(void **state)
{
    static const char *const wrong[][2] = {
        {"--isolate", "nets"}, {"--isolate", ""},       {"--isolate", "net,,ipc"},
        {"--isolate", "net,"}, {"--home", "some"},      {"--home", "relative/path"},
        {"--home", ""},        {"--max-cpu", "0"},      {"--max-cpu", "50%%"},
        {"--max-cpu", "-5"},   {"--max-cpu", "100001"}, {"--max-cpu", "99999999999999"},
        {"--max-cpu", "%"},    {"--max-io", "5M/m"},    {"--max-io", "100/s"},
        {"--max-io", "/s"},    {"--max-io", "5Q"},      {"--max-io", ""},
    };
    char text[PWK_NAMESPACES_TEXT];

    (void)state;
    assert_int_equal(PARSE("--isolate", "uts,net", "--home", "~/Games", "--max-cpu", "150%",
                           "--max-io=5M/s", "a.exe"),
                     0);
    assert_int_equal(arguments.namespaces, PWK_NAMESPACE_NET | PWK_NAMESPACE_UTS);
    pwk_namespaces_write(arguments.namespaces, text);
    assert_string_equal(text, "net,uts");
    assert_int_equal(arguments.home.mode, PWK_HOME_FOLDER);
    assert_string_equal(arguments.home.folder, "~/Games");
    assert_int_equal(arguments.cpu, 150);
    assert_int_equal(arguments.io, 5 << 20);
    assert_int_equal(PARSE("--home", "none", "--max-cpu=1", "--max-io", "4K", "a.exe"), 0);
    assert_int_equal(arguments.home.mode, PWK_HOME_NONE);
    assert_int_equal(arguments.cpu, 1);
    pwk_namespaces_write(63, text);
    assert_string_equal(text, "user,mount,pid,net,ipc,uts");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(PARSE(wrong[i][0], wrong[i][1], "a.exe"), -EINVAL);
        assert_memory_equal(error.text, wrong[i][0], strlen(wrong[i][0]));
    }
    assert_int_equal(PARSE("--json", "a.exe"), -EINVAL);
    assert_int_equal(PARSE("--print-plan", "--json", "a.exe"), 0);
}

static void rules_of_the_linux_policy(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--syscall", "ptrace=errno", "--syscall=@file=log", "a.exe"), 0);
    assert_int_equal(arguments.syscalls.count, 2);
    assert_string_equal(arguments.syscalls.rule[0].name, "ptrace");
    assert_int_equal(arguments.syscalls.rule[0].action, PWK_SYSCALL_ERRNO);
    assert_string_equal(arguments.syscalls.rule[1].name, "@file");
    assert_int_equal(arguments.syscalls.rule[1].action, PWK_SYSCALL_LOG);
    assert_int_equal(arguments.syscalls.rule[1].line, 0);
    assert_int_equal(PARSE("--syscall", "ptrace", "a.exe"), -EINVAL);
    assert_non_null(strstr(error.text, "--syscall: 'ptrace' is not NAME=ACTION"));
    assert_int_equal(PARSE("--syscall", "ptrace=deny", "a.exe"), -EINVAL);
    assert_non_null(strstr(error.text, "allow, errno, log, trap, notify or kill"));
    assert_int_equal(PARSE("--syscall", "=errno", "a.exe"), -EINVAL);
    assert_int_equal(PARSE("--syscall", "@=errno", "a.exe"), -EINVAL);
    assert_int_equal(PARSE("--syscall", "a b=errno", "a.exe"), -EINVAL);
    assert_int_equal(PARSE("--syscall",
                           "a_name_that_is_much_longer_than_any_call_of_linux_could_be_in_all_"
                           "its_years=errno",
                           "a.exe"),
                     -EINVAL);
    assert_int_equal(PARSE("--syscall", "default=trap", "a.exe"), -EINVAL);
    assert_non_null(strstr(error.text, "the default cannot be 'trap'"));
    assert_int_equal(PARSE("--syscall"), -EINVAL);
}

static void bad_words(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--nonsense", "a.exe"), -EINVAL);
    assert_non_null(strstr(error.text, "--nonsense"));
    assert_int_equal(PARSE("--kern", "x", "a.exe"), -EINVAL);
    assert_int_equal(PARSE("--kernels", "x", "a.exe"), -EINVAL);
    assert_int_equal(PARSE("-x"), -EINVAL);
    assert_int_equal(PARSE("-"), -EINVAL);
    assert_int_equal(PARSE("--stats=yes", "a.exe"), -EINVAL);
    assert_int_equal(PARSE("--kernel"), -EINVAL);
    assert_string_equal(error.text, "--kernel needs a value: --kernel NAME");
    assert_int_equal(PARSE("--kernel", "../x", "a.exe"), -EINVAL);
    assert_memory_equal(error.text, "--kernel: ", 10);
    assert_int_equal(PARSE("--kernel=", "a.exe"), -EINVAL);
    assert_int_equal(PARSE("--profile=", "a.exe"), -EINVAL);
    assert_int_equal(PARSE("--audit=", "a.exe"), -EINVAL);
    assert_int_equal(PARSE("--windows", "12", "a.exe"), -EINVAL);
    assert_non_null(strstr(error.text, "7, 8, 8.1, 10 or 11"));
    assert_int_equal(parse((const char *const[]){NULL}), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_but_a_program),
        cmocka_unit_test(every_option),
        cmocka_unit_test(options_end_at_the_program),
        cmocka_unit_test(the_last_word_counts),
        cmocka_unit_test(help_and_version_need_no_program),
        cmocka_unit_test(later_options_are_refused_by_name),
        cmocka_unit_test(words_of_the_cage),
        cmocka_unit_test(rules_of_the_linux_policy),
        cmocka_unit_test(bad_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
