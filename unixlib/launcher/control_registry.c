/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_registry.c - pwkctl registry: reads and changes a kernel's registry. UTF-8 outside,
 * UTF-16 inside.
 */
#include "launcher/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "kernel/profile.h"
#include "launcher/facts.h"
#include "launcher/registry_data.h"
#include "registry/registry.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_PATH_UNITS 2048
#define MAX_DEPTH 512

static const char usage[] = "registry NAME get KEY [VALUE] | ls KEY [-r] | delete KEY [VALUE]\n"
                            "       pwkctl registry NAME set KEY VALUE "
                            "[--type sz|expand_sz|multi_sz|dword|qword|binary|none] DATA...";

/* A root and where it is below \Registry. HKCU is the one user that Wine has. */
static const struct {
    const char *name;
    const char *path;
} roots[] = {
    {"HKLM", "Machine"},
    {"HKEY_LOCAL_MACHINE", "Machine"},
    {"HKCU", "User\\S-1-5-21-0-0-0-1000"},
    {"HKEY_CURRENT_USER", "User\\S-1-5-21-0-0-0-1000"},
    {"HKCR", "Machine\\Software\\Classes"},
    {"HKEY_CLASSES_ROOT", "Machine\\Software\\Classes"},
    {"HKU", "User"},
    {"HKEY_USERS", "User"},
    {"HKCC", "Machine\\System\\CurrentControlSet\\Hardware Profiles\\Current"},
    {"HKEY_CURRENT_CONFIG", "Machine\\System\\CurrentControlSet\\Hardware Profiles\\Current"},
    {"\\Registry", ""},
};

/* One command at work. */
struct session {
    registry_t *registry;
    const char *key_name; /* as typed, for error lines */
    uint16_t path[MAX_PATH_UNITS];
    size_t path_units;
    struct pwk_error error;
};

static int fail(struct session *session, int rc, const char *what)
{
    const char *why = strerror(-rc);

    if (rc == -ENOENT || rc == -ENOTDIR)
        why = "it does not exist";
    else if (rc == -EXDEV)
        why = "it lives in the session's registry, which all kernels share: use reg.exe";
    else if (rc == -ENOTEMPTY)
        why = "it has subkeys: delete them first";
    else if (rc == -EINVAL)
        why = "no registry may hold such a name";
    else if (rc == -ELOOP)
        why = "its links lead in a circle";
    else if (rc == -EUCLEAN)
        why = "the store is damaged";
    return pwk_error_set(&session->error, rc, "%s%s%s: %s", session->key_name,
                         what[0] == '\0' ? "" : ": ", what, why);
}

/* The key's path below \Registry. */
static int set_path(struct session *session, const char *key)
{
    char text[MAX_PATH_UNITS * 3];

    session->key_name = key;
    for (size_t i = 0; i < COUNT_OF(roots); i++) {
        size_t length = strlen(roots[i].name);

        if (strncasecmp(key, roots[i].name, length) != 0 ||
            (key[length] != '\\' && key[length] != '\0'))
            continue;
        if (snprintf(text, sizeof(text), "%s%s", roots[i].path, key + length) < (int)sizeof(text) &&
            registry_data_to_units(text, session->path, MAX_PATH_UNITS, &session->path_units))
            return 0;
        return pwk_error_set(&session->error, -EINVAL, "%s: too long, or not UTF-8", key);
    }
    return pwk_error_set(&session->error, -EINVAL,
                         "%s: write a key as HKLM\\..., HKCU\\..., HKCR\\..., HKU\\..., HKCC\\... "
                         "or \\Registry\\...",
                         key);
}

static int find_key(struct session *session, uint64_t *key)
{
    int rc = registry_lookup(session->registry, REGISTRY_ROOT_KEY, session->path,
                             session->path_units, 0, key, NULL);

    return rc == 0 ? 0 : fail(session, rc, "");
}

/* A value's name; "@" stands for the default value, as in .reg files. */
struct value_name {
    uint16_t units[REGISTRY_MAX_VALUE_NAME];
    size_t count;
};

static int read_value_name(struct session *session, const char *text, struct value_name *name)
{
    if (strcmp(text, "@") == 0)
        text = "";
    if (registry_data_to_units(text, name->units, COUNT_OF(name->units), &name->count))
        return 0;
    return pwk_error_set(&session->error, -EINVAL, "%s: too long a name, or not UTF-8", text);
}

/* Makes room for `size` bytes. */
static int grow(struct session *session, struct registry_buffer *buffer, size_t size)
{
    void *data;

    if (size <= buffer->capacity)
        return 0;
    data = realloc(buffer->data, size);
    if (data == NULL)
        return fail(session, -ENOMEM, "");
    buffer->data = data;
    buffer->capacity = size;
    return 0;
}

/* ---- get ---- */

static int get_value(struct session *session, uint64_t key, const char *value)
{
    static struct value_name name;
    struct registry_value_info info = {0};
    struct registry_buffer data = {0};
    int rc = read_value_name(session, value, &name);

    /* Somebody may set a longer value meanwhile. */
    while (rc == 0) {
        rc = registry_query_value(session->registry, key, name.units, name.count, &info, &data);
        if (rc != 0)
            fail(session, rc, value);
        else if (info.data_bytes <= data.capacity)
            break;
        else
            rc = grow(session, &data, info.data_bytes);
    }
    if (rc == 0) {
        registry_data_print(stdout, info.type, data.data, info.data_bytes, '\n');
        putchar('\n');
    }
    free(data.data);
    return rc;
}

/* Name, type and data, parted by tabs. */
static int get_all_values(struct session *session, uint64_t key)
{
    static uint16_t units[REGISTRY_MAX_VALUE_NAME];
    const struct registry_buffer name = {.data = units, .capacity = sizeof(units)};
    struct registry_buffer data = {0};
    struct registry_value_info info = {0};
    uint32_t index = 0;
    int rc = 0;

    while (rc == 0) {
        rc = registry_enumerate_value(session->registry, key, index, &info, &name, &data);
        if (rc != 0)
            break;
        if (info.data_bytes > data.capacity) {
            rc = grow(session, &data, info.data_bytes);
            continue;
        }
        if (info.name_bytes == 0)
            putchar('@');
        registry_data_print_units(stdout, units, info.name_bytes / sizeof(units[0]));
        printf("\t%s\t", registry_data_type_word(info.type));
        registry_data_print(stdout, info.type, data.data, info.data_bytes, ' ');
        putchar('\n');
        index++;
    }
    free(data.data);
    if (rc == -ENODATA)
        return 0;
    return rc == -ENOMEM ? rc : fail(session, rc, "");
}

static int run_get(struct session *session, int count, char *const words[])
{
    uint64_t key;
    int rc = find_key(session, &key);

    if (rc != 0)
        return rc;
    return count == 1 ? get_value(session, key, words[0]) : get_all_values(session, key);
}

/* ---- ls ---- */

/* Prints the subkeys of `key`, whose own name below the one asked for is the first `length` units
 * of `path`. */
static int list_keys(struct session *session, uint64_t key, uint16_t path[MAX_PATH_UNITS],
                     size_t length, bool recursive, unsigned depth)
{
    const size_t room = (MAX_PATH_UNITS - length) * sizeof(path[0]);
    const struct registry_buffer name = {.data = path + length, .capacity = room};
    struct registry_key_info info;

    for (uint32_t index = 0;; index++) {
        uint64_t subkey;
        size_t end;
        int rc = registry_enumerate_key(session->registry, key, index, &subkey);

        if (rc == 0)
            rc = registry_query_key(session->registry, subkey, false, &info, &name, NULL);
        if (rc == -EIDRM)
            return 0; /* deleted while we looked: what is left has other indexes */
        if (rc != 0)
            return rc == -ENODATA ? 0 : rc;
        if (info.name_bytes > room || depth > MAX_DEPTH)
            return -ENAMETOOLONG;
        end = length + info.name_bytes / sizeof(path[0]);
        registry_data_print_units(stdout, path, end);
        putchar('\n');
        /* A link is shown, not followed: what it leads to stands elsewhere. */
        if (!recursive || (info.flags & REGISTRY_CREATE_LINK) != 0 || end == MAX_PATH_UNITS)
            continue;
        path[end] = '\\';
        rc = list_keys(session, subkey, path, end + 1, true, depth + 1);
        if (rc != 0)
            return rc;
    }
}

static int run_ls(struct session *session, int count, char *const words[])
{
    static uint16_t path[MAX_PATH_UNITS];
    uint64_t key;
    int rc = find_key(session, &key);

    (void)words;
    if (rc != 0)
        return rc;
    rc = list_keys(session, key, path, 0, count == 1, 0);
    return rc == 0 ? 0 : fail(session, rc, "");
}

/* ---- set, delete ---- */

/* Opens the key, made with all keys on its way where missing. */
static int create_key(struct session *session, uint64_t *key)
{
    for (size_t i = 1; i <= session->path_units; i++) {
        bool created;
        int rc;

        if (i < session->path_units && session->path[i] != '\\')
            continue;
        rc = registry_create(session->registry, REGISTRY_ROOT_KEY, session->path, i, 0, 0, NULL, 0,
                             key, &created, NULL);
        if (rc != 0)
            return fail(session, rc, "");
    }
    return session->path_units > 0 ? 0 : fail(session, -EINVAL, "");
}

static int run_set(struct session *session, int count, char *const words[])
{
    static struct value_name name;
    const char *type_word = "sz";
    struct registry_data data = {0};
    uint64_t key;
    int used = 1;
    int rc = read_value_name(session, words[0], &name);

    if (rc == 0 && count > 2 && strcmp(words[1], "--type") == 0) {
        type_word = words[2];
        used = 3;
    }
    if (rc == 0)
        rc = registry_data_parse(&data, type_word, words + used, count - used, &session->error);
    if (rc == 0)
        rc = create_key(session, &key);
    if (rc == 0) {
        rc = registry_set_value(session->registry, key, name.units, name.count, data.type,
                                data.bytes, data.size);
        if (rc != 0)
            fail(session, rc, words[0]);
    }
    free(data.bytes);
    return rc;
}

static int run_delete(struct session *session, int count, char *const words[])
{
    static struct value_name name;
    uint64_t key;
    int rc = find_key(session, &key);

    if (rc != 0)
        return rc;
    if (count == 0) {
        rc = registry_delete(session->registry, key);
        return rc == 0 ? 0 : fail(session, rc, "");
    }
    rc = read_value_name(session, words[0], &name);
    if (rc != 0)
        return rc;
    rc = registry_delete_value(session->registry, key, name.units, name.count);
    return rc == 0 ? 0 : fail(session, rc, words[0]);
}

/* ---- the command ---- */

struct subcommand {
    const char *name;
    int (*run)(struct session *session, int count, char *const words[]); /* words behind KEY */
    bool writes;
    int least; /* words behind KEY */
    int most;
    const char *only_word; /* the one that may stand there */
};

static const struct subcommand subcommands[] = {
    {"get", run_get, false, 0, 1},
    {"ls", run_ls, false, 0, 1, "-r"},
    {"set", run_set, true, 2, INT_MAX},
    {"delete", run_delete, true, 0, 1},
};

static const char *const later_subcommands[] = {"export", "import", "diff", "check"};

static int open_store(struct session *session, const char *name, bool writes)
{
    struct registry_options options = {.read_only = !writes};
    struct pwk_profile profile;
    struct registry_error why;
    struct control_kernel kernel;
    char path[PATH_MAX];
    int rc = control_find_kernel(&kernel, name, &session->error);

    if (rc != 0)
        return rc;
    pwk_profile_init(&profile);
    rc = pwk_profile_choose(&profile, NULL, kernel.state, path, &session->error);
    options.passthrough = (const char *const *)profile.passthrough;
    options.passthrough_count = profile.passthrough_count;
    if (rc == 0 && snprintf(path, sizeof(path), "%s/store", kernel.state) >= (int)sizeof(path))
        rc =
            pwk_error_set(&session->error, -ENAMETOOLONG, "%s: the path is too long", kernel.state);
    if (rc == 0) {
        rc = registry_open(path, &options, &session->registry, &why);
        if (rc == -ENOENT)
            pwk_error_set(&session->error, rc,
                          "kernel %s has no registry yet: run a program under it first", name);
        else if (rc != 0)
            pwk_error_set(&session->error, rc, "%s", why.text);
    }
    pwk_profile_finish(&profile);
    if (rc == 0 && registry_is_empty(session->registry))
        rc = pwk_error_set(&session->error, -ENOENT,
                           "kernel %s has no registry yet: run a program under it first", name);
    return rc;
}

int control_registry(int argc, char *const argv[])
{
    static struct session session;
    const struct subcommand *subcommand = NULL;
    int count = argc - 4;
    int rc;

    for (size_t i = 0; argc > 2 && i < COUNT_OF(later_subcommands); i++)
        if (strcmp(argv[2], later_subcommands[i]) == 0) {
            pwk_error_set(&session.error, 0,
                          "registry %s: not in this version of pwk (it comes with the whole of "
                          "NT's registry)",
                          argv[2]);
            return control_fail(CONTROL_USAGE, &session.error);
        }
    for (size_t i = 0; argc > 3 && i < COUNT_OF(subcommands); i++)
        if (strcmp(argv[2], subcommands[i].name) == 0)
            subcommand = &subcommands[i];
    if (subcommand == NULL || count < subcommand->least || count > subcommand->most ||
        (count == 1 && subcommand->only_word != NULL &&
         strcmp(argv[4], subcommand->only_word) != 0))
        return control_usage(usage);
    rc = set_path(&session, argv[3]);
    if (rc == 0)
        rc = open_store(&session, argv[1], subcommand->writes);
    if (rc == 0)
        rc = subcommand->run(&session, count, argv + 4);
    registry_close(session.registry);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &session.error);
}
