/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_confine.c - code in a process that is confined as pwkctl confines its readers of stores:
 * each way out is refused, and gets through once the walls that hold it are taken out; what a store
 * needs works. With Landlock, and with the mount namespace that stands in for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/remove_tree.h"
#include "launcher/control_apart.h"
#include "sandbox/confine.h"
#include "sandbox/walls.h"
#include "tests/unit/confine_attempts.h"

#define NOT_CONFINED 2

/* ---- walls ---- */

static const char *const words[PWK_OWN_WALL_COUNT] = {
#define WORD(name, word) word,
    PWK_OWN_WALLS(WORD)
#undef WORD
};

static bool out[PWK_OWN_WALL_COUNT];

bool pwk_own_wall_stands(enum pwk_own_wall wall)
{
    return !out[wall];
}

static void take_out(const char *list)
{
    char copy[128];

    snprintf(copy, sizeof(copy), "%s", list);
    for (char *word = strtok(copy, ","); word; word = strtok(NULL, ",")) {
        int wall = 0;

        while (wall < PWK_OWN_WALL_COUNT && strcmp(words[wall], word) != 0)
            wall++;
        assert_int_not_equal(wall, PWK_OWN_WALL_COUNT);
        out[wall] = true;
    }
}

/* ---- what is outside ---- */

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 100), 0);
}

static void start_victim(void)
{
    static int word;

    outside.in_victim = &word;
    outside.victim = fork();
    assert_true(outside.victim >= 0);
    if (outside.victim == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
}

/* As it is before each attempt: one that got through has changed it. */
static void set_up_files(void)
{
    unlink(in_outside("made"));
    unlink(in_outside("renamed"));
    unlink(in_outside("moved"));
    write_file(in_outside("secret"), SECRET);
    write_file(in_outside("victim"), "x");
    write_file(in_store("own"), "x");
    unlink(in_store("hard"));
    unlink(in_store("made"));
    rmdir(in_store("made"));
}

static int set_up(void **state)
{
    char folder[] = "/tmp/pwk-confine-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(folder));
    strcpy(outside.folder, folder);
    snprintf(outside.store, sizeof(outside.store), "%s/store", folder);
    assert_int_equal(mkdir(outside.store, 0700), 0);
    set_up_files();
    assert_int_equal(symlink("../secret", in_store("link")), 0);
    assert_int_equal(symlink(in_outside("victim"), in_store("registry.db")), 0);
    write_file(in_store("foreign"), "x");
    if (geteuid() == 0)
        assert_int_equal(chown(in_store("foreign"), 65534, 65534), 0);
    listen_at(in_outside("socket"));
    outside.descriptor = open(in_outside("secret"), O_RDONLY);
    start_victim();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kill(outside.victim, SIGKILL);
    waitpid(outside.victim, NULL, 0);
    return pwk_remove_at(AT_FDCWD, outside.folder);
}

/* ---- one attempt ---- */

/* A terminal of its own for output, a byte for input. */
static void connect_streams(void)
{
    int one, other, ends[2];

    if (openpty(&one, &other, NULL, NULL, NULL) < 0 || setsid() < 0 ||
        ioctl(other, TIOCSCTTY, 0) < 0 || dup2(other, STDOUT_FILENO) < 0 || pipe(ends) < 0 ||
        write(ends[1], "x", 1) != 1 || dup2(ends[0], STDIN_FILENO) < 0)
        _exit(UNTRIED);
    control_keep(one); /* without it the terminal would be gone */
}

/* In the child. Whoever got a terminal of his own must not be ended by its hanging up. */
static int try_it(void *context, const struct control_channel *parent)
{
    const struct attempt *attempt = context;
    struct pwk_error error;
    int status = NOT_CONFINED;

    signal(SIGHUP, SIG_IGN);
    connect_streams();
    if (control_confine(outside.store, &error) == 0)
        status = attempt->try();
    else
        fprintf(stderr, "%s\n", error.text);
    control_send(parent->to, &status, sizeof(status));
    return 0;
}

static int result_of(const struct attempt *attempt, const char *base, const char *walls)
{
    struct control_process process;
    struct pwk_error error;
    int status = attempt->try ? HELD : NOT_CONFINED;
    bool told;

    set_up_files();
    memset(out, 0, sizeof(out));
    take_out(base);
    take_out(walls);
    assert_int_equal(
        control_apart_start(
            &process,
            &(struct control_apart){.kernel = "test", .context = (void *)attempt, .work = try_it},
            &error),
        0);
    told = control_receive(process.channel.from, &status, sizeof(status));
    /* A program that was executed, and whose status is 0, tells nothing. */
    return control_apart_end(&process) == 0 && !told ? OUT : status;
}

static void check_all(const char *base)
{
    int failures = 0, tried = 0;

    for (const struct attempt *attempt = attempts; attempt->name; attempt++) {
        int free, held;

        if (attempt->root_only && geteuid() != 0)
            continue;
        free = result_of(attempt, base, attempt->walls);
        held = result_of(attempt, base, "");
        if (held != HELD) {
            print_error("%s: not refused (%d)\n", attempt->name, held);
            failures++;
        }
        if (free != OUT && free != UNTRIED) {
            print_error("%s: refused without the walls %s too (%d)\n", attempt->name,
                        attempt->walls, free);
            failures++;
        }
        tried += free == OUT;
    }
    print_message("%d ways out were tried\n", tried);
    assert_int_equal(failures, 0);
}

/* ---- the tests ---- */

static void test_landlock(void **state)
{
    int version;

    (void)state;
    memset(out, 0, sizeof(out));
    if (pwk_confine_files(&version) != PWK_CONFINE_LANDLOCK)
        skip();
    check_all("");
}

static void test_namespace(void **state)
{
    int version;

    (void)state;
    memset(out, 0, sizeof(out));
    take_out("landlock");
    if (pwk_confine_files(&version) != PWK_CONFINE_NAMESPACE)
        skip();
    check_all("landlock");
}

/* What SQLite and a repair do to a store. */
static int use_store(void)
{
    int fd = open(in_store("new"), O_RDWR | O_CREAT | O_EXCL, 0600);
    int folder = open(outside.store, O_RDONLY | O_DIRECTORY);
    bool good = fd >= 0 && folder >= 0 && write(fd, "x", 1) == 1 && ftruncate(fd, 0) == 0 &&
                fchmod(fd, 0640) == 0 && fsync(fd) == 0 && fsync(folder) == 0 &&
                rename(in_store("new"), in_store("newer")) == 0 &&
                link(in_store("newer"), in_store("second")) == 0 &&
                unlink(in_store("newer")) == 0 && unlink(in_store("second")) == 0 &&
                open(in_store("own"), O_RDWR | O_TRUNC) >= 0;

    return good ? OUT : HELD;
}

static void test_store_is_usable(void **state)
{
    const struct attempt use = {"use the store", use_store, "", false};

    (void)state;
    assert_int_equal(result_of(&use, "", ""), OUT);
    assert_int_equal(result_of(&use, "landlock", ""), OUT);
    assert_int_equal(result_of(&use, "landlock,namespace", ""), OUT);
}

static int be_owner(void)
{
    return geteuid() == 65534 && getuid() == 65534 && open(in_store("own"), O_RDWR) >= 0 ? OUT
                                                                                         : HELD;
}

static void test_of_another_user(void **state)
{
    const struct attempt use = {"be the owner", be_owner, "", false};

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(outside.folder, 0711), 0);
    assert_int_equal(chown(outside.store, 65534, 65534), 0);
    set_up_files();
    assert_int_equal(chown(in_store("own"), 65534, 65534), 0);
    assert_int_equal(result_of(&use, "", ""), OUT);
    assert_int_equal(result_of(&use, "landlock", ""), OUT);
    assert_int_equal(chown(outside.store, 0, 0), 0);
    assert_int_equal(chmod(outside.folder, 0700), 0);
}

/* A folder that is none, or a link: nothing is opened. */
static int confine_to(void *context, const struct control_channel *parent)
{
    struct pwk_error error;
    int result = control_confine(context, &error);

    return control_send(parent->to, &result, sizeof(result)) ? 0 : 1;
}

static int result_of_folder(const char *path)
{
    struct control_process process;
    struct pwk_error error;
    int result = 1;

    memset(out, 0, sizeof(out));
    assert_int_equal(
        control_apart_start(
            &process,
            &(struct control_apart){.kernel = "test", .context = (void *)path, .work = confine_to},
            &error),
        0);
    control_receive(process.channel.from, &result, sizeof(result));
    control_apart_end(&process);
    return result;
}

static void test_no_folder(void **state)
{
    (void)state;
    assert_int_equal(result_of_folder(outside.store), 0);
    assert_int_equal(result_of_folder(in_outside("nothing")), -ENOENT);
    assert_int_equal(result_of_folder(in_outside("secret")), -ENOTDIR);
    assert_int_equal(symlink("store", in_outside("to store")), 0);
    assert_int_equal(result_of_folder(in_outside("to store")), -ENOTDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_landlock),        cmocka_unit_test(test_namespace),
        cmocka_unit_test(test_store_is_usable), cmocka_unit_test(test_of_another_user),
        cmocka_unit_test(test_no_folder),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
