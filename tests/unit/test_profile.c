/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_profile.c - profiles are read from real files: what is taken, and for what is refused the
 * file, the line and the mend.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/profile.h"

static char folder[] = "/tmp/test_profile.XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/profile.ini", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_bytes(const char *text, size_t size)
{
    FILE *stream = fopen(path, "w");

    assert_non_null(stream);
    assert_int_equal(fwrite(text, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

static int load(struct pwk_profile *profile, const char *text, struct pwk_error *error)
{
    write_bytes(text, strlen(text));
    error->text[0] = '\0';
    return pwk_profile_load(profile, path, error);
}

static bool passes_through(const struct pwk_profile *profile, const char *key)
{
    for (size_t i = 0; i < profile->passthrough_count; i++)
        if (strcmp(profile->passthrough[i], key) == 0)
            return true;
    return false;
}

static void built_in_profile(void **state)
{
    struct pwk_profile profile;

    (void)state;
    pwk_profile_init(&profile);
    assert_int_equal(profile.windows, PWK_WINDOWS_PREFIX);
    assert_int_equal(profile.registry, PWK_REGISTRY_OVERLAY);
    assert_int_equal(profile.audit, PWK_AUDIT_DECISIONS);
    assert_true(profile.inherit);
    assert_true(passes_through(&profile, "\\Registry\\Machine\\Hardware"));
    assert_true(passes_through(&profile, "\\Registry\\Machine\\System\\ControlSet001\\Enum"));
    assert_true(passes_through(&profile, "\\Registry\\Machine\\System\\CurrentControlSet\\Enum"));
    pwk_profile_finish(&profile);
}

static void whole_profile(void **state)
{
    struct pwk_profile profile;
    struct pwk_error error;
    size_t built_in;

    (void)state;
    pwk_profile_init(&profile);
    built_in = profile.passthrough_count;
    assert_int_equal(load(&profile,
                          "\xef\xbb\xbf; a comment\n"
                          "[kernel]\n"
                          "  build = 21H2\n"
                          "  windows = 11   ; another\n"
                          "  inherit = no\r\n"
                          "[session]\nmode = shared\ndisplay = no\nprinting = yes\n"
                          "[network]\nmode = host\n"
                          "[registry]\nmode = off\ncache = 16M\n"
                          "passthrough = \\Registry\\Machine\\Software\\A b\n"
                          "passthrough = \\Registry\\User\\X\n"
                          "[syscalls]\nsyscall_numbers = windows\nrewrite_sites = yes\n"
                          "default = log\n@file = errno\nptrace = kill\n"
                          "[drivers]\nenable = no\n"
                          "[audit]\nlevel = all",
                          &error),
                     0);
    assert_int_equal(profile.windows, PWK_WINDOWS_11);
    assert_string_equal(profile.build, "21H2");
    assert_false(profile.inherit);
    assert_int_equal(profile.session, PWK_SESSION_SHARED);
    assert_int_equal(profile.display, PWK_REACH_NO);
    assert_int_equal(profile.sound, PWK_REACH_OF_SESSION);
    assert_int_equal(profile.printing, PWK_REACH_YES);
    assert_int_equal(profile.registry, PWK_REGISTRY_OFF);
    assert_int_equal(profile.registry_cache, 16 << 20);
    assert_int_equal(profile.syscall_numbers, PWK_NUMBERS_WINDOWS);
    assert_true(profile.rewrite_sites);
    assert_int_equal(profile.syscall_base, PWK_SYSCALLS_DEFAULT);
    assert_int_equal(profile.syscalls.count, 3);
    assert_string_equal(profile.syscalls.rule[0].name, "default");
    assert_int_equal(profile.syscalls.rule[0].action, PWK_SYSCALL_LOG);
    assert_string_equal(profile.syscalls.rule[1].name, "@file");
    assert_int_equal(profile.syscalls.rule[1].action, PWK_SYSCALL_ERRNO);
    assert_string_equal(profile.syscalls.rule[2].name, "ptrace");
    assert_int_equal(profile.syscalls.rule[2].action, PWK_SYSCALL_KILL);
    assert_int_equal(profile.syscalls.rule[2].line, 22);
    assert_int_equal(profile.audit, PWK_AUDIT_ALL);
    assert_int_equal(profile.passthrough_count, built_in + 2);
    assert_true(passes_through(&profile, "\\Registry\\Machine\\Software\\A b"));
    pwk_profile_finish(&profile);
}

static void built_in_profile_has_an_own_session(void **state)
{
    struct pwk_profile profile;

    (void)state;
    pwk_profile_init(&profile);
    assert_int_equal(profile.session, PWK_SESSION_OWN);
    assert_int_equal(profile.files, PWK_FILES_OF_SESSION);
    assert_int_equal(profile.network, PWK_NETWORK_OF_SESSION);
    pwk_profile_finish(&profile);
}

static void empty_passthrough_empties_the_list(void **state)
{
    struct pwk_profile profile;
    struct pwk_error error;

    (void)state;
    pwk_profile_init(&profile);
    assert_int_equal(
        load(&profile, "[registry]\npassthrough =\npassthrough = \\Registry\\Machine\\Hardware\n",
             &error),
        0);
    assert_int_equal(profile.passthrough_count, 1);
    pwk_profile_finish(&profile);
}

static void refusals_name_file_line_and_mend(void **state)
{
    static const struct {
        const char *text;
        const char *where;
        const char *what;
    } cases[] = {
        {"[kernel]\nwindows = 10\n[limits]\n\n\n\nmemory = 2G\n", ":7:",
         "[limits] memory: not in this version of pwk (it comes with quotas); remove the line"},
        {"[kernel]\ncolour = red\n", ":2:", "windows, build, inherit"},
        {"[kernel]\nbuild = 2101\n", ":2:", "no build of Windows 7: use one of 7601"},
        {"[kernel]\nwindows = 10\nbuild = 23H2\n", ":3:", "1507 (10240), 1511 (10586)"},
        {"[kernel]\nwindows = 10\nbuild = 22000\n", ":3:", "no build of Windows 10"},
        {"[kernel]\nwindows = 11\nbuild = 26200\nwindows = 8\n", ":4:", "use one of 9200"},
        {"[kernel]\nbuild =\n", ":2:", "'' is no build"},
        {"[paint]\ncolour = red\n", ":2:", "kernel, session, files, registry"},
        {"windows = 10\n", ":1:", "before any section"},
        {"[kernel]\n\nnonsense\n", ":3:", "neither [section] nor key = value"},
        {"[kernel\nwindows = 10\n", ":1:", "neither"},
        {"[kernel]\nwindows = 95\n", ":2:", "7, 8, 8.1, 10 or 11"},
        {"[kernel]\nwindows = prefix\n", ":2:", "7, 8, 8.1, 10 or 11"},
        {"[kernel]\ninherit = maybe\n", ":2:", "neither yes nor no"},
        {"[registry]\nmode = overlaid\n", ":2:", "use overlay, private or off"},
        {"[registry]\ncache = 12Q\n", ":2:", "12Q"},
        {"[registry]\ncache = 99999999999999999999\n", ":2:", "too large"},
        {"[registry]\npassthrough = HKLM\\Software\n", ":2:", "\\Registry\\Machine\\..."},
        {"[registry]\npassthrough = \\Registry\\\n", ":2:", "\\Registry\\Machine\\..."},
        {"[session]\nmode = mine\n", ":2:", "own or shared"},
        {"[session]\nsound = on\n", ":2:", "neither yes nor no"},
        {"[session]\nprinter = yes\n", ":2:", "use one of mode, display, sound, printing"},
        {"[files]\nmode = none\n", ":2:", "overlay or shared"},
        {"[network]\nmode = off\n", ":2:", "isolated or host"},
        {"[syscalls]\nptrace = deny\n", ":2:", "allow, errno, log, trap, notify or kill"},
        {"[syscalls]\nptrace =\n", ":2:", "'' is no action"},
        {"[syscalls]\n\nPtrace = errno\n", ":3:", "neither a Linux call's name nor a group's"},
        {"[syscalls]\ndefault = notify\n", ":2:", "the default cannot be 'notify'"},
        {"[syscalls]\nsyscall_numbers = linux\n", ":2:", "neither ntdll nor windows"},
        {"[drivers]\nenable = yes\n", ":2:", "enable = no"},
        {"[audit]\nlevel = loud\n", ":2:", "off, denials, decisions or all"},
        {"[kernel]\n   inherit = yes\n   windows = 1\n", ":3:", "'1'"},
        {"[kernel]\nwindows = 1\nnonsense\n", ":2:", "'1'"},
        {"[kernel]\nnonsense\nwindows = 1\n", ":2:", "neither"},
    };
    struct pwk_profile profile;
    struct pwk_error error;

    (void)state;
    pwk_profile_init(&profile);
    profile.windows = PWK_WINDOWS_7;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char where[96];

        snprintf(where, sizeof(where), "%s%s", path, cases[i].where);
        assert_true(load(&profile, cases[i].text, &error) < 0);
        if (strncmp(error.text, where, strlen(where)) != 0 ||
            strstr(error.text, cases[i].what) == NULL)
            fail_msg("'%s' is said of '%s'", error.text, cases[i].text);
        assert_null(strchr(error.text, '\n'));
        assert_int_equal(profile.windows, PWK_WINDOWS_7);
    }
    pwk_profile_finish(&profile);
}

static void built_in_profiles_by_name(void **state)
{
    struct pwk_profile profile;

    (void)state;
    pwk_profile_init(&profile);
    assert_int_equal(profile.syscall_base, PWK_SYSCALLS_DEFAULT);
    assert_int_equal(pwk_profile_built_in(&profile, "lenient"), -ENOENT);
    assert_int_equal(profile.syscall_base, PWK_SYSCALLS_DEFAULT);
    assert_int_equal(pwk_profile_built_in(&profile, "default"), 0);
    assert_int_equal(profile.syscall_base, PWK_SYSCALLS_DEFAULT);
    assert_int_equal(pwk_profile_built_in(&profile, "strict"), 0);
    assert_int_equal(profile.syscall_base, PWK_SYSCALLS_STRICT);
    assert_int_equal(profile.syscalls.count, 0);
    pwk_profile_finish(&profile);
}

static void too_many_rules(void **state)
{
    struct pwk_syscall_rules rules = {0};
    struct pwk_error error;

    (void)state;
    for (size_t i = 0; i < PWK_MAX_SYSCALL_RULES; i++)
        assert_int_equal(pwk_syscall_rules_add(&rules, "read", "allow", 1, &error), 0);
    assert_int_equal(pwk_syscall_rules_add(&rules, "read", "allow", 1, &error), -E2BIG);
    assert_int_equal(rules.count, PWK_MAX_SYSCALL_RULES);
}

static void bad_files(void **state)
{
    static const char zero[] = "[kernel]\nwin\0dows = 10\n";
    struct pwk_profile profile;
    struct pwk_error error;
    char line[512];

    (void)state;
    pwk_profile_init(&profile);
    write_bytes(zero, sizeof(zero) - 1);
    assert_int_equal(pwk_profile_load(&profile, path, &error), -EINVAL);
    assert_non_null(strstr(error.text, "zero byte"));
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    assert_int_equal(load(&profile, line, &error), -EINVAL);
    assert_non_null(strstr(error.text, "profile.ini:1: the line is longer"));
    assert_int_equal(load(&profile, "", &error), 0);
    assert_int_equal(pwk_profile_load(&profile, folder, &error), -EISDIR);
    unlink(path);
    assert_int_equal(pwk_profile_load(&profile, path, &error), -ENOENT);
    assert_non_null(strstr(error.text, path));
    pwk_profile_finish(&profile);
}

static void too_many_paths(void **state)
{
    struct pwk_profile profile;
    struct pwk_error error;
    char text[4096] = "[registry]\n";
    size_t before;

    (void)state;
    pwk_profile_init(&profile);
    before = profile.passthrough_count;
    for (size_t i = before; i <= PWK_MAX_PASSTHROUGH; i++)
        strcat(text, "passthrough = \\Registry\\Machine\\X\n");
    assert_int_equal(load(&profile, text, &error), -E2BIG);
    assert_int_equal(profile.passthrough_count, before);
    pwk_profile_finish(&profile);
}

static void sizes(void **state)
{
    static const struct {
        const char *word;
        uint64_t value;
    } good[] = {
        {"0", 0},
        {"1000", 1000},
        {"1K", 1024},
        {"64M", UINT64_C(64) << 20},
        {"2G", UINT64_C(2) << 30},
        {"1T", UINT64_C(1) << 40},
        {"18446744073709551615", UINT64_MAX},
    };
    static const char *const bad[] = {"",         "M",    "-1",   "1m", "1MM",
                                      "1 M",      "0x10", "1.5G", "+1", "18446744073709551616",
                                      "16777216T"};
    uint64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(pwk_size_parse(good[i].word, &value, NULL), 0);
        assert_int_equal(value, good[i].value);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(pwk_size_parse(bad[i], &value, NULL), -EINVAL);
}

static void words_and_back(void **state)
{
    (void)state;
    for (enum pwk_windows i = PWK_WINDOWS_7; i <= PWK_WINDOWS_11; i++) {
        enum pwk_windows back;

        assert_int_equal(pwk_windows_parse(pwk_windows_word(i), &back, NULL), 0);
        assert_int_equal(back, i);
    }
    for (enum pwk_audit_level i = PWK_AUDIT_OFF; i <= PWK_AUDIT_ALL; i++) {
        enum pwk_audit_level back;

        assert_int_equal(pwk_audit_level_parse(pwk_audit_level_word(i), &back, NULL), 0);
        assert_int_equal(back, i);
    }
    assert_string_equal(pwk_windows_word((enum pwk_windows)77), "unknown");
}

static void error_lines_stay_lines(void **state)
{
    struct pwk_error error;
    char text[3 * sizeof(error.text)];

    (void)state;
    assert_int_equal(pwk_error_set(&error, -EIO, "a\nb\x1b[31m\x7f"), -EIO);
    assert_string_equal(error.text, "a\\x0ab\\x1b[31m\\x7f");
    pwk_error_set(&error, -EIO, "\xc2\x9b" "31m \xc3\xa4\xc2\xa0 \xc2");
    assert_string_equal(error.text, "\\xc2\\x9b" "31m \xc3\xa4\xc2\xa0 \xc2");
    assert_int_equal(pwk_error_set(NULL, -EIO, "%s", "nowhere"), -EIO);
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa4", 3);
    for (size_t shift = 0; shift < 2; shift++) {
        size_t length;

        pwk_error_set(&error, 0, "%s%s", shift == 0 ? "" : "x", text);
        length = strlen(error.text);
        assert_true(length < sizeof(error.text));
        assert_string_equal(error.text + length - 3, "...");
        assert_int_equal((unsigned char)error.text[length - 4], 0xa4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_profile),
        cmocka_unit_test(whole_profile),
        cmocka_unit_test(built_in_profile_has_an_own_session),
        cmocka_unit_test(empty_passthrough_empties_the_list),
        cmocka_unit_test(refusals_name_file_line_and_mend),
        cmocka_unit_test(built_in_profiles_by_name),
        cmocka_unit_test(too_many_rules),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(too_many_paths),
        cmocka_unit_test(sizes),
        cmocka_unit_test(words_and_back),
        cmocka_unit_test(error_lines_stay_lines),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
