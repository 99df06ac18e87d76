/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * windows_build.c - see windows_build.h.
 *
 * Facts: Microsoft, "Windows 10 release information", "Windows 11 release information". The
 * revisions are those of the last update that the home and professional editions got, and for
 * releases still served that of an update which was current when the line was written.
 * DisplayVersion came with 20H2; ReleaseId came with 1511 and has stood still since 20H2.
 */
#include "kernel/windows_build.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
const struct pwk_windows_build pwk_windows_builds[] = {
    {PWK_WINDOWS_7,   7601, NULL,      0, NULL,   NULL,   true},
    {PWK_WINDOWS_8,   9200, NULL,      0, NULL,   NULL,   true},
    {PWK_WINDOWS_81,  9600, NULL,      0, NULL,   NULL,   true},
    {PWK_WINDOWS_10, 10240, "1507", 17394, NULL,   NULL,   false},
    {PWK_WINDOWS_10, 10586, "1511",  1176, NULL,   "1511", false},
    {PWK_WINDOWS_10, 14393, "1607",  2189, NULL,   "1607", false},
    {PWK_WINDOWS_10, 15063, "1703",  1387, NULL,   "1703", false},
    {PWK_WINDOWS_10, 16299, "1709",  1087, NULL,   "1709", false},
    {PWK_WINDOWS_10, 17134, "1803",  1130, NULL,   "1803", false},
    {PWK_WINDOWS_10, 17763, "1809",  1577, NULL,   "1809", false},
    {PWK_WINDOWS_10, 18362, "1903",  1256, NULL,   "1903", false},
    {PWK_WINDOWS_10, 18363, "1909",  1556, NULL,   "1909", false},
    {PWK_WINDOWS_10, 19041, "2004",  1415, NULL,   "2004", false},
    {PWK_WINDOWS_10, 19042, "20H2",  1706, "20H2", "2009", false},
    {PWK_WINDOWS_10, 19043, "21H1",  2364, "21H1", "2009", false},
    {PWK_WINDOWS_10, 19044, "21H2",  3086, "21H2", "2009", false},
    {PWK_WINDOWS_10, 19045, "22H2",  4291, "22H2", "2009", true},
    {PWK_WINDOWS_11, 22000, "21H2",  2538, "21H2", "2009", false},
    {PWK_WINDOWS_11, 22621, "22H2",  4317, "22H2", "2009", false},
    {PWK_WINDOWS_11, 22631, "23H2",  3527, "23H2", "2009", true},
    {PWK_WINDOWS_11, 26100, "24H2",  1742, "24H2", "2009", false},
    {PWK_WINDOWS_11, 26200, "25H2",  6584, "25H2", "2009", false},
};
/* clang-format on */

const size_t pwk_windows_build_count = sizeof pwk_windows_builds / sizeof pwk_windows_builds[0];

const struct pwk_windows_build *pwk_windows_build_by_number(enum pwk_windows windows,
                                                            uint32_t number)
{
    for (size_t i = 0; i < pwk_windows_build_count; i++) {
        const struct pwk_windows_build *build = &pwk_windows_builds[i];

        if (build->windows == windows && (number == 0 ? build->usual : build->build == number))
            return build;
    }
    return NULL;
}

static bool is_named(const struct pwk_windows_build *build, const char *word)
{
    char number[12];

    snprintf(number, sizeof(number), "%u", build->build);
    return strcmp(word, number) == 0 || (build->release != NULL && !strcmp(word, build->release));
}

/* "1507 (10240), 1511 (10586)": what can be asked for. */
static void list_builds(char *out, size_t capacity, enum pwk_windows windows)
{
    size_t length = 0;

    out[0] = '\0';
    for (size_t i = 0; i < pwk_windows_build_count && length < capacity; i++) {
        const struct pwk_windows_build *build = &pwk_windows_builds[i];
        const char *comma = length == 0 ? "" : ", ";

        if (windows != PWK_WINDOWS_PREFIX && build->windows != windows)
            continue;
        if (build->release == NULL)
            length +=
                (size_t)snprintf(out + length, capacity - length, "%s%u", comma, build->build);
        else
            length += (size_t)snprintf(out + length, capacity - length, "%s%s (%u)", comma,
                                       build->release, build->build);
    }
}

int pwk_windows_build_parse(enum pwk_windows windows, const char *word,
                            const struct pwk_windows_build **out, struct pwk_error *error)
{
    char allowed[512];

    for (size_t i = 0; i < pwk_windows_build_count; i++) {
        const struct pwk_windows_build *build = &pwk_windows_builds[i];

        if ((windows != PWK_WINDOWS_PREFIX && build->windows != windows) || !is_named(build, word))
            continue;
        if (out != NULL)
            *out = build;
        return 0;
    }
    list_builds(allowed, sizeof(allowed), windows);
    if (windows == PWK_WINDOWS_PREFIX)
        return pwk_error_set(error, -EINVAL, "'%s' is no build of Windows: use one of %s", word,
                             allowed);
    return pwk_error_set(error, -EINVAL, "'%s' is no build of Windows %s: use one of %s", word,
                         pwk_windows_word(windows), allowed);
}
