/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_registry.c - pwkctl registry: reads and changes a kernel's registry. UTF-8 outside,
 * UTF-16 inside.
 */
#include "launcher/control_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/control_apart.h"
#include "launcher/control_json.h"
#include "launcher/registry_data.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_OPTIONS 3 /* of a subcommand's with options alone behind its KEY */

static const char usage[] =
    "registry NAME get KEY [VALUE] [--json] | ls KEY [-r] [-v] [--json] | delete KEY [VALUE]\n"
    "       pwkctl registry NAME layer KEY [merge|supersede-local|supersede-tree]\n"
    "       pwkctl registry NAME set KEY VALUE "
    "[--type sz|expand_sz|multi_sz|dword|qword|binary|none] DATA...\n"
    "       pwkctl registry NAME export [--format reg5|reg4|regf] [KEY] [FILE]\n"
    "       pwkctl registry NAME import FILE|PREFIX [--at KEY]\n"
    "       pwkctl registry NAME diff [OTHER] [--json|--reg] | check [--repair]\n"
    "       pwkctl registry NAME commit|discard [--json] [--yes | KEY...]";

static int find_key(struct control_session *session, uint64_t *key)
{
    int rc = registry_lookup(session->registry, REGISTRY_ROOT_KEY, session->path.text,
                             session->path.units, 0, key, NULL);

    return rc == 0 ? 0 : control_session_fail(session, rc, "");
}

/* A value's name; "@" stands for the default value, as in .reg files. */
struct value_name {
    uint16_t units[REGISTRY_MAX_VALUE_NAME];
    size_t count;
};

static int read_value_name(struct control_session *session, const char *text,
                           struct value_name *name)
{
    if (strcmp(text, "@") == 0)
        text = "";
    if (registry_data_to_units(text, name->units, COUNT_OF(name->units), &name->count))
        return 0;
    return pwk_error_set(&session->error, -EINVAL, "%s: too long a name, or not UTF-8", text);
}

/* Makes room for `size` bytes. */
static int grow(struct control_session *session, struct registry_buffer *buffer, size_t size)
{
    void *data;

    if (size <= buffer->capacity)
        return 0;
    data = realloc(buffer->data, size);
    if (data == NULL)
        return control_session_fail(session, -ENOMEM, "");
    buffer->data = data;
    buffer->capacity = size;
    return 0;
}

/* ---- get ---- */

/* Takes `json` over. */
static int show_json(struct control_session *session, json_t *json)
{
    int rc = json == NULL ? -ENOMEM : json_dumpf(json, stdout, JSON_INDENT(2)) ? -EIO : 0;

    json_decref(json);
    if (rc != 0)
        return control_session_fail(session, rc, "");
    putchar('\n');
    return 0;
}

static int get_value(struct control_session *session, uint64_t key, const char *value, bool json)
{
    static struct value_name name;
    struct registry_value_info info = {0};
    struct registry_buffer data = {0};
    int rc = read_value_name(session, value, &name);

    /* Somebody may set a longer value meanwhile. */
    while (rc == 0) {
        rc = registry_query_value(session->registry, key, name.units, name.count, &info, &data);
        if (rc != 0)
            control_session_fail(session, rc, value);
        else if (info.data_bytes <= data.capacity)
            break;
        else
            rc = grow(session, &data, info.data_bytes);
    }
    if (rc == 0 && json) {
        rc = show_json(session, control_value_json(name.units, name.count, info.type, data.data,
                                                   info.data_bytes));
    } else if (rc == 0) {
        registry_data_print(stdout, info.type, data.data, info.data_bytes, "\n");
        putchar('\n');
    }
    free(data.data);
    return rc;
}

static int pass_key(void *context, const struct control_key *key)
{
    (void)context, (void)key;
    return 0;
}

static int print_value(void *context, const struct control_key *key, const uint16_t *name,
                       size_t units, uint32_t type, const void *data, size_t size)
{
    (void)context, (void)key;
    registry_data_print_value(stdout, name, units, type, data, size);
    return 0;
}

static int show_keys_json(struct control_session *session, unsigned depth, bool values)
{
    json_t *list;
    int rc = control_keys_json(session, depth, values, &list);

    return rc == 0 ? show_json(session, list) : rc;
}

/* [VALUE] [--json] */
static int run_get(struct control_session *session, int count, char *const words[])
{
    const struct control_visitor visitor = {.key = pass_key, .value = print_value};
    bool json = count > 0 && strcmp(words[count - 1], "--json") == 0;
    uint64_t key;
    int rc;

    count -= json;
    if (count > 1)
        return CONTROL_USAGE;
    if (count == 0)
        return json ? show_keys_json(session, 0, true) : control_session_walk(session, &visitor);
    rc = find_key(session, &key);
    return rc == 0 ? get_value(session, key, words[0], json) : rc;
}

/* ---- ls ---- */

static void indent(unsigned depth)
{
    for (unsigned i = 1; i < depth; i++)
        fputs("  ", stdout);
}

/* Behind the name, parted by a tab, what is special about the key. */
static int list_key(void *context, const struct control_key *key)
{
    (void)context;
    if (key->depth == 0)
        return 0;
    indent(key->depth);
    registry_data_print_units(stdout, key->path + key->units - key->name_units, key->name_units);
    puts(key->elsewhere     ? "\t(in the session's registry)"
         : key->link        ? "\t(link)"
         : key->is_volatile ? "\t(volatile)"
                            : "");
    return 0;
}

static int list_value(void *context, const struct control_key *key, const uint16_t *name,
                      size_t units, uint32_t type, const void *data, size_t size)
{
    (void)context;
    indent(key->depth + 1);
    registry_data_print_value(stdout, name, units, type, data, size);
    return 0;
}

/* --json, -r, -v, or the last two in one word. */
static bool is_ls_option(const char *word)
{
    return strcmp(word, "--json") == 0 ||
           (word[0] == '-' && word[1] != '\0' && strspn(word + 1, "rv") == strlen(word + 1));
}

static int run_ls(struct control_session *session, int count, char *const words[])
{
    struct control_visitor visitor = {.key = list_key, .depth = 1};
    bool json = false;

    for (int i = 0; i < count; i++) {
        if (words[i][1] == '-') {
            json = true;
            continue;
        }
        if (strchr(words[i], 'r') != NULL)
            visitor.depth = UINT_MAX;
        if (strchr(words[i], 'v') != NULL)
            visitor.value = list_value;
    }
    return json ? show_keys_json(session, visitor.depth, visitor.value != NULL)
                : control_session_walk(session, &visitor);
}

/* ---- set, delete ---- */

static int run_set(struct control_session *session, int count, char *const words[])
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
    if (rc != 0)
        return rc;
    rc = control_create_key(session->registry, &session->path, &key);
    if (rc != 0) {
        control_session_fail(session, rc, "");
    } else {
        rc = registry_set_value(session->registry, key, name.units, name.count, data.type,
                                data.bytes, data.size);
        if (rc != 0)
            control_session_fail(session, rc, words[0]);
    }
    free(data.bytes);
    return rc;
}

static int run_delete(struct control_session *session, int count, char *const words[])
{
    static struct value_name name;
    uint64_t key;
    int rc = find_key(session, &key);

    if (rc != 0)
        return rc;
    if (count == 0) {
        rc = registry_delete(session->registry, key);
        return rc == 0 ? 0 : control_session_fail(session, rc, "");
    }
    rc = read_value_name(session, words[0], &name);
    if (rc != 0)
        return rc;
    rc = registry_delete_value(session->registry, key, name.units, name.count);
    return rc == 0 ? 0 : control_session_fail(session, rc, words[0]);
}

/* ---- layer ---- */

static const char *const layer_words[] = {
    [REGISTRY_MERGED] = "merge",
    [REGISTRY_SUPERSEDES_LOCAL] = "supersede-local",
    [REGISTRY_SUPERSEDES_TREE] = "supersede-tree",
};

/* Without a word: how the key stands to the prefix's. */
static int run_layer(struct control_session *session, int count, char *const words[])
{
    enum registry_layer layer;
    uint64_t key;
    int rc = find_key(session, &key);

    if (rc == 0 && count == 0) {
        rc = registry_get_layer(session->registry, key, &layer);
        if (rc == 0)
            puts(layer_words[layer]);
        return rc == 0 ? 0 : control_session_fail(session, rc, "");
    }
    for (size_t i = 0; rc == 0 && i < sizeof(layer_words) / sizeof(layer_words[0]); i++) {
        if (strcmp(words[0], layer_words[i]) != 0)
            continue;
        rc = registry_set_layer(session->registry, key, (enum registry_layer)i);
        return rc == 0 ? 0 : control_session_fail(session, rc, "");
    }
    return rc ? rc
              : pwk_error_set(&session->error, -EINVAL,
                              "'%s' is no way to stand to the prefix: use merge, supersede-local "
                              "or supersede-tree",
                              words[0]);
}

/* ---- the command ---- */

struct subcommand {
    const char *name;
    /* `words` stand behind KEY. 0, a negative errno, or CONTROL_USAGE. */
    int (*run)(struct control_session *session, int count, char *const words[]);
    bool writes;
    int least; /* words behind KEY */
    int most;
    bool (*is_option)(
        const char *word); /* what all of them must be, MAX_OPTIONS at most; or NULL */
};

static const struct subcommand subcommands[] = {
    {"get", run_get, false, 0, 2},      {"ls", run_ls, false, 0, MAX_OPTIONS, is_ls_option},
    {"set", run_set, true, 2, INT_MAX}, {"delete", run_delete, true, 0, 1},
    {"layer", run_layer, true, 0, 1},
};

/* Those that open what they need themselves. `words` stand behind their name. */
static const struct {
    const char *name;
    int (*run)(const char *kernel, int count, char *const words[]);
} file_commands[] = {
    {"export", control_export},
    {"import", control_import},
    {"diff", control_diff},
    {"check", control_check},
    {"commit", control_registry_commit},
    {"discard", control_registry_discard},
};

/* One of them with its words. */
struct request {
    const struct subcommand *subcommand;
    const char *kernel;
    int count;
    char *const *words; /* KEY first; `count` behind it */
};

static int run_request(void *context, const struct control_channel *parent)
{
    static struct control_session session;
    const struct request *request = context;
    const struct subcommand *subcommand = request->subcommand;
    int rc = control_session_set_path(&session, request->words[0]);

    (void)parent;
    if (rc == 0)
        rc = control_session_open(&session, request->kernel, subcommand->writes);
    if (rc == 0)
        rc = subcommand->run(&session, request->count, request->words + 1);
    control_session_close(&session);
    if (rc == CONTROL_USAGE)
        return control_usage(usage);
    return rc == 0 ? CONTROL_OK : control_fail(CONTROL_FAILED, &session.error);
}

/* Where all words behind KEY are options they may stand before it too: copies `words`, KEY first.
 * False where there is no KEY, or another word that is no option. */
static bool put_key_first(const struct subcommand *subcommand, int count, char *const words[],
                          char *sorted[MAX_OPTIONS + 1])
{
    int key = 0, others = 1;

    while (key < count && subcommand->is_option(words[key]))
        key++;
    for (int i = 0; key < count && i < count; i++) {
        if (i == key)
            continue;
        if (!subcommand->is_option(words[i]))
            return false;
        sorted[others++] = words[i];
    }
    sorted[0] = words[key];
    return key < count;
}

int control_registry(int argc, char *const argv[])
{
    const int count = argc - 4;

    for (size_t i = 0; argc > 2 && i < COUNT_OF(file_commands); i++)
        if (strcmp(argv[2], file_commands[i].name) == 0) {
            int status = file_commands[i].run(argv[1], argc - 3, argv + 3);

            return status == CONTROL_USAGE ? control_usage(usage) : status;
        }
    for (size_t i = 0; argc > 3 && i < COUNT_OF(subcommands); i++) {
        const struct subcommand *subcommand = &subcommands[i];
        char *sorted[MAX_OPTIONS + 1];
        char *const *words = argv + 3;

        if (strcmp(argv[2], subcommand->name) != 0 || count < subcommand->least ||
            count > subcommand->most)
            continue;
        if (subcommand->is_option != NULL) {
            if (!put_key_first(subcommand, count + 1, words, sorted))
                break;
            words = sorted;
        }
        return control_run_apart(
            &(struct control_apart){.kernel = argv[1],
                                    .context = &(struct request){subcommand, argv[1], count, words},
                                    .work = run_request});
    }
    return control_usage(usage);
}
