/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * desktop.h - what a session may reach of the user's desktop: the display, sound and printing. Each
 * is one socket (with the cookie that its server asks for) or a few devices, and nothing else of
 * the folders that those lie in.
 *
 * Sources: X(7) "DISPLAY NAMES" and xcb's way of reading them, Xau's file of cookies; "Server
 * Strings" of PulseAudio's documentation, pulse-client.conf(5); cups client.conf(5); libwayland's
 * wl_display_connect(3).
 */
#ifndef PWK_SANDBOX_DESKTOP_H
#define PWK_SANDBOX_DESKTOP_H

#include <limits.h>
#include <stdbool.h>

#include "kernel/error.h"

/* The session's folder of sockets and cookies that are handed in; X11's socket alone has a place of
 * its own. */
#define PWK_DESKTOP_FOLDER "/run/pwk-desktop"

enum pwk_desktop_switch { PWK_DISPLAY, PWK_SOUND, PWK_PRINTING, PWK_DESKTOP_SWITCHES };

enum pwk_desktop_thing {
    PWK_X11,
    PWK_X11_COOKIE,
    PWK_WAYLAND,
    PWK_PULSE,
    PWK_PULSE_COOKIE,
    PWK_CUPS,
    PWK_DESKTOP_THINGS
};

#define PWK_DESKTOP_FONTS 2
#define PWK_DESKTOP_VARIABLES 8

struct pwk_desktop {
    bool reached[PWK_DESKTOP_SWITCHES]; /* what the session lets be reached */
    /* Where things are outside, without symbolic links; "": there is no such thing. */
    char path[PWK_DESKTOP_THINGS][PATH_MAX];
    bool is_set[PWK_DESKTOP_VARIABLES]; /* of the variables below: it is in the environment */
    unsigned long x11_number;           /* of the display, where there is an X11 socket */
    char runtime[PATH_MAX];             /* the user's folder of sockets (XDG_RUNTIME_DIR), or "" */
    /* The user's folders of fonts, by the names that fontconfig knows them by, or "". */
    char fonts[PWK_DESKTOP_FONTS][PATH_MAX];
};

/* A variable that leads programs to a thing: what it is set to where the thing can be reached
 * (NULL: it stays as it is), and where it cannot (NULL: it is unset), in the latter case only where
 * it was set, or `always`. */
struct pwk_desktop_variable {
    enum pwk_desktop_switch of;
    enum pwk_desktop_thing thing;
    const char *name, *reached, *kept_off;
    bool always;
};

extern const struct pwk_desktop_variable pwk_desktop_variables[PWK_DESKTOP_VARIABLES];

/* Finds the things by the environment and looks whether they are there; nothing is opened or asked.
 * `reached` stays as it is. */
void pwk_desktop_find(struct pwk_desktop *desktop);

/* The switch that a thing belongs to. */
enum pwk_desktop_switch pwk_desktop_switch_of(enum pwk_desktop_thing thing);

/* Where the session has the thing. */
void pwk_desktop_place(const struct pwk_desktop *desktop, enum pwk_desktop_thing thing,
                       char place[PATH_MAX]);

/* The profile's word for a switch. */
const char *pwk_desktop_word(enum pwk_desktop_switch of);

/* To be called inside a session by who has joined it: -EBUSY, with the mend, where the display that
 * is to be reached is not the one that the session was begun with. */
int pwk_desktop_check(const struct pwk_desktop *desktop, struct pwk_error *error);

#endif
