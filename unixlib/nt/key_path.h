/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_path.h - whose key a program means: ours, or one that lives in wineserver.
 */
#ifndef PWK_NT_KEY_PATH_H
#define PWK_NT_KEY_PATH_H

#include <stdbool.h>

#include "nt/copy.h"
#include "nt/services.h"
#include "registry/registry.h"

/* An object name, copied in, and from where in our registry it is to be followed. */
struct key_target {
    uint64_t from;
    uint32_t attributes;
    const uint16_t *path; /* into `name` */
    size_t units;
    const void *security_descriptor; /* the program's; NULL: none */
    struct nt_name name;
};

enum key_owner { KEY_OURS, KEY_WINE, KEY_BAD };

/* Reads OBJECT_ATTRIBUTES. KEY_WINE: the call is to be passed on as it is. KEY_BAD: `status`. */
enum key_owner key_target_read(const struct object_attributes *attributes,
                               struct key_target *target, ntstatus *status);

/* True for \\Registry\\A and what is below it: no path leads there, only the handles of those who
 * loaded an application hive. */
bool key_target_is_app_hive(const struct key_target *target);

/* The name of an application hive that is to be loaded, within the target; false where the target
 * is none. */
bool key_target_app_hive_name(const struct key_target *target, const uint16_t **name,
                              size_t *units);

/* The full path of a key of wineserver's, in front of what target->path names below it; false
 * where the handle is no key's. Wine is asked. */
bool key_of_wine_path(nt_handle handle, struct key_target *target);

/* What a handle is opened by. */
struct key_opening {
    struct registry_found found;
    uint32_t access;     /* as it was asked for */
    uint32_t options;    /* of creating or opening */
    uint32_t attributes; /* OBJ_... */
};

/* Opens a handle for a key, with the rights that the caller may have of it (key_access.h). Wine may
 * be asked: no lock may be held. */
ntstatus key_open_handle(const struct nt_call *call, const struct key_opening *opening,
                         nt_handle *out);

/* The same for a key that was not looked up. */
ntstatus key_open_handle_of(const struct nt_call *call, uint64_t key, uint32_t access,
                            uint32_t attributes, nt_handle *out);

/* The specific rights that a desired access asks for. */
uint32_t key_access_granted(uint32_t desired);

/* The key of a handle that must carry all of `access`. False: `status` is the answer. A handle
 * that is not ours must have been passed on before. */
bool key_of_handle(const struct nt_call *call, uint32_t access, uint64_t *key, ntstatus *status);

/* STATUS_SUCCESS where the key is there, STATUS_KEY_DELETED where it no longer is. */
ntstatus key_check(uint64_t key);

/* The answer for an error of the registry; the person is told where the store itself failed. */
ntstatus key_status(int error);

#endif
