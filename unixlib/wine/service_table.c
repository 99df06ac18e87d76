/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * service_table.c - Wine keeps its services in an array of pointers that the dynamic loader has
 * relocated and made read-only. Every service is also an exported symbol, and its number stands in
 * the stub of ntdll.dll; the array is the one place where each number leads to its symbol.
 */
#include "wine/service_table.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nt/services.h"
#include "wine/own_services.h"
#include "wine/stub_numbers.h"

static struct {
    void *ntdll;
    void **rows; /* Wine's array */
    uintptr_t relro_start, relro_end;
    enum pwk_convention convention;
    struct pwk_stub_numbers numbers;
    void **originals; /* by our row numbers; NULL: not in this Wine */
} table;

/* The relocated data of a module: its read-only-after-relocation part. */
struct search {
    uintptr_t module;
    uintptr_t start, end;
};

static int find_relro(struct dl_phdr_info *info, size_t size, void *context)
{
    struct search *search = context;

    (void)size;
    if (info->dlpi_addr != search->module)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_GNU_RELRO)
            continue;
        search->start = info->dlpi_addr + header->p_vaddr;
        search->end = search->start + header->p_memsz;
    }
    return 1;
}

/* True where every stub that has an exported service of its name leads to it from `rows`. */
static bool is_table(void *ntdll, void **rows, uintptr_t end)
{
    size_t matches = 0;

    for (size_t i = 0; i < table.numbers.count; i++) {
        const struct pwk_stub *stub = &table.numbers.stubs[i];
        void *service = dlsym(ntdll, stub->name);
        if (!service)
            continue;
        if ((uintptr_t)(rows + stub->number + 1) > end || rows[stub->number] != service)
            return false;
        matches++;
    }
    return matches >= 100;
}

static void **search_table(void *ntdll, const struct search *search)
{
    const struct pwk_stub *stub = pwk_stub_find(&table.numbers, "NtClose");
    void *service = stub ? dlsym(ntdll, "NtClose") : NULL;

    if (!service)
        return NULL;
    for (uintptr_t at = search->start; at + sizeof(void *) <= search->end; at += sizeof(void *)) {
        void **place = (void **)at;
        if (*place != service || at - search->start < stub->number * sizeof(void *))
            continue;
        if (is_table(ntdll, place - stub->number, search->end))
            return place - stub->number;
    }
    return NULL;
}

int pwk_service_table_find(void *ntdll, const char *ntdll_dll, struct pwk_error *error)
{
    struct search search = {0};
    struct link_map *map;
    int result = pwk_stub_numbers_read(ntdll_dll, &table.numbers, error);

    if (result < 0)
        return result;
    if (dlinfo(ntdll, RTLD_DI_LINKMAP, &map) == 0) {
        search.module = map->l_addr;
        dl_iterate_phdr(find_relro, &search);
    }
    table.ntdll = ntdll;
    table.rows = search.start ? search_table(ntdll, &search) : NULL;
    table.relro_start = search.start;
    table.relro_end = search.end;
    /* The two known kinds tell themselves by how the table is registered. */
    if (table.rows && dlsym(ntdll, "KeAddSystemServiceTable"))
        table.convention = PWK_CALL_SYSTEM_V;
    else if (table.rows && dlsym(ntdll, "ntdll_init_syscalls"))
        table.convention = PWK_CALL_MICROSOFT;
    else
        return pwk_error_set(error, -ENOTSUP,
                             "the service table of this Wine is not one that pwk knows; use Wine "
                             "8.0 or 10.0, or --registry off without other demands");
    return 0;
}

const struct pwk_stub_numbers *pwk_service_table_numbers(void)
{
    return &table.numbers;
}

int pwk_service_table_add_own(struct pwk_error *error)
{
    return pwk_own_services_add(table.ntdll, table.convention, &table.numbers, error);
}

/* Writes our entries into those rows of ours that stand in the page at `page`. Only whole pages of
 * the relocated data are closed again: data behind it must stay writable. */
static int write_page(uintptr_t page, uintptr_t page_size)
{
    bool read_only = page >= (table.relro_start & ~(page_size - 1)) &&
                     page + page_size <= (table.relro_end & ~(page_size - 1));

    if (mprotect((void *)page, page_size, PROT_READ | PROT_WRITE) < 0)
        return -errno;
    for (unsigned row = 0; row < nt_served_count; row++) {
        const struct pwk_stub *stub = pwk_stub_find(&table.numbers, nt_services[row].name);
        void **place = stub ? &table.rows[stub->number] : NULL;
        if ((uintptr_t)place >= page && (uintptr_t)place < page + page_size)
            __atomic_store_n(place, pwk_row_entry(table.convention, row), __ATOMIC_RELEASE);
    }
    if (read_only && mprotect((void *)page, page_size, PROT_READ) < 0)
        return -errno;
    return 0;
}

static uint32_t highest_number(void)
{
    uint32_t highest = 0;

    for (size_t i = 0; i < table.numbers.count; i++)
        if (table.numbers.stubs[i].number > highest)
            highest = table.numbers.stubs[i].number;
    return highest;
}

int pwk_service_table_take_over(struct pwk_error *error)
{
    uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE), page, end;

    if (table.originals)
        return pwk_error_set(error, -EBUSY, "the service table has been taken over already");
    table.originals = calloc(nt_served_count, sizeof *table.originals);
    if (!table.originals)
        return pwk_error_set(error, -ENOMEM, "out of memory");
    /* All originals are known before the first row leads to us. */
    for (unsigned row = 0; row < nt_served_count; row++) {
        const struct pwk_stub *stub = pwk_stub_find(&table.numbers, nt_services[row].name);
        if (stub)
            table.originals[row] = table.rows[stub->number];
    }
    page = (uintptr_t)table.rows & ~(page_size - 1);
    end = (uintptr_t)(table.rows + highest_number() + 1);
    for (; page < end; page += page_size) {
        int result = write_page(page, page_size);
        if (result < 0)
            return pwk_error_set(error, result, "Wine's service table cannot be written: %s",
                                 strerror(-result));
    }
    return 0;
}

void *pwk_service_table_entry(const char *name)
{
    for (unsigned row = 0; table.originals && row < nt_served_count; row++)
        if (table.originals[row] && !strcmp(nt_services[row].name, name))
            return pwk_row_entry(table.convention, row);
    return NULL;
}

ntstatus pwk_service_table_forward(unsigned row, const uint64_t *arguments)
{
    return table.originals[row] ? pwk_call_wine(table.convention, table.originals[row], arguments,
                                                nt_services[row].arguments)
                                : STATUS_INVALID_SYSTEM_SERVICE;
}

ntstatus pwk_service_table_call(const char *name, const uint64_t *arguments, size_t count)
{
    void *function = dlsym(table.ntdll, name);

    return function ? pwk_call_wine(table.convention, function, arguments, count)
                    : STATUS_NOT_IMPLEMENTED;
}

/* The loader's list of modules ("PEB_LDR_DATA structure (winternl.h)", "LDR_DATA_TABLE_ENTRY"):
 * the program comes first, then ntdll. */
uint64_t pwk_service_table_ntdll(uint64_t *size)
{
    static const uint16_t ntdll_name[] = u"ntdll.dll";
    unsigned char *peb, *entry;

    __asm__("movq %%gs:0x60, %0" : "=r"(peb));
    entry = *(unsigned char **)(peb + 0x18);
    if (!entry)
        return 0;
    entry += 0x10;
    for (int i = 0; i < 4; i++) {
        entry = *(unsigned char **)entry;
        if (!entry)
            return 0;
        if (*(uint16_t *)(entry + 0x58) == 18 &&
            !memcmp(*(void **)(entry + 0x60), ntdll_name, 18)) {
            *size = *(uint32_t *)(entry + 0x40);
            return *(uint64_t *)(entry + 0x30);
        }
    }
    return 0;
}

uint64_t pwk_service_table_stub(const char *name)
{
    const struct pwk_stub *stub = pwk_stub_find(&table.numbers, name);
    uint64_t size, base = stub ? pwk_service_table_ntdll(&size) : 0;

    return base ? base + stub->address : 0;
}
