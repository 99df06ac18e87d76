/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_watch.c - see prefix_watch.h.
 *
 * Events of the session's, found by their names, tell a starting kernel whether the
 * texts are the newest, for five calls: wineserver signals it within the call that changes a key.
 * The watcher marks the page busy before it resets the event, so that one of the two says "not yet"
 * until the new text is published.
 */
#include "wine/prefix_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kernel/boot_record.h"
#include "kernel/prefix_files.h"
#include "kernel/prefix_layer.h"
#include "kernel/state.h"
#include "nt/personality.h"
#include "wine/server_lock.h"
#include "wine/server_start.h"
#include "wine/service_table.h"
#include "wine/snapshot.h"

#define EVENT_ACCESS 0x1f0003u
#define ProcessWineMakeSystem 1000u
#define WATCHED_CHANGES 0xfu /* names, attributes, values, descriptors */
#define SystemTimeOfDayInformation 3u
#define FIRST_PAUSE_MS 1000 /* a session that begins has better things to do */
#define START_SECONDS 15
#define RESTART_MS 500
#define PAUSE_MS 300      /* between two states when many changes come, at most */
#define PAUSE_TIMES 20    /* and at most so many times what writing the text took */
#define STALLED_ROUNDS 30 /* of 100 ms, then another watcher is started */

#define EVENT_NAME_MAX 96

#define CALL(name, ...)                                                                            \
    pwk_service_table_call(name, (const uint64_t[]){__VA_ARGS__},                                  \
                           sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

struct event_name {
    struct object_attributes attributes;
    struct unicode_string name;
    uint16_t text[EVENT_NAME_MAX];
};

/* The session's event of a branch. The folder of the texts is part of its name: programs of one
 * session may have been started with different run-time folders, and then each folder has a
 * watcher of its own. */
static struct object_attributes *name_event(struct event_name *event,
                                            const struct pwk_prefix_layer *layer, size_t branch)
{
    static const char *const branches[PWK_PREFIX_BRANCHES] = {"machine", "user"};
    char text[EVENT_NAME_MAX];
    int length = snprintf(text, sizeof text, "\\BaseNamedObjects\\pwk-watch-%llx-%llx-%s",
                          (unsigned long long)layer->device, (unsigned long long)layer->inode,
                          branches[branch]);

    for (int i = 0; i < length; i++)
        event->text[i] = (uint16_t)text[i];
    event->name =
        (struct unicode_string){(uint16_t)(2 * length), (uint16_t)(2 * length), event->text};
    memset(&event->attributes, 0, sizeof event->attributes);
    event->attributes.length = sizeof event->attributes;
    event->attributes.object_name = &event->name;
    return &event->attributes;
}

static bool is_signaled(nt_handle event)
{
    int64_t at_once = 0;

    return CALL("NtWaitForSingleObject", event, 0, (uint64_t)&at_once) == STATUS_SUCCESS;
}

/* ---- the watcher ---- */

struct branch {
    nt_handle key, event;
    struct io_status_block block;
};

static struct watcher {
    struct pwk_prefix_layer layer;
    struct pwk_prefix_published published; /* the last state, or the next in the making */
    uint64_t generation;                   /* of the last one */
    nt_handle last_program_ended;
    struct branch branches[PWK_PREFIX_BRANCHES];
    struct pwk_error error;
} watcher;

/* The event is signaled from its birth: nothing has been published. Another watcher's is not
 * ours. */
static int watch_branch(struct branch *branch, size_t number)
{
    struct event_name name;

    if (CALL("NtCreateEvent", (uint64_t)&branch->event, EVENT_ACCESS,
             (uint64_t)name_event(&name, &watcher.layer, number), 0, 1))
        return -EEXIST;
    return pwk_snapshot_open_key(pwk_snapshot_paths[number], &branch->key) ? -EIO : 0;
}

static int arm(struct branch *branch)
{
    ntstatus status = CALL("NtNotifyChangeKey", branch->key, branch->event, 0, 0,
                           (uint64_t)&branch->block, WATCHED_CHANGES, 1, 0, 0, 1);
    return status & 0x80000000u ? -EIO : 0;
}

static int write_text(size_t branch, uint64_t generation)
{
    char path[PATH_MAX];
    int fd, result = pwk_prefix_layer_text(&watcher.layer, branch, generation, path);

    if (result < 0)
        return result;
    unlink(path);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    result = pwk_snapshot_save(branch, fd);
    close(fd);
    if (result < 0)
        unlink(path);
    else
        watcher.published.texts[branch] = generation;
    return result;
}

/* Publishes what has changed. */
static int publish(void)
{
    struct pwk_prefix_page *page = watcher.layer.page;
    uint64_t generation = pwk_prefix_layer_next(&watcher.layer, watcher.generation);
    int result = 0;

    __atomic_store_n(&page->busy, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&page->wanted, 0, __ATOMIC_SEQ_CST);
    /* What changes between the reset and the writing is in the text. */
    for (size_t i = 0; result == 0 && i < PWK_PREFIX_BRANCHES; i++) {
        struct branch *branch = &watcher.branches[i];
        if (!is_signaled(branch->event))
            continue;
        CALL("NtResetEvent", branch->event, 0);
        result = arm(branch);
        if (result == 0)
            result = write_text(i, generation);
    }
    if (result == 0) {
        pwk_prefix_layer_publish(&watcher.layer, &watcher.published, generation);
        watcher.generation = generation;
        return 0;
    }
    __atomic_store_n(&page->failure, -result, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &page->generation, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    return result;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Sleeps, unless a kernel that starts wants the newest state. */
static void pause_for(int64_t milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};

    syscall(SYS_futex, &watcher.layer.page->wanted, FUTEX_WAIT, 0, &time, NULL, 0);
}

/* A program that changes the prefix all the time does not keep wineserver writing texts all the
 * time. */
static void pause_after(int64_t started)
{
    int64_t pause = (now_ms() - started + 1) * PAUSE_TIMES;

    pause_for(pause < PAUSE_MS ? pause : PAUSE_MS);
}

static int prepare(void)
{
    struct pwk_prefix_page *page = watcher.layer.page;
    struct pwk_backup_privilege before;
    uint64_t *instance = &watcher.published.instance;
    int result = 0;

    if (getrandom(instance, sizeof *instance, GRND_NONBLOCK) < 0 || !*instance)
        *instance = (uint64_t)now_ms() << 20 | (uint64_t)getpid();
    __atomic_store_n(&page->busy, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&page->wanted, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&page->failure, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&page->ended, 0, __ATOMIC_SEQ_CST);
    if (pwk_backup_privilege_take(&before) < 0)
        return -EPERM;
    for (size_t i = 0; result == 0 && i < PWK_PREFIX_BRANCHES; i++)
        result = watch_branch(&watcher.branches[i], i);
    if (result == 0 &&
        CALL("NtSetInformationProcess", NT_CURRENT_PROCESS, ProcessWineMakeSystem,
             (uint64_t)&watcher.last_program_ended, sizeof watcher.last_program_ended))
        result = -EIO;
    return result;
}

/* Stands in the place of the program: never returns. */
static int watch(void)
{
    nt_handle handles[1 + PWK_PREFIX_BRANCHES];
    int result;

    pwk_server_start_end();
    result = prepare();

    if (result == 0) {
        pause_for(FIRST_PAUSE_MS);
        result = publish();
    }
    handles[0] = watcher.last_program_ended;
    for (size_t i = 0; i < PWK_PREFIX_BRANCHES; i++)
        handles[1 + i] = watcher.branches[i].event;
    while (result == 0) {
        int64_t started;
        ntstatus which =
            CALL("NtWaitForMultipleObjects", 1 + PWK_PREFIX_BRANCHES, (uint64_t)handles, 1, 0, 0);
        if (which == 0)
            __atomic_store_n(&watcher.layer.page->ended, 1, __ATOMIC_SEQ_CST);
        if (which < 1 || which > PWK_PREFIX_BRANCHES)
            break;
        started = now_ms();
        result = publish();
        pause_after(started);
    }
    _exit(0);
}

/* A wineserver that this process started would serve nobody. */
static int check_served(void)
{
    const char *word = getenv(PWK_WATCH_VARIABLE);
    char prefix[PATH_MAX];
    int result = pwk_prefix_path(prefix, NULL);

    if (result < 0 || !word || strcmp(word, PWK_WATCH_SERVED) != 0)
        return result;
    return pwk_wineserver_of(prefix) != 0 ? 0 : -ESRCH;
}

__attribute__((visibility("default"))) int pwk_watch(void *ntdll, const char *ntdll_dll)
{
    int result = pwk_service_table_find(ntdll, ntdll_dll, &watcher.error);

    if (result == 0)
        result = check_served();
    if (result == 0)
        result = pwk_prefix_layer_open(&watcher.layer, &watcher.error);
    if (result == 0)
        result = pwk_prefix_layer_take_watch(&watcher.layer);
    if (result < 0)
        return result;
    nt_personality.host.forward = pwk_service_table_forward;
    nt_personality.host.call = pwk_service_table_call;
    nt_personality.host.first_call = watch;
    result = pwk_service_table_take_over(&watcher.error);
    if (result == 0)
        pwk_server_start_begin();
    return result;
}

/* ---- the kernels ---- */

static struct pwk_prefix_layer followed;

/* The watcher's events; false where there is no watcher. */
struct watcher_events {
    nt_handle handles[PWK_PREFIX_BRANCHES];
};

static void close_events(struct watcher_events *events)
{
    for (size_t i = 0; i < PWK_PREFIX_BRANCHES; i++)
        if (events->handles[i])
            CALL("NtClose", events->handles[i]);
}

static bool find_watcher(struct watcher_events *events)
{
    struct event_name name;

    memset(events, 0, sizeof *events);
    for (size_t i = 0; i < PWK_PREFIX_BRANCHES; i++) {
        if (CALL("NtOpenEvent", (uint64_t)&events->handles[i], EVENT_ACCESS,
                 (uint64_t)name_event(&name, &followed, i))) {
            events->handles[i] = 0;
            close_events(events);
            return false;
        }
    }
    return true;
}

static bool any_signaled(const struct watcher_events *events)
{
    int64_t at_once = 0;

    return CALL("NtWaitForMultipleObjects", PWK_PREFIX_BRANCHES, (uint64_t)events->handles, 1, 0,
                (uint64_t)&at_once) < PWK_PREFIX_BRANCHES;
}

/* Of a page that was lost the watcher knows nothing: it is to publish all anew. */
static void signal_all(const struct watcher_events *events)
{
    for (size_t i = 0; i < PWK_PREFIX_BRANCHES; i++)
        CALL("NtSetEvent", events->handles[i], 0);
}

/* Waits until the texts are as new as this call; false: the watcher does nothing any more. Its
 * events are no sign of life: they last as long as this process has them open. */
static bool wait_until_new(const struct watcher_events *events)
{
    struct pwk_prefix_page *page = followed.page;

    for (int round = 0; round < STALLED_ROUNDS; round++) {
        uint64_t generation = __atomic_load_n(&page->generation, __ATOMIC_ACQUIRE);
        if (generation == 0)
            signal_all(events);
        else if (!any_signaled(events) && !__atomic_load_n(&page->busy, __ATOMIC_ACQUIRE))
            return true;
        if (round > 0 && !pwk_prefix_layer_watched(&followed))
            return false;
        pwk_prefix_layer_want(&followed);
        pwk_prefix_layer_wait(&followed, generation, 100);
        if (__atomic_load_n(&page->generation, __ATOMIC_ACQUIRE) != generation)
            round = 0;
    }
    return false;
}

static int start_watcher(struct pwk_error *error)
{
    int result;

    __atomic_store_n(&followed.page->failure, 0, __ATOMIC_SEQ_CST);
    result = pwk_prefix_layer_start_watcher("/proc/self/exe", false);
    if (result < 0)
        pwk_error_set(error, result, "the watcher of the prefix's registry cannot be started: %s",
                      strerror(-result));
    return result;
}

/* Why no watcher has answered. */
static int no_answer(uint32_t failure, struct pwk_error *error)
{
    pid_t process = pwk_prefix_layer_watcher(&followed);

    if (failure)
        return pwk_error_set(error, -(int)failure,
                             "the prefix's registry cannot be written to %s: %s; make room there, "
                             "set another XDG_RUNTIME_DIR, or use --registry private",
                             followed.folder, strerror((int)failure));
    if (process > 0)
        return pwk_error_set(error, -ETIMEDOUT,
                             "the watcher of the prefix's registry (process %d) does not answer; "
                             "end it and try again, or use --registry private",
                             (int)process);
    return pwk_error_set(error, -ETIMEDOUT,
                         "no watcher of the prefix's registry came up; run pwkctl doctor, or use "
                         "--registry private");
}

static int bring_up_to_date(struct pwk_error *error)
{
    int64_t deadline = now_ms() + START_SECONDS * 1000;
    int64_t started = 0;

    while (now_ms() < deadline) {
        struct watcher_events events;
        uint32_t failure = __atomic_load_n(&followed.page->failure, __ATOMIC_ACQUIRE);
        if (started && failure)
            return no_answer(failure, error);
        if (find_watcher(&events)) {
            bool current = wait_until_new(&events);
            close_events(&events);
            if (current)
                return 0;
        } else if (now_ms() - started > RESTART_MS && !pwk_prefix_layer_watched(&followed)) {
            int result = start_watcher(error);
            if (result < 0)
                return result;
            started = now_ms();
        } else {
            usleep(500);
        }
    }
    return no_answer(0, error);
}

/* When the session's wineserver was started: "NtQuerySystemInformation function (winternl.h)",
 * SystemTimeOfDayInformation, in which Wine gives that time as the machine's boot. */
static uint64_t session_started(void)
{
    uint64_t information[6] = {0};
    uint32_t size = 0;

    return CALL("NtQuerySystemInformation", SystemTimeOfDayInformation, (uint64_t)information,
                sizeof information, (uint64_t)&size)
               ? 0
               : information[0];
}

/* The files hold what the prefix had when the session began: nobody but the session itself, which
 * is younger than this start, can have changed it. */
static bool files_are_current(uint64_t started, struct pwk_prefix_files *files)
{
    uint64_t session = started ? session_started() : 0;

    return session > started && pwk_prefix_files_look(files) == 0 && files->newest < session;
}

static int take_in(registry_t *registry, const struct registry_lower *lower,
                   struct pwk_error *error)
{
    int fds[REGISTRY_LOWER_TEXTS], result;
    struct registry_lower_state state;
    size_t count = 0;

    result = lower->open(lower->context, &state, fds, &count);
    if (result < 0)
        return pwk_error_set(error, result, "the prefix's registry cannot be read: %s",
                             strerror(-result));
    result = pwk_snapshot_take_in(registry, fds, count, error);
    while (count > 0)
        close(fds[--count]);
    return result;
}

static int follow(registry_t *registry, const struct registry_lower *lower, bool empty,
                  struct pwk_error *error)
{
    struct registry_error reason;
    int result = empty ? take_in(registry, lower, error) : 0;

    if (result == 0 && (result = registry_follow_lower(registry, lower, &reason)) < 0)
        pwk_error_set(error, result, "%s", reason.text);
    return result;
}

static const struct registry_lower published = {
    .look = pwk_prefix_layer_look, .open = pwk_prefix_layer_texts, .context = &followed};

/* The files themselves, which nobody counts. */
static const uint64_t only_generation = 1;

static int look_at_files(void *context, struct registry_lower_state *state)
{
    const struct pwk_prefix_files *files = context;

    *state = (struct registry_lower_state){files->signature, only_generation};
    return 0;
}

static int open_files(void *context, struct registry_lower_state *state,
                      int fds[REGISTRY_LOWER_TEXTS], size_t *count)
{
    int result = pwk_prefix_files_open(fds);

    *count = result == 0 ? REGISTRY_LOWER_TEXTS : 0;
    return result < 0 ? result : look_at_files(context, state);
}

int pwk_watch_follow(registry_t *registry, bool empty, uint64_t started, struct pwk_error *error)
{
    struct pwk_prefix_files found;
    struct registry_lower files = {.generation = &only_generation,
                                   .look = look_at_files,
                                   .open = open_files,
                                   .context = &found};
    struct registry_lower lower = published;
    int result = pwk_prefix_layer_open(&followed, error);

    if (result < 0)
        return result;
    /* What is published while the files are read is followed afterwards. */
    lower.seen = __atomic_load_n(&followed.page->generation, __ATOMIC_ACQUIRE);
    lower.later = files_are_current(started, &found);
    if (lower.later)
        result = follow(registry, &files, empty, error);
    else
        result = bring_up_to_date(error);
    if (result == 0 && empty && !lower.later)
        result = pwk_snapshot_check(error);
    if (result < 0)
        return result;
    lower.generation = &followed.page->generation;
    return follow(registry, &lower, empty && !lower.later, error);
}

int pwk_below_follow(registry_t *registry, const char *shown, bool empty, bool live,
                     struct pwk_error *error)
{
    struct registry_lower lower = published;
    int result = 0;

    if (!live && !empty)
        return 0;
    result = pwk_prefix_layer_open_shown(&followed, shown, error);
    if (result < 0)
        return result;
    lower.generation = &followed.page->generation;
    return live ? follow(registry, &lower, empty, error) : take_in(registry, &lower, error);
}
