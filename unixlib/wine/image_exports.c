/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * image_exports.c - see image_exports.h. The layout is that of "PE Format", ".edata Section": an
 * export whose address lies within the export data is the name of another DLL's export. So the new
 * list brings the old forwarders with it; the names of the others stay where they are.
 *
 * Everything in an image may be hostile: each number is read once, and checked against the size of
 * what is mapped.
 */
#include "wine/image_exports.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "nt/personality.h"
#include "sandbox/process_memory.h"

#define HEADERS 1024 /* bytes that are read to learn what an image is */
#define MARK_AT 0x40 /* of Wine's own DLLs, behind the DOS header */
#define OLD_LIST_MAX (1u << 20)
#define FORWARD "pwk.pwk_" /* and the function's name */
#define FORWARD_LENGTH (sizeof FORWARD - 1)
#define GRANULARITY 0x10000ull
#define TRIES 256
#define PAGE_READONLY 0x02
#define PAGE_READWRITE 0x04

static const char wine_mark[] = "Wine builtin DLL";

/* By name, in the order of strcmp. */
static const struct addition {
    const char *module;
    const char *functions[9];
} additions[] = {
    {"advapi32.dll",
     {"RegCreateKeyTransactedA", "RegCreateKeyTransactedW", "RegDeleteKeyTransactedA",
      "RegDeleteKeyTransactedW", "RegLoadAppKeyA", "RegLoadAppKeyW", "RegOpenKeyTransactedA",
      "RegOpenKeyTransactedW"}},
    {"kernelbase.dll", {"RegLoadAppKeyA", "RegLoadAppKeyW"}},
    {"ktmw32.dll",
     {"CommitTransaction", "CommitTransactionAsync", "CreateTransaction", "GetTransactionId",
      "GetTransactionInformation", "OpenTransaction", "RollbackTransaction",
      "RollbackTransactionAsync"}},
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

/* True for an image of Wine's own with a list of exports. Data that is no image may be mapped in a
 * way that cannot be read: so the system is asked to copy it. */
static bool read_headers(struct image *image)
{
    unsigned char bytes[HEADERS];
    uint32_t pe;

    if (pwk_process_read(getpid(), (uint64_t)image->base, bytes, sizeof bytes) != 0 ||
        memcmp(bytes, "MZ", 2) || memcmp(bytes + MARK_AT, wine_mark, sizeof wine_mark - 1))
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

/* ---- the new list ---- */

struct list {
    unsigned char *at;
    uint64_t base; /* of the image */
    size_t size;   /* room, and how much of it is used */
    size_t used;
    struct export_directory directory;
};

static uint32_t rva(const struct list *list, size_t offset)
{
    return (uint32_t)((uint64_t)list->at + offset - list->base);
}

/* Where `size` bytes were put; 0: no room. */
static uint32_t append(struct list *list, const void *bytes, size_t size)
{
    size_t offset = list->used;

    if (size > list->size - list->used)
        return 0;
    memcpy(list->at + offset, bytes, size);
    list->used += size;
    return rva(list, offset);
}

static size_t count_of(const struct addition *addition)
{
    size_t count = 0;

    while (addition->functions[count])
        count++;
    return count;
}

static size_t size_needed(const struct image *image, const struct addition *addition)
{
    const struct export_directory *directory = &image->directory;
    size_t count = count_of(addition), size = sizeof *directory;

    size += 4 * (directory->function_count + count) + 6 * (directory->name_count + count);
    for (size_t i = 0; i < count; i++)
        size += FORWARD_LENGTH + strlen(addition->functions[i]) + 1;
    for (uint32_t i = 0; i < directory->function_count; i++)
        size += string_size(image, word_at(image->base, directory->functions + 4 * i));
    return size;
}

/* The functions as they were, forwarders brought along, with `count` empty places behind. */
static void copy_functions(struct list *list, const struct image *image, size_t count)
{
    uint32_t *functions = (uint32_t *)(list->at + list->used);
    const struct export_directory *directory = &image->directory;

    list->directory.functions = rva(list, list->used);
    list->directory.function_count = directory->function_count + (uint32_t)count;
    list->used += 4 * list->directory.function_count;
    list->directory.names = rva(list, list->used);
    list->used += 4 * (directory->name_count + count);
    list->directory.ordinals = rva(list, list->used);
    list->used += 2 * (directory->name_count + count);
    for (uint32_t i = 0; i < directory->function_count; i++) {
        uint32_t function = word_at(image->base, directory->functions + 4 * i);
        size_t size = string_size(image, function);

        functions[i] = size ? append(list, image->base + function, size) : function;
    }
}

/* What comes next in the order of both lists: < 0 the image's name, > 0 the addition, 0 both. */
static int compare(const struct image *image, uint32_t name, const char *function)
{
    if (!function || !string_size(image, name))
        return -1;
    return strcmp((const char *)image->base + name, function);
}

/* The forwarder of a function; its end is the function's name. */
static uint32_t append_forwarder(struct list *list, const char *function)
{
    uint32_t at = append(list, FORWARD, FORWARD_LENGTH);

    append(list, function, strlen(function) + 1);
    return at;
}

/* A name that the image has already gets the new function. */
static void merge_names(struct list *list, const struct image *image,
                        const struct addition *addition)
{
    const struct export_directory *old = &image->directory;
    uint32_t *functions = (uint32_t *)(list->base + list->directory.functions);
    uint32_t *names = (uint32_t *)(list->base + list->directory.names);
    uint16_t *ordinals = (uint16_t *)(list->base + list->directory.ordinals);
    uint32_t out = 0, place = old->function_count;
    const char *const *next = addition->functions;

    for (uint32_t i = 0; i < old->name_count || *next; out++) {
        uint32_t name = i < old->name_count ? word_at(image->base, old->names + 4 * i) : 0, forward;
        int order = i < old->name_count ? compare(image, name, *next) : 1;
        uint16_t ordinal = (uint16_t)place;

        if (order <= 0)
            memcpy(&ordinal, image->base + old->ordinals + 2 * i++, sizeof ordinal);
        if (order >= 0) {
            forward = append_forwarder(list, *next++);
            name = forward + FORWARD_LENGTH;
            if (ordinal < list->directory.function_count)
                functions[ordinal] = forward;
            place += order > 0;
        }
        names[out] = name;
        ordinals[out] = ordinal;
    }
    list->directory.name_count = out;
}

static void fill(struct list *list, const struct image *image, const struct addition *addition)
{
    list->directory = image->directory;
    list->used = sizeof list->directory;
    copy_functions(list, image, count_of(addition));
    merge_names(list, image, addition);
    memcpy(list->at, &list->directory, sizeof list->directory);
}

/* ---- memory ---- */

/* Memory behind the image, near enough for the format's offsets of 32 bits. */
static bool allocate(struct list *list, const struct image *image)
{
    uint64_t at = ((uint64_t)image->base + image->size + GRANULARITY - 1) & ~(GRANULARITY - 1);
    uint64_t step = GRANULARITY;

    for (int i = 0; i < TRIES && at - list->base < 0x70000000; i++) {
        uint64_t place = at, size = list->size;

        if (nt_host_call("NtAllocateVirtualMemory", 6, NT_CURRENT_PROCESS, (uint64_t)&place, 0,
                         (uint64_t)&size, MEM_COMMIT | MEM_RESERVE,
                         PAGE_READWRITE) == STATUS_SUCCESS) {
            list->at = (unsigned char *)place;
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

/* The headers are the last to change: a thread that is ended before leaves the image as it was. */
static void point_headers_at(const struct list *list, const struct image *image)
{
    uint32_t entry[2] = {rva(list, 0), (uint32_t)list->size};
    uint32_t before = protect(image->base + image->entry, sizeof entry, PAGE_READWRITE);

    if (!before)
        return;
    memcpy(image->base + image->entry, entry, sizeof entry);
    protect(image->base + image->entry, sizeof entry, before);
}

/* ---- what is mapped again at the same place, where the list made for it still stands ---- */

static struct {
    _Atomic uint64_t base, list;
} kept[ADDITIONS];

static unsigned char *find_kept(const struct image *image, const struct addition *addition)
{
    size_t i = (size_t)(addition - additions);
    uint64_t list = kept[i].base == (uint64_t)image->base ? kept[i].list : 0;
    struct export_directory directory;

    if (!list || pwk_process_read(getpid(), list, &directory, sizeof directory) != 0 ||
        directory.time != image->directory.time || directory.name != image->directory.name)
        return NULL;
    return (unsigned char *)list;
}

static void keep(const struct list *list, const struct addition *addition)
{
    size_t i = (size_t)(addition - additions);

    kept[i].base = 0;
    kept[i].list = (uint64_t)list->at;
    kept[i].base = list->base;
}

void pwk_image_exports_add(uint64_t base, uint64_t size)
{
    struct image image = {(unsigned char *)base, size > UINT32_MAX ? UINT32_MAX : (uint32_t)size};
    struct list list = {.base = base};
    const struct addition *addition;

    if (size < HEADERS || !read_headers(&image))
        return;
    memcpy(&image.directory, image.base + image.list, sizeof image.directory);
    addition = find_addition(&image);
    if (!addition || !lists_are_within(&image))
        return;
    list.size = size_needed(&image, addition);
    list.at = find_kept(&image, addition);
    if (!list.at) {
        if (!allocate(&list, &image))
            return;
        fill(&list, &image, addition);
        protect(list.at, list.size, PAGE_READONLY);
        keep(&list, addition);
    }
    point_headers_at(&list, &image);
}
