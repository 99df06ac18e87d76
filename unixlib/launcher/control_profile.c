/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_profile.c - pwkctl profile: checks a profile, shows the one that counts, and learns one
 * from an audit log.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/state.h"
#include "launcher/control_audit.h"
#include "launcher/facts.h"
#include "launcher/learn.h"
#include "sandbox/policy.h"

static const char usage[] = "profile check FILE | show [NAME|FILE|strict|default] | "
                            "learn NAME [--profile FILE|strict] [--output FILE]";

/* The names in [syscalls] are words to the reader; what they mean is seen here. */
static int check_calls(const struct pwk_profile *profile, const char *path, struct pwk_error *error)
{
    static struct pwk_policy policy;
    const struct pwk_policy_words words = {&profile->syscalls, path};

    return pwk_policy_resolve(&policy, profile->syscall_base, &words, 1, error);
}

static int load(struct pwk_profile *profile, const char *path, struct pwk_error *error)
{
    int rc = pwk_profile_load(profile, path, error);

    return rc == 0 ? check_calls(profile, path, error) : rc;
}

/* The profile that pwk-wine would take for a kernel, which need not exist. */
static int load_of_kernel(struct pwk_profile *profile, const char *name, char path[PATH_MAX],
                          struct pwk_error *error)
{
    char prefix[PATH_MAX];
    char state[PATH_MAX];
    int rc = pwk_prefix_path(prefix, error);

    if (rc == 0)
        rc = pwk_state_path(prefix, name, false, state, error);
    if (rc == 0)
        rc = pwk_profile_choose(profile, NULL, state, path, error);
    if (rc == 0 && path[0] != '\0')
        rc = check_calls(profile, path, error);
    return rc;
}

static bool kernel_exists(const char *name)
{
    struct control_kernel kernel;

    return control_find_kernel(&kernel, name, NULL) == 0;
}

/* A built-in profile's name, a kernel's, or a file's, in this order. */
static int load_named(struct pwk_profile *profile, const char *word, char path[PATH_MAX],
                      struct pwk_error *error)
{
    if (strlen(word) >= PATH_MAX)
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", word);
    strcpy(path, word);
    if (strcmp(word, "default") == 0 || pwk_profile_built_in(profile, word) == 0) {
        strcpy(path, "");
        return 0;
    }
    if (strchr(word, '/') == NULL && kernel_exists(word))
        return load_of_kernel(profile, word, path, error);
    if (access(word, F_OK) == 0)
        return load(profile, word, error);
    return pwk_error_set(error, -ENOENT, "there is neither a kernel nor a file %s", word);
}

static int show(const char *word, struct pwk_error *error)
{
    struct pwk_profile profile;
    char path[PATH_MAX];
    int rc;

    pwk_profile_init(&profile);
    rc = word == NULL ? load_of_kernel(&profile, "default", path, error)
                      : load_named(&profile, word, path, error);
    if (rc == 0) {
        printf("; %s\n", path[0] != '\0' ? path : "built in");
        pwk_profile_write(&profile, stdout);
    }
    pwk_profile_finish(&profile);
    return rc;
}

static int check(const char *path, struct pwk_error *error)
{
    struct pwk_profile profile;
    int rc;

    pwk_profile_init(&profile);
    rc = load(&profile, path, error);
    pwk_profile_finish(&profile);
    return rc;
}

/* ---- learning ---- */

static void learn_record(void *context, const char *line, size_t size, json_t *record)
{
    (void)line;
    (void)size;
    pwk_learn_record(context, record);
}

static int read_log(const char *name, struct pwk_learning *learning, struct pwk_error *error)
{
    static struct pwk_audit_file file = {.fd = -1};
    struct control_audit audit = {.last = 0};
    int rc = control_audit_open(&audit, name, error);

    if (rc != 0)
        return rc;
    control_audit_collect(&audit);
    rc = control_audit_read_old(&audit, &file, learn_record, learning);
    if (rc == 0)
        rc = pwk_audit_file_open(&file, audit.path);
    if (rc == 0)
        rc = pwk_audit_file_read(&file, learn_record, learning);
    pwk_audit_file_close(&file);
    control_audit_close(&audit);
    if (rc != 0)
        return pwk_error_set(error, rc, "%s cannot be read: %s", audit.path, strerror(-rc));
    if (learning->records == 0)
        return pwk_error_set(error, -ENODATA,
                             "%s tells of no Linux call: run a program with [syscalls] default = "
                             "log, or with --profile strict, first",
                             audit.path);
    return 0;
}

static void write_learned(const char *name, const struct pwk_learning *learning,
                          const struct pwk_profile *profile, FILE *stream)
{
    fprintf(stream,
            "; Learned by pwkctl profile learn from %zu records on Linux calls in the audit log of "
            "kernel %s,\n; %s to %s%s.\n",
            learning->records, name, learning->first, learning->last,
            learning->strict ? ", under the strict profile among others" : "");
    pwk_profile_write(profile, stream);
}

static int save(const char *name, const struct pwk_learning *learning,
                const struct pwk_profile *profile, const char *output, struct pwk_error *error)
{
    FILE *stream = output != NULL ? fopen(output, "we") : stdout;
    bool failed;

    if (stream == NULL)
        return pwk_error_set(error, -errno, "%s cannot be written: %s", output, strerror(errno));
    write_learned(name, learning, profile, stream);
    if (output == NULL)
        return 0;
    failed = ferror(stream) != 0;
    if (fclose(stream) != 0 || failed)
        return pwk_error_set(error, -EIO, "%s cannot be written: is the disk full?", output);
    return 0;
}

struct lesson {
    const char *name;    /* of the kernel */
    const char *profile; /* under which the programs ran; NULL: the kernel's */
    const char *output;  /* NULL: standard output */
};

static int learn(const struct lesson *lesson, struct pwk_error *error)
{
    static struct pwk_learning learning;
    struct pwk_profile profile;
    char path[PATH_MAX];
    int rc = read_log(lesson->name, &learning, error);

    if (rc != 0)
        return rc;
    pwk_profile_init(&profile);
    rc = lesson->profile != NULL ? load_named(&profile, lesson->profile, path, error)
                                 : load_of_kernel(&profile, lesson->name, path, error);
    if (rc == 0)
        rc = pwk_learn_profile(&learning, &profile, error);
    if (rc == 0)
        rc = save(lesson->name, &learning, &profile, lesson->output, error);
    pwk_profile_finish(&profile);
    if (rc == 0 && learning.unknown > 0)
        fprintf(stderr, "pwkctl: %zu records name no Linux call of x86-64 and taught nothing\n",
                learning.unknown);
    return rc;
}

static bool read_lesson(struct lesson *lesson, int argc, char *const argv[])
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--output") == 0 && i + 1 < argc)
            lesson->output = argv[++i];
        else if (strcmp(argv[i], "--profile") == 0 && i + 1 < argc)
            lesson->profile = argv[++i];
        else if (argv[i][0] == '-' || lesson->name != NULL)
            return false;
        else
            lesson->name = argv[i];
    }
    return lesson->name != NULL;
}

int control_profile(int argc, char *const argv[])
{
    const char *command = argc > 1 ? argv[1] : "";
    struct lesson lesson = {0};
    struct pwk_error error;
    int rc;

    if (strcmp(command, "check") == 0 && argc == 3)
        rc = check(argv[2], &error);
    else if (strcmp(command, "show") == 0 && argc <= 3)
        rc = show(argc == 3 ? argv[2] : NULL, &error);
    else if (strcmp(command, "learn") == 0 && read_lesson(&lesson, argc, argv))
        rc = learn(&lesson, &error);
    else
        return control_usage(usage);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &error);
}
