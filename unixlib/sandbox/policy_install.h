/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_install.h - the one call that arms a policy. Of the policy's own files only.
 */
#ifndef PWK_SANDBOX_POLICY_INSTALL_H
#define PWK_SANDBOX_POLICY_INSTALL_H

#include <linux/filter.h>
#include <stddef.h>

/* seccomp(2) with SECCOMP_FILTER_FLAG_TSYNC and `flags`, the guard before `code`: what it returns,
 * or a negative errno. */
int pwk_policy_install(const struct sock_filter *code, size_t length, unsigned opened,
                       unsigned long flags);

#endif
