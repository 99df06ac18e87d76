/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_lower_image.c - libFuzzer target: two texts of the lower layer, parted by a zero byte, are
 * cut into sections and compared. What the comparison tells, applied to the first, must give the
 * second; and an image written as one text must be read as the same image.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/lower_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool promise)
{
    if (!promise)
        abort();
}

static const char *path_of(const struct lower_image *image, size_t section)
{
    return image->paths + image->sections[section].path;
}

/* The last section of that path, or -1: it is the one that counts. */
static long find(const struct lower_image *image, const char *path, size_t size)
{
    for (size_t i = image->count; i-- > 0;)
        if (image->sections[i].path_size == size && !memcmp(path_of(image, i), path, size))
            return (long)i;
    return -1;
}

static bool same_body(const struct lower_section *a, const struct lower_section *b)
{
    return a->body_size == b->body_size && !memcmp(a->body, b->body, a->body_size);
}

/* Every section of `a` is in `b`, with the same body. */
static void require_within(const struct lower_image *a, const struct lower_image *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const char *path = path_of(a, i);
        long there = find(b, path, a->sections[i].path_size);
        require(there >= 0);
        if (find(a, path, a->sections[i].path_size) == (long)i)
            require(same_body(&a->sections[i], &b->sections[there]));
    }
}

/* Whether a path is that of `above` or of something below it. */
static bool is_within(const char *path, size_t size, const char *above, size_t above_size)
{
    if (size < above_size || memcmp(path, above, above_size))
        return false;
    return size == above_size || !above_size ||
           (size > above_size + 1 && path[above_size] == '\\' && path[above_size + 1] == '\\');
}

static bool any_within(const struct lower_image *image, const char *above, size_t above_size)
{
    for (size_t i = 0; i < image->count; i++)
        if (is_within(path_of(image, i), image->sections[i].path_size, above, above_size))
            return true;
    return false;
}

/* A key that led to this one and leads to nothing any more is told as gone. */
static void check_way(const char *path, size_t size, const struct lower_image *now,
                      const struct lower_image *gone)
{
    for (size_t at = 0; at + 1 < size; at++) {
        if (path[at] != '\\')
            continue;
        if (path[at + 1] == '\\' && at && !any_within(now, path, at))
            require(find(gone, path, at) >= 0);
        at++;
    }
}

static void read_back(const struct lower_text *text, struct lower_image *image)
{
    if (text->size)
        require(lower_image_add(image, text->data, text->size) == 0);
}

/* What is now is either as it was or told as changed; what was is there still, or told as gone,
 * or, where it still has subkeys, told as changed and empty. */
static void check(const struct lower_image *before, const struct lower_image *now,
                  const struct lower_image *changed, const struct lower_image *gone)
{
    for (size_t i = 0; i < now->count; i++) {
        size_t size = now->sections[i].path_size;
        const char *path = path_of(now, i);
        long old = find(before, path, size), told = find(changed, path, size);
        const struct lower_section *section = &now->sections[find(now, path, size)];
        require(told >= 0 ? same_body(&changed->sections[told], section)
                          : old >= 0 && same_body(&before->sections[old], section));
        for (size_t j = 0; j < gone->count; j++)
            require(!is_within(path, size, path_of(gone, j), gone->sections[j].path_size));
    }
    for (size_t i = 0; i < before->count; i++) {
        size_t size = before->sections[i].path_size;
        const char *path = path_of(before, i);
        long told = find(changed, path, size);
        check_way(path, size, now, gone);
        if (find(now, path, size) >= 0)
            continue;
        if (size && !any_within(now, path, size))
            require(find(gone, path, size) >= 0 && told < 0);
        else
            require(told >= 0 && changed->sections[told].body_size == 0);
    }
    for (size_t i = 0; i < changed->count; i++)
        require(find(now, path_of(changed, i), changed->sections[i].path_size) >= 0 ||
                find(before, path_of(changed, i), changed->sections[i].path_size) >= 0);
}

static void compare(const struct lower_image *before, const struct lower_image *now)
{
    struct lower_text changed = {0}, gone = {0}, whole = {0}, nothing[2] = {{0}};
    struct lower_image changed_image = {0}, gone_image = {0}, again = {0};

    require(lower_image_compare(before, now, &changed, &gone) == 0);
    read_back(&changed, &changed_image);
    read_back(&gone, &gone_image);
    check(before, now, &changed_image, &gone_image);
    require(lower_image_text(now, &whole) == 0);
    read_back(&whole, &again);
    require_within(now, &again);
    require_within(&again, now);
    require(lower_image_compare(&again, now, &nothing[0], &nothing[1]) == 0);
    require(!nothing[0].size && !nothing[1].size);
    lower_image_finish(&changed_image);
    lower_image_finish(&gone_image);
    lower_image_finish(&again);
    free(changed.data);
    free(gone.data);
    free(whole.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *parting = size ? memchr(bytes, 0, size) : NULL;
    size_t first = parting ? (size_t)(parting - bytes) : size;
    size_t second = parting ? size - first - 1 : 0;
    struct lower_image before = {0}, now = {0};
    char *texts[2] = {malloc(first ? first : 1), malloc(second ? second : 1)};

    /* Copies of the exact size, so that reading beyond an end is noticed. */
    require(texts[0] && texts[1]);
    if (first)
        memcpy(texts[0], bytes, first);
    if (second)
        memcpy(texts[1], parting + 1, second);
    if (lower_image_add(&before, texts[0], first) == 0 &&
        lower_image_add(&now, texts[1], second) == 0)
        compare(&before, &now);
    lower_image_finish(&before);
    lower_image_finish(&now);
    free(texts[0]);
    free(texts[1]);
    return 0;
}
