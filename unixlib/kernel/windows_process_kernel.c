/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * windows_process_kernel.c - kernels made by wpk_create: their configuration, their registry, and
 * the API of windows_process_kernel.h.
 */
#include "kernel/process_kernel_internal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kernel/prefix_registry.h"
#include "kernel/utf8.h"

#define REG_BINARY 3
#define MAX_PATH_UNITS 32767

struct wpk_bridge {
    windows_pk_config_t config;
    registry_t *registry;               /* NULL: none */
    struct pwk_private_registry *owned; /* NULL where the registry is the booted kernel's */
};

/* UTF-16 in memory of its own. */
struct wide {
    uint16_t *text;
    size_t units;
};

/* The names that a key may begin with. Wine runs everything as one user. */
static const struct {
    const char *name;
    const char *path; /* below \Registry */
} roots[] = {
    {"HKLM", "Machine"},
    {"HKEY_LOCAL_MACHINE", "Machine"},
    {"HKCU", "User\\S-1-5-21-0-0-0-1000"},
    {"HKEY_CURRENT_USER", "User\\S-1-5-21-0-0-0-1000"},
    {"HKCR", "Machine\\Software\\Classes"},
    {"HKEY_CLASSES_ROOT", "Machine\\Software\\Classes"},
    {"HKU", "User"},
    {"HKEY_USERS", "User"},
    {"HKCC", "Machine\\System\\CurrentControlSet\\Hardware Profiles\\Current"},
    {"HKEY_CURRENT_CONFIG", "Machine\\System\\CurrentControlSet\\Hardware Profiles\\Current"},
};

void wpk_bridge_destroy(struct wpk_bridge *bridge)
{
    if (bridge != NULL) {
        pwk_private_registry_close(bridge->owned);
        free(bridge);
    }
}

enum pwk_windows wpk_profile_windows(const windows_pk_config_t *config)
{
    switch (config->windows_version) {
    case WIN_VERSION_7:
        return PWK_WINDOWS_7;
    case WIN_VERSION_8:
        return PWK_WINDOWS_8;
    case WIN_VERSION_10:
        return PWK_WINDOWS_10;
    case WIN_VERSION_11:
        return PWK_WINDOWS_11;
    }
    return PWK_WINDOWS_PREFIX;
}

int wpk_bridge_check_attach(const struct wpk_bridge *bridge, const char **reason)
{
    const windows_pk_config_t *config = &bridge->config;
    const struct pwk_booted_kernel *booted = pwk_get_booted_kernel();

    if (config->max_memory != 0 || config->max_handles != 0 || config->max_threads != 0) {
        *reason = "limits";
        return -ENOSYS;
    }
    if (config->enable_drivers || config->enable_services || config->enable_wow64) {
        *reason = config->enable_drivers    ? "drivers"
                  : config->enable_services ? "services"
                                            : "wow64";
        return -ENOSYS;
    }
    if (booted != NULL && booted->windows != wpk_profile_windows(config)) {
        *reason = "windows version";
        return -EBUSY;
    }
    if (booted != NULL && bridge->registry != NULL && bridge->registry != booted->registry) {
        *reason = "registry";
        return -EBUSY;
    }
    return 0;
}

bool wpk_get_parts(process_kernel_t *kernel, windows_pk_config_t *config, registry_t **registry)
{
    struct pk_kernel *held = pk_hold(kernel);
    bool found = held != NULL && held->bridge != NULL;

    if (found) {
        *config = held->bridge->config;
        *registry = held->bridge->registry;
    }
    if (held != NULL) {
        pk_release(held);
    }
    return found;
}

static int open_registry(struct wpk_bridge *bridge)
{
    const struct pwk_booted_kernel *booted = pwk_get_booted_kernel();

    if (booted != NULL) {
        bridge->registry = booted->registry;
        return bridge->registry != NULL ? 0 : -ENODEV;
    }
    int result = pwk_private_registry_open(&bridge->owned, NULL);
    if (result == 0) {
        bridge->registry = pwk_private_registry_get(bridge->owned);
    }
    return result;
}

process_kernel_t *wpk_create(const windows_pk_config_t *config)
{
    static atomic_uint number;
    char name[64];

    if (config == NULL || wpk_profile_windows(config) == PWK_WINDOWS_PREFIX) {
        errno = EINVAL;
        return NULL;
    }
    struct wpk_bridge *bridge = calloc(1, sizeof(*bridge));
    if (bridge == NULL) {
        return NULL;
    }
    bridge->config = *config;
    int result = config->enable_registry ? open_registry(bridge) : 0;
    if (result == 0) {
        snprintf(name, sizeof(name), "windows-%u", atomic_fetch_add(&number, 1) + 1);
        process_kernel_t *kernel = pk_create_with_bridge(name, bridge);
        if (kernel != NULL) {
            return kernel;
        }
        result = -errno;
    }
    wpk_bridge_destroy(bridge);
    errno = -result;
    return NULL;
}

int wpk_load_driver(process_kernel_t *kernel, const char *driver_path)
{
    struct pk_kernel *held = pk_hold(kernel);
    int result = -ENOSYS;

    if (held == NULL || driver_path == NULL || driver_path[0] == '\0') {
        result = -EINVAL;
    } else if (held->bridge == NULL || !held->bridge->config.enable_drivers) {
        result = -ENODEV;
    }
    if (held != NULL) {
        pk_release(held);
    }
    return result;
}

int wpk_windows_api_call(process_kernel_t *kernel, const char *api_name, void *args, void *result)
{
    struct pk_kernel *held = pk_hold(kernel);

    (void)args;
    (void)result;
    if (held == NULL) {
        return -EINVAL;
    }
    pk_release(held);
    return api_name == NULL || api_name[0] == '\0' ? -EINVAL : -ENOSYS;
}

/* ---- registry ---- */

/* Appends UTF-8 to `wide`, which has room for a unit a byte. */
static int wide_append(struct wide *wide, const char *text, size_t size)
{
    while (size > 0) {
        uint32_t code;
        size_t length = pwk_utf8_read(text, size, &code);
        if (length == 0 || code == 0) {
            return -EINVAL;
        }
        if (code >= 0x10000) {
            wide->text[wide->units++] = (uint16_t)(0xd7c0 + (code >> 10));
            wide->text[wide->units++] = (uint16_t)(0xdc00 + (code & 0x3ff));
        } else {
            wide->text[wide->units++] = (uint16_t)code;
        }
        text += length;
        size -= length;
    }
    return 0;
}

static int wide_from_utf8(struct wide *wide, const char *head, const char *tail, size_t limit)
{
    size_t head_size = strlen(head);
    size_t tail_size = strlen(tail);

    wide->units = 0;
    if (head_size > 4 * limit || tail_size > 4 * limit) {
        return -EINVAL;
    }
    wide->text = malloc((head_size + tail_size + 1) * sizeof(*wide->text));
    if (wide->text == NULL) {
        return -ENOMEM;
    }
    int result = wide_append(wide, head, head_size);
    if (result == 0) {
        result = wide_append(wide, tail, tail_size);
    }
    if (result == 0 && wide->units > limit) {
        result = -EINVAL;
    }
    if (result != 0) {
        free(wide->text);
        wide->text = NULL;
    }
    return result;
}

/* The key's path below \Registry. */
static int key_to_path(const char *key, struct wide *path)
{
    static const char native[] = "\\Registry";
    size_t size = strlen(native);

    if (strncasecmp(key, native, size) == 0 && (key[size] == '\\' || key[size] == '\0')) {
        return wide_from_utf8(path, "", key + size, MAX_PATH_UNITS);
    }
    size = strcspn(key, "\\");
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        if (strlen(roots[i].name) == size && strncasecmp(key, roots[i].name, size) == 0) {
            return wide_from_utf8(path, roots[i].path, key + size, MAX_PATH_UNITS);
        }
    }
    return -EINVAL;
}

/* What a registry call works on. */
struct target {
    struct pk_kernel *held;
    registry_t *registry;
    struct wide path;
    struct wide name;
};

static void target_finish(struct target *target)
{
    if (target->held != NULL) {
        pk_release(target->held);
    }
    free(target->path.text);
    free(target->name.text);
}

/* Ends with target_finish in any case. */
static int target_init(struct target *target, process_kernel_t *kernel, const char *key,
                       const char *value)
{
    const struct pwk_booted_kernel *booted = pwk_get_booted_kernel();

    memset(target, 0, sizeof(*target));
    target->held = pk_hold(kernel);
    if (target->held == NULL || key == NULL) {
        return -EINVAL;
    }
    if (target->held->bridge != NULL) {
        target->registry = target->held->bridge->registry;
    } else if (target->held->pinned && booted != NULL) {
        target->registry = booted->registry;
    }
    if (target->registry == NULL) {
        return -ENODEV;
    }
    int result = key_to_path(key, &target->path);
    if (result == 0) {
        result =
            wide_from_utf8(&target->name, "", value != NULL ? value : "", REGISTRY_MAX_VALUE_NAME);
    }
    return result;
}

/* The caller has one word for a key that is not there, however far the way to it goes. */
static int target_open(const struct target *target, uint64_t *key)
{
    int result = registry_lookup(target->registry, REGISTRY_ROOT_KEY, target->path.text,
                                 target->path.units, 0, key, NULL);
    return result == -ENOTDIR ? -ENOENT : result;
}

static int target_create(const struct target *target, uint64_t *key)
{
    const uint16_t *at = target->path.text;
    const uint16_t *end = at + target->path.units;
    int result = target_open(target, key);

    if (result != -ENOENT) {
        return result;
    }
    *key = REGISTRY_ROOT_KEY;
    for (result = 0; result == 0 && at < end;) {
        const uint16_t *start = at;
        bool created;
        while (at < end && *at != '\\') {
            at++;
        }
        if (at > start) {
            result = registry_create(target->registry, *key, start, (size_t)(at - start), 0, 0,
                                     NULL, 0, key, &created, NULL);
        }
        at += at < end;
    }
    return result;
}

int wpk_registry_get_typed(process_kernel_t *kernel, const char *key, const char *value,
                           uint32_t *type, void *data, size_t *size)
{
    struct target target;
    struct registry_value_info info;
    uint64_t id;
    int result = size == NULL ? -EINVAL : 0;

    if (result != 0) {
        return result;
    }
    struct registry_buffer buffer = {data, data != NULL ? *size : 0};
    result = target_init(&target, kernel, key, value);
    if (result == 0) {
        result = target_open(&target, &id);
    }
    if (result == 0) {
        result = registry_query_value(target.registry, id, target.name.text, target.name.units,
                                      &info, &buffer);
    }
    target_finish(&target);
    if (result != 0) {
        return result;
    }
    *size = info.data_bytes;
    if (type != NULL) {
        *type = info.type;
    }
    return data != NULL && info.data_bytes > buffer.capacity ? -ERANGE : 0;
}

int wpk_registry_get(process_kernel_t *kernel, const char *key, const char *value, void *data,
                     size_t *size)
{
    return wpk_registry_get_typed(kernel, key, value, NULL, data, size);
}

/* `type` NULL: as it is, else REG_BINARY. */
static int set_value(process_kernel_t *kernel, const char *key, const char *value,
                     const uint32_t *type, const void *data, size_t size)
{
    struct target target;
    struct registry_value_info info = {.type = REG_BINARY};
    uint64_t id;

    if ((data == NULL && size > 0) || size > REGISTRY_MAX_VALUE_SIZE) {
        return -EINVAL;
    }
    int result = target_init(&target, kernel, key, value);
    if (result == 0) {
        result = target_create(&target, &id);
    }
    if (result == 0 && type == NULL) {
        result = registry_query_value(target.registry, id, target.name.text, target.name.units,
                                      &info, NULL);
        result = result == -ENOENT ? 0 : result;
    }
    if (result == 0) {
        result = registry_set_value(target.registry, id, target.name.text, target.name.units,
                                    type != NULL ? *type : info.type, data, size);
    }
    target_finish(&target);
    return result;
}

int wpk_registry_set(process_kernel_t *kernel, const char *key, const char *value, const void *data,
                     size_t size)
{
    return set_value(kernel, key, value, NULL, data, size);
}

int wpk_registry_set_typed(process_kernel_t *kernel, const char *key, const char *value,
                           uint32_t type, const void *data, size_t size)
{
    return set_value(kernel, key, value, &type, data, size);
}
