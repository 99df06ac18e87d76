/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_compare.c - what differs between a file of the layer and the prefix's of the same path.
 */
#include "launcher/files_layer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launcher/files_open.h"

#define BLOCK ((size_t)128 * 1024)

struct pair {
    int before, after;
};

/* 0, or a negative errno; `*bytes` is less than BLOCK only at the end. */
static int read_block(int fd, char *block, size_t *bytes)
{
    *bytes = 0;
    while (*bytes < BLOCK) {
        ssize_t size = read(fd, block + *bytes, BLOCK - *bytes);

        if (size < 0 && errno != EINTR)
            return -errno;
        if (size == 0)
            break;
        if (size > 0)
            *bytes += (size_t)size;
    }
    return 0;
}

/* 1 where they differ, 0 where not, or a negative errno. */
static int contents_differ(const struct pair *pair)
{
    char *blocks = malloc(2 * BLOCK);
    size_t before = BLOCK, after;
    int rc = blocks == NULL ? -ENOMEM : 0;

    while (rc == 0 && before == BLOCK) {
        rc = read_block(pair->before, blocks, &before);
        if (rc == 0)
            rc = read_block(pair->after, blocks + BLOCK, &after);
        if (rc == 0)
            rc = before != after || memcmp(blocks, blocks + BLOCK, before) != 0;
    }
    free(blocks);
    return rc;
}

/* ---- extended attributes ---- */

struct names {
    char text[XATTR_LIST_MAX];
    ssize_t size;
};

static int read_names(int fd, struct names *names)
{
    names->size = flistxattr(fd, names->text, sizeof(names->text));
    if (names->size < 0 && errno == ENOTSUP)
        names->size = 0;
    return names->size < 0 ? -errno : 0;
}

static size_t count_attributes(const struct names *names)
{
    size_t count = 0;

    for (const char *name = names->text; name < names->text + names->size; name += strlen(name) + 1)
        count += files_is_attribute(name);
    return count;
}

/* As contents_differ, of one attribute. `values` has room for two. */
static int attribute_differs(const struct pair *pair, const char *name, char *values)
{
    ssize_t before = fgetxattr(pair->before, name, values, XATTR_SIZE_MAX);
    ssize_t after = fgetxattr(pair->after, name, values + XATTR_SIZE_MAX, XATTR_SIZE_MAX);

    if (after < 0)
        return -errno;
    return before != after || memcmp(values, values + XATTR_SIZE_MAX, (size_t)after) != 0;
}

static int attributes_differ(const struct pair *pair)
{
    struct names *names = malloc(2 * sizeof(*names));
    char *values = malloc((size_t)2 * XATTR_SIZE_MAX);
    int rc = names == NULL || values == NULL ? -ENOMEM : read_names(pair->before, &names[0]);

    if (rc == 0)
        rc = read_names(pair->after, &names[1]);
    if (rc == 0)
        rc = count_attributes(&names[0]) != count_attributes(&names[1]);
    for (const char *name = names[1].text; rc == 0 && name < names[1].text + names[1].size;
         name += strlen(name) + 1)
        if (files_is_attribute(name))
            rc = attribute_differs(pair, name, values);
    free(names);
    free(values);
    return rc;
}

/* ---- files, folders and links ---- */

static int open_pair(const struct files_layer *layer, const struct files_entry *entry,
                     struct pair *pair)
{
    int flags = entry->after.kind == FILES_FOLDER ? O_RDONLY | O_DIRECTORY
                                                  : O_RDONLY | O_NONBLOCK | O_NOCTTY;

    *pair = (struct pair){-1, files_open(layer->upper, entry->path, flags)};
    if (pair->after < 0)
        return pair->after;
    pair->before = files_open(layer->lower, entry->path, flags);
    return pair->before < 0 ? pair->before : 0;
}

static void close_pair(const struct pair *pair)
{
    if (pair->before >= 0)
        close(pair->before);
    if (pair->after >= 0)
        close(pair->after);
}

static int compare_files(struct files_entry *entry, const struct pair *pair)
{
    struct stat before, after;
    int rc;

    if (fstat(pair->before, &before) < 0 || fstat(pair->after, &after) < 0)
        return -errno;
    if (!S_ISREG(before.st_mode) || !S_ISREG(after.st_mode))
        return -ESTALE;
    rc = before.st_size != after.st_size ? 1 : contents_differ(pair);
    if (rc > 0)
        entry->what |= FILES_WHAT_CONTENT;
    else if (before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
             before.st_mtim.tv_nsec != after.st_mtim.tv_nsec)
        entry->what |= FILES_WHAT_TIMES;
    return rc < 0 ? rc : 0;
}

static int compare_open(const struct files_layer *layer, struct files_entry *entry)
{
    struct pair pair;
    int rc = open_pair(layer, entry, &pair);

    if (rc == 0 && entry->after.kind == FILES_FILE)
        rc = compare_files(entry, &pair);
    if (rc == 0 && entry->before.mode != entry->after.mode)
        entry->what |= FILES_WHAT_MODE;
    if (rc == 0) {
        rc = attributes_differ(&pair);
        if (rc > 0)
            entry->what |= FILES_WHAT_ATTRIBUTES;
    }
    close_pair(&pair);
    return rc < 0 ? rc : 0;
}

static ssize_t read_link(int root, const char *path, char text[PATH_MAX])
{
    int fd = files_open(root, path, O_PATH);
    ssize_t size = fd < 0 ? fd : readlinkat(fd, "", text, PATH_MAX);

    if (fd >= 0) {
        size = size < 0 ? -errno : size;
        close(fd);
    }
    return size;
}

static int compare_links(const struct files_layer *layer, struct files_entry *entry)
{
    char before[PATH_MAX], after[PATH_MAX];
    ssize_t before_size = read_link(layer->lower, entry->path, before);
    ssize_t after_size = read_link(layer->upper, entry->path, after);

    if (before_size < 0 || after_size < 0)
        return (int)(before_size < 0 ? before_size : after_size);
    if (before_size != after_size || memcmp(before, after, (size_t)after_size) != 0)
        entry->what |= FILES_WHAT_CONTENT;
    return 0;
}

void files_compare(const struct files_layer *layer, struct files_entry *entry)
{
    int rc = 0;

    if (entry->after.kind == FILES_NOTHING) {
        entry->change = entry->before.kind == FILES_NOTHING ? FILES_SAME : FILES_DELETED;
        return;
    }
    if (entry->before.kind == FILES_NOTHING) {
        entry->change = FILES_ADDED;
        return;
    }
    if (entry->before.kind != entry->after.kind)
        entry->what = FILES_WHAT_KIND;
    else if (entry->after.kind == FILES_LINK)
        rc = compare_links(layer, entry);
    else if (entry->after.kind == FILES_SPECIAL)
        entry->what = FILES_WHAT_CONTENT;
    else
        rc = compare_open(layer, entry);
    if (rc < 0 && entry->hindrance == NULL) {
        entry->hindrance = "it cannot be compared with the prefix's";
        entry->code = -rc;
    }
    entry->change = entry->what == 0 && rc == 0 ? FILES_SAME : FILES_CHANGED;
}
