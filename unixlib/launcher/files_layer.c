/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_layer.c - see files_layer.h. The list of entries is also the list of folders that are still
 * to be read, so that a tree of any depth needs neither recursion nor more than a few descriptors.
 */
#include "launcher/files_layer.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/files_open.h"
#include "sandbox/view_mounts.h"

bool files_is_noise(const char *path)
{
    static const char *const patterns[] = {"pwk",
                                           "system.reg",
                                           "user.reg",
                                           "userdef.reg",
                                           "reg*.tmp",
                                           ".update-timestamp",
                                           "wineserver",
                                           "dosdevices/com[0-9]*",
                                           "dosdevices/lpt[0-9]*"};

    if (files_is_below(path, "pwk"))
        return true;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        if (fnmatch(patterns[i], path, FNM_PATHNAME | FNM_PERIOD) == 0)
            return true;
    return false;
}

bool files_is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    return length == 0 ||
           (strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0'));
}

int files_layer_open(struct files_layer *layer, const char *prefix, const char *upper,
                     struct pwk_error *error)
{
    layer->upper = layer->lower = -1;
    layer->lower = open(prefix, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (layer->lower < 0)
        return pwk_error_set(error, -errno, "the prefix %s cannot be read: %s", prefix,
                             strerror(errno));
    layer->upper = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (layer->upper < 0)
        return pwk_error_set(error, -errno, "the kernel's layer of files %s cannot be read: %s",
                             upper, strerror(errno));
    return 0;
}

void files_layer_close(struct files_layer *layer)
{
    for (size_t i = 0; i < layer->count; i++)
        free(layer->entries[i]);
    free(layer->entries);
    if (layer->upper > 0)
        close(layer->upper);
    if (layer->lower > 0)
        close(layer->lower);
    *layer = (struct files_layer){.upper = -1, .lower = -1};
}

/* ---- one entry ---- */

static enum files_kind kind_of(mode_t mode)
{
    return S_ISDIR(mode)   ? FILES_FOLDER
           : S_ISREG(mode) ? FILES_FILE
           : S_ISLNK(mode) ? FILES_LINK
                           : FILES_SPECIAL;
}

static struct files_side side_of(const struct stat *st)
{
    return (struct files_side){.kind = kind_of(st->st_mode),
                               .mode = st->st_mode & FILES_MODE_BITS,
                               .size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0};
}

/* NULL without memory. */
static struct files_entry *add_entry(struct files_layer *layer, struct files_entry *parent,
                                     const char *name)
{
    size_t size = (parent == NULL ? 0 : strlen(parent->path) + 1) + strlen(name) + 1;
    struct files_entry *entry;

    if (layer->count == layer->capacity) {
        size_t capacity = layer->capacity == 0 ? 64 : 2 * layer->capacity;
        struct files_entry **entries =
            realloc(layer->entries, capacity * sizeof(struct files_entry *));

        if (entries == NULL)
            return NULL;
        layer->entries = entries;
        layer->capacity = capacity;
    }
    entry = calloc(1, sizeof(*entry) + size);
    if (entry == NULL)
        return NULL;
    snprintf(entry->path, size, "%s%s%s", parent == NULL ? "" : parent->path,
             parent == NULL ? "" : "/", name);
    entry->parent = parent;
    if (parent != NULL)
        entry->cover = parent->opaque || parent->change == FILES_DELETED ||
                               (parent->what & FILES_WHAT_KIND) != 0
                           ? parent
                           : parent->cover;
    entry->noise = files_is_noise(entry->path);
    layer->entries[layer->count++] = entry;
    return entry;
}

static void hinder(struct files_entry *entry, const char *hindrance, int code)
{
    if (entry->hindrance != NULL)
        return;
    entry->hindrance = hindrance;
    entry->code = code < 0 ? -code : code;
}

static bool is_whiteout(int fd, const struct stat *st)
{
    if (S_ISCHR(st->st_mode))
        return st->st_rdev == 0;
    return S_ISREG(st->st_mode) && st->st_size == 0 &&
           files_has_attribute(fd, "user.overlay.whiteout", NULL);
}

/* What the prefix has at the entry's path. */
static void find_before(const struct files_layer *layer, struct files_entry *entry)
{
    int fd = files_open(layer->lower, entry->path, O_PATH);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0)
        entry->before = side_of(&st);
    else if (fd == -EXDEV)
        hinder(entry, "another file system is mounted there in the prefix", 0);
    else if (fd != -ENOENT && fd != -ENOTDIR && fd != -ELOOP)
        hinder(entry, "the prefix cannot be read there", fd < 0 ? fd : errno);
    if (fd >= 0)
        close(fd);
}

static void find_after(const struct files_layer *layer, struct files_entry *entry)
{
    int fd = files_open(layer->upper, entry->path, O_PATH);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        entry->after.kind = FILES_SPECIAL;
        hinder(entry, "it cannot be read", fd < 0 ? fd : errno);
    } else if (!is_whiteout(fd, &st)) {
        entry->after = side_of(&st);
        entry->extra_bits = (st.st_mode & (S_ISUID | S_ISGID | S_ISVTX)) != 0;
        entry->device = st.st_dev;
        entry->inode = st.st_ino;
        entry->links = S_ISREG(st.st_mode) ? st.st_nlink : 1;
        entry->opaque = S_ISDIR(st.st_mode) && files_has_attribute(fd, "user.overlay.opaque", "y");
        entry->place = (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size == 0)) &&
                       files_has_attribute(fd, PWK_VIEW_PLACE_MARK, NULL);
        if (entry->after.kind == FILES_SPECIAL)
            hinder(entry, "devices, FIFOs and sockets are not committed", 0);
        if ((S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) &&
            (files_has_attribute(fd, "user.overlay.redirect", NULL) ||
             files_has_attribute(fd, "user.overlay.metacopy", NULL)))
            hinder(entry, "overlayfs keeps it in a form that pwk does not make", 0);
    }
    if (fd >= 0)
        close(fd);
}

/* ---- folders ---- */

struct reading {
    struct files_layer *layer;
    struct files_entry *folder; /* NULL: the top */
};

static int add_from_layer(void *context, const char *name)
{
    struct reading *reading = context;
    struct files_entry *entry = add_entry(reading->layer, reading->folder, name);

    if (entry == NULL)
        return -ENOMEM;
    entry->in_layer = true;
    if (strlen(entry->path) >= PATH_MAX) {
        entry->after.kind = FILES_SPECIAL;
        entry->change = FILES_ADDED;
        hinder(entry, "its path is too long", 0);
        return 0;
    }
    if (reading->folder == NULL || reading->folder->before.kind == FILES_FOLDER)
        find_before(reading->layer, entry);
    find_after(reading->layer, entry);
    files_compare(reading->layer, entry);
    return 0;
}

/* What the prefix has and the layer hides, though nothing in the layer has its name. */
static int add_hidden(void *context, const char *name)
{
    struct reading *reading = context;
    struct files_entry *entry = add_entry(reading->layer, reading->folder, name);

    if (entry == NULL)
        return -ENOMEM;
    find_before(reading->layer, entry);
    entry->change = FILES_DELETED;
    return 0;
}

static int add_hidden_by_opaque(void *context, const char *name)
{
    struct reading *reading = context;
    char path[PATH_MAX];
    int fd;

    if (snprintf(path, sizeof(path), "%s/%s", reading->folder->path, name) >= (int)sizeof(path))
        return add_hidden(context, name);
    fd = files_open(reading->layer->upper, path, O_PATH);
    if (fd == -ENOENT)
        return add_hidden(context, name);
    if (fd >= 0)
        close(fd);
    return 0;
}

static int list_folder(int root, struct reading *reading,
                       int (*visit)(void *context, const char *name))
{
    const char *path = reading->folder == NULL ? "" : reading->folder->path;
    int fd = files_open(root, path, O_RDONLY | O_DIRECTORY);
    int rc = fd < 0 ? fd : files_list(fd, visit, reading);

    if (fd >= 0)
        close(fd);
    if (rc < 0 && rc != -ENOMEM && reading->folder != NULL) {
        hinder(reading->folder, "it cannot be listed", rc);
        rc = 0;
    }
    return rc;
}

static int read_folder(struct files_layer *layer, struct files_entry *folder)
{
    struct reading reading = {layer, folder};
    int rc = 0;

    if (folder->noise || strlen(folder->path) >= PATH_MAX)
        return 0;
    if (folder->after.kind == FILES_FOLDER) {
        rc = list_folder(layer->upper, &reading, add_from_layer);
        if (rc == 0 && folder->opaque && folder->before.kind == FILES_FOLDER)
            rc = list_folder(layer->lower, &reading, add_hidden_by_opaque);
    } else if (folder->before.kind == FILES_FOLDER) {
        rc = list_folder(layer->lower, &reading, add_hidden);
    }
    return rc;
}

/* ---- all of it ---- */

/* A file that has more names than the layer holds is somebody else's too. */
static int by_inode(const void *left, const void *right)
{
    const struct files_entry *a = *(struct files_entry *const *)left;
    const struct files_entry *b = *(struct files_entry *const *)right;

    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    return a->inode < b->inode ? -1 : a->inode > b->inode;
}

/* A folder's entries directly behind it: "/" sorts before any other character. */
static int by_path(const void *left, const void *right)
{
    const unsigned char *a = (const unsigned char *)(*(struct files_entry *const *)left)->path;
    const unsigned char *b = (const unsigned char *)(*(struct files_entry *const *)right)->path;

    while (*a == *b && *a != '\0')
        a++, b++;
    if (*a == *b)
        return 0;
    if (*a == '\0' || *b == '\0')
        return *a == '\0' ? -1 : 1;
    if (*a == '/' || *b == '/')
        return *a == '/' ? -1 : 1;
    return *a < *b ? -1 : 1;
}

static void find_foreign_links(struct files_layer *layer)
{
    qsort(layer->entries, layer->count, sizeof(struct files_entry *), by_inode);
    for (size_t first = 0, last; first < layer->count; first = last) {
        for (last = first + 1; last < layer->count; last++)
            if (by_inode(&layer->entries[first], &layer->entries[last]) != 0)
                break;
        for (size_t i = first; i < last; i++)
            if (layer->entries[i]->links > last - first)
                hinder(layer->entries[i], "it is a hard link to a file outside the layer", 0);
    }
}

/* Of a place that the session made for itself there is something to tell only where a program has
 * put something into it. Each entry comes before those in it. */
static void pass_over_places(struct files_layer *layer)
{
    for (size_t i = layer->count; i-- > 0;) {
        struct files_entry *entry = layer->entries[i];

        if (entry->place && entry->change == FILES_ADDED && entry->hindrance == NULL)
            entry->noise = true;
        if (!entry->noise && entry->change != FILES_SAME && entry->parent != NULL)
            entry->parent->place = false;
    }
}

int files_layer_read(struct files_layer *layer, struct pwk_error *error)
{
    struct reading top = {layer, NULL};
    int rc = list_folder(layer->upper, &top, add_from_layer);

    for (size_t i = 0; rc == 0 && i < layer->count; i++)
        rc = read_folder(layer, layer->entries[i]);
    if (rc < 0)
        return pwk_error_set(error, rc, "the kernel's layer of files cannot be read: %s",
                             strerror(-rc));
    if (layer->count > 0) {
        find_foreign_links(layer);
        qsort(layer->entries, layer->count, sizeof(struct files_entry *), by_path);
        pass_over_places(layer);
    }
    return 0;
}
