/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_diff.c - pwkctl registry diff: what leads from the prefix's registry, or another
 * kernel's, to a kernel's.
 */
#include "launcher/control_session.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/state.h"
#include "launcher/registry_data.h"
#include "launcher/registry_tree.h"
#include "registry/reg_text.h"
#include "registry/wine_text.h"

#define LOWER_TRIES 5 /* the file is replaced where a running kernel follows the prefix */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What a profile need not pass through, and yet says nothing about a program: every start of Wine
 * writes it anew, from the host's clock and devices. */
static const struct pwk_profile noise = {
    .passthrough =
        {
            "\\Registry\\Machine\\System\\CurrentControlSet\\Control\\TimeZoneInformation",
            "\\Registry\\Machine\\System\\ControlSet001\\Control\\TimeZoneInformation",
            "\\Registry\\DynData",
        },
    .passthrough_count = 3,
};

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_REG };

/* One of the two sides while it is read. */
struct side {
    struct registry_tree *tree;
    struct registry_tree_key *key;             /* the last one; NULL: it is left out */
    const struct pwk_profile *const *profiles; /* what they pass through is left out */
    struct control_path base;                  /* of Wine's text */
    struct control_path path;
};

/* ---- reading ---- */

static int add_key(struct side *side, const uint16_t *path, size_t units, bool link)
{
    side->key = NULL;
    for (size_t i = 0; side->profiles[i] != NULL; i++)
        if (control_passed_through(side->profiles[i], path, units))
            return 0;
    return registry_tree_add_key(side->tree, path, units, link, &side->key);
}

static int add_value(struct side *side, const uint16_t *name, size_t units, uint32_t type,
                     const void *data, size_t size)
{
    const struct registry_tree_value value = {name, units, type, data, size};

    return side->key == NULL ? 0 : registry_tree_add_value(side->tree, side->key, &value);
}

/* Volatile keys go with the kernel's last process, and no prefix saves any. */
static int walk_key(void *context, const struct control_key *key)
{
    struct side *side = context;

    side->key = NULL;
    return key->elsewhere || key->is_volatile ? 0 : add_key(side, key->path, key->units, key->link);
}

static int walk_value(void *context, const struct control_key *key, const uint16_t *name,
                      size_t units, uint32_t type, const void *data, size_t size)
{
    (void)key;
    return add_value(context, name, units, type, data, size);
}

static int read_kernel(struct side *side, struct control_session *session)
{
    const struct control_visitor visitor = {side, UINT_MAX, walk_key, walk_value};
    int rc = control_session_walk(session, &visitor);

    if (rc == -ENOMEM)
        pwk_error_set(&session->error, rc, "no memory left");
    return rc;
}

static int text_base(void *context, const uint16_t *path, size_t units)
{
    struct side *side = context;

    return control_text_base(path, units, &side->base);
}

static int text_key(void *context, const uint16_t *path, size_t units, uint64_t last_write,
                    const uint16_t *class_name, size_t class_units, bool link)
{
    struct side *side = context;
    struct control_path *whole = &side->path;
    size_t skip = 0;

    (void)last_write, (void)class_name, (void)class_units;
    while (skip < side->base.units && side->base.text[skip] == '\\')
        skip++;
    whole->units = side->base.units - skip;
    memcpy(whole->text, side->base.text + skip, whole->units * sizeof(*path));
    if (units > 0) {
        if (units > COUNT_OF(whole->text) - whole->units - 1)
            return -EINVAL;
        if (whole->units > 0)
            whole->text[whole->units++] = '\\';
        memcpy(whole->text + whole->units, path, units * sizeof(*path));
        whole->units += units;
    }
    return add_key(side, whole->text, whole->units, link);
}

static int text_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                      const void *data, size_t size)
{
    return add_value(context, name, units, type, data, size);
}

/* -ENOENT, without a line, where there is no such file. */
static int read_text(struct side *side, const char *path, struct pwk_error *error)
{
    const struct wine_text_sink sink = {side, text_base, text_key, text_value};
    struct wine_text_error where;
    struct stat status;
    void *text = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int rc = 0;

    if (fd < 0 && errno == ENOENT)
        return -ENOENT;
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0)
        text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    else if (fd >= 0)
        errno = EINVAL;
    if (text == MAP_FAILED) {
        rc = pwk_error_set(error, -errno, "%s: cannot be read: %s", path, strerror(errno));
    } else {
        rc = wine_text_parse(text, (size_t)status.st_size, &sink, &where);
        munmap(text, (size_t)status.st_size);
        if (rc != 0)
            pwk_error_set(error, rc, "%s:%zu: %s", path, where.line,
                          where.text[0]   ? where.text
                          : rc == -ENOMEM ? "no memory left"
                                          : "the path is too long");
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

static int read_prefix(struct side *side, struct pwk_error *error)
{
    static const char *const names[] = {"system.reg", "user.reg", "userdef.reg"};
    char prefix[PATH_MAX];
    char path[PATH_MAX + 16];
    int rc = pwk_prefix_path(prefix, error);

    for (size_t i = 0; rc == 0 && i < COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", prefix, names[i]);
        rc = read_text(side, path, error);
        if (rc == -ENOENT)
            rc = i > 0 ? 0 : pwk_error_set(error, rc, "%s: there is no such file", path);
    }
    return rc;
}

/* What the kernel's registry is a layer over, or was copied from: as it last was there, so that what
 * the prefix changed since does not pass for the kernel's doing. */
static int read_lower(struct side *side, struct control_session *session)
{
    char path[PATH_MAX];
    int rc = -ENOENT;

    for (int tries = 0; rc == -ENOENT && tries < LOWER_TRIES; tries++) {
        rc = registry_lower_file(session->registry, path);
        if (rc == 0)
            rc = read_text(side, path, &session->error);
    }
    return rc == -ENOENT ? read_prefix(side, &session->error) : rc;
}

/* A kernel's registry holds the keys on the way to what is passed through, whether the prefix saves
 * them or not: they say nothing about a program. */
static int add_ways(struct side *side, const struct pwk_profile *profile, struct pwk_error *error)
{
    struct control_path whole, path;

    for (size_t i = 0; i < profile->passthrough_count; i++) {
        const char *text = profile->passthrough[i];
        struct registry_tree_key *key;
        int rc = 0;

        if (registry_data_to_units(text, whole.text, COUNT_OF(whole.text), &whole.units) &&
            control_key_path(whole.text, whole.units, &path, NULL) == 0) {
            while (path.units > 0 && path.text[path.units - 1] != '\\')
                path.units--;
            rc = registry_tree_add_key(side->tree, path.text, path.units, false, &key);
        }
        if (rc == -ENOMEM)
            return pwk_error_set(error, rc, "no memory left");
    }
    return 0;
}

/* ---- showing ---- */

struct report {
    enum format format;
    struct reg_text_writer writer;
    json_t *list;
    struct control_path shown; /* the last key of which a line was printed */
    bool without_key;          /* of a .reg file: that key was left out, and so are its values */
    struct control_path name;
    struct pwk_error *error;
    size_t left_out;
};

static bool is_shown(const struct report *report)
{
    return report->shown.units == report->name.units &&
           memcmp(report->shown.text, report->name.text,
                  report->name.units * sizeof(report->name.text[0])) == 0;
}

static void print_key(struct report *report, char sign)
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

static int show_text(struct report *report, const struct registry_tree_difference *difference)
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

static int add_json(struct report *report, const struct registry_tree_difference *difference)
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
static int write_reg_key(struct report *report, const struct registry_tree_difference *difference)
{
    const struct control_path *name = &report->name;

    report->shown = *name;
    if (difference->key && !difference->after)
        return reg_text_write_delete_key(&report->writer, name->text, name->units);
    /* A link has no notation in a .reg file. */
    return difference->link ? -EILSEQ
                            : reg_text_write_key(&report->writer, name->text, name->units);
}

static int write_reg(struct report *report, const struct registry_tree_difference *difference)
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

static int show(void *context, const struct registry_tree_difference *difference)
{
    static int (*const by_format[])(struct report *, const struct registry_tree_difference *) = {
        [FORMAT_TEXT] = show_text, [FORMAT_JSON] = add_json, [FORMAT_REG] = write_reg};
    struct report *report = context;

    if (control_key_name(difference->path, difference->units, &report->name) != 0)
        return pwk_error_set(report->error, -ENAMETOOLONG, "the path of a key is too long");
    return by_format[report->format](report, difference);
}

static int write_bytes(void *context, const void *bytes, size_t size)
{
    struct report *report = context;

    if (fwrite(bytes, 1, size, stdout) == size)
        return 0;
    return pwk_error_set(report->error, -EIO, "standard output: cannot be written: %s",
                         strerror(errno));
}

static int show_all(struct report *report, struct registry_tree *before,
                    struct registry_tree *after)
{
    int rc;

    if (report->format == FORMAT_JSON && (report->list = json_array()) == NULL)
        return pwk_error_set(report->error, -ENOMEM, "no memory left");
    if (report->format == FORMAT_REG)
        reg_text_writer_init(&report->writer, REG_TEXT_5, write_bytes, report);
    rc = registry_tree_compare(before, after, show, report);
    if (rc == 0 && report->format == FORMAT_REG)
        rc = reg_text_writer_finish(&report->writer);
    if (rc == 0 && report->format == FORMAT_JSON) {
        if (json_dumpf(report->list, stdout, JSON_INDENT(2)) != 0)
            rc = pwk_error_set(report->error, -EIO, "the answer cannot be written");
        putchar('\n');
    }
    json_decref(report->list);
    if (rc == 0 && report->left_out > 0)
        rc = pwk_error_set(report->error, -EILSEQ, "%zu differences were left out: see above",
                           report->left_out);
    return rc;
}

/* ---- the command ---- */

static bool diff_words(int count, char *const words[], const char **other, enum format *format)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--json") == 0)
            *format = FORMAT_JSON;
        else if (strcmp(words[i], "--reg") == 0)
            *format = FORMAT_REG;
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
    static struct report report;
    static struct side before, after;
    const struct pwk_profile *profiles[] = {&noise, &session.profile, &other_session.profile, NULL};
    const char *other = NULL;
    int rc;

    if (!diff_words(count, words, &other, &report.format))
        return CONTROL_USAGE;
    report.error = &session.error;
    before = (struct side){.tree = registry_tree_create(), .profiles = profiles};
    after = (struct side){.tree = registry_tree_create(), .profiles = profiles};
    rc = before.tree == NULL || after.tree == NULL
             ? pwk_error_set(&session.error, -ENOMEM, "no memory left")
             : control_session_open(&session, kernel, false);
    if (rc == 0 && other != NULL) {
        rc = control_session_open(&other_session, other, false);
        if (rc == 0)
            rc = read_kernel(&before, &other_session);
        if (rc != 0)
            session.error = other_session.error;
    } else if (rc == 0) {
        rc = read_lower(&before, &session);
    }
    if (rc == 0)
        rc = read_kernel(&after, &session);
    for (size_t i = 0; rc == 0 && profiles[i] != NULL; i++) {
        rc = add_ways(&before, profiles[i], &session.error);
        if (rc == 0)
            rc = add_ways(&after, profiles[i], &session.error);
    }
    if (rc == 0)
        rc = show_all(&report, before.tree, after.tree);
    registry_tree_destroy(before.tree);
    registry_tree_destroy(after.tree);
    control_session_close(&session);
    control_session_close(&other_session);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &session.error);
}
