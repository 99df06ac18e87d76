/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_plan.c - plans built from facts: which steps there are and in which order, what the loader
 * is told, and what is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/plan.h"

static char *program_words[] = {(char *)"reg.exe", (char *)"query", NULL};
static struct pwk_facts facts;
static struct pwk_arguments arguments;
static struct pwk_plan plan;
static struct pwk_error error;

/* A prefix that exists, a lasting kernel that does not yet, nothing said on the command line; the
 * profile asks for the shared session. */
static int set_up(void **state)
{
    (void)state;
    memset(&facts, 0, sizeof(facts));
    memset(&arguments, 0, sizeof(arguments));
    pwk_profile_init(&facts.profile);
    facts.profile.session = PWK_SESSION_SHARED;
    strcpy(facts.prefix, "/home/u/.wine");
    facts.prefix_exists = true;
    strcpy(facts.kernel, "default");
    strcpy(facts.state, "/home/u/.wine/pwk/kernels/default");
    strcpy(facts.runtime, "/run/user/1/pwk");
    strcpy(facts.loader, "/lib/pwk/loader/x86_64/pwk-loader64");
    strcpy(facts.wine.loader, "/lib/wine/wine64");
    strcpy(facts.wine.server, "/lib/wine/wineserver");
    strcpy(facts.program.name, "reg.exe");
    strcpy(facts.program.path, "/home/u/.wine/drive_c/windows/system32/reg.exe");
    arguments.program = program_words;
    unsetenv("WINEDLLPATH");
    unsetenv("WINEPATH");
    unsetenv("WINEDLLOVERRIDES");
    assert_int_equal(pwk_windows_library_find(&facts.library, "/lib/pwk"), 0);
    error.text[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pwk_plan_finish(&plan);
    pwk_facts_finish(&facts);
    return 0;
}

static int build(void)
{
    pwk_plan_finish(&plan);
    memset(&plan, 0, sizeof(plan));
    return pwk_plan_build(&plan, &arguments, &facts, &error);
}

/* The index of the first step of that kind, or -1. */
static int find(enum pwk_step_kind kind)
{
    for (size_t i = 0; i < plan.step_count; i++)
        if (plan.steps[i].kind == kind)
            return (int)i;
    return -1;
}

static bool says(const char *words)
{
    for (size_t i = 0; i < plan.step_count; i++)
        if (strstr(plan.steps[i].words, words) != NULL)
            return true;
    return false;
}

static void plain_plan(void **state)
{
    (void)state;
    assert_int_equal(build(), 0);
    assert_int_equal(find(PWK_STEP_PREFIX), -1);
    assert_int_equal(find(PWK_STEP_REAPER), -1);
    assert_true(find(PWK_STEP_SWEEP) < find(PWK_STEP_STATE));
    assert_true(find(PWK_STEP_STATE) < find(PWK_STEP_REGISTRY));
    assert_true(find(PWK_STEP_REGISTRY) < find(PWK_STEP_RUN));
    assert_int_equal(find(PWK_STEP_RUN), plan.step_count - 1);
    assert_true(says("create the kernel default"));
    assert_true(says("no boundary against hostile code"));
    assert_true(says("profile built in"));
    assert_false(says("see Windows"));
    assert_string_equal(plan.record.kernel, "default");
    assert_string_equal(plan.record.state, facts.state);
    assert_string_equal(plan.record.runtime, facts.runtime);
    assert_int_equal(plan.record.registry, PWK_REGISTRY_OVERLAY);
    assert_int_equal(plan.record.passthrough_count, facts.profile.passthrough_count);
    assert_string_equal(plan.arguments[0], "query");
    assert_null(plan.arguments[1]);
}

static void prefix_comes_before_state(void **state)
{
    (void)state;
    facts.prefix_exists = false;
    assert_int_equal(build(), 0);
    assert_true(find(PWK_STEP_PREFIX) >= 0);
    assert_true(find(PWK_STEP_PREFIX) < find(PWK_STEP_STATE));
    assert_true(says("/lib/wine/wine64 wineboot --init"));
}

static void command_line_over_profile(void **state)
{
    (void)state;
    facts.profile.windows = PWK_WINDOWS_7;
    facts.profile.registry_cache = 4096;
    facts.profile.inherit = false;
    strcpy(facts.profile_path, "/p.ini");
    strcpy(facts.audit, "/a.jsonl");
    assert_int_equal(build(), 0);
    assert_int_equal(plan.record.windows, PWK_WINDOWS_7);
    assert_true(says("let the program alone see Windows 7, build 7601"));
    assert_true(says("profile /p.ini"));
    assert_true(says("audit.jsonl and /a.jsonl"));
    assert_int_equal(plan.record.registry_cache, 4096);
    assert_false(plan.record.inherit);

    arguments.has_windows = true;
    arguments.windows = PWK_WINDOWS_11;
    facts.state_exists = true;
    facts.profile.audit = PWK_AUDIT_OFF;
    assert_int_equal(build(), 0);
    assert_int_equal(plan.record.windows, PWK_WINDOWS_11);
    assert_true(says("use the kernel default"));
    assert_false(says("audit"));
}

/* The profile's build goes with the version that is shown in the end, or is refused. */
static void builds_belong_to_their_version(void **state)
{
    (void)state;
    strcpy(facts.profile_path, "/p.ini");
    strcpy(facts.profile.build, "21H2");
    assert_int_equal(build(), -EINVAL);
    assert_non_null(strstr(error.text, "build = 21H2 in /p.ini needs a version"));
    facts.profile.windows = PWK_WINDOWS_10;
    assert_int_equal(build(), 0);
    assert_int_equal(plan.record.build, 19044);
    assert_true(says("see Windows 10, build 19044"));
    arguments.has_windows = true;
    arguments.windows = PWK_WINDOWS_11;
    assert_int_equal(build(), 0);
    assert_int_equal(plan.record.build, 22000);
    arguments.windows = PWK_WINDOWS_8;
    assert_int_equal(build(), -EINVAL);
    assert_non_null(strstr(error.text, "/p.ini with --windows: '21H2' is no build of Windows 8"));
    facts.profile.build[0] = '\0';
    assert_int_equal(build(), 0);
    assert_int_equal(plan.record.build, 0);
}

static void numbers_of_windows_need_a_version(void **state)
{
    (void)state;
    facts.profile.syscall_numbers = PWK_NUMBERS_WINDOWS;
    assert_int_equal(build(), -EINVAL);
    assert_non_null(strstr(error.text, "syscall_numbers = windows"));
    facts.profile.windows = PWK_WINDOWS_10;
    assert_int_equal(build(), 0);
    assert_true(says("see Windows 10, build 19045, and make native system calls by its numbers"));
}

static void native_calls_are_caught(void **state)
{
    (void)state;
    arguments.has_registry = true;
    arguments.registry = PWK_REGISTRY_OFF;
    assert_int_equal(build(), 0);
    assert_true(says("catch the system calls that the program issues itself"));
    assert_false(says("direct calls"));
    assert_false(plan.record.rewrite_sites);
    facts.profile.rewrite_sites = true;
    assert_int_equal(build(), 0);
    assert_true(says("none reaches Linux; places that make many become direct calls"));
    assert_true(plan.record.rewrite_sites);
}

static void registry_off(void **state)
{
    (void)state;
    arguments.has_registry = true;
    arguments.registry = PWK_REGISTRY_OFF;
    assert_int_equal(build(), 0);
    assert_int_equal(find(PWK_STEP_REGISTRY), -1);
    assert_true(says("take nothing over from Wine but the counting of statistics"));

    arguments.has_windows = true;
    arguments.windows = PWK_WINDOWS_10;
    assert_int_equal(build(), -EINVAL);
    assert_string_equal(error.text,
                        "--windows needs the kernel's registry: use --registry overlay");

    arguments.has_windows = false;
    facts.profile.windows = PWK_WINDOWS_10;
    strcpy(facts.profile_path, "/p.ini");
    assert_int_equal(build(), -EINVAL);
    assert_non_null(strstr(error.text, "windows = 10 in /p.ini"));
}

static void own_session(void **state)
{
    (void)state;
    assert_int_equal(build(), 0);
    assert_int_equal(find(PWK_STEP_SESSION), -1);
    assert_true(says("no boundary against hostile code"));

    arguments.has_session = true;
    arguments.session = PWK_SESSION_OWN;
    assert_int_equal(build(), 0);
    assert_true(find(PWK_STEP_STATE) < find(PWK_STEP_SESSION));
    assert_true(find(PWK_STEP_SESSION) < find(PWK_STEP_RUN));
    assert_int_equal(find(PWK_STEP_WATCH), -1);
    assert_true(says("copy-on-write view of the prefix"));
    assert_true(says("no network but loopback"));
    assert_true(plan.cage.overlay_files && plan.cage.isolated_network);
    assert_string_equal(plan.cage.state, facts.state);

    facts.profile.files = PWK_FILES_SHARED;
    arguments.network = PWK_NETWORK_HOST;
    assert_int_equal(build(), 0);
    assert_false(plan.cage.overlay_files || plan.cage.isolated_network);
    assert_true(says("the host's network"));
}

/* What wineserver does for a program cannot be held from the program's side. */
static void files_need_an_own_session(void **state)
{
    (void)state;
    arguments.files = PWK_FILES_OVERLAY;
    assert_int_equal(build(), -EINVAL);
    assert_non_null(strstr(error.text, "use --session own"));
}

static void network_of_either_session(void **state)
{
    (void)state;
    assert_int_equal(build(), 0);
    assert_int_equal(plan.record.network, PWK_NETWORK_HOST);
    facts.profile.network = PWK_NETWORK_ISOLATED;
    assert_int_equal(build(), 0);
    assert_int_equal(plan.record.network, PWK_NETWORK_ISOLATED);
    assert_true(says("every address but loopback"));
    assert_true(says("no boundary against hostile code, which can make sockets of its own"));
    facts.profile.network = PWK_NETWORK_OF_SESSION;
    facts.profile.session = PWK_SESSION_OWN;
    assert_int_equal(build(), 0);
    assert_int_equal(plan.record.network, PWK_NETWORK_ISOLATED);
    assert_false(says("every address but loopback"));
    arguments.network = PWK_NETWORK_HOST;
    assert_int_equal(build(), 0);
    assert_int_equal(plan.record.network, PWK_NETWORK_HOST);
}

/* In the shared session they would be everybody's. */
static void cages_need_an_own_session(void **state)
{
    (void)state;
    arguments.namespaces = PWK_NAMESPACES_NEEDED;
    assert_int_equal(build(), -EINVAL);
    assert_non_null(strstr(error.text, "--isolate"));
    arguments.namespaces = 0;
    facts.profile.home.mode = PWK_HOME_NONE;
    assert_int_equal(build(), -EINVAL);
    assert_non_null(strstr(error.text, "--home"));
    arguments.home.mode = PWK_HOME_FULL;
    facts.profile.cpu = 50;
    assert_int_equal(build(), -EINVAL);
    assert_non_null(strstr(error.text, "--max-cpu"));
    facts.profile.cpu = 0;
    arguments.io = 4096;
    assert_int_equal(build(), -EINVAL);
    assert_non_null(strstr(error.text, "--max-io"));
    arguments.io = 0;
    assert_int_equal(build(), 0);
}

/* The list of namespaces and the network's mode say the same, or contradict each other. */
static void namespaces_and_network(void **state)
{
    (void)state;
    arguments.has_session = true;
    arguments.session = PWK_SESSION_OWN;
    assert_int_equal(build(), 0);
    assert_true(plan.cage.own_ipc && plan.cage.own_uts && plan.cage.isolated_network);
    assert_true(says("(user,mount,pid,net,ipc,uts)"));

    arguments.namespaces = PWK_NAMESPACES_NEEDED | PWK_NAMESPACE_UTS;
    assert_int_equal(build(), 0);
    assert_true(plan.cage.own_uts && !plan.cage.own_ipc && !plan.cage.isolated_network);
    assert_true(says("(user,mount,pid,uts)"));
    assert_true(says("the host's network"));

    arguments.network = PWK_NETWORK_ISOLATED;
    assert_int_equal(build(), -EINVAL);
    assert_non_null(strstr(error.text, "contradict"));
    arguments.namespaces |= PWK_NAMESPACE_NET;
    assert_int_equal(build(), 0);
    arguments.network = PWK_NETWORK_HOST;
    assert_int_equal(build(), -EINVAL);
    assert_non_null(strstr(error.text, "contradict"));

    /* The command line wins over the profile, where the two contradict each other, too. */
    arguments.namespaces = 0;
    facts.profile.namespaces = PWK_NAMESPACES_NEEDED | PWK_NAMESPACE_NET;
    assert_int_equal(build(), 0);
    assert_true(!plan.cage.isolated_network && !plan.cage.own_ipc);
    arguments.network = PWK_NETWORK_OF_SESSION;
    facts.profile.network = PWK_NETWORK_HOST;
    assert_int_equal(build(), -EINVAL);
    assert_non_null(strstr(error.text, "[network] mode"));
}

static void limits(void **state)
{
    (void)state;
    arguments.has_session = true;
    arguments.session = PWK_SESSION_OWN;
    arguments.cpu = 50;
    facts.profile.io = 4096;
    facts.counts_io = true;
    assert_int_equal(build(), 0);
    assert_true(says("50% of a processor: its first process measures"));
    assert_true(says("4096 bytes a second of disk I/O: its first process measures"));
    strcpy(facts.cgroup.parent, "/groups");
    facts.cgroup.cpu = true;
    assert_int_equal(build(), 0);
    assert_true(says("50% of a processor by a control group in /groups"));
    assert_true(says("4096 bytes a second of disk I/O: its first process measures"));
    facts.counts_io = false;
    assert_int_equal(build(), -ENOSYS);
    assert_non_null(strstr(error.text, "--max-io"));
    facts.cgroup.io = true;
    assert_int_equal(build(), 0);
}

static void linux_policy(void **state)
{
    (void)state;
    assert_int_equal(build(), 0);
    assert_true(find(PWK_STEP_STATE) < find(PWK_STEP_POLICY));
    assert_true(find(PWK_STEP_POLICY) < find(PWK_STEP_RUN));
    assert_true(says("what no Windows program needs is refused; calls"));
    assert_true(says("others: allow; always refused: 32-bit and x32 calls, io_uring"));
    assert_true(plan.policy.built_in);

    facts.profile.syscall_base = PWK_SYSCALLS_STRICT;
    assert_int_equal(build(), 0);
    assert_true(says("what Wine does not need is refused; calls"));
    assert_true(says("others: errno"));

    strcpy(facts.profile_path, "/p.ini");
    assert_int_equal(pwk_syscall_rules_add(&facts.profile.syscalls, "ptrace", "kill", 7, NULL), 0);
    assert_int_equal(pwk_syscall_rules_add(&arguments.syscalls, "default", "kill", 0, NULL), 0);
    assert_int_equal(build(), 0);
    assert_true(says("with the profile's words over it"));
    assert_true(says("others: kill"));
    assert_false(plan.policy.built_in);

    assert_int_equal(pwk_syscall_rules_add(&facts.profile.syscalls, "pstrace", "kill", 8, NULL), 0);
    assert_int_equal(build(), -EINVAL);
    assert_string_equal(error.text, "/p.ini:8: [syscalls] pstrace: 'pstrace' is no Linux call of "
                                    "x86-64: see syscalls(2)");
    facts.profile.syscalls.count--;
    assert_int_equal(pwk_syscall_rules_add(&arguments.syscalls, "openat", "trap", 0, NULL), 0);
    assert_int_equal(build(), -EINVAL);
    assert_string_equal(error.text, "--syscall openat=trap: processes make openat where no "
                                    "handler can serve it: use errno");
}

static void ephemeral_kernels(void **state)
{
    (void)state;
    arguments.ephemeral = true;
    assert_int_equal(build(), 0);
    assert_true(find(PWK_STEP_STATE) < find(PWK_STEP_REAPER));
    assert_true(find(PWK_STEP_REAPER) < find(PWK_STEP_RUN));
    assert_true(says("create the ephemeral kernel"));

    facts.state_exists = true;
    assert_int_equal(build(), -EEXIST);
    assert_non_null(strstr(error.text, "default"));

    facts.state_ephemeral = true;
    assert_int_equal(build(), 0);

    /* Whoever takes part keeps it alive, also without the word. */
    arguments.ephemeral = false;
    assert_int_equal(build(), 0);
    assert_true(find(PWK_STEP_REAPER) >= 0);
}

static void environment_is_set_where_it_is_not(void **state)
{
    const struct pwk_step *step;

    (void)state;
    assert_int_equal(build(), 0);
    assert_true(find(PWK_STEP_ENVIRONMENT) >= 0);
    step = &plan.steps[find(PWK_STEP_ENVIRONMENT)];
    assert_string_equal(step->variable, "WINEDEBUG");
    assert_string_equal(step->value, "fixme-all,err-winediag,err-systray"
                                     ",err-vulkan,err-ntlm,err-ntoskrnl");
    assert_string_equal(step[1].variable, "WINESERVER");
    assert_string_equal(step[1].value, "/lib/wine/wineserver");
    assert_string_equal(step[2].variable, "WINEDLLPATH");
    assert_string_equal(step[2].value, "/lib/pwk");

    facts.has_wine_debug = true;
    facts.has_server = true;
    assert_int_equal(build(), 0);
    step = &plan.steps[find(PWK_STEP_ENVIRONMENT)];
    assert_string_equal(step[0].variable, "WINEDLLPATH");
    assert_string_equal(step[1].variable, "WINEPATH");
    assert_string_equal(step[1].value, "Z:\\lib\\pwk\\x86_64-windows");
    assert_string_equal(step[2].variable, "WINEDLLOVERRIDES");
    assert_string_equal(step[2].value, "pwk=b");

    facts.lacks_wayland = true;
    assert_int_equal(build(), 0);
    step = &plan.steps[find(PWK_STEP_ENVIRONMENT)];
    assert_string_equal(step[0].variable, "WAYLAND_DISPLAY");
    assert_string_equal(step[0].value, "/dev/null");
}

/* What the user has set stays, ours behind it, and once only. */
static void the_users_library_paths_stay(void **state)
{
    struct pwk_windows_library library;

    (void)state;
    assert_int_equal(setenv("WINEDLLPATH", "/own", 1), 0);
    assert_int_equal(setenv("WINEPATH", "C:\\own", 1), 0);
    assert_int_equal(setenv("WINEDLLOVERRIDES", "x=n;pwk=b", 1), 0);
    assert_int_equal(pwk_windows_library_find(&library, "/lib/pwk"), 0);
    assert_string_equal(library.values[0], "/own:/lib/pwk");
    assert_string_equal(library.values[1], "C:\\own;Z:\\lib\\pwk\\x86_64-windows");
    assert_string_equal(library.values[2], "x=n;pwk=b");
    pwk_windows_library_finish(&library);
    unsetenv("WINEDLLPATH");
    unsetenv("WINEPATH");
    unsetenv("WINEDLLOVERRIDES");
}

static void longest_plan_is_printed_one_step_a_line(void **state)
{
    char *text = NULL;
    size_t size = 0;
    size_t lines = 0;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    assert_non_null(stream);
    arguments.ephemeral = true;
    arguments.stats = true;
    arguments.has_windows = true;
    arguments.windows = PWK_WINDOWS_8;
    facts.prefix_exists = false;
    assert_int_equal(build(), 0);
    pwk_plan_print(&plan, stream);
    assert_int_equal(fclose(stream), 0);
    for (const char *p = text; *p != '\0'; p++)
        lines += *p == '\n';
    assert_int_equal(lines, plan.step_count);
    assert_memory_equal(text, " 1. ", 4);
    assert_non_null(strstr(text, "print the kernel's statistics"));
    assert_non_null(strstr(text, "see Windows 8, build 9200\n"));
    free(text);
}

/* Whatever bytes a path has, a reader of JSON can read it. */
static void plan_as_json(void **state)
{
    char *text = NULL;
    size_t size = 0, steps = 0;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    assert_non_null(stream);
    arguments.has_session = true;
    arguments.session = PWK_SESSION_OWN;
    strcpy(facts.loader, "/a \"quoted\" \\ path\n\x01 \xc3\xa4 \xff");
    assert_int_equal(build(), 0);
    pwk_plan_print_json(&plan, stream);
    assert_int_equal(fclose(stream), 0);
    for (const char *p = text; (p = strstr(p, "{\"step\": ")) != NULL; p++)
        steps++;
    assert_int_equal(steps, plan.step_count);
    assert_non_null(strstr(text, "\"session\": \"own\""));
    assert_non_null(strstr(text, "\"kind\": \"session\""));
    assert_non_null(strstr(text, "\"wall\": \"boundary\""));
    assert_non_null(strstr(text, "\"wall\": \"door\""));
    assert_non_null(strstr(text, "\"variable\": \"WINEDEBUG\", \"value\": \""));
    assert_non_null(strstr(text, "/a \\\"quoted\\\" \\\\ path\\u000a\\u0001 \xc3\xa4 \\ufffd"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_plan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(prefix_comes_before_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(command_line_over_profile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(builds_belong_to_their_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_of_windows_need_a_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(native_calls_are_caught, set_up, tear_down),
        cmocka_unit_test_setup_teardown(registry_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(own_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_need_an_own_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(network_of_either_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cages_need_an_own_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(namespaces_and_network, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plan_as_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(linux_policy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ephemeral_kernels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(environment_is_set_where_it_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_users_library_paths_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(longest_plan_is_printed_one_step_a_line, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
