/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_model.h - a registry as simple as can be: keys in an array, values in the order in which
 * they were set. Random operations are chosen for it, done to it and to a real registry, and both
 * compared.
 *
 * What is chosen depends on the model alone: from one seed come the same operations, whether or not
 * there is a real registry, so what a killed process has done can be done again in a model.
 *
 * The model begins with what is below its top key, model_begin's: a registry with lower layers is
 * compared by a model that begins with what shows through.
 */
#ifndef PWK_TESTS_REGISTRY_MODEL_H
#define PWK_TESTS_REGISTRY_MODEL_H

#include "tests/unit/registry_fixture.h"

enum { MODEL_KEYS = 96, MODEL_VALUES = 12, MODEL_DEPTH = 6, MODEL_GONE = 16, MODEL_TEXT = 512 };

#define MODEL_LINK_VALUE "SymbolicLinkValue"

struct model_value {
    char name[20];
    uint32_t type;
    size_t size;
    unsigned seed;           /* of the data; or, of type REG_LINK, */
    char target[MODEL_TEXT]; /* the text */
};

struct model_key {
    bool used;
    int parent; /* -1: the top key of the model */
    char name[12];
    unsigned flags;
    uint64_t id; /* in the real registry */
    size_t value_count;
    struct model_value values[MODEL_VALUES];
};

struct model {
    unsigned random;
    bool makes_volatile;               /* volatile keys are among what is chosen */
    struct model_key keys[MODEL_KEYS]; /* 0: the top key, below \Registry */
    uint64_t gone[MODEL_GONE];         /* deleted keys of the real registry, the last ones */
    size_t gone_count;
};

enum operation_kind {
    OPERATION_CREATE,
    OPERATION_LOOKUP,
    OPERATION_DELETE,
    OPERATION_RENAME,
    OPERATION_SET,
    OPERATION_DELETE_VALUE,
    OPERATION_QUERY,
    OPERATION_LIST, /* all of one key */
    OPERATION_GONE, /* a deleted key is used */
    OPERATION_FLUSH,
};

struct operation {
    enum operation_kind kind;
    int key;               /* on which, or from which a path leads */
    char path[MODEL_TEXT]; /* or the name of a key or value */
    unsigned lookup_flags, key_flags;
    struct model_value value;
};

/* A model whose top key is below \Registry and empty. */
void model_begin(struct model *model, const char *top, unsigned seed);

/* Chooses the next operation. */
struct operation model_choose(struct model *model);

/* Does it in the model: what a registry must answer, 0 or a negative errno. `*key` is the key that
 * a path leads to, -1 for none. */
int model_operate(struct model *model, const struct operation *operation, int *key);

/* Does it in both, the model's keys being bound. NULL where they agree, else what differs; the text
 * lives until the next call. */
const char *model_operate_both(struct model *model, registry_t *registry,
                               const struct operation *operation);

/* Compares everything and binds the keys of the model to those of the registry. NULL, or as above.
 */
const char *model_compare(struct model *model, registry_t *registry);

/* What the end of a kernel's last process does. */
void model_drop_volatile(struct model *model);

/* ---- what the comparison asks ---- */

/* As strcmp, without case. */
int model_compare_names(const char *left, const char *right);
void model_other_case(char *name);
/* -1 where there is none. */
int model_find_subkey(const struct model *model, int parent, const char *name);
int model_find_value(const struct model_key *key, const char *name);
/* In the order of upcased names; how many. */
size_t model_list_subkeys(const struct model *model, int parent, int list[MODEL_KEYS]);

/* The operation in words, for a failed test. */
const char *operation_text(const struct operation *operation);

#endif
