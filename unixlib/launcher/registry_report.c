/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_report.c - see registry_report.h.
 */
#include "launcher/registry_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/registry_data.h"

static bool is_shown(const struct registry_report *report)
{
    return report->shown.units == report->name.units &&
           memcmp(report->shown.text, report->name.text,
                  report->name.units * sizeof(report->name.text[0])) == 0;
}

static void print_key(struct registry_report *report, char sign)
{
    report->shown = report->name;
    printf("%c [", sign);
    registry_data_print_units(stdout, report->name.text, report->name.units);
    puts("]");
}

static void print_value(char sign, const struct registry_tree_value *value)
{
    if (value == NULL)
        return;
    printf("%c   ", sign);
    registry_data_print_value(stdout, value->name, value->units, value->type, value->data,
                              value->size);
}

static int show_text(struct registry_report *report,
                     const struct registry_tree_difference *difference)
{
    if (difference->key) {
        print_key(report, difference->after ? '+' : '-');
        return 0;
    }
    if (!is_shown(report))
        print_key(report, ' ');
    print_value('-', difference->old_value);
    print_value('+', difference->new_value);
    return 0;
}

static int add_json(struct registry_report *report,
                    const struct registry_tree_difference *difference)
{
    const struct registry_tree_value *before = difference->old_value;
    const struct registry_tree_value *after = difference->new_value;
    bool added = difference->key ? difference->after : before == NULL;
    bool removed = difference->key ? difference->before : after == NULL;
    json_t *object =
        json_pack("{s:s, s:o}", "change",
                  added     ? "added"
                  : removed ? "removed"
                            : "changed",
                  "key", registry_data_units_json(report->name.text, report->name.units));
    int rc = object == NULL;

    if (!difference->key) {
        const struct registry_tree_value *named = after ? after : before;

        rc |= json_object_set_new(object, "value",
                                  registry_data_units_json(named->name, named->units));
        if (before != NULL)
            rc |= json_object_set_new(object, "before",
                                      registry_data_json(before->type, before->data, before->size));
        if (after != NULL)
            rc |= json_object_set_new(object, "after",
                                      registry_data_json(after->type, after->data, after->size));
    }
    rc |= json_array_append_new(report->list, object);
    return rc == 0 ? 0 : pwk_error_set(report->error, -ENOMEM, "no memory left");
}

/* The line that `difference` needs before its values can be written, or that is all of it. */
static int write_reg_key(struct registry_report *report,
                         const struct registry_tree_difference *difference)
{
    const struct control_path *name = &report->name;

    report->shown = *name;
    if (difference->key && !difference->after)
        return reg_text_write_delete_key(&report->writer, name->text, name->units);
    /* A link has no notation in a .reg file. */
    return difference->link ? -EILSEQ
                            : reg_text_write_key(&report->writer, name->text, name->units);
}

static int write_reg(struct registry_report *report,
                     const struct registry_tree_difference *difference)
{
    const struct registry_tree_value *before = difference->old_value;
    const struct registry_tree_value *after = difference->new_value;
    bool new_key = difference->key || !is_shown(report);
    int rc = 0;

    if (new_key)
        rc = write_reg_key(report, difference);
    else if (report->without_key)
        return 0;
    report->without_key = new_key && rc != 0;
    if (rc == 0 && after != NULL)
        rc = reg_text_write_value(&report->writer, after->name, after->units, after->type,
                                  after->data, after->size);
    else if (rc == 0 && before != NULL)
        rc = reg_text_write_delete_value(&report->writer, before->name, before->units);
    if (rc != -EILSEQ)
        return rc;
    report->left_out++;
    fputs("pwkctl: left out: ", stderr);
    registry_data_print_units(stderr, report->name.text, report->name.units);
    fprintf(stderr, ": a .reg file cannot hold %s\n", difference->link ? "a link" : "it");
    return 0;
}

int registry_report_show(void *context, const struct registry_tree_difference *difference)
{
    static int (*const by_format[])(struct registry_report *,
                                    const struct registry_tree_difference *) = {
        [REGISTRY_AS_TEXT] = show_text,
        [REGISTRY_AS_JSON] = add_json,
        [REGISTRY_AS_REG] = write_reg};
    struct registry_report *report = context;

    if (control_key_name(difference->path, difference->units, &report->name) != 0)
        return pwk_error_set(report->error, -ENAMETOOLONG, "the path of a key is too long");
    return by_format[report->format](report, difference);
}

static int write_bytes(void *context, const void *bytes, size_t size)
{
    struct registry_report *report = context;

    if (fwrite(bytes, 1, size, stdout) == size)
        return 0;
    return pwk_error_set(report->error, -EIO, "standard output: cannot be written: %s",
                         strerror(errno));
}

/* ---- all of them ---- */

int registry_report_begin(struct registry_report *report)
{
    if (report->format == REGISTRY_AS_JSON && (report->list = json_array()) == NULL)
        return pwk_error_set(report->error, -ENOMEM, "no memory left");
    if (report->format == REGISTRY_AS_REG)
        reg_text_writer_init(&report->writer, REG_TEXT_5, write_bytes, report);
    return 0;
}

int registry_report_end(struct registry_report *report, int rc)
{
    if (rc == 0 && report->format == REGISTRY_AS_REG)
        rc = reg_text_writer_finish(&report->writer);
    if (rc == 0 && report->format == REGISTRY_AS_JSON) {
        if (json_dumpf(report->list, stdout, JSON_INDENT(2)) != 0)
            rc = pwk_error_set(report->error, -EIO, "the answer cannot be written");
        putchar('\n');
    }
    json_decref(report->list);
    report->list = NULL;
    if (rc == 0 && report->left_out > 0)
        rc = pwk_error_set(report->error, -EILSEQ, "%zu differences were left out: see above",
                           report->left_out);
    return rc;
}
