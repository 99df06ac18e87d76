/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regf_format.h - the records of a hive file, as they lie on disk: private to the regf files.
 *
 * A base block of 4096 bytes, then bins of a multiple of 4096 bytes, full of cells. Each cell
 * begins with its size, negative where it is in use; every offset is that of a cell, counted from
 * the first bin. All numbers are little-endian.
 */
#ifndef PWK_REGISTRY_REGF_FORMAT_H
#define PWK_REGISTRY_REGF_FORMAT_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the regf files take the disk's byte order for the host's"
#endif

#define REGF_BLOCK 4096u /* the base block; the unit of bins */
#define REGF_CELL_ALIGN 8u
#define REGF_NONE UINT32_MAX      /* an offset that leads nowhere */
#define REGF_MAX_BINS 0x7ffff000u /* bytes: the top bit of an offset means volatile keys */

struct regf_base {
    char signature[4]; /* regf */
    uint32_t primary_sequence;
    uint32_t secondary_sequence;
    uint64_t last_written;
    uint32_t major;
    uint32_t minor;
    uint32_t type;   /* 0: a hive, no log */
    uint32_t format; /* 1 */
    uint32_t root;
    uint32_t bins_size;
    uint32_t clustering;
    uint16_t file_name[32];
    unsigned char reserved[396];
    uint32_t checksum;
} __attribute__((packed, aligned(4)));
static_assert(sizeof(struct regf_base) == 512, "base block");

struct regf_bin {
    char signature[4]; /* hbin */
    uint32_t offset;
    uint32_t size;
    uint32_t reserved[2];
    uint64_t last_written; /* in the first bin */
    uint32_t spare;
} __attribute__((packed, aligned(4)));
static_assert(sizeof(struct regf_bin) == 32, "bin");

#define REGF_KEY_ROOT 0x04u
#define REGF_KEY_NO_DELETE 0x08u
#define REGF_KEY_LINK 0x10u
#define REGF_KEY_LATIN1 0x20u
#define REGF_KEY_PREDEFINED 0x40u

/* Since 1.6: what the key is in a layer above another hive; 0 in a hive of its own. */
#define REGF_LAYER_MASK 0x0300u

struct regf_nk {
    char signature[2]; /* nk */
    uint16_t flags;
    uint64_t last_write;
    uint32_t access; /* the layer among other things */
    uint32_t parent;
    uint32_t subkey_count;
    uint32_t volatile_count;
    uint32_t subkeys;
    uint32_t volatile_subkeys;
    uint32_t value_count; /* the handle in a predefined key */
    uint32_t values;
    uint32_t security;
    uint32_t class_name;
    uint32_t max_subkey_name; /* bytes as UTF-16, as is max_value_name; flags from bit 16 on */
    uint32_t max_subkey_class;
    uint32_t max_value_name;
    uint32_t max_value_data;
    uint32_t unused;
    uint16_t name_size;
    uint16_t class_size;
} __attribute__((packed, aligned(4))); /* then the name */
static_assert(sizeof(struct regf_nk) == 76, "key");

#define REGF_VALUE_LATIN1 1u
#define REGF_VALUE_TOMBSTONE 2u
#define REGF_INLINE 0x80000000u /* in vk.size: the data are in vk.data itself */

struct regf_vk {
    char signature[2]; /* vk */
    uint16_t name_size;
    uint32_t size;
    uint32_t data;
    uint32_t type;
    uint16_t flags;
    uint16_t spare;
} __attribute__((packed, aligned(4))); /* then the name */
static_assert(sizeof(struct regf_vk) == 20, "value");

/* lf, lh: offsets of keys, each with a hint or hash of its name; li: offsets of keys; ri: offsets
 * of such lists. */
struct regf_list {
    char signature[2];
    uint16_t count;
};

struct regf_list_entry {
    uint32_t key;
    uint32_t hash;
};

struct regf_sk {
    char signature[2]; /* sk */
    uint16_t reserved;
    uint32_t next; /* all descriptors form a ring */
    uint32_t previous;
    uint32_t references;
    uint32_t size;
}; /* then the descriptor */
static_assert(sizeof(struct regf_sk) == 20, "descriptor");

#define REGF_SEGMENT 16344u /* bytes of data in each segment but the last */

/* Data above REGF_SEGMENT bytes, from version 1.4 on. */
struct regf_db {
    char signature[2]; /* db */
    uint16_t count;
    uint32_t segments; /* a cell full of offsets */
};
static_assert(sizeof(struct regf_db) == 8, "big data");

static inline uint32_t regf_checksum(const struct regf_base *base)
{
    uint32_t words[sizeof(*base) / sizeof(uint32_t)];
    uint32_t sum = 0;

    memcpy(words, base, sizeof(words));
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]) - 1; i++)
        sum ^= words[i];
    if (sum == UINT32_MAX)
        return sum - 1;
    return sum ? sum : 1;
}

#endif
