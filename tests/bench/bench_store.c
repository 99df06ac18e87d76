/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench_store.c - a native program that times large stores through registry.h: how long one takes
 * to open, to read values by name and by index, and to set some, for a small store, one of 1000
 * keys with 1000 values each, and one with all its values in one key. "NAME NANOSECONDS" a line,
 * the best of five.
 *
 *   bench_store FOLDER [VALUES]   in FOLDER, which is empty; VALUES in all (default 1000000)
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "registry/registry.h"

enum { BATCHES = 5, SMALL_VALUES = 10, SUBJECTS = 256, PASSES = 40 };

struct shape {
    const char *name;
    unsigned long keys, values; /* of each key */
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static _Noreturn void stop(const char *what, const char *why)
{
    fprintf(stderr, "bench_store: %s: %s\n", what, why);
    exit(1);
}

static size_t wide(uint16_t text[64], const char *ascii)
{
    size_t units = 0;

    for (; ascii[units]; units++)
        text[units] = (unsigned char)ascii[units];
    return units;
}

/* A store of that shape in a folder of its own, made as a kernel's is: out of a prefix's text. */
static void make_store(const char *folder, const struct shape *shape)
{
    const struct registry_options options = {.create = true};
    struct registry_error error;
    registry_t *registry;
    char path[4200];
    FILE *file;
    int fd;

    if (mkdir(folder, 0700))
        stop(folder, "cannot be made");
    snprintf(path, sizeof(path), "%s/text", folder);
    file = fopen(path, "w");
    if (!file)
        stop(path, "cannot be written");
    fputs("WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\Machine\n\n", file);
    for (unsigned long i = 0; i < shape->keys; i++) {
        fprintf(file, "[Key %lu] 1700000000\n", i);
        for (unsigned long j = 0; j < shape->values; j++)
            fprintf(file, "\"Value %lu\"=dword:%08lx\n", j, j);
        fputs("\n", file);
    }
    if (fclose(file))
        stop(path, "cannot be written");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || registry_open(folder, &options, &registry, &error) ||
        registry_import_wine_text(registry, &fd, 1, NULL, NULL, &error))
        stop(path, "cannot be imported");
    registry_close(registry);
    close(fd);
    unlink(path);
}

static void query(registry_t *registry, uint64_t key, unsigned long number)
{
    struct registry_value_info info;
    uint32_t data;
    const struct registry_buffer buffer = {&data, sizeof(data)};
    uint16_t text[64];
    char name[32];

    snprintf(name, sizeof(name), "Value %lu", number);
    if (registry_query_value(registry, key, text, wide(text, name), &info, &buffer) ||
        data != number)
        stop(name, "has another value than was written");
}

static uint64_t open_key(registry_t *registry, unsigned long number)
{
    uint16_t text[64];
    char path[64];
    uint64_t key;

    snprintf(path, sizeof(path), "Machine\\Key %lu", number);
    if (registry_lookup(registry, REGISTRY_ROOT_KEY, text, wide(text, path), 0, &key, NULL))
        stop(path, "is not there");
    return key;
}

/* Opening, and the first value. */
static double time_open(const char *folder, const struct shape *shape)
{
    const struct registry_options options = {0};
    struct registry_error error;
    double best = 0;

    for (int i = 0; i < BATCHES; i++) {
        registry_t *registry;
        double begin = now(), time;

        if (registry_open(folder, &options, &registry, &error))
            stop(folder, error.text);
        time = now() - begin;
        query(registry, open_key(registry, shape->keys / 2), shape->values / 2);
        registry_close(registry);
        if (i == 0 || time < best)
            best = time;
    }
    return best;
}

/* Values by name, the same ones again and again: SUBJECTS of them, over up to 16 keys. */
static double time_reads(const char *folder, const struct shape *shape)
{
    const unsigned long keys = shape->keys < 16 ? shape->keys : 16;
    const struct registry_options options = {0};
    struct registry_error error;
    registry_t *registry;
    uint64_t ids[16];
    double best = 0;

    if (registry_open(folder, &options, &registry, &error))
        stop(folder, error.text);
    for (unsigned long i = 0; i < keys; i++)
        ids[i] = open_key(registry, i * (shape->keys / keys));
    for (int i = 0; i <= BATCHES; i++) {
        double begin = now(), time;

        for (int pass = 0; pass < PASSES; pass++)
            for (unsigned long j = 0; j < SUBJECTS; j++)
                query(registry, ids[j % keys], j * 7919 % shape->values);
        time = (now() - begin) / PASSES / SUBJECTS;
        /* The first one fills the cache. */
        if (i == 1 || (i > 1 && time < best))
            best = time;
    }
    registry_close(registry);
    return best;
}

/* Values by their index, from the first on: up to a thousand in a row, from one place to the next.
 */
static double time_enumeration(const char *folder, const struct shape *shape)
{
    const struct registry_options options = {0};
    const unsigned long row = shape->values < 1000 ? shape->values : 1000;
    struct registry_error error;
    registry_t *registry;
    double best = 0;
    uint64_t key;

    if (registry_open(folder, &options, &registry, &error))
        stop(folder, error.text);
    key = open_key(registry, 0);
    for (int i = 0; i <= BATCHES; i++) {
        double begin = now(), time;

        for (int pass = 0; pass < PASSES; pass++)
            for (unsigned long j = 0; j < row; j++) {
                const unsigned long index = (pass * row + j) % shape->values;
                struct registry_value_info info;
                uint32_t data;
                const struct registry_buffer buffer = {&data, sizeof(data)};

                if (registry_enumerate_value(registry, key, (uint32_t)index, &info, NULL,
                                             &buffer) ||
                    data != index)
                    stop("enumeration", "gives another value than was written");
            }
        time = (now() - begin) / PASSES / (double)row;
        if (i == 1 || (i > 1 && time < best))
            best = time;
    }
    registry_close(registry);
    return best;
}

/* The same few values set again and again, always to other data. */
static double time_sets(const char *folder)
{
    const struct registry_options options = {0};
    struct registry_error error;
    registry_t *registry;
    uint32_t data = 0;
    double best = 0;
    uint64_t key;

    if (registry_open(folder, &options, &registry, &error))
        stop(folder, error.text);
    key = open_key(registry, 0);
    for (int i = 0; i <= BATCHES; i++) {
        double begin = now(), time;

        for (int j = 0; j < 2000; j++) {
            uint16_t text[64];
            char name[32];

            snprintf(name, sizeof(name), "Value %d", j % SMALL_VALUES);
            data++;
            if (registry_set_value(registry, key, text, wide(text, name), 4, &data, sizeof(data)))
                stop(name, "cannot be set");
        }
        time = (now() - begin) / 2000;
        if (i == 1 || (i > 1 && time < best))
            best = time;
    }
    registry_close(registry);
    return best;
}

int main(int argc, char **argv)
{
    const unsigned long values = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
    const struct shape shapes[] = {
        {"small", 10, SMALL_VALUES},
        {"1000-keys", 1000, values / 1000},
        {"one-key", 1, values},
    };

    if (argc < 2 || values < 1000) {
        fprintf(stderr, "bench_store: FOLDER and, where wanted, VALUES of 1000 or more\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        char folder[4096];

        snprintf(folder, sizeof(folder), "%s/%s", argv[1], shapes[i].name);
        make_store(folder, &shapes[i]);
        printf("%s-open %.1f\n", shapes[i].name, time_open(folder, &shapes[i]));
        fflush(stdout);
        printf("%s-read %.1f\n", shapes[i].name, time_reads(folder, &shapes[i]));
        fflush(stdout);
        printf("%s-enumerate %.1f\n", shapes[i].name, time_enumeration(folder, &shapes[i]));
        fflush(stdout);
        printf("%s-set %.1f\n", shapes[i].name, time_sets(folder));
        fflush(stdout);
    }
    return 0;
}
