/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_diff.c - pwkctl registry diff: what leads from the prefix's registry, or another
 * kernel's, to a kernel's.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "launcher/control_apart.h"
#include "launcher/facts.h"
#include "launcher/registry_report.h"
#include "launcher/registry_sides.h"
#include "launcher/registry_told.h"

static bool diff_words(int count, char *const words[], const char **other,
                       enum registry_format *format)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--json") == 0)
            *format = REGISTRY_AS_JSON;
        else if (strcmp(words[i], "--reg") == 0)
            *format = REGISTRY_AS_REG;
        else if (*other == NULL && words[i][0] != '-')
            *other = words[i];
        else
            return false;
    }
    return true;
}

struct diff {
    const char *kernel, *other; /* NULL: the prefix */
    struct registry_report report;
    struct registry_sides sides;
    struct control_session session;
    struct pwk_profile profile; /* the other kernel's */
};

static int tell_other(void *context, const struct control_channel *channel)
{
    const struct diff *diff = context;

    signal(SIGPIPE, SIG_IGN); /* its reader may have seen enough */
    return registry_tell(diff->other, channel->to);
}

/* The other kernel's store is read by a process that can reach no other: what took that over would
 * be in one kernel's store, as it was before, and not in two. */
static int start_other(struct diff *diff, struct control_process *process, struct pwk_error *error)
{
    const struct control_apart apart = {.kernel = diff->other, .context = diff, .work = tell_other};
    struct control_kernel kernel;
    char path[PATH_MAX];
    int rc = control_find_kernel(&kernel, diff->other, error);

    if (rc == 0)
        rc = pwk_profile_choose(&diff->profile, NULL, kernel.state, path, error);
    if (rc == 0)
        rc = control_apart_start(process, &apart, error);
    if (rc != 0)
        return rc;
    control_keep(process->channel.from);
    diff->sides.profile = &diff->profile;
    diff->sides.told = process->channel.from;
    process->channel.from = -1; /* its reader closes it */
    return 0;
}

static int show(struct diff *diff)
{
    int rc = registry_report_begin(&diff->report);

    if (rc != 0)
        return rc;
    rc = registry_tree_compare(diff->sides.before, diff->sides.after, registry_report_show,
                               &diff->report);
    return registry_report_end(&diff->report, rc);
}

static int compare(void *context, const struct control_channel *parent)
{
    struct control_process other = {.pid = 0};
    struct diff *diff = context;
    struct control_session *session = &diff->session;
    struct pwk_error why;
    int rc, other_rc = 0;

    (void)parent;
    pwk_profile_init(&diff->profile);
    registry_sides_open(&diff->sides);
    if (diff->other != NULL)
        other_rc = start_other(diff, &other, &why);
    rc = control_session_open(session, diff->kernel, false);
    if (rc == 0 && other_rc != 0) {
        session->error = why;
        rc = other_rc;
    }
    if (rc == 0)
        rc = registry_sides_read(&diff->sides, session);
    else if (other.pid != 0)
        close(diff->sides.told);
    /* It prints a line of its own where it did not come to tell one. */
    if (other.pid != 0)
        control_apart_end(&other);
    if (rc == 0)
        rc = show(diff);
    registry_sides_finish(&diff->sides);
    control_session_close(session);
    pwk_profile_finish(&diff->profile);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &session->error);
}

int control_diff(const char *kernel, int count, char *const words[])
{
    static struct diff diff;
    const struct control_apart apart = {.kernel = kernel, .context = &diff, .work = compare};

    if (!diff_words(count, words, &diff.other, &diff.report.format))
        return CONTROL_USAGE;
    diff.kernel = kernel;
    diff.report.error = &diff.session.error;
    return control_run_apart(&apart);
}
