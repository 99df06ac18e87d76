/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layers_model.c - see layers_model.h.
 */
#include "tests/unit/layers_model.h"

#include <string.h>

int child_of(int node, int name)
{
    return node * NAMES + 1 + name;
}

int parent_of(int node)
{
    return (node - 1) / NAMES;
}

bool is_leaf(int node)
{
    return child_of(node, 0) >= NODES;
}

/* ---- looking ---- */

static bool hides(const struct model *model, int node)
{
    return model->upper[node].mark == SUPERSEDES || model->upper[node].mark == TOMBSTONE;
}

/* Whether anything of the lower layer would be seen at this place. */
static bool lower_shows(const struct model *model, int node)
{
    while (node && !hides(model, node))
        node = parent_of(node);
    return !hides(model, node);
}

/* Whether the lower layer has a key there, seen or superseded by the kernel's. */
static bool lower_has(const struct model *model, int node)
{
    if (model->upper[node].mark == SUPERSEDES)
        return model->upper[node].covers;
    return lower_shows(model, node) && model->lower[node].there;
}

bool model_has(const struct model *model, int node)
{
    enum mark mark = model->upper[node].mark;

    return mark == MERGED || mark == SUPERSEDES || (mark == ABSENT && lower_has(model, node));
}

bool model_has_subkeys(const struct model *model, int node)
{
    for (int name = 0; !is_leaf(node) && name < NAMES; name++)
        if (model_has(model, child_of(node, name)))
            return true;
    return false;
}

static bool lower_value_shows(const struct model *model, int node, int value)
{
    return !model->upper[node].values[value].hidden && lower_shows(model, node) &&
           model->lower[node].there && model->lower[node].has[value];
}

bool model_value(const struct model *model, int node, int value, uint32_t *found)
{
    const struct upper_value *own = &model->upper[node].values[value];

    if (!own->set && !lower_value_shows(model, node, value))
        return false;
    *found = own->set ? own->value : model->lower[node].values[value];
    return true;
}

/* ---- the kernel's operations ---- */

/* What has something of the kernel's in it or below it is the kernel's. */
static void claim(struct model *model, int node)
{
    for (;; node = parent_of(node)) {
        if (model->upper[node].mark == ABSENT)
            model->upper[node].mark = MERGED;
        if (node == 0)
            return;
    }
}

static void clear_branch(struct model *model, int node)
{
    memset(&model->upper[node], 0, sizeof model->upper[node]);
    for (int name = 0; !is_leaf(node) && name < NAMES; name++)
        clear_branch(model, child_of(node, name));
}

void model_create(struct model *model, int node)
{
    struct upper_node *upper = &model->upper[node];

    upper->covers = upper->mark == TOMBSTONE;
    upper->mark = upper->covers ? SUPERSEDES : MERGED;
    claim(model, parent_of(node));
}

void model_delete(struct model *model, int node)
{
    bool covers = lower_has(model, node);

    clear_branch(model, node);
    if (covers) {
        model->upper[node].mark = TOMBSTONE;
        claim(model, parent_of(node));
    }
}

/* The branch as it shows, as the kernel's own. */
static void copy_shown(const struct model *before, int from, struct model *model, int to)
{
    struct upper_node *upper = &model->upper[to];

    memset(upper, 0, sizeof *upper);
    upper->mark = model_has(before, from) ? MERGED : ABSENT;
    for (int i = 0; upper->mark && i < VALUES; i++)
        upper->values[i].set = model_value(before, from, i, &upper->values[i].value);
    for (int name = 0; !is_leaf(from) && name < NAMES; name++)
        copy_shown(before, child_of(from, name), model, child_of(to, name));
}

static void copy_upper(const struct model *before, int from, struct model *model, int to)
{
    model->upper[to] = before->upper[from];
    for (int name = 0; !is_leaf(from) && name < NAMES; name++)
        copy_upper(before, child_of(from, name), model, child_of(to, name));
}

void model_rename(struct model *model, int from, int to)
{
    const struct model before = *model;
    bool covers = lower_has(model, from), over = model->upper[to].mark == TOMBSTONE;
    bool cut_off = covers || model->upper[from].mark == SUPERSEDES;

    if (cut_off)
        copy_shown(&before, from, model, to);
    else
        copy_upper(&before, from, model, to);
    model->upper[to].mark = cut_off || over ? SUPERSEDES : MERGED;
    model->upper[to].covers = over;
    clear_branch(model, from);
    if (covers)
        model->upper[from].mark = TOMBSTONE;
    claim(model, parent_of(to));
}

void model_set(struct model *model, int node, int value, uint32_t number)
{
    struct upper_value *own = &model->upper[node].values[value];

    if (!own->set)
        own->covers = lower_value_shows(model, node, value);
    if (own->hidden && lower_has(model, node)) {
        own->hidden = false;
        own->covers = true;
    }
    own->set = true;
    own->value = number;
    claim(model, node);
}

void model_delete_value(struct model *model, int node, int value)
{
    struct upper_value *own = &model->upper[node].values[value];

    own->hidden = own->hidden || !own->set || own->covers;
    own->set = own->covers = false;
    claim(model, node);
}

/* ---- following ---- */

static bool same_node(const struct lower_node *a, const struct lower_node *b)
{
    if (a->there != b->there)
        return false;
    for (int i = 0; a->there && i < VALUES; i++)
        if (a->has[i] != b->has[i] || (a->has[i] && a->values[i] != b->values[i]))
            return false;
    return true;
}

/* Something that the lower layer has at the node or below it is not as it was. */
static bool branch_changed(const struct lower_node *before, const struct lower_node *now, int node,
                           bool anew)
{
    if (now[node].there && (anew || !same_node(&before[node], &now[node])))
        return true;
    for (int name = 0; !is_leaf(node) && name < NAMES; name++)
        if (branch_changed(before, now, child_of(node, name), anew))
            return true;
    return false;
}

void model_follow(struct model *model, const struct lower_node *now, bool anew)
{
    struct lower_node before[NODES];

    memcpy(before, model->lower, sizeof before);
    memcpy(model->lower, now, sizeof before);
    for (int node = 0; node < NODES; node++) {
        struct upper_node *upper = &model->upper[node];
        bool seen = node == 0 || lower_shows(model, parent_of(node));
        if (upper->mark == SUPERSEDES) {
            if (anew || (seen && before[node].there && !now[node].there))
                upper->covers = false;
            if (seen && branch_changed(before, now, node, anew))
                upper->covers = true;
        }
        for (int i = 0; i < VALUES; i++) {
            struct upper_value *own = &upper->values[i];
            if (anew)
                own->covers = false;
            if (!lower_shows(model, node) || (!anew && same_node(&before[node], &now[node])))
                continue;
            own->covers =
                own->set && now[node].there && now[node].has[i] && (own->covers || !own->hidden);
        }
    }
}

/* ---- the ends of the kernel's layer ---- */

static void copy_down(const struct model *before, struct lower_node *lower, int node)
{
    lower[node].there = model_has(before, node);
    for (int i = 0; i < VALUES; i++) {
        uint32_t found = 0;
        lower[node].has[i] = lower[node].there && model_value(before, node, i, &found);
        lower[node].values[i] = lower[node].has[i] ? found : 0;
    }
    for (int name = 0; !is_leaf(node) && name < NAMES; name++)
        copy_down(before, lower, child_of(node, name));
}

/* The keys above a node are the kernel's no more where nothing of it is left in them. */
static void release_above(struct model *model, int node)
{
    while (node) {
        struct upper_node *upper;
        bool free;
        node = parent_of(node);
        upper = &model->upper[node];
        free = upper->mark == MERGED && lower_shows(model, node) && model->lower[node].there;
        for (int i = 0; i < VALUES; i++)
            free = free && !upper->values[i].set && !upper->values[i].hidden;
        for (int name = 0; name < NAMES; name++)
            free = free && model->upper[child_of(node, name)].mark == ABSENT;
        if (free)
            upper->mark = ABSENT;
    }
}

/* The highest key above the node that hides it, or -1. */
static int hidden_by(const struct model *model, int node)
{
    int found = -1;

    while (node) {
        node = parent_of(node);
        if (hides(model, node))
            found = node;
    }
    return found;
}

void model_commit(struct model *model, int node)
{
    const struct model before = *model;
    struct lower_node now[NODES];
    int above = hidden_by(model, node);

    memcpy(now, model->lower, sizeof now);
    for (int at = node; at && model_has(&before, node); at = parent_of(at))
        now[parent_of(at)].there = true;
    copy_down(&before, now, node);
    model_follow(model, now, false);
    if (above < 0)
        clear_branch(model, node);
    else if (model->upper[above].mark == TOMBSTONE && !now[above].there)
        model->upper[above].mark = ABSENT;
    if (above < 0 || model->upper[above].mark != SUPERSEDES)
        release_above(model, above < 0 ? node : above);
}

bool model_can_discard(const struct model *model, int node)
{
    return model->upper[node].mark != ABSENT && hidden_by(model, node) < 0;
}

void model_discard(struct model *model, int node)
{
    clear_branch(model, node);
    release_above(model, node);
}
