/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * profile.c - profiles: what is built in, and the keys. Which keys there are, what each takes and
 * how it is written down, stands in one table.
 */
#include "kernel/profile_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kernel/windows_build.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define AUDIT_LIMIT (UINT64_C(64) << 20)

#define MACHINE "\\Registry\\Machine\\"
/* A link in newer prefixes (to ControlSet001), a key of its own in older ones: both spellings. */
#define USER "\\Registry\\User\\S-1-5-21-0-0-0-1000\\"
#define IN_CONTROL_SETS(path)                                                                      \
    MACHINE "System\\CurrentControlSet\\" path, MACHINE "System\\ControlSet001\\" path

/* What lives in the session's registry and must not be answered from a snapshot: keys that are
 * volatile there, or that the session's system processes write while programs run. The prefix's
 * saved registry does not hold the former, and of the latter it holds yesterday's state. All of
 * them describe the machine. The service database (Services) is not among them: what a program
 * writes there stays in its kernel; services that it installs through the service manager are the
 * prefix's. */
static const char *const built_in_passthrough[] = {
    /* Processors, ports, disks and display devices: wineboot, mountmgr.sys, the display driver. */
    MACHINE "Hardware",
    /* Mount points: mountmgr.sys. */
    MACHINE "System\\MountedDevices",
    /* Network cards: ndis.sys. */
    MACHINE "Software\\Microsoft\\Windows NT\\CurrentVersion\\NetworkCards",
    /* Performance counters: a predefined handle, which wineserver answers with. */
    MACHINE "Software\\Microsoft\\Windows NT\\CurrentVersion\\Perflib\\009",
    /* Display adapters and monitors: the desktop's explorer.exe and win32u. */
    IN_CONTROL_SETS("Control\\Video"),
    IN_CONTROL_SETS("Control\\Class"),
    IN_CONTROL_SETS("Hardware Profiles\\Current\\System"),
    /* Device nodes and their interfaces: the plug-and-play manager in winedevice.exe. */
    IN_CONTROL_SETS("Enum"),
    IN_CONTROL_SETS("Control\\DeviceClasses"),
    /* The time zone: every process of Wine's writes the host's there as it starts. */
    IN_CONTROL_SETS("Control\\TimeZoneInformation"),
    /* The computer's name and the user's environment: wineboot, anew at each session's start. */
    IN_CONTROL_SETS("Control\\ComputerName\\ActiveComputerName"),
    USER "Volatile Environment",
    /* What fonts the machine has: the session's first program that draws. */
    USER "Software\\Wine\\Fonts\\Cache",
};

static void clear_passthrough(struct pwk_profile *profile)
{
    for (size_t i = 0; i < profile->passthrough_count; i++)
        free(profile->passthrough[i]);
    profile->passthrough_count = 0;
}

int pwk_profile_add_passthrough(struct pwk_profile *profile, const char *path)
{
    char *copy;

    if (profile->passthrough_count == PWK_MAX_PASSTHROUGH)
        return -E2BIG;
    copy = strdup(path);
    if (copy == NULL)
        return -ENOMEM;
    profile->passthrough[profile->passthrough_count++] = copy;
    return 0;
}

void pwk_profile_init(struct pwk_profile *profile)
{
    _Static_assert(COUNT_OF(built_in_passthrough) < PWK_MAX_PASSTHROUGH, "room for the user's");

    memset(profile, 0, sizeof(*profile));
    profile->inherit = true;
    profile->session = PWK_SESSION_OWN;
    profile->audit = PWK_AUDIT_DECISIONS;
    profile->audit_limit = AUDIT_LIMIT;
    for (size_t i = 0; i < COUNT_OF(built_in_passthrough); i++)
        if (pwk_profile_add_passthrough(profile, built_in_passthrough[i]) != 0)
            abort(); /* without these a program would read a dead registry: never go on */
}

int pwk_profile_built_in(struct pwk_profile *profile, const char *name)
{
    bool strict = strcmp(name, "strict") == 0;

    if (!strict && strcmp(name, "default") != 0)
        return -ENOENT;
    profile->syscall_base = strict ? PWK_SYSCALLS_STRICT : PWK_SYSCALLS_DEFAULT;
    return 0;
}

void pwk_profile_finish(struct pwk_profile *profile)
{
    clear_passthrough(profile);
}

/* ---- keys ---- */

/* Of the two keys the later one is told that they do not go together. */
static int check_build(const struct pwk_profile *profile, struct pwk_error *error)
{
    if (profile->build[0] == '\0')
        return 0;
    return pwk_windows_build_parse(profile->windows, profile->build, NULL, error);
}

static int set_windows(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    int rc = pwk_windows_parse(value, &profile->windows, error);

    return rc != 0 ? rc : check_build(profile, error);
}

static int set_build(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    int rc = pwk_windows_build_parse(profile->windows, value, NULL, error);

    if (rc == 0)
        snprintf(profile->build, sizeof(profile->build), "%s", value);
    return rc;
}

static int set_inherit(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    return pwk_yes_no_parse(value, &profile->inherit, error);
}

static int set_session_mode(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    return pwk_session_mode_parse(value, &profile->session, error);
}

static int set_files_mode(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    return pwk_files_mode_parse(value, &profile->files, error);
}

static int set_network_mode(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    return pwk_network_mode_parse(value, &profile->network, error);
}

static int set_namespaces(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    return pwk_namespaces_parse(value, &profile->namespaces, error);
}

static int set_home(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    return pwk_home_parse(value, &profile->home, error);
}

static int set_cpu(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    return pwk_cpu_limit_parse(value, &profile->cpu, error);
}

static int set_io(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    return pwk_io_limit_parse(value, &profile->io, error);
}

static int set_syscall_numbers(struct pwk_profile *profile, const char *value,
                               struct pwk_error *error)
{
    return pwk_syscall_numbers_parse(value, &profile->syscall_numbers, error);
}

static int set_rewrite_sites(struct pwk_profile *profile, const char *value,
                             struct pwk_error *error)
{
    return pwk_yes_no_parse(value, &profile->rewrite_sites, error);
}

static int set_registry_mode(struct pwk_profile *profile, const char *value,
                             struct pwk_error *error)
{
    return pwk_registry_mode_parse(value, &profile->registry, error);
}

static int set_registry_cache(struct pwk_profile *profile, const char *value,
                              struct pwk_error *error)
{
    return pwk_size_parse(value, &profile->registry_cache, error);
}

/* Paths add to the built-in list; an empty value empties it, as in systemd.unit(5). */
static int set_passthrough(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    static const char root[] = "\\Registry\\";
    int rc;

    if (value[0] == '\0') {
        clear_passthrough(profile);
        return 0;
    }
    if (strncasecmp(value, root, sizeof(root) - 1) != 0 || value[sizeof(root) - 1] == '\0')
        return pwk_error_set(error, -EINVAL,
                             "'%s' is no full path: write it as \\Registry\\Machine\\...", value);
    rc = pwk_profile_add_passthrough(profile, value);
    if (rc == -E2BIG)
        return pwk_error_set(error, rc, "more than %d paths, those built in included",
                             PWK_MAX_PASSTHROUGH);
    return rc == 0 ? 0 : pwk_error_set(error, rc, "no memory left");
}

static int set_audit_level(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    return pwk_audit_level_parse(value, &profile->audit, error);
}

static int set_audit_limit(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    return pwk_size_parse(value, &profile->audit_limit, error);
}

/* ---- keys, written down ---- */

static void put(FILE *stream, const char *name, const char *value)
{
    fprintf(stream, "%s = %s\n", name, value);
}

/* In the largest unit that says it exactly. */
static void put_size(FILE *stream, const char *name, uint64_t size)
{
    static const char units[] = " KMGT";
    size_t unit = 0;

    while (size != 0 && size % 1024 == 0 && unit + 2 < sizeof(units)) {
        size /= 1024;
        unit++;
    }
    fprintf(stream, "%s = %" PRIu64, name, size);
    if (unit > 0)
        putc(units[unit], stream);
    putc('\n', stream);
}

static void get_windows(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    if (profile->windows != PWK_WINDOWS_PREFIX)
        put(stream, name, pwk_windows_word(profile->windows));
}

static void get_build(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    if (profile->build[0] != '\0')
        put(stream, name, profile->build);
}

static void get_inherit(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    put(stream, name, profile->inherit ? "yes" : "no");
}

static void get_session_mode(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    put(stream, name, pwk_session_mode_word(profile->session));
}

#define OF_SESSION "; as the session has it\n"

static void get_files_mode(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    if (profile->files == PWK_FILES_OF_SESSION)
        fputs(OF_SESSION, stream);
    else
        put(stream, name, pwk_files_mode_word(profile->files));
}

static void get_network_mode(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    if (profile->network == PWK_NETWORK_OF_SESSION)
        fputs(OF_SESSION, stream);
    else
        put(stream, name, pwk_network_mode_word(profile->network));
}

static void get_registry_mode(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    put(stream, name, pwk_registry_mode_word(profile->registry));
}

static void get_registry_cache(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    if (profile->registry_cache != 0)
        put_size(stream, name, profile->registry_cache);
}

/* The empty value first, which takes away what is built in. */
static void get_passthrough(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    fprintf(stream, "%s =\n", name);
    for (size_t i = 0; i < profile->passthrough_count; i++)
        put(stream, name, profile->passthrough[i]);
}

static void get_syscall_numbers(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    put(stream, name, pwk_syscall_numbers_word(profile->syscall_numbers));
}

static void get_rewrite_sites(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    put(stream, name, profile->rewrite_sites ? "yes" : "no");
}

/* The strict policy is written as the words that make it of the default one. */
static void get_syscalls(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    (void)name;
    if (profile->syscall_base == PWK_SYSCALLS_STRICT) {
        put(stream, "default", pwk_syscall_action_word(PWK_SYSCALL_ERRNO));
        put(stream, "@wine", pwk_syscall_action_word(PWK_SYSCALL_ALLOW));
    }
    for (size_t i = 0; i < profile->syscalls.count; i++)
        put(stream, profile->syscalls.rule[i].name,
            pwk_syscall_action_word(profile->syscalls.rule[i].action));
}

static void get_namespaces(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    char text[PWK_NAMESPACES_TEXT];

    pwk_namespaces_write(profile->namespaces, text);
    if (profile->namespaces == 0)
        fputs(OF_SESSION, stream);
    else
        put(stream, name, text);
}

static void get_home(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    const struct pwk_home *home = &profile->home;

    put(stream, name,
        home->mode == PWK_HOME_FOLDER ? home->folder
        : home->mode == PWK_HOME_NONE ? "none"
                                      : "full");
}

static void get_cpu(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    if (profile->cpu != 0)
        fprintf(stream, "%s = %u%%\n", name, profile->cpu);
}

static void get_io(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    if (profile->io != 0)
        put_size(stream, name, profile->io);
}

static void get_audit_level(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    put(stream, name, pwk_audit_level_word(profile->audit));
}

static void get_audit_limit(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    put_size(stream, name, profile->audit_limit);
}

/* A key that this version serves has `set` (or is a rule of the Linux policy), and `get`, which
 * writes lines that `set` reads back, or none. Of a key that it does not serve, `value` is what it
 * does anyhow (NULL: nothing) and is accepted; all else comes with `later`. */
struct profile_key {
    const char *section;
    const char *name; /* "*": any */
    int (*set)(struct pwk_profile *profile, const char *value, struct pwk_error *error);
    const char *value;
    const char *later;
    void (*get)(const struct pwk_profile *profile, const char *name, FILE *stream);
};

static const struct profile_key profile_keys[] = {
    {"kernel", "windows", set_windows, .get = get_windows},
    {"kernel", "build", set_build, .get = get_build},
    {"kernel", "inherit", set_inherit, .get = get_inherit},
    {"session", "mode", set_session_mode, .get = get_session_mode},
    {"session", "display", pwk_profile_set_display, .get = pwk_profile_get_display},
    {"session", "sound", pwk_profile_set_sound, .get = pwk_profile_get_sound},
    {"session", "printing", pwk_profile_set_printing, .get = pwk_profile_get_printing},
    {"files", "mode", set_files_mode, .get = get_files_mode},
    {"registry", "mode", set_registry_mode, .get = get_registry_mode},
    {"registry", "cache", set_registry_cache, .get = get_registry_cache},
    {"registry", "passthrough", set_passthrough, .get = get_passthrough},
    {"limits", "memory", NULL, NULL, "quotas"},
    {"limits", "memory_floor", NULL, NULL, "quotas"},
    {"limits", "handles", NULL, NULL, "quotas"},
    {"limits", "threads", NULL, NULL, "quotas"},
    {"limits", "cpu", set_cpu, .get = get_cpu},
    {"limits", "io", set_io, .get = get_io},
    {"limits", "weight", NULL, NULL, "quotas"},
    {"network", "mode", set_network_mode, .get = get_network_mode},
    {"syscalls", "syscall_numbers", set_syscall_numbers, .get = get_syscall_numbers},
    {"syscalls", "rewrite_sites", set_rewrite_sites, .get = get_rewrite_sites},
    {"syscalls", "*", .get = get_syscalls},
    {"isolation", "namespaces", set_namespaces, .get = get_namespaces},
    {"isolation", "home", set_home, .get = get_home},
    {"drivers", "enable", NULL, "no", "the driver host"},
    {"drivers", "load", NULL, NULL, "the driver host"},
    {"services", "enable", NULL, "no", "services"},
    {"wow64", "enable", NULL, "no", "32-bit programs"},
    {"nano", "dump_period", NULL, NULL, "the NONANO fabric"},
    {"audit", "level", set_audit_level, .get = get_audit_level},
    {"audit", "limit", set_audit_limit, .get = get_audit_limit},
};

static int apply_key(const struct profile_key *key, const char *name, struct pwk_profile *profile,
                     const char *value, int line, struct pwk_error *error)
{
    if (key->set != NULL)
        return key->set(profile, value, error);
    if (key->later == NULL)
        return pwk_syscall_rules_add(&profile->syscalls, name, value, line, error);
    if (key->value == NULL)
        return pwk_error_set(error, -ENOTSUP,
                             "not in this version of pwk (it comes with %s); remove the line",
                             key->later);
    if (strcmp(value, key->value) != 0)
        return pwk_error_set(error, -ENOTSUP,
                             "only '%s' is in this version of pwk (more comes with %s); write "
                             "%s = %s or remove the line",
                             key->value, key->later, name, key->value);
    return 0;
}

/* The allowed sections (`section` NULL) or keys of a section, as "a, b, c". */
static void list_allowed(char *out, size_t capacity, const char *section)
{
    const char *last = "";
    size_t length = 0;

    out[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(profile_keys) && length < capacity; i++) {
        const char *word = section == NULL ? profile_keys[i].section : profile_keys[i].name;

        if ((section != NULL && strcmp(profile_keys[i].section, section) != 0) ||
            strcmp(word, last) == 0)
            continue;
        length += (size_t)snprintf(out + length, capacity - length, "%s%s", length == 0 ? "" : ", ",
                                   word);
        last = word;
    }
}

static int refuse_unknown(const char *section, const char *name, bool section_known,
                          struct pwk_error *error)
{
    char allowed[256];

    list_allowed(allowed, sizeof(allowed), section_known ? section : NULL);
    if (section_known)
        return pwk_error_set(error, -EINVAL, "unknown key in [%s]: use one of %s", section,
                             allowed);
    if (section[0] == '\0')
        return pwk_error_set(error, -EINVAL, "%s stands before any section: use one of %s", name,
                             allowed);
    return pwk_error_set(error, -EINVAL, "unknown section: use one of %s", allowed);
}

int pwk_profile_apply(struct pwk_profile *profile, const char *section, const char *name,
                      const char *value, int line, struct pwk_error *error)
{
    bool section_known = false;

    for (size_t i = 0; i < COUNT_OF(profile_keys); i++) {
        const struct profile_key *key = &profile_keys[i];

        if (strcmp(key->section, section) != 0)
            continue;
        section_known = true;
        if (strcmp(key->name, name) == 0 || strcmp(key->name, "*") == 0)
            return apply_key(key, name, profile, value, line, error);
    }
    return refuse_unknown(section, name, section_known, error);
}

void pwk_profile_write(const struct pwk_profile *profile, FILE *stream)
{
    const char *section = "";

    for (size_t i = 0; i < COUNT_OF(profile_keys); i++) {
        const struct profile_key *key = &profile_keys[i];

        if (key->get == NULL)
            continue;
        if (strcmp(section, key->section) != 0)
            fprintf(stream, "[%s]\n", key->section);
        section = key->section;
        key->get(profile, key->name, stream);
    }
}
