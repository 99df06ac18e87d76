/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan_internal.h - what the plan's own files share.
 */
#ifndef PWK_LAUNCHER_PLAN_INTERNAL_H
#define PWK_LAUNCHER_PLAN_INTERNAL_H

#include "launcher/plan.h"

/* Adds a step with words: NULL, and `*failed` true, where the plan has no room or memory left. */
struct pwk_step *pwk_plan_add(struct pwk_plan *plan, bool *failed, enum pwk_step_kind kind,
                              const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What holds the step's wall, if the step was added. */
void pwk_plan_mark(struct pwk_step *step, enum pwk_wall_worth worth);

/* The cage (plan_cage.c): namespaces, files, network, home folder and limits, from the command
 * line's words over the profile's. -EINVAL with the mend where they contradict each other, or need
 * a session of the kernel's own and there is none. */
int pwk_plan_merge_cage(struct pwk_plan *plan, const struct pwk_arguments *arguments,
                        const struct pwk_facts *facts, struct pwk_error *error);
void pwk_plan_add_session(struct pwk_plan *plan, bool *failed);

/* The desktop (plan_desktop.c): -EINVAL where something is to be kept off in the shared session. */
int pwk_plan_check_shared_desktop(const struct pwk_profile *profile, struct pwk_error *error);
void pwk_plan_merge_desktop(struct pwk_session_plan *cage, const struct pwk_facts *facts);
void pwk_plan_add_desktop(struct pwk_plan *plan, bool *failed);
void pwk_plan_add_desktop_variables(struct pwk_plan *plan, bool *failed);

#endif
