/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_sides.c - see registry_sides.h.
 */
#include "launcher/registry_sides.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/state.h"
#include "launcher/control_apart.h"
#include "launcher/registry_data.h"
#include "launcher/registry_told.h"
#include "registry/wine_text.h"

#define OPEN_TEXT (O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
#define MOST_TEXT (INT64_C(1) << 30)
#define LOWER_TRIES 5 /* the file is replaced where a running kernel follows the prefix */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What a profile need not pass through, and yet says nothing about a program: every start of Wine
 * writes it anew, from the host's clock and devices. */
static const struct pwk_profile noise = {
    .passthrough =
        {
            "\\Registry\\Machine\\System\\CurrentControlSet\\Control\\TimeZoneInformation",
            "\\Registry\\Machine\\System\\ControlSet001\\Control\\TimeZoneInformation",
            "\\Registry\\DynData",
        },
    .passthrough_count = 3,
};

/* One of the two sides while it is read. */
struct side {
    struct registry_tree *tree;
    struct registry_tree_key *key;             /* the last one; NULL: it is left out */
    const struct pwk_profile *const *profiles; /* what they pass through is left out */
    struct control_path base;                  /* of Wine's text */
    struct control_path path;
};

/* ---- reading ---- */

static int add_key(struct side *side, const uint16_t *path, size_t units, bool link)
{
    side->key = NULL;
    for (size_t i = 0; side->profiles[i] != NULL; i++)
        if (control_passed_through(side->profiles[i], path, units))
            return 0;
    return registry_tree_add_key(side->tree, path, units, link, &side->key);
}

static int add_value(struct side *side, const uint16_t *name, size_t units, uint32_t type,
                     const void *data, size_t size)
{
    const struct registry_tree_value value = {name, units, type, data, size};

    return side->key == NULL ? 0 : registry_tree_add_value(side->tree, side->key, &value);
}

/* Volatile keys go with the kernel's last process, and no prefix saves any. */
static int walk_key(void *context, const struct control_key *key)
{
    struct side *side = context;

    side->key = NULL;
    return key->elsewhere || key->is_volatile ? 0 : add_key(side, key->path, key->units, key->link);
}

static int walk_value(void *context, const struct control_key *key, const uint16_t *name,
                      size_t units, uint32_t type, const void *data, size_t size)
{
    (void)key;
    return add_value(context, name, units, type, data, size);
}

static int read_kernel(struct side *side, struct control_session *session)
{
    const struct control_visitor visitor = {side, UINT_MAX, walk_key, walk_value};
    int rc = control_session_walk(session, &visitor);

    if (rc == -ENOMEM)
        pwk_error_set(&session->error, rc, "no memory left");
    return rc;
}

static int text_base(void *context, const uint16_t *path, size_t units)
{
    struct side *side = context;

    return control_text_base(path, units, &side->base);
}

static int text_key(void *context, const uint16_t *path, size_t units, uint64_t last_write,
                    const uint16_t *class_name, size_t class_units, bool link)
{
    struct side *side = context;
    struct control_path *whole = &side->path;
    size_t skip = 0;

    (void)last_write, (void)class_name, (void)class_units;
    while (skip < side->base.units && side->base.text[skip] == '\\')
        skip++;
    whole->units = side->base.units - skip;
    memcpy(whole->text, side->base.text + skip, whole->units * sizeof(*path));
    if (units > 0) {
        if (units > COUNT_OF(whole->text) - whole->units - 1)
            return -EINVAL;
        if (whole->units > 0)
            whole->text[whole->units++] = '\\';
        memcpy(whole->text + whole->units, path, units * sizeof(*path));
        whole->units += units;
    }
    return add_key(side, whole->text, whole->units, link);
}

static int text_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                      const void *data, size_t size)
{
    return add_value(context, name, units, type, data, size);
}

/* The file may be another's to cut short: it is copied, since what is mapped would fault. */
static int copy_file(int fd, char **text, size_t *size)
{
    struct stat status;

    *size = 0;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size == 0)
        return -EINVAL;
    if (status.st_size > MOST_TEXT)
        return -EFBIG;
    *text = malloc((size_t)status.st_size);
    if (*text == NULL)
        return -ENOMEM;
    while (*size < (size_t)status.st_size) {
        ssize_t got = pread(fd, *text + *size, (size_t)status.st_size - *size, (off_t)*size);

        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        *size += (size_t)got;
    }
    return 0;
}

/* `name` is for its error lines. */
static int read_text(struct side *side, int fd, const char *name, struct pwk_error *error)
{
    const struct wine_text_sink sink = {side, text_base, text_key, text_value};
    struct wine_text_error where;
    char *text = NULL;
    size_t size;
    int rc = copy_file(fd, &text, &size);

    if (rc != 0) {
        pwk_error_set(error, rc, "%s: cannot be read: %s", name, strerror(-rc));
    } else {
        rc = wine_text_parse(text, size, &sink, &where);
        if (rc != 0)
            pwk_error_set(error, rc, "%s:%zu: %s", name, where.line,
                          where.text[0]   ? where.text
                          : rc == -ENOMEM ? "no memory left"
                                          : "the path is too long");
    }
    free(text);
    return rc;
}

static const char *const text_names[REGISTRY_LOWER_TEXTS] = {"system.reg", "user.reg",
                                                             "userdef.reg"};

static int read_prefix(struct side *side, const struct registry_sides *sides,
                       struct pwk_error *error)
{
    char prefix[PATH_MAX];
    char path[PATH_MAX + 16];
    int rc = pwk_prefix_path(prefix, error);

    for (size_t i = 0; rc == 0 && i < REGISTRY_LOWER_TEXTS; i++) {
        snprintf(path, sizeof(path), "%s/%s", prefix, text_names[i]);
        if (sides->texts[i] >= 0)
            rc = read_text(side, sides->texts[i], path, error);
        else if (sides->texts[i] != -ENOENT)
            rc = pwk_error_set(error, sides->texts[i], "%s: cannot be read: %s", path,
                               strerror(-sides->texts[i]));
        else if (i == 0)
            rc = pwk_error_set(error, -ENOENT, "%s: there is no such file", path);
    }
    return rc;
}

/* What the kernel's registry is a layer over, or was copied from: as it last was there, so that
 * what the prefix changed since does not pass for the kernel's doing. */
static int read_lower(struct side *side, const struct registry_sides *sides,
                      struct control_session *session)
{
    char path[PATH_MAX];
    int rc = -ENOENT, fd = -1;

    for (int tries = 0; rc == -ENOENT && tries < LOWER_TRIES; tries++) {
        rc = registry_lower_file(session->registry, path);
        if (rc != 0)
            continue;
        fd = open(path, OPEN_TEXT);
        if (fd < 0 && errno != ENOENT)
            return pwk_error_set(&session->error, -errno, "%s: cannot be read: %s", path,
                                 strerror(errno));
        rc = fd < 0 ? -ENOENT : 0;
    }
    if (rc == -ENOENT)
        return read_prefix(side, sides, &session->error);
    if (rc == 0)
        rc = read_text(side, fd, path, &session->error);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int told_key(void *context, const uint16_t *path, size_t units, bool link)
{
    return add_key(context, path, units, link);
}

/* The other kernel's, as its reader tells. */
static int read_other(struct side *side, const struct registry_sides *sides,
                      struct pwk_error *error)
{
    const struct registry_told_sink sink = {side, told_key, text_value};

    return registry_told_read(sides->told, &sink, error);
}

/* A kernel's registry holds the keys on the way to what is passed through, whether the prefix saves
 * them or not: they say nothing about a program. */
static int add_ways(struct side *side, const struct pwk_profile *profile, struct pwk_error *error)
{
    struct control_path whole, path;

    for (size_t i = 0; i < profile->passthrough_count; i++) {
        const char *text = profile->passthrough[i];
        struct registry_tree_key *key;
        int rc = 0;

        if (registry_data_to_units(text, whole.text, COUNT_OF(whole.text), &whole.units) &&
            control_key_path(whole.text, whole.units, &path, NULL) == 0) {
            while (path.units > 0 && path.text[path.units - 1] != '\\')
                path.units--;
            rc = registry_tree_add_key(side->tree, path.text, path.units, false, &key);
        }
        if (rc == -ENOMEM)
            return pwk_error_set(error, rc, "no memory left");
    }
    return 0;
}

/* ---- both ---- */

bool registry_sides_leave_out(const struct pwk_profile *profile, const uint16_t *path, size_t units)
{
    return control_passed_through(&noise, path, units) ||
           control_passed_through(profile, path, units);
}

void registry_sides_open(struct registry_sides *sides)
{
    char prefix[PATH_MAX];
    char path[PATH_MAX + 16];

    if (pwk_prefix_path(prefix, NULL) != 0)
        prefix[0] = '\0';
    for (size_t i = 0; i < REGISTRY_LOWER_TEXTS; i++) {
        snprintf(path, sizeof(path), "%s/%s", prefix, text_names[i]);
        sides->texts[i] = open(path, OPEN_TEXT);
        if (sides->texts[i] < 0)
            sides->texts[i] = -errno;
        control_keep(sides->texts[i]);
    }
    sides->open = true;
}

static void free_trees(struct registry_sides *sides)
{
    registry_tree_destroy(sides->before);
    registry_tree_destroy(sides->after);
    sides->before = sides->after = NULL;
}

int registry_sides_read(struct registry_sides *sides, struct control_session *session)
{
    static struct side before, after;
    const struct pwk_profile *profiles[] = {&noise, &session->profile, sides->profile, NULL};
    int rc;

    free_trees(sides);
    sides->before = registry_tree_create();
    sides->after = registry_tree_create();
    if (sides->before == NULL || sides->after == NULL)
        return pwk_error_set(&session->error, -ENOMEM, "no memory left");
    before = (struct side){.tree = sides->before, .profiles = profiles};
    after = (struct side){.tree = sides->after, .profiles = profiles};
    rc = sides->profile != NULL ? read_other(&before, sides, &session->error)
                                : read_lower(&before, sides, session);
    if (rc == 0)
        rc = read_kernel(&after, session);
    for (size_t i = 0; rc == 0 && profiles[i] != NULL; i++) {
        rc = add_ways(&before, profiles[i], &session->error);
        if (rc == 0)
            rc = add_ways(&after, profiles[i], &session->error);
    }
    return rc;
}

void registry_sides_finish(struct registry_sides *sides)
{
    free_trees(sides);
    for (size_t i = 0; sides->open && i < REGISTRY_LOWER_TEXTS; i++)
        if (sides->texts[i] >= 0)
            close(sides->texts[i]);
    sides->open = false;
}
