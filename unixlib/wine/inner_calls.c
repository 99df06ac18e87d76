/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inner_calls.c - see inner_calls.h. A call is five bytes: an opcode and the distance to the
 * function. That bytes of another instruction happen to hold the one distance that leads from where
 * they stand to one of these functions is as good as impossible.
 */
#include "wine/inner_calls.h"

#include <dlfcn.h>
#include <emmintrin.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wine/service_table.h"

#define CALL 0xe8
#define JUMP 0xe9 /* a call that is its function's last act */
#define CALL_SIZE 5

#define INNER_CALLS(INNER)                                                                         \
    INNER(NtClose)                                                                                 \
    INNER(NtCreateKey)                                                                             \
    INNER(NtDeleteKey)                                                                             \
    INNER(NtDeleteValueKey)                                                                        \
    INNER(NtEnumerateKey)                                                                          \
    INNER(NtEnumerateValueKey)                                                                     \
    INNER(NtOpenKey)                                                                               \
    INNER(NtOpenKeyEx)                                                                             \
    INNER(NtQueryKey)                                                                              \
    INNER(NtQueryValueKey)                                                                         \
    INNER(NtSetValueKey)

/* One jump each, so that either calling convention passes through. */
#define PLACE(name)                                                                                \
    __attribute__((visibility("hidden"))) void *pwk_inner_##name;                                  \
    __attribute__((visibility("hidden"))) void pwk_inner_place_##name(void);                       \
    __asm__(".pushsection .text\n.globl pwk_inner_place_" #name "\n.hidden pwk_inner_place_" #name \
            "\n.type pwk_inner_place_" #name ", @function\npwk_inner_place_" #name                 \
            ":\n\tjmp *pwk_inner_" #name "(%rip)\n.size pwk_inner_place_" #name                    \
            ", .-pwk_inner_place_" #name "\n.popsection");
INNER_CALLS(PLACE)

static struct inner_call {
    const char *name;
    void **leads_to;
    void (*place)(void);
    uintptr_t service; /* Wine's; 0: it has none */
} inner_calls[] = {
#define INNER_CALL(name) {#name, &pwk_inner_##name, pwk_inner_place_##name, 0},
    INNER_CALLS(INNER_CALL)};
#define COUNT (sizeof inner_calls / sizeof inner_calls[0])

static bool taken;

struct code {
    uintptr_t module;
    unsigned char *start, *end;
};

static int find_code(struct dl_phdr_info *info, size_t size, void *context)
{
    struct code *code = context;

    (void)size;
    if (info->dlpi_addr != code->module)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_X))
            continue;
        code->start = (unsigned char *)(info->dlpi_addr + header->p_vaddr);
        code->end = code->start + header->p_memsz;
    }
    return 1;
}

static int32_t distance_at(const unsigned char *call)
{
    int32_t distance;

    memcpy(&distance, call + 1, sizeof distance);
    return distance;
}

/* The inner call that stands at `call`, or NULL. */
static const struct inner_call *called_at(const unsigned char *call)
{
    uintptr_t function;

    if (*call != CALL && *call != JUMP)
        return NULL;
    function = (uintptr_t)(call + CALL_SIZE) + (uintptr_t)(intptr_t)distance_at(call);
    for (size_t i = 0; i < COUNT; i++)
        if (function == inner_calls[i].service)
            return &inner_calls[i];
    return NULL;
}

/* A service that is made of another one: who calls Wine's must not come to us in the middle. */
static bool is_in_service(const void *call)
{
    Dl_info info;

    return dladdr(call, &info) && info.dli_sname && !strncmp(info.dli_sname, "Nt", 2) &&
           (strstr(info.dli_sname, "Key") || !strcmp(info.dli_sname, "NtClose"));
}

static bool reaches(const unsigned char *from, const struct inner_call *inner)
{
    intptr_t distance = (intptr_t)inner->place - (intptr_t)from;

    return distance == (int32_t)distance;
}

static bool all_reachable(const struct code *code)
{
    for (size_t i = 0; i < COUNT; i++)
        if (!reaches(code->start, &inner_calls[i]) || !reaches(code->end, &inner_calls[i]))
            return false;
    return true;
}

static void redirect_at(unsigned char *call)
{
    const struct inner_call *inner = called_at(call);
    int32_t distance;

    if (!inner || is_in_service(call))
        return;
    distance = (int32_t)((intptr_t)inner->place - (intptr_t)(call + CALL_SIZE));
    memcpy(call + 1, &distance, sizeof distance);
}

/* Sixteen bytes at once: each process reads all of ntdll.so's code at its start. A call that has
 * been led elsewhere leads to none of Wine's services any more, whatever its bytes look like from
 * within. */
static void redirect(const struct code *code)
{
    const __m128i call = _mm_set1_epi8((char)CALL), jump = _mm_set1_epi8((char)JUMP);
    unsigned char *at = code->start, *last = code->end - CALL_SIZE;

    for (; at + sizeof call <= last; at += sizeof call) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        unsigned found = (unsigned)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, call), _mm_cmpeq_epi8(bytes, jump)));

        for (; found; found &= found - 1)
            redirect_at(at + __builtin_ctz(found));
    }
    for (; at <= last; at++)
        redirect_at(at);
}

int pwk_inner_calls_take(void *ntdll, struct pwk_error *error)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct code code = {0};
    struct link_map *map;
    uintptr_t start, end;

    for (size_t i = 0; i < COUNT; i++) {
        void *service = dlsym(ntdll, inner_calls[i].name);

        inner_calls[i].service = (uintptr_t)service;
        *inner_calls[i].leads_to = service;
    }
    if (dlinfo(ntdll, RTLD_DI_LINKMAP, &map) == 0) {
        code.module = map->l_addr;
        dl_iterate_phdr(find_code, &code);
    }
    if (!code.start || !all_reachable(&code))
        return 0;
    start = (uintptr_t)code.start & ~(page - 1);
    end = ((uintptr_t)code.end + page - 1) & ~(page - 1);
    if (mprotect((void *)start, end - start, PROT_READ | PROT_WRITE) < 0)
        return 0;
    redirect(&code);
    if (mprotect((void *)start, end - start, PROT_READ | PROT_EXEC) < 0)
        return pwk_error_set(error, -errno,
                             "Wine's ntdll.so cannot be made executable again (%s); allow changed "
                             "code in memory (SELinux: execmod), or use --registry off",
                             strerror(errno));
    taken = true;
    return 0;
}

void pwk_inner_calls_serve(void)
{
    for (size_t i = 0; taken && i < COUNT; i++) {
        void *entry = pwk_service_table_entry(inner_calls[i].name);

        if (entry)
            __atomic_store_n(inner_calls[i].leads_to, entry, __ATOMIC_RELEASE);
    }
}
