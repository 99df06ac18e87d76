/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_registry.c - see prefix_registry.h. A private registry's folder is api-XXXXXX in the
 * run-time folder; its file `owner` is locked by its process, so that others can tell whether that
 * one is still there. Making and sweeping folders is done under the lock of `api.lock`.
 */
#include "kernel/prefix_registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/profile.h"
#include "kernel/state.h"

#define FOLDER_PREFIX "api-"

struct pwk_private_registry {
    registry_t *registry;
    int owner;     /* locked */
    pid_t process; /* that made the folder; a child of fork leaves it alone */
    struct pwk_private_registry *next;
    char folder[PATH_MAX];
};

/* Those that are open, for the end of the process. */
static pthread_mutex_t open_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct pwk_private_registry *open_list;

static int path_join(char out[PATH_MAX], const char *folder, const char *name,
                     struct pwk_error *error)
{
    int length = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    if (length < 0 || length >= PATH_MAX) {
        return pwk_error_set(error, -ENAMETOOLONG,
                             "%s: the path is too long; move the folder to a shorter one", folder);
    }
    return 0;
}

/* A regular file for reading; -ENOENT without a line where there is none. */
static int open_text(const char *prefix, const char *name, int *out, struct pwk_error *error)
{
    char path[PATH_MAX];
    struct stat status;
    int result = path_join(path, prefix, name, error);

    if (result != 0) {
        return result;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        int code = errno;
        if (code == ENOENT || code == ENOTDIR) {
            return -ENOENT;
        }
        return pwk_error_set(error, -code, "%s: cannot be read (%s); make it readable", path,
                             strerror(code));
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return pwk_error_set(error, -EINVAL,
                             "%s: is not a regular file; let wineboot make the prefix anew", path);
    }
    *out = fd;
    return 0;
}

static int create_top_keys(registry_t *registry, struct pwk_error *error)
{
    static const uint16_t machine[] = u"Machine";
    static const uint16_t user[] = u"User";
    uint64_t key;
    bool created;
    int result = registry_create(registry, REGISTRY_ROOT_KEY, machine, 7, 0, 0, NULL, 0, &key,
                                 &created, NULL);
    if (result == 0) {
        result = registry_create(registry, REGISTRY_ROOT_KEY, user, 4, 0, 0, NULL, 0, &key,
                                 &created, NULL);
    }
    if (result != 0) {
        pwk_error_set(error, result,
                      "the registry's top keys cannot be made (%s); free some disk "
                      "space",
                      strerror(-result));
    }
    return result;
}

int pwk_prefix_registry_import(registry_t *registry, const char *prefix, registry_progress progress,
                               void *context, struct pwk_error *error)
{
    static const char *const names[] = {"system.reg", "user.reg", "userdef.reg"};
    int fds[3];
    size_t count = 0;
    int result = 0;

    for (size_t i = 0; i < 3 && result == 0; i++) {
        result = open_text(prefix, names[i], &fds[count], error);
        if (result == 0) {
            count++;
        } else if (result == -ENOENT && i > 0) {
            result = 0;
        }
    }
    if (result == -ENOENT) {
        result = create_top_keys(registry, error);
    } else if (result == 0) {
        struct registry_error line = {""};
        result = registry_import_wine_text(registry, fds, count, progress, context, &line);
        if (result != 0) {
            pwk_error_set(error, result, "%s", line.text);
        }
    }
    while (count > 0) {
        close(fds[--count]);
    }
    return result;
}

/* An open, locked file of the caller's own; `operation` as for flock. */
static int open_lock(const char *path, int operation)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int result;

    if (fd < 0) {
        return -errno;
    }
    do {
        result = flock(fd, operation) == 0 ? 0 : -errno;
    } while (result == -EINTR);
    if (result != 0) {
        close(fd);
        return result;
    }
    return fd;
}

/* Removes the folders whose owner is gone. What cannot be removed is left for the next time. */
static void sweep(const char *runtime)
{
    DIR *directory = opendir(runtime);
    char folder[PATH_MAX];
    char owner[PATH_MAX];

    if (directory == NULL) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strncmp(entry->d_name, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) != 0 ||
            path_join(folder, runtime, entry->d_name, NULL) != 0 ||
            path_join(owner, folder, "owner", NULL) != 0) {
            continue;
        }
        int fd = open_lock(owner, LOCK_EX | LOCK_NB);
        if (fd >= 0) {
            pwk_state_remove(folder, NULL);
            close(fd);
        }
    }
    closedir(directory);
}

static int create_folder(struct pwk_private_registry *registry, struct pwk_error *error)
{
    char runtime[PATH_MAX];
    char path[PATH_MAX];
    int result = pwk_runtime_path(runtime, error);

    if (result == 0) {
        result = path_join(path, runtime, "api.lock", error);
    }
    if (result == 0) {
        result = path_join(registry->folder, runtime, FOLDER_PREFIX "XXXXXX", error);
    }
    if (result != 0) {
        registry->folder[0] = '\0';
        return result;
    }

    int lock = open_lock(path, LOCK_EX);
    if (lock < 0) {
        registry->folder[0] = '\0';
        return pwk_error_set(error, lock, "%s: cannot be locked (%s); make the folder writable",
                             path, strerror(-lock));
    }
    sweep(runtime);
    if (mkdtemp(registry->folder) == NULL) {
        result = -errno;
        registry->folder[0] = '\0';
    } else {
        result = path_join(path, registry->folder, "owner", NULL);
        registry->owner = result == 0 ? open_lock(path, LOCK_EX | LOCK_NB) : result;
        result = registry->owner < 0 ? registry->owner : 0;
    }
    close(lock);
    if (result != 0) {
        return pwk_error_set(error, result,
                             "%s: no folder for a registry can be made there (%s); "
                             "make it writable or free some space",
                             runtime, strerror(-result));
    }
    return 0;
}

static int (*source)(registry_t *registry, struct pwk_error *error);

void pwk_prefix_registry_set_source(int (*import)(registry_t *registry, struct pwk_error *error))
{
    __atomic_store_n(&source, import, __ATOMIC_RELEASE);
}

/* With a source there is a session, in which the paths live that the built-in profile passes
 * through. */
static int open_store(struct pwk_private_registry *registry, bool in_session,
                      struct pwk_error *error)
{
    struct registry_options options = {.create = true};
    struct registry_error line = {""};
    struct pwk_profile profile;
    int result;

    pwk_profile_init(&profile);
    if (in_session) {
        options.passthrough = (const char *const *)profile.passthrough;
        options.passthrough_count = profile.passthrough_count;
    }
    result = registry_open(registry->folder, &options, &registry->registry, &line);
    pwk_profile_finish(&profile);
    if (result != 0) {
        registry->registry = NULL;
        return pwk_error_set(error, result, "%s", line.text);
    }
    return 0;
}

static int fill(struct pwk_private_registry *registry, struct pwk_error *error)
{
    int (*import)(registry_t *, struct pwk_error *) = __atomic_load_n(&source, __ATOMIC_ACQUIRE);
    char prefix[PATH_MAX];
    int result = pwk_prefix_path(prefix, error);

    if (result == 0) {
        result = open_store(registry, import != NULL, error);
    }
    if (result != 0) {
        return result;
    }
    return import != NULL
               ? import(registry->registry, error)
               : pwk_prefix_registry_import(registry->registry, prefix, NULL, NULL, error);
}

/* A process that ends with its registry open, as one that lives with its kernel does, takes the
 * files along; other threads may still be using them, so nothing is closed. */
static void remove_folders(void)
{
    if (pthread_mutex_trylock(&open_mutex) != 0) {
        return;
    }
    for (struct pwk_private_registry *at = open_list; at != NULL; at = at->next) {
        if (at->process == getpid()) {
            pwk_state_remove(at->folder, NULL);
        }
    }
    pthread_mutex_unlock(&open_mutex);
}

static void remove_folders_at_exit(void)
{
    atexit(remove_folders);
}

static void list_add(struct pwk_private_registry *registry)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, remove_folders_at_exit);
    pthread_mutex_lock(&open_mutex);
    registry->next = open_list;
    open_list = registry;
    pthread_mutex_unlock(&open_mutex);
}

static void list_remove(struct pwk_private_registry *registry)
{
    pthread_mutex_lock(&open_mutex);
    for (struct pwk_private_registry **at = &open_list; *at != NULL; at = &(*at)->next) {
        if (*at == registry) {
            *at = registry->next;
            break;
        }
    }
    pthread_mutex_unlock(&open_mutex);
}

int pwk_private_registry_open(struct pwk_private_registry **out, struct pwk_error *error)
{
    struct pwk_private_registry *registry = calloc(1, sizeof(*registry));
    int result;

    *out = NULL;
    if (registry == NULL) {
        return pwk_error_set(error, -ENOMEM, "no memory is left for a registry");
    }
    registry->owner = -1;
    registry->process = getpid();
    result = create_folder(registry, error);
    if (result == 0) {
        list_add(registry);
        result = fill(registry, error);
    }
    if (result != 0) {
        pwk_private_registry_close(registry);
        return result;
    }
    *out = registry;
    return 0;
}

void pwk_private_registry_close(struct pwk_private_registry *private_registry)
{
    if (private_registry == NULL) {
        return;
    }
    list_remove(private_registry);
    registry_close(private_registry->registry);
    if (private_registry->folder[0] != '\0' && private_registry->process == getpid()) {
        pwk_state_remove(private_registry->folder, NULL);
    }
    if (private_registry->owner >= 0) {
        close(private_registry->owner);
    }
    free(private_registry);
}

registry_t *pwk_private_registry_get(struct pwk_private_registry *private_registry)
{
    return private_registry->registry;
}
