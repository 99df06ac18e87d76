/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hive_files.h - keys to hive files and back: saving a branch, loading one below a key and taking
 * it out again, restoring one in place.
 *
 * Written are regf hives (regf.h); read are these and the text that stock Wine saves
 * (wine_text.h). Images are whole files in memory. Errors are those of registry.h, and -EINVAL
 * with a line where an image is no hive.
 */
#ifndef PWK_REGISTRY_HIVE_FILES_H
#define PWK_REGISTRY_HIVE_FILES_H

#include "registry/registry.h"

/* Versions of hives, as regf_write_version takes them: what Windows 2000 reads, and the newest. */
#define REGISTRY_HIVE_STANDARD 3u
#define REGISTRY_HIVE_LATEST 5u

/* An image of `key` and all below it that is not volatile, as it is at one moment. The caller
 * frees it. */
int registry_save_hive(registry_t *registry, uint64_t key, uint32_t version, void **image,
                       size_t *size, struct registry_error *error);

/* An image of two branches laid over each other at one moment: of what both have, that of `high`
 * is taken. Nothing is changed. */
int registry_save_merged(registry_t *registry, uint64_t high, uint64_t low, void **image,
                         size_t *size, struct registry_error *error);

/* 0 where an image is a hive that registry_load_hive would take. */
int registry_check_hive(const void *image, size_t size, struct registry_error *error);

/* Makes a key from an image (an empty key from one of no bytes); -EEXIST where there is one.
 * `file`, the Unix path of the hive, is kept with it for the day it is unloaded. */
int registry_load_hive(registry_t *registry, uint64_t parent, const uint16_t *name, size_t units,
                       const char *file, const void *image, size_t size, uint64_t *key,
                       struct registry_error *error);

/* The file that a key was loaded from; -ENOENT where it was not. `path`: PATH_MAX bytes. */
int registry_hive_file(registry_t *registry, uint64_t key, char *path);

/* From now on the key's hive belongs to that file. */
int registry_set_hive_file(registry_t *registry, uint64_t key, const char *path);

/* Removes a loaded key with all below it. */
int registry_unload_hive(registry_t *registry, uint64_t key);

/* Puts the values and subkeys of an image in the place of the key's own. */
int registry_restore_hive(registry_t *registry, uint64_t key, const void *image, size_t size,
                          struct registry_error *error);

#endif
