/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan_desktop.c - the part of a plan that is about what an own session reaches of the desktop:
 * display, sound and printing.
 */
#include "launcher/plan_internal.h"

#include <errno.h>

int pwk_plan_check_shared_desktop(const struct pwk_profile *profile, struct pwk_error *error)
{
    const enum pwk_reach reaches[PWK_DESKTOP_SWITCHES] = {[PWK_DISPLAY] = profile->display,
                                                          [PWK_SOUND] = profile->sound,
                                                          [PWK_PRINTING] = profile->printing};

    for (int i = 0; i < PWK_DESKTOP_SWITCHES; i++)
        if (reaches[i] == PWK_REACH_NO)
            return pwk_error_set(error, -EINVAL,
                                 "[session] %s = no needs a session of the kernel's own, since "
                                 "what is reached in the shared one is all that you reach: use "
                                 "--session own, or remove the line",
                                 pwk_desktop_word(i));
    return 0;
}

/* Printing is kept off unless it is asked for: a print server runs with rights that the user lacks,
 * parses what it is sent, and does more for its user than print. */
void pwk_plan_merge_desktop(struct pwk_session_plan *cage, const struct pwk_facts *facts)
{
    cage->desktop = facts->desktop;
    cage->desktop.reached[PWK_DISPLAY] = facts->profile.display != PWK_REACH_NO;
    cage->desktop.reached[PWK_SOUND] = facts->profile.sound != PWK_REACH_NO;
    cage->desktop.reached[PWK_PRINTING] = facts->profile.printing == PWK_REACH_YES;
}

/* ---- in words ---- */

static void add_kept_off(struct pwk_plan *plan, bool *failed, const char *what)
{
    bool isolated = plan->cage.isolated_network;

    pwk_plan_mark(pwk_plan_add(plan, failed, PWK_STEP_CAGE, "keep %s from it%s", what,
                               isolated ? ""
                                        : "; but a server that listens on the network, or on an "
                                          "abstract socket, is reached: the network is the host's"),
                  isolated ? PWK_WORTH_BOUNDARY : PWK_WORTH_DOOR);
}

static void add_display(struct pwk_plan *plan, bool *failed)
{
    const struct pwk_desktop *desktop = &plan->cage.desktop;
    const char *x11 = desktop->path[PWK_X11], *wayland = desktop->path[PWK_WAYLAND];

    if (!desktop->reached[PWK_DISPLAY])
        add_kept_off(plan, failed, "the display and the graphics devices");
    else if (*x11)
        pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                     "let it reach the display by X11 (%s%s%s), where programs see and type what "
                     "you see and type, and the graphics devices",
                     x11, *wayland ? ") and Wayland (" : "", wayland);
    else if (*wayland)
        pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                     "let it reach the display by Wayland (%s), and the graphics devices", wayland);
    else
        pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                     "let it reach the graphics devices; there is no display of this machine's "
                     "(by DISPLAY or WAYLAND_DISPLAY)");
}

static void add_sound(struct pwk_plan *plan, bool *failed)
{
    const struct pwk_desktop *desktop = &plan->cage.desktop;
    const char *server = desktop->path[PWK_PULSE];

    if (!desktop->reached[PWK_SOUND])
        add_kept_off(plan, failed, "the sound server and the sound devices");
    else if (*server)
        pwk_plan_add(
            plan, failed, PWK_STEP_CAGE,
            "let it reach the sound server (%s) and the sound devices: programs can listen "
            "to what they record, and PulseAudio loads modules, code outside the session, "
            "for them unless it runs with --disallow-module-loading",
            server);
    else
        pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                     "let it reach the sound devices: programs can listen to what they record; "
                     "there is no sound server of this machine's");
}

static void add_printing(struct pwk_plan *plan, bool *failed)
{
    const struct pwk_desktop *desktop = &plan->cage.desktop;
    const char *server = desktop->path[PWK_CUPS];

    if (!desktop->reached[PWK_PRINTING])
        add_kept_off(plan, failed, "printers");
    else if (*server)
        pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                     "let it reach the print server (%s): programs print, and do there what else "
                     "you may",
                     server);
    else
        pwk_plan_add(plan, failed, PWK_STEP_CAGE,
                     "it may print, but there is no print server of this machine's (by CUPS_SERVER "
                     "or at /run/cups/cups.sock)");
}

void pwk_plan_add_desktop(struct pwk_plan *plan, bool *failed)
{
    add_display(plan, failed);
    add_sound(plan, failed);
    add_printing(plan, failed);
}

void pwk_plan_add_desktop_variables(struct pwk_plan *plan, bool *failed)
{
    const struct pwk_desktop *desktop = &plan->cage.desktop;

    for (int i = 0; i < PWK_DESKTOP_VARIABLES; i++) {
        const struct pwk_desktop_variable *variable = &pwk_desktop_variables[i];
        bool reached = desktop->reached[variable->of];
        const char *value = reached ? variable->reached : variable->kept_off;
        bool changed = reached ? value && desktop->path[variable->thing][0]
                               : desktop->is_set[i] || variable->always;
        struct pwk_step *step = NULL;

        if (changed)
            step = pwk_plan_add(
                plan, failed, PWK_STEP_ENVIRONMENT, value ? "set %s=%s, %s" : "unset %s%s, %s",
                variable->name, value ? value : "",
                reached ? "where the session has it" : "which leads to nothing in the session");
        if (step) {
            step->variable = variable->name;
            step->value = value;
        }
    }
}
