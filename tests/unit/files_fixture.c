/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_fixture.c - see files_fixture.h.
 */
#include "tests/unit/files_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "kernel/remove_tree.h"
#include "kernel/state.h"

#define ANSWER_BYTES ((size_t)16 * 1024 * 1024)
#define NO_VIEW 77

char top[128], prefix[160], files[160], upper[160], outside[160];
static char view[160];

int files_fixture_make(void **state)
{
    (void)state;
    strcpy(top, "/tmp/test_files.XXXXXX");
    if (mkdtemp(top) == NULL)
        return -1;
    snprintf(prefix, sizeof(prefix), "%s/prefix", top);
    snprintf(files, sizeof(files), "%s/files", top);
    snprintf(upper, sizeof(upper), "%s/files/upper", top);
    snprintf(outside, sizeof(outside), "%s/outside", top);
    snprintf(view, sizeof(view), "%s/view", top);
    put_folder(top, "prefix");
    put_folder(top, "files");
    put_folder(top, "files/upper");
    put_folder(top, "files/work");
    put_folder(top, "view");
    put_folder(top, "outside");
    put(outside, "kept", "kept");
    return 0;
}

int files_fixture_remove(void **state)
{
    (void)state;
    return pwk_state_remove(top, NULL);
}

const char *at(const char *folder, const char *path)
{
    static char paths[8][2 * PATH_MAX];
    static unsigned next;
    char *text = paths[next++ % 8];

    snprintf(text, sizeof(paths[0]), "%s/%s", folder, path);
    return text;
}

void put(const char *folder, const char *path, const char *text)
{
    int fd = open(at(folder, path), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);

    assert_true(fd >= 0);
    assert_int_equal(strlen(text), write(fd, text, strlen(text)));
    close(fd);
}

void put_folder(const char *folder, const char *path)
{
    assert_true(mkdir(at(folder, path), 0755) == 0 || errno == EEXIST);
}

void put_link(const char *folder, const char *path, const char *text)
{
    assert_int_equal(0, symlink(text, at(folder, path)));
}

void put_attribute(const char *folder, const char *path, const char *name, const char *value)
{
    assert_int_equal(0, lsetxattr(at(folder, path), name, value, strlen(value), 0));
}

void take_away(const char *folder, const char *path)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY);

    assert_true(fd >= 0);
    assert_int_equal(0, pwk_remove_at(fd, path));
    close(fd);
}

/* ---- snapshots ---- */

struct lines {
    char **text;
    size_t count;
};

static void add_line(struct lines *lines, char *line)
{
    lines->text = realloc(lines->text, (lines->count + 1) * sizeof(*lines->text));
    assert_non_null(lines->text);
    lines->text[lines->count++] = line;
}

static uint64_t sum_of(const char *path)
{
    uint64_t sum = 14695981039346656037u;
    FILE *stream = fopen(path, "r");
    int byte;

    if (stream == NULL)
        return 0;
    while ((byte = getc(stream)) != EOF)
        sum = (sum ^ (uint64_t)byte) * 1099511628211u;
    fclose(stream);
    return sum;
}

static void add_lines(struct lines *lines, const char *folder, const char *path)
{
    DIR *stream = opendir(at(folder, path));
    const struct dirent *entry;

    if (stream == NULL)
        return;
    while ((entry = readdir(stream)) != NULL) {
        char name[PATH_MAX], full[2 * PATH_MAX], link[PATH_MAX] = "", *line = NULL;
        struct stat st;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof(name), "%s%s%s", path, *path == '\0' ? "" : "/", entry->d_name);
        strcpy(full, at(folder, name));
        if (files_is_noise(name) || lstat(full, &st) < 0)
            continue;
        if (S_ISLNK(st.st_mode) && readlink(full, link, sizeof(link) - 1) < 0)
            continue;
        assert_true(asprintf(&line, "%s %c %03o %lld %lld.%09ld %llx %s\n", name,
                             S_ISDIR(st.st_mode)   ? 'd'
                             : S_ISLNK(st.st_mode) ? 'l'
                             : S_ISREG(st.st_mode) ? 'f'
                                                   : '?',
                             st.st_mode & 0777, S_ISREG(st.st_mode) ? (long long)st.st_size : 0,
                             S_ISREG(st.st_mode) ? (long long)st.st_mtim.tv_sec : 0,
                             S_ISREG(st.st_mode) ? st.st_mtim.tv_nsec : 0,
                             S_ISREG(st.st_mode) ? (unsigned long long)sum_of(full) : 0, link) > 0);
        add_line(lines, line);
        if (S_ISDIR(st.st_mode))
            add_lines(lines, folder, name);
    }
    closedir(stream);
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

char *snapshot(const char *folder)
{
    struct lines lines = {0};
    size_t size = 1, used = 0;
    char *text;

    add_lines(&lines, folder, "");
    if (lines.count > 0)
        qsort(lines.text, lines.count, sizeof(*lines.text), by_text);
    for (size_t i = 0; i < lines.count; i++)
        size += strlen(lines.text[i]);
    text = malloc(size);
    assert_non_null(text);
    text[0] = '\0';
    for (size_t i = 0; i < lines.count; i++) {
        used += (size_t)sprintf(text + used, "%s", lines.text[i]);
        free(lines.text[i]);
    }
    free(lines.text);
    return text;
}

/* ---- the view ---- */

static bool write_map(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return written;
}

bool files_fixture_unshare(void)
{
    char map[64];
    uid_t user = geteuid();
    gid_t group = getegid();

    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return false;
    write_map("/proc/self/setgroups", "deny");
    snprintf(map, sizeof(map), "%u %u 1", user, user);
    if (!write_map("/proc/self/uid_map", map))
        return false;
    snprintf(map, sizeof(map), "%u %u 1", group, group);
    return write_map("/proc/self/gid_map", map);
}

static bool mount_view(void)
{
    char options[1024];

    if (!files_fixture_unshare())
        return false;
    snprintf(options, sizeof(options),
             "lowerdir=prefix,upperdir=files/upper,workdir=files/work,userxattr");
    return chdir(top) == 0 && mount("pwk", "view", "overlay", 0, options) == 0;
}

void in_view(void (*act)(const char *view, void *context), void *context, char **result)
{
    char *answer =
        mmap(NULL, ANSWER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t child;

    assert_ptr_not_equal(MAP_FAILED, answer);
    child = fork();
    if (child == 0) {
        /* An assertion that fails there must not go on with the parent's tests. */
        setenv("CMOCKA_TEST_ABORT", "1", 1);
        if (!mount_view())
            _exit(NO_VIEW);
        if (act != NULL)
            act(view, context);
        if (result != NULL) {
            char *text = snapshot(view);

            if (strlen(text) >= ANSWER_BYTES)
                _exit(1);
            strcpy(answer, text);
        }
        _exit(0);
    }
    assert_int_equal(child, waitpid(child, &status, 0));
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_VIEW)
        skip();
    assert_int_equal(0, status);
    if (result != NULL)
        *result = strdup(answer);
    munmap(answer, ANSWER_BYTES);
}

/* ---- layers ---- */

void read_layer(struct files_layer *layer)
{
    struct pwk_error error;

    *layer = (struct files_layer){0};
    assert_int_equal(0, files_layer_open(layer, prefix, upper, &error));
    assert_int_equal(0, files_layer_read(layer, &error));
}

struct files_entry *entry_at(const struct files_layer *layer, const char *path)
{
    for (size_t i = 0; i < layer->count; i++)
        if (strcmp(layer->entries[i]->path, path) == 0)
            return layer->entries[i];
    return NULL;
}

char *changes(const struct files_layer *layer)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    assert_non_null(stream);
    for (size_t i = 0; i < layer->count; i++) {
        const struct files_entry *entry = layer->entries[i];

        if (entry->change == FILES_SAME || entry->noise)
            continue;
        fprintf(stream, "%c %s%s%s%s%s%s\n", "=AMD"[entry->change], entry -> path,
                entry -> what &FILES_WHAT_KIND ? " kind" : "",
                entry->what &FILES_WHAT_CONTENT ? " content" : "",
                entry->what &FILES_WHAT_MODE ? " mode" : "",
                entry->what &FILES_WHAT_TIMES ? " times" : "",
                entry->what &FILES_WHAT_ATTRIBUTES ? " attributes" : "");
    }
    fclose(stream);
    return text;
}

static int open_files(void)
{
    int fd = open(files, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

int commit(char *path, struct files_layer *layer)
{
    struct pwk_error error;
    int fd = open_files(), rc;

    read_layer(layer);
    assert_int_equal(-1, files_select(layer, &path, path != NULL));
    rc = files_commit(layer, fd, &error);
    close(fd);
    return rc;
}

int discard(char *path)
{
    struct files_layer layer;
    struct pwk_error error;
    int fd = open_files(), rc;

    read_layer(&layer);
    rc = files_discard(&layer, fd, &path, path != NULL, &error);
    files_layer_close(&layer);
    close(fd);
    return rc;
}

bool layer_is_empty(void)
{
    return rmdir(upper) == 0 && mkdir(upper, 0700) == 0;
}

void outside_is_untouched(void)
{
    char *text = snapshot(outside);

    assert_non_null(strstr(text, "kept f 644 4 "));
    assert_null(strchr(strchr(text, '\n') + 1, '\n'));
    free(text);
}
