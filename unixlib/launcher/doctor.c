/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor.c - pwkctl doctor: checks that what pwk needs is there, one line a check.
 */
#include "launcher/control.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/state.h"
#include "launcher/doctor.h"
#include "launcher/prefix.h"
#include "wine/location.h"
#include "wine/stub_numbers.h"

/* linux/prctl.h of Linux 5.11; older headers lack it. */
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

#define MIN_FREE_MIB 64 /* a private registry and its log */

struct doctor {
    json_t *list; /* NULL: lines are printed */
    bool failed;
};

/* Paths need not be UTF-8; JSON must. */
static json_t *text_to_json(const char *text)
{
    json_t *string = json_string(text);

    return string != NULL ? string : json_string("(not UTF-8: see the output without --json)");
}

void doctor_report(struct doctor *out, enum doctor_verdict verdict, const char *subject,
                   const char *format, ...)
{
    static const char *const words[] = {"ok", "warning", "failed"};
    struct pwk_error finding;
    char text[sizeof(finding.text)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    pwk_error_set(&finding, 0, "%s", text);
    if (verdict == DOCTOR_FAILED)
        out->failed = true;
    if (out->list != NULL)
        json_array_append_new(out->list,
                              json_pack("{s:s, s:s, s:o}", "subject", subject, "verdict",
                                        words[verdict], "finding", text_to_json(finding.text)));
    else
        printf("%-8s %-10s %s\n", words[verdict], subject, finding.text);
}

/* The first line that `program --version` prints, or "" where it cannot be had. */
static void read_version(const char *program, char *line, size_t capacity)
{
    char *const arguments[] = {(char *)program, "--version", NULL};
    posix_spawn_file_actions_t actions;
    size_t length = 0;
    ssize_t got;
    int ends[2];
    pid_t child;

    line[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&child, program, &actions, NULL, arguments, environ) == 0) {
        close(ends[1]);
        ends[1] = -1;
        while (length + 1 < capacity &&
               (got = read(ends[0], line + length, capacity - 1 - length)) > 0)
            length += (size_t)got;
        line[length] = '\0';
        line[strcspn(line, "\n")] = '\0';
        waitpid(child, NULL, 0);
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
}

static void check_service_table(struct doctor *out, const char *ntdll_dll)
{
    static struct pwk_stub_numbers numbers;
    struct pwk_error error;

    if (pwk_stub_numbers_read(ntdll_dll, &numbers, &error) != 0)
        doctor_report(out, DOCTOR_FAILED, "services", "%s", error.text);
    else
        doctor_report(out, DOCTOR_OK, "services", "the services' numbers are understood");
}

static void check_wine(struct doctor *out)
{
    struct pwk_wine_location wine;
    struct pwk_error error;
    char version[128];

    if (pwk_wine_locate(&wine, &error) != 0) {
        doctor_report(out, DOCTOR_FAILED, "wine", "%s", error.text);
        return;
    }
    read_version(wine.loader, version, sizeof(version));
    if (version[0] == '\0')
        doctor_report(out, DOCTOR_FAILED, "wine",
                      "%s --version prints nothing: install wine64 anew", wine.loader);
    else
        doctor_report(out, DOCTOR_OK, "wine", "%s in %s", version, wine.libdir);
    check_service_table(out, wine.ntdll_dll);
}

static void check_own_parts(struct doctor *out)
{
    static const char *const parts[] = {"loader/x86_64/pwk-loader64", "x86_64-unix/pwk.so",
                                        "x86_64-windows/pwk.dll", "share/wine"};
    char libdir[PATH_MAX];
    char path[PATH_MAX + 32];
    struct pwk_error error;

    if (pwk_own_libdir(libdir, &error) != 0) {
        doctor_report(out, DOCTOR_FAILED, "pwk", "%s", error.text);
        return;
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", libdir, parts[i]);
        if (access(path, R_OK) != 0) {
            doctor_report(out, DOCTOR_FAILED, "pwk", "%s cannot be read: %s: install pwk anew",
                          path, strerror(errno));
            return;
        }
    }
    doctor_report(out, DOCTOR_OK, "pwk", "all parts are in %s", libdir);
}

/* Free space where `path` is, or where it will be. */
static void check_space(struct doctor *out, const char *path)
{
    char folder[PATH_MAX];
    struct statvfs space;
    unsigned long long mib;
    char *slash;

    strcpy(folder, path);
    while (statvfs(folder, &space) != 0 && (slash = strrchr(folder, '/')) != NULL)
        slash[slash == folder] = '\0';
    mib = (unsigned long long)space.f_bavail * space.f_frsize >> 20;
    if (mib < MIN_FREE_MIB)
        doctor_report(out, DOCTOR_FAILED, "disk", "%llu MiB are free at %s: make room", mib,
                      folder);
    else
        doctor_report(out, DOCTOR_OK, "disk", "%llu MiB are free at %s", mib, folder);
}

static void check_prefix(struct doctor *out)
{
    char prefix[PATH_MAX];
    char folder[PATH_MAX + sizeof("/pwk/kernels")];
    struct pwk_error error;
    char **names;
    size_t count = 0;

    if (pwk_prefix_path(prefix, &error) != 0) {
        doctor_report(out, DOCTOR_FAILED, "prefix", "%s", error.text);
        return;
    }
    check_space(out, prefix);
    if (!pwk_prefix_is_set_up(prefix)) {
        doctor_report(out, DOCTOR_WARNING, "prefix",
                      "%s is not set up yet: the first pwk-wine will do it", prefix);
        return;
    }
    doctor_report(out, DOCTOR_OK, "prefix", "%s", prefix);
    if (pwk_state_list(prefix, &names, &error) != 0) {
        doctor_report(out, DOCTOR_FAILED, "state", "%s", error.text);
        return;
    }
    while (names[count] != NULL)
        count++;
    pwk_state_list_free(names);
    snprintf(folder, sizeof(folder), "%s/pwk/kernels", prefix);
    if (access(folder, W_OK) != 0 && (errno != ENOENT || access(prefix, W_OK) != 0))
        doctor_report(out, DOCTOR_FAILED, "state", "%s cannot be written: %s: make it writable",
                      folder, strerror(errno));
    else
        doctor_report(out, DOCTOR_OK, "state", "%zu kernels in %s", count, folder);
}

static void check_runtime(struct doctor *out)
{
    char runtime[PATH_MAX];
    struct pwk_error error;

    if (pwk_runtime_path(runtime, &error) != 0)
        doctor_report(out, DOCTOR_FAILED, "run-time", "%s", error.text);
    else
        doctor_report(out, DOCTOR_OK, "run-time", "%s", runtime);
}

/* Switching off what is not on changes nothing, and fails where Linux does not know it: prctl(2),
 * PR_SET_SYSCALL_USER_DISPATCH. */
static void check_native_calls(struct doctor *out)
{
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) == 0)
        doctor_report(out, DOCTOR_OK, "trap", "a program's own system calls can be caught");
    else
        doctor_report(
            out, DOCTOR_FAILED, "trap",
            "this Linux cannot catch a program's own system calls (%s), so no kernel starts: use "
            "Linux 5.11 or newer, built with CONFIG_GENERIC_ENTRY",
            strerror(errno));
}

/* One line of a file of the kernel's, or "" where there is none. */
static void read_word(const char *path, char *line, size_t capacity)
{
    FILE *stream = fopen(path, "re");

    if (stream == NULL || fgets(line, (int)capacity, stream) == NULL)
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (stream != NULL)
        fclose(stream);
}

static bool has_word(const char *line, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = line; (at = strstr(at, word)) != NULL; at += length)
        if ((at == line || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

/* What the Linux policy's actions are made of (seccomp(2)). */
static void check_policy(struct doctor *out)
{
    static const char *const actions[] = {"errno", "trap", "user_notif", "kill_process"};
    char line[256];
    char scope[16];

    read_word("/proc/sys/kernel/seccomp/actions_avail", line, sizeof(line));
    read_word("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof(scope));
    if (line[0] == '\0') {
        doctor_report(out, DOCTOR_FAILED, "policy",
                      "this Linux has no seccomp, or /proc does not tell: use a kernel with "
                      "CONFIG_SECCOMP_FILTER");
        return;
    }
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (!has_word(line, actions[i])) {
            doctor_report(out, DOCTOR_FAILED, "policy",
                          "seccomp lacks the action %s: use Linux 5.11 or newer", actions[i]);
            return;
        }
    if (atoi(scope) > 0)
        doctor_report(out, DOCTOR_WARNING, "policy",
                      "kernel.yama.ptrace_scope is %s: the actions log and notify need 0", scope);
    else
        doctor_report(out, DOCTOR_OK, "policy", "seccomp has every action of the Linux policy");
}

int control_doctor(int argc, char *const argv[])
{
    struct doctor out = {0};
    bool json;

    if (!control_words(argc, argv, &json, NULL, 0))
        return control_usage("doctor [--json]");
    if (json)
        out.list = json_array();
    check_wine(&out);
    check_own_parts(&out);
    check_prefix(&out);
    check_runtime(&out);
    check_native_calls(&out);
    check_policy(&out);
    doctor_check_cage(&out);
    if (json) {
        json_dumpf(out.list, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(out.list);
    }
    return out.failed ? CONTROL_FAILED : CONTROL_OK;
}
