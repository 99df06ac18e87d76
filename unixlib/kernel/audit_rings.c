/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_rings.c - the file of rings: one of each process of a kernel, at the place that its slot
 * has in the table of processes.
 *
 * At its beginning stands, place by place, who owns the ring there. A process maps its own ring and
 * nothing else of the file, so that what it does to its memory is its own affair; who drains
 * another one's reads a copy. Rings change hands under the lock of the log only.
 */
#include "kernel/audit_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel/process_table_internal.h"

#define CELLS 512      /* 64 KiB */
#define CELLS_ALL 4096 /* 512 KiB, with level all */
#define RINGS_START 65536
#define RING_SPACING (512 * 1024 + 4096)
#define LOCK_TRIES 50
#define LOCK_PAUSE 2000000 /* nanoseconds */

static off_t ring_offset(size_t place)
{
    return RINGS_START + (off_t)place * RING_SPACING;
}

/* Waits for the lock of the log, but not for long: who holds it may be anybody. */
static int lock_log(pwk_audit_t *audit)
{
    const struct timespec pause = {0, LOCK_PAUSE};
    int result = audit_log_lock(&audit->log);

    for (int i = 0; result == -EAGAIN && i < LOCK_TRIES; i++) {
        nanosleep(&pause, NULL);
        result = audit_log_lock(&audit->log);
    }
    return result;
}

/* The first word of the file says how many places were ever taken; then comes one a place: who owns
 * it, or PLACE_FREE where nobody does any more. 0: it was never taken, and may have no room yet. */
#define PLACE_FREE 1
/* In the lower half of an owner, above any pid: its records are about other processes. Nothing that
 * a process does to its own ring puts it there. */
#define SPEAKS_FOR_OTHERS UINT64_C(0x80000000)

static off_t owner_offset(size_t place)
{
    return (off_t)((place + 1) * sizeof(uint64_t));
}

static int set_owner(int fd, size_t place, uint64_t owner)
{
    ssize_t written = pwrite(fd, &owner, sizeof(owner), owner_offset(place));

    return written == sizeof(owner) ? 0 : -EIO;
}

static uint64_t read_owner(int fd, size_t place)
{
    uint64_t owner = 0;

    return pread(fd, &owner, sizeof(owner), owner_offset(place)) == sizeof(owner) ? owner : 0;
}

static size_t read_count(int fd)
{
    uint64_t count = 0;

    if (pread(fd, &count, sizeof(count), 0) != sizeof(count)) {
        return 0;
    }
    return count < SLOT_COUNT ? (size_t)count : SLOT_COUNT;
}

/* Before the place is owned. Of two processes at once the second one's word may be the smaller:
 * again until it is not. */
static void note_place(int fd, size_t place)
{
    uint64_t count = place + 1;

    while (read_count(fd) <= place && pwrite(fd, &count, sizeof(count), 0) == sizeof(count)) {
    }
}

/* The lock of an open file description, on one byte: F_WRLCK takes it, F_UNLCK gives it back. */
static int lock_place(int fd, size_t place, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)place, .l_len = 1};

    return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : -errno;
}

/* Whether a process lives that has this place, and did not open `fd` itself. */
static bool place_is_held(int fd, size_t place)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)place, .l_len = 1};

    return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

/* ---- rings of other processes ---- */

static struct audit_ring *copy_ring(int fd, size_t place)
{
    size_t size = audit_ring_size(CELLS_ALL);
    struct audit_ring *copy = calloc(1, size);
    ssize_t got = 0;

    /* The header first: all that was published up to the head that it names is in the cells. */
    if (copy != NULL) {
        got = pread(fd, &copy->header, sizeof(copy->header), ring_offset(place));
    }
    if (got == sizeof(copy->header) && copy->header.cells <= CELLS_ALL) {
        got = pread(fd, copy->cells, copy->header.cells * sizeof(copy->cells[0]),
                    ring_offset(place) + (off_t)sizeof(copy->header));
    }
    if (got < 0 || copy == NULL) {
        free(copy);
        return NULL;
    }
    return copy;
}

/* The log's lock is held, `draining` is set. */
static int drain_place(pwk_audit_t *audit, int fd, size_t place, uint64_t owner, bool gone)
{
    struct audit_ring *copy = copy_ring(fd, place);
    int result = 0;

    if (copy == NULL) {
        return -ENOMEM;
    }
    struct ring_source source = {.header = &copy->header,
                                 .cells = copy->cells,
                                 .capacity = CELLS_ALL,
                                 .pid = (pid_t)(uint32_t)(owner & ~SPEAKS_FOR_OTHERS),
                                 .speaks_for_others = (owner & SPEAKS_FOR_OTHERS) != 0,
                                 .stall = audit->stalls != NULL ? &audit->stalls[place] : NULL,
                                 .is_final = gone,
                                 .fd = fd,
                                 .offset = ring_offset(place)};
    result = audit_drain_source(audit, &source);
    free(copy);
    if (gone && (result == 0 || result == -EUCLEAN)) {
        result = set_owner(fd, place, PLACE_FREE);
    }
    return result == -EUCLEAN ? 0 : result;
}

/* How many cells wait in a ring; 1 where it is damaged, or a drainer was killed at it. */
static uint64_t count_waiting(int fd, size_t place)
{
    struct audit_ring_header header;

    if (pread(fd, &header, sizeof(header), ring_offset(place)) != sizeof(header)) {
        return 1;
    }
    uint64_t waiting = atomic_load(&header.head) - atomic_load(&header.tail);
    return waiting > CELLS_ALL || atomic_load(&header.writing) != 0 ? 1 : waiting;
}

/* Whether a place has an owner, who is gone, or with `live` has something to be written. */
static bool is_due(int fd, size_t place, bool live, bool *gone, uint64_t *waiting)
{
    *waiting = 0;
    if (read_owner(fd, place) <= PLACE_FREE) {
        return false;
    }
    *gone = !place_is_held(fd, place);
    if (live) {
        *waiting = count_waiting(fd, place);
    }
    return *gone || *waiting > 0;
}

bool audit_rings_are_due(int fd)
{
    size_t count = read_count(fd);
    uint64_t waiting;
    bool gone;

    for (size_t i = 0; i < count; i++) {
        if (is_due(fd, i, true, &gone, &waiting)) {
            return true;
        }
    }
    return false;
}

/* Rings do not change hands under the lock: who owns one is read again. The lock is taken only if
 * there is something to do. A ring that cannot be written keeps none of the others back. */
int audit_collect_rings(pwk_audit_t *audit, int fd, bool live)
{
    size_t count = read_count(fd);
    uint64_t waiting;
    bool locked = false;
    bool gone;
    int result = 0;

    audit->waiting = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_due(fd, i, live, &gone, &waiting)) {
            continue;
        }
        audit->waiting = waiting > audit->waiting ? waiting : audit->waiting;
        if (!locked && (result = lock_log(audit)) != 0) {
            break;
        }
        locked = true;
        if (is_due(fd, i, live, &gone, &waiting)) {
            int drained = drain_place(audit, fd, i, read_owner(fd, i), gone);
            result = result != 0 ? result : drained;
        }
    }
    if (locked) {
        audit_log_unlock(&audit->log);
    }
    return result;
}

static int open_rings(const char *runtime, const char *state, int flags)
{
    char path[PATH_MAX];
    int result = pwk_kernel_file_path(runtime, state, "audit", path, NULL);

    return result < 0 ? result : pwk_kernel_file_open(path, flags);
}

int pwk_audit_collect(pwk_audit_t *audit, const char *runtime, const char *state, bool live)
{
    sigset_t before;
    int result = 0;

    if (audit->log.fd < 0) {
        return 0;
    }
    int fd = open_rings(runtime, state, 0);
    if (fd < 0) {
        return fd == -ENOENT ? 0 : fd;
    }
    audit_block_signals(&before);
    result = audit_collect_rings(audit, fd, live);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(fd);
    return result;
}

/* ---- the process's own ---- */

/* What earlier owners have left is written first. `has_room`: the place was in use before. */
static int take_place(pwk_audit_t *audit, bool first, bool *has_room)
{
    uint64_t owner;
    int result = 0;

    if (first) {
        result = audit_collect_rings(audit, audit->rings, false);
    }
    owner = read_owner(audit->rings, audit->place);
    *has_room = owner != 0;
    if (result != 0 || owner <= PLACE_FREE) {
        return result;
    }
    result = lock_log(audit);
    if (result == 0) {
        result = drain_place(audit, audit->rings, audit->place, owner, true);
        audit_log_unlock(&audit->log);
    }
    return result;
}

/* A place that nobody owns, and whose last owner's records are in the log. Nobody but its new owner
 * changes that, so no lock of the log's is needed, which is not to be had here. */
static bool take_free_place(pwk_audit_t *audit, bool *has_room)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        if (read_owner(audit->rings, i) > PLACE_FREE || lock_place(audit->rings, i, F_WRLCK) != 0) {
            continue;
        }
        uint64_t owner = read_owner(audit->rings, i);
        if (owner <= PLACE_FREE) {
            audit->place = i;
            *has_room = owner != 0;
            return true;
        }
        lock_place(audit->rings, i, F_UNLCK);
    }
    return false;
}

/* All of it is there before it is touched: a full disk shows here and not as SIGBUS later. */
static bool make_room(pwk_audit_t *audit, size_t size)
{
    off_t offset = ring_offset(audit->place);
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= (rlim_t)offset + size &&
           posix_fallocate(audit->rings, offset, (off_t)size) == 0;
}

static struct audit_ring *map_ring(pwk_audit_t *audit, size_t cells, bool has_room)
{
    size_t size = audit_ring_size(cells);

    if ((!has_room || cells > CELLS) && !make_room(audit, size)) {
        return NULL;
    }
    void *ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, audit->rings,
                      ring_offset(audit->place));
    return ring != MAP_FAILED ? ring : NULL;
}

static bool make_ring(pwk_audit_t *audit, uint64_t owner, bool has_room)
{
    size_t cells = audit->level == PWK_AUDIT_ALL ? CELLS_ALL : CELLS;
    struct audit_ring *ring = map_ring(audit, cells, has_room);
    uint64_t salt;

    if (ring == NULL) {
        return false;
    }
    if (getrandom(&salt, sizeof(salt), GRND_NONBLOCK) != sizeof(salt)) {
        munmap(ring, audit_ring_size(cells));
        return false;
    }
    audit_ring_init(ring, cells, salt);
    note_place(audit->rings, audit->place);
    if (set_owner(audit->rings, audit->place, owner) != 0) {
        munmap(ring, audit_ring_size(cells));
        return false;
    }
    audit->writer = (struct audit_writer){ring, cells, salt};
    return true;
}

static void join_apart(pwk_audit_t *audit, const struct pwk_process_slot *slot)
{
    uint64_t owner =
        slot != NULL ? atomic_load(&slot->owner) : (uint64_t)getpid() | SPEAKS_FOR_OTHERS;
    bool has_room;

    if (take_free_place(audit, &has_room) && make_ring(audit, owner, has_room)) {
        atomic_store(&audit->has_ring, true);
    }
}

void pwk_audit_join(pwk_audit_t *audit, const char *runtime, const char *state,
                    pwk_process_table_t *table, struct pwk_process_slot *slot, bool first)
{
    bool has_room;

    if (audit->level == PWK_AUDIT_OFF) {
        return;
    }
    audit->slot = slot;
    if (audit->level == PWK_AUDIT_ALL) {
        atomic_fetch_or(&pwk_audit_attention, PWK_AUDIT_EVERY_CALL);
    }
    if (!audit->apart && (slot == NULL || table->file == NULL)) {
        return;
    }
    audit->rings = open_rings(runtime, state, O_CREAT);
    if (audit->rings < 0) {
        audit->rings = -1;
        return;
    }
    if (audit->apart) {
        join_apart(audit, slot);
        return;
    }
    audit->place = (size_t)(slot - table->file->slots);
    if (lock_place(audit->rings, audit->place, F_WRLCK) == 0 &&
        take_place(audit, first, &has_room) == 0 &&
        make_ring(audit, atomic_load(&slot->owner), has_room)) {
        atomic_store(&audit->has_ring, true);
    }
}

/* Of a drain that goes on in another thread the end is waited for, but not for long. */
static bool take_draining(pwk_audit_t *audit)
{
    const struct timespec pause = {0, LOCK_PAUSE};
    bool busy = atomic_exchange(&audit->draining, true);

    for (int i = 0; busy && i < LOCK_TRIES; i++) {
        nanosleep(&pause, NULL);
        busy = atomic_exchange(&audit->draining, true);
    }
    return !busy;
}

/* What was dropped behind the last record that was written is told in one of its own. */
static int tell_loss(pwk_audit_t *audit, const struct ring_source *source)
{
    struct audit_record record;
    uint64_t waiting;

    if (atomic_load(&source->header->dropped) == atomic_load(&source->header->dropped_told)) {
        return 0;
    }
    audit_record_fill_plain(&record, "audit", "dropped");
    record.head.tid = (uint32_t)gettid();
    audit_ring_put(&audit->writer, &record, &waiting);
    return audit_drain_source(audit, source);
}

/* A ring that could not be emptied keeps its owner, and is found when that has ended. */
static void give_back(pwk_audit_t *audit)
{
    struct ring_source source = audit_own_source(audit);

    if (!take_draining(audit)) {
        return;
    }
    if (lock_log(audit) == 0) {
        source.is_final = true;
        if (audit_drain_source(audit, &source) == 0 && tell_loss(audit, &source) == 0) {
            set_owner(audit->rings, audit->place, PLACE_FREE);
            lock_place(audit->rings, audit->place, F_UNLCK);
        }
        audit_log_unlock(&audit->log);
    }
    atomic_store(&audit->draining, false);
}

void pwk_audit_leave(pwk_audit_t *audit)
{
    sigset_t before;

    if (audit == NULL || !atomic_load(&audit->has_ring)) {
        return;
    }
    audit_block_signals(&before);
    atomic_store(&audit->has_ring, false);
    if (!audit->apart) {
        give_back(audit);
    }
    audit->slot = NULL;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
