/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * state.c - the folders of the prefix, of kernels and of run-time files. The prefix can be
 * written by Windows programs: below it no symbolic link is followed.
 */
#include "kernel/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/boot_record.h"
#include "kernel/remove_tree.h"

#define KERNELS_FOLDER "pwk/kernels"

int pwk_kernel_name_check(const char *name, struct pwk_error *error)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strnlen(name, PWK_KERNEL_NAME_MAX + 1);

    if (length == 0 || length > PWK_KERNEL_NAME_MAX || name[0] == '.' || name[0] == '-' ||
        strspn(name, allowed) != length)
        return pwk_error_set(error, -EINVAL,
                             "'%s' cannot name a kernel: use 1 to %d of A-Z a-z 0-9 . _ -, not "
                             "starting with a dot or dash",
                             name, PWK_KERNEL_NAME_MAX);
    return 0;
}

/* "first/second"; -ENAMETOOLONG when that is no path any more. */
static int join(char path[PATH_MAX], const char *first, const char *second, struct pwk_error *error)
{
    int length = snprintf(path, PATH_MAX, "%s/%s", strcmp(first, "/") == 0 ? "" : first, second);

    if (length < 0 || length >= PATH_MAX)
        return pwk_error_set(error, -ENAMETOOLONG, "%s/%s: the path is too long", first, second);
    return 0;
}

/* HOME, else what /etc/passwd says. Not getpwuid: a statically linked program (pwk-wine) would have
 * to load the system's name services. */
static const char *home_folder(void)
{
    static char found[PATH_MAX];
    const char *home = getenv("HOME");
    const struct passwd *entry;
    FILE *users;

    if (home != NULL && home[0] == '/')
        return home;
    users = fopen("/etc/passwd", "re");
    if (users == NULL)
        return NULL;
    do
        entry = fgetpwent(users);
    while (entry != NULL && entry->pw_uid != getuid());
    if (entry != NULL && entry->pw_dir[0] == '/' && strlen(entry->pw_dir) < sizeof(found))
        strcpy(found, entry->pw_dir);
    fclose(users);
    return found[0] != '\0' ? found : NULL;
}

int pwk_prefix_path(char path[PATH_MAX], struct pwk_error *error)
{
    const char *prefix = getenv("WINEPREFIX");
    const char *home;
    size_t length;

    if (prefix == NULL) {
        home = getenv("HOME");
        if (home != NULL && home[0] != '/')
            return pwk_error_set(
                error, -EINVAL, "HOME is '%s': it must be an absolute path, starting with /", home);
        home = home_folder();
        if (home == NULL)
            return pwk_error_set(error, -ENOENT,
                                 "there is no home folder to hold .wine: set HOME or WINEPREFIX");
        return join(path, home, ".wine", error);
    }
    if (prefix[0] != '/')
        return pwk_error_set(error, -EINVAL,
                             "WINEPREFIX is '%s': it must be an absolute path, starting with /",
                             prefix);
    length = strlen(prefix);
    while (length > 1 && prefix[length - 1] == '/')
        length--;
    if (length >= PATH_MAX)
        return pwk_error_set(error, -ENAMETOOLONG, "WINEPREFIX is longer than a path may be");
    memcpy(path, prefix, length);
    path[length] = '\0';
    return 0;
}

/* Opens folder `name` below `parent`, made with mode 0700 where missing; it must be a real folder
 * of this user. Returns a descriptor or a negative errno; `path` is for the error line. */
static int open_own_folder(int parent, const char *name, const char *path, struct pwk_error *error)
{
    struct stat st;
    int fd;
    int code;

    if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST) {
        code = -errno;
        return pwk_error_set(error, code, "cannot make %s: %s: make its folder writable", path,
                             strerror(-code));
    }
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        code = -errno;
        return pwk_error_set(error, code, "%s is not a folder that can be opened (%s): remove it",
                             path, strerror(-code));
    }
    if (fstat(fd, &st) != 0 || st.st_uid != geteuid()) {
        close(fd);
        return pwk_error_set(error, -EPERM,
                             "%s does not belong to you: remove it, or give it to user %u", path,
                             (unsigned)geteuid());
    }
    return fd;
}

/* Makes folder `name` beside the states of kernels, and its store, in `prefix`. */
static int make_state(const char *prefix, const char *name, const char *path,
                      struct pwk_error *error)
{
    const char *const folders[] = {"pwk", "kernels", name, "store"};
    int fd = open(prefix, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = 0;

    if (fd < 0) {
        code = -errno;
        return pwk_error_set(error, code, "cannot open the Wine prefix %s: %s: mend WINEPREFIX",
                             prefix, strerror(-code));
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        int next = open_own_folder(fd, folders[i], path, error);

        close(fd);
        if (next < 0)
            return next;
        fd = next;
    }
    if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0) {
        code = -errno;
        pwk_error_set(error, code, "%s/store cannot be written: %s: make it writable", path,
                      strerror(-code));
    }
    close(fd);
    return code;
}

int pwk_state_path(const char *prefix, const char *name, bool create, char path[PATH_MAX],
                   struct pwk_error *error)
{
    char below[sizeof(KERNELS_FOLDER) + PWK_KERNEL_NAME_MAX + 1];
    int rc = pwk_kernel_name_check(name, error);

    if (rc != 0)
        return rc;
    snprintf(below, sizeof(below), KERNELS_FOLDER "/%s", name);
    rc = join(path, prefix, below, error);
    if (rc == 0 && create)
        rc = make_state(prefix, name, path, error);
    return rc;
}

int pwk_state_make_apart(const char *prefix, const char *folder, char path[PATH_MAX],
                         struct pwk_error *error)
{
    char below[sizeof(KERNELS_FOLDER) + NAME_MAX + 1];
    int rc;

    snprintf(below, sizeof(below), KERNELS_FOLDER "/%s", folder);
    rc = join(path, prefix, below, error);
    return rc == 0 ? make_state(prefix, folder, path, error) : rc;
}

/* True where `path` is a folder of this user: a session that was entered with su may have been
 * left another user's variable. */
static bool is_own_folder(const char *path)
{
    struct stat st;

    return path != NULL && path[0] == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
           st.st_uid == geteuid();
}

int pwk_runtime_path(char path[PATH_MAX], struct pwk_error *error)
{
    const char *session = getenv("XDG_RUNTIME_DIR");
    char name[32] = "pwk";
    struct stat st;
    int fd;
    int rc;

    if (!is_own_folder(session)) {
        session = "/tmp";
        snprintf(name, sizeof(name), "pwk-%u", (unsigned)geteuid());
    }
    rc = join(path, session, name, error);
    if (rc != 0)
        return rc;
    fd = open_own_folder(AT_FDCWD, path, path, error);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) != 0 || ((st.st_mode & 077) != 0 && fchmod(fd, 0700) != 0)) {
        rc = -errno;
        pwk_error_set(error, rc, "%s is open to other users: run chmod 700 on it", path);
    }
    close(fd);
    return rc;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Appends to the NULL-terminated `*names` of `count` entries. */
static int append_name(char ***names, size_t count, const char *name)
{
    char **grown = reallocarray(*names, count + 2, sizeof(*grown));

    if (grown == NULL)
        return -ENOMEM;
    *names = grown;
    grown[count] = strdup(name);
    if (grown[count] == NULL)
        return -ENOMEM;
    grown[count + 1] = NULL;
    return 0;
}

static bool is_folder(int parent, const char *name)
{
    struct stat st;

    return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int pwk_state_list(const char *prefix, char ***names, struct pwk_error *error)
{
    char path[PATH_MAX];
    const struct dirent *entry;
    size_t count = 0;
    DIR *folder;
    int rc = join(path, prefix, KERNELS_FOLDER, error);

    if (rc != 0)
        return rc;
    *names = calloc(1, sizeof(**names));
    if (*names == NULL)
        return pwk_error_set(error, -ENOMEM, "no memory left");
    folder = opendir(path);
    if (folder == NULL && errno == ENOENT)
        return 0;
    if (folder == NULL)
        rc = pwk_error_set(error, -errno, "cannot read %s: %s", path, strerror(errno));
    while (rc == 0 && (entry = readdir(folder)) != NULL) {
        if (pwk_kernel_name_check(entry->d_name, NULL) != 0 ||
            !is_folder(dirfd(folder), entry->d_name))
            continue;
        rc = append_name(names, count, entry->d_name);
        if (rc != 0)
            pwk_error_set(error, rc, "no memory left");
        else
            count++;
    }
    if (folder != NULL)
        closedir(folder);
    if (rc != 0) {
        pwk_state_list_free(*names);
        *names = NULL;
        return rc;
    }
    qsort(*names, count, sizeof(**names), compare_names);
    return 0;
}

void pwk_state_list_free(char **names)
{
    for (size_t i = 0; names != NULL && names[i] != NULL; i++)
        free(names[i]);
    free(names);
}

int pwk_state_remove(const char *state, struct pwk_error *error)
{
    int root = open(state, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int rc;

    if (root < 0)
        return pwk_error_set(error, -errno, "cannot open the kernel's state %s: %s", state,
                             strerror(errno));
    rc = pwk_remove_below(root);
    close(root);
    if (rc == 0 && rmdir(state) != 0)
        rc = -errno;
    if (rc != 0)
        pwk_error_set(error, rc, "cannot remove %s: %s: make it writable, or remove it by hand",
                      state, strerror(-rc));
    return rc;
}
