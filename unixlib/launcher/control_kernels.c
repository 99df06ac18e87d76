/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_kernels.c - pwkctl ps, stats, remove and env.
 */
#include "launcher/control.h"
#include "launcher/control_kernels.h"
#include "launcher/attached.h"
#include "launcher/windows_library.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/process_table.h"
#include "kernel/profile.h"
#include "kernel/state.h"
#include "launcher/plan.h"
#include "wine/location.h"

static const char ps_usage[] = "ps [--all] [--json]";

/* As in process_kernel.h's statistics, where there are such. */
static const char *const counter_names[PWK_COUNTER_COUNT] = {
    [PWK_SYSCALLS_INTERCEPTED] = "syscalls_intercepted",
    [PWK_MEMORY_ALLOCATED] = "memory_allocated",
    [PWK_IO_OPERATIONS] = "io_operations",
    [PWK_ERRORS] = "errors",
    [PWK_DENIALS] = "denials",
    [PWK_AUDIT_DROPPED] = "audit_dropped",
};

int control_print_json(json_t *root)
{
    int rc = root == NULL ? -1 : json_dumpf(root, stdout, JSON_INDENT(2));

    json_decref(root);
    if (rc != 0) {
        fprintf(stderr, "pwkctl: the answer cannot be written: no memory left, or no room\n");
        return CONTROL_FAILED;
    }
    putchar('\n');
    return CONTROL_OK;
}

int control_fail_kernel(const char *name, const struct pwk_error *error)
{
    fflush(stdout);
    fprintf(stderr, "pwkctl: kernel %s: %s\n", name, error->text);
    return CONTROL_FAILED;
}

static void add_counters(json_t *object, const uint64_t counters[PWK_COUNTER_COUNT])
{
    for (size_t i = 0; i < PWK_COUNTER_COUNT; i++)
        json_object_set_new(object, counter_names[i], json_integer((json_int_t)counters[i]));
}

/* The table's readers give the number of processes that there are, which may grow meanwhile. */
static size_t list_processes(pwk_process_table_t *table, struct pwk_process_info **infos)
{
    size_t capacity = pwk_process_table_list(table, NULL, 0);
    size_t count;

    *infos = calloc(capacity + 1, sizeof(**infos));
    if (*infos == NULL)
        return 0;
    count = pwk_process_table_list(table, *infos, capacity);
    return count < capacity ? count : capacity;
}

static void show_process(const char *kernel, const struct pwk_process_info *info, json_t *list)
{
    json_t *object;

    if (list == NULL) {
        printf("%-20s %8ld  %-7s %12" PRIu64 "  %s\n", kernel, (long)info->pid,
               pwk_windows_word((enum pwk_windows)info->windows),
               info->counters[PWK_SYSCALLS_INTERCEPTED], info->program);
        return;
    }
    object =
        json_pack("{s:s, s:I, s:s, s:s}", "kernel", kernel, "pid", (json_int_t)info->pid, "windows",
                  pwk_windows_word((enum pwk_windows)info->windows), "program", info->program);
    add_counters(object, info->counters);
    json_array_append_new(list, object);
}

struct attached_list {
    const char *state; /* of the kernel whose processes are shown */
    json_t *json;
};

static void show_attached(void *context, const struct pwk_attached *attached)
{
    const struct attached_list *list = context;

    if (strcmp(attached->state, list->state) != 0)
        return;
    if (list->json == NULL) {
        printf("%-20s %8ld  %-7s %12" PRIu64 "  %s\n", attached->kernel, (long)attached->pid,
               "linux", attached->served, attached->program);
        return;
    }
    json_array_append_new(
        list->json, json_pack("{s:s, s:I, s:s, s:b, s:I, s:I, s:I}", "kernel", attached->kernel,
                              "pid", (json_int_t)attached->pid, "program", attached->program,
                              "attached", 1, "supervisor", (json_int_t)attached->supervisor,
                              counter_names[PWK_SYSCALLS_INTERCEPTED], (json_int_t)attached->served,
                              counter_names[PWK_DENIALS], (json_int_t)attached->refused));
}

static int show_kernel(const char *name, json_t *list, struct pwk_error *error)
{
    struct control_kernel kernel;
    int rc = control_find_kernel(&kernel, name, error);

    for (size_t place = 0; rc == 0 && place < CONTROL_PLACES; place++) {
        struct pwk_process_info *infos;
        pwk_process_table_t *table;
        size_t count;

        rc = control_open_table(&kernel, place, &table, NULL, error);
        if (rc == -ENOENT)
            rc = 0;
        else if (rc == 0) {
            count = list_processes(table, &infos);
            for (size_t i = 0; i < count; i++)
                show_process(name, &infos[i], list);
            free(infos);
            control_close_table(table);
        }
    }
    if (rc == 0)
        rc = pwk_attached_each(show_attached, &(struct attached_list){kernel.state, list}, error);
    return rc == -ENOENT ? 0 : rc; /* a kernel may end while we look */
}

/* Takes --all out of the words, and tells whether it was there. */
static bool take_all(int *argc, char *words[])
{
    int count = 0;
    bool all = false;

    for (int i = 0; i < *argc; i++) {
        if (strcmp(words[i], "--all") == 0 || strcmp(words[i], "-a") == 0)
            all = true;
        else
            words[count++] = words[i];
    }
    *argc = count;
    return all;
}

static int list_running(char *const names[], bool json)
{
    json_t *list = json ? json_array() : NULL;
    struct pwk_error error;
    int status = CONTROL_OK;

    if (!json)
        printf("%-20s %8s  %-7s %12s  %s\n", "KERNEL", "PID", "WINDOWS", "SYSCALLS", "PROGRAM");
    for (size_t i = 0; names[i] != NULL; i++)
        if (show_kernel(names[i], list, &error) != 0)
            status = control_fail_kernel(names[i], &error);
    if (json && control_print_json(list) != CONTROL_OK)
        status = CONTROL_FAILED;
    return status;
}

int control_ps(int argc, char *const argv[])
{
    char prefix[PATH_MAX], *words[4];
    struct pwk_error error;
    char **names = NULL;
    bool json, all;
    int rc;

    if (argc > 4)
        return control_usage(ps_usage);
    memcpy(words, argv, (size_t)argc * sizeof(words[0]));
    all = take_all(&argc, words);
    if (!control_words(argc, words, &json, NULL, 0))
        return control_usage(ps_usage);
    rc = pwk_prefix_path(prefix, &error);
    if (rc == 0)
        rc = pwk_state_list(prefix, &names, &error);
    if (rc != 0)
        return control_fail(CONTROL_FAILED, &error);
    rc = all ? control_list_kernels(names, json) : list_running(names, json);
    pwk_state_list_free(names);
    return rc;
}

static int sum_counters(const struct control_kernel *kernel, uint64_t totals[PWK_COUNTER_COUNT],
                        struct pwk_error *error)
{
    int rc = 0;

    memset(totals, 0, PWK_COUNTER_COUNT * sizeof(totals[0]));
    for (size_t place = 0; rc == 0 && place < CONTROL_PLACES; place++) {
        uint64_t counters[PWK_COUNTER_COUNT];
        pwk_process_table_t *table;

        rc = control_open_table(kernel, place, &table, NULL, error);
        if (rc == -ENOENT)
            rc = 0;
        else if (rc == 0) {
            pwk_process_table_totals(table, counters);
            control_close_table(table);
            for (size_t i = 0; i < PWK_COUNTER_COUNT; i++)
                totals[i] += counters[i];
        }
    }
    return rc;
}

int control_stats(int argc, char *const argv[])
{
    uint64_t totals[PWK_COUNTER_COUNT];
    struct control_kernel kernel;
    struct pwk_error error;
    const char *name;
    json_t *object;
    bool json;
    int rc;

    if (!control_words(argc, argv, &json, &name, 1))
        return control_usage("stats NAME [--json]");
    rc = control_find_kernel(&kernel, name, &error);
    if (rc == 0)
        rc = sum_counters(&kernel, totals, &error);
    if (rc != 0)
        return control_fail(CONTROL_FAILED, &error);
    if (!json) {
        pwk_statistics_print(stdout, name, totals);
        return CONTROL_OK;
    }
    object = json_pack("{s:s}", "kernel", name);
    add_counters(object, totals);
    return control_print_json(object);
}

int control_remove(int argc, char *const argv[])
{
    struct control_kernel kernel;
    struct pwk_error error;
    const char *name;
    bool json;
    int rc;

    if (!control_words(argc, argv, &json, &name, 1) || json)
        return control_usage("remove NAME");
    rc = control_find_kernel(&kernel, name, &error);
    if (rc == 0)
        rc = control_check_nobody_runs(&kernel, name, &error);
    for (size_t place = 0; rc == 0 && place < CONTROL_PLACES; place++)
        if (kernel.runtime[place][0] != '\0')
            rc = pwk_process_table_remove(kernel.runtime[place], kernel.state, &error);
    if (rc == 0)
        rc = pwk_state_remove(kernel.state, &error);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &error);
}

/* export NAME='VALUE', safe against any character in the value. */
static void print_export(const char *name, const char *value)
{
    printf("export %s='", name);
    for (; *value != '\0'; value++) {
        if (*value == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*value);
    }
    puts("'");
}

int control_env(int argc, char *const argv[])
{
    struct pwk_windows_library library = {0};
    char libdir[PATH_MAX];
    struct pwk_error error;
    json_t *object;
    bool json;
    int status = CONTROL_OK;

    if (!control_words(argc, argv, &json, NULL, 0))
        return control_usage("env [--json]");
    if (pwk_own_libdir(libdir, &error) != 0)
        return control_fail(CONTROL_FAILED, &error);
    if (pwk_windows_library_find(&library, libdir) != 0) {
        pwk_windows_library_finish(&library);
        pwk_error_set(&error, -ENOMEM, "no memory left");
        return control_fail(CONTROL_FAILED, &error);
    }
    object = json ? json_object() : NULL;
    for (int i = 0; i < PWK_WINDOWS_LIBRARY_VARIABLES; i++) {
        if (json)
            json_object_set_new(object, library.names[i], json_string(library.values[i]));
        else
            print_export(library.names[i], library.values[i]);
    }
    if (json)
        status = control_print_json(object);
    pwk_windows_library_finish(&library);
    return status;
}
