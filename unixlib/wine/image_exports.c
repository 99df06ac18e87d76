/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * image_exports.c - see image_exports.h. The layout is that of "PE Format", ".edata Section": an
 * export whose address lies within the export data is the name of another DLL's export.
 *
 * Everything in an image may be hostile: each number is read once, and checked against the size of
 * what is mapped.
 */
#include "wine/image_exports.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nt/personality.h"

#define HEADERS 1024 /* bytes that tell what an image is; in its first page */
#define MARK_AT 0x40 /* of Wine's own DLLs, behind the DOS header */
#define OLD_LIST_MAX (1u << 20)
#define FORWARD "pwk.pwk_" /* and the function's name */
#define FORWARD_LENGTH (sizeof FORWARD - 1)
#define GRANULARITY 0x10000ull
#define TRIES 256
#define PAGE_READONLY 0x02
#define PAGE_READWRITE 0x04

static const char wine_mark[] = "Wine builtin DLL";

#define FUNCTIONS 14

/* By name, in the order of strcmp. */
static const struct addition {
    const char *module;
    bool missing_only; /* what the module has is as good */
    const char *functions[FUNCTIONS + 1];
} additions[] = {
    {"advapi32.dll",
     false,
     {"RegCreateKeyTransactedA", "RegCreateKeyTransactedW", "RegDeleteKeyTransactedA",
      "RegDeleteKeyTransactedW", "RegLoadAppKeyA", "RegLoadAppKeyW", "RegOpenKeyTransactedA",
      "RegOpenKeyTransactedW"}},
    {"kernelbase.dll", false, {"RegLoadAppKeyA", "RegLoadAppKeyW"}},
    {"ktmw32.dll",
     false,
     {"CommitTransaction", "CommitTransactionAsync", "CreateTransaction", "GetTransactionId",
      "GetTransactionInformation", "OpenTransaction", "RollbackTransaction",
      "RollbackTransactionAsync"}},
    {"ntdll.dll",
     true,
     {"NtCommitTransaction", "NtCompactKeys", "NtCompressKey", "NtCreateTransaction",
      "NtLockRegistryKey", "NtOpenTransaction", "NtQueryInformationTransaction",
      "NtQueryOpenSubKeys", "NtQueryOpenSubKeysEx", "NtRollbackTransaction", "NtSaveKeyEx",
      "NtSaveMergedKeys", "NtUnloadKey2", "NtUnloadKeyEx"}},
};
#define ADDITIONS (sizeof additions / sizeof additions[0])

/* "Export Directory Table" */
struct export_directory {
    uint32_t flags;
    uint32_t time;
    uint32_t version;
    uint32_t name;
    uint32_t ordinal_base;
    uint32_t function_count;
    uint32_t name_count;
    uint32_t functions;
    uint32_t names;
    uint32_t ordinals;
};
_Static_assert(sizeof(struct export_directory) == 40, "the directory's size is in the format");

struct image {
    unsigned char *base;
    uint32_t size;
    uint32_t entry; /* where the headers say where the list is: two words */
    uint32_t list;  /* the list, and its size */
    uint32_t list_size;
    struct export_directory directory;
};

/* ---- reading ---- */

static uint32_t word_at(const unsigned char *bytes, size_t at)
{
    uint32_t word;

    memcpy(&word, bytes + at, sizeof word);
    return word;
}

static bool within(const struct image *image, uint64_t at, uint64_t size)
{
    return at >= image->list && at + size <= (uint64_t)image->list + image->list_size;
}

/* Whether the page can be read, at the price of one call that does nothing: the system copies the
 * set before it finds that it is not asked to do anything with it (rt_sigprocmask(2)). Images are
 * mapped by the dozen at every start. */
static bool is_readable(const void *page)
{
    return syscall(SYS_rt_sigprocmask, -1, page, NULL, 8) < 0 && errno == EINVAL;
}

/* True for an image of Wine's own with a list of exports. Data that is no image may be mapped in a
 * way that cannot be read. */
static bool read_headers(struct image *image)
{
    unsigned char bytes[HEADERS];
    uint32_t pe;

    if (!is_readable(image->base) || memcmp(image->base, "MZ", 2))
        return false;
    memcpy(bytes, image->base, sizeof bytes);
    if (memcmp(bytes + MARK_AT, wine_mark, sizeof wine_mark - 1))
        return false;
    pe = word_at(bytes, 0x3c);
    if (pe > HEADERS - 144 || memcmp(bytes + pe, "PE\0\0\x64\x86", 6) ||
        (word_at(bytes, pe + 24) & 0xffff) != 0x20b || word_at(bytes, pe + 132) < 1)
        return false;
    if (word_at(bytes, pe + 80) < image->size)
        image->size = word_at(bytes, pe + 80);
    image->entry = pe + 136;
    image->list = word_at(bytes, image->entry);
    image->list_size = word_at(bytes, image->entry + 4);
    return image->list >= HEADERS && image->list_size >= sizeof image->directory &&
           image->list_size <= OLD_LIST_MAX &&
           (uint64_t)image->list + image->list_size <= image->size;
}

static const struct addition *find_addition(const struct image *image)
{
    const char *name = (const char *)image->base + image->directory.name;

    if (!within(image, image->directory.name, 16))
        return NULL;
    for (size_t i = 0; i < ADDITIONS; i++)
        if (strncasecmp(name, additions[i].module, 16) == 0)
            return &additions[i];
    return NULL;
}

static bool lists_are_within(const struct image *image)
{
    const struct export_directory *directory = &image->directory;

    return directory->function_count <= 0xffff && directory->name_count <= 0xffff &&
           within(image, directory->functions, directory->function_count * 4) &&
           within(image, directory->names, directory->name_count * 4) &&
           within(image, directory->ordinals, directory->name_count * 2);
}

/* The bytes of a string of the list with its end; 0 where it has none. */
static size_t string_size(const struct image *image, uint32_t at)
{
    const char *text = (const char *)image->base + at;
    size_t room, length;

    if (!within(image, at, 1))
        return 0;
    room = image->list + image->list_size - at;
    length = strnlen(text, room);
    return length < room ? length + 1 : 0;
}

/* ---- what the list becomes ---- */

/* The list itself stays where it is and is made longer, in the headers, up to the end of a block
 * behind the image: so forwarders, old and new, are within it. Where all names are there already
 * the block has the forwarders alone, and the functions' places in the image lead to them; else it
 * has the list's three arrays anew, too. */
struct block {
    unsigned char *at;
    uint64_t base; /* of the image */
    size_t size;
};

struct change {
    const struct addition *addition;
    uint32_t count;
    uint32_t missing;
    const char *names[FUNCTIONS];
    uint32_t places[FUNCTIONS];  /* where a name stands, or is to stand, among the old ones */
    uint32_t forward[FUNCTIONS]; /* where its forwarder begins in the block */
    bool there[FUNCTIONS];
    size_t strings; /* bytes of all forwarders */
};

/* Everything that is exported stands before the list's old end: what comes behind is free to be
 * taken for forwarders. */
static bool is_last(const struct image *image)
{
    const struct export_directory *directory = &image->directory;
    uint32_t highest = 0;

    for (uint32_t i = 0; i < directory->function_count; i++) {
        uint32_t function = word_at(image->base, directory->functions + 4 * i);

        highest = function > highest ? function : highest;
    }
    return highest < image->list + image->list_size;
}

/* The place of a name, or where it belongs. */
static bool find_name(const struct image *image, const char *name, uint32_t *place)
{
    uint32_t from = 0, to = image->directory.name_count;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        uint32_t at = word_at(image->base, image->directory.names + 4 * middle);
        int order = string_size(image, at) ? strcmp(name, (const char *)image->base + at) : -1;

        if (order == 0) {
            *place = middle;
            return true;
        }
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    *place = from;
    return false;
}

/* False where there is nothing to change, or another thread is changing the names: what is found in
 * them one after the other need not be in order then. */
static bool plan_change(const struct image *image, const struct addition *addition,
                        struct change *change)
{
    *change = (struct change){.addition = addition};
    for (const char *const *name = addition->functions; *name; name++) {
        uint32_t i = change->count;

        change->there[i] = find_name(image, *name, &change->places[i]);
        if (change->there[i] && addition->missing_only)
            continue;
        if (i > 0 && change->places[i] < change->places[i - 1])
            return false;
        change->names[i] = *name;
        change->missing += !change->there[i];
        change->forward[i] = (uint32_t)change->strings;
        change->strings += FORWARD_LENGTH + strlen(*name) + 1;
        change->count++;
    }
    change->strings = (change->strings + 3) & ~(size_t)3;
    return change->count > 0;
}

static size_t block_size(const struct image *image, const struct change *change)
{
    const struct export_directory *directory = &image->directory;

    return change->strings + (change->missing ? 4 * (directory->function_count + change->missing) +
                                                    6 * (directory->name_count + change->missing)
                                              : 0);
}

static uint32_t rva(const struct block *block, size_t offset)
{
    return (uint32_t)((uint64_t)block->at + offset - block->base);
}

static void put_strings(const struct block *block, const struct change *change)
{
    for (uint32_t i = 0; i < change->count; i++) {
        char *at = (char *)block->at + change->forward[i];

        memcpy(at, FORWARD, FORWARD_LENGTH);
        strcpy(at + FORWARD_LENGTH, change->names[i]);
    }
}

/* The ordinal of a name that is there. */
static uint32_t ordinal_at(const struct image *image, uint32_t place)
{
    uint16_t ordinal;

    memcpy(&ordinal, image->base + image->directory.ordinals + 2 * place, sizeof ordinal);
    return ordinal;
}

/* Names and ordinals with the missing ones in their places, which grow; new functions are the last.
 */
static void put_names(const struct block *block, const struct image *image,
                      const struct change *change, uint32_t *functions, uint32_t *names,
                      uint16_t *ordinals)
{
    const struct export_directory *old = &image->directory;
    uint32_t from = 0, out = 0, added = 0;

    for (uint32_t i = 0; i <= change->count; i++) {
        uint32_t to = i < change->count ? change->places[i] : old->name_count;

        memcpy(names + out, image->base + old->names + 4 * from, 4 * (to - from));
        memcpy(ordinals + out, image->base + old->ordinals + 2 * from, 2 * (to - from));
        out += to - from;
        from = to;
        if (i == change->count)
            break;
        if (change->there[i]) {
            uint32_t ordinal = ordinal_at(image, to);

            if (ordinal < old->function_count)
                functions[ordinal] = rva(block, change->forward[i]);
            continue;
        }
        functions[old->function_count + added] = rva(block, change->forward[i]);
        names[out] = rva(block, change->forward[i] + FORWARD_LENGTH);
        ordinals[out++] = (uint16_t)(old->function_count + added++);
    }
}

static void fill_block(const struct block *block, const struct image *image,
                       const struct change *change)
{
    const struct export_directory *old = &image->directory;
    uint32_t *functions = (uint32_t *)(block->at + change->strings);
    uint32_t *names = functions + old->function_count + change->missing;
    uint16_t *ordinals = (uint16_t *)(names + old->name_count + change->missing);

    put_strings(block, change);
    if (!change->missing)
        return;
    memcpy(functions, image->base + old->functions, 4 * old->function_count);
    put_names(block, image, change, functions, names, ordinals);
}

/* ---- memory ---- */

/* Memory behind the image, near enough for the format's offsets of 32 bits. */
static bool allocate(struct block *block, const struct image *image)
{
    uint64_t at = ((uint64_t)image->base + image->size + GRANULARITY - 1) & ~(GRANULARITY - 1);
    uint64_t step = GRANULARITY;

    for (int i = 0; i < TRIES && at - block->base < 0x70000000; i++) {
        uint64_t place = at, size = block->size;

        if (nt_host_call("NtAllocateVirtualMemory", 6, NT_CURRENT_PROCESS, (uint64_t)&place, 0,
                         (uint64_t)&size, MEM_COMMIT | MEM_RESERVE,
                         PAGE_READWRITE) == STATUS_SUCCESS) {
            block->at = (unsigned char *)place;
            return true;
        }
        if (i % 16 == 15)
            step *= 2;
        at += step;
    }
    return false;
}

static uint32_t protect(void *start, size_t size, uint32_t protection)
{
    uint64_t at = (uint64_t)start, length = size;
    uint32_t before = 0;

    return nt_host_call("NtProtectVirtualMemory", 5, NT_CURRENT_PROCESS, (uint64_t)&at,
                        (uint64_t)&length, protection, (uint64_t)&before) == STATUS_SUCCESS
               ? before
               : 0;
}

static bool overwrite(void *at, const void *bytes, size_t size)
{
    uint32_t before = protect(at, size, PAGE_READWRITE);

    if (!before)
        return false;
    memcpy(at, bytes, size);
    protect(at, size, before);
    return true;
}

/* The headers come first: a thread that is ended in between leaves a list that is longer and else
 * as it was. */
static void lead_to_block(const struct block *block, const struct image *image,
                          const struct change *change)
{
    uint32_t size = rva(block, block->size) - image->list;
    struct export_directory directory = image->directory;

    if (!overwrite(image->base + image->entry + 4, &size, sizeof size))
        return;
    if (change->missing) {
        directory.function_count += change->missing;
        directory.name_count += change->missing;
        directory.functions = rva(block, change->strings);
        directory.names = directory.functions + 4 * directory.function_count;
        directory.ordinals = directory.names + 4 * directory.name_count;
        overwrite(image->base + image->list, &directory, sizeof directory);
        return;
    }
    for (uint32_t i = 0; i < change->count; i++) {
        uint32_t ordinal = ordinal_at(image, change->places[i]);
        uint32_t forward = rva(block, change->forward[i]);

        if (ordinal < directory.function_count)
            overwrite(image->base + directory.functions + 4 * ordinal, &forward, sizeof forward);
    }
}

/* ---- what is mapped again at the same place, where the block made for it still stands ---- */

static struct {
    _Atomic uint64_t base, block;
    _Atomic uint32_t time;
} kept[ADDITIONS];

static unsigned char *find_kept(const struct image *image, const struct change *change)
{
    size_t i = (size_t)(change->addition - additions);
    uint64_t block = kept[i].base == (uint64_t)image->base ? kept[i].block : 0;

    if (!block || kept[i].time != image->directory.time || !is_readable((void *)block) ||
        memcmp((void *)block, FORWARD, FORWARD_LENGTH))
        return NULL;
    return (unsigned char *)block;
}

static void keep(const struct block *block, const struct image *image, const struct change *change)
{
    size_t i = (size_t)(change->addition - additions);

    kept[i].base = 0;
    kept[i].block = (uint64_t)block->at;
    kept[i].time = image->directory.time;
    kept[i].base = block->base;
}

void pwk_image_exports_add(uint64_t base, uint64_t size)
{
    struct image image = {(unsigned char *)base, size > UINT32_MAX ? UINT32_MAX : (uint32_t)size};
    struct block block = {.base = base};
    const struct addition *addition;
    struct change change;

    if (size < HEADERS || !read_headers(&image))
        return;
    memcpy(&image.directory, image.base + image.list, sizeof image.directory);
    addition = find_addition(&image);
    if (!addition || !lists_are_within(&image) || !is_last(&image))
        return;
    if (!plan_change(&image, addition, &change))
        return;
    block.size = block_size(&image, &change);
    block.at = find_kept(&image, &change);
    if (!block.at) {
        if (!allocate(&block, &image))
            return;
        fill_block(&block, &image, &change);
        protect(block.at, block.size, PAGE_READONLY);
        keep(&block, &image, &change);
    }
    lead_to_block(&block, &image, &change);
}
