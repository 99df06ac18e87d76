/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_audit.c - pwkctl audit: shows a kernel's audit log, and goes on while it grows.
 */
#include "launcher/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/audit.h"
#include "launcher/audit_view.h"
#include "launcher/control_audit.h"

#define FOLLOW_NANOSECONDS 200000000

static const char usage[] = "audit NAME [--follow] [--json] [--event EVENT] [--verdict VERDICT] "
                            "[--pid PID] [--since TIME]";

struct request {
    const char *name;
    bool follow;
    bool json;
    struct pwk_audit_filter filter;
};

/* The word behind an option, or behind its equals sign. */
static const char *value_of(int argc, char *const argv[], int *at, const char *option)
{
    size_t length = strlen(option);

    if (strncmp(argv[*at], option, length) != 0)
        return NULL;
    if (argv[*at][length] == '=')
        return argv[*at] + length + 1;
    return argv[*at][length] == '\0' && *at + 1 < argc ? argv[++*at] : NULL;
}

static bool read_pid(const char *word, json_int_t *pid)
{
    char *end;

    errno = 0;
    *pid = strtoll(word, &end, 10);
    return errno == 0 && *end == '\0' && end != word && *pid > 0;
}

static bool read_words(struct request *request, int argc, char *const argv[])
{
    for (int i = 1; i < argc; i++) {
        const char *value;

        if (strcmp(argv[i], "--follow") == 0)
            request->follow = true;
        else if (strcmp(argv[i], "--json") == 0)
            request->json = true;
        else if ((value = value_of(argc, argv, &i, "--event")) != NULL)
            request->filter.event = value;
        else if ((value = value_of(argc, argv, &i, "--verdict")) != NULL)
            request->filter.verdict = value;
        else if ((value = value_of(argc, argv, &i, "--since")) != NULL)
            request->filter.since = value;
        else if ((value = value_of(argc, argv, &i, "--pid")) != NULL) {
            if (!read_pid(value, &request->filter.pid))
                return false;
        } else if (argv[i][0] == '-' || request->name != NULL)
            return false;
        else
            request->name = argv[i];
    }
    return request->name != NULL;
}

static void show(void *context, const char *line, size_t size, json_t *record)
{
    const struct request *request = context;

    if (!pwk_audit_is_wanted(&request->filter, record))
        return;
    if (request->json) {
        fwrite(line, 1, size, stdout);
        putchar('\n');
    } else {
        pwk_audit_show(record, stdout);
    }
}

int control_audit_open(struct control_audit *audit, const char *name, struct pwk_error *error)
{
    int rc = control_find_kernel(&audit->kernel, name, error);

    audit->audit = NULL;
    if (rc != 0)
        return rc;
    if (snprintf(audit->path, sizeof(audit->path), "%s/audit.jsonl", audit->kernel.state) >=
        (int)sizeof(audit->path) - 2)
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", audit->kernel.state);
    if (access(audit->path, F_OK) != 0)
        return pwk_error_set(error, -errno,
                             "%s: %s: the kernel has no audit log yet; run a program under it, "
                             "with [audit] level other than off",
                             audit->path, strerror(errno));
    return pwk_audit_open(name, audit->path, NULL, PWK_AUDIT_ALL, &audit->audit, error);
}

void control_audit_close(struct control_audit *audit)
{
    pwk_audit_close(audit->audit);
}

void control_audit_collect(struct control_audit *audit)
{
    int rc = 0;

    for (size_t place = 0; rc == 0 && place < CONTROL_PLACES; place++)
        if (audit->kernel.runtime[place][0] != '\0')
            rc = pwk_audit_collect(audit->audit, audit->kernel.runtime[place], audit->kernel.state,
                                   true);
    if (rc == audit->last)
        return;
    audit->last = rc;
    if (rc != 0)
        fprintf(stderr, "pwkctl: the newest records may be missing: %s\n",
                rc == -EAGAIN ? "another process is writing the log" : strerror(-rc));
}

int control_audit_read_old(struct control_audit *audit, struct pwk_audit_file *file,
                           void (*each)(void *context, const char *line, size_t size,
                                        json_t *record),
                           void *context)
{
    char old[PATH_MAX + 2];
    int rc;

    snprintf(old, sizeof(old), "%s.1", audit->path);
    rc = pwk_audit_file_open(file, old);
    if (rc != 0)
        return rc == -ENOENT ? 0 : rc;
    rc = pwk_audit_file_read(file, each, context);
    pwk_audit_file_close(file);
    return rc;
}

/* All there is, and with --follow what comes, also where the log is renamed. */
static int show_log(struct control_audit *audit, struct request *request,
                    struct pwk_audit_file *file)
{
    const struct timespec pause = {0, FOLLOW_NANOSECONDS};
    int rc = 0;

    control_audit_collect(audit);
    rc = control_audit_read_old(audit, file, show, request);
    if (rc == 0)
        rc = pwk_audit_file_open(file, audit->path);
    while (rc == 0) {
        bool moved = pwk_audit_file_moved(file, audit->path);

        rc = pwk_audit_file_read(file, show, request);
        if (rc != 0 || fflush(stdout) != 0 || (!request->follow && !moved))
            break;
        if (moved) {
            pwk_audit_file_close(file);
            rc = pwk_audit_file_open(file, audit->path);
            continue;
        }
        nanosleep(&pause, NULL);
        control_audit_collect(audit);
    }
    pwk_audit_file_close(file);
    return rc;
}

int control_audit(int argc, char *const argv[])
{
    static struct pwk_audit_file file = {.fd = -1};
    struct control_audit audit = {.last = 0};
    struct request request = {0};
    struct pwk_error error;
    int rc;

    if (!read_words(&request, argc, argv))
        return control_usage(usage);
    rc = control_audit_open(&audit, request.name, &error);
    if (rc == 0) {
        rc = show_log(&audit, &request, &file);
        if (rc != 0)
            pwk_error_set(&error, rc, "%s cannot be read: %s", audit.path, strerror(-rc));
        control_audit_close(&audit);
    }
    if (file.no_record > 0)
        fprintf(stderr, "pwkctl: %zu lines of %s are no records and were passed over\n",
                file.no_record, audit.path);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &error);
}
