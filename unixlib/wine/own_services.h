/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * own_services.h - numbers for services of ours that the Wine in use has none for. Wine's
 * dispatcher knows four tables of services and uses two; ours becomes the fourth.
 */
#ifndef PWK_WINE_OWN_SERVICES_H
#define PWK_WINE_OWN_SERVICES_H

#include <stdint.h>

#include "kernel/error.h"
#include "wine/calling_convention.h"
#include "wine/stub_numbers.h"

/* Gives a number to every served row whose service is not among `stubs`, those of the ntdll in use
 * (`ntdll`: the handle of its Unix side). Process-wide, once, before the first call; -ENOTSUP with
 * a line where Wine does not take the table. */
int pwk_own_services_add(void *ntdll, enum pwk_convention convention,
                         const struct pwk_stub_numbers *stubs, struct pwk_error *error);

/* The number by which the dispatcher knows a service that was added; PWK_NO_SERVICE for another. */
uint16_t pwk_own_services_number(const char *name);

#endif
