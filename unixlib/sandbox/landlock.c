/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * landlock.c - see landlock.h. The numbers are those of "uapi/linux/landlock.h" (Linux), of which
 * Debian 12's headers have the first two versions alone.
 */
#include "sandbox/landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(number) (UINT64_C(1) << (number))
#define RULE_PATH_BENEATH 1
#define ASK_FOR_VERSION 1u

#define WRITE_FILE BIT(1)
#define READ_FILE BIT(2)
#define READ_FOLDER BIT(3)
#define REMOVE_FILE BIT(5)
#define MAKE_FILE BIT(8)
#define TRUNCATE BIT(14)
#define GRANTED (WRITE_FILE | READ_FILE | READ_FOLDER | REMOVE_FILE | MAKE_FILE | TRUNCATE)

struct ruleset {
    uint64_t files;
    uint64_t network; /* from version 4 on */
    uint64_t scopes;  /* from version 6 on */
};

struct path_beneath {
    uint64_t allowed;
    int32_t folder;
} __attribute__((packed));

/* What each version can refuse; Linux wants to hear of nothing that it does not know. */
static const struct {
    struct ruleset rules;
    size_t size;
} versions[] = {
    {{BIT(13) - 1, 0, 0}, 8},                    /* files, from executing to making links */
    {{BIT(14) - 1, 0, 0}, 8},                    /* renaming into another folder */
    {{BIT(15) - 1, 0, 0}, 8},                    /* truncating */
    {{BIT(15) - 1, BIT(2) - 1, 0}, 16},          /* TCP: bind, connect */
    {{BIT(16) - 1, BIT(2) - 1, 0}, 16},          /* ioctl on devices */
    {{BIT(16) - 1, BIT(2) - 1, BIT(2) - 1}, 24}, /* abstract Unix sockets, signals */
};
#define KNOWN_VERSIONS ((int)(sizeof(versions) / sizeof(versions[0])))

int pwk_landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_FOR_VERSION);

    return version > 0 ? (int)version : 0;
}

int pwk_landlock_restrict(const int *folders, size_t count)
{
    int version = pwk_landlock_version();
    struct ruleset rules;
    int set, result = 0;

    if (version == 0)
        return -EOPNOTSUPP;
    version = version < KNOWN_VERSIONS ? version : KNOWN_VERSIONS;
    rules = versions[version - 1].rules;
    set = (int)syscall(SYS_landlock_create_ruleset, &rules, versions[version - 1].size, 0);
    if (set < 0)
        return -errno;
    for (size_t i = 0; result == 0 && i < count; i++) {
        const struct path_beneath beneath = {GRANTED & rules.files, folders[i]};

        if (syscall(SYS_landlock_add_rule, set, RULE_PATH_BENEATH, &beneath, 0) < 0)
            result = -errno;
    }
    if (result == 0 && syscall(SYS_landlock_restrict_self, set, 0) < 0)
        result = -errno;
    close(set);
    return result;
}
