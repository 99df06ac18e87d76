/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry.h - the interface of the registry room: one kernel's whole NT registry, kept in an
 * SQLite hive store, read through a cache of key control blocks.
 *
 * Knows neither Wine nor NTSTATUS. Names are UTF-16 in host byte order, counted in units, never
 * terminated, compared without case by registry_upcase(). Functions return 0 or a negative errno:
 *
 *   -ENOENT   the key or value itself does not exist
 *   -ENOTDIR  a key on the way to it does not exist
 *   -EXDEV    the path leads into a part that the registry does not hold (a passthrough path)
 *   -EIDRM    the key has been deleted
 *   -ENODATA  an index is past the last entry
 *   -ENOTEMPTY the key still has subkeys
 *   -EEXIST   an entry of that name is there already
 *   -EACCES   the parent of a key to be made has another descriptor than was expected
 *   -ELOOP    symbolic links lead in a circle
 *   -ECANCELED the transaction that a key's id carries is over (transaction.h)
 *   -EBUSY    another transaction has changed it and has not ended
 *   -EOPNOTSUPP not inside a transaction
 *   -EINVAL   a name or length that no registry may hold
 *   -ECHILD   a lasting key may not stand below a volatile one
 *   -EROFS, -ENOSPC, -EIO, -EUCLEAN (damaged store), -ENOMEM, -ETIMEDOUT  as the store answers
 *
 * Threads: every function may be called from any thread. Functions marked "lock-free" hold
 * nothing while they copy to the caller's buffers, so that a fault or the end of the thread there
 * harms nobody. All others must be given memory that cannot fault (copy in first): they hold
 * locks and block all signals. No function may be used by a child of fork before exec.
 */
#ifndef PWK_REGISTRY_H
#define PWK_REGISTRY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct registry registry_t;

/* The top key, \Registry. */
#define REGISTRY_ROOT_KEY UINT64_C(1)

#define REGISTRY_MAX_KEY_NAME 256           /* units in one component */
#define REGISTRY_MAX_VALUE_NAME 16383       /* units */
#define REGISTRY_MAX_VALUE_SIZE (64u << 20) /* bytes of data */

/* One clear line for a person. */
struct registry_error {
    char text[512];
};

/* A value that is served in place of what the store holds (or hidden, with data == NULL).
 * Paths are full, `\Registry\...`; a component `*` stands for any single component. All memory
 * belongs to the caller and must live until the next registry_set_fixed_values or close. */
struct registry_fixed_value {
    const uint16_t *path;
    size_t path_units;
    const uint16_t *name;
    size_t name_units;
    uint32_t type;
    const void *data;
    size_t size;
};

struct registry_options {
    size_t cache_bytes; /* bound of the cache; 0: 8 MiB */
    bool create;        /* make the store where there is none */
    bool read_only;
    /* Full paths that live elsewhere: lookups that reach one answer -EXDEV. Copied. */
    const char *const *passthrough;
    size_t passthrough_count;
};

/* For a process that will open nothing outside of its stores' folders any more: what is needed of
 * the rest of the machine is looked at now, and from here on SQLite puts nothing into temporary
 * files. */
void registry_prepare_confined(void);

/* Opens the store in folder `directory` (registry.db and its companions). On failure `error` says
 * what, where and how to mend. A store that was not closed in order is checked first. */
int registry_open(const char *directory, const struct registry_options *options, registry_t **out,
                  struct registry_error *error);

/* Writes what is pending and closes; NULL is allowed. No other call may be under way. */
void registry_close(registry_t *registry);

/* For the end of a process whose other threads may still be at work: closes the store in order
 * and gives no memory back. Whoever needs the store afterwards waits for good. The calling
 * thread, which is about to end, is left with all signals blocked. */
void registry_abandon(registry_t *registry);

/* 1 while the snapshot of a prefix has not been imported yet, 0 after, or a negative errno. */
int registry_is_empty(registry_t *registry);

void registry_set_fixed_values(registry_t *registry, const struct registry_fixed_value *values,
                               size_t count);

/* ---- keys ---- */

#define REGISTRY_OPEN_LINK 1u /* the last component: the link itself, not its target */

/* Follows `path` (components between backslashes; doubled and trailing ones are skipped) from
 * key `from`. An empty path is `from` itself. Lock-free when warm. With -EXDEV, `rest` (where not
 * NULL) receives the full path, starting with `\REGISTRY`, of what was asked for.
 * `path` must not fault. */
#define REGISTRY_PATH_UNITS 2048
struct registry_path {
    size_t units;
    uint16_t text[REGISTRY_PATH_UNITS];
};
int registry_lookup(registry_t *registry, uint64_t from, const uint16_t *path, size_t units,
                    unsigned flags, uint64_t *key, struct registry_path *rest);

struct registry_found {
    uint64_t key;
    bool secured; /* it has a descriptor of its own */
    bool created;
};
/* The same, telling more of the key. */
int registry_find(registry_t *registry, uint64_t from, const uint16_t *path, size_t units,
                  unsigned flags, struct registry_found *found, struct registry_path *rest);

#define REGISTRY_VOLATILE 1u    /* gone when the kernel's last process has ended */
#define REGISTRY_CREATE_LINK 2u /* a symbolic link */

/* What programs may set of a key's flags (registry_set_flags): the registry keeps these bits and
 * gives them no meaning. */
#define REGISTRY_USER_FLAGS_SHIFT 8 /* 4 bits */
#define REGISTRY_CONTROL_FLAGS_SHIFT 12
#define REGISTRY_VIRTUAL_FLAGS_SHIFT 16
#define REGISTRY_SETTABLE_FLAGS 0xfff00u

/* Opens or creates `path` below `from`; all but the last component must exist (-ENOTDIR).
 * `created` tells which. Links on the way are followed; REGISTRY_OPEN_LINK as in lookup. */
int registry_create(registry_t *registry, uint64_t from, const uint16_t *path, size_t units,
                    unsigned lookup_flags, unsigned key_flags, const uint16_t *class_name,
                    size_t class_units, uint64_t *key, bool *created, struct registry_path *rest);

struct registry_creation {
    unsigned lookup_flags, key_flags; /* as above */
    const uint16_t *class_name;
    size_t class_units;
    /* The new key's own descriptor; size 0: none. Nobody sees the key without it. */
    const void *security;
    size_t security_size;
    /* What the parent's own must be; size 0: none. Else -EACCES, with the parent in found->key. */
    const void *parent_security;
    size_t parent_security_size;
    bool only_find; /* -EACCES in any case where the key would have to be made */
};
/* registry_create for callers to whom descriptors matter. The memory must not fault. */
int registry_find_or_create(registry_t *registry, uint64_t from, const uint16_t *path, size_t units,
                            const struct registry_creation *creation, struct registry_found *found,
                            struct registry_path *rest);

int registry_delete(registry_t *registry, uint64_t key);

/* Gives a key another last component; what is below it goes along. -EEXIST where the parent has a
 * subkey of that name (the key itself too); -EINVAL for a name that no key may have. */
int registry_rename(registry_t *registry, uint64_t key, const uint16_t *name, size_t units);

/* Sets the last-write time. */
int registry_set_last_write(registry_t *registry, uint64_t key, uint64_t last_write);

/* Puts `flags` in the place of those bits of REGISTRY_SETTABLE_FLAGS that `mask` names. */
int registry_set_flags(registry_t *registry, uint64_t key, uint32_t mask, uint32_t flags);

/* The key's own security descriptor (self-relative; the registry does not look into it, and keeps
 * nobody from a key by it): up to `capacity` bytes, its true size in *size. -ENODATA where it has
 * none of its own. */
int registry_get_security(registry_t *registry, uint64_t key, void *descriptor, size_t capacity,
                          size_t *size);
int registry_set_security(registry_t *registry, uint64_t key, const void *descriptor, size_t size);

struct registry_key_info {
    uint64_t parent;     /* 0: the top key */
    uint64_t last_write; /* 100 ns since 1601, UTC */
    uint32_t subkeys;
    uint32_t values;
    uint32_t max_subkey_name; /* bytes, as all below */
    uint32_t max_subkey_class;
    uint32_t max_value_name;
    uint32_t max_value_data;
    uint32_t name_bytes;
    uint32_t class_bytes;
    uint32_t flags; /* REGISTRY_VOLATILE, REGISTRY_CREATE_LINK, REGISTRY_SETTABLE_FLAGS */
    bool secured;   /* it has a descriptor of its own */
};

/* The buffers of the reading calls: filled up to `capacity` bytes; `info` has the true sizes. */
struct registry_buffer {
    void *data;
    size_t capacity;
};

/* Lock-free when warm. `name` and `class_name` may be NULL. Without `count` the fields
 * about subkeys are 0 and those about values may be out of date (a cold count walks over all). */
int registry_query_key(registry_t *registry, uint64_t key, bool count,
                       struct registry_key_info *info, const struct registry_buffer *name,
                       const struct registry_buffer *class_name);

/* The subkey at `index`, in the order of upcased names. Lock-free when warm. */
int registry_enumerate_key(registry_t *registry, uint64_t key, uint32_t index, uint64_t *subkey);

/* The full path of a key, `\REGISTRY\...`, as it was written at creation. */
int registry_key_path(registry_t *registry, uint64_t key, struct registry_path *path);

/* ---- values ---- */

struct registry_value_info {
    uint32_t type;
    uint32_t name_bytes;
    uint32_t data_bytes;
};

/* Lock-free when warm. `name` must not fault; `data` may be NULL. */
int registry_query_value(registry_t *registry, uint64_t key, const uint16_t *name,
                         size_t name_units, struct registry_value_info *info,
                         const struct registry_buffer *data);

#define REGISTRY_WARM_UNITS 32u
/* The shortest way to a value: answers only what stands in the cache and is up to date; false
 * (with `info` and `data` void) is no answer, and registry_query_value has it. `name`: up to
 * REGISTRY_WARM_UNITS ASCII units, four to a word, the last word filled up with 0. `data` may be
 * the caller's caller's memory and fault: nothing is held. Works in general registers alone, so
 * that a caller of the Microsoft convention has no vector registers to save. */
bool registry_query_warm_value(const registry_t *registry, uint64_t key, const uint64_t *name,
                               size_t name_units, struct registry_value_info *info, void *data,
                               size_t capacity);

/* The value at `index`, in the order in which values were first set. Lock-free when warm. */
int registry_enumerate_value(registry_t *registry, uint64_t key, uint32_t index,
                             struct registry_value_info *info, const struct registry_buffer *name,
                             const struct registry_buffer *data);

/* Returns when the value would survive kill -9 of every process. */
int registry_set_value(registry_t *registry, uint64_t key, const uint16_t *name, size_t name_units,
                       uint32_t type, const void *data, size_t size);

int registry_delete_value(registry_t *registry, uint64_t key, const uint16_t *name,
                          size_t name_units);

/* Puts what has been written on stable storage (fsync). */
int registry_flush(registry_t *registry);

/* ---- what changed ---- */

/* Kinds of changes, with the numbers of REG_NOTIFY_CHANGE_... where there is one. */
#define REGISTRY_CHANGED_NAME 1u       /* a subkey came, went or was renamed */
#define REGISTRY_CHANGED_ATTRIBUTES 2u /* last-write time set, class */
#define REGISTRY_CHANGED_VALUES 4u     /* a value was set or deleted */
#define REGISTRY_CHANGED_SECURITY 8u
#define REGISTRY_CHANGED_GONE 0x100u /* the key itself was deleted */

struct registry_change {
    uint64_t key;
    uint32_t kinds;
};

/* The number of changes so far, in all processes. Lock-free. */
uint64_t registry_generation(registry_t *registry);

/* The changes since `*generation`, which becomes the present one; how many, or -EOVERFLOW: too
 * many, everything may have changed. Lock-free. */
int registry_read_changes(registry_t *registry, uint64_t *generation,
                          struct registry_change *changes, size_t capacity);

/* Sleeps until there are changes after `generation`, or for so long. Holds nothing. */
void registry_wait_change(registry_t *registry, uint64_t generation, unsigned milliseconds);

/* Ends the sleep of all who wait for a change, in all processes, though there may be none. */
void registry_wake(registry_t *registry);

/* True where `key` is `ancestor` or below it. False also where it has been deleted. */
bool registry_is_within(registry_t *registry, uint64_t key, uint64_t ancestor);

/* ---- the layer below ---- */

#define REGISTRY_LOWER_TEXTS 3

/* One state of what is below. Generations of one instance only grow. */
struct registry_lower_state {
    uint64_t instance; /* who counts the generations; never 0 */
    uint64_t generation;
};

/* Where the registry below the kernel's is to be had, as Wine's text, and when it has changed. */
struct registry_lower {
    const uint64_t *generation; /* in shared memory; its low half is a futex that is woken */
    /* Both may be called from any thread, with all signals blocked; 0 or a negative errno. The
     * first tells the newest state; the second opens its texts too, which are the caller's. */
    int (*look)(void *context, struct registry_lower_state *state);
    int (*open)(void *context, struct registry_lower_state *state, int fds[REGISTRY_LOWER_TEXTS],
                size_t *count);
    void *context;
    bool later;    /* the store is in step by other means, with what has been below since `seen` */
    uint64_t seen; /* a generation; what comes after it is followed */
};

/* From now on what changes below shows, except where the kernel wrote or deleted something itself;
 * when it returns, the present state does. The store must have been imported. What `lower` points
 * to must live until the registry is closed. */
int registry_follow_lower(registry_t *registry, const struct registry_lower *lower,
                          struct registry_error *error);

/* The file with the text of the state below that the registry is in step with; -ENOENT where there
 * is none. A process that follows a newer one removes it. */
int registry_lower_file(registry_t *registry, char path[PATH_MAX]);

/* 1 where the registry has been brought in step with a state below, 0 where it has not, or a mark
 * was taken back since and what is below is to be looked at again. */
int registry_is_layer(registry_t *registry);

/* How a key stands to the layer below, as Windows' layered keys do: merged with the key there; its
 * values in place of the values there; it with all below it in place of the branch there. */
enum registry_layer { REGISTRY_MERGED, REGISTRY_SUPERSEDES_LOCAL, REGISTRY_SUPERSEDES_TREE };

/* What the kernel wrote or deleted stays so; what is no longer hidden shows when the next process
 * of the kernel starts. -EIDRM. */
int registry_set_layer(registry_t *registry, uint64_t key, enum registry_layer layer);
int registry_get_layer(registry_t *registry, uint64_t key, enum registry_layer *layer);

/* ---- import of a prefix (wine_text.h has the parser) ---- */

/* Called now and then with the share of the work done, 0..1; may be NULL. */
typedef void (*registry_progress)(void *context, double share);

/* Imports Wine's registry text from each of the open files `fds` (read from their beginning) in
 * one transaction: all or nothing. Each text's own "relative to" line says where it belongs.
 * A store that was imported by another process meanwhile is left as it is and 0 answered. */
int registry_import_wine_text(registry_t *registry, const int *fds, size_t count,
                              registry_progress progress, void *context,
                              struct registry_error *error);

#endif
