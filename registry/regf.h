/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regf.h - Windows' own hive files ("regf" 1.3 to 1.6: what NtSaveKey writes and NtLoadKey
 * reads there): a reader that tells a sink, and a writer that asks a source.
 *
 * Works on whole images in memory and knows no registry. Keys and values have the same form on
 * both sides. Names are UTF-16 in host byte order, counted in units, never terminated; where a
 * text, data or a descriptor is empty, its pointer may be NULL.
 */
#ifndef PWK_REGISTRY_REGF_H
#define PWK_REGISTRY_REGF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct regf_key {
    const uint16_t *name;
    size_t name_units;
    const uint16_t *class_name;
    size_t class_units;
    uint64_t last_write; /* 100 ns since 1601, UTC */
    bool link;           /* a symbolic link */
    /* Not 0: the key stands for this handle (Perflib\009) and has no values of its own. */
    uint32_t predefined_handle;
    /* Self-relative, never looked into. In reading, equal pointers mean a shared descriptor. */
    const void *security;
    size_t security_size;
};

struct regf_value {
    const uint16_t *name; /* empty: the default value */
    size_t name_units;
    uint32_t type;
    const void *data;
    size_t size;
};

/* Levels of keys, the root among them; Windows takes no more either. */
#define REGF_MAX_DEPTH 512

struct regf_error {
    uint64_t offset; /* in the file; 0 where there is no place to name */
    char text[256];  /* the reason, without the place; empty when a sink or source ended it */
};

/* ---- reading ---- */

struct regf_hive {
    uint32_t minor; /* of version 1.minor */
    /* Windows did not finish its last write. Its logs (.LOG1, .LOG2) hold the newest state and
     * are not read: what is told is the state in this file, where that is whole. */
    bool dirty;
    uint64_t last_written;
};

/* What a callback is given lives until it returns. Each answers 0 to go on. Data of up to 4 bytes
 * and data put together from parts are aligned for any type, other data to 4 bytes as long as the
 * image is aligned to 8. */
struct regf_sink {
    void *context;
    /* Once, before the root key. */
    int (*hive)(void *context, const struct regf_hive *hive);
    /* A key, then its values, its subkeys in the same way, and leave: all in the file's order.
     * The first is the root, whose name says nothing. Names may be doubled, empty, too long for a
     * registry and hold any unit: to judge them is the sink's. */
    int (*enter)(void *context, const struct regf_key *key);
    int (*value)(void *context, const struct regf_value *value);
    int (*leave)(void *context);
};

/* Parses an image that does not change meanwhile. The first non-zero answer of the sink ends it
 * and is returned. -EINVAL, with place and reason, for what is no such hive, is damaged (also in
 * places that no key refers to) or uses one record twice, so that there is no loop and the work
 * is bounded by the size; -ENOMEM. Stricter than Windows, which mends and drops: an import that
 * lost a key would do so silently. `error` may be NULL. */
int regf_parse(const void *image, size_t size, const struct regf_sink *sink,
               struct regf_error *error);

/* ---- writing ---- */

/* Keys are named by numbers of the source's own. Each function answers 0 or a negative errno, and
 * what it hands out lives until the next call of any of them. */
struct regf_source {
    void *context;
    int (*key)(void *context, uint64_t key, struct regf_key *out);
    /* -ENODATA when `index` is past the last one. In any order; values keep theirs, subkeys are
     * sorted by upcased name. */
    int (*value)(void *context, uint64_t key, size_t index, struct regf_value *out);
    int (*subkey)(void *context, uint64_t key, size_t index, uint64_t *subkey);
};

/* Makes a hive of version 1.5 of `root` and everything below it; the caller frees `image`. The
 * same source gives the same bytes. A key without descriptor gets one that lets everybody read
 * and administrators and the system do everything; a root without name is called "Root".
 * -EINVAL for what no hive can hold (empty, doubled or too long names, data above 1 GiB, keys
 * deeper than REGF_MAX_DEPTH), -EFBIG above 2 GiB, -ENOMEM, or what the source answered. `error`
 * may be NULL. */
int regf_write(const struct regf_source *source, uint64_t root, void **image, size_t *size,
               struct regf_error *error);

/* The same in version 1.`minor`: 5, or 3, which Windows 2000 reads too (long data in one piece,
 * lists of subkeys without hashes). */
int regf_write_version(const struct regf_source *source, uint64_t root, uint32_t minor,
                       void **image, size_t *size, struct regf_error *error);

#endif
