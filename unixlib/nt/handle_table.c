/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * handle_table.c - see handle_table.h. Slots stand in chunks that are mapped when first needed
 * and never given back; free slots form a stack whose head carries a counter against reuse in
 * between (the ABA problem).
 */
#include "nt/handle_table.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

#define CHUNK_SLOTS 4096u
#define CHUNKS (KEY_HANDLE_COUNT / CHUNK_SLOTS)

struct slot {
    _Atomic uint64_t key; /* 0: free */
    _Atomic uint32_t access;
    _Atomic uint16_t flags;
    _Atomic uint32_t next_free; /* index + 1 */
};

#define FLAG_INHERIT 1u
#define FLAG_PROTECT 2u

static _Atomic(struct slot *) chunks[CHUNKS];
static _Atomic uint64_t free_head; /* counter << 32 | index + 1 */
static _Atomic uint32_t fresh;     /* slots that were never used start here */

static struct slot *chunk_of(uint32_t index, bool create)
{
    _Atomic(struct slot *) *place = &chunks[index / CHUNK_SLOTS];
    struct slot *chunk = atomic_load_explicit(place, memory_order_acquire);
    struct slot *made;

    if (chunk || !create)
        return chunk;
    made = mmap(NULL, CHUNK_SLOTS * sizeof *made, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
        return NULL;
    if (atomic_compare_exchange_strong(place, &chunk, made))
        return made;
    munmap(made, CHUNK_SLOTS * sizeof *made);
    return chunk;
}

static struct slot *slot_at(uint32_t index)
{
    struct slot *chunk = chunk_of(index, false);
    return chunk ? &chunk[index % CHUNK_SLOTS] : NULL;
}

static struct slot *slot_of(nt_handle handle)
{
    return is_key_handle(handle) ? slot_at((uint32_t)(handle - KEY_HANDLE_FIRST) / 4) : NULL;
}

/* The index of a slot that nobody uses, or KEY_HANDLE_COUNT. */
static uint32_t take_slot(void)
{
    uint64_t head = atomic_load_explicit(&free_head, memory_order_acquire);
    uint32_t index;

    while ((uint32_t)head) {
        struct slot *slot = slot_at((uint32_t)head - 1);
        uint64_t next =
            ((head >> 32) + 1) << 32 | atomic_load_explicit(&slot->next_free, memory_order_relaxed);
        if (atomic_compare_exchange_weak(&free_head, &head, next))
            return (uint32_t)head - 1;
    }
    index = atomic_fetch_add(&fresh, 1);
    if (index >= KEY_HANDLE_COUNT) {
        atomic_store(&fresh, KEY_HANDLE_COUNT);
        return KEY_HANDLE_COUNT;
    }
    return chunk_of(index, true) ? index : KEY_HANDLE_COUNT;
}

static void give_slot(uint32_t index, struct slot *slot)
{
    uint64_t head = atomic_load_explicit(&free_head, memory_order_relaxed);
    uint64_t next;

    do {
        atomic_store_explicit(&slot->next_free, (uint32_t)head, memory_order_relaxed);
        next = ((head >> 32) + 1) << 32 | (index + 1);
    } while (!atomic_compare_exchange_weak(&free_head, &head, next));
}

nt_handle key_handle_open(const struct key_handle *content)
{
    uint32_t index = take_slot();
    struct slot *slot;

    if (index == KEY_HANDLE_COUNT)
        return 0;
    slot = slot_at(index);
    atomic_store_explicit(&slot->access, content->access, memory_order_relaxed);
    atomic_store_explicit(&slot->flags,
                          (content->inherit ? FLAG_INHERIT : 0) |
                              (content->protect_from_close ? FLAG_PROTECT : 0),
                          memory_order_relaxed);
    atomic_store_explicit(&slot->key, content->key, memory_order_release);
    return KEY_HANDLE_FIRST + (nt_handle)index * 4;
}

bool key_handle_get(nt_handle handle, struct key_handle *content)
{
    struct slot *slot = slot_of(handle);
    uint16_t flags;

    if (!slot)
        return false;
    content->key = atomic_load_explicit(&slot->key, memory_order_acquire);
    content->access = atomic_load_explicit(&slot->access, memory_order_relaxed);
    flags = atomic_load_explicit(&slot->flags, memory_order_relaxed);
    content->inherit = flags & FLAG_INHERIT;
    content->protect_from_close = (flags & FLAG_PROTECT) != 0;
    return content->key != 0;
}

bool key_handle_set_flags(nt_handle handle, bool inherit, bool protect_from_close)
{
    struct slot *slot = slot_of(handle);

    if (!slot || !atomic_load(&slot->key))
        return false;
    atomic_store(&slot->flags,
                 (inherit ? FLAG_INHERIT : 0) | (protect_from_close ? FLAG_PROTECT : 0));
    return true;
}

bool key_handle_close(nt_handle handle)
{
    struct slot *slot = slot_of(handle);

    if (!slot || !atomic_exchange(&slot->key, 0))
        return false;
    give_slot((uint32_t)(handle - KEY_HANDLE_FIRST) / 4, slot);
    return true;
}

bool key_handle_any(bool (*match)(uint64_t key, void *context), void *context)
{
    uint32_t count = atomic_load(&fresh);

    for (uint32_t index = 0; index < count && index < KEY_HANDLE_COUNT; index++) {
        struct slot *slot = slot_at(index);
        uint64_t key = slot ? atomic_load(&slot->key) : 0;
        if (key && match(key, context))
            return true;
    }
    return false;
}
