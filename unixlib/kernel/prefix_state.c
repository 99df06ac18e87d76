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
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
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

/* The text as it is now, in memory that nobody can write to any more: a descriptor that survives
 * exec and is none of the standard ones, or a negative errno. */
static int copy_text(int from)
{
    const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    int low = memfd_create("pwk-prefix-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int copy = low < 0 ? -1 : fcntl(low, F_DUPFD, STDERR_FILENO + 1);
    struct stat status;
    ssize_t done = 1;
    off_t at = 0;
    int result = copy < 0 || fstat(from, &status) < 0 ? -errno : 0;

    while (result == 0 && done > 0 && at < status.st_size)
        if ((done = sendfile(copy, from, &at, (size_t)(status.st_size - at))) < 0)
            result = -errno;
    if (result == 0 && fcntl(copy, F_ADD_SEALS, seals) < 0)
        result = -errno;
    if (low >= 0)
        close(low);
    if (result < 0 && copy >= 0)
        close(copy);
    return result < 0 ? result : copy;
}

int pwk_prefix_state_export(const struct pwk_prefix_state *state)
{
    char text[128];
    int length =
        snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64, state->instance, state->generation);

    for (size_t i = 0; i < state->count; i++) {
        int copy = copy_text(state->fds[i]);

        if (copy < 0)
            return copy;
        length += snprintf(text + length, sizeof(text) - (size_t)length, " %d", copy);
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
