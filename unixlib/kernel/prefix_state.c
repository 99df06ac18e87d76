/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prefix_state.c - see prefix_state.h.
 */
#include "kernel/prefix_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/prefix_layer.h"

#define FIRST_GENERATION 1 /* of files, which have no watcher that counts */
#define WAIT_MS 30
#define BUSY_ROUNDS 100

/* Of a text that is being written the end is waited for; and a watcher that rests after its last
 * one is asked to look again at once. */
static void wait_for_news(struct pwk_prefix_layer *layer)
{
    uint64_t generation = __atomic_load_n(&layer->page->generation, __ATOMIC_ACQUIRE);

    for (int i = 0; i < BUSY_ROUNDS; i++) {
        if (generation != 0 && !__atomic_load_n(&layer->page->busy, __ATOMIC_ACQUIRE))
            break;
        pwk_prefix_layer_wait(layer, generation, WAIT_MS);
        generation = __atomic_load_n(&layer->page->generation, __ATOMIC_ACQUIRE);
    }
    if (pwk_prefix_layer_rests(layer)) {
        pwk_prefix_layer_want(layer);
        pwk_prefix_layer_wait(layer, generation, WAIT_MS);
    }
}

static int open_published(struct pwk_prefix_state *state, struct pwk_error *error)
{
    struct pwk_prefix_layer layer;
    int result = pwk_prefix_layer_open(&layer, error);

    if (result < 0)
        return result;
    if (!pwk_prefix_layer_watched(&layer))
        return -ENOENT;
    wait_for_news(&layer);
    state->instance = __atomic_load_n(&layer.page->instance, __ATOMIC_ACQUIRE);
    return pwk_prefix_layer_texts(&layer, &state->generation, state->fds, &state->count);
}

static int open_files(struct pwk_prefix_state *state)
{
    struct pwk_prefix_files files;
    int result = pwk_prefix_files_look(&files);

    if (result < 0)
        return result;
    state->instance = files.signature;
    state->generation = FIRST_GENERATION;
    return pwk_prefix_files_texts(NULL, &state->generation, state->fds, &state->count);
}

int pwk_prefix_state_open(struct pwk_prefix_state *state, struct pwk_error *error)
{
    int result;

    *state = (struct pwk_prefix_state){0};
    /* A watcher that has published nothing yet, or is just ending, is no loss: there are files. */
    if (open_published(state, NULL) == 0 && state->instance != 0)
        return 0;
    pwk_prefix_state_close(state);
    result = open_files(state);
    return result == 0 ? 0
                       : pwk_error_set(error, result, "the prefix's registry cannot be read: %s",
                                       strerror(-result));
}

void pwk_prefix_state_close(struct pwk_prefix_state *state)
{
    while (state->count > 0)
        close(state->fds[--state->count]);
}

int pwk_prefix_state_export(const struct pwk_prefix_state *state)
{
    char text[128];
    int length =
        snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64, state->instance, state->generation);

    for (size_t i = 0; i < state->count; i++) {
        if (fcntl(state->fds[i], F_SETFD, 0) < 0)
            return -errno;
        length += snprintf(text + length, sizeof(text) - (size_t)length, " %d", state->fds[i]);
    }
    return setenv(PWK_STATE_VARIABLE, text, 1) == 0 ? 0 : -errno;
}

int pwk_prefix_state_import(struct pwk_prefix_state *state)
{
    char *text = getenv(PWK_STATE_VARIABLE), *end;

    *state = (struct pwk_prefix_state){0};
    if (!text)
        return -ENOENT;
    state->instance = strtoull(text, &end, 10);
    state->generation = strtoull(end, &end, 10);
    while (*end == ' ' && state->count < REGISTRY_LOWER_TEXTS) {
        long fd = strtol(end, &end, 10);

        if (fd <= STDERR_FILENO || fd > INT32_MAX || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
            break;
        state->fds[state->count++] = (int)fd;
    }
    unsetenv(PWK_STATE_VARIABLE);
    if (*end == '\0' && state->instance != 0 && state->count > 0)
        return 0;
    pwk_prefix_state_close(state);
    return -EINVAL;
}
