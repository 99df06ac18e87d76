/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cage_words.c - the words of an own session's cage: namespaces, the home folder, and limits.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "kernel/profile.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MIN_IO 4096 /* bytes a second: less than a page would never be enough for one */

static const struct {
    const char *word;
    unsigned bit;
} namespace_words[] = {
    {"user", PWK_NAMESPACE_USER}, {"mount", PWK_NAMESPACE_MOUNT}, {"pid", PWK_NAMESPACE_PID},
    {"net", PWK_NAMESPACE_NET},   {"ipc", PWK_NAMESPACE_IPC},     {"uts", PWK_NAMESPACE_UTS},
};

int pwk_namespaces_parse(const char *list, unsigned *out, struct pwk_error *error)
{
    unsigned bits = 0;

    for (const char *word = list;;) {
        size_t length = strcspn(word, ","), i = 0;

        while (i < COUNT_OF(namespace_words) &&
               (strlen(namespace_words[i].word) != length ||
                memcmp(namespace_words[i].word, word, length) != 0))
            i++;
        if (i == COUNT_OF(namespace_words))
            return pwk_error_set(error, -EINVAL,
                                 "'%.*s' is no namespace: use a list of user, mount, pid, net, "
                                 "ipc and uts, as in net,ipc",
                                 (int)length, word);
        bits |= namespace_words[i].bit;
        if (word[length] == '\0')
            break;
        word += length + 1;
    }
    *out = bits;
    return 0;
}

void pwk_namespaces_write(unsigned namespaces, char text[PWK_NAMESPACES_TEXT])
{
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(namespace_words); i++)
        if (namespaces & namespace_words[i].bit)
            length += (size_t)snprintf(text + length, PWK_NAMESPACES_TEXT - length, "%s%s",
                                       length > 0 ? "," : "", namespace_words[i].word);
}

int pwk_home_parse(const char *word, struct pwk_home *out, struct pwk_error *error)
{
    out->folder[0] = '\0';
    if (strcmp(word, "full") == 0)
        out->mode = PWK_HOME_FULL;
    else if (strcmp(word, "none") == 0)
        out->mode = PWK_HOME_NONE;
    else if ((word[0] == '/' || (word[0] == '~' && word[1] == '/')) &&
             strlen(word) < sizeof(out->folder)) {
        out->mode = PWK_HOME_FOLDER;
        strcpy(out->folder, word);
    } else {
        return pwk_error_set(error, -EINVAL,
                             "'%s' is neither full nor none nor a folder's whole path, as in "
                             "/home/me/Games or ~/Games",
                             word);
    }
    return 0;
}

int pwk_cpu_limit_parse(const char *word, unsigned *out, struct pwk_error *error)
{
    unsigned value = 0;
    const char *p = word;

    for (; *p >= '0' && *p <= '9' && value <= PWK_MAX_CPU_PERCENT; p++)
        value = value * 10 + (unsigned)(*p - '0');
    if (p == word || (*p != '\0' && strcmp(p, "%") != 0) || value == 0 ||
        value > PWK_MAX_CPU_PERCENT)
        return pwk_error_set(error, -EINVAL,
                             "'%s' is no share of a processor: use 1%% to %d%%, where 150%% is one "
                             "and a half processors",
                             word, PWK_MAX_CPU_PERCENT);
    *out = value;
    return 0;
}

int pwk_io_limit_parse(const char *word, uint64_t *out, struct pwk_error *error)
{
    size_t length = strlen(word);
    char size[32];
    int rc;

    if (length >= 2 && strcmp(word + length - 2, "/s") == 0)
        length -= 2;
    if (length >= sizeof(size))
        return pwk_error_set(error, -EINVAL, "'%s' is no size a second: use as in 50M/s", word);
    memcpy(size, word, length);
    size[length] = '\0';
    rc = pwk_size_parse(size, out, error);
    if (rc == 0 && *out < MIN_IO)
        return pwk_error_set(error, -EINVAL, "'%s' is too little: use at least 4K a second", word);
    return rc;
}
