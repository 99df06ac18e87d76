/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_wine_text.c - libFuzzer target: the parser of Wine's registry text, with a sink that reads
 * every byte it is given and holds the parser to the order that wine_text.h promises.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/wine_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct seen {
    size_t bases;
    size_t keys;
    volatile uint8_t sum; /* volatile: the reading must not be optimized away */
};

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void touch(struct seen *seen, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++)
        seen->sum ^= bytes[i];
}

static int see_base(void *context, const uint16_t *path, size_t units)
{
    struct seen *seen = context;

    require(seen->bases++ == 0 && seen->keys == 0);
    touch(seen, path, units * sizeof(*path));
    return 0;
}

static int see_key(void *context, const uint16_t *path, size_t units, uint64_t last_write,
                   const uint16_t *class_name, size_t class_units, bool link)
{
    struct seen *seen = context;

    (void)last_write, (void)link;
    require(seen->bases == 1);
    require(class_name || class_units == 0);
    seen->keys++;
    touch(seen, path, units * sizeof(*path));
    touch(seen, class_name, class_units * sizeof(*class_name));
    return 0;
}

static int see_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                     const void *data, size_t size)
{
    struct seen *seen = context;

    (void)type;
    require(seen->keys > 0);
    touch(seen, name, units * sizeof(*name));
    touch(seen, data, size);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct seen seen = {0};
    const struct wine_text_sink sink = {&seen, see_base, see_key, see_value};
    struct wine_text_error error;
    int result = wine_text_parse((const char *)bytes, size, &sink, &error);

    require(error.line >= 1 && memchr(error.text, 0, sizeof(error.text)));
    require((result == 0) == (error.text[0] == '\0'));
    require(result || seen.bases == 1);
    return 0;
}
