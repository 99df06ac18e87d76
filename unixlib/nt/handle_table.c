/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * handle_table.c - see handle_table.h.
 *
 * A table is a memory file, sealed against being shortened, that grows by a chunk of slots at a
 * time and is mapped once in its full length. Free slots form a stack whose head carries a counter
 * against reuse in between (the ABA problem); behind them come the slots that were never used,
 * among which a parent may have placed a child's inheritance. Who has found a slot by either way
 * claims it by compare-and-swap on its state, so that a stack in disorder costs slots, not safety.
 */
#include "nt/handle_table.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "registry/transaction.h"

#define TABLE_MAGIC UINT64_C(0x3173656c646e6168) /* "handles1" */
#define TABLE_SEALS (F_SEAL_SHRINK | F_SEAL_SEAL)
#define CHUNK_SLOTS 4096u
#define FREE_TRIES 64

struct slot {
    _Atomic uint64_t key; /* 0: not open */
    _Atomic uint32_t access;
    _Atomic uint32_t state;     /* FLAG_..., and above them how often the slot was taken */
    _Atomic uint32_t next_free; /* index + 1 */
    _Atomic uint32_t tags;
    uint32_t unused[2];
};

#define FLAG_INHERIT 1u
#define FLAG_PROTECT 2u
#define FLAG_TAKEN 4u
#define ALL_FLAGS 7u
#define SERIAL_ONE 8u

struct table_file {
    uint64_t magic;
    _Atomic uint64_t free_head; /* counter << 32 | index + 1 */
    _Atomic uint32_t fresh;     /* slots that were never taken start here */
    _Atomic uint32_t top;       /* no slot from here on was ever taken */
    unsigned char unused[4096 - 24];
    struct slot slots[KEY_HANDLE_COUNT];
};

_Static_assert(sizeof(struct slot) == 32, "the file's layout");
_Static_assert(offsetof(struct table_file, slots) == 4096, "the file's layout");

struct key_table {
    struct table_file *file;
    _Atomic uint32_t limit; /* slots that the file is known to hold: what is behind would fault */
    int fd;
};

static struct key_table own = {.fd = -1};

/* ---- the file ---- */

static uint32_t read_limit(struct key_table *table)
{
    const off_t head = offsetof(struct table_file, slots);
    struct stat status;
    off_t slots;

    if (fstat(table->fd, &status) != 0 || status.st_size < head)
        return 0;
    slots = (status.st_size - head) / (off_t)sizeof(struct slot);
    if (slots > KEY_HANDLE_COUNT)
        slots = KEY_HANDLE_COUNT;
    atomic_store_explicit(&table->limit, (uint32_t)slots, memory_order_release);
    return (uint32_t)slots;
}

/* Another one that makes it longer at the same time leaves EPERM here: the seal. */
static int grow(int fd, uint32_t slots)
{
    off_t size = (off_t)(offsetof(struct table_file, slots) + (size_t)slots * sizeof(struct slot));
    int result;

    do {
        result = ftruncate(fd, size) == 0 || errno == EPERM ? 0 : -errno;
    } while (result == -EINTR);
    return result;
}

static int map_file(struct key_table *table, int fd)
{
    void *file =
        mmap(NULL, sizeof *table->file, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);

    if (file == MAP_FAILED)
        return -errno;
    madvise(file, sizeof *table->file, MADV_DONTDUMP);
    table->file = file;
    table->fd = fd;
    return read_limit(table) ? 0 : -EINVAL;
}

static void unmap_file(struct key_table *table)
{
    if (table->file)
        munmap(table->file, sizeof *table->file);
}

static int make_table(struct key_table *table)
{
    int fd = memfd_create("pwk-key-handles", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int result = fd < 0 ? -errno : grow(fd, CHUNK_SLOTS);

    if (result == 0 && fcntl(fd, F_ADD_SEALS, TABLE_SEALS) != 0)
        result = -errno;
    if (result == 0)
        result = map_file(table, fd);
    if (result == 0)
        table->file->magic = TABLE_MAGIC;
    else if (fd >= 0)
        close(fd);
    return result;
}

/* Memory files alone have seals. A file of huge pages has them too, but may fault where there are
 * none left. */
static bool may_be_table(int fd)
{
    struct statfs system;
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);

    return seals >= 0 && (seals & TABLE_SEALS) == TABLE_SEALS && fstat(fd, &status) == 0 &&
           S_ISREG(status.st_mode) && fstatfs(fd, &system) == 0 && system.f_type == TMPFS_MAGIC &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static bool take_over(struct key_table *table, int fd)
{
    struct key_table found = {.fd = -1};

    if (fd < 0)
        return false;
    if (!may_be_table(fd) || map_file(&found, fd) < 0 || found.file->magic != TABLE_MAGIC) {
        unmap_file(&found);
        close(fd);
        return false;
    }
    table->fd = found.fd;
    table->file = found.file;
    atomic_store(&table->limit, atomic_load(&found.limit));
    return true;
}

int key_table_start(int bequest)
{
    int result = take_over(&own, bequest) ? 0 : make_table(&own);

    return result < 0 ? result : own.fd;
}

struct key_table *key_table_own(void)
{
    return own.file ? &own : NULL;
}

struct key_table *key_table_open(int fd)
{
    struct key_table *table = calloc(1, sizeof *table);

    if (!table && fd >= 0)
        close(fd);
    if (table && take_over(table, fd))
        return table;
    free(table);
    return NULL;
}

void key_table_close(struct key_table *table)
{
    if (!table || table == &own)
        return;
    unmap_file(table);
    close(table->fd);
    free(table);
}

/* ---- slots ---- */

static struct slot *slot_at(struct key_table *table, uint32_t index)
{
    if (index >= atomic_load_explicit(&table->limit, memory_order_acquire) &&
        index >= read_limit(table))
        return NULL;
    return &table->file->slots[index];
}

static uint32_t index_of(nt_handle handle)
{
    return (uint32_t)(handle - KEY_HANDLE_FIRST) / 4;
}

static struct slot *slot_of(struct key_table *table, nt_handle handle)
{
    return is_key_handle(handle) ? slot_at(table, index_of(handle)) : NULL;
}

static void raise_top(struct table_file *file, uint32_t top)
{
    uint32_t known = atomic_load_explicit(&file->top, memory_order_relaxed);

    while (known < top && !atomic_compare_exchange_weak(&file->top, &known, top))
        ;
}

/* The slot at `index`, the file made longer for it where need be, or NULL where there is no room
 * or somebody has it. */
static struct slot *claim(struct key_table *table, uint32_t index, uint32_t flags)
{
    struct slot *slot = slot_at(table, index);
    uint32_t state;

    if (!slot && grow(table->fd, (index / CHUNK_SLOTS + 1) * CHUNK_SLOTS) == 0)
        slot = slot_at(table, index);
    if (!slot)
        return NULL;
    state = atomic_load_explicit(&slot->state, memory_order_relaxed);
    if (state & FLAG_TAKEN ||
        !atomic_compare_exchange_strong(&slot->state, &state,
                                        (state & ~ALL_FLAGS) + SERIAL_ONE + FLAG_TAKEN + flags))
        return NULL;
    raise_top(table->file, index + 1);
    return slot;
}

/* A slot off the stack of free ones. */
static struct slot *claim_free(struct key_table *table, uint32_t flags, uint32_t *index)
{
    struct table_file *file = table->file;
    uint64_t head = atomic_load_explicit(&file->free_head, memory_order_acquire);

    for (int tries = 0; (uint32_t)head && tries < FREE_TRIES;) {
        struct slot *slot = slot_at(table, (uint32_t)head - 1);
        uint64_t next = ((head >> 32) + 1) << 32;
        if (slot)
            next |= atomic_load_explicit(&slot->next_free, memory_order_relaxed);
        *index = (uint32_t)head - 1;
        if (!atomic_compare_exchange_weak(&file->free_head, &head, next))
            continue;
        if (slot && (slot = claim(table, *index, flags)))
            return slot;
        head = next;
        tries++;
    }
    return NULL;
}

static struct slot *claim_fresh(struct key_table *table, uint32_t flags, uint32_t *index)
{
    for (;;) {
        struct slot *slot;
        *index = atomic_fetch_add(&table->file->fresh, 1);
        if (*index >= KEY_HANDLE_COUNT) {
            atomic_store(&table->file->fresh, KEY_HANDLE_COUNT);
            return NULL;
        }
        slot = claim(table, *index, flags);
        if (slot)
            return slot;
        if (!slot_at(table, *index))
            return NULL;
    }
}

static void give_free(struct table_file *file, uint32_t index, struct slot *slot)
{
    uint64_t head = atomic_load_explicit(&file->free_head, memory_order_relaxed);
    uint64_t next;

    do {
        atomic_store_explicit(&slot->next_free, (uint32_t)head, memory_order_relaxed);
        next = ((head >> 32) + 1) << 32 | (index + 1);
    } while (!atomic_compare_exchange_weak(&file->free_head, &head, next));
}

static uint32_t flags_of(bool inherit, bool protect_from_close)
{
    return (inherit ? FLAG_INHERIT : 0) | (protect_from_close ? FLAG_PROTECT : 0);
}

static void fill(struct slot *slot, const struct key_handle *content)
{
    atomic_store_explicit(&slot->access, content->access, memory_order_relaxed);
    atomic_store_explicit(&slot->tags, content->tags, memory_order_relaxed);
    atomic_store_explicit(&slot->key, content->key, memory_order_release);
}

static bool read_slot(struct slot *slot, struct key_handle *content)
{
    uint32_t state;

    content->key = atomic_load_explicit(&slot->key, memory_order_acquire);
    content->access = atomic_load_explicit(&slot->access, memory_order_relaxed);
    content->tags = atomic_load_explicit(&slot->tags, memory_order_relaxed);
    state = atomic_load_explicit(&slot->state, memory_order_relaxed);
    content->inherit = state & FLAG_INHERIT;
    content->protect_from_close = (state & FLAG_PROTECT) != 0;
    content->serial = state / SERIAL_ONE;
    return content->key != 0;
}

/* ---- handles ---- */

nt_handle key_table_insert(struct key_table *table, const struct key_handle *content)
{
    uint32_t flags = flags_of(content->inherit, content->protect_from_close);
    uint32_t index;
    struct slot *slot = claim_free(table, flags, &index);

    if (!slot)
        slot = claim_fresh(table, flags, &index);
    if (!slot)
        return 0;
    fill(slot, content);
    return KEY_HANDLE_FIRST + (nt_handle)index * 4;
}

bool key_table_get(struct key_table *table, nt_handle handle, struct key_handle *content)
{
    struct slot *slot = slot_of(table, handle);

    return slot && read_slot(slot, content);
}

/* A slot that was placed before the fresh ones have come to it is found by them, not by the stack.
 */
bool key_table_remove(struct key_table *table, nt_handle handle)
{
    struct slot *slot = slot_of(table, handle);
    uint32_t state;

    if (!slot || !atomic_exchange(&slot->key, 0))
        return false;
    state = atomic_load_explicit(&slot->state, memory_order_relaxed);
    atomic_store_explicit(&slot->state, state & ~ALL_FLAGS, memory_order_release);
    if (index_of(handle) < atomic_load(&table->file->fresh))
        give_free(table->file, index_of(handle), slot);
    return true;
}

/* How many slots a walk has to look at. */
static uint32_t walk_end(struct key_table *table)
{
    uint32_t top = table->file ? atomic_load(&table->file->top) : 0;
    uint32_t limit = read_limit(table);

    return top < limit ? top : limit;
}

static int place(struct key_table *heir, uint32_t index, const struct key_handle *content)
{
    struct slot *slot;
    int result = heir->file ? 0 : make_table(heir);

    if (result < 0)
        return result;
    slot = claim(heir, index, flags_of(content->inherit, content->protect_from_close));
    if (slot)
        fill(slot, content);
    return slot || slot_at(heir, index) ? 0 : -ENOMEM;
}

static int inherit(struct key_table *parent, struct key_table *heir, uint32_t index)
{
    struct slot *slot = slot_at(parent, index);
    struct key_handle content;

    /* A transaction lives in one process: its keys mean nothing in another. */
    if (!slot || !read_slot(slot, &content) || !content.inherit ||
        registry_transaction_of(content.key))
        return 0;
    return place(heir, index, &content);
}

int key_table_bequeath(struct key_table *parent, const nt_handle *list, size_t count)
{
    struct key_table heir = {.fd = -1};
    uint32_t end = list ? 0 : walk_end(parent);
    int result = 0;

    for (size_t i = 0; list && i < count && result == 0; i++)
        if (is_key_handle(list[i]))
            result = inherit(parent, &heir, index_of(list[i]));
    for (uint32_t index = 0; index < end && result == 0; index++)
        result = inherit(parent, &heir, index);
    unmap_file(&heir);
    if (result == 0 && heir.fd >= 0)
        return heir.fd;
    if (heir.fd >= 0)
        close(heir.fd);
    return result < 0 ? result : -ENOENT;
}

/* ---- handles of this process ---- */

nt_handle key_handle_open(const struct key_handle *content)
{
    return own.file ? key_table_insert(&own, content) : 0;
}

bool key_handle_get(nt_handle handle, struct key_handle *content)
{
    return key_table_get(&own, handle, content);
}

bool key_handle_read(nt_handle handle, uint64_t *key, uint32_t *access)
{
    struct slot *slot = slot_of(&own, handle);

    if (!slot)
        return false;
    *key = atomic_load_explicit(&slot->key, memory_order_acquire);
    *access = atomic_load_explicit(&slot->access, memory_order_relaxed);
    return *key != 0;
}

bool key_handle_set_flags(nt_handle handle, bool inherit, bool protect_from_close)
{
    struct slot *slot = slot_of(&own, handle);
    uint32_t state, changed;

    if (!slot)
        return false;
    state = atomic_load(&slot->state);
    do {
        if (!atomic_load(&slot->key))
            return false;
        changed = (state & ~(FLAG_INHERIT | FLAG_PROTECT)) | flags_of(inherit, protect_from_close);
    } while (!atomic_compare_exchange_weak(&slot->state, &state, changed));
    return true;
}

bool key_handle_set_tags(nt_handle handle, uint32_t tags)
{
    struct slot *slot = slot_of(&own, handle);

    if (!slot || !atomic_load(&slot->key))
        return false;
    atomic_store(&slot->tags, tags);
    return true;
}

bool key_handle_close(nt_handle handle)
{
    return key_table_remove(&own, handle);
}

bool key_handle_any(bool (*match)(uint64_t key, void *context), void *context)
{
    uint32_t end = walk_end(&own);

    for (uint32_t index = 0; index < end; index++) {
        struct key_handle content;
        if (read_slot(&own.file->slots[index], &content) &&
            match(registry_key_outside(content.key), context))
            return true;
    }
    return false;
}
