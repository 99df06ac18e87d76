/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * below.c - see below.h.
 */
#include "launcher/below.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "kernel/prefix_files.h"
#include "wine/server_lock.h"

#define WATCHER_ROUNDS 300 /* of 10 ms */
#define NEWS_MS 30
#define NEWS_ROUNDS 500
#define SETTLE_TRIES 3
#define WATCHED 1

static bool is_in_step(const struct pwk_prefix_layer *layer)
{
    struct pwk_prefix_files files;

    return pwk_prefix_files_look(&files) == 0 && pwk_prefix_files_are_published(layer, &files);
}

/* True where one has come up; it keeps others from publishing then. */
static bool bring_watcher_up(struct pwk_prefix_layer *layer, const char *prefix, const char *loader)
{
    /* The state that is there is not the newest from here on, until the watcher says so. */
    __atomic_store_n(&layer->page->busy, 1, __ATOMIC_SEQ_CST);
    if (pwk_prefix_layer_start_watcher(loader, true) < 0)
        return false;
    for (int i = 0; i < WATCHER_ROUNDS; i++) {
        if (pwk_prefix_layer_watcher(layer) > 0)
            return true;
        if (pwk_wineserver_of(prefix) == 0)
            return false;
        usleep(10000);
    }
    return false;
}

/* With the publishers' lock held. A wineserver that no watcher of ours can serve with (another
 * version's) still saves its registry every half minute: the files are what there is then. */
static int publish(struct pwk_prefix_layer *layer, const char *prefix, const char *loader,
                   struct pwk_error *error)
{
    int result;

    if (pwk_prefix_layer_watched(layer))
        return WATCHED;
    if (pwk_wineserver_of(prefix) != 0 && bring_watcher_up(layer, prefix, loader))
        return WATCHED;
    result = pwk_prefix_files_publish(layer);
    __atomic_store_n(&layer->page->busy, 0, __ATOMIC_SEQ_CST);
    if (result < 0)
        pwk_error_set(error, result,
                      "the prefix's registry cannot be written to %s: %s; make room there, or set "
                      "another XDG_RUNTIME_DIR",
                      layer->folder, strerror(-result));
    return result;
}

/* As pwk_below_settle, but WATCHED where a watcher publishes. */
static int settle(struct pwk_prefix_layer *layer, const char *prefix, const char *loader,
                  struct pwk_error *error)
{
    int lock, result;

    if (pwk_wineserver_of(prefix) != 0) {
        if (pwk_prefix_layer_watched(layer))
            return WATCHED;
    } else if (is_in_step(layer)) {
        return 0;
    }
    lock = pwk_prefix_layer_lock(layer);
    if (lock < 0)
        return pwk_error_set(error, lock,
                             "%s/publisher cannot be locked: %s; end the process of pwk's that "
                             "holds it, or set another XDG_RUNTIME_DIR",
                             layer->folder, strerror(-lock));
    result = publish(layer, prefix, loader, error);
    close(lock);
    return result;
}

int pwk_below_settle(struct pwk_prefix_layer *layer, const char *prefix, const char *loader,
                     struct pwk_error *error)
{
    int result = settle(layer, prefix, loader, error);

    return result < 0 ? result : 0;
}

/* Of a text that is being written the end is waited for; and a watcher that rests after its last
 * one is asked to look again at once. -EAGAIN: there is no watcher any more. */
static int wait_for_news(struct pwk_prefix_layer *layer, struct pwk_error *error)
{
    uint64_t generation;

    for (int i = 0; i < NEWS_ROUNDS; i++) {
        if (!pwk_prefix_layer_watched(layer))
            return -EAGAIN;
        generation = __atomic_load_n(&layer->page->generation, __ATOMIC_ACQUIRE);
        if (generation != 0 && !__atomic_load_n(&layer->page->busy, __ATOMIC_ACQUIRE)) {
            if (pwk_prefix_layer_rests(layer)) {
                pwk_prefix_layer_want(layer);
                pwk_prefix_layer_wait(layer, generation, NEWS_MS);
            }
            return 0;
        }
        pwk_prefix_layer_want(layer);
        pwk_prefix_layer_wait(layer, generation, NEWS_MS);
    }
    return pwk_error_set(error, -ETIMEDOUT,
                         "the watcher of the prefix's registry (process %d) does not answer; end "
                         "it and try again, or use --registry off",
                         (int)pwk_prefix_layer_watcher(layer));
}

int pwk_below_catch_up(struct pwk_prefix_layer *layer, const char *prefix, const char *loader,
                       struct pwk_error *error)
{
    int result = -EAGAIN;

    for (int tries = 0; result == -EAGAIN && tries < SETTLE_TRIES; tries++) {
        result = settle(layer, prefix, loader, error);
        if (result == WATCHED)
            result = wait_for_news(layer, error);
    }
    return result == -EAGAIN ? 0 : result;
}
