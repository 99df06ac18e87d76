/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * repair.c - see repair.h.
 *
 * A repair's new store is made as registry.db.repairing, and called registry.db.repaired when it is
 * whole: from then on it is the registry, and whoever is first to open the folder removes the
 * damaged one's log (which must never be applied to the new file) and gives it its name.
 */
#include "registry/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "registry/coherence.h"
#include "registry/hive_store_check.h"
#include "registry/hive_store_salvage.h"

struct work {
    const char *directory;
    struct registry_check *check;
    struct registry_error *error;
    coherence_t *coherence;
    bool alone;
    struct store_image image;
    struct stat status; /* of the damaged file */
};

static int fail(struct work *work, int code, const char *file, const char *what)
{
    snprintf(work->error->text, sizeof work->error->text, "%.350s/%s: %s", work->directory, file,
             what);
    return code;
}

static int fail_system(struct work *work, int code, const char *file)
{
    return fail(work, code, file,
                code == -ENOSPC || code == -EDQUOT
                    ? "the disk is full; make room and try again (nothing has been changed)"
                    : strerror(-code));
}

/* "DIRECTORY/NAME"; the callers' names are short, and the folder's length is checked once. */
static const char *path_of(char path[PATH_MAX], const char *directory, const char *name)
{
    if (snprintf(path, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX)
        path[0] = 0;
    return path;
}

/* `mode` is set too, where it is not 0. No link is followed, which a program may have made. */
static int set_mode_and_sync(const char *path, mode_t mode)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int result = fd < 0 || (mode && fchmod(fd, mode) < 0) || fsync(fd) < 0 ? -errno : 0;

    if (fd >= 0)
        close(fd);
    return result;
}

static int sync_path(const char *path)
{
    return set_mode_and_sync(path, 0);
}

static void remove_file(const char *directory, const char *name)
{
    char path[PATH_MAX];

    unlink(path_of(path, directory, name));
}

int registry_finish_repair(const char *directory, struct registry_error *error)
{
    char repaired[PATH_MAX], path[PATH_MAX];
    int result = 0;

    if (access(path_of(repaired, directory, "registry.db.repaired"), F_OK) < 0)
        return 0;
    if ((unlink(path_of(path, directory, "registry.db-wal")) < 0 && errno != ENOENT) ||
        (unlink(path_of(path, directory, "registry.db-shm")) < 0 && errno != ENOENT))
        result = -errno;
    if (result == 0)
        result = sync_path(directory);
    if (result == 0 && rename(repaired, path_of(path, directory, "registry.db")) < 0)
        result = -errno;
    if (result == 0)
        result = sync_path(directory);
    if (result < 0)
        snprintf(error->text, sizeof error->text,
                 "%.350s: the repaired registry cannot be put into place: %s; make the folder "
                 "writable",
                 directory, strerror(-result));
    return result;
}

/* ---- images ---- */

static int map_file(struct work *work, const char *name, struct store_bytes *bytes,
                    struct stat *status)
{
    char path[PATH_MAX];
    int fd =
        open(path_of(path, work->directory, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    void *at = MAP_FAILED;
    int result = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, status) < 0)
        result = -errno;
    else if (!S_ISREG(status->st_mode))
        result = -EINVAL;
    if (result == 0 && status->st_size > 0) {
        at = mmap(NULL, (size_t)status->st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        result = at == MAP_FAILED ? -errno : 0;
    }
    if (at != MAP_FAILED)
        *bytes = (struct store_bytes){at, (size_t)status->st_size};
    close(fd);
    return result;
}

static int open_image(struct work *work)
{
    struct stat status;
    int result = map_file(work, "registry.db", &work->image.database, &work->status);

    if (result == 0)
        result = map_file(work, "registry.db-wal", &work->image.log, &status);
    if (result == -ENOENT && work->status.st_ino)
        result = 0;
    return result == 0 ? store_image_open(&work->image) : result;
}

static void close_image(struct work *work)
{
    store_image_finish(&work->image);
    if (work->image.database.at)
        munmap((void *)work->image.database.at, work->image.database.size);
    if (work->image.log.at)
        munmap((void *)work->image.log.at, work->image.log.size);
    memset(&work->image, 0, sizeof work->image);
}

/* ---- looking ---- */

static void find(struct work *work, const char *line)
{
    work->check->findings++;
    work->check->say(work->check->context, line);
}

static void look_at_journal(struct work *work)
{
    if (!work->alone && coherence_lock(work->coherence) < 0)
        return;
    if (!journal_is_sane(coherence_journal(work->coherence)))
        find(work, "the journal of values in registry.coherence is damaged");
    if (!work->alone)
        coherence_unlock(work->coherence);
}

/* Frames that SQLite would pass over in silence, with all that was written after them. */
static int look_at_log(struct work *work)
{
    char line[120];
    int result = open_image(work);

    if (result == 0 && work->image.bad_frames) {
        snprintf(line, sizeof line,
                 "the log: %u pages are damaged before the last that was written",
                 work->image.bad_frames);
        find(work, line);
    }
    close_image(work);
    return result == -EINVAL ? 0 : result;
}

/* What is wrong with the store `name`; `store_findings` counts alone what SQLite and the rows say.
 */
static int look_at_store(struct work *work, const char *name, uint64_t *store_findings)
{
    struct hive_check look = {.say = work->check->say, .context = work->check->context};
    char path[PATH_MAX];
    hive_store_t *store;
    int result =
        hive_store_open_for_check(path_of(path, work->directory, name), &store, work->error);

    if (result == -EUCLEAN) {
        look.findings = 1;
        look.say(look.context, work->error->text);
        result = 0;
    } else if (result == 0) {
        result = hive_store_check_all(store, &look);
        hive_store_close(store);
        if (result < 0)
            fail_system(work, result, name);
    }
    work->check->keys = look.keys;
    work->check->values = look.values;
    *store_findings = look.findings;
    return result;
}

/* ---- mending ---- */

static int fill_new_store(struct work *work, hive_store_t *store)
{
    struct registry_check *check = work->check;
    struct hive_salvage salvage = {
        .progress = check->progress, .say = check->say, .context = check->context};
    struct journal *journal = coherence_journal(work->coherence);
    int result = hive_store_salvage(store, &work->image, &salvage);

    check->keys = salvage.keys;
    check->values = salvage.values;
    check->capital_keys = salvage.capital_keys;
    check->cut_values = salvage.cut_values;
    check->lost_and_found = salvage.lost_and_found;
    if (result < 0)
        return result;
    /* Values that were acknowledged and are not in the store's file yet. */
    journal_start(journal, (uint64_t)work->status.st_ino);
    result = hive_store_begin(store);
    if (result == 0)
        result = journal_apply(journal, store, true);
    if (result == 0)
        result = hive_store_commit(store);
    if (result < 0)
        hive_store_rollback(store);
    return result < 0 ? result : hive_store_settle(store);
}

static void remove_new_store(struct work *work)
{
    remove_file(work->directory, "registry.db.repairing");
    remove_file(work->directory, "registry.db.repairing-wal");
    remove_file(work->directory, "registry.db.repairing-shm");
}

static int make_new_store(struct work *work)
{
    char path[PATH_MAX];
    hive_store_t *store;
    int result;

    remove_new_store(work);
    result = open_image(work);
    if (result < 0) {
        close_image(work);
        return result == -EINVAL ? -ENODATA : result;
    }
    result = hive_store_open(path_of(path, work->directory, "registry.db.repairing"), true, &store,
                             NULL);
    if (result == 0) {
        result = fill_new_store(work, store);
        hive_store_close(store);
    }
    close_image(work);
    if (result == 0)
        result = set_mode_and_sync(path, work->status.st_mode & 0777);
    remove_file(work->directory, "registry.db.repairing-wal");
    remove_file(work->directory, "registry.db.repairing-shm");
    return result;
}

/* A second name for a file, so that it stays when the first is given to another. */
static int keep(struct work *work, const char *name, const char *kept)
{
    char path[PATH_MAX], other[PATH_MAX];

    return link(path_of(path, work->directory, name), path_of(other, work->directory, kept)) < 0
               ? -errno
               : 0;
}

/* Both files under one name, or none. */
static int keep_as(struct work *work, const char *name)
{
    char log[72];
    int result = keep(work, "registry.db", name);

    if (result < 0)
        return result;
    snprintf(log, sizeof log, "%s-wal", name);
    result = keep(work, "registry.db-wal", log);
    if (result == 0 || result == -ENOENT)
        return 0;
    remove_file(work->directory, name);
    return result;
}

/* Another name is tried where an earlier repair has taken the first. */
static int keep_damaged_files(struct work *work)
{
    char name[64];
    time_t now = time(NULL);
    struct tm date;
    size_t length;
    int result;

    localtime_r(&now, &date);
    length = strftime(name, sizeof name, "registry.db.damaged-%Y%m%d-%H%M%S", &date);
    result = keep_as(work, name);
    for (int i = 2; result == -EEXIST && i < 100; i++) {
        snprintf(name + length, sizeof name - length, "-%d", i);
        result = keep_as(work, name);
    }
    path_of(work->check->kept, work->directory, name);
    return result;
}

static int put_into_place(struct work *work)
{
    char from[PATH_MAX], to[PATH_MAX];
    int result = keep_damaged_files(work);

    if (result == 0)
        result = sync_path(work->directory);
    if (result == 0 && rename(path_of(from, work->directory, "registry.db.repairing"),
                              path_of(to, work->directory, "registry.db.repaired")) < 0)
        result = -errno;
    if (result < 0)
        return fail_system(work, result, "registry.db");
    result = sync_path(work->directory);
    if (result < 0)
        return fail_system(work, result, "registry.db.repaired");
    return registry_finish_repair(work->directory, work->error);
}

static int repair(struct work *work)
{
    uint64_t findings = 0, keys = 0, values = 0;
    int result = make_new_store(work);

    if (result == -ENODATA)
        fail(work, result, "registry.db", "nothing in it can be read; it has not been changed");
    else if (result < 0)
        fail_system(work, result, "registry.db.repairing");
    keys = work->check->keys;
    values = work->check->values;
    if (result == 0)
        result = look_at_store(work, "registry.db.repairing", &findings);
    remove_file(work->directory, "registry.db.repairing-wal");
    remove_file(work->directory, "registry.db.repairing-shm");
    if (result == 0 && findings)
        result = fail(work, -EIO, "registry.db",
                      "what was saved of it does not stand by itself (see above); it has not been "
                      "changed");
    work->check->keys = keys;
    work->check->values = values;
    if (result == 0)
        result = put_into_place(work);
    if (result < 0)
        remove_new_store(work);
    else
        work->check->repaired = true;
    return result;
}

/* ---- the whole ---- */

static int open_coherence(struct work *work)
{
    struct coherence_finding finding;
    char path[PATH_MAX];
    int result;

    if (strlen(work->directory) > PATH_MAX - 80)
        return fail(work, -ENAMETOOLONG, "registry.db", "the path is too long");
    if (access(path_of(path, work->directory, "registry.db"), F_OK) < 0 &&
        access(path_of(path, work->directory, "registry.db.repaired"), F_OK) < 0)
        return fail_system(work, -errno, "registry.db");
    result = coherence_open(path_of(path, work->directory, "registry.coherence"), &work->coherence,
                            &finding, work->error);
    if (result < 0)
        return result;
    work->alone = finding.first;
    if (finding.first && !finding.used &&
        hive_store_is_unborn(path_of(path, work->directory, "registry.db")))
        return fail_system(work, -ENOENT, "registry.db");
    if (work->check->repair && !work->alone)
        return fail(work, -EBUSY, "registry.db",
                    "the registry is in use; end the programs that run under the kernel first");
    return work->check->repair ? registry_finish_repair(work->directory, work->error) : 0;
}

static int look(struct work *work)
{
    uint64_t findings;
    int result = 0;

    look_at_journal(work);
    if (work->alone)
        result = look_at_log(work);
    if (result < 0)
        return fail_system(work, result, "registry.db");
    /* Who only looks must not keep programs from starting; SQLite sees to one state. */
    if (!work->check->repair) {
        coherence_close(work->coherence, NULL, NULL);
        work->coherence = NULL;
    }
    result = look_at_store(work, "registry.db", &findings);
    work->check->findings += findings;
    return result;
}

int registry_check(const char *directory, struct registry_check *check,
                   struct registry_error *error)
{
    struct work work = {.directory = directory, .check = check, .error = error};
    int result;

    error->text[0] = 0;
    result = open_coherence(&work);
    if (result == 0)
        result = look(&work);
    if (result == 0 && check->repair && check->findings)
        result = repair(&work);
    coherence_close(work.coherence, NULL, NULL);
    return result;
}
