/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_desktop.c - what of the desktop there is by the environment, and what a plan makes of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "launcher/plan.h"
#include "sandbox/session_known.h"

static char folder[] = "/tmp/test_desktop.XXXXXX";
static struct pwk_desktop desktop;

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(strlen(path) < sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

static char *in(const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void make_file(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fclose(file);
}

/* A folder of sockets and a home folder. */
static int make_all(void **state)
{
    static const char *const folders[] = {"run", "run/pulse", "home", "home/.config",
                                          "home/.config/pulse"};

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        assert_int_equal(mkdir(in(folders[i]), 0700), 0);
    make_socket(in("run/pulse/native"));
    make_socket(in("run/wayland-0"));
    make_socket(in("cups"));
    make_file(in("home/.Xauthority"));
    make_file(in("home/.config/pulse/cookie"));
    assert_int_equal(symlink("run/pulse/native", in("link")), 0);
    return 0;
}

static int remove_all(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static int set_up(void **state)
{
    static const char *const others[] = {
        "PULSE_RUNTIME_PATH", "PULSE_COOKIE", "PULSE_SERVER",    "CUPS_SERVER",   "WAYLAND_DISPLAY",
        "WAYLAND_SOCKET",     "XAUTHORITY",   "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DISPLAY"};

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        unsetenv(others[i]);
    setenv("XDG_RUNTIME_DIR", in("run"), 1);
    setenv("HOME", in("home"), 1);
    memset(&desktop, 0, sizeof(desktop));
    return 0;
}

static const char *find(enum pwk_desktop_thing thing, const char *variable, const char *value)
{
    memset(&desktop, 0, sizeof(desktop));
    setenv(variable, value, 1);
    pwk_desktop_find(&desktop);
    return desktop.path[thing];
}

static void a_sound_server_by_the_variable_or_the_folder(void **state)
{
    char list[300];

    (void)state;
    pwk_desktop_find(&desktop);
    assert_string_equal(desktop.path[PWK_PULSE], in("run/pulse/native"));
    assert_string_equal(desktop.path[PWK_PULSE_COOKIE], in("home/.config/pulse/cookie"));
    snprintf(list, sizeof(list), "tcp:host:4713 {a1b2}unix:%s unix:/none", in("link"));
    assert_string_equal(find(PWK_PULSE, "PULSE_SERVER", list), in("run/pulse/native"));
    assert_string_equal(find(PWK_PULSE, "PULSE_SERVER", in("link")), in("run/pulse/native"));
    assert_string_equal(find(PWK_PULSE, "PULSE_SERVER", "tcp:host"), "");
    assert_string_equal(find(PWK_PULSE, "PULSE_SERVER", "{unclosed"), "");
    assert_string_equal(find(PWK_PULSE, "PULSE_SERVER", " "), "");
    unsetenv("PULSE_SERVER");
    assert_string_equal(find(PWK_PULSE, "PULSE_RUNTIME_PATH", in("run/pulse")),
                        in("run/pulse/native"));
    assert_string_equal(find(PWK_PULSE_COOKIE, "PULSE_COOKIE", in("cups")), "");
}

static void displays(void **state)
{
    static const char *const elsewhere[] = {"host:0", "localhost:10.0", ":",         ":x",
                                            "",       "unix",           "tcp/unix:0"};

    (void)state;
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
        assert_string_equal(find(PWK_X11, "DISPLAY", elsewhere[i]), "");
    assert_string_equal(find(PWK_X11_COOKIE, "DISPLAY", "host:0"), in("home/.Xauthority"));
    assert_string_equal(find(PWK_X11_COOKIE, "XAUTHORITY", in("none")), "");
    assert_string_equal(find(PWK_X11_COOKIE, "XAUTHORITY", in("run")), "");
    assert_string_equal(find(PWK_WAYLAND, "WAYLAND_DISPLAY", "wayland-0"), in("run/wayland-0"));
    assert_string_equal(find(PWK_WAYLAND, "WAYLAND_DISPLAY", in("run/wayland-0")),
                        in("run/wayland-0"));
    assert_string_equal(find(PWK_WAYLAND, "WAYLAND_DISPLAY", "wayland-1"), "");
}

static void an_x11_socket(void **state)
{
    unsigned long number = 100000 + (unsigned long)getpid();
    char path[64], display[64], place[PATH_MAX];

    (void)state;
    if (mkdir("/tmp/.X11-unix", 01777) == 0)
        chmod("/tmp/.X11-unix", 01777);
    snprintf(path, sizeof(path), "/tmp/.X11-unix/X%lu", number);
    make_socket(path);
    snprintf(display, sizeof(display), ":%lu", number);
    assert_string_equal(find(PWK_X11, "DISPLAY", display), path);
    snprintf(display, sizeof(display), "unix:%lu.1", number);
    assert_string_equal(find(PWK_X11, "DISPLAY", display), path);
    pwk_desktop_place(&desktop, PWK_X11, place);
    assert_string_equal(place, path);
    snprintf(display, sizeof(display), "host:%lu", number);
    assert_string_equal(find(PWK_X11, "DISPLAY", display), "");
    unlink(path);
}

static void a_print_server_by_its_path(void **state)
{
    (void)state;
    assert_string_equal(find(PWK_CUPS, "CUPS_SERVER", in("cups")), in("cups"));
    assert_string_equal(find(PWK_CUPS, "CUPS_SERVER", "localhost:631"), "");
    assert_string_equal(find(PWK_CUPS, "CUPS_SERVER", in("home/.Xauthority")), "");
}

static void folders_of_fonts(void **state)
{
    (void)state;
    pwk_desktop_find(&desktop);
    assert_string_equal(desktop.fonts[0], in("home/.fonts"));
    assert_string_equal(desktop.fonts[1], "");
    setenv("XDG_DATA_HOME", in("home/.config"), 1);
    memset(&desktop, 0, sizeof(desktop));
    pwk_desktop_find(&desktop);
    assert_string_equal(desktop.fonts[1], in("home/.config/fonts"));
}

/* Who joins a session that was begun without its display is told. */
static void a_display_that_the_session_lacks(void **state)
{
    struct pwk_error error = {.text = ""};

    (void)state;
    strcpy(desktop.path[PWK_X11], "/somewhere/X12345678");
    desktop.x11_number = 12345678;
    assert_int_equal(pwk_desktop_check(&desktop, &error), 0);
    desktop.reached[PWK_DISPLAY] = true;
    assert_int_equal(pwk_desktop_check(&desktop, &error), -EBUSY);
    assert_non_null(strstr(error.text, "/somewhere/X12345678"));
    assert_non_null(strstr(error.text, "unset DISPLAY"));
}

/* ---- plans ---- */

static char *program_words[] = {(char *)"reg.exe", NULL};
static struct pwk_facts facts;
static struct pwk_arguments arguments;
static struct pwk_plan plan;
static struct pwk_error error;

static int set_up_plan(void **state)
{
    set_up(state);
    memset(&facts, 0, sizeof(facts));
    memset(&arguments, 0, sizeof(arguments));
    memset(&plan, 0, sizeof(plan));
    pwk_profile_init(&facts.profile);
    strcpy(facts.prefix, "/home/u/.wine");
    facts.prefix_exists = true;
    strcpy(facts.kernel, "k");
    strcpy(facts.state, "/home/u/.wine/pwk/kernels/k");
    strcpy(facts.desktop.path[PWK_X11], "/tmp/.X11-unix/X0");
    strcpy(facts.desktop.path[PWK_X11_COOKIE], "/home/u/.Xauthority");
    strcpy(facts.desktop.path[PWK_PULSE], "/run/user/1/pulse/native");
    strcpy(facts.desktop.path[PWK_CUPS], "/run/cups/cups.sock");
    for (int i = 0; i < PWK_DESKTOP_VARIABLES; i++)
        facts.desktop.is_set[i] = true;
    arguments.program = program_words;
    assert_int_equal(pwk_windows_library_find(&facts.library, "/lib/pwk"), 0);
    return 0;
}

static int tear_down_plan(void **state)
{
    (void)state;
    pwk_plan_finish(&plan);
    pwk_facts_finish(&facts);
    return 0;
}

static int build(void)
{
    pwk_plan_finish(&plan);
    memset(&plan, 0, sizeof(plan));
    return pwk_plan_build(&plan, &arguments, &facts, &error);
}

static const struct pwk_step *step_that_says(const char *words)
{
    for (size_t i = 0; i < plan.step_count; i++)
        if (strstr(plan.steps[i].words, words) != NULL)
            return &plan.steps[i];
    fail_msg("no step says '%s'", words);
    return NULL;
}

/* NULL where it is left as it is; "" where it is unset. */
static const char *becomes(const char *variable)
{
    for (size_t i = 0; i < plan.step_count; i++)
        if (plan.steps[i].kind == PWK_STEP_ENVIRONMENT &&
            strcmp(plan.steps[i].variable, variable) == 0)
            return plan.steps[i].value ? plan.steps[i].value : "";
    return NULL;
}

static void display_and_sound_are_reached_and_printers_are_not(void **state)
{
    (void)state;
    assert_int_equal(build(), 0);
    assert_int_equal(step_that_says("by X11 (/tmp/.X11-unix/X0)")->worth, PWK_WORTH_NOTHING);
    assert_int_equal(step_that_says("sound server (/run/user/1/pulse/native)")->worth,
                     PWK_WORTH_NOTHING);
    assert_int_equal(step_that_says("keep printers from it")->worth, PWK_WORTH_BOUNDARY);
    assert_null(becomes("DISPLAY"));
    assert_string_equal(becomes("XAUTHORITY"), PWK_DESKTOP_FOLDER "/xauthority");
    assert_string_equal(becomes("PULSE_SERVER"), "unix:" PWK_DESKTOP_FOLDER "/pulse");
    assert_null(becomes("PULSE_COOKIE"));
    assert_string_equal(becomes("CUPS_SERVER"), "");
    facts.profile.printing = PWK_REACH_YES;
    assert_int_equal(build(), 0);
    assert_int_equal(step_that_says("print server (/run/cups/cups.sock)")->worth,
                     PWK_WORTH_NOTHING);
    assert_string_equal(becomes("CUPS_SERVER"), PWK_DESKTOP_FOLDER "/cups");
}

static void what_is_kept_off_is_unset(void **state)
{
    (void)state;
    facts.profile.display = facts.profile.sound = PWK_REACH_NO;
    assert_int_equal(build(), 0);
    assert_int_equal(step_that_says("keep the display")->worth, PWK_WORTH_BOUNDARY);
    assert_int_equal(step_that_says("keep the sound server")->worth, PWK_WORTH_BOUNDARY);
    assert_string_equal(becomes("DISPLAY"), "");
    assert_string_equal(becomes("XAUTHORITY"), "");
    assert_string_equal(becomes("WAYLAND_SOCKET"), "");
    assert_string_equal(becomes("WAYLAND_DISPLAY"), "/dev/null");
    assert_string_equal(becomes("PULSE_SERVER"), "/dev/null");
    memset(facts.desktop.is_set, 0, sizeof(facts.desktop.is_set));
    assert_int_equal(build(), 0);
    assert_null(becomes("DISPLAY"));
    assert_string_equal(becomes("PULSE_SERVER"), "/dev/null");
}

/* Abstract sockets and servers that listen on the network are the network's. */
static void with_the_hosts_network_it_is_a_door(void **state)
{
    (void)state;
    facts.profile.display = PWK_REACH_NO;
    facts.profile.network = PWK_NETWORK_HOST;
    assert_int_equal(build(), 0);
    assert_int_equal(step_that_says("keep the display")->worth, PWK_WORTH_DOOR);
    assert_non_null(strstr(step_that_says("keep the display")->words, "abstract socket"));
}

static void nothing_is_kept_off_in_the_shared_session(void **state)
{
    enum pwk_reach *const keys[] = {&facts.profile.display, &facts.profile.sound,
                                    &facts.profile.printing};
    static const char *const words[] = {"display = no", "sound = no", "printing = no"};

    (void)state;
    facts.profile.session = PWK_SESSION_SHARED;
    assert_int_equal(build(), 0);
    assert_null(becomes("PULSE_SERVER"));
    for (size_t i = 0; i < 3; i++) {
        *keys[i] = PWK_REACH_NO;
        assert_int_equal(build(), -EINVAL);
        assert_non_null(strstr(error.text, words[i]));
        *keys[i] = PWK_REACH_YES;
    }
    assert_int_equal(build(), 0);
}

static void it_is_of_the_sessions_shape(void **state)
{
    struct pwk_session_known known = {0};

    (void)state;
    assert_int_equal(build(), 0);
    pwk_session_shape(&plan.cage, known.shape, sizeof(known.shape));
    assert_int_equal(pwk_session_known_check(&known, &plan.cage, &error), 0);
    facts.profile.sound = PWK_REACH_NO;
    assert_int_equal(build(), 0);
    assert_int_equal(pwk_session_known_check(&known, &plan.cage, &error), -EBUSY);
    assert_non_null(strstr(error.text, "it has sound yes, asked for is sound no"));
}

int main(void)
{
#define OF_PLAN(test) cmocka_unit_test_setup_teardown(test, set_up_plan, tear_down_plan)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_sound_server_by_the_variable_or_the_folder, set_up),
        cmocka_unit_test_setup(displays, set_up),
        cmocka_unit_test_setup(an_x11_socket, set_up),
        cmocka_unit_test_setup(a_print_server_by_its_path, set_up),
        cmocka_unit_test_setup(folders_of_fonts, set_up),
        cmocka_unit_test_setup(a_display_that_the_session_lacks, set_up),
        OF_PLAN(display_and_sound_are_reached_and_printers_are_not),
        OF_PLAN(what_is_kept_off_is_unset),
        OF_PLAN(with_the_hosts_network_it_is_a_door),
        OF_PLAN(nothing_is_kept_off_in_the_shared_session),
        OF_PLAN(it_is_of_the_sessions_shape),
    };

    return cmocka_run_group_tests(tests, make_all, remove_all);
}
