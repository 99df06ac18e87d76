/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry_fixture.c - see registry_fixture.h.
 */
#include "tests/unit/registry_fixture.h"

#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

char store_folder[PATH_MAX];

int make_folder(void **state)
{
    const char *base = getenv("TMPDIR");

    (void)state;
    snprintf(store_folder, sizeof(store_folder), "%s/pwk-test.XXXXXX",
             base && *base ? base : "/tmp");
    return mkdtemp(store_folder) ? 0 : -1;
}

int remove_folder(void **state)
{
    DIR *folder = opendir(store_folder);
    struct dirent *entry;

    (void)state;
    while (folder && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            remove(in_folder(entry->d_name));
    if (folder)
        closedir(folder);
    return rmdir(store_folder);
}

const char *in_folder(const char *name)
{
    static char path[PATH_MAX + 260];

    snprintf(path, sizeof(path), "%s/%s", store_folder, name);
    return path;
}

registry_t *open_store_with(size_t cache_bytes, const char *const *passthrough, size_t count)
{
    struct registry_options options = {.cache_bytes = cache_bytes,
                                       .create = true,
                                       .passthrough = passthrough,
                                       .passthrough_count = count};
    struct registry_error error = {""};
    registry_t *registry = NULL;
    int code = registry_open(store_folder, &options, &registry, &error);

    if (code)
        fail_msg("the store does not open: %d, %s", code, error.text);
    return registry;
}

registry_t *open_store(void)
{
    return open_store_with(0, NULL, 0);
}

void refuse_store(const struct registry_options *options, int code, const char *file)
{
    struct registry_error error = {""};
    registry_t *registry = NULL;
    int answer = registry_open(store_folder, options, &registry, &error);

    if (answer == 0)
        registry_close(registry);
    assert_int_equal(answer, code);
    if (!strstr(error.text, in_folder(file)))
        fail_msg("'%s' does not name %s", error.text, in_folder(file));
    assert_null(strchr(error.text, '\n'));
}

struct registry_path wide(const char *text)
{
    struct registry_path path = {0};

    for (; *text; text++) {
        assert_true(path.units < sizeof(path.text) / sizeof(path.text[0]));
        path.text[path.units++] = (unsigned char)*text;
    }
    return path;
}

bool same_text(const uint16_t *units, size_t count, const char *text)
{
    struct registry_path other = wide(text);

    return other.units == count && memcmp(other.text, units, count * 2) == 0;
}

int try_lookup(registry_t *registry, uint64_t from, const char *path, unsigned flags, uint64_t *key)
{
    struct registry_path text = wide(path);

    return registry_lookup(registry, from, text.text, text.units, flags, key, NULL);
}

uint64_t lookup(registry_t *registry, uint64_t from, const char *path)
{
    uint64_t key = 0;
    int code = try_lookup(registry, from, path, 0, &key);

    if (code)
        fail_msg("looking up %s answers %d", path, code);
    return key;
}

int try_create(registry_t *registry, uint64_t from, const char *path, unsigned flags, uint64_t *key)
{
    struct registry_path text = wide(path);
    bool created;

    return registry_create(registry, from, text.text, text.units, 0, flags, NULL, 0, key, &created,
                           NULL);
}

uint64_t create(registry_t *registry, uint64_t from, const char *path)
{
    uint64_t key = 0;
    int code = try_create(registry, from, path, 0, &key);

    if (code)
        fail_msg("creating %s answers %d", path, code);
    return key;
}

uint64_t create_link(registry_t *registry, const char *path, const char *target)
{
    struct registry_path text = wide(target);
    uint64_t key = 0;

    assert_int_equal(try_create(registry, REGISTRY_ROOT_KEY, path, REGISTRY_CREATE_LINK, &key), 0);
    assert_int_equal(
        try_set(registry, key, "SymbolicLinkValue", REG_LINK, text.text, text.units * 2), 0);
    return key;
}

struct registry_key_info key_info(registry_t *registry, uint64_t key)
{
    struct registry_key_info info = {0};

    assert_int_equal(registry_query_key(registry, key, true, &info, NULL, NULL), 0);
    return info;
}

int try_set(registry_t *registry, uint64_t key, const char *name, uint32_t type, const void *data,
            size_t size)
{
    struct registry_path text = wide(name);

    return registry_set_value(registry, key, text.text, text.units, type, data, size);
}

void set(registry_t *registry, uint64_t key, const char *name, const char *text)
{
    int code = try_set(registry, key, name, REG_BINARY, text, strlen(text));

    if (code)
        fail_msg("setting %s answers %d", name, code);
}

int try_query(registry_t *registry, uint64_t key, const char *name,
              struct registry_value_info *info, void *data, size_t capacity)
{
    struct registry_path text = wide(name);
    struct registry_buffer buffer = {data, capacity};

    return registry_query_value(registry, key, text.text, text.units, info, &buffer);
}

void check_value(registry_t *registry, uint64_t key, const char *name, uint32_t type,
                 const void *data, size_t size)
{
    struct registry_value_info info = {0};
    unsigned char *found = malloc(size + 1);
    int code;

    assert_non_null(found);
    code = try_query(registry, key, name, &info, found, size + 1);
    if (code)
        fail_msg("querying '%s' answers %d", name, code);
    assert_int_equal(info.type, type);
    assert_int_equal(info.data_bytes, size);
    if (size)
        assert_memory_equal(found, data, size);
    free(found);
}

void check_text(registry_t *registry, uint64_t key, const char *name, const char *text)
{
    check_value(registry, key, name, REG_BINARY, text, strlen(text));
}

void *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *data;

    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    data = malloc(*size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *size, file), *size);
    fclose(file);
    return data;
}

void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

const struct registry_options may_create = {.create = true};

pid_t start_process(int (*steps)(int number), int number)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        alarm(120); /* not to outlive a test that failed */
        _exit(steps(number));
    }
    return child;
}

void finish_process(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        fail_msg("a process failed with wait status %#x", status);
}

/* Only this process sees it. */
static bool mount_small_disk(const char *options)
{
    return (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("pwk", store_folder, "tmpfs", 0, options) == 0;
}

void on_a_small_disk(const char *options, int (*steps)(void))
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0)
        _exit(mount_small_disk(options) ? steps() : NO_SMALL_DISK);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_SMALL_DISK)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}
