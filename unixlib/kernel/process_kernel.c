/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_kernel.c - the pool of kernels of this process and the API of process_kernel.h.
 */
#include "kernel/process_kernel_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/bound_callbacks.h"
#include "kernel/syscall_handlers.h"
#include "kernel/utf8.h"

_Static_assert(sizeof(struct pk_stats) == sizeof(((process_kernel_t *)NULL)->stats),
               "pk_stats has the fields of process_kernel_t.stats");

/* `mutex` guards the states, references and pins of the pool, `attached` and `stand_in`. It is
 * never held while anything of another room runs. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct pk_kernel pool[PK_POOL_SIZE];
static struct pk_kernel *attached; /* by pk_attach */
static struct pk_kernel *stand_in; /* for the booted kernel */
static struct pwk_booted_kernel booted_kernel;
static const struct pwk_booted_kernel *booted; /* atomic; NULL, or &booted_kernel for good */

static __thread struct pk_kernel *executing;

/* The live kernel behind a pointer of the caller's, which may be any number. Mutex held. */
static struct pk_kernel *find_live(const process_kernel_t *kernel)
{
    uintptr_t offset = (uintptr_t)kernel - (uintptr_t)pool;

    if ((uintptr_t)kernel < (uintptr_t)pool || offset >= sizeof(pool) ||
        offset % sizeof(pool[0]) != 0) {
        return NULL;
    }
    struct pk_kernel *found = &pool[offset / sizeof(pool[0])];
    return found->state == PK_LIVE ? found : NULL;
}

struct pk_kernel *pk_hold(process_kernel_t *kernel)
{
    pthread_mutex_lock(&mutex);
    struct pk_kernel *held = find_live(kernel);
    if (held != NULL) {
        held->references++;
    }
    pthread_mutex_unlock(&mutex);
    return held;
}

void pk_release(struct pk_kernel *kernel)
{
    pthread_mutex_lock(&mutex);
    bool last = --kernel->references == 0;
    pthread_mutex_unlock(&mutex);
    if (!last) {
        return;
    }

    /* In state PK_ENDING and without references, the kernel is this thread's alone. */
    bound_callbacks_unbind(kernel->index);
    pk_handlers_clear(kernel->index);
    wpk_bridge_destroy(kernel->bridge);
    kernel->bridge = NULL;
    pthread_mutex_lock(&mutex);
    kernel->state = PK_FREE;
    pthread_mutex_unlock(&mutex);
}

static bool name_is_valid(const char *name)
{
    size_t left = name != NULL ? strnlen(name, sizeof(pool[0].public.name)) : 0;

    if (left == 0 || left >= sizeof(pool[0].public.name)) {
        return false;
    }
    while (left > 0) {
        uint32_t code;
        size_t length = pwk_utf8_read(name, left, &code);
        if (length == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
            return false;
        }
        name += length;
        left -= length;
    }
    return true;
}

/* A free place, made a live kernel with one reference; NULL when the pool is full. Mutex held. */
static struct pk_kernel *take_place(process_kernel_type_t type, const char *name)
{
    struct pk_kernel *kernel = pool;

    while (kernel < pool + PK_POOL_SIZE && kernel->state != PK_FREE) {
        kernel++;
    }
    if (kernel == pool + PK_POOL_SIZE) {
        return NULL;
    }
    memset(kernel, 0, sizeof(*kernel));
    kernel->index = (unsigned)(kernel - pool);
    kernel->references = 1;
    kernel->public.type = type;
    memcpy(kernel->public.name, name, strlen(name) + 1);
    bound_callbacks_bind(kernel->index, &kernel->public);
    kernel->state = PK_LIVE;
    return kernel;
}

int pk_init(void)
{
    return 0;
}

static process_kernel_t *create(process_kernel_type_t type, const char *name,
                                struct wpk_bridge *bridge)
{
    if (!name_is_valid(name)) {
        errno = EINVAL;
        return NULL;
    }
    pthread_mutex_lock(&mutex);
    struct pk_kernel *kernel = take_place(type, name);
    if (kernel != NULL) {
        kernel->bridge = bridge;
        kernel->public.windows_bridge = bridge;
    }
    pthread_mutex_unlock(&mutex);
    if (kernel == NULL) {
        errno = ENOSPC;
        return NULL;
    }
    return &kernel->public;
}

process_kernel_t *pk_create(process_kernel_type_t type, const char *name)
{
    if (type != PK_TYPE_GENERIC && type != PK_TYPE_WINDOWS && type != PK_TYPE_CUSTOM) {
        errno = EINVAL;
        return NULL;
    }
    return create(type, name, NULL);
}

process_kernel_t *pk_create_with_bridge(const char *name, struct wpk_bridge *bridge)
{
    return create(PK_TYPE_WINDOWS, name, bridge);
}

int pk_claim_process(struct pk_kernel *kernel, pid_t pid)
{
    bool self = pid == getpid();
    int result = 0;

    pthread_mutex_lock(&mutex);
    if (kernel->state != PK_LIVE) {
        result = -EINVAL;
    } else if (kernel->public.pid != 0 || (self && attached != NULL)) {
        result = -EBUSY;
    } else {
        kernel->public.pid = pid;
        if (self) {
            attached = kernel;
        }
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

void pk_leave_process(struct pk_kernel *kernel)
{
    pthread_mutex_lock(&mutex);
    if (attached == kernel) {
        attached = NULL;
    }
    kernel->public.pid = 0;
    pthread_mutex_unlock(&mutex);
}

bool pk_is_attached(const struct pk_kernel *kernel)
{
    pthread_mutex_lock(&mutex);
    bool result = attached == kernel;
    pthread_mutex_unlock(&mutex);
    return result;
}

int pk_pin(process_kernel_t *kernel)
{
    pthread_mutex_lock(&mutex);
    struct pk_kernel *found = find_live(kernel);
    if (found != NULL) {
        found->pinned = true;
    }
    pthread_mutex_unlock(&mutex);
    return found != NULL ? 0 : -EINVAL;
}

bool pk_end(struct pk_kernel *kernel)
{
    pthread_mutex_lock(&mutex);
    bool ends = kernel->state == PK_LIVE && !kernel->pinned;
    if (ends) {
        kernel->state = PK_ENDING;
    }
    pthread_mutex_unlock(&mutex);
    if (ends) {
        pk_release(kernel);
    }
    return ends;
}

process_kernel_t *pk_get_current(void)
{
    struct pk_kernel *current = executing;

    if (current == NULL) {
        pthread_mutex_lock(&mutex);
        current = attached != NULL ? attached : stand_in;
        pthread_mutex_unlock(&mutex);
    }
    return current != NULL ? &current->public : NULL;
}

struct execution {
    struct pk_kernel *kernel;
    struct pk_kernel *outer;
};

static void end_execution(void *context)
{
    const struct execution *execution = context;

    executing = execution->outer;
    pk_release(execution->kernel);
}

int pk_execute(process_kernel_t *kernel, void (*fn)(void *), void *arg)
{
    struct execution execution = {NULL, executing};

    if (fn == NULL) {
        return -EINVAL;
    }
    execution.kernel = pk_hold(kernel);
    if (execution.kernel == NULL) {
        return -EINVAL;
    }
    executing = execution.kernel;
    pthread_cleanup_push(end_execution, &execution);
    fn(arg);
    pthread_cleanup_pop(1);
    return 0;
}

int pk_register_allocator(process_kernel_t *kernel, void *(*malloc_fn)(size_t),
                          void (*free_fn)(void *))
{
    struct pk_kernel *held = pk_hold(kernel);

    if (held == NULL) {
        return -EINVAL;
    }
    bool valid = (malloc_fn == NULL) == (free_fn == NULL);
    if (valid) {
        bound_callbacks_set_allocator(held->index, malloc_fn, free_fn);
    }
    pk_release(held);
    return valid ? 0 : -EINVAL;
}

int pk_register_io(process_kernel_t *kernel, ssize_t (*read_fn)(int, void *, size_t),
                   ssize_t (*write_fn)(int, const void *, size_t),
                   int (*ioctl_fn)(int, unsigned long, void *))
{
    struct pk_kernel *held = pk_hold(kernel);

    if (held == NULL) {
        return -EINVAL;
    }
    bound_callbacks_set_io(held->index, read_fn, write_fn, ioctl_fn);
    pk_release(held);
    return 0;
}

static uint64_t load(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static void read_stats(const struct pk_kernel *kernel, const struct pwk_process_slot *slot,
                       struct pk_stats *out)
{
    uint64_t counters[PWK_COUNTER_COUNT] = {0};

    pwk_process_slot_add(slot, counters);
    out->syscalls_intercepted =
        counters[PWK_SYSCALLS_INTERCEPTED] + load(&kernel->public.stats.syscalls_intercepted);
    out->memory_allocated =
        counters[PWK_MEMORY_ALLOCATED] + load(&kernel->public.stats.memory_allocated);
    out->io_operations = counters[PWK_IO_OPERATIONS] + load(&kernel->public.stats.io_operations);
    out->errors = counters[PWK_ERRORS] + load(&kernel->public.stats.errors);
}

/* Counters only grow: two readings that are equal show one moment, the one between them. */
void pk_get_stats(process_kernel_t *kernel, void *stats_out)
{
    const struct pwk_booted_kernel *under = pwk_get_booted_kernel();
    struct pk_stats stats[2] = {0};

    if (stats_out == NULL) {
        return;
    }
    struct pk_kernel *held = pk_hold(kernel);
    if (held != NULL) {
        pthread_mutex_lock(&mutex);
        bool running = held == attached || held == stand_in;
        pthread_mutex_unlock(&mutex);
        const struct pwk_process_slot *slot = under != NULL && running ? under->slot : NULL;
        unsigned tries = 0;
        do {
            read_stats(held, slot, &stats[0]);
            read_stats(held, slot, &stats[1]);
        } while (memcmp(&stats[0], &stats[1], sizeof(stats[0])) != 0 && ++tries < 32);
        pk_release(held);
    }
    memcpy(stats_out, &stats[0], sizeof(stats[0]));
}

void pk_shutdown(void)
{
    for (size_t i = 0; i < PK_POOL_SIZE; i++) {
        pk_destroy(&pool[i].public);
    }
}

void pwk_set_booted_kernel(const struct pwk_booted_kernel *kernel)
{
    char name[sizeof(pool[0].public.name)];

    pthread_mutex_lock(&mutex);
    if (booted == NULL) {
        booted_kernel = *kernel;
        snprintf(name, sizeof(name), "%s", kernel->name);
        stand_in = take_place(PK_TYPE_WINDOWS, name);
        if (stand_in != NULL) {
            stand_in->pinned = true;
            stand_in->public.pid = getpid();
        }
        __atomic_store_n(&booted, &booted_kernel, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&mutex);
}

const struct pwk_booted_kernel *pwk_get_booted_kernel(void)
{
    return __atomic_load_n(&booted, __ATOMIC_ACQUIRE);
}
