/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * profile_desktop.c - the keys that say what of the desktop a session's programs reach.
 */
#include "kernel/profile_internal.h"

static int set(enum pwk_reach *out, const char *value, struct pwk_error *error)
{
    bool yes;
    int rc = pwk_yes_no_parse(value, &yes, error);

    if (rc == 0)
        *out = yes ? PWK_REACH_YES : PWK_REACH_NO;
    return rc;
}

int pwk_profile_set_display(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    return set(&profile->display, value, error);
}

int pwk_profile_set_sound(struct pwk_profile *profile, const char *value, struct pwk_error *error)
{
    return set(&profile->sound, value, error);
}

int pwk_profile_set_printing(struct pwk_profile *profile, const char *value,
                             struct pwk_error *error)
{
    return set(&profile->printing, value, error);
}

/* What is not said is written as what comes of it, in a comment: in another session it is another.
 */
static void get(const struct pwk_profile *profile, enum pwk_reach reach, bool usual,
                const char *name, FILE *stream)
{
    if (reach != PWK_REACH_OF_SESSION)
        fprintf(stream, "%s = %s\n", name, reach == PWK_REACH_YES ? "yes" : "no");
    else
        fprintf(stream, "; %s: %s, as the session has it\n", name,
                usual || profile->session == PWK_SESSION_SHARED ? "yes" : "no");
}

void pwk_profile_get_display(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    get(profile, profile->display, true, name, stream);
}

void pwk_profile_get_sound(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    get(profile, profile->sound, true, name, stream);
}

void pwk_profile_get_printing(const struct pwk_profile *profile, const char *name, FILE *stream)
{
    get(profile, profile->printing, false, name, stream);
}
