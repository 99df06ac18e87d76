/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_kernels_all.c - pwkctl ps --all: all kernels of the prefix, with what each is doing, when
 * it was last used, and what it takes of the disk.
 */
#include "launcher/control_kernels.h"

#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "launcher/attached.h"
#include "launcher/control.h"
#include "sandbox/session.h"
#include "sandbox/session_held.h"

enum state { STOPPED, SESSION, RUNNING };

static const char *const state_words[] = {"not running", "session up", "running"};
static const char *const state_names[] = {"stopped", "session", "running"};

struct standing {
    enum state state;
    size_t processes; /* with those that are attached, and Wine's own */
    size_t programs;  /* of those, what Wine has not started for itself */
    time_t used;      /* 0: not known */
    bool has_files;
    uint64_t store, files; /* bytes of the disk */
};

/* ---- what it is doing ---- */

/* What Wine starts for itself in every session. Of explorer.exe that is one, for the desktop: a
 * second is somebody's program. */
static const char *const system_programs[] = {"services.exe", "winedevice.exe", "explorer.exe",
                                              "plugplay.exe", "svchost.exe",    "rpcss.exe"};
#define SYSTEM_PROGRAMS (sizeof(system_programs) / sizeof(system_programs[0]))
#define EXPLORER 2

static size_t system_program(const char *program)
{
    static const char folder[] = "C:\\windows\\system32\\";
    size_t i = 0;

    if (strncasecmp(program, folder, strlen(folder)) != 0)
        return SYSTEM_PROGRAMS;
    while (i < SYSTEM_PROGRAMS && strcasecmp(program + strlen(folder), system_programs[i]) != 0)
        i++;
    return i;
}

static int count_table(pwk_process_table_t *table, struct standing *standing,
                       struct pwk_error *error)
{
    size_t capacity = pwk_process_table_list(table, NULL, 0), count, explorers = 0;
    struct pwk_process_info *infos = calloc(capacity + 1, sizeof(*infos));

    if (infos == NULL)
        return pwk_error_set(error, -ENOMEM, "no memory left");
    count = pwk_process_table_list(table, infos, capacity);
    for (size_t i = 0; i < count && i < capacity; i++) {
        size_t which = system_program(infos[i].program);

        explorers += which == EXPLORER;
        standing->processes++;
        standing->programs += which == SYSTEM_PROGRAMS || (which == EXPLORER && explorers > 1);
    }
    free(infos);
    return 0;
}

static int count_processes(const struct control_kernel *kernel, struct standing *standing,
                           struct pwk_error *error)
{
    int rc = 0;

    for (size_t place = 0; rc == 0 && place < CONTROL_PLACES; place++) {
        pwk_process_table_t *table;

        rc = control_open_table(kernel, place, &table, NULL, error);
        if (rc == 0) {
            rc = count_table(table, standing, error);
            control_close_table(table);
        } else if (rc == -ENOENT) {
            rc = 0;
        }
    }
    return rc;
}

struct counting {
    const char *state;
    size_t count;
};

static void count_attached(void *context, const struct pwk_attached *attached)
{
    struct counting *counting = context;

    counting->count += strcmp(attached->state, counting->state) == 0;
}

/* A session with another run-time folder than this command's has its processes there. */
static bool session_is_up(struct control_kernel *kernel)
{
    char runtime[PATH_MAX];
    bool up = false;

    if (pwk_session_held_by(kernel->state, runtime) == 0) {
        if (strcmp(runtime, kernel->runtime[0]) != 0)
            strcpy(kernel->runtime[1], runtime);
        return true;
    }
    for (size_t place = 0; place < CONTROL_PLACES && !up; place++) {
        int init = kernel->runtime[place][0] ? pwk_session_find(kernel->runtime[place], NULL) : -1;

        up = init >= 0;
        if (up)
            close(init);
    }
    return up;
}

/* ---- what is on the disk ---- */

/* Of files alone, each as often as it has names. What cannot be read is left out; nothing outside
 * is followed to, and no other file system. */
static uint64_t size_of(char *path)
{
    char *const paths[] = {path, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_XDEV, NULL);
    const FTSENT *entry;
    uint64_t size = 0;

    while (walk != NULL && (entry = fts_read(walk)) != NULL)
        if (entry->fts_info == FTS_F)
            size += (uint64_t)entry->fts_statp->st_blocks * 512;
    if (walk != NULL)
        fts_close(walk);
    return size;
}

/* Whatever uses a kernel writes to one of these. A program can set the times of its store's files:
 * what lies in the future is not believed. */
static time_t last_use(const struct control_kernel *kernel)
{
    static const char *const names[] = {"store", "store/registry.db", "store/registry.db-wal",
                                        "audit.jsonl", PWK_SESSION_HELD};
    char path[PATH_MAX + 32];
    time_t now = time(NULL), used = 0;
    struct stat st;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", kernel->state, names[i]);
        if (lstat(path, &st) == 0 && st.st_mtime > used && st.st_mtime <= now)
            used = st.st_mtime;
    }
    return used;
}

static int look_at(const char *name, struct standing *standing, struct pwk_error *error)
{
    struct counting attached = {0};
    struct control_kernel kernel;
    char path[PATH_MAX + 16];
    struct stat st;
    bool up;
    int rc = control_find_kernel(&kernel, name, error);

    *standing = (struct standing){0};
    if (rc < 0)
        return rc;
    up = session_is_up(&kernel);
    rc = count_processes(&kernel, standing, error);
    attached.state = kernel.state;
    if (rc == 0)
        rc = pwk_attached_each(count_attached, &attached, error);
    standing->processes += attached.count;
    standing->programs += attached.count;
    standing->state = standing->programs > 0 ? RUNNING : up ? SESSION : STOPPED;
    standing->used = standing->state == RUNNING ? time(NULL) : last_use(&kernel);
    snprintf(path, sizeof(path), "%s/store", kernel.state);
    standing->store = size_of(path);
    snprintf(path, sizeof(path), "%s/files/upper", kernel.state);
    standing->has_files = lstat(path, &st) == 0;
    if (standing->has_files)
        standing->files = size_of(path);
    return rc;
}

/* ---- in words ---- */

static void write_size(char text[16], uint64_t size)
{
    static const char units[] = "KMGTP";
    double scaled = (double)size / 1024;
    size_t unit = 0;

    while (scaled >= 1024 && units[unit + 1] != '\0') {
        scaled /= 1024;
        unit++;
    }
    snprintf(text, 16, "%.1f%c", scaled, units[unit]);
}

static void write_time(char text[32], time_t used, bool universal)
{
    struct tm parts;

    if (used == 0 || (universal ? gmtime_r(&used, &parts) : localtime_r(&used, &parts)) == NULL ||
        strftime(text, 32, universal ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d %H:%M", &parts) == 0)
        strcpy(text, "-");
}

static void print_standing(const char *name, const struct standing *standing)
{
    char store[16], files[16] = "-", used[32];

    write_size(store, standing->store);
    if (standing->has_files)
        write_size(files, standing->files);
    write_time(used, standing->used, false);
    printf("%-20s %-11s %9zu  %-16s %9s %9s\n", name, state_words[standing->state],
           standing->processes, used, store, files);
}

static void add_standing(json_t *list, const char *name, const struct standing *standing)
{
    char used[32];
    json_t *object;

    write_time(used, standing->used, true);
    object = json_pack("{s:s, s:s, s:I, s:I}", "kernel", name, "state",
                       state_names[standing->state], "processes", (json_int_t)standing->processes,
                       "store_bytes", (json_int_t)standing->store);
    json_object_set_new(object, "last_use", standing->used != 0 ? json_string(used) : json_null());
    json_object_set_new(object, "files_bytes",
                        standing->has_files ? json_integer((json_int_t)standing->files)
                                            : json_null());
    json_array_append_new(list, object);
}

int control_list_kernels(char *const names[], bool json)
{
    json_t *list = json ? json_array() : NULL;
    struct pwk_error error;
    int status = CONTROL_OK;

    if (!json)
        printf("%-20s %-11s %9s  %-16s %9s %9s\n", "KERNEL", "STATE", "PROCESSES", "LAST USE",
               "STORE", "FILES");
    for (size_t i = 0; names[i] != NULL; i++) {
        struct standing standing;
        int rc = look_at(names[i], &standing, &error);

        if (rc == 0 && json)
            add_standing(list, names[i], &standing);
        else if (rc == 0)
            print_standing(names[i], &standing);
        else if (rc != -ENOENT)
            status = control_fail_kernel(names[i], &error);
    }
    if (json && control_print_json(list) != CONTROL_OK)
        status = CONTROL_FAILED;
    return status;
}
