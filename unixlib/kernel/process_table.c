/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_table.c - see process_table.h. The file, and who takes part in it; the slots are in
 * process_slots.c.
 *
 * A slot is owned by the process whose identity (pid, and the low half of its start time) stands in
 * its word `owner`; it is taken and given up by compare-and-swap on that word. Who finds a dead
 * owner puts its own identity there with FOLDING set, moves the counters into the totals, and frees
 * the slot; when it dies in the middle, the next one goes on from there.
 *
 * Processes of the kernel map the file and write to their slot. All others, who are not to be ended
 * by a hostile program that cuts it short, read a copy by pread, and make it anew by pwrite.
 */
#include "kernel/process_table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/process_status.h"
#include "kernel/process_table_internal.h"

#define TABLE_MAGIC UINT64_C(0x33656c626174776b) /* "kwtable3" */
#define TABLE "processes"
#define OPEN_TRIES 100
#define SLOTS_AT_ONCE 16

/* ---- who is alive ---- */

uint64_t pwk_process_start_time(pid_t pid)
{
    char path[32];
    char text[1024];
    struct pwk_process_stat stat;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return kill(pid, 0) == 0 ? 1 : 0;
    }
    ssize_t size = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[size > 0 ? size : 0] = '\0';

    if (!pwk_process_stat_read(text, &stat) || stat.state == 'Z' || stat.state == 'X') {
        return 0;
    }
    return stat.started;
}

uint64_t pwk_process_identity(pid_t pid, uint64_t start_time)
{
    return start_time << 32 | (uint32_t)pid;
}

static pid_t (*number_outside)(void *context, pid_t inside);
static void *number_context;

void pwk_process_numbers_from(pid_t (*outside)(void *context, pid_t inside), void *context)
{
    number_outside = outside;
    number_context = context;
}

pid_t pwk_process_number_here(pid_t named)
{
    return number_outside != NULL ? number_outside(number_context, named) : named;
}

bool pwk_process_owner_is_alive(uint64_t owner)
{
    uint64_t bare = owner & ~FOLDING;
    uint32_t pid = (uint32_t)bare;
    pid_t here = pid > 0 && pid <= INT_MAX ? pwk_process_number_here((pid_t)pid) : 0;
    uint64_t start_time = here > 0 ? pwk_process_start_time(here) : 0;

    return start_time != 0 && pwk_process_identity((pid_t)pid, start_time) == bare;
}

/* ---- the file ---- */

static int fail(struct pwk_error *error, int code, const char *path)
{
    return pwk_error_set(error, code,
                         "%s: the table of processes cannot be used (%s); make its folder writable "
                         "or free some space there",
                         path, strerror(-code));
}

int pwk_kernel_file_path(const char *runtime, const char *state, const char *kind,
                         char path[PATH_MAX], struct pwk_error *error)
{
    char real[PATH_MAX];
    const char *name = realpath(state, real) != NULL ? real : state;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    }
    int length = snprintf(path, PATH_MAX, "%s/%s-%016llx", runtime, kind, (unsigned long long)hash);
    return length < PATH_MAX ? 0 : fail(error, -ENAMETOOLONG, runtime);
}

int pwk_process_table_remove(const char *runtime, const char *state, struct pwk_error *error)
{
    static const char *const kinds[] = {TABLE, "audit"};
    char path[PATH_MAX];
    int result = 0;

    for (size_t i = 0; result == 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        result = pwk_kernel_file_path(runtime, state, kinds[i], path, error);
        if (result == 0 && unlink(path) < 0 && errno != ENOENT) {
            result = -errno;
            fail(error, result, path);
        }
    }
    return result;
}

int pwk_kernel_file_open(const char *path, int flags)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
    struct stat status;

    if (fd < 0) {
        return -errno;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid()) {
        close(fd);
        return -EPERM;
    }
    return fd;
}

static int lock_file(int fd, int operation)
{
    int result;

    do {
        result = flock(fd, operation) == 0 ? 0 : -errno;
    } while (result == -EINTR);
    return result;
}

bool pwk_process_table_read(int fd, void *out, size_t size, off_t offset)
{
    char *at = out;

    while (size > 0) {
        ssize_t got = pread(fd, at, size, offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
        offset += got;
    }
    return true;
}

struct table_file *pwk_process_table_copy(int fd)
{
    struct table_file *copy = malloc(sizeof(*copy));

    if (copy == NULL || fd < 0 || !pwk_process_table_read(fd, copy, sizeof(*copy), 0) ||
        copy->magic != TABLE_MAGIC) {
        free(copy);
        return NULL;
    }
    return copy;
}

static int write_all(int fd, const void *data, size_t size, off_t offset)
{
    ssize_t written;

    do {
        written = pwrite(fd, data, size, offset);
    } while (written < 0 && errno == EINTR);
    return written == (ssize_t)size ? 0 : written < 0 ? -errno : -EIO;
}

/* Writes only where something stands: a first write to each page would be a good part of what a
 * kernel costs a program's start. What cannot be read is not there any more. */
static int clear_pages(int fd, size_t size)
{
    static const unsigned char zeros[4096];
    unsigned char page[sizeof(zeros)];
    int result = 0;

    for (size_t at = 0; result == 0 && at < size; at += sizeof(zeros)) {
        if (pwk_process_table_read(fd, page, sizeof(page), (off_t)at) &&
            memcmp(page, zeros, sizeof(zeros)) != 0) {
            result = write_all(fd, zeros, sizeof(zeros), (off_t)at);
        }
    }
    return result;
}

static bool is_table(int fd)
{
    uint64_t magic;

    return pwk_process_table_read(fd, &magic, sizeof(magic), 0) && magic == TABLE_MAGIC;
}

/* How much of the file may hold something: only to look at all of it would be a fiftieth of a
 * program's start. A process that put a wrong number there has falsified its own kernel's
 * statistics, which its slots allow it too. */
static size_t size_in_use(int fd)
{
    const size_t slots = offsetof(struct table_file, slots);
    uint64_t touched;

    if (!is_table(fd) ||
        !pwk_process_table_read(fd, &touched, sizeof(touched),
                                offsetof(struct table_file, touched)) ||
        touched > SLOT_COUNT) {
        return sizeof(struct table_file);
    }
    return slots + (touched * sizeof(struct pwk_process_slot) + 4095) / 4096 * 4096;
}

/* True where a process of the table lives. A start asks this each time, and the oldest process is
 * mostly among the first slots: to read all of them would be a fortieth of a program's start. */
static bool in_use(int fd)
{
    struct pwk_process_slot slots[SLOTS_AT_ONCE];
    const off_t end = is_table(fd) ? (off_t)size_in_use(fd) : 0;

    _Static_assert(sizeof(slots) == 4096, "what size_in_use answers is whole pages");
    for (off_t at = offsetof(struct table_file, slots); at < end; at += sizeof(slots)) {
        if (!pwk_process_table_read(fd, slots, sizeof(slots), at)) {
            return false;
        }
        for (size_t i = 0; i < SLOTS_AT_ONCE; i++) {
            if (slots[i].owner != 0 && pwk_process_owner_is_alive(slots[i].owner)) {
                return true;
            }
        }
    }
    return false;
}

/* Empties the table; the exclusive lock is held. The file never gets shorter than a table, since a
 * process that has just lost its lock may have it mapped still; posix_fallocate sees to it that a
 * full disk shows here and not as SIGBUS later. */
static int make_anew(int fd)
{
    static const uint64_t magic = TABLE_MAGIC;
    const size_t size = sizeof(struct table_file);
    int result = -posix_fallocate(fd, 0, (off_t)size);

    if (result == 0 && ftruncate(fd, (off_t)size) != 0) {
        result = -errno;
    }
    if (result != 0) {
        return result;
    }
    result = clear_pages(fd, size_in_use(fd));
    return result == 0 ? write_all(fd, &magic, sizeof(magic), 0) : result;
}

/* Ends with the shared lock held on a table in order. Who finds nobody in it makes it anew, also
 * where somebody held the exclusive lock for a moment only to see that all had gone. */
static int join(int fd)
{
    int result = lock_file(fd, LOCK_EX | LOCK_NB);

    if (result == -EWOULDBLOCK) {
        result = lock_file(fd, LOCK_SH);
        if (result != 0 || in_use(fd)) {
            return result;
        }
        result = lock_file(fd, LOCK_EX | LOCK_NB);
    }
    if (result == 0) {
        result = make_anew(fd);
    } else if (result == -EWOULDBLOCK) {
        result = 0;
    }
    return result == 0 ? lock_file(fd, LOCK_SH) : result;
}

static bool still_at(int fd, const char *path)
{
    struct stat open_one;
    struct stat named;

    return fstat(fd, &open_one) == 0 && lstat(path, &named) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

static int open_and_join(pwk_process_table_t *table, const char *path)
{
    int result = -EAGAIN;

    /* Again when somebody has removed the file between opening and locking. */
    for (int i = 0; i < OPEN_TRIES && result == -EAGAIN; i++) {
        table->fd = pwk_kernel_file_open(path, O_CREAT);
        if (table->fd < 0) {
            return table->fd;
        }
        result = join(table->fd);
        if (result == 0 && !still_at(table->fd, path)) {
            result = -EAGAIN;
        }
        if (result != 0) {
            close(table->fd);
            table->fd = -1;
        }
    }
    return result;
}

static int map_table(pwk_process_table_t *table)
{
    struct stat status;

    if (fstat(table->fd, &status) != 0 || status.st_size < (off_t)sizeof(*table->file)) {
        return -EUCLEAN;
    }
    void *file = mmap(NULL, sizeof(*table->file), PROT_READ | PROT_WRITE, MAP_SHARED, table->fd, 0);
    if (file == MAP_FAILED) {
        return -errno;
    }
    table->file = file;
    return table->file->magic == TABLE_MAGIC ? 0 : -EUCLEAN;
}

static int open_for_reading(pwk_process_table_t *table, const char *path, bool *first)
{
    table->fd = pwk_kernel_file_open(path, 0);
    if (table->fd < 0) {
        int result = table->fd == -ENOENT ? 0 : table->fd;
        table->fd = -1;
        *first = true;
        return result;
    }
    *first = !in_use(table->fd);
    return 0;
}

int pwk_process_table_open(const char *runtime, const char *state, bool hold,
                           pwk_process_table_t **out, bool *first, struct pwk_error *error)
{
    char path[PATH_MAX];
    bool alone = false;
    int result = pwk_kernel_file_path(runtime, state, TABLE, path, error);

    *out = NULL;
    if (result != 0) {
        return result;
    }
    pwk_process_table_t *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        return fail(error, -ENOMEM, path);
    }
    table->fd = -1;
    if (hold) {
        result = open_and_join(table, path);
        if (result == 0) {
            result = map_table(table);
        }
        alone = result == 0 && atomic_exchange(&table->file->taken, 1) == 0;
    } else {
        result = open_for_reading(table, path, &alone);
    }
    if (result != 0) {
        pwk_process_table_close(table);
        return fail(error, result, path);
    }
    if (first != NULL) {
        *first = alone;
    }
    *out = table;
    return 0;
}

int pwk_process_table_alone(const char *runtime, const char *state)
{
    pwk_process_table_t table = {.fd = -1};
    char path[PATH_MAX];
    int result = pwk_kernel_file_path(runtime, state, TABLE, path, NULL);

    if (result == 0) {
        result = open_and_join(&table, path);
    }
    if (result != 0) {
        return result;
    }
    if (lock_file(table.fd, LOCK_EX | LOCK_NB) == 0) {
        return table.fd;
    }
    close(table.fd);
    return -EBUSY;
}

void pwk_process_table_close(pwk_process_table_t *table)
{
    if (table == NULL) {
        return;
    }
    if (table->file != NULL) {
        munmap(table->file, sizeof(*table->file));
    }
    if (table->fd >= 0) {
        close(table->fd);
    }
    free(table);
}

/* Trying for the exclusive lock gives up the shared one; a process that starts in between finds
 * this one in its slot and leaves the table as it is. */
bool pwk_process_table_last(pwk_process_table_t *table)
{
    if (table->fd < 0 || table->file == NULL) {
        return false;
    }
    if (lock_file(table->fd, LOCK_EX | LOCK_NB) == 0) {
        return true;
    }
    lock_file(table->fd, LOCK_SH);
    return false;
}
