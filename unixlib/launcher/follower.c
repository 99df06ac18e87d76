/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * follower.c - see follower.h. Its lock (flock) lies in the prefix's run-time folder, out of the
 * session's reach. What there is to be known is looked at anew after every event, so that none has
 * to be understood, and it is no harm to miss one that another follows.
 */
#include "launcher/follower.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel/prefix_files.h"
#include "launcher/below.h"
#include "launcher/detached.h"
#include "sandbox/session.h"
#include "wine/server_lock.h"

/* wineserver writes its files one after the other: they are published when it is quiet for so
 * long, or at once after so many events. */
#define QUIET_MS 20
#define QUIET_ROUNDS 100
/* A wineserver whose watcher has ended with the last program ends some seconds later; if it has not
 * by then, another program has come. */
#define LINGER_MS 5000
#define LOOK_TRIES 3
#define SHARED_MEMORY "tmpmap-"

enum { SESSION, EVENTS, SERVER, WATCHER, POLLED };

struct follower {
    const struct pwk_plan *plan;
    struct pwk_prefix_layer layer;
    char lock_path[PATH_MAX + 64];
    int lock;
    int polled[POLLED]; /* pidfds, but for EVENTS; -1: there is none */
    pid_t server;       /* the wineserver of polled[SERVER], or 0 */
    pid_t served;       /* the last one that had a watcher */
    int64_t lingers;    /* milliseconds of CLOCK_MONOTONIC until a watcher is due again, or 0 */
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what is watched ---- */

/* A folder that is not there is no error: something above it is watched too. */
static int watch(int events, const char *path, uint32_t mask)
{
    return inotify_add_watch(events, path, mask | IN_ONLYDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* The folder that Wine would make to hold its servers' is made, so that it can be watched. */
static int watch_places(int events, const char *prefix)
{
    struct pwk_server_places places;
    int result = pwk_wineserver_places(prefix, &places);
    const char *usual = places.paths[0][0] ? places.paths[0] : places.paths[1];

    if (result == 0 && mkdir(usual, 0700) < 0 && errno != EEXIST)
        result = -errno;
    for (size_t i = 0; result == 0 && i < sizeof(places.paths) / sizeof(places.paths[0]); i++) {
        char path[sizeof(places.paths[0]) + sizeof(places.name)];

        if (!places.paths[i][0])
            continue;
        result = watch(events, places.paths[i], IN_CREATE);
        snprintf(path, sizeof(path), "%s/%s", places.paths[i], places.name);
        if (result == 0)
            result = watch(events, path, IN_CREATE);
    }
    return result;
}

/* Watches whatever is there by now; what is watched already stays so. */
static int watch_all(int events, const char *prefix)
{
    int result = watch(events, prefix, IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE);

    return result < 0 ? result : watch_places(events, prefix);
}

/* ---- the follower ---- */

/* True where something has happened that may matter: wineserver makes what programs share in memory
 * as files beside its socket, all the time. */
static bool read_events(int events)
{
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool matters = false;
    ssize_t size;

    while ((size = read(events, buffer, sizeof(buffer))) > 0) {
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const void *)(buffer + at);

            matters = matters || event->len == 0 ||
                      strncmp(event->name, SHARED_MEMORY, sizeof(SHARED_MEMORY) - 1) != 0;
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    }
    return matters;
}

/* The same, when nothing more has happened for a moment. */
static bool drain(int events)
{
    struct pollfd more = {.fd = events, .events = POLLIN};
    bool matters = read_events(events);

    for (int i = 0; matters && i < QUIET_ROUNDS && poll(&more, 1, QUIET_MS) > 0; i++)
        read_events(events);
    return matters;
}

static void replace(struct follower *follower, int which, pid_t process)
{
    if (follower->polled[which] >= 0)
        close(follower->polled[which]);
    follower->polled[which] = process > 0 ? pidfd_open(process, 0) : -1;
}

/* True where a watcher would only hold up a wineserver that is about to end. */
static bool server_lingers(struct follower *follower, bool watched)
{
    const struct pwk_prefix_page *page = follower->layer.page;
    bool ended = follower->server != 0 && follower->server == follower->served && !watched &&
                 __atomic_load_n(&page->ended, __ATOMIC_ACQUIRE);

    if (!ended)
        follower->lingers = 0;
    else if (follower->lingers == 0)
        follower->lingers = now_ms() + LINGER_MS;
    return ended && now_ms() < follower->lingers;
}

/* A watcher that could not write would not get further the next time; a start of pwk-wine says what
 * there is to mend. */
static bool has_failed(const struct follower *follower)
{
    return follower->server != 0 &&
           __atomic_load_n(&follower->layer.page->failure, __ATOMIC_ACQUIRE) != 0;
}

/* Brings everything in step with what there is now. */
static void look(struct follower *follower)
{
    const char *prefix = follower->plan->prefix;

    /* Who has ended before he could be waited for is looked for again. */
    for (int i = 0; i < LOOK_TRIES; i++) {
        watch_all(follower->polled[EVENTS], prefix);
        follower->server = pwk_wineserver_of(prefix);
        if (!server_lingers(follower, pwk_prefix_layer_watched(&follower->layer)) &&
            !has_failed(follower))
            pwk_below_settle(&follower->layer, prefix, follower->plan->loader, NULL);
        replace(follower, SERVER, follower->server);
        replace(follower, WATCHER, pwk_prefix_layer_watcher(&follower->layer));
        if (follower->polled[WATCHER] >= 0)
            follower->served = follower->server;
        if (follower->server == 0 || follower->polled[SERVER] >= 0)
            break;
    }
}

/* Takes the lock of the file that the path leads to by now; false where another one has it. */
static int take_lock(const char *path)
{
    struct stat mine, named;

    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
            return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            close(fd);
            return -EBUSY;
        }
        if (fstat(fd, &mine) == 0 && stat(path, &named) == 0 && mine.st_ino == named.st_ino)
            return fd;
        close(fd);
    }
}

/* The session has ended; another one of the kernel's may have begun, whose starts have found this
 * follower. It is looked for once more when they cannot find it any more. */
static bool goes_on(struct follower *follower)
{
    const char *runtime = follower->plan->record.runtime;
    int session = pwk_session_find(runtime, NULL);

    if (session < 0) {
        unlink(follower->lock_path);
        close(follower->lock);
        follower->lock = -1;
        session = pwk_session_find(runtime, NULL);
        if (session >= 0)
            follower->lock = take_lock(follower->lock_path);
    }
    if (follower->polled[SESSION] >= 0)
        close(follower->polled[SESSION]);
    follower->polled[SESSION] = session;
    return session >= 0 && follower->lock >= 0;
}

static int timeout(const struct follower *follower)
{
    int64_t left = follower->lingers - now_ms();

    return follower->lingers == 0 ? -1 : left > 0 ? (int)left : 0;
}

static void run(void *context)
{
    struct follower *follower = context;

    follower->polled[SESSION] = PWK_DETACHED_FIRST;
    follower->polled[EVENTS] = PWK_DETACHED_FIRST + 1;
    follower->lock = PWK_DETACHED_FIRST + 2;
    look(follower);
    for (;;) {
        struct pollfd polled[POLLED];
        int count;

        for (int i = 0; i < POLLED; i++)
            polled[i] = (struct pollfd){.fd = follower->polled[i], .events = POLLIN};
        count = poll(polled, POLLED, timeout(follower));
        if (count < 0 && errno != EINTR)
            return;
        if (polled[SESSION].revents && !goes_on(follower))
            return;
        if (count == 1 && polled[EVENTS].revents && !drain(follower->polled[EVENTS]))
            continue;
        look(follower);
    }
}

/* What can go wrong is found here, where it can be told. */
static int open_events(const struct pwk_plan *plan, struct pwk_error *error)
{
    int events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int result = events < 0 ? -errno : watch_all(events, plan->prefix);

    if (result == 0)
        return events;
    if (events >= 0)
        close(events);
    return pwk_error_set(error, result,
                         "the prefix %s cannot be watched: %s; raise fs.inotify.max_user_instances "
                         "and max_user_watches",
                         plan->prefix, strerror(-result));
}

int pwk_follower_start(const struct pwk_plan *plan, const struct pwk_prefix_layer *layer,
                       struct pwk_error *error)
{
    struct follower follower = {.plan = plan, .layer = *layer, .polled = {-1, -1, -1, -1}};
    int events, result;

    snprintf(follower.lock_path, sizeof(follower.lock_path), "%s/follower-%s", layer->folder,
             strrchr(plan->record.runtime, '/') + 1);
    follower.lock = take_lock(follower.lock_path);
    if (follower.lock == -EBUSY)
        return 0;
    if (follower.lock < 0)
        return pwk_error_set(error, follower.lock, "%s cannot be opened: %s", follower.lock_path,
                             strerror(-follower.lock));
    events = open_events(plan, error);
    result = events;
    if (events >= 0) {
        result = pwk_detached_start("pwk-follower",
                                    (const int[]){plan->session.init, events, follower.lock}, 3,
                                    run, &follower);
        close(events);
        if (result < 0)
            pwk_error_set(error, result,
                          "the follower of the prefix's registry cannot be "
                          "started: %s",
                          strerror(-result));
    }
    close(follower.lock);
    return result;
}
