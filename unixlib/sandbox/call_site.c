/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call_site.c - see call_site.h.
 */
#include "sandbox/call_site.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/trap.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define PAGE UINT64_C(4096)
#define THUNK_SIZE 32
#define TABLE_SIZE (PWK_SITE_NUMBERS * sizeof(uint64_t))
#define THUNKS (PWK_SITE_TABLE + TABLE_SIZE)
#define THUNKS_SIZE ((size_t)PWK_SITE_NUMBERS * THUNK_SIZE)
#define MAX_SITES 512
#define COUNTERS 4096

_Static_assert(PWK_SITE_TABLE >> 16 == 0x050f && TABLE_SIZE == 0x10000,
               "a pointer's address ends like `syscall`");

struct site {
    uint64_t address, allocation; /* address 0: free */
    uint32_t number;
};

/* A place for every few addresses: whoever comes last has it. Traps of two threads may be counted
 * as one, which only delays the change. */
struct counter {
    uint64_t address;
    uint32_t traps;
};

static const struct pwk_site_memory *memory; /* NULL: not started. Atomic. */
static struct counter counters[COUNTERS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all below; with signals blocked */
static struct site sites[MAX_SITES];
static sigset_t mask_before_change;

/* ---- the pure part ---- */

static bool is_prefix(unsigned char byte)
{
    static const unsigned char others[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
                                           0x66, 0x67, 0xf0, 0xf2, 0xf3};

    return (byte & 0xf0) == 0x40 || memchr(others, byte, sizeof others) != NULL;
}

bool pwk_site_fits(uint64_t address, const unsigned char bytes[1 + PWK_SITE_SIZE], uint32_t number)
{
    uint32_t loaded;

    memcpy(&loaded, bytes + 2, sizeof loaded);
    return bytes[1] == 0xb8 && loaded == number && bytes[6] == 0x0f && bytes[7] == 0x05 &&
           !is_prefix(bytes[0]) && number < PWK_SITE_NUMBERS &&
           address % 8 <= 8 - PWK_SITE_CHANGED && address % PAGE != 0 &&
           address % PAGE <= PAGE - PWK_SITE_SIZE;
}

uint64_t pwk_site_word(uint64_t word, uint64_t address, uint32_t number, bool direct)
{
    unsigned char bytes[8], *site = bytes + address % 8;
    uint16_t place = (uint16_t)(number * sizeof(uint64_t));

    memcpy(bytes, &word, sizeof bytes);
    if (direct) {
        memcpy(site, "\xff\x14\x25", 3);
        memcpy(site + 3, &place, sizeof place);
    } else {
        site[0] = 0xb8;
        memcpy(site + 1, &number, sizeof number);
    }
    memcpy(&word, bytes, sizeof word);
    return word;
}

bool pwk_site_is_direct(uint64_t word, uint64_t address, uint32_t number)
{
    return pwk_site_word(word, address, number, true) == word;
}

/* ---- changing ---- */

/* mov eax, NUMBER; pop rcx; lea rcx, [rcx + OFFSET]; push rcx; jmp [DISPATCHER]: no flag changes,
 * and rcx holds the return address as after a system call. */
static void write_thunk(unsigned char *thunk, uint32_t number, uint8_t offset, uint32_t dispatcher)
{
    static const unsigned char code[] = {0xb8, 0,    0,    0,    0,    0x59, 0x48, 0x8d, 0x49,
                                         0,    0x51, 0xff, 0x24, 0x25, 0,    0,    0,    0};

    memcpy(thunk, code, sizeof code);
    memcpy(thunk + 1, &number, sizeof number);
    thunk[9] = offset;
    memcpy(thunk + 14, &dispatcher, sizeof dispatcher);
}

int pwk_sites_start(const uint16_t *numbers, uint64_t dispatcher, uint8_t return_offset,
                    const struct pwk_site_memory *new_memory, struct pwk_error *error)
{
    uint64_t *table = (uint64_t *)PWK_SITE_TABLE;

    if (mmap(table, TABLE_SIZE + THUNKS_SIZE, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != table)
        return pwk_error_set(error, -EEXIST,
                             "rewrite_sites = yes needs the memory at 0x%llx, which is taken (%s); "
                             "start again, or write rewrite_sites = no",
                             (unsigned long long)PWK_SITE_TABLE, strerror(errno));
    for (uint32_t number = 0; number < PWK_SITE_NUMBERS; number++) {
        if (numbers[number] == PWK_NATIVE_UNKNOWN)
            continue;
        table[number] = THUNKS + (uint64_t)number * THUNK_SIZE;
        write_thunk((unsigned char *)table[number], numbers[number], return_offset,
                    (uint32_t)dispatcher);
    }
    if (mprotect(table, TABLE_SIZE, PROT_READ) < 0 ||
        mprotect((void *)THUNKS, THUNKS_SIZE, PROT_READ | PROT_EXEC) < 0)
        return pwk_error_set(error, -errno, "rewrite_sites = yes: no memory for code: %s",
                             strerror(errno));
    /* Where Linux cannot do it, a processor may take the old form for a while longer: no harm. */
    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
    __atomic_store_n(&memory, new_memory, __ATOMIC_RELEASE);
    return 0;
}

static uint64_t *word_of(uint64_t address)
{
    return (uint64_t *)(address & ~UINT64_C(7));
}

/* The site's word must be open. A program that has written there since has the last word. */
static void exchange(uint64_t address, uint32_t number, bool direct)
{
    uint64_t word = __atomic_load_n(word_of(address), __ATOMIC_RELAXED);

    if (pwk_site_is_direct(word, address, number) == direct)
        return;
    __atomic_compare_exchange_n(word_of(address), &word,
                                pwk_site_word(word, address, number, direct), false,
                                __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
}

static struct site *free_site(void)
{
    for (struct site *site = sites; site < sites + MAX_SITES; site++)
        if (site->address == 0)
            return site;
    return NULL;
}

/* Mutex held, signals blocked. */
static void make_direct(uint64_t address, uint32_t number)
{
    struct site *site = free_site();
    uint64_t allocation;
    uint32_t protection;

    if (!site || address % PAGE == 0 || !memory->open(address, &protection, &allocation))
        return;
    if (pwk_site_fits(address, (const unsigned char *)address - 1, number)) {
        *site = (struct site){address, allocation, number};
        exchange(address, number, true);
    }
    memory->close(address, protection);
}

void pwk_sites_trapped(uint64_t syscall_address, uint32_t number)
{
    uint64_t address = syscall_address - PWK_SITE_SYSCALL;
    struct counter *counter = &counters[(address ^ address >> 12) % COUNTERS];
    sigset_t all, before;

    if (!__atomic_load_n(&memory, __ATOMIC_ACQUIRE))
        return;
    if (__atomic_load_n(&counter->address, __ATOMIC_RELAXED) != address) {
        __atomic_store_n(&counter->address, address, __ATOMIC_RELAXED);
        __atomic_store_n(&counter->traps, 0, __ATOMIC_RELAXED);
    }
    if (__atomic_add_fetch(&counter->traps, 1, __ATOMIC_RELAXED) != PWK_SITE_TRAPS)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (pthread_mutex_trylock(&mutex) == 0) {
        make_direct(address, number);
        pthread_mutex_unlock(&mutex);
    } else { /* someone changes memory just now: a while later */
        __atomic_store_n(&counter->traps, 0, __ATOMIC_RELAXED);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void undo(struct site *site)
{
    struct counter *counter = &counters[(site->address ^ site->address >> 12) % COUNTERS];
    uint64_t allocation;
    uint32_t protection;

    if (memory->open(site->address, &protection, &allocation)) {
        exchange(site->address, site->number, false);
        memory->close(site->address, protection);
    }
    site->address = 0;
    __atomic_store_n(&counter->traps, 0, __ATOMIC_RELAXED);
}

void pwk_sites_begin_change(uint64_t base, uint64_t size)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_mutex_lock(&mutex);
    mask_before_change = before;
    for (struct site *site = sites; site < sites + MAX_SITES; site++) {
        if (site->address == 0)
            continue;
        if (size ? site->address + PWK_SITE_SIZE > base && site->address < base + size
                 : site->allocation == base)
            undo(site);
    }
}

void pwk_sites_end_change(void)
{
    sigset_t before = mask_before_change;

    pthread_mutex_unlock(&mutex);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
