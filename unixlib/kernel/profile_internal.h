/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * profile_internal.h - between the keys of profiles and their reader.
 */
#ifndef PWK_KERNEL_PROFILE_INTERNAL_H
#define PWK_KERNEL_PROFILE_INTERNAL_H

#include "kernel/profile.h"

/* Applies one line of a profile; the line in `error` says what is wrong, not where. */
int pwk_profile_apply(struct pwk_profile *profile, const char *section, const char *name,
                      const char *value, int line, struct pwk_error *error);

/* -E2BIG beyond PWK_MAX_PASSTHROUGH, or -ENOMEM. */
int pwk_profile_add_passthrough(struct pwk_profile *profile, const char *path);

/* The keys of the desktop (profile_desktop.c), as the table of keys has them. */
int pwk_profile_set_display(struct pwk_profile *profile, const char *value,
                            struct pwk_error *error);
int pwk_profile_set_sound(struct pwk_profile *profile, const char *value, struct pwk_error *error);
int pwk_profile_set_printing(struct pwk_profile *profile, const char *value,
                             struct pwk_error *error);
void pwk_profile_get_display(const struct pwk_profile *profile, const char *name, FILE *stream);
void pwk_profile_get_sound(const struct pwk_profile *profile, const char *name, FILE *stream);
void pwk_profile_get_printing(const struct pwk_profile *profile, const char *name, FILE *stream);

#endif
