/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * coherence.h - keeps the caches of many processes right: a mapped file beside the database with
 * a generation number, a ring of what changed last, and the lock of writers.
 *
 * A write publishes what it changed before it returns; a read looks first whether its key is among
 * that (three loads). A process that dies while it writes leaves the lock behind (shared_lock.h):
 * the next to take it makes every cache start anew.
 *
 * The file is open to every process of the kernel, hostile ones among them: numbers read from it
 * are only compared and masked, and the lock is waited for at most ten seconds.
 */
#ifndef PWK_REGISTRY_COHERENCE_H
#define PWK_REGISTRY_COHERENCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "registry/journal.h"
#include "registry/registry.h"

struct coherence_change {
    uint64_t key;       /* whose own record or values changed */
    uint64_t name_hash; /* 0, or of a subkey that came or went */
    uint32_t kinds;     /* REGISTRY_CHANGED_... ; 0: of interest to caches only */
    uint32_t value;     /* where one value changed: the low half of its name's hash; 0: any did */
};

typedef struct coherence coherence_t;

/* What a database file looked like; compared, never interpreted. */
struct coherence_signature {
    uint64_t words[6];
};

/* What a process finds that opens the file. */
struct coherence_finding {
    bool first; /* no other process has it open */
    bool used;  /* the store was ready for use once before (told to the first only) */
    struct coherence_signature signature; /* what the last orderly close left; all zero: none */
};

/* Opens or makes `path`. The first must call coherence_start when the store is ready: until then
 * others wait. */
int coherence_open(const char *path, coherence_t **out, struct coherence_finding *finding,
                   struct registry_error *error);
/* -EAGAIN: another process came in between and died in the middle; close all and open anew. */
int coherence_start(coherence_t *coherence);

/* Closes; where nobody else has it open, `sign` is called under the exclusive lock and what it
 * gives is left for the next to open. `sign` may be NULL. */
void coherence_close(coherence_t *coherence,
                     bool (*sign)(void *context, struct coherence_signature *signature),
                     void *context);
/* The same, but what is mapped stays, for threads that may still read it. */
void coherence_leave(coherence_t *coherence,
                     bool (*sign)(void *context, struct coherence_signature *signature),
                     void *context);

/* True where no other process has it open; one may come at any moment. */
bool coherence_is_last(coherence_t *coherence);

/* Changes published so far. A cache that has seen exactly this many is up to date, unless a writer
 * is between commit and publication (busy). */
struct coherence_clock {
    _Atomic uint64_t generation;
    uint32_t unused;
    _Atomic uint32_t sleepers; /* a hint: a dead sleeper costs writers a system call, no more */
};
/* Which keys changed when: readers look here and not at the generation, so that a key nobody
 * changes costs nothing while others are written, not even a line of memory that moves between
 * processors. Each number is a generation; a key shares its place with others. What is told here is
 * told before the generation says so, and before the write returns. */
#define COHERENCE_PLACES 1024u
struct coherence_touched {
    _Atomic uint32_t busy; /* a writer is between commit and publication */
    _Atomic uint64_t everything;
    _Alignas(64) _Atomic uint64_t places[COHERENCE_PLACES];
};
/* Mapped until coherence_close. */
const struct coherence_touched *coherence_touched(coherence_t *coherence);

static inline uint64_t coherence_place(uint64_t key)
{
    return key * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (COHERENCE_PLACES - 1);
}

/* True where a cache that has taken in `seen` changes knows all about the key. */
static inline bool coherence_knows(const struct coherence_touched *touched, uint64_t key,
                                   uint64_t seen)
{
    return !atomic_load_explicit(&touched->busy, memory_order_acquire) &&
           atomic_load_explicit(&touched->places[coherence_place(key)], memory_order_acquire) <=
               seen &&
           atomic_load_explicit(&touched->everything, memory_order_acquire) <= seen;
}

uint64_t coherence_generation(coherence_t *coherence);
bool coherence_busy(coherence_t *coherence);
/* The changes from generation `seen` on, up to `capacity` of them; the count, or -EOVERFLOW when
 * they are no longer known (then everything may have changed). */
int coherence_changes(coherence_t *coherence, uint64_t seen, uint64_t now,
                      struct coherence_change *changes, size_t capacity);

/* The writers' lock, over all processes. -ETIMEDOUT after ten seconds. COHERENCE_HOLDER_DIED: it is
 * locked, and somebody died with it; that is answered, to whoever asks, until it is forgotten. */
#define COHERENCE_HOLDER_DIED 1
int coherence_lock(coherence_t *coherence);
void coherence_forget_death(coherence_t *coherence);
/* Between commit and unlock: makes readers wait, tells them what changed. */
void coherence_announce(coherence_t *coherence);
void coherence_publish(coherence_t *coherence, const struct coherence_change *changes,
                       size_t count);
void coherence_unlock(coherence_t *coherence);
/* The same for who may have held it long, since a moment of CLOCK_MONOTONIC: others who wait for it
 * have it before the caller can again. */
void coherence_unlock_long(coherence_t *coherence, const struct timespec *since);

/* Which state of the lower layer the store is in step with: `instance` tells who counts. Reading
 * takes no lock; setting, the writers'. */
struct coherence_lower {
    uint64_t instance, generation;
};
struct coherence_lower coherence_lower(coherence_t *coherence);
void coherence_set_lower(coherence_t *coherence, struct coherence_lower lower);

/* The id that the next key is given without asking the store; 0: ask it. Under the writers' lock.
 * It outlasts an orderly end. */
uint64_t coherence_next_key(coherence_t *coherence);
void coherence_set_next_key(coherence_t *coherence, uint64_t id);

/* Sleeps until the generation is no longer `seen`, a signal comes, or the time is over. Any thread;
 * nothing is held. `also`, where not NULL: a word in shared memory that ends the sleep
 * too when it is no longer `also_seen` and its futex is woken. */
void coherence_wait(coherence_t *coherence, uint64_t seen, const uint32_t *also, uint32_t also_seen,
                    unsigned milliseconds);

/* Ends the sleep of all that wait, in all processes. */
void coherence_wake(coherence_t *coherence);

/* The journal that lies beside the ring. */
struct journal *coherence_journal(coherence_t *coherence);

#define COHERENCE_RING 4096

#endif
