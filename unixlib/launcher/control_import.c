/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_import.c - pwkctl registry import: .reg files, hives, and registries of prefixes into a
 * kernel's registry, each as one batch: all of it or nothing.
 */
#include "launcher/control_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "launcher/control_apart.h"
#include "launcher/registry_data.h"
#include "registry/batch.h"
#include "registry/reg_text.h"
#include "registry/regf.h"
#include "registry/wine_text.h"

/* Not from the session: the user is told with the file's name and place. */
struct import {
    struct control_session session;
    const char *kernel, *word; /* where to, and what, as typed */
    const char *file;
    const char *at; /* --at KEY, or NULL */
    registry_batch_t *batch;
    struct control_progress progress;

    struct control_path path;
    uint64_t key;        /* the last one; 0: it is left out, with its values */
    uint64_t last_write; /* that it is to have; 0: now */
    size_t left_out;
    struct control_path base; /* of Wine's text */

    /* A hive's keys from its root to the last one, and their times. */
    uint64_t keys[REGF_MAX_DEPTH + 1];
    uint64_t times[REGF_MAX_DEPTH + 1];
    size_t depth;
    size_t total, done; /* bytes, roughly */
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

static int refuse(struct import *import, const uint16_t *key, size_t units, int rc)
{
    return refuse_key(import, key, units, control_registry_reason(rc));
}

static int go_on(struct import *import)
{
    return registry_batch_interrupted(import->batch)
               ? pwk_error_set(&import->session.error, -EINTR, "interrupted")
               : 0;
}

static int put_value(struct import *import, const uint16_t *name, size_t units, uint32_t type,
                     const void *data, size_t size)
{
    int rc = go_on(import);

    if (rc != 0 || import->key == 0)
        return rc;
    rc = registry_batch_set_value(import->batch, import->key, name, units, type, data, size);
    if (rc == -EINVAL)
        return refuse_key(import, name, units, "the value's name or data is too long");
    return rc == 0 ? 0 : refuse(import, name, units, rc);
}

static void show_progress(void *context, double share)
{
    struct import *import = context;

    control_progress_show(&import->progress, share);
}

static void count_progress(struct import *import, size_t bytes)
{
    import->done += bytes;
    if (import->total > 0 && import->done < import->total)
        show_progress(import, (double)import->done / (double)import->total);
}

/* Where the reader has no words for it, one of the functions that it calls has. */
static int name_line(struct import *import, int rc, size_t line, const char *text)
{
    struct pwk_error why = import->session.error;

    return pwk_error_set(&import->session.error, rc, "%s:%zu: %s", import->file, line,
                         text[0] != '\0' ? text
                         : rc == -ENOMEM ? "no memory left"
                                         : why.text);
}

/* ---- .reg files ---- */

static int read_key_path(struct import *import, const uint16_t *key, size_t units, bool *is_root)
{
    int rc = control_key_path(key, units, &import->path, is_root);

    if (rc == -ENAMETOOLONG)
        return refuse_key(import, key, units, "the path is too long");
    if (rc != 0)
        return refuse_key(import, key, units, "it begins with no root such as HKEY_CURRENT_USER");
    return go_on(import);
}

static int reg_key(void *context, const uint16_t *key, size_t units)
{
    struct import *import = context;
    int rc = read_key_path(import, key, units, NULL);

    if (rc != 0)
        return rc;
    rc = registry_batch_create(import->batch, REGISTRY_ROOT_KEY, import->path.text,
                               import->path.units, 0, &import->key);
    return rc == 0 ? 0 : refuse(import, key, units, rc);
}

static int reg_delete_key(void *context, const uint16_t *key, size_t units)
{
    struct import *import = context;
    bool is_root = false;
    uint64_t found;
    int rc = read_key_path(import, key, units, &is_root);

    if (rc == 0 && is_root)
        return refuse_key(import, key, units, "a whole root cannot be deleted");
    if (rc != 0)
        return rc;
    rc = registry_batch_find(import->batch, REGISTRY_ROOT_KEY, import->path.text,
                             import->path.units, REGISTRY_OPEN_LINK, &found);
    if (rc == 0)
        rc = registry_batch_delete_branch(import->batch, found);
    return rc == 0 || rc == -ENOENT || rc == -ENOTDIR ? 0 : refuse(import, key, units, rc);
}

static int reg_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                     const void *data, size_t size)
{
    return put_value(context, name, units, type, data, size);
}

static int reg_delete_value(void *context, const uint16_t *name, size_t units)
{
    struct import *import = context;
    int rc = registry_batch_delete_value(import->batch, import->key, name, units);

    return rc == 0 || rc == -ENOENT ? 0 : refuse(import, name, units, rc);
}

static int import_reg(struct import *import, const char *text, size_t size)
{
    const struct reg_text_sink sink = {import,    reg_key,          reg_delete_key,
                                       reg_value, reg_delete_value, show_progress};
    struct reg_text_error where;
    int rc = reg_text_read(text, size, &sink, &where);

    return rc == 0 ? 0 : name_line(import, rc, where.line, where.text);
}

/* ---- Wine's text ---- */

static int text_base(void *context, const uint16_t *path, size_t units)
{
    struct import *import = context;

    if (import->at != NULL)
        import->base = import->session.path;
    else if (control_text_base(path, units, &import->base) != 0)
        return refuse_key(import, path, units, "the path is too long");
    return 0;
}

static int end_text_key(struct import *import)
{
    uint64_t key = import->key;

    import->key = 0;
    return key == 0 || import->last_write == 0
               ? 0
               : registry_batch_set_last_write(import->batch, key, import->last_write);
}

static int text_key(void *context, const uint16_t *path, size_t units, uint64_t last_write,
                    const uint16_t *class_name, size_t class_units, bool link)
{
    struct import *import = context;
    struct control_path *whole = &import->path;
    const struct registry_batch_key data = {.last_write = last_write,
                                            .link = link,
                                            .class_name = class_name,
                                            .class_units = class_units};
    int rc = end_text_key(import);

    count_progress(import, units + 60);
    if (rc == 0)
        rc = go_on(import);
    if (rc != 0)
        return rc;
    *whole = import->base;
    if (units >= CONTROL_PATH_UNITS - whole->units)
        return refuse_key(import, path, units, "the path is too long");
    whole->text[whole->units++] = '\\';
    if (units > 0)
        memcpy(whole->text + whole->units, path, units * sizeof(*path));
    whole->units += units;
    rc = registry_batch_create(import->batch, REGISTRY_ROOT_KEY, whole->text, whole->units,
                               REGISTRY_OPEN_LINK, &import->key);
    if (rc == -EXDEV) {
        import->key = 0;
        import->left_out++;
        return 0;
    }
    import->last_write = last_write;
    if (rc == 0 && (units > 0 || import->at == NULL))
        rc = registry_batch_set_key(import->batch, import->key, &data);
    return rc == 0 ? 0 : refuse(import, path, units, rc);
}

static int text_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                      const void *data, size_t size)
{
    count_progress(context, units + size);
    return put_value(context, name, units, type, data, size);
}

static int import_wine_text(struct import *import, const char *text, size_t size)
{
    const struct wine_text_sink sink = {import, text_base, text_key, text_value};
    struct wine_text_error where;
    int rc = wine_text_parse(text, size, &sink, &where);

    if (rc == 0)
        rc = end_text_key(import);
    return rc == 0 ? 0 : name_line(import, rc, where.line, where.text);
}

/* ---- hives ---- */

static int note_hive(void *context, const struct regf_hive *hive)
{
    struct import *import = context;

    if (hive->dirty)
        fprintf(stderr,
                "pwkctl: %s: Windows did not finish writing it; what is in its logs is not read\n",
                import->file);
    return 0;
}

static bool is_key_name(const uint16_t *name, size_t units)
{
    for (size_t i = 0; i < units; i++)
        if (name[i] == '\\')
            return false;
    return units > 0 && units <= REGISTRY_MAX_KEY_NAME;
}

/* The hive's root is the key of --at, whose own time and class stay. */
static int hive_key(void *context, const struct regf_key *key)
{
    struct import *import = context;
    const struct registry_batch_key data = {key->last_write,  key->link,     key->class_name,
                                            key->class_units, key->security, key->security_size};
    bool root = import->depth == 0;
    int rc = go_on(import);

    count_progress(import, key->name_units + 80);
    if (rc != 0)
        return rc;
    if (root)
        rc = registry_batch_create(import->batch, REGISTRY_ROOT_KEY, import->session.path.text,
                                   import->session.path.units, 0, &import->key);
    else if (is_key_name(key->name, key->name_units))
        rc = registry_batch_create(import->batch, import->keys[import->depth - 1], key->name,
                                   key->name_units, REGISTRY_OPEN_LINK, &import->key);
    else
        rc = -EINVAL;
    if (rc == 0 && !root)
        rc = registry_batch_set_key(import->batch, import->key, &data);
    if (rc != 0)
        return root ? control_session_fail(&import->session, rc, "")
                    : refuse(import, key->name, key->name_units, rc);
    import->keys[import->depth] = import->key;
    import->times[import->depth++] = root ? 0 : key->last_write;
    return 0;
}

static int hive_value(void *context, const struct regf_value *value)
{
    count_progress(context, value->name_units + value->size + 20);
    return put_value(context, value->name, value->name_units, value->type, value->data,
                     value->size);
}

static int leave_hive_key(void *context)
{
    struct import *import = context;
    uint64_t time = import->times[--import->depth];

    return time ? registry_batch_set_last_write(import->batch, import->keys[import->depth], time)
                : 0;
}

static int import_hive(struct import *import, const char *image, size_t size)
{
    const struct regf_sink sink = {import, note_hive, hive_key, hive_value, leave_hive_key};
    struct regf_error where;
    int rc;

    import->depth = 0;
    rc = regf_parse(image, size, &sink, &where);
    if (rc == 0)
        return 0;
    if (where.text[0])
        return pwk_error_set(&import->session.error, rc,
                             "%s: no hive that can be read: at %llu: %s", import->file,
                             (unsigned long long)where.offset, where.text);
    if (rc == -ENOMEM)
        return pwk_error_set(&import->session.error, rc, "%s: no memory left", import->file);
    return rc;
}

/* ---- files ---- */

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

static bool begins_with(const char *text, size_t size, const char *start)
{
    return size >= strlen(start) && memcmp(text, start, strlen(start)) == 0;
}

/* What the bytes are, they say themselves. */
static int import_bytes(struct import *import, const char *text, size_t size)
{
    bool hive = begins_with(text, size, "regf");

    import->total = size;
    import->done = 0;
    if (hive && import->at == NULL)
        return pwk_error_set(&import->session.error, -EINVAL,
                             "%s: a hive does not say where it belongs: add --at KEY",
                             import->file);
    if (hive)
        return import_hive(import, text, size);
    if (begins_with(text, size, "WINE REGISTRY"))
        return import_wine_text(import, text, size);
    if (import->at != NULL)
        return pwk_error_set(&import->session.error, -EINVAL,
                             "%s: --at is for hives and Wine's text; a .reg file names its keys",
                             import->file);
    return import_reg(import, text, size);
}

struct source {
    char name[PATH_MAX];
    char *text; /* owned */
    size_t size;
};

#define MAX_SOURCES 3

/* What stock Wine last saved in a prefix; how many texts that is. */
static int read_prefix(const char *folder, struct source *sources, struct pwk_error *error)
{
    static const char *const names[MAX_SOURCES] = {"system.reg", "user.reg", "userdef.reg"};
    struct stat status;
    int count = 0;

    for (size_t i = 0; i < MAX_SOURCES; i++) {
        struct source *source = &sources[count];
        int rc;

        if (snprintf(source->name, sizeof(source->name), "%s/%s", folder, names[i]) >=
            (int)sizeof(source->name))
            return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", folder);
        if (i > 0 && stat(source->name, &status) != 0)
            continue;
        rc = read_file(source->name, &source->text, &source->size, error);
        if (rc != 0)
            return rc;
        count++;
    }
    return count;
}

static int read_sources(struct import *import, const char *word, struct source *sources)
{
    struct pwk_error *error = &import->session.error;
    struct stat status;
    int rc;

    if (strcmp(word, "-") == 0 || stat(word, &status) != 0 || !S_ISDIR(status.st_mode)) {
        snprintf(sources[0].name, sizeof(sources[0].name), "%s", word);
        rc = read_file(word, &sources[0].text, &sources[0].size, error);
        return rc == 0 ? 1 : rc;
    }
    if (import->at != NULL)
        return pwk_error_set(error, -EINVAL, "%s: --at is for one file, and this is a folder",
                             word);
    return read_prefix(word, sources, error);
}

static int import_sources(struct import *import, const char *word, const struct source *sources,
                          int count)
{
    struct control_session *session = &import->session;
    int rc = registry_begin_batch(session->registry, &import->batch);

    if (rc != 0)
        return control_session_fail(session, rc, "");
    control_progress_start(&import->progress, word);
    for (int i = 0; rc == 0 && i < count; i++) {
        import->file = sources[i].name;
        rc = import_bytes(import, sources[i].text, sources[i].size);
    }
    control_progress_end(&import->progress);
    if (rc != 0) {
        registry_end_batch(import->batch, rc);
        return rc;
    }
    rc = registry_end_batch(import->batch, 0);
    if (rc == 0 && import->left_out > 0)
        fprintf(stderr, "pwkctl: %s: left out: %zu keys that live in the session's registry\n",
                word, import->left_out);
    return rc == 0 ? 0
                   : pwk_error_set(&session->error, rc, "%s: nothing was imported: %s", word,
                                   control_registry_reason(rc));
}

/* All is read before the first lock is taken, since a pipe may take its time, and while files can
 * still be opened. */
static int import_all(struct import *import, const char *kernel, const char *word)
{
    static struct source sources[MAX_SOURCES];
    int count = read_sources(import, word, sources);
    int rc = count < 0 ? count : control_session_open(&import->session, kernel, true);

    if (rc == 0)
        rc = import_sources(import, word, sources, count);
    for (size_t i = 0; i < MAX_SOURCES; i++)
        free(sources[i].text);
    return rc;
}

/* FILE [--at KEY], in any order. */
static bool import_words(int count, char *const words[], const char **file, const char **at)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--at") == 0 && i + 1 < count && *at == NULL)
            *at = words[++i];
        else if (*file == NULL && (words[i][0] != '-' || words[i][1] == '\0'))
            *file = words[i];
        else
            return false;
    }
    return *file != NULL;
}

static int run(void *context, const struct control_channel *parent)
{
    struct import *import = context;
    struct control_session *session = &import->session;
    int rc = import->at != NULL ? control_session_set_path(session, import->at) : 0;

    (void)parent;
    if (rc == 0)
        rc = import_all(import, import->kernel, import->word);
    control_session_close(session);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &session->error);
}

int control_import(const char *kernel, int count, char *const words[])
{
    static struct import import;

    import.kernel = kernel;
    if (!import_words(count, words, &import.word, &import.at))
        return CONTROL_USAGE;
    return control_run_apart(
        &(struct control_apart){.kernel = kernel, .context = &import, .work = run});
}
