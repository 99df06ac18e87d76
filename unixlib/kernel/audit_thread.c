/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_thread.c - the writer: a thread that writes the log where records come fast. It is started
 * when it is first needed, looks at the ring every few milliseconds as long as something comes, and
 * sleeps otherwise. Who puts a record wakes it only from that sleep, or where the ring fills.
 */
#include "kernel/audit_internal.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define POLL_NANOSECONDS 4000000
#define IDLE_ROUNDS 25 /* without a record, until it sleeps */
#define STACK_SIZE (128u * 1024)

static void futex_wait(_Atomic uint32_t *word, uint32_t value, const struct timespec *time)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, time, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *write_forever(void *argument)
{
    const struct timespec poll = {0, POLL_NANOSECONDS};
    pwk_audit_t *audit = argument;
    uint64_t seen = 0;
    unsigned idle = 0;

    for (;;) {
        uint32_t state = WRITER_HURRY;
        uint64_t head = atomic_load(&audit->writer.ring->header.head);

        idle = head == seen ? idle + 1 : 0;
        seen = head;
        if (atomic_load(&audit->has_ring)) {
            audit_drain(audit);
        }
        atomic_compare_exchange_strong(&audit->writer_state, &state, WRITER_POLLS);
        if (idle < IDLE_ROUNDS) {
            futex_wait(&audit->writer_state, WRITER_POLLS, &poll);
            continue;
        }
        /* A record that is put from here on finds the writer asleep; one put before is seen. */
        atomic_store(&audit->writer_state, WRITER_SLEEPS);
        if (atomic_load(&audit->writer.ring->header.head) == seen) {
            futex_wait(&audit->writer_state, WRITER_SLEEPS, NULL);
        }
        atomic_store(&audit->writer_state, WRITER_POLLS);
        idle = 0;
    }
    return NULL;
}

static void start(pwk_audit_t *audit)
{
    uint32_t none = WRITER_NONE;
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t before;

    if (!atomic_compare_exchange_strong(&audit->writer_state, &none, WRITER_STARTING)) {
        return;
    }
    audit_block_signals(&before); /* the thread keeps them so */
    bool made = pthread_attr_init(&attributes) == 0;
    if (made) {
        made = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
               pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0 &&
               pthread_create(&thread, &attributes, write_forever, audit) == 0;
        pthread_attr_destroy(&attributes);
    }
    atomic_store(&audit->writer_state, made ? WRITER_POLLS : WRITER_FAILED);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bool audit_wake_writer(pwk_audit_t *audit, uint64_t waiting, bool may_start)
{
    uint32_t state = atomic_load(&audit->writer_state);

    if (state == WRITER_NONE && may_start) {
        start(audit);
        state = atomic_load(&audit->writer_state);
    }
    if (state == WRITER_NONE || state == WRITER_FAILED) {
        return false;
    }
    bool wake =
        state == WRITER_SLEEPS || (state == WRITER_POLLS && waiting > audit->writer.cells / 2);
    if (wake && atomic_compare_exchange_strong(&audit->writer_state, &state, WRITER_HURRY)) {
        futex_wake(&audit->writer_state);
    }
    return true;
}
