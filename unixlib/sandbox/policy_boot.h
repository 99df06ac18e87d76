/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_boot.h - the Linux policy of a process that boots a kernel: taken from the boot record,
 * armed when Wine is up and no code of the program's has run. Its children are born under it and
 * find that in their record; what the process starts before (wineserver, in a session of the
 * kernel's own its system processes) arms its own. Until then nobody in such a session can look
 * into the process (mark.h).
 */
#ifndef PWK_SANDBOX_POLICY_BOOT_H
#define PWK_SANDBOX_POLICY_BOOT_H

#include "kernel/boot_record.h"
#include "kernel/error.h"

/* Takes over what the record names. -EPERM where it says that a policy is armed and none is. Once a
 * process. */
int pwk_policy_boot_take(const struct pwk_boot_record *record, struct pwk_error *error);

/* Arms it, where it is not armed yet, and says so in `variable`, the record's text in the
 * environment of children; then gives the mark up. On error the process must end. */
int pwk_policy_boot_arm(char *variable, struct pwk_error *error);

#endif
