/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * desktop.c - see desktop.h.
 */
#include "sandbox/desktop.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An address at which nothing answers. Without one libpulse would start a server of its own, and
 * libwayland look elsewhere and complain. */
#define NO_SERVER "/dev/null"

static const struct {
    enum pwk_desktop_switch of;
    const char *place; /* NULL: where X11's clients look for it */
} things[PWK_DESKTOP_THINGS] = {
    [PWK_X11] = {PWK_DISPLAY, NULL},
    [PWK_X11_COOKIE] = {PWK_DISPLAY, PWK_DESKTOP_FOLDER "/xauthority"},
    [PWK_WAYLAND] = {PWK_DISPLAY, PWK_DESKTOP_FOLDER "/wayland"},
    [PWK_PULSE] = {PWK_SOUND, PWK_DESKTOP_FOLDER "/pulse"},
    [PWK_PULSE_COOKIE] = {PWK_SOUND, PWK_DESKTOP_FOLDER "/pulse-cookie"},
    [PWK_CUPS] = {PWK_PRINTING, PWK_DESKTOP_FOLDER "/cups"},
};

const struct pwk_desktop_variable pwk_desktop_variables[PWK_DESKTOP_VARIABLES] = {
    {PWK_DISPLAY, PWK_X11, "DISPLAY", NULL, NULL},
    {PWK_DISPLAY, PWK_X11_COOKIE, "XAUTHORITY", PWK_DESKTOP_FOLDER "/xauthority", NULL},
    {PWK_DISPLAY, PWK_WAYLAND, "WAYLAND_DISPLAY", PWK_DESKTOP_FOLDER "/wayland", NO_SERVER},
    {PWK_DISPLAY, PWK_WAYLAND, "WAYLAND_SOCKET", NULL, NULL},
    {PWK_SOUND, PWK_PULSE, "PULSE_SERVER", "unix:" PWK_DESKTOP_FOLDER "/pulse", NO_SERVER, true},
    {PWK_SOUND, PWK_PULSE_COOKIE, "PULSE_COOKIE", PWK_DESKTOP_FOLDER "/pulse-cookie", NULL},
    {PWK_SOUND, PWK_PULSE, "PULSE_RUNTIME_PATH", NULL, NULL},
    {PWK_PRINTING, PWK_CUPS, "CUPS_SERVER", PWK_DESKTOP_FOLDER "/cups", NULL},
};

enum pwk_desktop_switch pwk_desktop_switch_of(enum pwk_desktop_thing thing)
{
    return things[thing].of;
}

const char *pwk_desktop_word(enum pwk_desktop_switch of)
{
    static const char *const words[PWK_DESKTOP_SWITCHES] = {
        [PWK_DISPLAY] = "display", [PWK_SOUND] = "sound", [PWK_PRINTING] = "printing"};

    return words[of];
}

void pwk_desktop_place(const struct pwk_desktop *desktop, enum pwk_desktop_thing thing,
                       char place[PATH_MAX])
{
    if (things[thing].place)
        snprintf(place, PATH_MAX, "%s", things[thing].place);
    else
        snprintf(place, PATH_MAX, "/tmp/.X11-unix/X%lu", desktop->x11_number);
}

/* ---- what there is ---- */

static const char *value_of(const char *variable)
{
    const char *value = getenv(variable);

    return value ? value : "";
}

/* True, with the path as it is without symbolic links, where `kind` of thing is there. */
static bool is_there(char out[PATH_MAX], mode_t kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool is_there(char out[PATH_MAX], mode_t kind, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    struct stat st;
    int length;

    va_start(arguments, format);
    length = vsnprintf(path, sizeof(path), format, arguments);
    va_end(arguments);
    if (length < PATH_MAX && path[0] == '/' && realpath(path, out) && stat(out, &st) == 0 &&
        (st.st_mode & S_IFMT) == kind)
        return true;
    out[0] = '\0';
    return false;
}

/* Of displays of this machine, as in ":0", ":0.1" and "unix:0". */
static void find_x11(struct pwk_desktop *desktop)
{
    const char *display = value_of("DISPLAY"), *number = strchr(display, ':');
    size_t host = number ? (size_t)(number - display) : 0;
    char place[PATH_MAX];

    if (!number || strspn(number + 1, "0123456789") == 0 ||
        (host > 0 && (host != 4 || memcmp(display, "unix", host) != 0)))
        return;
    desktop->x11_number = strtoul(number + 1, NULL, 10);
    pwk_desktop_place(desktop, PWK_X11, place);
    is_there(desktop->path[PWK_X11], S_IFSOCK, "%s", place);
}

static void find_x11_cookie(struct pwk_desktop *desktop)
{
    const char *named = value_of("XAUTHORITY");

    if (*value_of("DISPLAY"))
        is_there(desktop->path[PWK_X11_COOKIE], S_IFREG, *named ? "%s" : "%s/.Xauthority",
                 *named ? named : value_of("HOME"));
}

static void find_wayland(struct pwk_desktop *desktop)
{
    const char *name = value_of("WAYLAND_DISPLAY");

    if (*name == '/')
        is_there(desktop->path[PWK_WAYLAND], S_IFSOCK, "%s", name);
    else if (*name)
        is_there(desktop->path[PWK_WAYLAND], S_IFSOCK, "%s/%s", desktop->runtime, name);
}

/* PULSE_SERVER is a list: the first that is a socket of this machine's, where its machine's name
 * may stand before in braces. */
static void find_named_pulse(char out[PATH_MAX], const char *list)
{
    while (*list && !*out) {
        size_t length = strcspn(list, " ");
        const char *word = list, *close = *word == '{' ? memchr(word, '}', length) : NULL;

        list += length + strspn(list + length, " ");
        if (close)
            word = close + 1;
        if (strncmp(word, "unix:", 5) == 0)
            word += 5;
        is_there(out, S_IFSOCK, "%.*s", (int)strcspn(word, " "), word);
    }
}

static void find_pulse(struct pwk_desktop *desktop)
{
    const char *named = value_of("PULSE_SERVER"), *folder = value_of("PULSE_RUNTIME_PATH");
    char *out = desktop->path[PWK_PULSE];

    if (*named)
        find_named_pulse(out, named);
    else if (!is_there(out, S_IFSOCK, "%s/native", folder) &&
             !is_there(out, S_IFSOCK, "%s/pulse/native", desktop->runtime))
        is_there(out, S_IFSOCK, "/run/pulse/native");
}

static void find_pulse_cookie(struct pwk_desktop *desktop)
{
    const char *named = value_of("PULSE_COOKIE"), *home = value_of("HOME");
    const char *settings = value_of("XDG_CONFIG_HOME");
    char *out = desktop->path[PWK_PULSE_COOKIE];

    if (*named)
        is_there(out, S_IFREG, "%s", named);
    else if (!is_there(out, S_IFREG, "%s%s/pulse/cookie", *settings ? settings : home,
                       *settings ? "" : "/.config"))
        is_there(out, S_IFREG, "%s/.pulse-cookie", home);
}

static void find_cups(struct pwk_desktop *desktop)
{
    const char *named = value_of("CUPS_SERVER");

    is_there(desktop->path[PWK_CUPS], S_IFSOCK, "%s", *named ? named : "/run/cups/cups.sock");
}

/* The folder on the way is resolved and the last part kept: that is where fontconfig looks. */
static void find_fonts(struct pwk_desktop *desktop)
{
    const char *data = value_of("XDG_DATA_HOME"), *home = value_of("HOME");
    char folder[PATH_MAX];

    if (is_there(folder, S_IFDIR, "%s", home) && strlen(folder) + sizeof("/.fonts") <= PATH_MAX)
        sprintf(desktop->fonts[0], "%s/.fonts", folder);
    if (is_there(folder, S_IFDIR, *data ? "%s" : "%s/.local/share", *data ? data : home) &&
        strlen(folder) + sizeof("/fonts") <= PATH_MAX)
        sprintf(desktop->fonts[1], "%s/fonts", folder);
}

void pwk_desktop_find(struct pwk_desktop *desktop)
{
    is_there(desktop->runtime, S_IFDIR, "%s", value_of("XDG_RUNTIME_DIR"));
    for (int i = 0; i < PWK_DESKTOP_VARIABLES; i++)
        desktop->is_set[i] = getenv(pwk_desktop_variables[i].name) != NULL;
    find_x11(desktop);
    find_x11_cookie(desktop);
    find_wayland(desktop);
    find_pulse(desktop);
    find_pulse_cookie(desktop);
    find_cups(desktop);
    find_fonts(desktop);
}

int pwk_desktop_check(const struct pwk_desktop *desktop, struct pwk_error *error)
{
    static const struct {
        enum pwk_desktop_thing thing;
        const char *variable;
    } displays[] = {{PWK_X11, "DISPLAY"}, {PWK_WAYLAND, "WAYLAND_DISPLAY"}};
    char place[PATH_MAX];

    for (size_t i = 0; i < sizeof(displays) / sizeof(displays[0]); i++) {
        pwk_desktop_place(desktop, displays[i].thing, place);
        if (desktop->reached[PWK_DISPLAY] && desktop->path[displays[i].thing][0] &&
            access(place, F_OK) < 0)
            return pwk_error_set(error, -EBUSY,
                                 "the kernel's own session is up, and was begun with another "
                                 "display or none: the one at %s cannot be reached in it; end its "
                                 "programs first, or unset %s",
                                 desktop->path[displays[i].thing], displays[i].variable);
    }
    return 0;
}
