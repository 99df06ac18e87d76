/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_diff.c - pwkctl registry diff: what leads from the prefix's registry, or another
 * kernel's, to a kernel's.
 */
#include <string.h>

#include "launcher/registry_report.h"
#include "launcher/registry_sides.h"

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

int control_diff(const char *kernel, int count, char *const words[])
{
    static struct control_session session, other_session;
    static struct registry_report report;
    struct registry_sides sides = {0};
    const char *other = NULL;
    int rc;

    if (!diff_words(count, words, &other, &report.format))
        return CONTROL_USAGE;
    report.error = &session.error;
    rc = control_session_open(&session, kernel, false);
    if (rc == 0 && other != NULL && (rc = control_session_open(&other_session, other, false)) != 0)
        session.error = other_session.error;
    if (rc == 0)
        rc = registry_sides_read(&sides, &session, other != NULL ? &other_session : NULL);
    if (rc == 0)
        rc = registry_report_begin(&report);
    if (rc == 0) {
        rc = registry_tree_compare(sides.before, sides.after, registry_report_show, &report);
        rc = registry_report_end(&report, rc);
    }
    registry_sides_finish(&sides);
    control_session_close(&session);
    control_session_close(&other_session);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &session.error);
}
