/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_interchange.c - pwkctl registry export and import: .reg files out of a kernel's registry
 * and into it.
 */
#include "launcher/control_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/registry_data.h"
#include "registry/reg_text.h"

/* ---- export ---- */

struct export
{
    struct control_session session;
    const char *file; /* NULL: standard output */
    FILE *stream;
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
    export->stream = export->file ? fopen(export->file, "we") : stdout;
    if (export->stream == NULL)
        return pwk_error_set(error, -errno, "%s: cannot be written: %s", export->file,
                             strerror(errno));
    reg_text_writer_init(&export->writer, format, write_bytes, export);
    rc = control_session_walk(session, &visitor);
    if (rc == 0)
        rc = reg_text_writer_finish(&export->writer);
    if (export->file && fclose(export->stream) != 0 && rc == 0)
        rc = pwk_error_set(error, -errno, "%s: cannot be written: %s", export->file,
                           strerror(errno));
    if (rc == 0 && export->left_out > 0)
        rc = pwk_error_set(
            error, -EILSEQ, "left out: %zu keys (with their values) and values, see above%s",
            export->left_out, format == REG_TEXT_4 ? "; --format reg5 can hold more" : "");
    return rc;
}

/* [--format reg5|reg4] [KEY] [FILE]: a KEY begins with a root. */
static bool export_words(int count, char *const words[], const char **key, const char **file,
                         enum reg_text_format *format)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--format") == 0 && i + 1 < count) {
            const char *word = words[++i];

            if (strcmp(word, "reg5") != 0 && strcmp(word, "reg4") != 0)
                return false;
            *format = word[3] == '4' ? REG_TEXT_4 : REG_TEXT_5;
        } else if (*key == NULL && *file == NULL && control_is_key(words[i])) {
            *key = words[i];
        } else if (*file == NULL && words[i][0] != '-') {
            *file = words[i];
        } else {
            return false;
        }
    }
    return true;
}

int control_export(const char *kernel, int count, char *const words[])
{
    static struct export export;
    struct control_session *session = &export.session;
    enum reg_text_format format = REG_TEXT_5;
    const char *key = NULL;
    int rc = 0;

    if (!export_words(count, words, &key, &export.file, &format))
        return CONTROL_USAGE;
    if (key != NULL)
        rc = control_session_set_path(session, key);
    if (rc == 0)
        rc = control_session_open(session, kernel, false);
    if (rc == 0)
        rc = export_all(&export, format);
    control_session_close(session);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &session->error);
}

/* ---- import ---- */

struct import {
    struct control_session session;
    const char *file;
    bool apply; /* else only check, and change nothing */
    struct control_path path;
    uint64_t key;
    struct control_progress progress;
};

static int refuse_key(struct import *import, const uint16_t *key, size_t units, const char *why)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (stream != NULL) {
        registry_data_print_units(stream, key, units < 200 ? units : 200);
        fclose(stream);
    }
    pwk_error_set(&import->session.error, -EINVAL, "%s: %s", text ? text : "a key", why);
    free(text);
    return -EINVAL;
}

static bool has_long_name(const struct control_path *path)
{
    size_t start = 0;

    for (size_t i = 0; i <= path->units; i++) {
        if (i < path->units && path->text[i] != '\\')
            continue;
        if (i - start > REGISTRY_MAX_KEY_NAME)
            return true;
        start = i + 1;
    }
    return false;
}

/* Sets the path, and tells what cannot be written before anything is. */
static int check_key(struct import *import, const uint16_t *key, size_t units, bool *is_root)
{
    uint64_t found;
    int rc = control_key_path(key, units, &import->path, is_root);

    if (rc == -ENAMETOOLONG)
        return refuse_key(import, key, units, "the path is too long");
    if (rc != 0)
        return refuse_key(import, key, units, "it begins with no root such as HKEY_CURRENT_USER");
    if (has_long_name(&import->path))
        return refuse_key(import, key, units, control_registry_reason(-EINVAL));
    rc = registry_lookup(import->session.registry, REGISTRY_ROOT_KEY, import->path.text,
                         import->path.units, 0, &found, NULL);
    if (rc == 0 || rc == -ENOENT || rc == -ENOTDIR)
        return 0;
    return refuse_key(import, key, units, control_registry_reason(rc));
}

static int import_key(void *context, const uint16_t *key, size_t units)
{
    struct import *import = context;
    int rc = check_key(import, key, units, NULL);

    if (rc != 0 || !import->apply)
        return rc;
    rc = control_create_key(import->session.registry, &import->path, &import->key);
    return rc == 0 ? 0 : refuse_key(import, key, units, control_registry_reason(rc));
}

static int delete_tree(registry_t *registry, uint64_t key);

/* -EXDEV where the subkey is passed through: what stands there is not the kernel's. */
static int delete_subkey(registry_t *registry, uint64_t parent, uint64_t subkey)
{
    uint16_t text[REGISTRY_MAX_KEY_NAME];
    const struct registry_buffer name = {text, sizeof(text)};
    struct registry_key_info info;
    int rc = registry_query_key(registry, subkey, false, &info, &name, NULL);

    if (rc == 0)
        rc = registry_lookup(registry, parent, text, info.name_bytes / sizeof(text[0]),
                             REGISTRY_OPEN_LINK, &subkey, NULL);
    if (rc == 0)
        rc = delete_tree(registry, subkey);
    return rc == -EIDRM || rc == -ENOENT ? 0 : rc;
}

/* Deletes the key with all below it. */
static int delete_tree(registry_t *registry, uint64_t key)
{
    struct control_subkeys subkeys = {0};
    int rc = control_list_subkeys(registry, key, &subkeys);

    for (size_t i = 0; rc == 0 && i < subkeys.count; i++)
        rc = delete_subkey(registry, key, subkeys.ids[i]);
    free(subkeys.ids);
    if (rc == 0)
        rc = registry_delete(registry, key);
    return rc == -EIDRM ? 0 : rc;
}

static int import_delete_key(void *context, const uint16_t *key, size_t units)
{
    struct import *import = context;
    bool is_root;
    int rc = check_key(import, key, units, &is_root);

    if (rc == 0 && is_root)
        return refuse_key(import, key, units, "a whole root cannot be deleted");
    if (rc != 0 || !import->apply)
        return rc;
    rc = registry_lookup(import->session.registry, REGISTRY_ROOT_KEY, import->path.text,
                         import->path.units, REGISTRY_OPEN_LINK, &import->key, NULL);
    if (rc == 0)
        rc = delete_tree(import->session.registry, import->key);
    return rc == 0 || rc == -ENOENT || rc == -ENOTDIR
               ? 0
               : refuse_key(import, key, units, control_registry_reason(rc));
}

static int import_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                        const void *data, size_t size)
{
    struct import *import = context;
    int rc = 0;

    if (units > REGISTRY_MAX_VALUE_NAME || size > REGISTRY_MAX_VALUE_SIZE)
        rc = -EINVAL;
    else if (import->apply)
        rc = registry_set_value(import->session.registry, import->key, name, units, type, data,
                                size);
    if (rc == -EINVAL)
        return refuse_key(import, name, units, "the value's name or data is too long");
    return rc == 0 ? 0 : refuse_key(import, name, units, control_registry_reason(rc));
}

static int import_delete_value(void *context, const uint16_t *name, size_t units)
{
    struct import *import = context;
    int rc = import->apply
                 ? registry_delete_value(import->session.registry, import->key, name, units)
                 : 0;

    return rc == 0 || rc == -ENOENT ? 0
                                    : refuse_key(import, name, units, control_registry_reason(rc));
}

static void show_progress(void *context, double share)
{
    struct import *import = context;

    if (import->apply)
        control_progress_show(&import->progress, share);
}

/* The whole of a file, or of standard input ("-"); to be freed. */
static int read_file(const char *file, char **text, size_t *size, struct pwk_error *error)
{
    FILE *stream = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
    size_t capacity = 0;
    int rc = 0;

    *text = NULL;
    *size = 0;
    while (rc == 0 && stream != NULL && !feof(stream)) {
        if (*size == capacity) {
            char *larger = realloc(*text, capacity = 2 * capacity + 65536);

            if (larger == NULL) {
                rc = pwk_error_set(error, -ENOMEM, "%s: no memory left", file);
                break;
            }
            *text = larger;
        }
        *size += fread(*text + *size, 1, capacity - *size, stream);
        if (ferror(stream))
            rc = pwk_error_set(error, -EIO, "%s: cannot be read: %s", file, strerror(errno));
    }
    if (stream == NULL)
        rc = pwk_error_set(error, -errno, "%s: cannot be read: %s", file, strerror(errno));
    else if (stream != stdin)
        fclose(stream);
    return rc;
}

/* Reads the text twice: the first time nothing is written, so that a file with an error anywhere
 * leaves the registry as it is. */
static int import_text(struct import *import, const char *text, size_t size)
{
    const struct reg_text_sink sink = {
        .context = import,
        .key = import_key,
        .delete_key = import_delete_key,
        .value = import_value,
        .delete_value = import_delete_value,
        .progress = show_progress,
    };
    struct reg_text_error where;
    int rc = 0;

    control_progress_start(&import->progress, import->file);
    for (int pass = 0; rc == 0 && pass < 2; pass++) {
        import->apply = pass == 1;
        rc = reg_text_read(text, size, &sink, &where);
    }
    control_progress_end(&import->progress);
    if (rc != 0) {
        struct pwk_error why = import->session.error;

        pwk_error_set(&import->session.error, rc, "%s:%zu: %s%s", import->file, where.line,
                      where.text[0] ? where.text : why.text,
                      import->apply ? "; what stands before that line has been imported" : "");
    }
    return rc;
}

int control_import(const char *kernel, int count, char *const words[])
{
    static struct import import;
    char *text = NULL;
    size_t size;
    int rc;

    if (count != 1 || (words[0][0] == '-' && words[0][1] != '\0'))
        return CONTROL_USAGE;
    import.file = words[0];
    rc = read_file(import.file, &text, &size, &import.session.error);
    if (rc == 0)
        rc = control_session_open(&import.session, kernel, true);
    if (rc == 0)
        rc = import_text(&import, text, size);
    free(text);
    control_session_close(&import.session);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &import.session.error);
}
