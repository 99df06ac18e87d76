/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_creation.h - what the security descriptor of the parent and the one that the creator gave
 * mean for a key that is to be made.
 */
#ifndef PWK_NT_KEY_CREATION_H
#define PWK_NT_KEY_CREATION_H

#include "nt/security_descriptor.h"
#include "nt/services.h"
#include "registry/registry.h"

/* Memory of ours. All NULL and 0: nothing has been found out yet. */
struct key_descriptors {
    unsigned char *parent, *own;
    size_t parent_size, own_size;
};

/* Looks at the parent and makes the new key's descriptor; size 0: it gets none. `given` NULL: none
 * was given. `options`: of the creation. Refused where the parent's descriptor does not let the
 * caller make subkeys, or the one that was given is not to be had. Wine is asked. */
ntstatus key_descriptors_make(const struct nt_call *call, uint64_t parent,
                              const struct security_parts *given, uint32_t options,
                              struct key_descriptors *made);

void key_descriptors_free(struct key_descriptors *made);

#endif
