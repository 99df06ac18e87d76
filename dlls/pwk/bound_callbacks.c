/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bound_callbacks.c - the functions that a mirror's pointers lead to. A plain function pointer can
 * carry its kernel only in its own address: each place of the pool has functions of its own. They
 * run what the program has registered, else the C runtime's, and count.
 */
#include "mirror.h"

#include <errno.h>
#include <io.h>
#include <limits.h>
#include <stdlib.h>

typedef void *(__cdecl *malloc_function)(UINT64);
typedef void(__cdecl *free_function)(void *);
typedef INT64(__cdecl *read_function)(int, void *, UINT64);
typedef INT64(__cdecl *write_function)(int, const void *, UINT64);
typedef int(__cdecl *ioctl_function)(int, ULONG, void *);

static struct {
    process_kernel_t *kernel; /* NULL: unbound */
    malloc_function malloc_fn;
    free_function free_fn;
    read_function read_fn;
    write_function write_fn;
    ioctl_function ioctl_fn;
} bindings[MIRROR_COUNT];

#define LOAD(field) __atomic_load_n(&bindings[place].field, __ATOMIC_ACQUIRE)
#define STORE(place, field, value)                                                                 \
    __atomic_store_n(&bindings[place].field, (value), __ATOMIC_RELEASE)

static void count(UINT64 *counter, UINT64 amount)
{
    __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

static unsigned int clamp(UINT64 size)
{
    return size < INT_MAX ? (unsigned int)size : INT_MAX;
}

static INT64 __cdecl default_read(int fd, void *buf, UINT64 size)
{
    return _read(fd, buf, clamp(size));
}

static INT64 __cdecl default_write(int fd, const void *buf, UINT64 size)
{
    return _write(fd, buf, clamp(size));
}

static int __cdecl default_ioctl(int fd, ULONG request, void *arg)
{
    (void)fd;
    (void)request;
    (void)arg;
    errno = ENOSYS;
    return -1;
}

static process_kernel_t *bound_kernel(unsigned place)
{
    process_kernel_t *kernel = LOAD(kernel);

    if (kernel == NULL) {
        errno = ENODEV;
    }
    return kernel;
}

static void *bound_malloc(unsigned place, UINT64 size)
{
    process_kernel_t *kernel = bound_kernel(place);

    if (kernel == NULL) {
        return NULL;
    }
    void *memory = LOAD(malloc_fn)(size);
    if (memory != NULL) {
        count(&kernel->stats.memory_allocated, size);
    } else if (size > 0) {
        count(&kernel->stats.errors, 1);
    }
    return memory;
}

static void bound_free(unsigned place, void *memory)
{
    if (LOAD(kernel) != NULL) {
        LOAD(free_fn)(memory);
    }
}

static INT64 count_io(process_kernel_t *kernel, INT64 result)
{
    count(&kernel->stats.io_operations, 1);
    if (result < 0) {
        count(&kernel->stats.errors, 1);
    }
    return result;
}

static INT64 bound_read(unsigned place, int fd, void *buf, UINT64 size)
{
    process_kernel_t *kernel = bound_kernel(place);

    return kernel != NULL ? count_io(kernel, LOAD(read_fn)(fd, buf, size)) : -1;
}

static INT64 bound_write(unsigned place, int fd, const void *buf, UINT64 size)
{
    process_kernel_t *kernel = bound_kernel(place);

    return kernel != NULL ? count_io(kernel, LOAD(write_fn)(fd, buf, size)) : -1;
}

static int bound_ioctl(unsigned place, int fd, ULONG request, void *arg)
{
    process_kernel_t *kernel = bound_kernel(place);

    return kernel != NULL ? (int)count_io(kernel, LOAD(ioctl_fn)(fd, request, arg)) : -1;
}

static int bound_intercept(unsigned place, int nr, void *args)
{
    process_kernel_t *kernel = bound_kernel(place);

    if (kernel == NULL) {
        return -ENODEV;
    }
    return native_handlers_call(place, nr, args);
}

/* clang-format off */
#define EACH_PLACE(X) \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) \
    X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) \
    X(31) X(32) X(33) X(34) X(35) X(36) X(37) X(38) X(39) X(40) X(41) X(42) X(43) X(44) X(45) \
    X(46) X(47) X(48) X(49) X(50) X(51) X(52) X(53) X(54) X(55) X(56) X(57) X(58) X(59) X(60) \
    X(61) X(62) X(63)

#define FUNCTIONS(N) \
    static void *__cdecl malloc_##N(UINT64 size) { return bound_malloc(N, size); } \
    static void __cdecl free_##N(void *memory) { bound_free(N, memory); } \
    static INT64 __cdecl read_##N(int fd, void *buf, UINT64 n) \
    { return bound_read(N, fd, buf, n); } \
    static INT64 __cdecl write_##N(int fd, const void *buf, UINT64 n) \
    { return bound_write(N, fd, buf, n); } \
    static int __cdecl ioctl_##N(int fd, ULONG request, void *arg) \
    { return bound_ioctl(N, fd, request, arg); } \
    static int __cdecl intercept_##N(int nr, void *args) \
    { return bound_intercept(N, nr, args); }

#define ROW(N) {malloc_##N, free_##N, read_##N, write_##N, ioctl_##N, intercept_##N},

EACH_PLACE(FUNCTIONS)

static const struct {
    malloc_function malloc_fn;
    free_function free_fn;
    read_function read_fn;
    write_function write_fn;
    ioctl_function ioctl_fn;
    int (__cdecl *intercept)(int, void *);
} functions[] = {EACH_PLACE(ROW)};
/* clang-format on */

_Static_assert(sizeof(functions) / sizeof(functions[0]) == MIRROR_COUNT, "a row for each place");

void bound_callbacks_bind(struct mirror *mirror)
{
    unsigned place = mirror->index;

    bound_callbacks_set_allocator(mirror, NULL, NULL);
    bound_callbacks_set_io(mirror, NULL, NULL, NULL);
    mirror->public.malloc_fn = functions[place].malloc_fn;
    mirror->public.free_fn = functions[place].free_fn;
    mirror->public.read_fn = functions[place].read_fn;
    mirror->public.write_fn = functions[place].write_fn;
    mirror->public.ioctl_fn = functions[place].ioctl_fn;
    mirror->public.syscall_intercept = functions[place].intercept;
    STORE(place, kernel, &mirror->public);
}

void bound_callbacks_unbind(struct mirror *mirror)
{
    STORE(mirror->index, kernel, NULL);
}

void bound_callbacks_set_allocator(struct mirror *mirror, malloc_function malloc_fn,
                                   free_function free_fn)
{
    STORE(mirror->index, malloc_fn, malloc_fn != NULL ? malloc_fn : (malloc_function)malloc);
    STORE(mirror->index, free_fn, free_fn != NULL ? free_fn : free);
}

void bound_callbacks_set_io(struct mirror *mirror, read_function read_fn, write_function write_fn,
                            ioctl_function ioctl_fn)
{
    STORE(mirror->index, read_fn, read_fn != NULL ? read_fn : default_read);
    STORE(mirror->index, write_fn, write_fn != NULL ? write_fn : default_write);
    STORE(mirror->index, ioctl_fn, ioctl_fn != NULL ? ioctl_fn : default_ioctl);
}
