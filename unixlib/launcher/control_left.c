/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_left.c - what a commit of files leaves of the registry: how many keys a kernel has
 * changed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "launcher/control_apart.h"
#include "launcher/registry_commit.h"
#include "launcher/registry_sides.h"

struct counting {
    struct control_path last;
    size_t keys;
};

static int count_key(void *context, const struct registry_tree_difference *difference)
{
    struct counting *counting = context;
    struct control_path *last = &counting->last;

    if (!registry_commit_is_saved(difference->path, difference->units) ||
        difference->units > CONTROL_PATH_UNITS)
        return 0;
    if (counting->keys == 0 || last->units != difference->units ||
        memcmp(last->text, difference->path, difference->units * sizeof(last->text[0])) != 0)
        counting->keys++;
    memcpy(last->text, difference->path, difference->units * sizeof(last->text[0]));
    last->units = difference->units;
    return 0;
}

/* It is no failure where there is nothing to be told. */
static int count_left(void *context, const struct control_channel *parent)
{
    static struct control_session session;
    static struct counting counting;
    struct registry_sides sides = {0};
    const char *kernel = context;
    int rc;

    (void)parent;
    registry_sides_open(&sides);
    rc = control_session_open(&session, kernel, false);
    if (rc == 0)
        rc = session.profile.registry != PWK_REGISTRY_OVERLAY
                 ? -EOPNOTSUPP
                 : registry_sides_read(&sides, &session);
    if (rc == 0)
        rc = registry_tree_compare(sides.before, sides.after, count_key, &counting);
    if (rc == 0 && counting.keys > 0)
        fprintf(stderr,
                "pwkctl: the kernel's registry has %zu changed key%s left: see pwkctl registry %s "
                "diff, and pwkctl registry %s commit\n",
                counting.keys, counting.keys == 1 ? "" : "s", kernel, kernel);
    registry_sides_finish(&sides);
    control_session_close(&session);
    return CONTROL_OK;
}

void control_tell_registry_left(const char *kernel)
{
    control_run_apart(
        &(struct control_apart){.kernel = kernel, .context = (void *)kernel, .work = count_left});
}
