/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_report.h - differences of a registry as people read them, as JSON, or as a .reg file, on
 * standard output.
 */
#ifndef PWK_LAUNCHER_REGISTRY_REPORT_H
#define PWK_LAUNCHER_REGISTRY_REPORT_H

#include <jansson.h>

#include "launcher/control_session.h"
#include "launcher/registry_tree.h"
#include "registry/reg_text.h"

enum registry_format { REGISTRY_AS_TEXT, REGISTRY_AS_JSON, REGISTRY_AS_REG };

/* Starts all zero but for `format` and `error`. */
struct registry_report {
    enum registry_format format;
    struct reg_text_writer writer;
    json_t *list;
    struct control_path shown; /* the last key of which a line was printed */
    bool without_key;          /* of a .reg file: that key was left out, and so are its values */
    struct control_path name;
    struct pwk_error *error;
    size_t left_out;
};

int registry_report_begin(struct registry_report *report);
/* For registry_tree_compare; `context` is a struct registry_report. */
int registry_report_show(void *context, const struct registry_tree_difference *difference);
/* `rc`: how the comparison ended; answered, where the report itself has come to its end. */
int registry_report_end(struct registry_report *report, int rc);

#endif
