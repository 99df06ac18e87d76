/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_registry_layers_model.c - random operations of the kernel, random changes below it, at
 * random moments, with the store opened anew now and then and parts of the kernel's layer committed
 * and discarded, beside a model of two layers. Both are compared whole after each step.
 *
 * PWK_LAYERS_SEED and PWK_LAYERS_RUNS choose other walks; a failure names its seed and step.
 */
#include "tests/unit/layers_model.h"
#include "tests/unit/lower_fixture.h"

#include <unistd.h>

#include "registry/layer_changes.h"

enum { STEPS = 150, RUNS = 25 };
static const char *const key_names[NAMES] = {"a", "b", "c"};
static const char *const value_names[VALUES] = {"", "v", "w"};

struct walk {
    uint64_t seed, random;
    int step;
    registry_t *registry;
    struct model model;
    struct lower_node lower[NODES]; /* as it is now, followed or not */
    uint32_t next_value;
    char what[96];
};

static uint32_t random_below(struct walk *walk, uint32_t limit)
{
    walk->random = walk->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(walk->random >> 33) % limit;
}

static const char *join_path(int node, const char *separator, char path[64])
{
    size_t used;

    strcpy(path, "top");
    if (node) {
        join_path(parent_of(node), separator, path);
        used = strlen(path);
        snprintf(path + used, 64 - used, "%s%s", separator, key_names[(node - 1) % NAMES]);
    }
    return path;
}

/* ---- the lower layer ---- */

static void publish(struct walk *walk)
{
    char *text = malloc(NODES * 256), *at = text, path[64];

    assert_non_null(text);
    for (int node = 0; node < NODES; node++) {
        const struct lower_node *lower = &walk->lower[node];
        if (!lower->there)
            continue;
        at += sprintf(at, "[%s]\n", join_path(node, "\\\\", path));
        for (int i = 0; i < VALUES; i++)
            if (lower->has[i] && i == 0)
                at += sprintf(at, "@=dword:%x\n", lower->values[i]);
            else if (lower->has[i])
                at += sprintf(at, "\"%s\"=dword:%x\n", value_names[i], lower->values[i]);
    }
    strcpy(at, "[always]\n");
    lower_becomes(text);
    free(text);
}

static void remove_lower(struct walk *walk, int node)
{
    memset(&walk->lower[node], 0, sizeof walk->lower[node]);
    for (int name = 0; !is_leaf(node) && name < NAMES; name++)
        remove_lower(walk, child_of(node, name));
}

static void change_lower(struct walk *walk)
{
    for (uint32_t count = 1 + random_below(walk, 6); count; count--) {
        int node = (int)random_below(walk, NODES), value = (int)random_below(walk, VALUES);
        struct lower_node *lower = &walk->lower[node];
        switch (random_below(walk, 4)) {
        case 0:
            if (node || random_below(walk, 4) == 0)
                remove_lower(walk, node);
            break;
        case 1:
            lower->has[value] = false;
            break;
        default:
            for (int at = node; at; at = parent_of(at))
                walk->lower[at].there = true;
            walk->lower[0].there = lower->has[value] = true;
            lower->values[value] = ++walk->next_value;
        }
    }
}

/* ---- the kernel's operations ---- */

static void create_or_delete(struct walk *walk, int node)
{
    struct model *model = &walk->model;
    char path[64];

    join_path(node, "\\", path);
    if (!model_has(model, node) && (!node || model_has(model, parent_of(node)))) {
        snprintf(walk->what, sizeof walk->what, "create %s", path);
        make(walk->registry, path);
        model_create(model, node);
    } else if (model_has(model, node) && !model_has_subkeys(model, node) && node) {
        snprintf(walk->what, sizeof walk->what, "delete %s", path);
        remove_key(walk->registry, path);
        model_delete(model, node);
    }
}

static void rename_node(struct walk *walk, int node)
{
    int to = child_of(parent_of(node), (int)random_below(walk, NAMES));
    struct registry_path name;
    char path[64], full[128];
    uint64_t key;

    if (!node || to == node || !model_has(&walk->model, node) || model_has(&walk->model, to))
        return;
    name = wide(key_names[(to - 1) % NAMES]);
    snprintf(full, sizeof full, "Machine\\%s", join_path(node, "\\", path));
    snprintf(walk->what, sizeof walk->what, "rename %s to %s", path, key_names[(to - 1) % NAMES]);
    key = lookup(walk->registry, REGISTRY_ROOT_KEY, full);
    assert_int_equal(registry_rename(walk->registry, key, name.text, name.units), 0);
    model_rename(&walk->model, node, to);
}

static void set_or_delete_value(struct walk *walk, int node)
{
    int value = (int)random_below(walk, VALUES);
    uint32_t found;
    char path[64];

    if (!model_has(&walk->model, node))
        return;
    join_path(node, "\\", path);
    if (random_below(walk, 2)) {
        snprintf(walk->what, sizeof walk->what, "set '%s' of %s", value_names[value], path);
        put(walk->registry, path, value_names[value], ++walk->next_value);
        model_set(&walk->model, node, value, walk->next_value);
    } else if (model_value(&walk->model, node, value, &found)) {
        snprintf(walk->what, sizeof walk->what, "delete '%s' of %s", value_names[value], path);
        remove_value(walk->registry, path, value_names[value]);
        model_delete_value(&walk->model, node, value);
    }
}

/* ---- commit and discard ---- */

/* The node at a path below \\Registry, or -1. */
static int node_of(const uint16_t *path, size_t units)
{
    static const char top[] = "Machine\\top";
    int node = 0;

    if (units < sizeof top - 1)
        return -1;
    for (size_t i = 0; i < sizeof top - 1; i++)
        if ((path[i] | 0x20) != (top[i] | 0x20))
            return -1;
    for (size_t at = sizeof top - 1; at + 1 < units; at += 2)
        node = child_of(node, path[at + 1] - 'a');
    return node;
}

/* True for a name in the list of a ..._KEPT change. */
static bool is_listed(const struct registry_layer_change *change, const char *name)
{
    const uint16_t *list = change->data;
    size_t length = strlen(name);

    for (size_t at = 0; at < change->size / 2; at += 1 + list[at])
        if (list[at] == length && (!length || list[at + 1] == (uint16_t)name[0]))
            return true;
    return false;
}

static int value_of(const struct registry_layer_change *change)
{
    return change->name_units == 0 ? 0 : change->name[0] == 'v' ? 1 : 2;
}

/* What somebody does who brings the changes to the layer below. */
static int do_below(void *context, const struct registry_layer_change *change)
{
    struct walk *walk = context;
    int node = node_of(change->path, change->path_units);
    struct lower_node *lower;

    if (node < 0)
        return 0;
    lower = &walk->lower[node];
    switch (change->kind) {
    case REGISTRY_LAYER_KEY:
        lower->there = true;
        break;
    case REGISTRY_LAYER_VALUE:
        assert_true(lower->there);
        lower->has[value_of(change)] = true;
        memcpy(&lower->values[value_of(change)], change->data, sizeof lower->values[0]);
        break;
    case REGISTRY_LAYER_VALUE_DELETED:
        lower->has[value_of(change)] = false;
        break;
    case REGISTRY_LAYER_SUBKEY_DELETED:
        remove_lower(walk, child_of(node, change->name[0] - 'a'));
        break;
    case REGISTRY_LAYER_VALUES_KEPT:
        for (int i = 0; i < VALUES; i++)
            lower->has[i] = lower->has[i] && is_listed(change, value_names[i]);
        break;
    default:
        for (int name = 0; !is_leaf(node) && name < NAMES; name++)
            if (!is_listed(change, key_names[name]))
                remove_lower(walk, child_of(node, name));
    }
    return 0;
}

static struct registry_path branch_of(struct walk *walk, int node)
{
    struct registry_path branch, typed;
    char path[64], full[128];

    snprintf(full, sizeof full, "Machine\\%s", join_path(node, "\\", path));
    typed = wide(full);
    assert_int_equal(registry_layer_path(walk->registry, typed.text, typed.units, &branch), 0);
    return branch;
}

/* The layer below is what the model says that it is after the commit. */
static void compare_below(struct walk *walk)
{
    for (int node = 0; node < NODES; node++) {
        const struct lower_node *have = &walk->lower[node], *want = &walk->model.lower[node];
        bool same = have->there == want->there;
        for (int i = 0; same && have->there && i < VALUES; i++)
            same = have->has[i] == want->has[i] &&
                   (!have->has[i] || have->values[i] == want->values[i]);
        if (!same)
            fail_msg("seed %llu, step %d (%s): node %d is not what it should be below",
                     (unsigned long long)walk->seed, walk->step, walk->what, node);
    }
}

/* `again`: the registry has followed the new state before it is settled. */
static void settle(struct walk *walk, const struct registry_path *branch, bool again)
{
    const struct registry_layer_visitor visitor = {.context = walk};
    struct registry_lower lower = the_lower();
    struct registry_layer_state state = {0};
    struct registry_lower_state now;
    int fds[REGISTRY_LOWER_TEXTS];
    size_t left;

    if (again)
        has_key(walk->registry, "always");
    assert_int_equal(lower.open(lower.context, &now, fds, &state.count), 0);
    state.instance = now.instance;
    state.generation = now.generation;
    state.fds = fds;
    assert_int_equal(registry_settle_layer(walk->registry, &state, branch, 1, &visitor, &left), 0);
    close(fds[0]);
    if (left)
        fail_msg("seed %llu, step %d (%s): %zu differences are left",
                 (unsigned long long)walk->seed, walk->step, walk->what, left);
}

static void commit(struct walk *walk, int node)
{
    const struct registry_layer_visitor visitor = {.context = walk, .change = do_below};
    struct registry_path branch = branch_of(walk, node);
    char path[64];

    snprintf(walk->what, sizeof walk->what, "commit %s", join_path(node, "\\", path));
    assert_int_equal(registry_visit_layer(walk->registry, &branch, &visitor), 0);
    model_commit(&walk->model, node);
    for (int at = 0; at < NODES; at++)
        for (int i = 0; i < VALUES; i++)
            walk->lower[at].has[i] = walk->lower[at].has[i] && walk->lower[at].there;
    compare_below(walk);
    publish(walk);
    settle(walk, &branch, random_below(walk, 2));
}

static void discard(struct walk *walk, int node)
{
    struct registry_path branch = branch_of(walk, node), at;
    bool can = model_can_discard(&walk->model, node);
    char path[64];
    int result;

    snprintf(walk->what, sizeof walk->what, "discard %s", join_path(node, "\\", path));
    result = registry_discard_layer(walk->registry, &branch, 1, &at);
    if (can != (result == 0) || (!can && result != -ENOENT && result != -ENOTDIR))
        fail_msg("seed %llu, step %d (%s): the answer is %d", (unsigned long long)walk->seed,
                 walk->step, walk->what, result);
    if (can)
        model_discard(&walk->model, node);
}

/* The store is opened anew; the lower layer may have changed, and the kept text be lost. */
static void reopen(struct walk *walk)
{
    bool change = random_below(walk, 2), lose = random_below(walk, 3) == 0;

    snprintf(walk->what, sizeof walk->what, "reopen%s%s", change ? ", changed below" : "",
             change && lose ? ", the kept text lost" : "");
    registry_close(walk->registry);
    if (change) {
        char name[32];
        change_lower(walk);
        publish(walk);
        for (int i = 0; lose && i < STEPS + 2; i++) {
            snprintf(name, sizeof name, "registry.lower-%d", i);
            unlink(in_folder(name));
        }
    }
    walk->registry = open_layers();
    if (change)
        model_follow(&walk->model, walk->lower, lose);
}

static void take_step(struct walk *walk)
{
    int node = (int)random_below(walk, NODES);

    strcpy(walk->what, "nothing");
    switch (random_below(walk, 14)) {
    case 12:
        commit(walk, node);
        break;
    case 13:
        discard(walk, node);
        break;
    case 0:
        strcpy(walk->what, "change below");
        change_lower(walk);
        publish(walk);
        model_follow(&walk->model, walk->lower, false);
        break;
    case 1:
        reopen(walk);
        break;
    case 2:
    case 3:
        rename_node(walk, 1 + (int)random_below(walk, 12));
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        create_or_delete(walk, node);
        break;
    default:
        set_or_delete_value(walk, node);
    }
}

/* ---- comparing ---- */

static void compare(struct walk *walk)
{
    char path[64], expected_names[16];

    for (int node = 0; node < NODES; node++) {
        bool there = model_has(&walk->model, node);
        join_path(node, "\\", path);
        if (has_key(walk->registry, path) != there)
            fail_msg("seed %llu, step %d (%s): %s is %s there", (unsigned long long)walk->seed,
                     walk->step, walk->what, path, there ? "not" : "still");
        for (int i = 0; there && i < VALUES; i++) {
            uint32_t value;
            bool has = model_value(&walk->model, node, i, &value);
            long expected = has ? (long)value : NO_VALUE;
            long found = number(walk->registry, path, value_names[i]);
            if (found != expected)
                fail_msg("seed %llu, step %d (%s): '%s' of %s is %ld, not %ld",
                         (unsigned long long)walk->seed, walk->step, walk->what, value_names[i],
                         path, found, expected);
        }
        if (!there || is_leaf(node))
            continue;
        expected_names[0] = 0;
        for (int name = 0; name < NAMES; name++)
            if (model_has(&walk->model, child_of(node, name)))
                strcat(strcat(expected_names, key_names[name]), " ");
        if (strcmp(subkeys(walk->registry, path), expected_names))
            fail_msg("seed %llu, step %d (%s): the subkeys of %s are '%s', not '%s'",
                     (unsigned long long)walk->seed, walk->step, walk->what, path,
                     subkeys(walk->registry, path), expected_names);
    }
}

static void walk_once(uint64_t seed)
{
    struct walk walk = {.seed = seed, .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
    void *state;

    assert_int_equal(make_layers(&state), 0);
    for (int i = 0; i < 8; i++)
        change_lower(&walk);
    publish(&walk);
    walk.registry = open_layers();
    model_follow(&walk.model, walk.lower, false);
    strcpy(walk.what, "import");
    compare(&walk);
    for (walk.step = 1; walk.step <= STEPS; walk.step++) {
        take_step(&walk);
        compare(&walk);
    }
    registry_close(walk.registry);
    assert_int_equal(remove_layers(&state), 0);
}

static uint64_t from_environment(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

static void random_walks_end_as_the_model_says(void **state)
{
    uint64_t seed = from_environment("PWK_LAYERS_SEED", 1);
    uint64_t runs = from_environment("PWK_LAYERS_RUNS", RUNS);

    (void)state;
    for (uint64_t i = 0; i < runs; i++)
        walk_once(seed + i);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_walks_end_as_the_model_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
