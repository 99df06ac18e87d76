/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stub_numbers.c - see stub_numbers.h. Format: "PE Format" (Microsoft).
 */
#include "wine/stub_numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SECTIONS 96 /* what Windows loads at most */

struct section {
    uint32_t start, size; /* in memory */
    uint32_t offset;      /* in the file */
};

struct image {
    const unsigned char *bytes;
    size_t size;
    struct section sections[MAX_SECTIONS];
    uint16_t section_count;
    const struct section *last; /* found: the next address is most often in the same one */
};

static bool get(const struct image *image, uint64_t offset, void *out, size_t size)
{
    if (offset > image->size || size > image->size - offset)
        return false;
    memcpy(out, image->bytes + offset, size);
    return true;
}

static uint32_t get32(const struct image *image, uint64_t offset)
{
    uint32_t value = 0;
    get(image, offset, &value, sizeof value);
    return value;
}

static uint16_t get16(const struct image *image, uint64_t offset)
{
    uint16_t value = 0;
    get(image, offset, &value, sizeof value);
    return value;
}

static bool holds(const struct section *section, uint32_t address)
{
    return address >= section->start && address - section->start < section->size;
}

/* The file offset of a relative virtual address; beyond the file where it is in no section. */
static uint64_t file_offset(struct image *image, uint32_t address)
{
    for (unsigned i = 0; i < image->section_count && !holds(image->last, address); i++)
        image->last = &image->sections[i];
    return holds(image->last, address)
               ? (uint64_t)image->last->offset + (address - image->last->start)
               : image->size;
}

static void read_sections(struct image *image, uint64_t table)
{
    for (unsigned i = 0; i < image->section_count; i++, table += 40)
        image->sections[i] = (struct section){get32(image, table + 12), get32(image, table + 16),
                                              get32(image, table + 20)};
    image->last = image->sections;
}

static bool read_stub(struct image *image, uint32_t address, uint32_t *number)
{
    static const unsigned char start[] = {0x4c, 0x8b, 0xd1, 0xb8};
    unsigned char code[8];

    if (!get(image, file_offset(image, address), code, sizeof code) ||
        memcmp(code, start, sizeof start))
        return false;
    memcpy(number, code + 4, sizeof *number);
    return true;
}

/* Names are sorted in the file; only those of services are kept. */
static void read_exports(struct image *image, uint32_t directory, struct pwk_stub_numbers *out)
{
    uint64_t exports = file_offset(image, directory);
    uint32_t functions = get32(image, exports + 20), names = get32(image, exports + 24);
    uint64_t function_table = file_offset(image, get32(image, exports + 28));
    uint64_t name_table = file_offset(image, get32(image, exports + 32));
    uint64_t ordinal_table = file_offset(image, get32(image, exports + 36));

    if (name_table > image->size || names > (image->size - name_table) / 4)
        return;
    for (uint32_t i = 0; i < names && out->count < PWK_MAX_STUBS; i++) {
        struct pwk_stub *stub = &out->stubs[out->count];
        uint64_t at = file_offset(image, get32(image, name_table + i * 4ull));
        uint16_t ordinal = get16(image, ordinal_table + i * 2ull);
        size_t room = at < image->size ? image->size - at : 0;

        if (room > sizeof stub->name)
            room = sizeof stub->name;
        if (room < 3 || memcmp(image->bytes + at, "Nt", 2) || ordinal >= functions ||
            !memchr(image->bytes + at, 0, room))
            continue;
        memcpy(stub->name, image->bytes + at, strlen((const char *)image->bytes + at) + 1);
        stub->address = get32(image, function_table + ordinal * 4ull);
        if (read_stub(image, stub->address, &stub->number))
            out->count++;
    }
}

static bool read_image(struct image *image, struct pwk_stub_numbers *out)
{
    uint32_t header = get32(image, 0x3c);

    if (get16(image, 0) != 0x5a4d || get32(image, header) != 0x4550 ||
        get16(image, header + 4ull) != 0x8664 || get16(image, header + 24ull) != 0x20b)
        return false;
    image->section_count = get16(image, header + 6ull);
    if (image->section_count > MAX_SECTIONS)
        return false;
    read_sections(image, header + 24ull + get16(image, header + 20ull));
    read_exports(image, get32(image, header + 24ull + 112), out);
    return out->count != 0;
}

int pwk_stub_numbers_read(const char *ntdll_dll, struct pwk_stub_numbers *out,
                          struct pwk_error *error)
{
    struct image image = {0};
    struct stat status;
    void *memory = MAP_FAILED;
    int fd = open(ntdll_dll, O_RDONLY | O_CLOEXEC);
    bool understood;

    out->count = 0;
    if (fd < 0)
        return pwk_error_set(error, -errno, "%s: %s; install Wine anew", ntdll_dll,
                             strerror(errno));
    if (fstat(fd, &status) == 0 && status.st_size > 0)
        memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (memory == MAP_FAILED)
        return pwk_error_set(error, -EINVAL, "%s: cannot be read; install Wine anew", ntdll_dll);
    image.bytes = memory;
    image.size = (size_t)status.st_size;
    understood = read_image(&image, out);
    munmap(memory, image.size);
    if (!understood)
        return pwk_error_set(error, -EINVAL,
                             "%s: no service stubs of a kind that pwk knows; use Wine 8.0 or "
                             "10.0",
                             ntdll_dll);
    return 0;
}

const struct pwk_stub *pwk_stub_find(const struct pwk_stub_numbers *numbers, const char *name)
{
    size_t low = 0, high = numbers->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, numbers->stubs[middle].name);
        if (order == 0)
            return &numbers->stubs[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
