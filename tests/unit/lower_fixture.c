/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lower_fixture.c - see lower_fixture.h.
 */
#include "tests/unit/lower_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REG_DWORD 4u
#define HEAD                                                                                       \
    "WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\Machine\n\n#arch=win64\n\n"

static uint64_t *generation;
uint64_t lower_instance = 7;
void (*lower_opened)(void);

int make_layers(void **state)
{
    generation =
        mmap(NULL, sizeof *generation, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return generation == MAP_FAILED ? -1 : make_folder(state);
}

int remove_layers(void **state)
{
    munmap(generation, sizeof *generation);
    return remove_folder(state);
}

static const char *lower_file(uint64_t number)
{
    char name[40];

    snprintf(name, sizeof name, "below-%llu", (unsigned long long)number);
    return in_folder(name);
}

void lower_becomes_raw(const char *text, size_t size)
{
    uint64_t next = *generation + 1;

    write_file(lower_file(next), text, size);
    if (next > 2)
        unlink(lower_file(next - 2));
    __atomic_store_n(generation, next, __ATOMIC_RELEASE);
    syscall(SYS_futex, generation, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void lower_becomes(const char *sections)
{
    size_t size = strlen(HEAD) + strlen(sections);
    char *text = malloc(size + 1);

    assert_non_null(text);
    snprintf(text, size + 1, "%s%s", HEAD, sections);
    lower_becomes_raw(text, size);
    free(text);
}

static int look_at_lower(void *context, struct registry_lower_state *now)
{
    (void)context;
    now->generation = __atomic_load_n(generation, __ATOMIC_ACQUIRE);
    now->instance = __atomic_load_n(&lower_instance, __ATOMIC_ACQUIRE);
    return 0;
}

static int open_lower(void *context, struct registry_lower_state *now,
                      int fds[REGISTRY_LOWER_TEXTS], size_t *count)
{
    look_at_lower(context, now);
    *count = 0;
    fds[0] = open(lower_file(now->generation), O_RDONLY | O_CLOEXEC);
    if (fds[0] < 0)
        return -errno;
    *count = 1;
    if (lower_opened) {
        void (*opened)(void) = lower_opened;
        lower_opened = NULL;
        opened();
    }
    return 0;
}

static int import_lower(registry_t *registry, struct registry_error *error)
{
    struct registry_lower_state now;
    int fds[REGISTRY_LOWER_TEXTS], result;
    size_t count;

    result = open_lower(NULL, &now, fds, &count);
    if (result < 0)
        return result;
    result = registry_import_wine_text(registry, fds, count, NULL, NULL, error);
    close(fds[0]);
    return result;
}

struct registry_lower the_lower(void)
{
    return (struct registry_lower){
        .generation = generation, .look = look_at_lower, .open = open_lower};
}

int try_open_layers(registry_t **registry, struct registry_error *error)
{
    struct registry_lower lower = the_lower();
    int result = registry_open(store_folder, &may_create, registry, error);

    if (result < 0)
        return result;
    result = registry_is_empty(*registry);
    if (result > 0)
        result = import_lower(*registry, error);
    if (result == 0)
        result = registry_follow_lower(*registry, &lower, error);
    if (result < 0) {
        registry_close(*registry);
        *registry = NULL;
    }
    return result;
}

registry_t *open_layers(void)
{
    struct registry_error error = {""};
    registry_t *registry;
    int result = try_open_layers(&registry, &error);

    if (result)
        fail_msg("the layers do not open: %d, %s", result, error.text);
    return registry;
}

static int find(registry_t *registry, const char *path, uint64_t *key)
{
    char full[1024];

    snprintf(full, sizeof full, "Machine\\%s", path);
    return try_lookup(registry, REGISTRY_ROOT_KEY, full, REGISTRY_OPEN_LINK, key);
}

bool has_key(registry_t *registry, const char *path)
{
    uint64_t key;
    int result = find(registry, path, &key);

    if (result && result != -ENOENT && result != -ENOTDIR)
        fail_msg("looking up %s answers %d", path, result);
    return result == 0;
}

long number(registry_t *registry, const char *path, const char *name)
{
    struct registry_value_info info;
    uint32_t value = 0;
    uint64_t key;
    int result = find(registry, path, &key);

    if (result == -ENOENT || result == -ENOTDIR)
        return NO_KEY;
    if (result == 0)
        result = try_query(registry, key, name, &info, &value, sizeof value);
    if (result == -ENOENT)
        return NO_VALUE;
    if (result || info.data_bytes != sizeof value)
        fail_msg("%s of %s answers %d", name, path, result);
    return (long)value;
}

static int try_make(registry_t *registry, const char *path, uint64_t *key)
{
    char part[1024] = "Machine";
    int result = try_create(registry, REGISTRY_ROOT_KEY, part, 0, key);

    for (const char *at = path; result == 0 && *at;) {
        const char *end = strchrnul(at, '\\');
        snprintf(part, sizeof part, "%.*s", (int)(end - at), at);
        result = try_create(registry, *key, part, 0, key);
        at = *end ? end + 1 : end;
    }
    return result;
}

uint64_t make(registry_t *registry, const char *path)
{
    uint64_t key = 0;
    int result = try_make(registry, path, &key);

    if (result)
        fail_msg("making %s answers %d", path, result);
    return key;
}

int try_put(registry_t *registry, const char *path, const char *name, uint32_t value)
{
    uint64_t key;
    int result = try_make(registry, path, &key);

    return result ? result : try_set(registry, key, name, REG_DWORD, &value, sizeof value);
}

uint64_t put(registry_t *registry, const char *path, const char *name, uint32_t value)
{
    uint64_t key = make(registry, path);

    assert_int_equal(try_set(registry, key, name, REG_DWORD, &value, sizeof value), 0);
    return key;
}

static uint64_t must_find(registry_t *registry, const char *path)
{
    uint64_t key = 0;
    int result = find(registry, path, &key);

    if (result)
        fail_msg("looking up %s answers %d", path, result);
    return key;
}

void remove_key(registry_t *registry, const char *path)
{
    int result = registry_delete(registry, must_find(registry, path));

    if (result)
        fail_msg("deleting %s answers %d", path, result);
}

void remove_value(registry_t *registry, const char *path, const char *name)
{
    struct registry_path text = wide(name);
    int result = registry_delete_value(registry, must_find(registry, path), text.text, text.units);

    if (result)
        fail_msg("deleting the value %s of %s answers %d", name, path, result);
}

static char listed[4096];

static void list(const uint16_t *name, size_t bytes)
{
    size_t at = strlen(listed);

    for (size_t i = 0; i < bytes / 2; i++) {
        assert_true(at + 3 < sizeof listed);
        listed[at++] = (char)name[i];
    }
    listed[at++] = ' ';
    listed[at] = 0;
}

const char *subkeys(registry_t *registry, const char *path)
{
    uint64_t key = must_find(registry, path), subkey;
    uint16_t name[REGISTRY_MAX_KEY_NAME];
    struct registry_buffer buffer = {name, sizeof name};
    struct registry_key_info info;

    listed[0] = 0;
    for (uint32_t i = 0; registry_enumerate_key(registry, key, i, &subkey) == 0; i++) {
        assert_int_equal(registry_query_key(registry, subkey, false, &info, &buffer, NULL), 0);
        list(name, info.name_bytes);
    }
    return listed;
}

const char *values(registry_t *registry, const char *path)
{
    uint64_t key = must_find(registry, path);
    uint16_t name[256];
    struct registry_buffer buffer = {name, sizeof name};
    struct registry_value_info info;

    listed[0] = 0;
    for (uint32_t i = 0; registry_enumerate_value(registry, key, i, &info, &buffer, NULL) == 0; i++)
        list(name, info.name_bytes);
    return listed;
}

size_t count_files(const char *beginning)
{
    DIR *folder = opendir(store_folder);
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)))
        count += strncmp(entry->d_name, beginning, strlen(beginning)) == 0;
    closedir(folder);
    return count;
}
