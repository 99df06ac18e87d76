/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction.c - see transaction.h: the life of transactions, their locks, and what ends them from
 * outside.
 *
 * Locks are those of the kernel's files (fcntl(2), open file description locks) on single bytes of
 * a file beside the database: a key's id, or a number made of parent and name. They go with the
 * last descriptor, so a process that is killed leaves none behind.
 */
#include "registry/transaction_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "registry/upcase.h"

#define NAME_LOCKS (UINT64_C(1) << 62)

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void lock_transactions(registry_t *registry, sigset_t *before)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
    fair_mutex_take(&registry->transactions_mutex);
}

static void unlock_transactions(registry_t *registry, const sigset_t *before)
{
    fair_mutex_give(&registry->transactions_mutex);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

static struct transaction *find(registry_t *registry, uint64_t id)
{
    struct transaction *transaction = registry->transactions;

    while (transaction && transaction->id != id)
        transaction = transaction->next;
    return transaction;
}

static void end(struct transaction *transaction, enum registry_transaction_state state)
{
    transaction->state = state;
    transaction_empty(transaction);
}

static int ended(const struct transaction *transaction)
{
    return transaction->state == REGISTRY_TRANSACTION_COMMITTED ? -EALREADY : -ECANCELED;
}

/* Ends a transaction whose time is over, or that was hit by what others wrote. With `locked`, the
 * writers' lock is held: then nothing stays unknown. */
static int follow_others(registry_t *registry, struct transaction *transaction, bool locked)
{
    struct coherence_change *changes;
    uint64_t now = coherence_generation(registry->coherence);
    bool hit = transaction->deadline && now_ms() >= transaction->deadline;
    int count = 0, result;

    if (transaction->state == REGISTRY_TRANSACTION_ACTIVE && now != transaction->generation) {
        changes = malloc(COHERENCE_RING / 2 * sizeof *changes);
        if (!changes)
            return -ENOMEM;
        count = coherence_changes(registry->coherence, transaction->generation, now, changes,
                                  COHERENCE_RING / 2);
        for (int i = 0; i < count && !hit; i++)
            hit = transaction_is_hit(transaction, &changes[i]);
        free(changes);
        if (count < 0 && locked) {
            result = transaction_is_outdated(registry, transaction);
            if (result < 0)
                return result;
            hit = hit || result;
            count = 0;
        }
        if (count >= 0)
            transaction->generation = now;
    }
    if (hit && transaction->state == REGISTRY_TRANSACTION_ACTIVE)
        end(transaction, REGISTRY_TRANSACTION_ROLLED_BACK);
    return transaction->state == REGISTRY_TRANSACTION_ACTIVE ? 0 : -ECANCELED;
}

int registry_transaction_begin(registry_t *registry, unsigned milliseconds, uint64_t *transaction)
{
    struct transaction *made = calloc(1, sizeof *made);
    size_t count = 0;
    sigset_t before;

    if (!made)
        return -ENOMEM;
    made->locks = -1;
    made->deadline = milliseconds ? now_ms() + milliseconds : 0;
    lock_transactions(registry, &before);
    for (struct transaction *other = registry->transactions; other; other = other->next)
        count++;
    if (count >= REGISTRY_MAX_TRANSACTIONS) {
        unlock_transactions(registry, &before);
        free(made);
        return -EMFILE;
    }
    /* Numbers are used again as late as can be: handles of keys may outlive their transaction. They
     * start elsewhere in every process, so that a strayed id finds nothing. */
    if (!registry->transaction_number)
        registry->transaction_number = (uint64_t)getpid() * UINT64_C(0x9e3779b97f4a7c15) >> 20;
    do
        made->id = ++registry->transaction_number << REGISTRY_TRANSACTION_SHIFT &
                   REGISTRY_TRANSACTION_MASK;
    while (!made->id || find(registry, made->id));
    made->generation = coherence_generation(registry->coherence);
    made->next = registry->transactions;
    registry->transactions = made;
    *transaction = made->id;
    unlock_transactions(registry, &before);
    return 0;
}

int transaction_enter(registry_t *registry, uint64_t key, struct transaction_scope *scope)
{
    int result;

    scope->registry = registry;
    lock_transactions(registry, &scope->signals);
    scope->transaction = find(registry, registry_transaction_of(key));
    result = scope->transaction ? follow_others(registry, scope->transaction, false) : -ECANCELED;
    if (result < 0)
        transaction_leave(scope);
    return result;
}

void transaction_leave(struct transaction_scope *scope)
{
    unlock_transactions(scope->registry, &scope->signals);
}

int transaction_enter_change(registry_t *registry, uint64_t key, struct transaction_scope *scope)
{
    int result = transaction_enter(registry, key, scope);

    if (result < 0)
        return result;
    result = registry_begin_write(registry, &scope->guard);
    if (result < 0) {
        transaction_leave(scope);
        return result;
    }
    result = follow_others(registry, scope->transaction, true);
    return result < 0 ? transaction_leave_change(scope, result) : 0;
}

int transaction_leave_change(struct transaction_scope *scope, int result)
{
    if (result == 0)
        scope->transaction->operations++;
    registry_end_write(scope->registry, &scope->guard, -ECANCELED, NULL, 0);
    transaction_leave(scope);
    return result;
}

static int open_locks(registry_t *registry)
{
    static const char name[] = "registry.transactions";
    char path[sizeof registry->database + sizeof name];
    const char *slash = strrchr(registry->database, '/');
    int length = slash ? (int)(slash + 1 - registry->database) : 0;

    snprintf(path, sizeof path, "%.*s%s", length, registry->database, name);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int lock_byte(struct transaction_scope *scope, uint64_t byte)
{
    struct transaction *transaction = scope->transaction;
    struct flock lock = {
        .l_type = F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = (off_t)byte,
        .l_len = 1,
    };

    if (transaction->locks < 0)
        transaction->locks = open_locks(scope->registry);
    if (transaction->locks < 0)
        return -errno;
    if (fcntl(transaction->locks, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? -EBUSY : -ENOMEM;
}

int transaction_lock_key(struct transaction_scope *scope, const struct transaction_key *key)
{
    return key->created ? 0 : lock_byte(scope, key->id);
}

int transaction_lock_name(struct transaction_scope *scope, const struct transaction_key *parent,
                          const uint16_t *name, size_t units)
{
    uint64_t hash = registry_name_hash(name, units) ^ parent->id * UINT64_C(0x9e3779b97f4a7c15);

    return parent->created ? 0 : lock_byte(scope, NAME_LOCKS | hash >> 3);
}

/* Everything at once, the lock of transactions held. */
static int commit(registry_t *registry, struct transaction *transaction)
{
    struct coherence_change *changes = NULL;
    struct registry_guard guard;
    size_t count = 0;
    int result = registry_begin_write(registry, &guard);

    if (result < 0)
        return result;
    result = follow_others(registry, transaction, true);
    if (result == 0)
        result = transaction_write_down(registry, transaction, &changes, &count);
    result = registry_end_write(registry, &guard, result,
                                count > COHERENCE_RING / 2 ? registry_everything : changes,
                                count > COHERENCE_RING / 2 ? REGISTRY_EVERYTHING : count);
    free(changes);
    return result;
}

int registry_transaction_commit(registry_t *registry, uint64_t transaction)
{
    struct transaction *found;
    sigset_t before;
    int result;

    lock_transactions(registry, &before);
    found = find(registry, transaction);
    if (!found)
        result = -EINVAL;
    else if (follow_others(registry, found, false) < 0)
        result = ended(found);
    else
        result = found->first ? commit(registry, found) : 0;
    if (found && found->state == REGISTRY_TRANSACTION_ACTIVE)
        end(found, result ? REGISTRY_TRANSACTION_ROLLED_BACK : REGISTRY_TRANSACTION_COMMITTED);
    unlock_transactions(registry, &before);
    return result;
}

int registry_transaction_rollback(registry_t *registry, uint64_t transaction)
{
    struct transaction *found;
    sigset_t before;
    int result = 0;

    lock_transactions(registry, &before);
    found = find(registry, transaction);
    if (!found)
        result = -EINVAL;
    else if (follow_others(registry, found, false) < 0)
        result = ended(found);
    else
        end(found, REGISTRY_TRANSACTION_ROLLED_BACK);
    unlock_transactions(registry, &before);
    return result;
}

int registry_transaction_state(registry_t *registry, uint64_t transaction,
                               enum registry_transaction_state *state)
{
    struct transaction *found;
    sigset_t before;

    lock_transactions(registry, &before);
    found = find(registry, transaction);
    if (found) {
        follow_others(registry, found, false);
        *state = found->state;
    }
    unlock_transactions(registry, &before);
    return found ? 0 : -EINVAL;
}

void registry_transaction_close(registry_t *registry, uint64_t transaction)
{
    struct transaction **place, *found;
    sigset_t before;

    lock_transactions(registry, &before);
    place = &registry->transactions;
    while (*place && (*place)->id != transaction)
        place = &(*place)->next;
    found = *place;
    if (found) {
        *place = found->next;
        transaction_empty(found);
        free(found);
    }
    unlock_transactions(registry, &before);
}

void transaction_finish_all(registry_t *registry)
{
    while (registry->transactions) {
        struct transaction *transaction = registry->transactions;
        registry->transactions = transaction->next;
        transaction_empty(transaction);
        free(transaction);
    }
}
