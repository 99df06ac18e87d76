/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_commit.c - see registry_commit.h.
 */
#include "launcher/registry_commit.h"

#include <errno.h>
#include <string.h>

#include "launcher/registry_sides.h"
#include "registry/upcase.h"

/* ---- what is committed ---- */

bool registry_commit_is_below(const uint16_t *path, size_t units, const uint16_t *top, size_t size)
{
    return size == 0 || (units >= size && registry_name_compare(path, size, top, size) == 0 &&
                         (units == size || path[size] == '\\'));
}

bool registry_commit_is_saved(const uint16_t *path, size_t units)
{
    static const uint16_t machine[] = u"Machine", user[] = u"User\\S-1-5-21-0-0-0-1000",
                          standard[] = u"User\\.Default", users[] = u"User";

    return registry_commit_is_below(path, units, machine, sizeof machine / 2 - 1) ||
           registry_commit_is_below(path, units, user, sizeof user / 2 - 1) ||
           registry_commit_is_below(path, units, standard, sizeof standard / 2 - 1) || units == 0 ||
           (units == sizeof users / 2 - 1 && registry_commit_is_below(path, units, users, units));
}

static bool skip(void *context, const uint16_t *path, size_t units)
{
    const struct registry_commit *commit = context;

    return registry_sides_leave_out(&commit->session->profile, path, units) ||
           !registry_commit_is_saved(path, units);
}

static int add_change(void *context, const struct registry_layer_change *change)
{
    struct registry_commit *commit = context;

    return pwk_prefix_changes_add(&commit->changes, change);
}

static struct registry_layer_visitor visitor_of(struct registry_commit *commit)
{
    return (struct registry_layer_visitor){commit, skip, add_change};
}

static int collect(struct registry_commit *commit)
{
    const struct registry_layer_visitor visitor = visitor_of(commit);
    int rc = 0;

    commit->changes = (struct pwk_prefix_changes){.fd = commit->files.changes,
                                                  .size = sizeof(*commit->changes.page)};
    for (size_t i = 0; rc == 0 && i < commit->count; i++)
        rc = registry_visit_layer(commit->session->registry, &commit->branches[i], &visitor);
    return rc == 0 ? 0 : control_session_fail(commit->session, rc, "");
}

/* ---- doing what the writer says ---- */

static int settle(struct registry_commit *commit, uint64_t signature)
{
    const struct registry_layer_visitor visitor = visitor_of(commit);
    const struct registry_layer_state state = {.instance = signature,
                                               .generation = 1,
                                               .fds = commit->files.texts,
                                               .count = REGISTRY_LOWER_TEXTS};

    return registry_settle_layer(commit->session->registry, &state, commit->branches, commit->count,
                                 &visitor, &commit->left);
}

static int follow(struct registry_commit *commit, struct commit_order *order)
{
    const struct control_channel *writer = commit->writer;

    while (control_receive(writer->from, order, sizeof(*order))) {
        struct commit_settled settled = {0};

        if (order->step == COMMIT_END)
            return order->result;
        settled.result = settle(commit, order->signature);
        settled.left = commit->left;
        if (!control_send(writer->to, &settled, sizeof(settled)))
            break;
    }
    order->error.text[0] = '\0';
    return -EPIPE;
}

int registry_commit(struct registry_commit *commit)
{
    struct commit_request request;
    struct commit_order order = {0};
    int rc = collect(commit);

    if (rc < 0)
        return rc;
    request.size = commit->changes.size;
    rc = control_send(commit->writer->to, &request, sizeof(request)) ? follow(commit, &order)
                                                                     : -EPIPE;
    if (rc == 0)
        rc = pwk_prefix_changes_map(&commit->changes);
    else if (order.error.text[0] != '\0')
        commit->session->error = order.error;
    return rc == 0 || order.error.text[0] != '\0' ? rc
                                                  : control_session_fail(commit->session, rc, "");
}

void registry_commit_finish(struct registry_commit *commit)
{
    pwk_prefix_changes_finish(&commit->changes);
}
