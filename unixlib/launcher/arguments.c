/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arguments.c - the reader of pwk-wine's command line. getopt_long(3) is not used: it takes
 * abbreviations, and would read the program's own options unless told otherwise.
 */
#include "launcher/arguments.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "kernel/state.h"

const char pwk_arguments_help[] =
    "Usage: pwk-wine [OPTIONS] [--] PROGRAM [ARGUMENTS...]\n"
    "Run a Windows program under its own process kernel.\n"
    "\n"
    "  --kernel NAME        kernel to use or create (default: \"default\")\n"
    "  --ephemeral          a throw-away kernel: its state goes with its last process\n"
    "  --windows VERSION    7, 8, 8.1, 10 or 11 (default: what the prefix says)\n"
    "  --registry MODE      overlay (default: a layer over the prefix's), private (a copy of\n"
    "                       the prefix's) or off\n"
    "  --session MODE       own (default: a wineserver and namespaces of the kernel's own), or\n"
    "                       shared: that of the prefix\n"
    "  --files MODE         overlay (default in an own session: a copy-on-write view of the\n"
    "                       prefix) or shared (the prefix itself)\n"
    "  --net MODE           isolated (default in an own session: loopback only) or host\n"
    "  --isolate LIST       namespaces of an own session, besides user, mount and pid: net, ipc,\n"
    "                       uts (default: all)\n"
    "  --home MODE          what of the home folder an own session shows: full (default), none,\n"
    "                       or the PATH of one folder in it\n"
    "  --max-cpu PERCENT    of one processor, for all of an own session (150%: one and a half)\n"
    "  --max-io SIZE/s      read from and written to disks by all of an own session, as in 50M/s\n"
    "  --syscall NAME=ACTION\n"
    "                       Linux policy: allow, errno, log, trap, notify or kill for a Linux\n"
    "                       call, a group of them (@file, ...) or the default (repeatable)\n"
    "  --profile FILE       read this profile (default: the kernel's own, then the user's);\n"
    "                       strict: the built-in one that refuses what Wine does not need\n"
    "  --audit FILE         write the audit log here too\n"
    "  --stats              print the kernel's statistics to stderr at the end\n"
    "  --print-plan         print what would be done, step by step, and stop; with --json as JSON\n"
    "  --version  --help\n"
    "\n"
    "The exit status is the program's; 125: pwk itself failed, 126: PROGRAM cannot be run,\n"
    "127: PROGRAM not found. WINEPREFIX and the rest of Wine's environment keep their meaning.\n"
    "See pwk-wine(1) and pwkctl(1).\n";

typedef int (*option_setter)(struct pwk_arguments *arguments, const char *value,
                             struct pwk_error *error);

static int set_kernel(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    arguments->kernel = value;
    return pwk_kernel_name_check(value, error);
}

static int set_ephemeral(struct pwk_arguments *arguments, const char *value,
                         struct pwk_error *error)
{
    (void)value;
    (void)error;
    arguments->ephemeral = true;
    return 0;
}

static int set_windows(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    arguments->has_windows = true;
    return pwk_windows_parse(value, &arguments->windows, error);
}

static int set_registry(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    arguments->has_registry = true;
    return pwk_registry_mode_parse(value, &arguments->registry, error);
}

static int set_session(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    arguments->has_session = true;
    return pwk_session_mode_parse(value, &arguments->session, error);
}

static int set_files(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    return pwk_files_mode_parse(value, &arguments->files, error);
}

static int set_net(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    return pwk_network_mode_parse(value, &arguments->network, error);
}

static int set_isolate(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    return pwk_namespaces_parse(value, &arguments->namespaces, error);
}

static int set_home(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    return pwk_home_parse(value, &arguments->home, error);
}

static int set_max_cpu(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    return pwk_cpu_limit_parse(value, &arguments->cpu, error);
}

static int set_max_io(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    return pwk_io_limit_parse(value, &arguments->io, error);
}

static int set_syscall(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    char name[64];
    size_t length = strcspn(value, "=");

    if (value[length] == '\0')
        return pwk_error_set(error, -EINVAL, "'%s' is not NAME=ACTION, as in ptrace=errno", value);
    snprintf(name, sizeof(name), "%.*s", (int)length, value);
    return pwk_syscall_rules_add(&arguments->syscalls, name, value + length + 1, 0, error);
}

static int set_profile(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    if (*value == '\0')
        return pwk_error_set(error, -EINVAL, "it needs the name of a file");
    arguments->profile = value;
    return 0;
}

static int set_audit(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    if (*value == '\0')
        return pwk_error_set(error, -EINVAL, "it needs the name of a file");
    arguments->audit = value;
    return 0;
}

static int set_stats(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    (void)value;
    (void)error;
    arguments->stats = true;
    return 0;
}

static int set_print_plan(struct pwk_arguments *arguments, const char *value,
                          struct pwk_error *error)
{
    (void)value;
    (void)error;
    arguments->print_plan = true;
    return 0;
}

static int set_json(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    (void)value;
    (void)error;
    arguments->json = true;
    return 0;
}

static int set_version(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    (void)value;
    (void)error;
    arguments->version = true;
    return 0;
}

static int set_help(struct pwk_arguments *arguments, const char *value, struct pwk_error *error)
{
    (void)value;
    (void)error;
    arguments->help = true;
    return 0;
}

/* `value_name` NULL: the option takes none. Without `set` it comes with `later`. */
struct option {
    const char *name;
    const char *value_name;
    option_setter set;
    const char *later;
};

static const struct option options[] = {
    {"--kernel", "NAME", set_kernel},
    {"--ephemeral", NULL, set_ephemeral},
    {"--windows", "VERSION", set_windows},
    {"--registry", "MODE", set_registry},
    {"--session", "MODE", set_session},
    {"--files", "MODE", set_files},
    {"--net", "MODE", set_net},
    {"--max-memory", "SIZE", NULL, "quotas"},
    {"--max-handles", "N", NULL, "quotas"},
    {"--max-threads", "N", NULL, "quotas"},
    {"--max-cpu", "PERCENT", set_max_cpu},
    {"--max-io", "SIZE/s", set_max_io},
    {"--driver", "FILE.sys", NULL, "the driver host"},
    {"--syscall", "NAME=ACTION", set_syscall},
    {"--isolate", "LIST", set_isolate},
    {"--home", "MODE", set_home},
    {"--profile", "FILE", set_profile},
    {"--audit", "FILE", set_audit},
    {"--stats", NULL, set_stats},
    {"--print-plan", NULL, set_print_plan},
    {"--json", NULL, set_json},
    {"--version", NULL, set_version},
    {"--help", NULL, set_help},
    {"-h", NULL, set_help},
};

static const struct option *find_option(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (strlen(options[i].name) == length && memcmp(options[i].name, word, length) == 0)
            return &options[i];
    return NULL;
}

/* Reads the option at argv[*index] and moves *index past it and its value. */
static int parse_option(struct pwk_arguments *arguments, int argc, char *const argv[], int *index,
                        struct pwk_error *error)
{
    const char *word = argv[(*index)++];
    size_t length = strcspn(word, "=");
    const struct option *option = find_option(word, length);
    const char *value = word[length] == '=' ? word + length + 1 : NULL;
    struct pwk_error why;
    int rc;

    if (option == NULL)
        return pwk_error_set(error, -EINVAL, "unknown option %s: see pwk-wine --help", word);
    if (option->set == NULL)
        return pwk_error_set(error, -ENOTSUP,
                             "%s: not in this version of pwk (it comes with %s); leave it out",
                             option->name, option->later);
    if (option->value_name == NULL && value != NULL)
        return pwk_error_set(error, -EINVAL, "%s takes no value", option->name);
    if (option->value_name != NULL && value == NULL) {
        if (*index >= argc)
            return pwk_error_set(error, -EINVAL, "%s needs a value: %s %s", option->name,
                                 option->name, option->value_name);
        value = argv[(*index)++];
    }
    rc = option->set(arguments, value, &why);
    return rc == 0 ? 0 : pwk_error_set(error, rc, "%s: %s", option->name, why.text);
}

int pwk_arguments_parse(struct pwk_arguments *arguments, int argc, char *const argv[],
                        struct pwk_error *error)
{
    int index = 1;

    memset(arguments, 0, sizeof(*arguments));
    while (index < argc && argv[index][0] == '-') {
        int rc;

        if (strcmp(argv[index], "--") == 0) {
            index++;
            break;
        }
        rc = parse_option(arguments, argc, argv, &index, error);
        if (rc != 0)
            return rc;
    }
    if (arguments->json && !arguments->print_plan)
        return pwk_error_set(error, -EINVAL, "--json goes with --print-plan");
    if (index < argc)
        arguments->program = argv + index;
    else if (!arguments->version && !arguments->help)
        return pwk_error_set(error, -EINVAL,
                             "no PROGRAM given: pwk-wine [OPTIONS] PROGRAM [ARGUMENTS...]");
    return 0;
}
