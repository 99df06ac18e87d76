/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_slots.c - the slots of the table of processes (process_table.c): taken, counted in, given
 * up, and read.
 */
#include "kernel/process_table.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/process_table_internal.h"
#include "kernel/profile.h"
#include "kernel/utf8.h"

#define READ_TRIES 16

/* The slot that this thread has entered. */
static __thread struct pwk_process_slot *entered __attribute__((tls_model("initial-exec")));

/* ---- slots ---- */

/* Moves the counters of a slot into the totals and frees it. False where another one was faster. */
static bool fold(struct table_file *file, struct pwk_process_slot *slot, uint64_t owner)
{
    pid_t self = getpid();
    uint64_t folding = pwk_process_identity(self, pwk_process_start_time(self)) | FOLDING;

    if (!atomic_compare_exchange_strong(&slot->owner, &owner, folding)) {
        return false;
    }
    atomic_fetch_add(&file->folds_begun, 1);
    for (size_t i = 0; i < PWK_COUNTER_COUNT; i++) {
        atomic_fetch_add(&file->totals[i], atomic_exchange(&slot->counters[i], 0) +
                                               atomic_exchange(&slot->by_entrant[i], 0));
    }
    atomic_store(&slot->ready, 0);
    atomic_fetch_add(&file->folds_ended, 1);
    atomic_store(&slot->owner, 0);
    return true;
}

/* Cuts at a character's boundary. */
static void copy_program(char *out, size_t capacity, const char *text)
{
    size_t left = strlen(text);
    size_t length = 0;

    while (left > 0) {
        uint32_t code;
        size_t step = pwk_utf8_read(text, left, &code);
        bool plain = step > 0 && code >= 0x20 && (code < 0x7f || code >= 0xa0);
        if (length + (plain ? step : 1) >= capacity) {
            break;
        }
        if (plain) {
            memcpy(out + length, text, step);
            length += step;
        } else {
            out[length++] = '?';
        }
        step = step > 0 ? step : 1;
        text += step;
        left -= step;
    }
    out[length] = '\0';
}

/* Ahead of the slot's first use. */
static void note_touched(struct table_file *file, size_t slot)
{
    uint64_t touched = atomic_load(&file->touched);

    while (touched <= slot &&
           !atomic_compare_exchange_weak(&file->touched, &touched, (uint64_t)slot + 1)) {
    }
}

struct pwk_process_slot *pwk_process_table_enter(pwk_process_table_t *table, uint32_t windows,
                                                 const char *program)
{
    pid_t self = getpid();
    uint64_t start_time = pwk_process_start_time(self);
    uint64_t mine = pwk_process_identity(self, start_time);

    if (table->file == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        struct pwk_process_slot *slot = &table->file->slots[i];
        uint64_t owner = atomic_load(&slot->owner);
        if (owner != 0 && (pwk_process_owner_is_alive(owner) || !fold(table->file, slot, owner))) {
            continue;
        }
        owner = 0;
        note_touched(table->file, i);
        if (!atomic_compare_exchange_strong(&slot->owner, &owner, mine)) {
            continue;
        }
        atomic_store(&slot->start_time, start_time);
        atomic_store(&slot->windows, windows);
        atomic_store(&slot->windows_id, 0);
        atomic_store(&slot->birth, 0);
        atomic_store(&slot->handles, -1);
        copy_program(slot->program, sizeof(slot->program), program);
        atomic_store(&slot->ready, 1);
        entered = slot;
        return slot;
    }
    return NULL;
}

struct pwk_process_slot *pwk_process_slot_private(void)
{
    static struct pwk_process_slot slot;

    entered = &slot;
    return &slot;
}

void pwk_process_table_leave(pwk_process_table_t *table, struct pwk_process_slot *slot)
{
    if (slot == NULL) {
        return;
    }
    uint64_t owner = atomic_load(&slot->owner);
    if ((uint32_t)owner == (uint32_t)getpid()) {
        entered = NULL;
        fold(table->file, slot, owner);
    }
}

void pwk_count(struct pwk_process_slot *slot, enum pwk_counter counter, uint64_t amount)
{
    if (slot == NULL) {
        return;
    }
    if (slot == entered) {
        /* One instruction, so that a signal handler cannot come in between. */
        __asm__ volatile("addq %1, %0" : "+m"(slot->by_entrant[counter]) : "r"(amount) : "cc");
    } else {
        atomic_fetch_add_explicit(&slot->counters[counter], amount, memory_order_relaxed);
    }
}

void pwk_process_slot_add(const struct pwk_process_slot *slot, uint64_t counters[PWK_COUNTER_COUNT])
{
    for (size_t i = 0; slot != NULL && i < PWK_COUNTER_COUNT; i++) {
        counters[i] += atomic_load(&slot->counters[i]) + atomic_load(&slot->by_entrant[i]);
    }
}

/* ---- reading ---- */

static bool fill_info(const struct pwk_process_slot *slot, struct pwk_process_info *info)
{
    uint64_t owner = slot->owner;
    char program[sizeof(slot->program) + 1] = "";

    if (owner == 0 || (owner & FOLDING) != 0 || slot->ready != 1 ||
        !pwk_process_owner_is_alive(owner)) {
        return false;
    }
    info->pid = pwk_process_number_here((pid_t)(uint32_t)owner);
    info->start_time = slot->start_time;
    info->windows = slot->windows <= PWK_WINDOWS_11 ? slot->windows : PWK_WINDOWS_PREFIX;
    memcpy(program, slot->program, sizeof(slot->program));
    copy_program(info->program, sizeof(info->program), program);
    for (size_t i = 0; i < PWK_COUNTER_COUNT; i++) {
        info->counters[i] = slot->counters[i] + slot->by_entrant[i];
    }
    return true;
}

size_t pwk_process_table_list(pwk_process_table_t *table, struct pwk_process_info *out,
                              size_t capacity)
{
    struct table_file *copy = pwk_process_table_copy(table->fd);
    struct pwk_process_info info;
    size_t count = 0;

    for (size_t i = 0; copy != NULL && i < SLOT_COUNT; i++) {
        if (fill_info(&copy->slots[i], &info)) {
            if (count < capacity) {
                out[count] = info;
            }
            count++;
        }
    }
    free(copy);
    return count;
}

/* A copy during which no slot was folded shows every counter once. A process that was killed in the
 * middle of folding leaves the two numbers apart for good: tries are few. */
void pwk_process_table_totals(pwk_process_table_t *table, uint64_t totals[PWK_COUNTER_COUNT])
{
    struct table_file *copy = NULL;
    bool steady = false;

    memset(totals, 0, PWK_COUNTER_COUNT * sizeof(totals[0]));
    for (int i = 0; i < READ_TRIES && !steady; i++) {
        uint64_t ended = 0;
        free(copy);
        if (!pwk_process_table_read(table->fd, &ended, sizeof(ended),
                                    offsetof(struct table_file, folds_ended))) {
            return;
        }
        copy = pwk_process_table_copy(table->fd);
        if (copy == NULL) {
            return;
        }
        uint64_t begun = 0;
        steady = pwk_process_table_read(table->fd, &begun, sizeof(begun),
                                        offsetof(struct table_file, folds_begun)) &&
                 begun == ended;
    }
    for (size_t i = 0; i < PWK_COUNTER_COUNT; i++) {
        totals[i] = copy->totals[i];
        for (size_t j = 0; j < SLOT_COUNT; j++) {
            totals[i] += copy->slots[j].counters[i] + copy->slots[j].by_entrant[i];
        }
    }
    free(copy);
}
