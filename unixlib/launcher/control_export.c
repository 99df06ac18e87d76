/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_export.c - pwkctl registry export: a kernel's registry, or a part of it, as a .reg file
 * or a hive.
 */
#include "launcher/control_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/control_apart.h"
#include "launcher/registry_data.h"
#include "registry/hive_files.h"
#include "registry/reg_text.h"

enum format { FORMAT_REG5, FORMAT_REG4, FORMAT_REGF };

struct export
{
    struct control_session session;
    const char *kernel, *key; /* as typed; the key may be NULL */
    const char *file;         /* NULL: standard output */
    enum format format;
    FILE *stream; /* of a file: to the parent, which writes it */
    struct reg_text_writer writer;
    struct control_path name;
    bool without_key; /* the last key was left out: so are its values */
    size_t left_out;
};

static int write_bytes(void *context, const void *bytes, size_t size)
{
    struct export *export = context;

    if (fwrite(bytes, 1, size, export->stream) == size)
        return 0;
    return pwk_error_set(&export->session.error, -EIO, "%s: cannot be written: %s",
                         export->file ? export->file : "standard output", strerror(errno));
}

/* The parent opens the file when the first byte comes: before that it is not overwritten. */
static int close_stream(struct export *export, int rc)
{
    if (fflush(export->stream) != 0 && rc == 0)
        rc = pwk_error_set(&export->session.error, -errno, "%s: cannot be written: %s",
                           export->file ? export->file : "standard output", strerror(errno));
    return rc;
}

/* What the format has no notation for is named, and makes the command fail at its end. */
static int leave_out(struct export *export, const uint16_t *value, size_t units)
{
    fputs("pwkctl: left out: ", stderr);
    registry_data_print_units(stderr, export->name.text, export->name.units);
    if (value != NULL) {
        fputs(units ? ", value " : ", the default value", stderr);
        registry_data_print_units(stderr, value, units);
    }
    fprintf(stderr, ": %s cannot hold it\n",
            export->writer.format == REG_TEXT_4 ? "a REGEDIT4 file" : "a .reg file");
    export->left_out++;
    return 0;
}

/* Links are left out: what they lead to stands under its own name. */
static int export_key(void *context, const struct control_key *key)
{
    struct export *export = context;
    int rc;

    export->without_key = true;
    if (key->link || key->elsewhere || key->units == 0)
        return 0;
    rc = control_key_name(key->path, key->units, &export->name);
    if (rc == 0)
        rc = reg_text_write_key(&export->writer, export->name.text, export->name.units);
    export->without_key = rc != 0;
    return rc == -EILSEQ || rc == -ENAMETOOLONG ? leave_out(export, NULL, 0) : rc;
}

static int export_value(void *context, const struct control_key *key, const uint16_t *name,
                        size_t units, uint32_t type, const void *data, size_t size)
{
    struct export *export = context;
    int rc;

    (void)key;
    if (export->without_key)
        return 0;
    rc = reg_text_write_value(&export->writer, name, units, type, data, size);
    return rc == -EILSEQ ? leave_out(export, name, units) : rc;
}

static int export_all(struct export *export, enum reg_text_format format)
{
    const struct control_visitor visitor = {export, UINT_MAX, export_key, export_value};
    struct control_session *session = &export->session;
    struct pwk_error *error = &session->error;
    uint64_t key;
    int rc = registry_lookup(session->registry, REGISTRY_ROOT_KEY, session->path.text,
                             session->path.units, 0, &key, NULL);

    if (rc != 0)
        return control_session_fail(session, rc, ""); /* before a file is overwritten */
    reg_text_writer_init(&export->writer, format, write_bytes, export);
    rc = control_session_walk(session, &visitor);
    if (rc == 0)
        rc = reg_text_writer_finish(&export->writer);
    rc = close_stream(export, rc);
    if (rc == 0 && export->left_out > 0)
        rc = pwk_error_set(
            error, -EILSEQ, "left out: %zu keys (with their values) and values, see above%s",
            export->left_out, format == REG_TEXT_4 ? "; --format reg5 can hold more" : "");
    return rc;
}

/* One state of the key, links and all, as a hive of Windows'. */
static int export_hive(struct export *export)
{
    struct control_session *session = &export->session;
    struct registry_error why = {""};
    void *image = NULL;
    size_t size;
    uint64_t key;
    int rc = registry_lookup(session->registry, REGISTRY_ROOT_KEY, session->path.text,
                             session->path.units, 0, &key, NULL);

    if (rc == 0)
        rc = registry_save_hive(session->registry, key, REGISTRY_HIVE_LATEST, &image, &size, &why);
    if (rc != 0)
        return why.text[0]
                   ? pwk_error_set(&session->error, rc, "%s: %s", session->key_name, why.text)
                   : control_session_fail(session, rc, "");
    rc = write_bytes(export, image, size);
    free(image);
    return close_stream(export, rc);
}

static bool format_word(const char *word, enum format *format)
{
    static const char *const words[] = {"reg5", "reg4", "regf"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i]) == 0) {
            *format = (enum format)i;
            return true;
        }
    }
    return false;
}

/* [--format reg5|reg4|regf] [KEY] [FILE]: a KEY begins with a root; a hive is of one. */
static bool export_words(int count, char *const words[], const char **key, const char **file,
                         enum format *format)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--format") == 0 && i + 1 < count) {
            if (!format_word(words[++i], format))
                return false;
        } else if (*key == NULL && *file == NULL && control_is_key(words[i])) {
            *key = words[i];
        } else if (*file == NULL && words[i][0] != '-') {
            *file = words[i];
        } else {
            return false;
        }
    }
    return *format != FORMAT_REGF || *key != NULL;
}

/* ---- the two processes ---- */

static int run(void *context, const struct control_channel *parent)
{
    struct export *export = context;
    struct control_session *session = &export->session;
    int rc = export->key != NULL ? control_session_set_path(session, export->key) : 0;

    export->stream = export->file ? fdopen(parent->to, "we") : stdout;
    if (export->stream == NULL)
        rc = pwk_error_set(&session->error, -ENOMEM, "no memory left");
    /* A hive is made under the writers' lock. */
    if (rc == 0)
        rc = control_session_open(session, export->kernel, export->format == FORMAT_REGF);
    if (rc == 0)
        rc = export->format == FORMAT_REGF
                 ? export_hive(export)
                 : export_all(export, export->format == FORMAT_REG4 ? REG_TEXT_4 : REG_TEXT_5);
    control_session_close(session);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &session->error);
}

static int fail_to_write(const char *file)
{
    struct pwk_error error;

    pwk_error_set(&error, 0, "%s: cannot be written: %s", file, strerror(errno));
    return control_fail(CONTROL_FAILED, &error);
}

/* What the child writes goes to the file. */
static int write_file(void *context, const struct control_channel *child)
{
    const struct export *export = context;
    static char bytes[1 << 16];
    ssize_t got;
    int fd = -1;

    while ((got = read(child->from, bytes, sizeof(bytes))) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_to_write(export->file);
        if (fd < 0)
            fd = open(export->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd < 0 || !control_send(fd, bytes, (size_t)got))
            return fail_to_write(export->file);
    }
    return fd >= 0 && close(fd) != 0 ? fail_to_write(export->file) : CONTROL_OK;
}

int control_export(const char *kernel, int count, char *const words[])
{
    static struct export export;
    struct control_apart apart = {.kernel = kernel, .context = &export, .work = run};

    export.kernel = kernel;
    if (!export_words(count, words, &export.key, &export.file, &export.format))
        return CONTROL_USAGE;
    if (export.file != NULL)
        apart.serve = write_file;
    return control_run_apart(&apart);
}
