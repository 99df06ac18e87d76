/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * native_handlers.c - handlers that a Windows program registers for native system calls. The trap
 * of the Unix side sends a call of such a number to native_entry, as if it had been a call of that
 * function.
 */
#include "mirror.h"

#include <errno.h>
#include <string.h>
#include <windows.h>

#include "unix_side.h"

#define NUMBERS 0x4000
#define ARGUMENTS 6
#define INVALID_SYSTEM_SERVICE ((int)0xc000001c) /* the NTSTATUS */

#define LOAD(place) __atomic_load_n(&(place), __ATOMIC_ACQUIRE)
#define STORE(place, value) __atomic_store_n(&(place), value, __ATOMIC_RELEASE)

/* A table a kernel that has registered any; never given back, since a call may be looking. */
static native_handler *tables[MIRROR_COUNT];
static struct mirror *started[MIRROR_COUNT]; /* whose numbers are sent to us */
static SRWLOCK lock = SRWLOCK_INIT;          /* of changes of all this */

void native_entry(void);
__asm__(".text\n"
        ".globl native_entry\n"
        ".def native_entry; .scl 2; .type 32; .endef\n"
        ".seh_proc native_entry\n"
        "native_entry:\n\t"
        "pushq %rbp\n\t"
        ".seh_pushreg %rbp\n\t"
        "movq %rsp, %rbp\n\t"
        ".seh_setframe %rbp, 0\n\t"
        ".seh_endprologue\n\t"
        "subq $0x50, %rsp\n\t"
        "andq $-16, %rsp\n\t"
        "movq %r10, 0x20(%rsp)\n\t"
        "movq %rdx, 0x28(%rsp)\n\t"
        "movq %r8, 0x30(%rsp)\n\t"
        "movq %r9, 0x38(%rsp)\n\t"
        /* Behind our two words stands what the code that called us sees as its stack. */
        "movq 0x38(%rbp), %rcx\n\t"
        "movq %rcx, 0x40(%rsp)\n\t"
        "movq 0x40(%rbp), %rcx\n\t"
        "movq %rcx, 0x48(%rsp)\n\t"
        "movl %eax, %ecx\n\t"
        "leaq 0x20(%rsp), %rdx\n\t"
        "call native_serve\n\t"
        "movq 8(%rbp), %rcx\n\t"
        "movq %rbp, %rsp\n\t"
        "popq %rbp\n\t"
        "ret\n"
        ".seh_endproc\n");

static native_handler find_handler(unsigned index, uint32_t nr)
{
    native_handler *table = LOAD(tables[index]);

    return table != NULL && nr < NUMBERS ? LOAD(table[nr]) : NULL;
}

static int run(process_kernel_t *kernel, native_handler handler, int nr, void *args)
{
    __atomic_fetch_add(&kernel->stats.syscalls_intercepted, 1, __ATOMIC_RELAXED);
    int result = handler(nr, args);
    if (result < 0) {
        __atomic_fetch_add(&kernel->stats.errors, 1, __ATOMIC_RELAXED);
    }
    return result;
}

/* A call that was on its way when its handler was taken away finds none. */
int __attribute__((used)) native_serve(uint32_t nr, uint64_t args[ARGUMENTS])
{
    for (unsigned i = 0; i < MIRROR_COUNT; i++) {
        struct mirror *mirror = LOAD(started[i]);
        native_handler handler = mirror != NULL ? find_handler(i, nr) : NULL;
        if (handler != NULL) {
            return run(&mirror->public, handler, (int)nr, args);
        }
    }
    return INVALID_SYSTEM_SERVICE;
}

int native_handlers_call(unsigned index, int nr, void *args)
{
    struct mirror *mirror = mirror_hold_index(index);
    uint64_t copy[ARGUMENTS] = {0};
    native_handler handler = find_handler(index, (uint32_t)nr);
    int result = -ENOSYS;

    if (mirror == NULL) {
        return -ENODEV;
    }
    if (args != NULL) {
        memcpy(copy, args, sizeof(copy));
    }
    if (handler != NULL) {
        result = run(&mirror->public, handler, nr, copy);
    } else {
        __atomic_fetch_add(&mirror->public.stats.syscalls_intercepted, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&mirror->public.stats.errors, 1, __ATOMIC_RELAXED);
    }
    mirror_release(mirror);
    return result;
}

/* Lock held. */
static int send_number(unsigned nr, bool handle)
{
    struct pwk_handle_number_params params = {
        .entry = (uint64_t)(uintptr_t)native_entry,
        .number = nr,
        .handle = handle,
        .result = -1,
    };

    call_unix(PWK_UNIX_HANDLE_NUMBER, &params);
    return params.result == 0 ? 0 : -ENOSYS;
}

/* Whether another kernel still wants the number. Lock held. */
static bool is_wanted(unsigned nr)
{
    for (unsigned i = 0; i < MIRROR_COUNT; i++) {
        if (started[i] != NULL && find_handler(i, nr) != NULL) {
            return true;
        }
    }
    return false;
}

/* Lock held. */
static int start(struct mirror *mirror)
{
    int result = 0;

    for (unsigned nr = 0; result == 0 && nr < NUMBERS; nr++) {
        if (find_handler(mirror->index, nr) != NULL) {
            result = send_number(nr, true);
        }
    }
    if (result == 0) {
        STORE(started[mirror->index], mirror);
    }
    return result;
}

int native_handlers_start(struct mirror *mirror)
{
    AcquireSRWLockExclusive(&lock);
    int result = tables[mirror->index] != NULL ? start(mirror) : 0;
    ReleaseSRWLockExclusive(&lock);
    return result;
}

void native_handlers_stop(struct mirror *mirror)
{
    AcquireSRWLockExclusive(&lock);
    if (started[mirror->index] != NULL) {
        STORE(started[mirror->index], NULL);
        for (unsigned nr = 0; nr < NUMBERS; nr++) {
            if (find_handler(mirror->index, nr) != NULL && !is_wanted(nr)) {
                send_number(nr, false);
            }
        }
    }
    ReleaseSRWLockExclusive(&lock);
}

void native_handlers_end(struct mirror *mirror)
{
    native_handlers_stop(mirror);
    if (tables[mirror->index] != NULL) {
        memset(tables[mirror->index], 0, NUMBERS * sizeof(native_handler));
    }
}

/* Lock held. */
static int add(struct mirror *mirror, unsigned nr, native_handler handler)
{
    native_handler *table = tables[mirror->index];
    int result = 0;

    if (table == NULL) {
        table =
            VirtualAlloc(NULL, NUMBERS * sizeof(*table), MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        if (table == NULL) {
            return -ENOMEM;
        }
        STORE(tables[mirror->index], table);
    }
    native_handler before = table[nr];
    STORE(table[nr], handler);
    if (mirror->public.pid != 0) {
        STORE(started[mirror->index], mirror);
        result = send_number(nr, true);
    }
    if (result != 0) {
        STORE(table[nr], before);
    }
    return result;
}

int native_handlers_register(struct mirror *mirror, int nr, native_handler handler)
{
    if (nr < 0 || nr >= NUMBERS || handler == NULL || handler == mirror->public.syscall_intercept) {
        return -EINVAL;
    }
    if (!has_unix_side()) {
        return -ENOSYS;
    }
    AcquireSRWLockExclusive(&lock);
    int result = add(mirror, (unsigned)nr, handler);
    ReleaseSRWLockExclusive(&lock);
    return result;
}
