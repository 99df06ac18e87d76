/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_learn.c - profiles written down and read back, and learned from the records of an audit log.
 * What a learned profile allows is asked of the policy that it makes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/audit_view.h"
#include "launcher/learn.h"
#include "sandbox/policy.h"

static struct pwk_learning learning;
static struct pwk_profile profile;

static int set_up(void **context)
{
    (void)context;
    memset(&learning, 0, sizeof(learning));
    pwk_profile_init(&profile);
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    pwk_profile_finish(&profile);
    return 0;
}

static void rule(const char *name, const char *action)
{
    assert_int_equal(pwk_syscall_rules_add(&profile.syscalls, name, action, 1, NULL), 0);
}

static void learn(const char *event, const char *verdict, const char *rest)
{
    char line[1024];
    int size = snprintf(line, sizeof(line),
                        "{\"time\":\"2026-01-01T00:00:00.000000Z\",\"kernel\":\"k\",\"pid\":1,"
                        "\"tid\":1,\"event\":\"%s\",\"verdict\":\"%s\"%s}",
                        event, verdict, rest);
    json_t *record = pwk_audit_parse(line, (size_t)size);

    assert_non_null(record);
    pwk_learn_record(&learning, record);
    json_decref(record);
}

static void resolve(struct pwk_policy *policy, const struct pwk_profile *of)
{
    const struct pwk_policy_words words = {&of->syscalls, "test"};
    struct pwk_error error = {""};

    if (pwk_policy_resolve(policy, of->syscall_base, &words, 1, &error) != 0)
        fail_msg("%s", error.text);
}

/* Written to a file and read over the built-in profile. */
static void write_and_read(const struct pwk_profile *from, struct pwk_profile *to)
{
    char path[] = "/tmp/test_learn.XXXXXX";
    struct pwk_error error = {""};
    int fd = mkstemp(path);
    FILE *stream = fdopen(fd, "w");

    assert_non_null(stream);
    pwk_profile_write(from, stream);
    assert_int_equal(fclose(stream), 0);
    pwk_profile_init(to);
    if (pwk_profile_load(to, path, &error) != 0)
        fail_msg("%s", error.text);
    unlink(path);
}

static void assert_same_policy(const struct pwk_profile *a, const struct pwk_profile *b)
{
    struct pwk_policy one, two;

    resolve(&one, a);
    resolve(&two, b);
    assert_int_equal(one.fallback, two.fallback);
    assert_int_equal(one.opened, two.opened);
    assert_memory_equal(one.actions, two.actions, sizeof(one.actions));
}

static void a_written_profile_reads_back_the_same(void **context)
{
    struct pwk_profile again;

    (void)context;
    profile.windows = PWK_WINDOWS_10;
    strcpy(profile.build, "22H2");
    profile.inherit = false;
    profile.session = PWK_SESSION_OWN;
    profile.display = PWK_REACH_NO;
    profile.printing = PWK_REACH_YES;
    profile.files = PWK_FILES_SHARED;
    profile.network = PWK_NETWORK_HOST;
    profile.registry = PWK_REGISTRY_PRIVATE;
    profile.registry_cache = 3 << 20;
    profile.syscall_numbers = PWK_NUMBERS_WINDOWS;
    profile.rewrite_sites = true;
    profile.audit = PWK_AUDIT_ALL;
    profile.audit_limit = 1234567;
    free(profile.passthrough[--profile.passthrough_count]);
    rule("@network", "errno");
    rule("socket", "allow");
    rule("ptrace", "kill");
    write_and_read(&profile, &again);
    assert_int_equal(again.windows, profile.windows);
    assert_string_equal(again.build, profile.build);
    assert_false(again.inherit);
    assert_int_equal(again.session, profile.session);
    assert_int_equal(again.display, profile.display);
    assert_int_equal(again.sound, profile.sound);
    assert_int_equal(again.printing, profile.printing);
    assert_int_equal(again.files, profile.files);
    assert_int_equal(again.network, profile.network);
    assert_int_equal(again.registry, profile.registry);
    assert_int_equal(again.registry_cache, profile.registry_cache);
    assert_int_equal(again.syscall_numbers, profile.syscall_numbers);
    assert_true(again.rewrite_sites);
    assert_int_equal(again.audit, profile.audit);
    assert_int_equal(again.audit_limit, profile.audit_limit);
    assert_int_equal(again.passthrough_count, profile.passthrough_count);
    for (size_t i = 0; i < again.passthrough_count; i++)
        assert_string_equal(again.passthrough[i], profile.passthrough[i]);
    assert_int_equal(again.syscalls.count, 3);
    assert_same_policy(&profile, &again);
    pwk_profile_finish(&again);
}

static void the_strict_profile_reads_back_the_same(void **context)
{
    struct pwk_profile again;

    (void)context;
    assert_int_equal(pwk_profile_built_in(&profile, "strict"), 0);
    write_and_read(&profile, &again);
    assert_same_policy(&profile, &again);
    pwk_profile_finish(&again);
}

static enum pwk_syscall_action action_of(const struct pwk_policy *policy, const char *name)
{
    return pwk_policy_action(policy, pwk_policy_number(name));
}

static void what_was_logged_is_allowed_and_nothing_else(void **context)
{
    struct pwk_policy policy;

    (void)context;
    rule("default", "log");
    rule("@memory", "allow"); /* was not logged */
    rule("mlock", "errno");
    learn("kernel", "started", ",\"windows\":\"7\",\"registry\":\"private\"");
    learn("syscall", "allowed", ",\"syscall\":\"read\",\"number\":\"0\"");
    learn("syscall", "allowed", ",\"syscall\":\"read\",\"number\":\"0\"");
    learn("syscall", "allowed", ",\"number\":\"1\"");
    learn("syscall", "trapped", ",\"syscall\":\"getpid\"");
    learn("syscall", "denied", ",\"syscall\":\"ptrace\"");
    learn("syscall", "allowed", ",\"syscall\":\"nothing\"");
    learn("syscall", "allowed", ",\"number\":\"511\"");
    learn("native_call", "denied", ",\"syscall\":\"execve\",\"number\":\"59\"");
    assert_int_equal(learning.records, 5);
    assert_int_equal(learning.unknown, 2);
    assert_int_equal(pwk_learn_profile(&learning, &profile, NULL), 0);
    assert_int_equal(profile.windows, PWK_WINDOWS_7);
    assert_int_equal(profile.registry, PWK_REGISTRY_PRIVATE);
    resolve(&policy, &profile);
    assert_int_equal(action_of(&policy, "read"), PWK_SYSCALL_ALLOW);
    assert_int_equal(action_of(&policy, "write"), PWK_SYSCALL_ALLOW);
    assert_int_equal(action_of(&policy, "getpid"), PWK_SYSCALL_ALLOW);
    assert_int_equal(action_of(&policy, "ptrace"), PWK_SYSCALL_ALLOW);
    assert_int_equal(action_of(&policy, "mmap"), PWK_SYSCALL_ALLOW);
    assert_int_equal(action_of(&policy, "execve"), PWK_SYSCALL_ERRNO);
    assert_int_equal(action_of(&policy, "openat"), PWK_SYSCALL_ERRNO);
    assert_int_equal(action_of(&policy, "io_uring_setup"), PWK_SYSCALL_ERRNO);
    assert_int_equal(policy.fallback, PWK_SYSCALL_ERRNO);
}

/* After a run under --profile strict: what that allows, and what it denied. */
static void what_strict_denied_is_allowed(void **context)
{
    struct pwk_policy policy, strict;
    struct pwk_profile base;

    (void)context;
    learn("process", "started", ",\"program\":\"x.exe\",\"policy\":\"strict\"");
    learn("syscall", "denied", ",\"syscall\":\"sched_setattr\"");
    assert_int_equal(pwk_learn_profile(&learning, &profile, NULL), 0);
    resolve(&policy, &profile);
    pwk_profile_init(&base);
    assert_int_equal(pwk_profile_built_in(&base, "strict"), 0);
    resolve(&strict, &base);
    pwk_profile_finish(&base);
    assert_int_equal(action_of(&strict, "sched_setattr"), PWK_SYSCALL_ERRNO);
    assert_int_equal(action_of(&policy, "sched_setattr"), PWK_SYSCALL_ALLOW);
    policy.actions[pwk_policy_number("sched_setattr")] = PWK_SYSCALL_ERRNO;
    assert_memory_equal(policy.actions, strict.actions, sizeof(policy.actions));
}

/* Under a profile that allows by default a denial is no reason to refuse all else. */
static void a_denial_alone_opens_one_call(void **context)
{
    struct pwk_policy policy;

    (void)context;
    rule("personality", "errno");
    rule("ptrace", "errno");
    learn("syscall", "denied", ",\"syscall\":\"personality\"");
    assert_int_equal(pwk_learn_profile(&learning, &profile, NULL), 0);
    resolve(&policy, &profile);
    assert_int_equal(action_of(&policy, "personality"), PWK_SYSCALL_ALLOW);
    assert_int_equal(action_of(&policy, "ptrace"), PWK_SYSCALL_ERRNO);
    assert_int_equal(policy.fallback, PWK_SYSCALL_ALLOW);
}

static void every_call_that_there_is_finds_room(void **context)
{
    struct pwk_profile again;
    char rest[64];

    (void)context;
    for (int number = 0; number < PWK_POLICY_CALLS; number++) {
        snprintf(rest, sizeof(rest), ",\"number\":\"%d\"", number);
        learn("syscall", "allowed", rest);
    }
    assert_int_equal(learning.records + learning.unknown, PWK_POLICY_CALLS);
    assert_true(learning.records > 300);
    assert_int_equal(pwk_learn_profile(&learning, &profile, NULL), 0);
    write_and_read(&profile, &again);
    assert_same_policy(&profile, &again);
    pwk_profile_finish(&again);
}

static void lines_that_are_no_records_are_none(void **context)
{
    static const char *const lines[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"time\":1}",
        "\xff",
        "{\"time\":\"t\",\"kernel\":\"k\"}",
        "{\"time\":\"t\",\"kernel\":\"k\",\"event\":\"e\",\"verdict\":\"v\",\"pid\":\"1\"}",
        "{\"time\":\"t\",\"kernel\":\"k\",\"event\":\"e\",\"verdict\":\"v\",\"pid\":1,\"pid\":2}",
        "{\"time\":\"t\",\"kernel\":\"k\",\"event\":\"e\",\"verdict\":\"v\",\"pid\":1} x",
    };

    (void)context;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_null(pwk_audit_parse(lines[i], strlen(lines[i])));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_written_profile_reads_back_the_same),
        TEST(the_strict_profile_reads_back_the_same),
        TEST(what_was_logged_is_allowed_and_nothing_else),
        TEST(what_strict_denied_is_allowed),
        TEST(a_denial_alone_opens_one_call),
        TEST(every_call_that_there_is_finds_room),
        TEST(lines_that_are_no_records_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
