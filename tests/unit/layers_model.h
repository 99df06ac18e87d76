/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layers_model.h - a model of two layers of a small tree of keys: what the kernel did, kept apart
 * from what the lower layer holds, and looked at together only where somebody asks. The registry
 * does the opposite (it holds both merged), so that the two share no reasoning.
 */
#ifndef PWK_TESTS_LAYERS_MODEL_H
#define PWK_TESTS_LAYERS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

/* So many names a level; a node's number is its place in the tree, 0 the top. */
enum { NAMES = 3, NODES = 1 + 3 + 9 + 27, VALUES = 3 };

enum mark {
    ABSENT,
    MERGED,     /* the kernel wrote it, or something in it */
    SUPERSEDES, /* made anew: nothing of the lower layer shows in it or below */
    TOMBSTONE,
};

/* What the kernel did to a value. `covers`: deleting it must hide one of the lower layer. */
struct upper_value {
    bool set, hidden, covers;
    uint32_t value;
};

struct upper_node {
    enum mark mark;
    bool covers; /* of one that supersedes: deleting it must hide one of the lower layer */
    struct upper_value values[VALUES];
};

struct lower_node {
    bool there;
    bool has[VALUES];
    uint32_t values[VALUES];
};

struct model {
    struct upper_node upper[NODES];
    struct lower_node lower[NODES];
};

int child_of(int node, int name);
int parent_of(int node);
bool is_leaf(int node);

bool model_has(const struct model *model, int node);
bool model_has_subkeys(const struct model *model, int node);
/* False: there is none. */
bool model_value(const struct model *model, int node, int value, uint32_t *found);

/* The caller asks only for what can be done: a key in one that is there, a deletion of what is
 * there and has no subkeys, a new name that is free. */
void model_create(struct model *model, int node);
void model_delete(struct model *model, int node);
void model_rename(struct model *model, int from, int to);
void model_set(struct model *model, int node, int value, uint32_t number);
void model_delete_value(struct model *model, int node, int value);
/* The lower layer gets what shows at the node and below it, and the kernel gives it up. */
void model_commit(struct model *model, int node);
/* False: what is above is the kernel's as a whole, or the kernel has nothing there. */
bool model_can_discard(const struct model *model, int node);
void model_discard(struct model *model, int node);
/* The lower layer is this from now on. `anew`: nothing is known of what it was. */
void model_follow(struct model *model, const struct lower_node *now, bool anew);

#endif
