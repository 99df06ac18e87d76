/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit_choice.c - see commit_choice.h.
 */
#include "launcher/commit_choice.h"

#include <stdio.h>

#include "launcher/registry_commit.h"
#include "launcher/registry_data.h"

void commit_print_left(const uint16_t *path, size_t units, const uint16_t *name, size_t name_units,
                       const char *why)
{
    struct control_path shown;

    if (control_key_name(path, units, &shown) != 0)
        return;
    fputs("pwkctl: left: [", stderr);
    registry_data_print_units(stderr, shown.text, shown.units);
    fputc(']', stderr);
    if (name != NULL) {
        fputs(" \"", stderr);
        registry_data_print_units(stderr, name, name_units);
        fputc('"', stderr);
    }
    fprintf(stderr, ": %s\n", why);
}

static int choose(struct commit_choice *choice, const struct registry_tree_difference *difference)
{
    bool before = difference->key ? difference->before : difference->old_value != NULL;
    bool after = difference->key ? difference->after : difference->new_value != NULL;

    if (registry_commit_is_saved(difference->path, difference->units) == choice->unsaved)
        return 0;
    choice->differences++;
    choice->added += after && !before;
    choice->deleted += before && !after;
    choice->changed += before && after;
    if (choice->tell) {
        const struct registry_tree_value *value =
            difference->new_value ? difference->new_value : difference->old_value;

        commit_print_left(difference->path, difference->units, difference->key ? NULL : value->name,
                          difference->key ? 0 : value->units,
                          choice->unsaved
                              ? "Wine saves no such key: it lasts only as long as a session"
                              : "the prefix's files do not have it so");
    }
    return choice->report ? registry_report_show(choice->report, difference) : 0;
}

/* Chosen is what is at a branch or below it; of what is above, that a key is there at all: it comes
 * with the branch, and where the kernel deleted it, the branch is what goes. */
static int visit_difference(void *context, const struct registry_tree_difference *difference)
{
    struct commit_choice *choice = context;

    for (size_t i = 0; i < choice->branch_count; i++) {
        const struct registry_path *branch = &choice->branches[i];
        struct registry_tree_difference part = *difference;

        if (registry_commit_is_below(difference->path, difference->units, branch->text,
                                     branch->units))
            return choose(choice, difference);
        if (!difference->key || difference->units == 0 ||
            !registry_commit_is_below(branch->text, branch->units, difference->path,
                                      difference->units))
            continue;
        if (!difference->after) {
            part.path = branch->text;
            part.units = branch->units;
        }
        return choose(choice, &part);
    }
    return 0;
}

int commit_compare(const struct registry_sides *sides, struct commit_choice *choice)
{
    return registry_tree_compare(sides->before, sides->after, visit_difference, choice);
}
