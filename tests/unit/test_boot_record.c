/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_boot_record.c - what is written is read back the same, and a text that was tampered with is
 * refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/boot_record.h"

#define PREFIX PWK_BOOT_VARIABLE "="

static void fill(struct pwk_boot_record *record)
{
    memset(record, 0, sizeof(*record));
    strcpy(record->kernel, "games.1");
    strcpy(record->state, "/home/a b/pre=fix/pwk/kernels/games.1");
    strcpy(record->runtime, "/run/user/1000/pwk");
    strcpy(record->audit, "/var/log/p\xc3\xa4k.jsonl");
    record->windows = PWK_WINDOWS_10;
    record->build = 17763;
    record->registry = PWK_REGISTRY_OFF;
    record->audit_level = PWK_AUDIT_DENIALS;
    record->audit_limit = UINT64_C(5000000000);
    record->registry_cache = UINT64_MAX;
    record->session = PWK_SESSION_OWN;
    record->inherit = true;
    record->network = PWK_NETWORK_ISOLATED;
    record->syscall_numbers = PWK_NUMBERS_WINDOWS;
    record->rewrite_sites = true;
    record->policy = PWK_POLICY_FILE;
    record->policy_file = 7;
    record->policy_armed = true;
    record->passthrough[0] = strdup("\\Registry\\Machine\\A=b");
    record->passthrough[1] = strdup("\\Registry\\User\\S-1 x");
    record->passthrough_count = 2;
}

static char *filled_text(void)
{
    struct pwk_boot_record record;
    char *text;

    fill(&record);
    text = pwk_boot_record_format(&record);
    pwk_boot_record_finish(&record);
    assert_non_null(text);
    assert_memory_equal(text, PREFIX, sizeof(PREFIX) - 1);
    return text;
}

static void round_trip(void **state)
{
    struct pwk_boot_record expected;
    struct pwk_boot_record record;
    struct pwk_error error;
    char *text = filled_text();

    (void)state;
    fill(&expected);
    assert_int_equal(pwk_boot_record_parse(&record, text + sizeof(PREFIX) - 1, &error), 0);
    assert_string_equal(record.kernel, expected.kernel);
    assert_string_equal(record.state, expected.state);
    assert_string_equal(record.runtime, expected.runtime);
    assert_string_equal(record.audit, expected.audit);
    assert_int_equal(record.windows, expected.windows);
    assert_int_equal(record.build, 17763);
    assert_int_equal(record.registry, expected.registry);
    assert_int_equal(record.audit_level, expected.audit_level);
    assert_int_equal(record.audit_limit, expected.audit_limit);
    assert_true(record.registry_cache == expected.registry_cache);
    assert_int_equal(record.session, PWK_SESSION_OWN);
    assert_true(record.inherit);
    assert_int_equal(record.network, PWK_NETWORK_ISOLATED);
    assert_int_equal(record.syscall_numbers, PWK_NUMBERS_WINDOWS);
    assert_true(record.rewrite_sites);
    assert_int_equal(record.policy, PWK_POLICY_FILE);
    assert_int_equal(record.policy_file, 7);
    assert_true(record.policy_armed);
    assert_int_equal(record.passthrough_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(record.passthrough[i], expected.passthrough[i]);
    pwk_boot_record_finish(&record);
    pwk_boot_record_finish(&expected);
    free(text);
}

static void no_version_asked_for(void **state)
{
    struct pwk_boot_record record;
    char *text;

    (void)state;
    fill(&record);
    record.windows = PWK_WINDOWS_PREFIX;
    record.build = 0;
    record.audit[0] = '\0';
    text = pwk_boot_record_format(&record);
    pwk_boot_record_finish(&record);
    assert_int_equal(pwk_boot_record_parse(&record, text + sizeof(PREFIX) - 1, NULL), 0);
    assert_int_equal(record.windows, PWK_WINDOWS_PREFIX);
    assert_string_equal(record.audit, "");
    pwk_boot_record_finish(&record);
    free(text);
}

static void line_breaks_are_not_written(void **state)
{
    struct pwk_boot_record record;

    (void)state;
    fill(&record);
    strcpy(record.state, "/a\ninherit=no");
    assert_null(pwk_boot_record_format(&record));
    strcpy(record.state, "/a");
    record.passthrough[1][3] = '\n';
    assert_null(pwk_boot_record_format(&record));
    pwk_boot_record_finish(&record);
}

/* Puts `to` for the first `from`, and expects the whole to be refused. */
static void expect_refused(const char *from, const char *to)
{
    struct pwk_boot_record record;
    struct pwk_error error;
    char *text = filled_text();
    char *at = strstr(text, from);
    char *changed;

    assert_non_null(at);
    changed = malloc(strlen(text) + strlen(to) + 1);
    assert_non_null(changed);
    memcpy(changed, text, (size_t)(at - text));
    strcpy(changed + (at - text), to);
    strcat(changed, at + strlen(from));
    error.text[0] = '\0';
    if (pwk_boot_record_parse(&record, changed + sizeof(PREFIX) - 1, &error) != -EINVAL)
        fail_msg("'%s' for '%s' was taken", to, from);
    assert_non_null(strstr(error.text, PWK_BOOT_VARIABLE));
    assert_int_equal(record.passthrough_count, 0);
    free(changed);
    free(text);
}

static void tampered_texts_are_refused(void **state)
{
    char long_path[PATH_MAX + 16];

    (void)state;
    memset(long_path, '/', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    memcpy(long_path, "state=", 6);
    expect_refused("version=3", "version=1");
    expect_refused("kernel=games.1\n", "kernel=../x\n");
    expect_refused("kernel=games.1\n", "kernel=\n");
    expect_refused("kernel=games.1\n", "");
    expect_refused("kernel=games.1\n", "kernel=a\nkernel=b\n");
    expect_refused("state=/home", "state=home");
    expect_refused("state=", long_path);
    expect_refused("runtime=/run/user/1000/pwk", "runtime=");
    expect_refused("audit=/", "audit=");
    expect_refused("windows=10", "windows=9");
    expect_refused("windows=10", "windows=11"); /* the build is not its */
    expect_refused("windows=10", "windows=prefix");
    expect_refused("build=17763", "build=17764");
    expect_refused("build=17763", "build=4294985059"); /* 17763 beyond 32 bits */
    expect_refused("build=17763", "build=1809");
    expect_refused("registry=off", "registry=overlaid");
    expect_refused("audit_level=denials", "audit_level=");
    expect_refused("audit_limit=5000000000", "audit_limit=-1");
    expect_refused("registry_cache=1", "registry_cache=-1");
    expect_refused("session=own", "session=mine");
    expect_refused("inherit=yes", "inherit=YES");
    expect_refused("syscall_numbers=windows", "syscall_numbers=linux");
    expect_refused("rewrite_sites=yes", "rewrite_sites=1");
    expect_refused("policy=+7", "policy=+2");
    expect_refused("policy=+7", "policy=7");
    expect_refused("policy=+7", "policy=--7");
    expect_refused("policy=+7", "policy=-7x");
    expect_refused("policy=+7", "policy=-99999999999999999999");
    expect_refused("policy=+7", "policy=");
    expect_refused("policy=+7", "policy=-");
    expect_refused("policy=+7", "policy=-lenient");
    expect_refused("policy=+7\n", "");
    expect_refused("passthrough=\\", "passthrough=");
    expect_refused("inherit=yes", "inherit=yes\nunknown=1");
    expect_refused("inherit=yes", "inherit=yes\nno equals sign");
    expect_refused("inherit=yes\n", "inherit=yes\n\n");
}

static void too_much_is_refused(void **state)
{
    struct pwk_boot_record record;
    char *text = filled_text();
    char *much = calloc(1, (2 << 20) + 1);
    size_t length = 0;

    (void)state;
    assert_non_null(much);
    memset(much, 'x', 2 << 20);
    assert_int_equal(pwk_boot_record_parse(&record, much, NULL), -EINVAL);
    for (size_t i = 0; i <= PWK_MAX_PASSTHROUGH; i++)
        length += strlen(strcpy(much + length, "passthrough=\\x\n"));
    strcpy(much + length, text + sizeof(PREFIX) - 1);
    assert_int_equal(pwk_boot_record_parse(&record, much, NULL), -EINVAL);
    assert_int_equal(pwk_boot_record_parse(&record, "", NULL), -EINVAL);
    free(much);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(no_version_asked_for),
        cmocka_unit_test(line_breaks_are_not_written),
        cmocka_unit_test(tampered_texts_are_refused),
        cmocka_unit_test(too_much_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
