/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_session.c - see control_session.h.
 */
#include "launcher/control_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "launcher/control_apart.h"
#include "launcher/facts.h"
#include "launcher/registry_data.h"
#include "registry/upcase.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_DEPTH 512

#define CURRENT_USER "User\\S-1-5-21-0-0-0-1000"

/* A root and where it is below \Registry. HKCU is the one user that Wine has. */
static const struct {
    const char *name;
    const char *path;
} roots[] = {
    /* These name keys in what we write: the first that fits. */
    {"HKEY_LOCAL_MACHINE", "Machine"},
    {"HKEY_CURRENT_USER", CURRENT_USER},
    {"HKEY_USERS", "User"},
    /* All are read. */
    {"HKLM", "Machine"},
    {"HKCU", CURRENT_USER},
    {"HKU", "User"},
    {"HKCR", "Machine\\Software\\Classes"},
    {"HKEY_CLASSES_ROOT", "Machine\\Software\\Classes"},
    {"HKCC", "Machine\\System\\CurrentControlSet\\Hardware Profiles\\Current"},
    {"HKEY_CURRENT_CONFIG", "Machine\\System\\CurrentControlSet\\Hardware Profiles\\Current"},
    {"\\Registry", ""},
};

#define WRITTEN_ROOTS 3

/* ---- errors ---- */

const char *control_registry_reason(int rc)
{
    switch (rc) {
    case -ENOENT:
    case -ENOTDIR:
        return "it does not exist";
    case -EXDEV:
        return "it lives in the session's registry, which all kernels share: use reg.exe";
    case -ENOTEMPTY:
        return "it has subkeys: delete them first";
    case -EINVAL:
        return "no registry may hold such a name";
    case -ELOOP:
        return "its links lead in a circle";
    case -EUCLEAN:
        return "the store is damaged: see pwkctl registry KERNEL check --repair";
    case -EIDRM:
        return "it has been deleted";
    case -ECHILD:
        return "it would stand below a volatile key, and go with that";
    case -EROFS:
        return "the kernel's registry cannot be written: mend its permissions";
    case -ENOSPC:
        return "the disk is full: make room and try again";
    case -ETIMEDOUT:
        return "another process holds the registry: try again when it is done";
    }
    return strerror(-rc);
}

int control_session_fail(struct control_session *session, int rc, const char *what)
{
    return pwk_error_set(&session->error, rc, "%s%s%s: %s",
                         session->key_name ? session->key_name : "the registry",
                         what[0] == '\0' ? "" : ": ", what, control_registry_reason(rc));
}

/* ---- names of keys ---- */

/* The length of the ASCII `start` where `units` begin with it, as one or more whole components;
 * else 0. */
static size_t begins_with(const uint16_t *units, size_t count, const char *start)
{
    size_t length = strlen(start);

    if (length > count || (length < count && units[length] != '\\'))
        return 0;
    for (size_t i = 0; i < length; i++)
        if (registry_upcase(units[i]) != registry_upcase((unsigned char)start[i]))
            return 0;
    return length;
}

/* `start` and the units behind it. */
static int join(struct control_path *out, const char *start, const uint16_t *rest, size_t units)
{
    size_t length = strlen(start);

    if (units > COUNT_OF(out->text) || length > COUNT_OF(out->text) - units)
        return -ENAMETOOLONG;
    for (size_t i = 0; i < length; i++)
        out->text[i] = (unsigned char)start[i];
    if (units > 0)
        memcpy(out->text + length, rest, units * sizeof(*rest));
    out->units = length + units;
    return 0;
}

int control_key_path(const uint16_t *key, size_t units, struct control_path *path, bool *is_root)
{
    for (size_t i = 0; i < COUNT_OF(roots); i++) {
        size_t length = begins_with(key, units, roots[i].name);

        if (length == 0)
            continue;
        if (is_root != NULL) {
            size_t end = units;

            while (end > length && key[end - 1] == '\\')
                end--;
            *is_root = end == length;
        }
        return join(path, roots[i].path, key + length, units - length);
    }
    return -EINVAL;
}

int control_text_base(const uint16_t *path, size_t units, struct control_path *base)
{
    struct control_path whole = {.units = 1, .text = {'\\'}};

    while (units > 0 && *path == '\\') {
        path++;
        units--;
    }
    if (units > COUNT_OF(whole.text) - 1)
        return -EINVAL;
    if (units > 0)
        memcpy(whole.text + 1, path, units * sizeof(*path));
    whole.units += units;
    if (control_key_path(whole.text, whole.units, base, NULL) != 0)
        *base = whole;
    return 0;
}

int control_key_name(const uint16_t *path, size_t units, struct control_path *name)
{
    for (size_t i = 0; i < WRITTEN_ROOTS; i++) {
        size_t length = begins_with(path, units, roots[i].path);

        if (length > 0)
            return join(name, roots[i].name, path + length, units - length);
    }
    return join(name, "\\Registry\\", path, units);
}

bool control_is_key(const char *word)
{
    for (size_t i = 0; i < COUNT_OF(roots); i++) {
        size_t length = strlen(roots[i].name);

        if (strncasecmp(word, roots[i].name, length) == 0 &&
            (word[length] == '\\' || word[length] == '\0'))
            return true;
    }
    return false;
}

int control_session_set_path(struct control_session *session, const char *key)
{
    struct control_path typed;

    session->key_name = key;
    if (!control_is_key(key))
        return pwk_error_set(&session->error, -EINVAL,
                             "%s: write a key as HKLM\\..., HKCU\\..., HKCR\\..., HKU\\..., "
                             "HKCC\\... or \\Registry\\...",
                             key);
    if (registry_data_to_units(key, typed.text, COUNT_OF(typed.text), &typed.units) &&
        control_key_path(typed.text, typed.units, &session->path, NULL) == 0)
        return 0;
    return pwk_error_set(&session->error, -EINVAL, "%s: too long, or not UTF-8", key);
}

bool control_passed_through(const struct pwk_profile *profile, const uint16_t *path, size_t units)
{
    static const char top[] = "\\Registry\\";

    for (size_t i = 0; i < profile->passthrough_count; i++)
        if (strncasecmp(profile->passthrough[i], top, sizeof(top) - 1) == 0 &&
            begins_with(path, units, profile->passthrough[i] + sizeof(top) - 1) > 0)
            return true;
    return false;
}

/* ---- the store ---- */

int control_session_open(struct control_session *session, const char *name, bool writes)
{
    struct registry_options options = {.read_only = !writes};
    struct registry_error why;
    struct control_kernel kernel;
    char path[PATH_MAX];
    int rc = control_find_kernel(&kernel, name, &session->error);

    if (rc != 0)
        return rc;
    pwk_profile_init(&session->profile);
    rc = pwk_profile_choose(&session->profile, NULL, kernel.state, path, &session->error);
    options.passthrough = (const char *const *)session->profile.passthrough;
    options.passthrough_count = session->profile.passthrough_count;
    if (rc == 0 && snprintf(path, sizeof(path), "%s/store", kernel.state) >= (int)sizeof(path))
        rc =
            pwk_error_set(&session->error, -ENAMETOOLONG, "%s: the path is too long", kernel.state);
    if (rc == 0)
        rc = control_confine(path, &session->error);
    if (rc == 0) {
        rc = registry_open(path, &options, &session->registry, &why);
        if (rc != 0 && rc != -ENOENT)
            pwk_error_set(&session->error, rc, "%s", why.text);
    }
    if (rc == 0) {
        rc = registry_is_empty(session->registry);
        if (rc < 0)
            return control_session_fail(session, rc, "");
        rc = rc > 0 ? -ENOENT : 0;
    }
    if (rc == -ENOENT)
        pwk_error_set(&session->error, rc,
                      "kernel %s has no registry yet: run a program under it first", name);
    return rc;
}

void control_session_close(struct control_session *session)
{
    registry_close(session->registry);
    session->registry = NULL;
    pwk_profile_finish(&session->profile);
}

int control_create_key(registry_t *registry, const struct control_path *path, uint64_t *key)
{
    bool created;
    int rc = registry_create(registry, REGISTRY_ROOT_KEY, path->text, path->units, 0, 0, NULL, 0,
                             key, &created, NULL);

    for (size_t i = 1; rc == -ENOTDIR && i < path->units; i++) {
        if (path->text[i] != '\\')
            continue;
        rc = registry_create(registry, REGISTRY_ROOT_KEY, path->text, i, 0, 0, NULL, 0, key,
                             &created, NULL);
        if (rc == 0)
            rc = -ENOTDIR;
    }
    if (rc == -ENOTDIR)
        rc = registry_create(registry, REGISTRY_ROOT_KEY, path->text, path->units, 0, 0, NULL, 0,
                             key, &created, NULL);
    return rc;
}

/* ---- the walk ---- */

#define LIST_TRIES 1000 /* then a writer never rests, and what was listed last must do */

struct walk {
    struct control_session *session;
    const struct control_visitor *visitor;
    struct registry_buffer data;
    struct control_path path;
    uint16_t value_name[REGISTRY_MAX_VALUE_NAME];
};

static int visit_values(struct walk *walk, const struct control_key *key)
{
    const struct registry_buffer name = {walk->value_name, sizeof(walk->value_name)};
    registry_t *registry = walk->session->registry;
    struct registry_value_info info;

    for (uint32_t index = 0;;) {
        int rc = registry_enumerate_value(registry, key->id, index, &info, &name, &walk->data);

        if (rc == -ENODATA || rc == -EIDRM)
            return 0;
        if (rc != 0)
            return control_session_fail(walk->session, rc, "");
        /* Somebody may set a longer value meanwhile. */
        if (info.data_bytes > walk->data.capacity) {
            void *data = realloc(walk->data.data, info.data_bytes);

            if (data == NULL)
                return control_session_fail(walk->session, -ENOMEM, "");
            walk->data.data = data;
            walk->data.capacity = info.data_bytes;
            continue;
        }
        rc = walk->visitor->value(walk->visitor->context, key, walk->value_name,
                                  info.name_bytes / sizeof(uint16_t), info.type, walk->data.data,
                                  info.data_bytes);
        if (rc != 0)
            return rc;
        index++;
    }
}

static int visit_subkeys(struct walk *walk, uint64_t id, unsigned depth);

/* The key whose path the walk has. */
static int visit_key(struct walk *walk, struct control_key *key)
{
    int rc;

    key->path = walk->path.text;
    key->units = walk->path.units;
    rc = walk->visitor->key(walk->visitor->context, key);
    if (rc == 0 && !key->elsewhere && walk->visitor->value != NULL)
        rc = visit_values(walk, key);
    if (rc != 0 || key->elsewhere || key->link || key->depth == walk->visitor->depth)
        return rc;
    return visit_subkeys(walk, key->id, key->depth);
}

/* Puts the subkey's name behind the path and visits it. */
static int visit_subkey(struct walk *walk, uint64_t id, unsigned depth)
{
    struct control_path *path = &walk->path;
    const size_t parent_units = path->units;
    struct control_key key = {.id = id, .depth = depth};
    struct registry_buffer name;
    struct registry_key_info info;
    int rc;

    if (depth > MAX_DEPTH || COUNT_OF(path->text) - path->units < REGISTRY_MAX_KEY_NAME + 1)
        return control_session_fail(walk->session, -ENAMETOOLONG, "");
    if (path->units > 0)
        path->text[path->units++] = '\\';
    name = (struct registry_buffer){path->text + path->units,
                                    REGISTRY_MAX_KEY_NAME * sizeof(path->text[0])};
    rc = registry_query_key(walk->session->registry, id, false, &info, &name, NULL);
    if (rc == 0) {
        key.name_units = info.name_bytes / sizeof(path->text[0]);
        key.link = (info.flags & REGISTRY_CREATE_LINK) != 0;
        key.is_volatile = (info.flags & REGISTRY_VOLATILE) != 0;
        path->units += key.name_units;
        key.elsewhere = control_passed_through(&walk->session->profile, path->text, path->units);
        rc = visit_key(walk, &key);
    } else {
        /* Deleted while we look. */
        rc = rc == -EIDRM ? 0 : control_session_fail(walk->session, rc, "");
    }
    path->units = parent_units;
    return rc;
}

/* True where subkeys of `id` may have come or gone since `generation`. */
static bool subkeys_changed(registry_t *registry, uint64_t id, uint64_t generation)
{
    struct registry_change changes[64];
    int count = registry_read_changes(registry, &generation, changes, COUNT_OF(changes));

    for (int i = 0; i < count; i++)
        if (changes[i].key == id && (changes[i].kinds & REGISTRY_CHANGED_NAME) != 0)
            return true;
    return count < 0;
}

static int list_once(registry_t *registry, uint64_t key, struct control_subkeys *list)
{
    int rc;

    for (list->count = 0;; list->count++) {
        if (list->count == list->capacity) {
            size_t capacity = list->capacity * 2 + 64;
            uint64_t *ids = realloc(list->ids, capacity * sizeof(*ids));

            if (ids == NULL)
                return -ENOMEM;
            list->ids = ids;
            list->capacity = capacity;
        }
        rc = registry_enumerate_key(registry, key, (uint32_t)list->count, &list->ids[list->count]);
        if (rc != 0)
            return rc == -ENODATA ? 0 : rc;
    }
}

int control_list_subkeys(registry_t *registry, uint64_t key, struct control_subkeys *list)
{
    uint64_t generation;
    int rc, tries = 0;

    do {
        generation = registry_generation(registry);
        rc = list_once(registry, key, list);
    } while (rc == 0 && ++tries < LIST_TRIES && subkeys_changed(registry, key, generation));
    return rc;
}

static int visit_subkeys(struct walk *walk, uint64_t id, unsigned depth)
{
    struct control_subkeys list = {0};
    int rc = control_list_subkeys(walk->session->registry, id, &list);

    if (rc != 0)
        rc = rc == -EIDRM ? 0 : control_session_fail(walk->session, rc, "");
    for (size_t i = 0; rc == 0 && i < list.count; i++)
        rc = visit_subkey(walk, list.ids[i], depth + 1);
    free(list.ids);
    return rc;
}

int control_session_walk(struct control_session *session, const struct control_visitor *visitor)
{
    struct walk *walk = calloc(1, sizeof(*walk));
    struct control_key key = {.depth = 0};
    int rc;

    if (walk == NULL)
        return control_session_fail(session, -ENOMEM, "");
    walk->session = session;
    walk->visitor = visitor;
    /* One backslash each, and none at the ends: so does the walk itself write paths. */
    for (size_t i = 0; i < session->path.units; i++) {
        uint16_t unit = session->path.text[i];
        bool first = walk->path.units == 0 || walk->path.text[walk->path.units - 1] == '\\';

        if (unit != '\\' || !first)
            walk->path.text[walk->path.units++] = unit;
    }
    if (walk->path.units > 0 && walk->path.text[walk->path.units - 1] == '\\')
        walk->path.units--;
    rc = registry_lookup(session->registry, REGISTRY_ROOT_KEY, walk->path.text, walk->path.units, 0,
                         &key.id, NULL);
    rc = rc == 0 ? visit_key(walk, &key) : control_session_fail(session, rc, "");
    free(walk->data.data);
    free(walk);
    return rc;
}

/* ---- progress ---- */

void control_progress_start(struct control_progress *progress, const char *what)
{
    progress->what = what;
    progress->shown = -1;
    clock_gettime(CLOCK_MONOTONIC, &progress->start);
}

void control_progress_show(struct control_progress *progress, double share)
{
    int percent = (int)(share * 100);
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (percent == progress->shown || (now.tv_sec - progress->start.tv_sec) * 1000 +
                                              (now.tv_nsec - progress->start.tv_nsec) / 1000000 <
                                          1000)
        return;
    progress->shown = percent;
    fprintf(stderr, "\rpwkctl: %s: %d %%", progress->what, percent);
}

void control_progress_end(struct control_progress *progress)
{
    if (progress->shown >= 0)
        putc('\n', stderr);
    progress->shown = -1;
}
