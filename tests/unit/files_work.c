/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_work.c - see files_work.h. Calls may fail, as a program's may: a name is a folder, or its
 * folder is none. Few names are used, so that much happens to each.
 */
#include "tests/unit/files_work.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "kernel/remove_tree.h"
#include "tests/unit/files_fixture.h"

#define OPERATIONS 60

unsigned files_work_seed(void)
{
    const char *text = getenv("PWK_TEST_SEED");

    return text != NULL && *text != '\0' ? (unsigned)strtoul(text, NULL, 10) : 1;
}

/* One to three words of four. */
static void random_path(char path[64], unsigned *seed)
{
    static const char *const words[] = {"a", "b b", "c.txt", "d"};
    int depth = 1 + rand_r(seed) % 3;

    path[0] = '\0';
    for (int i = 0; i < depth; i++) {
        if (i > 0)
            strcat(path, "/");
        strcat(path, words[rand_r(seed) % 4]);
    }
}

static void write_file(const char *path, int flags, unsigned *seed)
{
    char text[64];
    int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | flags, 0644);
    int length = snprintf(text, sizeof(text), "%u\n", (unsigned)rand_r(seed) % 100);

    if (fd < 0)
        return;
    /* Now and then it is only opened: copied up, and the same. */
    if (rand_r(seed) % 4 != 0 && write(fd, text, (size_t)length) < length)
        abort();
    close(fd);
}

static void work_once(const char *folder, unsigned *seed)
{
    char path[64], other[64];

    random_path(path, seed);
    random_path(other, seed);
    switch (rand_r(seed) % 10) {
    case 0:
    case 1:
        write_file(at(folder, path), 0, seed);
        break;
    case 2:
        write_file(at(folder, path), O_TRUNC, seed);
        break;
    case 3:
    case 4:
        mkdir(at(folder, path), 0755);
        break;
    case 5:
        pwk_remove_at(AT_FDCWD, at(folder, path));
        break;
    case 6:
        if (symlink(other, at(folder, path)) < 0)
            unlink(at(folder, path));
        break;
    case 7:
        rename(at(folder, path), at(folder, other));
        break;
    case 8:
        fchmodat(AT_FDCWD, at(folder, path), 0700 | (rand_r(seed) % 64), AT_SYMLINK_NOFOLLOW);
        break;
    default:
        if (link(at(folder, path), at(folder, other)) < 0)
            lsetxattr(at(folder, path), "user.DOSATTRIB", "0x1", 3, 0);
    }
}

void files_work_fill(const char *folder, unsigned seed)
{
    seed += 1000;
    for (int i = 0; i < OPERATIONS; i++)
        work_once(folder, &seed);
}

void files_work_do(const char *folder, void *seed)
{
    unsigned own = *(unsigned *)seed;

    for (int i = 0; i < OPERATIONS; i++)
        work_once(folder, &own);
}
