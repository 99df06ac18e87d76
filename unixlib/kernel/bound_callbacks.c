/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bound_callbacks.c - see bound_callbacks.h. The functions of a slot are written out by macro,
 * since a plain function pointer can carry its context only in its own address.
 */
#include "kernel/bound_callbacks.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "kernel/process_kernel_internal.h"
#include "kernel/syscall_handlers.h"

struct binding {
    process_kernel_t *_Atomic kernel; /* NULL: unbound */
    void *(*_Atomic malloc_fn)(size_t);
    void (*_Atomic free_fn)(void *);
    ssize_t (*_Atomic read_fn)(int, void *, size_t);
    ssize_t (*_Atomic write_fn)(int, const void *, size_t);
    int (*_Atomic ioctl_fn)(int, unsigned long, void *);
};

static struct binding bindings[PK_POOL_SIZE];

static void count(uint64_t *counter, uint64_t amount)
{
    __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

static int host_ioctl(int fd, unsigned long request, void *arg)
{
    return ioctl(fd, request, arg);
}

static process_kernel_t *bound_kernel(unsigned slot)
{
    process_kernel_t *kernel = atomic_load(&bindings[slot].kernel);
    if (kernel == NULL) {
        errno = ENODEV;
    }
    return kernel;
}

static void *bound_malloc(unsigned slot, size_t size)
{
    process_kernel_t *kernel = bound_kernel(slot);
    if (kernel == NULL) {
        return NULL;
    }
    void *memory = atomic_load(&bindings[slot].malloc_fn)(size);
    if (memory != NULL) {
        count(&kernel->stats.memory_allocated, size);
    } else if (size > 0) {
        count(&kernel->stats.errors, 1);
    }
    return memory;
}

static void bound_free(unsigned slot, void *memory)
{
    if (atomic_load(&bindings[slot].kernel) != NULL) {
        atomic_load (&bindings[slot].free_fn)(memory);
    }
}

static void count_io(process_kernel_t *kernel, bool failed)
{
    count(&kernel->stats.io_operations, 1);
    if (failed) {
        count(&kernel->stats.errors, 1);
    }
}

static ssize_t bound_read(unsigned slot, int fd, void *buf, size_t size)
{
    process_kernel_t *kernel = bound_kernel(slot);
    if (kernel == NULL) {
        return -1;
    }
    ssize_t result = atomic_load(&bindings[slot].read_fn)(fd, buf, size);
    count_io(kernel, result < 0);
    return result;
}

static ssize_t bound_write(unsigned slot, int fd, const void *buf, size_t size)
{
    process_kernel_t *kernel = bound_kernel(slot);
    if (kernel == NULL) {
        return -1;
    }
    ssize_t result = atomic_load(&bindings[slot].write_fn)(fd, buf, size);
    count_io(kernel, result < 0);
    return result;
}

static int bound_ioctl(unsigned slot, int fd, unsigned long request, void *arg)
{
    process_kernel_t *kernel = bound_kernel(slot);
    if (kernel == NULL) {
        return -1;
    }
    int result = atomic_load(&bindings[slot].ioctl_fn)(fd, request, arg);
    count_io(kernel, result < 0);
    return result;
}

static int bound_intercept(unsigned slot, int nr, void *args)
{
    process_kernel_t *kernel = bound_kernel(slot);

    return kernel != NULL ? pk_call_by_hand(slot, kernel, nr, args) : -ENODEV;
}

/* clang-format off */
#define EACH_SLOT(X) \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) \
    X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) \
    X(31) X(32) X(33) X(34) X(35) X(36) X(37) X(38) X(39) X(40) X(41) X(42) X(43) X(44) X(45) \
    X(46) X(47) X(48) X(49) X(50) X(51) X(52) X(53) X(54) X(55) X(56) X(57) X(58) X(59) X(60) \
    X(61) X(62) X(63)

#define FUNCTIONS(N) \
    static void *malloc_##N(size_t size) { return bound_malloc(N, size); } \
    static void free_##N(void *memory) { bound_free(N, memory); } \
    static ssize_t read_##N(int fd, void *buf, size_t n) { return bound_read(N, fd, buf, n); } \
    static ssize_t write_##N(int fd, const void *buf, size_t n) \
    { return bound_write(N, fd, buf, n); } \
    static int ioctl_##N(int fd, unsigned long request, void *arg) \
    { return bound_ioctl(N, fd, request, arg); } \
    static int intercept_##N(int nr, void *args) { return bound_intercept(N, nr, args); }

#define ROW(N) {malloc_##N, free_##N, read_##N, write_##N, ioctl_##N, intercept_##N},

EACH_SLOT(FUNCTIONS)

static const struct {
    void *(*malloc_fn)(size_t);
    void (*free_fn)(void *);
    ssize_t (*read_fn)(int, void *, size_t);
    ssize_t (*write_fn)(int, const void *, size_t);
    int (*ioctl_fn)(int, unsigned long, void *);
    int (*intercept)(int, void *);
} functions[] = {EACH_SLOT(ROW)};
/* clang-format on */

_Static_assert(sizeof(functions) / sizeof(functions[0]) == PK_POOL_SIZE, "a row for each slot");

void bound_callbacks_bind(unsigned slot, process_kernel_t *kernel)
{
    bound_callbacks_set_allocator(slot, NULL, NULL);
    bound_callbacks_set_io(slot, NULL, NULL, NULL);
    kernel->malloc_fn = functions[slot].malloc_fn;
    kernel->free_fn = functions[slot].free_fn;
    kernel->read_fn = functions[slot].read_fn;
    kernel->write_fn = functions[slot].write_fn;
    kernel->ioctl_fn = functions[slot].ioctl_fn;
    kernel->syscall_intercept = functions[slot].intercept;
    atomic_store(&bindings[slot].kernel, kernel);
}

void bound_callbacks_unbind(unsigned slot)
{
    atomic_store(&bindings[slot].kernel, NULL);
}

void bound_callbacks_set_allocator(unsigned slot, void *(*malloc_fn)(size_t),
                                   void (*free_fn)(void *))
{
    atomic_store(&bindings[slot].malloc_fn, malloc_fn != NULL ? malloc_fn : malloc);
    atomic_store(&bindings[slot].free_fn, free_fn != NULL ? free_fn : free);
}

void bound_callbacks_set_io(unsigned slot, ssize_t (*read_fn)(int, void *, size_t),
                            ssize_t (*write_fn)(int, const void *, size_t),
                            int (*ioctl_fn)(int, unsigned long, void *))
{
    atomic_store(&bindings[slot].read_fn, read_fn != NULL ? read_fn : read);
    atomic_store(&bindings[slot].write_fn, write_fn != NULL ? write_fn : write);
    atomic_store(&bindings[slot].ioctl_fn, ioctl_fn != NULL ? ioctl_fn : host_ioctl);
}
