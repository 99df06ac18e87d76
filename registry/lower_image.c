/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lower_image.c - see lower_image.h. wineserver escapes what stands in a path or a value, so that
 * a bracket at the start of a line always opens a section.
 */
#include "registry/lower_image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char head[] = "WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\n";
static const char version[] = "WINE REGISTRY Version 2";
static const char relative[] = "\n;; All keys relative to ";
static const char separator[] = "\\\\";

#define SEPARATOR_SIZE (sizeof separator - 1)

static int append(struct lower_text *text, const char *data, size_t size)
{
    if (size > text->capacity - text->size) {
        size_t capacity = (text->size + size) * 2 + 256;
        char *grown = realloc(text->data, capacity);
        if (!grown)
            return -ENOMEM;
        text->data = grown;
        text->capacity = capacity;
    }
    memcpy(text->data + text->size, data, size);
    text->size += size;
    return 0;
}

/* ---- cutting a text ---- */

static bool skip(const char **at, const char *end, const char *word, size_t size)
{
    if ((size_t)(end - *at) < size || strncasecmp(*at, word, size))
        return false;
    *at += size;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n');
}

/* The next line that starts with a bracket, maybe behind blanks; `end` where there is none. */
static const char *next_section(const char *at, const char *end)
{
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        while (at < end && is_blank(*at))
            at++;
        if (at < end && *at == '[')
            return at;
    }
    return end;
}

/* A text that was cut off within a line would show half a value. */
static bool ends_with_a_line(const char *text, const char *end)
{
    while (end > text && is_blank(end[-1]))
        end--;
    return end > text && end[-1] == '\n';
}

/* True where a text may stand within the brackets of a section. */
static bool is_part_of_path(const char *at, const char *end)
{
    for (; at < end && *at != ']'; at++)
        if (*at == '\\' && ++at == end)
            return false;
    return at == end;
}

/* What the text's keys are relative to, without the top key; -EINVAL: no text of Wine's. */
static int find_base(const char *text, const char *end, const char **base, size_t *size)
{
    const char *at = text, *stop;

    if (!text || !skip(&at, end, version, sizeof version - 1) || !ends_with_a_line(at, end))
        return -EINVAL;
    at = memmem(at, (size_t)(next_section(at, end) - at), relative, sizeof relative - 1);
    if (!at)
        return -EINVAL;
    at += sizeof relative - 1;
    stop = memchr(at, '\n', (size_t)(end - at));
    while (stop > at && stop[-1] == '\r')
        stop--;
    skip(&at, stop, separator, SEPARATOR_SIZE);
    if (skip(&at, stop, "Registry", 8) && at != stop && !skip(&at, stop, separator, SEPARATOR_SIZE))
        return -EINVAL;
    if (!is_part_of_path(at, stop))
        return -EINVAL;
    *base = at;
    *size = (size_t)(stop - at);
    return 0;
}

static int add_path(struct lower_image *image, const char *text, size_t size)
{
    /* Even an empty path has a place: a set knows a free slot by its NULL. */
    if (!image->paths || size > image->paths_capacity - image->paths_size) {
        size_t capacity = (image->paths_size + size) * 2 + 4096;
        char *grown = realloc(image->paths, capacity);
        if (!grown)
            return -ENOMEM;
        image->paths = grown;
        image->paths_capacity = capacity;
    }
    memcpy(image->paths + image->paths_size, text, size);
    image->paths_size += size;
    return 0;
}

static struct lower_section *add_section(struct lower_image *image)
{
    if (image->count == image->capacity) {
        size_t capacity = image->capacity * 2 + 1024;
        struct lower_section *grown = realloc(image->sections, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        image->sections = grown;
        image->capacity = capacity;
    }
    memset(&image->sections[image->count], 0, sizeof *image->sections);
    return &image->sections[image->count++];
}

/* The bracket that closes a path; NULL where the line ends before. */
static const char *close_path(const char *at, const char *end)
{
    for (; at < end && *at != '\n'; at++) {
        if (*at == ']')
            return at;
        if (*at == '\\' && (++at == end || *at == '\n'))
            return NULL;
    }
    return NULL;
}

int lower_image_add(struct lower_image *image, const char *text, size_t size)
{
    const char *end = text + size, *base = NULL;
    size_t base_size = 0;
    int result = find_base(text, end, &base, &base_size);

    for (const char *at = next_section(text, end); result == 0 && at < end;) {
        const char *path = at + 1, *close = close_path(path, end);
        struct lower_section *section = close ? add_section(image) : NULL;

        if (!section)
            return close ? -ENOMEM : -EINVAL;
        section->path = image->paths_size;
        result = add_path(image, base, base_size);
        if (result == 0 && base_size && close > path)
            result = add_path(image, separator, SEPARATOR_SIZE);
        if (result == 0)
            result = add_path(image, path, (size_t)(close - path));
        section->path_size = (uint32_t)(image->paths_size - section->path);
        section->body = close + 1;
        at = next_section(close, end);
        section->body_size = (size_t)(at - section->body);
        /* Blank lines between sections are nobody's. */
        while (section->body_size && section->body[section->body_size - 1] == '\n')
            section->body_size--;
    }
    return result;
}

void lower_image_finish(struct lower_image *image)
{
    free(image->sections);
    free(image->paths);
    memset(image, 0, sizeof *image);
}

/* ---- a set of paths ---- */

struct path_set {
    struct slot {
        const char *path; /* NULL: free */
        uint32_t size;
        uint32_t number; /* of the section + 1; 0: an ancestor that has none */
    } * slots;
    size_t mask, used;
};

static uint64_t hash_path(const char *path, size_t size)
{
    uint64_t hash = size * UINT64_C(0x9e3779b97f4a7c15), word;

    for (; size >= sizeof word; size -= sizeof word, path += sizeof word) {
        memcpy(&word, path, sizeof word);
        hash = (hash ^ word) * UINT64_C(0xd6e8feb86659fd93);
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, path, size);
    hash = (hash ^ word) * UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

static struct slot *find_slot(const struct path_set *set, const char *path, size_t size)
{
    size_t at = hash_path(path, size) & set->mask;

    while (set->slots[at].path &&
           (set->slots[at].size != size || memcmp(set->slots[at].path, path, size)))
        at = (at + 1) & set->mask;
    return &set->slots[at];
}

static int set_init(struct path_set *set, size_t entries)
{
    size_t slots = 64;

    while (slots < entries * 2)
        slots *= 2;
    set->slots = calloc(slots, sizeof *set->slots);
    set->mask = slots - 1;
    set->used = 0;
    return set->slots ? 0 : -ENOMEM;
}

static int set_grow(struct path_set *set)
{
    struct path_set larger;
    int result = set_init(&larger, (set->mask + 1) * 2);

    if (result < 0)
        return result;
    for (size_t i = 0; i <= set->mask; i++)
        if (set->slots[i].path)
            *find_slot(&larger, set->slots[i].path, set->slots[i].size) = set->slots[i];
    larger.used = set->used;
    free(set->slots);
    *set = larger;
    return 0;
}

/* 1: it was not in the set. A later section of the same path takes the place of the earlier. */
static int set_add(struct path_set *set, const char *path, size_t size, uint32_t number)
{
    struct slot *slot = find_slot(set, path, size);

    if (slot->path) {
        slot->number = number ? number : slot->number;
        return 0;
    }
    *slot = (struct slot){path, (uint32_t)size, number};
    return ++set->used * 2 > set->mask && set_grow(set) < 0 ? -ENOMEM : 1;
}

static int set_of_sections(struct path_set *set, const struct lower_image *image)
{
    int result = set_init(set, image->count);

    for (size_t i = 0; result >= 0 && i < image->count; i++)
        result = set_add(set, image->paths + image->sections[i].path, image->sections[i].path_size,
                         (uint32_t)i + 1);
    return result < 0 ? result : 0;
}

/* The size of the path of a key's parent; 0: it is at the top. */
static size_t parent_size(const char *path, size_t size)
{
    size_t last = 0;

    for (size_t at = 0; at + 1 < size; at++) {
        if (path[at] != '\\')
            continue;
        if (path[at + 1] == '\\')
            last = at;
        at++;
    }
    return last;
}

/* All keys above those in the set, up to the first that is known already. */
static int add_ancestors(struct path_set *set, const struct lower_image *image)
{
    int result = 0;

    for (size_t i = 0; result >= 0 && i < image->count; i++) {
        const char *path = image->paths + image->sections[i].path;
        size_t size = image->sections[i].path_size;
        do {
            size = parent_size(path, size);
            result = size ? set_add(set, path, size, 0) : 0;
        } while (result > 0);
    }
    return result < 0 ? result : 0;
}

/* ---- comparing ---- */

struct comparison {
    const struct lower_image *before, *now;
    struct path_set then, present, reported;
    struct lower_text *changed, *gone;
};

static int write_section(struct lower_text *text, const char *path, size_t size, const char *body,
                         size_t body_size)
{
    int result = text->size ? 0 : append(text, head, sizeof head - 1);

    if (result == 0)
        result = append(text, "\n[", 2);
    if (result == 0)
        result = append(text, path, size);
    if (result == 0)
        result = append(text, "]", 1);
    if (result == 0)
        result = append(text, body, body_size);
    return result ? result : append(text, "\n", 1);
}

static int find_changed(struct comparison *comparison)
{
    const struct lower_image *before = comparison->before, *now = comparison->now;
    int result = 0;

    for (size_t i = 0; result == 0 && i < now->count; i++) {
        const struct lower_section *section = &now->sections[i];
        const char *path = now->paths + section->path;
        const struct slot *slot = find_slot(&comparison->then, path, section->path_size);
        const struct lower_section *old = slot->path ? &before->sections[slot->number - 1] : NULL;

        if (find_slot(&comparison->present, path, section->path_size)->number != i + 1)
            continue;
        if (!old || old->body_size != section->body_size ||
            memcmp(old->body, section->body, section->body_size))
            result = write_section(comparison->changed, path, section->path_size, section->body,
                                   section->body_size);
    }
    return result;
}

/* A section that is no longer there, and the keys above it that stood on it alone. */
static int report_missing(struct comparison *comparison, const char *path, size_t size)
{
    bool own = true;
    int result = 0;

    if (!size) /* the top key never goes */
        return write_section(comparison->changed, path, 0, "", 0);
    for (; result == 0 && size; size = parent_size(path, size), own = false) {
        if (find_slot(&comparison->present, path, size)->path)
            return own ? write_section(comparison->changed, path, size, "", 0) : 0;
        result = set_add(&comparison->reported, path, size, 0);
        if (result <= 0)
            return result;
        result = write_section(comparison->gone, path, size, "", 0);
    }
    return result;
}

static int find_gone(struct comparison *comparison)
{
    const struct lower_image *before = comparison->before;
    bool ready = false;
    int result = 0;

    for (size_t i = 0; result == 0 && i < before->count; i++) {
        const char *path = before->paths + before->sections[i].path;
        size_t size = before->sections[i].path_size;

        if (!ready && find_slot(&comparison->present, path, size)->path)
            continue;
        if (!ready)
            result = add_ancestors(&comparison->present, comparison->now);
        ready = true;
        if (result == 0 && !(find_slot(&comparison->present, path, size)->path &&
                             find_slot(&comparison->present, path, size)->number))
            result = report_missing(comparison, path, size);
    }
    return result;
}

int lower_image_compare(const struct lower_image *before, const struct lower_image *now,
                        struct lower_text *changed, struct lower_text *gone)
{
    struct comparison comparison = {.before = before, .now = now, .changed = changed, .gone = gone};
    int result = set_of_sections(&comparison.then, before);

    if (result == 0)
        result = set_of_sections(&comparison.present, now);
    if (result == 0)
        result = set_init(&comparison.reported, 64);
    if (result == 0)
        result = find_changed(&comparison);
    if (result == 0)
        result = find_gone(&comparison);
    free(comparison.then.slots);
    free(comparison.present.slots);
    free(comparison.reported.slots);
    return result;
}

int lower_image_text(const struct lower_image *image, struct lower_text *out)
{
    int result = append(out, head, sizeof head - 1);

    for (size_t i = 0; result == 0 && i < image->count; i++)
        result =
            write_section(out, image->paths + image->sections[i].path, image->sections[i].path_size,
                          image->sections[i].body, image->sections[i].body_size);
    return result;
}
