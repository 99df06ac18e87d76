/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key_access.h - which rights a caller may have of a key ("Registry Key Security and Access
 * Rights", "How AccessCheck Works", "NtAccessCheck", "ZwCreateKey").
 *
 * A key that was given a descriptor is looked at when it is opened; of all others everything is
 * granted, as Wine's user is an administrator of the kernel's own registry. Keys on the way to one
 * need no rights: SeChangeNotifyPrivilege, which everybody has, makes up for them. Wine is asked:
 * no lock may be held.
 */
#ifndef PWK_NT_KEY_ACCESS_H
#define PWK_NT_KEY_ACCESS_H

#include "nt/security_descriptor.h"
#include "nt/services.h"
#include "registry/registry.h"

/* A key's own descriptor in memory that the caller frees; NULL where it has none. 0 or a negative
 * errno. */
int key_security_load(uint64_t key, unsigned char **descriptor, size_t *size);

/* What a handle of the key carries, of what is asked for; the refusal, if any, is recorded.
 * `options`: those of creating and opening. `found->created`: who made a key may do with it what
 * they asked for. */
ntstatus key_access_decide(const struct nt_call *call, const struct registry_found *found,
                           uint32_t desired, uint32_t options, uint32_t *granted);

/* The same by a descriptor that was loaded; NULL: none. */
ntstatus key_access_by(const struct nt_call *call, const unsigned char *descriptor, size_t size,
                       uint32_t desired, uint32_t *granted);

#endif
