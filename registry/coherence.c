/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * coherence.c - see coherence.h. Layout of the mapped file: struct shared, one page-aligned
 * block, allocated in full so that a full disk cannot fault a later store.
 */
#include "registry/coherence.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "registry/shared_lock.h"

#define MAGIC UINT64_C(0x3565636e65726f63)
#define LOCK_SECONDS 10
#define LOCK_TRIES 40
#define LOCK_PAUSES 8
#define LONG_HOLD_NS 1000000
#define LET_IN_NS 10000000
#define WITHOUT_WAITV_MS 100

/* Lock, clock and the journal's head share a line of memory: a writer fetches one from the
 * processor where the last one wrote, not four. */
struct shared {
    uint64_t magic; /* the file is ready for use */
    uint64_t used;  /* it was, at least once: MAGIC */
    struct coherence_signature signature;
    struct coherence_lower lower;
    uint64_t next_key;
    struct coherence_change ring[COHERENCE_RING];
    _Alignas(64) struct shared_lock lock;
    uint32_t unused[9];
    struct coherence_clock clock;
    struct journal journal;
    _Atomic uint32_t holder_died; /* and what was left has not been seen to */
    _Alignas(64) struct coherence_touched touched;
};
_Static_assert(offsetof(struct shared, journal) % 64 == 56,
               "the journal's first word is not in the "
               "line of the lock");

struct coherence {
    int fd;
    bool first;
    struct shared *shared;
};

static int fail(struct registry_error *error, const char *path, const char *what)
{
    int code = errno;

    if (error)
        snprintf(error->text, sizeof error->text, "%s: %s: %s", path, what, strerror(code));
    return -code;
}

/* The exclusive lock is had only by a process that is alone. A conversion to the shared lock is
 * not atomic (flock(2)), so whoever gets the shared one looks at the magic again. */
static int take_part(coherence_t *coherence)
{
    struct timespec pause = {.tv_nsec = 2000000};

    for (int tries = 0; tries < LOCK_SECONDS * 500; tries++) {
        if (flock(coherence->fd, LOCK_EX | LOCK_NB) == 0) {
            coherence->first = true;
            /* Of an earlier session: should this process end before coherence_start, nobody may
             * take the store for one that is in use. */
            coherence->shared->magic = 0;
            return 0;
        }
        if (flock(coherence->fd, LOCK_SH | LOCK_NB) == 0) {
            if (coherence->shared->magic == MAGIC)
                return 0;
            flock(coherence->fd, LOCK_UN);
        }
        nanosleep(&pause, NULL);
    }
    errno = ETIMEDOUT;
    return -1;
}

static int map_file(coherence_t *coherence, const char *path, struct registry_error *error)
{
    struct stat status;
    int code;

    coherence->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (coherence->fd < 0)
        return fail(error, path, "cannot be opened");
    if (fstat(coherence->fd, &status) < 0)
        return fail(error, path, "cannot be read");
    if (!S_ISREG(status.st_mode)) {
        errno = EINVAL;
        return fail(error, path, "is not a plain file");
    }
    code = posix_fallocate(coherence->fd, 0, sizeof(struct shared));
    if (code) {
        errno = code;
        return fail(error, path, "cannot be made; make room on the disk");
    }
    coherence->shared =
        mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, coherence->fd, 0);
    if (coherence->shared == MAP_FAILED) {
        coherence->shared = NULL;
        return fail(error, path, "cannot be mapped");
    }
    return 0;
}

/* What flock(2) cannot do: ask without giving up what one has. */
static struct flock presence(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
}

int coherence_open(const char *path, coherence_t **out, struct coherence_finding *finding,
                   struct registry_error *error)
{
    coherence_t *coherence = calloc(1, sizeof *coherence);
    struct flock present = presence(F_RDLCK);
    int result;

    memset(finding, 0, sizeof *finding);
    if (!coherence) {
        errno = ENOMEM;
        return fail(error, path, "cannot be opened");
    }
    coherence->fd = -1;
    result = map_file(coherence, path, error);
    if (result == 0 && take_part(coherence) < 0)
        result = fail(error, path, "another process holds it");
    if (result == 0 && fcntl(coherence->fd, F_OFD_SETLK, &present) < 0)
        result = fail(error, path, "cannot be locked");
    if (result < 0) {
        coherence_close(coherence, NULL, NULL);
        return result;
    }
    if (coherence->first) {
        finding->first = true;
        finding->used = coherence->shared->used == MAGIC;
        if (finding->used)
            finding->signature = coherence->shared->signature;
    }
    *out = coherence;
    return 0;
}

bool coherence_is_last(coherence_t *coherence)
{
    struct flock lock = presence(F_WRLCK);

    return fcntl(coherence->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

int coherence_start(coherence_t *coherence)
{
    struct shared *shared = coherence->shared;

    /* Not ready until all is made: who dies in the middle leaves it to the next to be alone. */
    shared->magic = 0;
    atomic_thread_fence(memory_order_seq_cst);
    atomic_store(&shared->lock.word, 0);
    atomic_store(&shared->clock.generation, 0);
    atomic_store(&shared->clock.sleepers, 0);
    memset(&shared->touched, 0, sizeof shared->touched);
    atomic_store(&shared->holder_died, 0);
    memset(&shared->signature, 0, sizeof shared->signature);
    memset(&shared->lower, 0, sizeof shared->lower); /* the store knows */
    atomic_thread_fence(memory_order_seq_cst);
    shared->magic = shared->used = MAGIC;
    coherence->first = false;
    if (flock(coherence->fd, LOCK_SH) < 0)
        return -errno;
    /* In between another process may have been alone, and have died at this very place. */
    return shared->magic == MAGIC ? 0 : -EAGAIN;
}

void coherence_leave(coherence_t *coherence,
                     bool (*sign)(void *context, struct coherence_signature *signature),
                     void *context)
{
    struct coherence_signature signature;

    if (coherence->fd < 0)
        return;
    if (coherence->shared && sign && flock(coherence->fd, LOCK_EX | LOCK_NB) == 0) {
        if (sign(context, &signature))
            coherence->shared->signature = signature;
        coherence->shared->magic = 0; /* whoever comes now is the first */
    }
    close(coherence->fd);
    coherence->fd = -1;
}

void coherence_close(coherence_t *coherence,
                     bool (*sign)(void *context, struct coherence_signature *signature),
                     void *context)
{
    if (!coherence)
        return;
    coherence_leave(coherence, sign, context);
    if (coherence->shared)
        munmap(coherence->shared, sizeof *coherence->shared);
    free(coherence);
}

uint64_t coherence_generation(coherence_t *coherence)
{
    return atomic_load_explicit(&coherence->shared->clock.generation, memory_order_acquire);
}

bool coherence_busy(coherence_t *coherence)
{
    return atomic_load_explicit(&coherence->shared->touched.busy, memory_order_acquire) != 0;
}

const struct coherence_touched *coherence_touched(coherence_t *coherence)
{
    return &coherence->shared->touched;
}

/* Not written where it is so already: all readers have the line. */
static void set_busy(struct shared *shared, uint32_t busy)
{
    if (atomic_load_explicit(&shared->touched.busy, memory_order_relaxed) != busy)
        atomic_store(&shared->touched.busy, busy);
}

static void touch(struct shared *shared, const struct coherence_change *changes, size_t count,
                  uint64_t generation)
{
    for (size_t i = 0; i < count; i++)
        atomic_store(&shared->touched.places[coherence_place(changes[i].key)], generation);
}

int coherence_changes(coherence_t *coherence, uint64_t seen, uint64_t now,
                      struct coherence_change *changes, size_t capacity)
{
    uint64_t count = now - seen;

    if (count > COHERENCE_RING / 2 || count > capacity)
        return -EOVERFLOW;
    for (uint64_t i = 0; i < count; i++)
        changes[i] = coherence->shared->ring[(seen + i) % COHERENCE_RING];
    atomic_thread_fence(memory_order_acquire);
    /* Overwritten while it was read? Half the ring is kept as distance. */
    if (coherence_generation(coherence) - seen > COHERENCE_RING / 2)
        return -EOVERFLOW;
    return (int)count;
}

/* A lock is held for less time than falling asleep and being woken takes, unless its holder writes
 * to the store or does not run. */
static int lock_soon(struct shared_lock *lock)
{
    int result = shared_lock_try(lock);

    for (int tries = 0; result == -EBUSY && tries < LOCK_TRIES; tries++) {
        for (int i = 0; i < LOCK_PAUSES; i++)
            __builtin_ia32_pause();
        result = shared_lock_try(lock);
    }
    return result;
}

int coherence_lock(coherence_t *coherence)
{
    struct shared *shared = coherence->shared;
    struct timespec deadline;
    int result = lock_soon(&shared->lock);

    if (result == -EBUSY) {
        clock_gettime(CLOCK_MONOTONIC, &deadline);
        deadline.tv_sec += LOCK_SECONDS;
        result = shared_lock_take(&shared->lock, &deadline);
    }
    if (result == -EOWNERDEAD) {
        atomic_store(&shared->touched.everything,
                     atomic_load(&shared->clock.generation) + COHERENCE_RING + 1);
        atomic_fetch_add(&shared->clock.generation, COHERENCE_RING + 1);
        set_busy(shared, 0);
        atomic_store(&shared->holder_died, 1);
        /* What it did not come to tell. */
        coherence_wake(coherence);
        result = 0;
    }
    if (result < 0)
        return result;
    return atomic_load(&shared->holder_died) ? COHERENCE_HOLDER_DIED : 0;
}

void coherence_forget_death(coherence_t *coherence)
{
    atomic_store(&coherence->shared->holder_died, 0);
}

void coherence_announce(coherence_t *coherence)
{
    set_busy(coherence->shared, 1);
}

/* The low half of the generation, which a futex can watch (little-endian). */
static uint32_t *generation_word(struct shared *shared)
{
    return (uint32_t *)&shared->clock.generation;
}

void coherence_publish(coherence_t *coherence, const struct coherence_change *changes, size_t count)
{
    struct shared *shared = coherence->shared;
    uint64_t generation = atomic_load(&shared->clock.generation);

    if (count > COHERENCE_RING / 2) {
        count = COHERENCE_RING + 1;
        atomic_store(&shared->touched.everything, generation + count);
    } else {
        for (size_t i = 0; i < count; i++)
            shared->ring[(generation + i) % COHERENCE_RING] = changes[i];
        touch(shared, changes, count, generation + count);
    }
    atomic_store(&shared->clock.generation, generation + count);
    set_busy(shared, 0);
    coherence_wake(coherence);
}

void coherence_wake(coherence_t *coherence)
{
    struct shared *shared = coherence->shared;

    if (atomic_load(&shared->clock.sleepers))
        syscall(SYS_futex, generation_word(shared), FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

uint64_t coherence_next_key(coherence_t *coherence)
{
    return coherence->shared->next_key;
}

void coherence_set_next_key(coherence_t *coherence, uint64_t id)
{
    coherence->shared->next_key = id;
}

struct coherence_lower coherence_lower(coherence_t *coherence)
{
    struct coherence_lower *lower = &coherence->shared->lower;
    struct coherence_lower copy = {__atomic_load_n(&lower->instance, __ATOMIC_ACQUIRE),
                                   __atomic_load_n(&lower->generation, __ATOMIC_ACQUIRE)};
    return copy;
}

void coherence_set_lower(coherence_t *coherence, struct coherence_lower lower)
{
    struct coherence_lower *shared = &coherence->shared->lower;

    /* Who reads in between finds a pair that never was, and asks again under the lock. */
    __atomic_store_n(&shared->instance, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&shared->generation, lower.generation, __ATOMIC_SEQ_CST);
    __atomic_store_n(&shared->instance, lower.instance, __ATOMIC_SEQ_CST);
}

/* One futex, or two (futex_waitv(2)); a kernel that has not the latter looks now and then. */
static void sleep_on(uint32_t *word, uint32_t seen, const uint32_t *also, uint32_t also_seen,
                     unsigned milliseconds)
{
    struct futex_waitv both[] = {{seen, (uintptr_t)word, FUTEX_32, 0},
                                 {also_seen, (uintptr_t)also, FUTEX_32, 0}};
    struct timespec until, time;

    if (also) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
        until.tv_sec += milliseconds / 1000 + until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (syscall(SYS_futex_waitv, both, 2, 0, &until, CLOCK_MONOTONIC) >= 0 || errno != ENOSYS)
            return;
        milliseconds = milliseconds < WITHOUT_WAITV_MS ? milliseconds : WITHOUT_WAITV_MS;
    }
    time = (struct timespec){milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    syscall(SYS_futex, word, FUTEX_WAIT, seen, &time, NULL, 0);
}

void coherence_wait(coherence_t *coherence, uint64_t seen, const uint32_t *also, uint32_t also_seen,
                    unsigned milliseconds)
{
    struct shared *shared = coherence->shared;

    atomic_fetch_add(&shared->clock.sleepers, 1);
    if (atomic_load(&shared->clock.generation) == seen)
        sleep_on(generation_word(shared), (uint32_t)seen, also, also_seen, milliseconds);
    atomic_fetch_sub(&shared->clock.sleepers, 1);
}

void coherence_unlock(coherence_t *coherence)
{
    set_busy(coherence->shared, 0);
    shared_lock_give(&coherence->shared->lock);
}

static int64_t nanoseconds(const struct timespec *time)
{
    return time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

/* A short hold leaves others their chance. After a long one it is mostly the same process that has
 * it next: one that wrote in a loop, 0.8 s each time, kept others waiting for nine. */
void coherence_unlock_long(coherence_t *coherence, const struct timespec *since)
{
    struct shared_lock *lock = &coherence->shared->lock;
    struct timespec deadline;
    int64_t held;

    set_busy(coherence->shared, 0);
    if (!shared_lock_give(lock))
        return;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    held = nanoseconds(&deadline) - nanoseconds(since);
    if (held < LONG_HOLD_NS)
        return;
    deadline.tv_nsec += held < LET_IN_NS ? held : LET_IN_NS;
    deadline.tv_sec += deadline.tv_nsec / 1000000000;
    deadline.tv_nsec %= 1000000000;
    shared_lock_let_in(lock, &deadline);
}

struct journal *coherence_journal(coherence_t *coherence)
{
    return &coherence->shared->journal;
}
