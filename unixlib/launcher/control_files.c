/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_files.c - pwkctl files: what a kernel's own session did to the files of the prefix, and
 * what is to become of it.
 */
#include "launcher/control_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/state.h"
#include "launcher/ephemeral.h"
#include "launcher/files_commit.h"

static const char usage[] = "files NAME diff [--all] [--json] | ls [PATH] [--json]\n"
                            "       pwkctl files NAME commit|discard [--yes | PATH...]";

/* ---- a kernel's layer ---- */

static int open_files(struct control_files *files, const char *name, bool hold_off)
{
    struct control_kernel kernel;
    char path[PATH_MAX + 16];
    struct stat st;
    int rc = control_find_kernel(&kernel, name, &files->error);

    files->files = files->lock = files->layer.upper = files->layer.lower = -1;
    if (rc == 0)
        rc = pwk_prefix_path(files->prefix, &files->error);
    if (rc < 0)
        return rc;
    snprintf(path, sizeof(path), "%s/files/upper", kernel.state);
    if (lstat(path, &st) < 0 && errno == ENOENT)
        rc = pwk_error_set(&files->error, -ENOENT,
                           "kernel %s has no layer of files: it has not run in a session of its "
                           "own (pwk-wine --session own) with --files overlay",
                           name);
    if (rc == 0 && hold_off)
        rc = files->lock = control_hold_off(&kernel, &files->error);
    if (rc < 0)
        return rc;
    rc = files_layer_open(&files->layer, files->prefix, path, &files->error);
    if (rc < 0)
        return rc;
    *strrchr(path, '/') = '\0';
    files->files = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (files->files < 0)
        return pwk_error_set(&files->error, -errno, "%s cannot be read: %s", path, strerror(errno));
    return files_layer_read(&files->layer, &files->error);
}

static void close_files(struct control_files *files)
{
    files_layer_close(&files->layer);
    if (files->files >= 0)
        close(files->files);
    if (files->lock >= 0)
        close(files->lock);
}

/* Makes a path as people write it one of files_layer.h: below the prefix, or absolute and in it.
 * It gets shorter in place. */
static int clean_path(struct control_files *files, char *word, char **path)
{
    size_t length = strlen(files->prefix);
    char *to = word;

    *path = word;
    if (*word == '/' && !files_is_below(word, files->prefix))
        return pwk_error_set(&files->error, -EINVAL, "%s is not in the prefix %s", word,
                             files->prefix);
    for (char *from = *word == '/' ? word + length : word; *from != '\0';) {
        size_t size = strcspn(from, "/");

        if (size == 2 && strncmp(from, "..", 2) == 0)
            return pwk_error_set(&files->error, -EINVAL, "%s: no path with '..', please", word);
        if (size > 0 && !(size == 1 && *from == '.')) {
            if (to != word)
                *to++ = '/';
            memmove(to, from, size);
            to += size;
        }
        from += size + (from[size] == '/');
    }
    *to = '\0';
    return 0;
}

/* ---- diff and ls ---- */

static int run_diff(struct control_files *files, int count, char *words[])
{
    bool noise = false, json = false;

    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--all") == 0)
            noise = true;
        else if (strcmp(words[i], "--json") == 0)
            json = true;
        else
            return CONTROL_USAGE;
    }
    if (!control_files_diff(&files->layer, noise, json))
        return pwk_error_set(&files->error, -EIO, "the answer cannot be written");
    return 0;
}

static int run_ls(struct control_files *files, int count, char *words[])
{
    bool json = count > 0 && strcmp(words[count - 1], "--json") == 0;
    char top[] = "", *path = top;
    int rc = 0;

    count -= json;
    if (count > 1)
        return CONTROL_USAGE;
    if (count == 1)
        rc = clean_path(files, words[0], &path);
    return rc == 0 ? control_files_list(files, path, json) : rc;
}

/* ---- commit and discard ---- */

struct tally {
    size_t added, changed, deleted, left;
};

static void count_entry(struct tally *tally, const struct files_entry *entry)
{
    size_t *const by_change[] = {[FILES_ADDED] = &tally->added,
                                 [FILES_CHANGED] = &tally->changed,
                                 [FILES_DELETED] = &tally->deleted};

    ++*by_change[entry->change];
}

/* What was asked for: everything (--yes), paths, or only to be told. -EINVAL for a wrong word. */
static int read_words(struct control_files *files, int *count, char *words[], bool *act)
{
    *act = *count > 0;
    if (*count == 1 && strcmp(words[0], "--yes") == 0) {
        *count = 0;
        return 0;
    }
    for (int i = 0; i < *count; i++) {
        int rc = words[i][0] == '-' ? CONTROL_USAGE : clean_path(files, words[i], &words[i]);

        if (rc != 0)
            return rc;
        if (*words[i] == '\0')
            return pwk_error_set(&files->error, -EINVAL,
                                 "the whole prefix is meant: say --yes instead of a path");
    }
    return 0;
}

static int select_paths(struct control_files *files, char *words[], int count)
{
    int missing = files_select(&files->layer, words, count);

    if (missing < 0)
        return 0;
    return pwk_error_set(&files->error, -ENOENT,
                         "the kernel's layer has nothing at %s (see pwkctl files NAME diff)",
                         words[missing]);
}

static bool is_chosen(const struct files_entry *entry)
{
    return entry->selected && entry->change != FILES_SAME;
}

/* What would be done; 0 where that is nothing. */
static int show_plan(struct control_files *files, const char *verb)
{
    size_t count = 0;

    for (size_t i = 0; i < files->layer.count; i++) {
        if (!is_chosen(files->layer.entries[i]))
            continue;
        control_files_print(files->layer.entries[i]);
        count++;
    }
    if (count == 0)
        return 0;
    return pwk_error_set(
        &files->error, -ECANCELED,
        "nothing was done: %zu change%s there; say %s --yes for all, or name paths", count,
        count == 1 ? " is" : "s are", verb);
}

/* What is meant by the words; where they say not to `act` on it, it is shown. */
static int choose(struct control_files *files, int *count, char *words[], const char *verb,
                  bool *act)
{
    int rc = read_words(files, count, words, act);

    if (rc == 0)
        rc = select_paths(files, words, *count);
    return rc == 0 && !*act ? show_plan(files, verb) : rc;
}

static int run_commit(struct control_files *files, int count, char *words[])
{
    struct tally tally = {0};
    bool act;
    int rc = choose(files, &count, words, "commit", &act);

    if (rc != 0 || !act)
        return rc;
    rc = files_commit(&files->layer, files->files, &files->error);
    for (size_t i = 0; i < files->layer.count; i++) {
        struct files_entry *entry = files->layer.entries[i];

        if (!is_chosen(entry))
            continue;
        if (entry->done) {
            control_files_print(entry);
            count_entry(&tally, entry);
        } else {
            control_files_print_left(entry);
            tally.left++;
        }
    }
    printf("committed: %zu added, %zu changed, %zu deleted; left: %zu\n", tally.added,
           tally.changed, tally.deleted, tally.left);
    if (rc == 0 && tally.left > 0)
        rc = pwk_error_set(&files->error, -EIO,
                           "%zu of the changes were not committed, see above; they stay the "
                           "kernel's",
                           tally.left);
    return rc;
}

static int run_discard(struct control_files *files, int count, char *words[])
{
    struct tally tally = {0};
    bool act;
    int rc = choose(files, &count, words, "discard", &act);

    if (rc != 0 || !act)
        return rc;
    rc = files_discard(&files->layer, files->files, words, count, &files->error);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < files->layer.count; i++) {
        const struct files_entry *entry = files->layer.entries[i];

        if (is_chosen(entry)) {
            control_files_print(entry);
            count_entry(&tally, entry);
        }
    }
    printf("discarded: %zu added, %zu changed, %zu deleted\n", tally.added, tally.changed,
           tally.deleted);
    return 0;
}

/* ---- the command ---- */

static const struct subcommand {
    const char *name;
    /* `words` stand behind it. 0, a negative errno, or CONTROL_USAGE. */
    int (*run)(struct control_files *files, int count, char *words[]);
    bool writes;
} subcommands[] = {
    {"diff", run_diff, false},
    {"ls", run_ls, false},
    {"commit", run_commit, true},
    {"discard", run_discard, true},
};

static int run_subcommand(const struct subcommand *subcommand, const char *kernel, int count,
                          char *const words[])
{
    static struct control_files files;
    char **copies = calloc((size_t)count + 1, sizeof(*copies));
    int rc = copies == NULL ? pwk_error_set(&files.error, -ENOMEM, "no memory left") : 0;

    for (int i = 0; rc == 0 && i < count; i++)
        copies[i] = words[i];
    if (rc == 0) {
        rc = open_files(&files, kernel, subcommand->writes);
        if (rc == 0)
            rc = subcommand->run(&files, count, copies);
        close_files(&files);
    }
    free(copies);
    if (rc == CONTROL_USAGE)
        return control_usage(usage);
    if (rc != 0)
        return control_fail(CONTROL_FAILED, &files.error);
    if (subcommand->writes)
        control_tell_registry_left(kernel);
    return CONTROL_OK;
}

/* The session's own files are no change of a program's. */
void control_tell_files_left(const char *kernel)
{
    static struct control_files files;
    size_t count = 0;

    if (open_files(&files, kernel, false) == 0)
        for (size_t i = 0; i < files.layer.count; i++)
            count += files.layer.entries[i]->change != FILES_SAME && !files.layer.entries[i]->noise;
    close_files(&files);
    if (count > 0)
        fprintf(stderr,
                "pwkctl: the kernel has %zu changed file%s left: see pwkctl files %s diff, and "
                "pwkctl files %s commit\n",
                count, count == 1 ? "" : "s", kernel, kernel);
}

int control_files(int argc, char *const argv[])
{
    for (size_t i = 0; argc > 2 && i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
        if (strcmp(argv[2], subcommands[i].name) == 0)
            return run_subcommand(&subcommands[i], argv[1], argc - 3, argv + 3);
    return control_usage(usage);
}
