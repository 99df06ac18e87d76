/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_audit.c - the audit log: every line is read back with jansson.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/audit.h"

static char folder[32];
static char path[64];
static char second[64];

static int set_up(void **context)
{
    (void)context;
    strcpy(folder, "/tmp/pwk-audit-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    snprintf(path, sizeof(path), "%s/audit.jsonl", folder);
    snprintf(second, sizeof(second), "%s/second.jsonl", folder);
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    unlink(path);
    unlink(second);
    return rmdir(folder);
}

static pwk_audit_t *open_audit(const char *other, enum pwk_audit_level level)
{
    pwk_audit_t *audit;
    struct pwk_error error = {""};
    int result = pwk_audit_open("games", path, other, level, &audit, &error);

    if (result != 0) {
        fail_msg("%d: %s", result, error.text);
    }
    return audit;
}

/* All records of a file, an array to be released; lines that are no JSON are counted. */
static json_t *read_records(const char *name, int *broken)
{
    json_t *records = json_array();
    FILE *file = fopen(name, "r");
    char *line = NULL;
    size_t capacity = 0;

    *broken = 0;
    assert_non_null(file);
    while (getline(&line, &capacity, file) > 0) {
        json_t *record = json_loads(line, 0, NULL);
        if (record == NULL) {
            ++*broken;
        } else {
            json_array_append_new(records, record);
        }
    }
    free(line);
    fclose(file);
    return records;
}

static const char *text_of(json_t *records, size_t index, const char *name)
{
    const char *text = json_string_value(json_object_get(json_array_get(records, index), name));
    return text != NULL ? text : "(none)";
}

static void a_record_says_who_what_and_when(void **context)
{
    (void)context;
    struct stat status;
    int broken;
    int year, month, day, hour, minute, whole, micro;
    char zone;
    pwk_audit_t *audit = open_audit(NULL, PWK_AUDIT_DECISIONS);

    errno = EXDEV;
    pwk_audit_write(audit, PWK_AUDIT_DENIALS, "attach", "denied", "path", "C:\\a \"b\"\n\x7f",
                    "empty", "", "none", NULL, NULL);
    assert_int_equal(errno, EXDEV);
    pwk_audit_close(audit);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);

    json_t *records = read_records(path, &broken);
    json_t *record = json_array_get(records, 0);
    assert_int_equal(broken, 0);
    assert_int_equal(json_array_size(records), 1);
    assert_int_equal(json_object_size(record), 8 + 1);
    assert_string_equal(text_of(records, 0, "kernel"), "games");
    assert_string_equal(text_of(records, 0, "event"), "attach");
    assert_string_equal(text_of(records, 0, "verdict"), "denied");
    assert_string_equal(text_of(records, 0, "path"), "C:\\a \"b\"\n\x7f");
    assert_string_equal(text_of(records, 0, "empty"), "");
    assert_string_equal(text_of(records, 0, "none"), "");
    assert_int_equal(json_integer_value(json_object_get(record, "pid")), getpid());
    assert_int_equal(json_integer_value(json_object_get(record, "tid")), gettid());
    assert_int_equal(sscanf(text_of(records, 0, "time"), "%4d-%2d-%2dT%2d:%2d:%2d.%6d%c", &year,
                            &month, &day, &hour, &minute, &whole, &micro, &zone),
                     8);
    assert_int_equal(zone, 'Z');

    /* The calendar is the C library's. */
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = whole};
    time_t written = timegm(&tm);
    assert_true(written <= time(NULL) && written > time(NULL) - 3600);
    json_decref(records);
}

static void the_level_decides(void **context)
{
    (void)context;
    static const int kept[] = {0, 1, 2, 3};
    int broken;

    for (int level = PWK_AUDIT_OFF; level <= PWK_AUDIT_ALL; level++) {
        pwk_audit_t *audit = open_audit(NULL, (enum pwk_audit_level)level);
        pwk_audit_write(audit, PWK_AUDIT_DENIALS, "a", "denied", NULL);
        pwk_audit_write(audit, PWK_AUDIT_DECISIONS, "b", "decided", NULL);
        pwk_audit_write(audit, PWK_AUDIT_ALL, "c", "done", NULL);
        pwk_audit_write(audit, PWK_AUDIT_OFF, "d", "never", NULL);
        pwk_audit_close(audit);
        if (level == PWK_AUDIT_OFF) {
            assert_int_equal(access(path, F_OK), -1);
            continue;
        }
        json_t *records = read_records(path, &broken);
        assert_int_equal(json_array_size(records), kept[level]);
        json_decref(records);
        unlink(path);
    }
    pwk_audit_write(NULL, PWK_AUDIT_DENIALS, "a", "denied", NULL);
    pwk_audit_close(NULL);
}

static void bad_utf8_is_replaced(void **context)
{
    (void)context;
    int broken;
    pwk_audit_t *audit = open_audit(NULL, PWK_AUDIT_ALL);

    pwk_audit_write(audit, PWK_AUDIT_ALL, "e", "v", "good", "\xf0\x9f\x8e\xb2 \xc3\xa9", "overlong",
                    "a\xc0\xaf"
                    "b",
                    "surrogate", "\xed\xa0\x80", "half", "x\xe2\x82", "high", "\xf4\x90\x80\x80",
                    NULL);
    pwk_audit_close(audit);
    json_t *records = read_records(path, &broken);
    assert_int_equal(broken, 0);
    assert_string_equal(text_of(records, 0, "good"), "\xf0\x9f\x8e\xb2 \xc3\xa9");
    assert_string_equal(text_of(records, 0, "overlong"), "a\xef\xbf\xbd\xef\xbf\xbd"
                                                         "b");
    assert_string_equal(text_of(records, 0, "surrogate"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(text_of(records, 0, "half"), "x\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(text_of(records, 0, "high"),
                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(records);
}

static void long_values_are_cut_and_it_is_said(void **context)
{
    (void)context;
    static char value[100000];
    int broken;
    pwk_audit_t *audit = open_audit(second, PWK_AUDIT_ALL);

    memset(value, '\x01', sizeof(value) - 1);
    pwk_audit_write(audit, PWK_AUDIT_ALL, "e", "v", "long", value, "after", "whole", NULL);
    pwk_audit_write(audit, PWK_AUDIT_ALL, "e", "v", "a", value, "b", value, "c", value, "d", value,
                    "e", value, "f", value, NULL);
    pwk_audit_write(audit, PWK_AUDIT_ALL, "e", "v", NULL);
    pwk_audit_close(audit);
    for (int i = 0; i < 2; i++) {
        json_t *records = read_records(i == 0 ? path : second, &broken);
        assert_int_equal(broken, 0);
        assert_int_equal(json_array_size(records), 3);
        assert_true(strlen(text_of(records, 0, "long")) > 600);
        assert_string_equal(text_of(records, 0, "after"), "whole");
        assert_true(json_is_true(json_object_get(json_array_get(records, 0), "cut")));
        assert_true(json_is_true(json_object_get(json_array_get(records, 1), "cut")));
        assert_null(json_object_get(json_array_get(records, 2), "cut"));
        json_decref(records);
    }
}

static void records_of_many_processes_never_mix(void **context)
{
    (void)context;
    int broken;
    char value[2000];
    size_t seen[4] = {0};

    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            pwk_audit_t *audit = open_audit(NULL, PWK_AUDIT_ALL);
            char name[2] = {(char)('0' + i), '\0'};
            memset(value, 'a' + i, sizeof(value));
            for (int j = 0; j < 300; j++) {
                value[j * 5 + 10] = '\0';
                pwk_audit_write(audit, PWK_AUDIT_ALL, name, "v", "value", value, NULL);
                value[j * 5 + 10] = 'a';
            }
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
    json_t *records = read_records(path, &broken);
    assert_int_equal(broken, 0);
    assert_int_equal(json_array_size(records), 1200);
    for (size_t i = 0; i < 1200; i++) {
        seen[text_of(records, i, "event")[0] - '0']++;
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(seen[i], 300);
    }
    json_decref(records);
}

/* Records are lost while the file may not grow; the next one that is kept says how many. */
static void what_was_dropped_is_counted(void **context)
{
    (void)context;
    int broken;
    pid_t child = fork();

    if (child == 0) {
        struct rlimit limit;
        struct stat status;
        getrlimit(RLIMIT_FSIZE, &limit);
        struct rlimit none = limit;
        signal(SIGXFSZ, SIG_IGN);
        pwk_audit_t *audit = open_audit(second, PWK_AUDIT_ALL);
        pwk_audit_write(audit, PWK_AUDIT_ALL, "kept", "v", NULL);
        bool sized = stat(path, &status) == 0;
        none.rlim_cur = (rlim_t)status.st_size;
        setrlimit(RLIMIT_FSIZE, &none);
        for (int i = 0; i < 3; i++) {
            pwk_audit_write(audit, PWK_AUDIT_ALL, "lost", "v", NULL);
        }
        none.rlim_cur += 40;
        setrlimit(RLIMIT_FSIZE, &none);
        pwk_audit_write(audit, PWK_AUDIT_ALL, "torn", "v", NULL);
        setrlimit(RLIMIT_FSIZE, &limit);
        pwk_audit_write(audit, PWK_AUDIT_ALL, "after", "v", NULL);
        pwk_audit_write(audit, PWK_AUDIT_ALL, "last", "v", NULL);
        _exit(!sized);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    json_t *records = read_records(path, &broken);
    assert_int_equal(broken, 1);
    assert_int_equal(json_array_size(records), 3);
    assert_string_equal(text_of(records, 1, "event"), "after");
    json_t *dropped = json_object_get(json_array_get(records, 1), "dropped");
    assert_int_equal(json_integer_value(dropped), 4);
    assert_null(json_object_get(json_array_get(records, 2), "dropped"));
    json_decref(records);

    /* The user's own log says so in a line of its own. */
    records = read_records(second, &broken);
    assert_int_equal(broken, 1);
    assert_int_equal(json_array_size(records), 4);
    assert_string_equal(text_of(records, 1, "verdict"), "dropped");
    dropped = json_object_get(json_array_get(records, 1), "dropped");
    assert_int_equal(json_integer_value(dropped), 4);
    assert_string_equal(text_of(records, 2, "event"), "after");
    assert_null(json_object_get(json_array_get(records, 3), "dropped"));
    json_decref(records);
}

static void only_files_are_opened(void **context)
{
    (void)context;
    struct pwk_error error = {""};
    pwk_audit_t *audit;

    assert_int_equal(symlink(second, path), 0);
    assert_int_equal(pwk_audit_open("k", path, NULL, PWK_AUDIT_ALL, &audit, &error), -ELOOP);
    assert_null(audit);
    assert_non_null(strstr(error.text, path));
    unlink(path);
    assert_int_equal(pwk_audit_open("k", folder, NULL, PWK_AUDIT_ALL, &audit, &error), -EISDIR);
    assert_int_equal(mkfifo(second, 0600), 0);
    int reader = open(second, O_RDONLY | O_NONBLOCK);
    assert_int_equal(pwk_audit_open("k", path, second, PWK_AUDIT_ALL, &audit, &error), -EINVAL);
    assert_null(audit);
    close(reader);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_record_says_who_what_and_when),
        TEST(the_level_decides),
        TEST(bad_utf8_is_replaced),
        TEST(long_values_are_cut_and_it_is_said),
        TEST(records_of_many_processes_never_mix),
        TEST(what_was_dropped_is_counted),
        TEST(only_files_are_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
