/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit_writer.c - see commit_writer.h.
 */
#include "launcher/commit_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel/prefix_changes.h"
#include "kernel/prefix_files.h"
#include "kernel/state.h"
#include "launcher/registry_commit.h"
#include "launcher/registry_sides.h"
#include "registry/upcase.h"
#include "wine/location.h"
#include "wine/server_lock.h"

/* wineserver saves every 30 seconds while something has changed, and when it ends. */
#define SAVE_SECONDS 75
#define POLL_NANOSECONDS 100000000
#define MOST_CHANGES (UINT64_C(1) << 30) /* bytes */

/* ---- the memory files ---- */

void commit_files_close(struct commit_files *files)
{
    if (files->changes >= 0)
        close(files->changes);
    for (size_t i = 0; i < REGISTRY_LOWER_TEXTS; i++)
        if (files->texts[i] >= 0)
            close(files->texts[i]);
    *files = (struct commit_files){-1, {-1, -1, -1}};
}

int commit_files_make(struct commit_files *files, struct pwk_error *error)
{
    int rc = 0;

    *files = (struct commit_files){-1, {-1, -1, -1}};
    files->changes = memfd_create("pwk-commit-changes", MFD_CLOEXEC);
    rc = files->changes < 0 ? -errno : 0;
    for (size_t i = 0; rc == 0 && i < REGISTRY_LOWER_TEXTS; i++) {
        files->texts[i] = memfd_create("pwk-commit-text", MFD_CLOEXEC);
        rc = files->texts[i] < 0 ? -errno : 0;
    }
    return rc == 0 ? 0 : pwk_error_set(error, rc, "no memory file can be made: %s", strerror(-rc));
}

/* ---- what may be written ---- */

static const char damaged[] = "nothing was committed: what was read of the kernel's store are no "
                              "changes that it may have made; a program may have damaged it";

/* Without backslashes at its ends, and one between names. Wine has one control set, to which a link
 * leads: that is what its services are asked for by. */
static void tidy(const struct control_path *path, struct registry_path *out)
{
    static const uint16_t current[] = u"Machine\\System\\CurrentControlSet",
                          first[] = u"Machine\\System\\ControlSet001";
    const size_t current_units = sizeof(current) / 2 - 1, first_units = sizeof(first) / 2 - 1;

    out->units = 0;
    for (size_t i = 0; i < path->units; i++)
        if (path->text[i] != '\\' || (out->units > 0 && out->text[out->units - 1] != '\\'))
            out->text[out->units++] = path->text[i];
    if (out->units > 0 && out->text[out->units - 1] == '\\')
        out->units--;
    if (!registry_commit_is_below(out->text, out->units, current, current_units))
        return;
    memmove(out->text + first_units, out->text + current_units,
            (out->units - current_units) * sizeof(out->text[0]));
    memcpy(out->text, first, first_units * sizeof(first[0]));
    out->units -= current_units - first_units;
}

/* wineserver takes several backslashes for one, who compares paths does not. */
static bool is_tidy(const uint16_t *path, size_t units)
{
    for (size_t i = 0; i < units; i++)
        if (path[i] == '\\' && (i == 0 || i + 1 == units || path[i + 1] == '\\'))
            return false;
    return true;
}

/* The key that a change is about: of a subkey that goes, that one. */
static bool subject_of(const struct registry_layer_change *change, struct registry_path *subject)
{
    const size_t most = sizeof(subject->text) / sizeof(subject->text[0]);
    const bool subkey = change->kind == REGISTRY_LAYER_SUBKEY_DELETED;

    if (change->path_units > most || change->name_units > REGISTRY_MAX_VALUE_NAME ||
        (subkey && change->name_units >= most - change->path_units))
        return false;
    memcpy(subject->text, change->path, change->path_units * sizeof(subject->text[0]));
    subject->units = change->path_units;
    if (!subkey)
        return true;
    if (subject->units > 0)
        subject->text[subject->units++] = '\\';
    memcpy(subject->text + subject->units, change->name,
           change->name_units * sizeof(subject->text[0]));
    subject->units += change->name_units;
    return change->name_units > 0;
}

/* ---- links ---- */

/* What stands below a link would be written where that leads. A reader in order tells each key
 * before what is below it, and nothing below a link; by such a key it also becomes an ordinary one
 * in the prefix, whatever it is there. */
struct told_key {
    const uint16_t *text; /* of the changes */
    size_t units;
    bool link;
};

static int compare_keys(const void *one, const void *other)
{
    const struct told_key *first = one, *second = other;

    return registry_name_compare(first->text, first->units, second->text, second->units);
}

static int note_key(void **told, const struct registry_layer_change *change)
{
    struct told_key *key = malloc(sizeof(*key)), **found;

    if (key == NULL)
        return -ENOMEM;
    *key = (struct told_key){change->path, change->path_units, false};
    found = tsearch(key, told, compare_keys);
    if (found == NULL || *found != key)
        free(key);
    if (found == NULL)
        return -ENOMEM;
    (*found)->link = change->type & REGISTRY_CREATE_LINK;
    return 0;
}

/* By the keys above the subject that were told; from the one that was named (`top` units) on all
 * must have been. */
static bool may_follow_link(const struct registry_path *subject, size_t top, void *const *told)
{
    for (size_t i = 0; i < subject->units; i++) {
        struct told_key *const *found;

        if (subject->text[i] != '\\')
            continue;
        found = tfind(&(struct told_key){subject->text, i, false}, told, compare_keys);
        if (found == NULL ? i >= top : (*found)->link)
            return true;
    }
    return false;
}

/* ---- each change ---- */

/* At a key that was named, or below it; or a key that is on the way to one. `top`: from how many
 * units on it stands at or below the one that was named. */
static bool is_asked_for(const struct commit_writer *writer,
                         const struct registry_layer_change *change,
                         const struct registry_path *subject, size_t *top)
{
    static struct control_session session;
    static struct registry_path key;

    *top = SIZE_MAX;
    for (size_t i = 0; i < writer->key_count; i++) {
        if (control_session_set_path(&session, writer->keys[i]) != 0)
            continue;
        tidy(&session.path, &key);
        if (registry_commit_is_below(subject->text, subject->units, key.text, key.units)) {
            *top = key.units;
            return true;
        }
        if (change->kind == REGISTRY_LAYER_KEY && change->type == 0 &&
            registry_commit_is_below(key.text, key.units, subject->text, subject->units))
            return true;
    }
    return writer->key_count == 0;
}

static int check(const struct commit_writer *writer, const struct registry_layer_change *change,
                 void **told, struct pwk_error *error)
{
    static struct registry_path subject;
    size_t top;

    if (!subject_of(change, &subject) || !is_tidy(subject.text, subject.units) ||
        registry_sides_leave_out(writer->profile, change->path, change->path_units) ||
        !registry_commit_is_saved(change->path, change->path_units))
        return pwk_error_set(error, -EPROTO, "%s", damaged);
    if (!is_asked_for(writer, change, &subject, &top))
        return pwk_error_set(error, -EXDEV,
                             "nothing was committed: a link in the kernel's registry leads away "
                             "from a key that was named: name the key that it leads to, as pwkctl "
                             "registry NAME diff writes it");
    if (may_follow_link(&subject, top, told))
        return pwk_error_set(error, -EPROTO, "%s", damaged);
    if (change->kind == REGISTRY_LAYER_KEY && note_key(told, change) < 0)
        return pwk_error_set(error, -ENOMEM, "nothing was committed: no memory left");
    return 0;
}

/* Copies the changes, which the reader can alter at any time, and looks at the copy. */
static int take_changes(const struct commit_writer *writer, uint64_t size,
                        struct pwk_prefix_changes *changes, struct pwk_error *error)
{
    struct pwk_prefix_changes told = {.fd = -1, .size = size};
    struct registry_layer_change change;
    uint64_t at = sizeof(*told.page);
    void *keys = NULL;
    int rc = size < sizeof(*told.page) || size > MOST_CHANGES ? -EPROTO : 0;

    if (rc == 0 && (told.page = calloc(1, size)) == NULL)
        rc = -ENOMEM;
    if (rc == 0 && pread(writer->files.changes, told.page, size, 0) < 0)
        rc = -errno;
    if (rc < 0)
        pwk_error_set(error, rc, "nothing was committed: the changes cannot be read: %s",
                      strerror(-rc));
    while (rc == 0 && pwk_prefix_changes_next(&told, &at, &change) != NULL) {
        rc = check(writer, &change, &keys, error);
        if (rc == 0 && (rc = pwk_prefix_changes_add(changes, &change)) < 0)
            pwk_error_set(error, rc, "nothing was committed: %s", strerror(-rc));
    }
    if (rc == 0 && at != size)
        rc = pwk_error_set(error, -EPROTO,
                           "nothing was committed: the changes do not hold together");
    tdestroy(keys, free);
    free(told.page);
    return rc;
}

/* ---- writing ---- */

static int find_loader(char loader[2 * PATH_MAX], struct pwk_error *error)
{
    char libdir[PATH_MAX];
    int rc = pwk_own_libdir(libdir, error);

    if (rc == 0)
        snprintf(loader, 2 * PATH_MAX, "%s/loader/x86_64/pwk-loader64", libdir);
    return rc;
}

static void show_progress(void *context, double share)
{
    control_progress_show(context, share);
}

/* ---- waiting for the files ---- */

struct waiting {
    struct commit_writer *writer;
    const struct control_channel *reader;
    uint64_t left;
};

/* What wineserver has written is put on the disk before the kernel's own rows go. */
static int sync_files(const int fds[], const char *prefix)
{
    int folder = open(prefix, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = folder < 0 ? -errno : 0;

    for (size_t i = 0; rc == 0 && i < REGISTRY_LOWER_TEXTS; i++)
        rc = fsync(fds[i]) < 0 ? -errno : 0;
    if (rc == 0)
        rc = fsync(folder) < 0 ? -errno : 0;
    if (folder >= 0)
        close(folder);
    return rc;
}

static int copy_text(int from, int to)
{
    ssize_t copied = 1;
    off_t at = 0;

    if (ftruncate(to, 0) < 0 || lseek(to, 0, SEEK_SET) < 0)
        return -errno;
    while (copied > 0)
        copied = sendfile(to, from, &at, 1 << 24);
    return copied < 0 ? -errno : 0;
}

/* The reader does it, with the texts of those files. */
static int have_settled(struct waiting *waiting, const int fds[], uint64_t signature)
{
    const struct commit_order order = {.step = COMMIT_SETTLE, .signature = signature};
    struct commit_settled settled;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < REGISTRY_LOWER_TEXTS; i++)
        rc = copy_text(fds[i], waiting->writer->files.texts[i]);
    if (rc < 0)
        return rc;
    if (!control_send(waiting->reader->to, &order, sizeof(order)) ||
        !control_receive(waiting->reader->from, &settled, sizeof(settled)))
        return -EPIPE;
    waiting->left = settled.left;
    return settled.result <= 0 && settled.result > -4096 ? settled.result : -EPROTO;
}

/* With the files of that signature; -EAGAIN where they were replaced meanwhile. */
static int settle(struct waiting *waiting, uint64_t signature, const char *prefix)
{
    int fds[REGISTRY_LOWER_TEXTS];
    struct pwk_prefix_files files;
    int rc = pwk_prefix_files_open(fds);

    if (rc < 0)
        return rc;
    rc = pwk_prefix_files_look(&files);
    if (rc == 0 && files.signature != signature)
        rc = -EAGAIN;
    if (rc == 0)
        rc = sync_files(fds, prefix);
    if (rc == 0)
        rc = have_settled(waiting, fds, signature);
    for (size_t i = 0; i < REGISTRY_LOWER_TEXTS; i++)
        close(fds[i]);
    return rc;
}

static void tell_waiting(bool *told)
{
    if (!*told && isatty(STDERR_FILENO))
        fputs("pwkctl: waiting until wineserver has saved it (up to half a minute)\n", stderr);
    *told = true;
}

/* Gives up what the files hold until that is all, or they will not change any more. `before`: the
 * signature of files that cannot hold it yet. */
static int settle_saved(struct waiting *waiting, uint64_t failed, uint64_t before,
                        const char *prefix)
{
    const struct timespec pause = {.tv_nsec = POLL_NANOSECONDS};
    struct pwk_prefix_files files;
    bool told = false;
    int rc = 0;

    waiting->left = UINT64_MAX;
    for (int round = 0; round < SAVE_SECONDS * 10; round++) {
        /* In this order: it saves before it ends. */
        bool runs = pwk_wineserver_of(prefix) != 0;

        rc = pwk_prefix_files_look(&files);
        /* While a file is replaced there may be none for a moment. */
        if (rc == 0 && (files.signature != before || !runs)) {
            rc = settle(waiting, files.signature, prefix);
            before = rc == 0 ? files.signature : before;
        }
        if (rc < 0 && rc != -EAGAIN && rc != -ENOENT)
            return rc;
        if (rc == 0 && (waiting->left <= failed || !runs))
            return 0;
        if (round == 10)
            tell_waiting(&told);
        nanosleep(&pause, NULL);
    }
    return waiting->left == UINT64_MAX ? -ETIMEDOUT : rc;
}

/* ---- the whole ---- */

/* Written, and waited for. */
static int write_changes(struct commit_writer *writer, const struct control_channel *reader,
                         struct pwk_prefix_changes *changes, struct pwk_error *error)
{
    struct waiting waiting = {.writer = writer, .reader = reader};
    struct control_progress progress;
    struct pwk_prefix_files before = {0};
    char loader[2 * PATH_MAX], prefix[PATH_MAX];
    int rc = pwk_prefix_path(prefix, error);

    if (rc == 0)
        rc = find_loader(loader, error);
    if (rc < 0)
        return rc;
    rc = pwk_prefix_files_look(&before);
    if (rc < 0)
        return pwk_error_set(error, rc,
                             "the registry's files in %s cannot be read: %s; run the prefix once "
                             "with stock Wine",
                             prefix, strerror(-rc));
    control_progress_start(&progress, "writing to the prefix's registry");
    rc = pwk_prefix_changes_write(changes, loader, show_progress, &progress, error);
    control_progress_end(&progress);
    if (rc < 0 || changes->page->phase == PWK_CHANGES_CHECKED)
        return rc;
    rc = settle_saved(&waiting, changes->page->failed,
                      changes->page->written ? before.signature : 0, prefix);
    if (rc == -ETIMEDOUT && waiting.left == UINT64_MAX)
        return pwk_error_set(error, rc,
                             "the prefix's wineserver has it and has not saved it yet; the kernel "
                             "has kept all, so do it again later");
    return rc;
}

int commit_writer_serve(struct commit_writer *writer, const struct control_channel *reader)
{
    struct commit_order order = {.step = COMMIT_END};
    struct pwk_prefix_changes changes;
    struct commit_request request;

    if (!control_receive(reader->from, &request, sizeof(request)))
        return CONTROL_OK;
    order.result = pwk_prefix_changes_begin(&changes);
    if (order.result == 0)
        order.result = take_changes(writer, request.size, &changes, &order.error);
    if (order.result == 0)
        order.result = write_changes(writer, reader, &changes, &order.error);
    /* Each with its outcome, in the places where the reader has put them. */
    if (order.result == 0 &&
        pwrite(writer->files.changes, changes.page, changes.size, 0) != (ssize_t)changes.size)
        order.result = pwk_error_set(&order.error, -EIO,
                                     "what became of the changes cannot be told: see pwkctl "
                                     "registry NAME diff");
    pwk_prefix_changes_finish(&changes);
    control_send(reader->to, &order, sizeof(order));
    return CONTROL_OK;
}
