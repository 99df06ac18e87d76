/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_audit.h - a kernel's audit log, for the commands of pwkctl that read it.
 */
#ifndef PWK_LAUNCHER_CONTROL_AUDIT_H
#define PWK_LAUNCHER_CONTROL_AUDIT_H

#include "kernel/audit.h"
#include "launcher/audit_view.h"
#include "launcher/control.h"

struct control_audit {
    struct control_kernel kernel;
    char path[PATH_MAX];
    pwk_audit_t *audit;
    int last; /* what the last collecting answered */
};

int control_audit_open(struct control_audit *audit, const char *name, struct pwk_error *error);
void control_audit_close(struct control_audit *audit);

/* Writes what waits in rings into the log; says on stderr where that fails. */
void control_audit_collect(struct control_audit *audit);

/* Reads the log that was renamed when it had grown too large, where there is one. */
int control_audit_read_old(struct control_audit *audit, struct pwk_audit_file *file,
                           void (*each)(void *context, const char *line, size_t size,
                                        json_t *record),
                           void *context);

#endif
