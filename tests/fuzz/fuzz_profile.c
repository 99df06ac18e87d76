/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_profile.c - libFuzzer target: the reader of profiles, which takes a path and is given a
 * file in memory. A text that is refused must leave the profile as it was and say why.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/profile.h"
#include "kernel/windows_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool promise)
{
    if (!promise)
        abort();
}

static const char *file_with(const uint8_t *bytes, size_t size)
{
    static char path[64];
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("profile", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    require(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
    return path;
}

static void check_words(const struct pwk_profile *profile)
{
    enum pwk_windows windows;
    enum pwk_registry_mode mode;
    enum pwk_audit_level level;

    require(profile->windows == PWK_WINDOWS_PREFIX ||
            (pwk_windows_parse(pwk_windows_word(profile->windows), &windows, NULL) == 0 &&
             windows == profile->windows));
    require(profile->build[0] == 0 ||
            pwk_windows_build_parse(profile->windows, profile->build, NULL, NULL) == 0);
    require(pwk_registry_mode_parse(pwk_registry_mode_word(profile->registry), &mode, NULL) == 0 &&
            mode == profile->registry);
    require(pwk_audit_level_parse(pwk_audit_level_word(profile->audit), &level, NULL) == 0 &&
            level == profile->audit);
    require(profile->syscalls.count <= PWK_MAX_SYSCALL_RULES);
    for (size_t i = 0; i < profile->syscalls.count; i++) {
        const struct pwk_syscall_rule *rule = &profile->syscalls.rule[i];

        require(rule->line > 0 && rule->action <= PWK_SYSCALL_KILL);
        require(rule->name[0] && memchr(rule->name, 0, sizeof(rule->name)));
    }
    require(profile->passthrough_count <= PWK_MAX_PASSTHROUGH);
    for (size_t i = 0; i < profile->passthrough_count; i++)
        require(strncasecmp(profile->passthrough[i], "\\Registry\\", 10) == 0);
}

/* Written, and read once more, it is the same. */
static void check_round_trip(const struct pwk_profile *profile)
{
    struct pwk_profile again;
    char *first = NULL, *second = NULL;
    size_t sizes[2];
    FILE *stream = open_memstream(&first, &sizes[0]);

    pwk_profile_write(profile, stream);
    require(fclose(stream) == 0);
    pwk_profile_init(&again);
    require(pwk_profile_load(&again, file_with((const uint8_t *)first, sizes[0]), NULL) == 0);
    stream = open_memstream(&second, &sizes[1]);
    pwk_profile_write(&again, stream);
    require(fclose(stream) == 0);
    require(sizes[0] == sizes[1] && memcmp(first, second, sizes[0]) == 0);
    pwk_profile_finish(&again);
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *path = file_with(bytes, size);
    struct pwk_profile profile, before;
    struct pwk_error error = {""};
    int code;

    pwk_profile_init(&profile);
    before = profile;
    code = pwk_profile_load(&profile, path, &error);
    require(code <= 0 && memchr(error.text, 0, sizeof(error.text)));
    if (code < 0) {
        require(memcmp(&before, &profile, sizeof(profile)) == 0);
        require(strstr(error.text, path) && !strchr(error.text, '\n'));
    }
    check_words(&profile);
    check_round_trip(&profile);
    pwk_profile_finish(&profile);
    return 0;
}
