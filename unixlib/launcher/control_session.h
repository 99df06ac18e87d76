/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_session.h - what the subcommands of pwkctl registry share: a kernel's open registry, the
 * names of keys, and the walk over a key and all below it.
 *
 * Paths are UTF-16 below \Registry ("Machine\Software\..."); what people write and read begins with
 * a root (HKLM, HKEY_LOCAL_MACHINE, ...).
 */
#ifndef PWK_LAUNCHER_CONTROL_SESSION_H
#define PWK_LAUNCHER_CONTROL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "kernel/error.h"
#include "kernel/profile.h"
#include "launcher/control.h"
#include "registry/registry.h"

#define CONTROL_PATH_UNITS 2048

struct control_path {
    size_t units;
    uint16_t text[CONTROL_PATH_UNITS];
};

/* One command at work; starts all zero. */
struct control_session {
    registry_t *registry;
    struct pwk_profile profile; /* the kernel's */
    const char *key_name;       /* as typed, for error lines */
    struct control_path path;
    struct pwk_error error;
};

/* Opens the registry of kernel `name`, in a process that is to do nothing else (control_apart.h):
 * it is confined to the kernel's store first, and can open no second one. Ends with
 * control_session_close in any case. */
int control_session_open(struct control_session *session, const char *name, bool writes);
void control_session_close(struct control_session *session);

/* Sets the session's error from one of registry.h about its key (and `what`); returns `rc`. */
int control_session_fail(struct control_session *session, int rc, const char *what);
/* What such an error means, in words. */
const char *control_registry_reason(int rc);

/* True where `word` begins with a root. */
bool control_is_key(const char *word);
/* Sets the session's path and key_name. */
int control_session_set_path(struct control_session *session, const char *key);
/* The path of `key`, which begins with a root. -EINVAL where it does not, -ENAMETOOLONG.
 * `is_root` (may be NULL) tells that it is nothing but one. */
int control_key_path(const uint16_t *key, size_t units, struct control_path *path, bool *is_root);
/* The path that a text of Wine's is relative to: "REGISTRY\\Machine", "\\Machine", ...
 * (wine_text.h). -EINVAL where it is too long. */
int control_text_base(const uint16_t *path, size_t units, struct control_path *base);
/* The name of the key at `path`, with the long name of its root: HKEY_CURRENT_USER,
 * HKEY_LOCAL_MACHINE or HKEY_USERS. -ENAMETOOLONG. */
int control_key_name(const uint16_t *path, size_t units, struct control_path *name);

/* Opens the key, made with all keys on its way where missing. Errors as in registry.h. */
int control_create_key(registry_t *registry, const struct control_path *path, uint64_t *key);

/* True for what `profile` passes through to the session's registry, and for all below that. */
bool control_passed_through(const struct pwk_profile *profile, const uint16_t *path, size_t units);

struct control_subkeys {
    uint64_t *ids;
    size_t count, capacity;
};
/* The subkeys of `key` as they are at one moment: one that comes or goes moves the others to other
 * indexes, so the list is made anew then. Starts all zero; the caller frees `ids` in any case.
 * -EIDRM, -ENOMEM. */
int control_list_subkeys(registry_t *registry, uint64_t key, struct control_subkeys *list);

struct control_key {
    uint64_t id;
    unsigned depth;       /* 0: the first one */
    const uint16_t *path; /* below \Registry */
    size_t units;
    size_t name_units; /* the last of `path` */
    bool link;      /* told with its values, not followed (but where the session's path names it) */
    bool elsewhere; /* passed through: told without values and subkeys */
    bool is_volatile;
};

/* Each answers 0 to go on. */
struct control_visitor {
    void *context;
    unsigned depth; /* of the deepest keys that are told */
    int (*key)(void *context, const struct control_key *key);
    /* NULL: values are not read. `data` is aligned for any type. */
    int (*value)(void *context, const struct control_key *key, const uint16_t *name, size_t units,
                 uint32_t type, const void *data, size_t size);
};

/* The key at the session's path, which exists, with its values, then all below it in the same way.
 * An answer of the visitor is returned; errors of the registry are in the session's error. */
int control_session_walk(struct control_session *session, const struct control_visitor *visitor);

/* A line of progress on stderr, from one second on. */
struct control_progress {
    const char *what;
    struct timespec start;
    int shown; /* percent, or -1 */
};
void control_progress_start(struct control_progress *progress, const char *what);
void control_progress_show(struct control_progress *progress, double share);
void control_progress_end(struct control_progress *progress);

#endif
