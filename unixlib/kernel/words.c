/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * words.c - the words of the command line and of profiles, and the values they stand for.
 */
#include "kernel/profile.h"

#include <errno.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const windows_words[] = {
    [PWK_WINDOWS_PREFIX] = "prefix", [PWK_WINDOWS_7] = "7",   [PWK_WINDOWS_8] = "8",
    [PWK_WINDOWS_81] = "8.1",        [PWK_WINDOWS_10] = "10", [PWK_WINDOWS_11] = "11",
};

static const char *const registry_mode_words[] = {
    [PWK_REGISTRY_OVERLAY] = "overlay",
    [PWK_REGISTRY_PRIVATE] = "private",
    [PWK_REGISTRY_OFF] = "off",
};

static const char *const session_mode_words[] = {
    [PWK_SESSION_SHARED] = "shared",
    [PWK_SESSION_OWN] = "own",
};

/* What follows the session has no word: it is what is not said. */
static const char *const files_mode_words[] = {
    [PWK_FILES_OF_SESSION] = "",
    [PWK_FILES_OVERLAY] = "overlay",
    [PWK_FILES_SHARED] = "shared",
};

static const char *const network_mode_words[] = {
    [PWK_NETWORK_OF_SESSION] = "",
    [PWK_NETWORK_ISOLATED] = "isolated",
    [PWK_NETWORK_HOST] = "host",
};

static const char *const syscall_numbers_words[] = {
    [PWK_NUMBERS_NTDLL] = "ntdll",
    [PWK_NUMBERS_WINDOWS] = "windows",
};

static const char *const audit_level_words[] = {
    [PWK_AUDIT_OFF] = "off",
    [PWK_AUDIT_DENIALS] = "denials",
    [PWK_AUDIT_DECISIONS] = "decisions",
    [PWK_AUDIT_ALL] = "all",
};

/* The index of `word`, or -1. */
static int find_word(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return (int)i;
    return -1;
}

int pwk_windows_parse(const char *word, enum pwk_windows *out, struct pwk_error *error)
{
    int index = find_word(windows_words, COUNT_OF(windows_words), word);

    /* "prefix" is how the absence of a version is shown, not a version to ask for. */
    if (index <= PWK_WINDOWS_PREFIX)
        return pwk_error_set(error, -EINVAL, "'%s' is no Windows version: use 7, 8, 8.1, 10 or 11",
                             word);
    *out = (enum pwk_windows)index;
    return 0;
}

int pwk_registry_mode_parse(const char *word, enum pwk_registry_mode *out, struct pwk_error *error)
{
    int index = find_word(registry_mode_words, COUNT_OF(registry_mode_words), word);

    if (index < 0)
        return pwk_error_set(error, -EINVAL,
                             "'%s' is no registry mode: use overlay, private or off", word);
    *out = (enum pwk_registry_mode)index;
    return 0;
}

int pwk_session_mode_parse(const char *word, enum pwk_session_mode *out, struct pwk_error *error)
{
    int index = find_word(session_mode_words, COUNT_OF(session_mode_words), word);

    if (index < 0)
        return pwk_error_set(error, -EINVAL, "'%s' is no session mode: use own or shared", word);
    *out = (enum pwk_session_mode)index;
    return 0;
}

int pwk_files_mode_parse(const char *word, enum pwk_files_mode *out, struct pwk_error *error)
{
    int index = find_word(files_mode_words, COUNT_OF(files_mode_words), word);

    if (index <= PWK_FILES_OF_SESSION)
        return pwk_error_set(error, -EINVAL, "'%s' is no files mode: use overlay or shared", word);
    *out = (enum pwk_files_mode)index;
    return 0;
}

int pwk_network_mode_parse(const char *word, enum pwk_network_mode *out, struct pwk_error *error)
{
    int index = find_word(network_mode_words, COUNT_OF(network_mode_words), word);

    if (index <= PWK_NETWORK_OF_SESSION)
        return pwk_error_set(error, -EINVAL, "'%s' is no network mode: use isolated or host", word);
    *out = (enum pwk_network_mode)index;
    return 0;
}

int pwk_syscall_numbers_parse(const char *word, enum pwk_syscall_numbers *out,
                              struct pwk_error *error)
{
    int index = find_word(syscall_numbers_words, COUNT_OF(syscall_numbers_words), word);

    if (index < 0)
        return pwk_error_set(error, -EINVAL, "'%s' is neither ntdll nor windows", word);
    *out = (enum pwk_syscall_numbers)index;
    return 0;
}

int pwk_yes_no_parse(const char *word, bool *out, struct pwk_error *error)
{
    *out = strcmp(word, "yes") == 0;
    if (!*out && strcmp(word, "no") != 0)
        return pwk_error_set(error, -EINVAL, "'%s' is neither yes nor no", word);
    return 0;
}

int pwk_audit_level_parse(const char *word, enum pwk_audit_level *out, struct pwk_error *error)
{
    int index = find_word(audit_level_words, COUNT_OF(audit_level_words), word);

    if (index < 0)
        return pwk_error_set(error, -EINVAL,
                             "'%s' is no audit level: use off, denials, decisions or all", word);
    *out = (enum pwk_audit_level)index;
    return 0;
}

const char *pwk_windows_word(enum pwk_windows windows)
{
    return (size_t)windows < COUNT_OF(windows_words) ? windows_words[windows] : "unknown";
}

const char *pwk_session_mode_word(enum pwk_session_mode mode)
{
    return (size_t)mode < COUNT_OF(session_mode_words) ? session_mode_words[mode] : "unknown";
}

const char *pwk_files_mode_word(enum pwk_files_mode mode)
{
    return (size_t)mode < COUNT_OF(files_mode_words) ? files_mode_words[mode] : "unknown";
}

const char *pwk_network_mode_word(enum pwk_network_mode mode)
{
    return (size_t)mode < COUNT_OF(network_mode_words) ? network_mode_words[mode] : "unknown";
}

const char *pwk_registry_mode_word(enum pwk_registry_mode mode)
{
    return (size_t)mode < COUNT_OF(registry_mode_words) ? registry_mode_words[mode] : "unknown";
}

const char *pwk_syscall_numbers_word(enum pwk_syscall_numbers numbers)
{
    return (size_t)numbers < COUNT_OF(syscall_numbers_words) ? syscall_numbers_words[numbers]
                                                             : "unknown";
}

const char *pwk_audit_level_word(enum pwk_audit_level level)
{
    return (size_t)level < COUNT_OF(audit_level_words) ? audit_level_words[level] : "unknown";
}

int pwk_size_parse(const char *word, uint64_t *out, struct pwk_error *error)
{
    static const char suffixes[] = "KMGT";
    const char *p = word;
    const char *suffix;
    uint64_t value = 0;
    uint64_t unit = 1;

    if (*p < '0' || *p > '9')
        goto bad;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            goto too_large;
    if (*p != '\0') {
        suffix = strchr(suffixes, *p);
        if (suffix == NULL || p[1] != '\0')
            goto bad;
        unit = UINT64_C(1) << (10 * (suffix - suffixes + 1));
    }
    if (__builtin_mul_overflow(value, unit, &value))
        goto too_large;
    *out = value;
    return 0;
bad:
    return pwk_error_set(error, -EINVAL,
                         "'%s' is no size: use bytes, or a number with K, M, G or T, as in 64M",
                         word);
too_large:
    return pwk_error_set(error, -EINVAL, "'%s' is too large a size: it must be below 16 EiB", word);
}
