/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unix_services.h - the registry's services as Wine's other Unix libraries (win32u.so, the display
 * driver) call them: as symbols, which the dynamic linker looks for in the program first. Our
 * loader is that program.
 */
#ifndef PWK_WINE_UNIX_SERVICES_H
#define PWK_WINE_UNIX_SERVICES_H

/* The function that serves `name`; exported by pwk.so under PWK_UNIX_SERVICE_SYMBOL. */
typedef void *(*pwk_unix_service)(const char *name);
#define PWK_UNIX_SERVICE_SYMBOL "pwk_unix_service_entry"
void *pwk_unix_service_entry(const char *name);

/* Where each of the loader's symbols leads: to what `find` answers, and without `find` or an
 * answer to Wine's own service in `ntdll` (a dlopen handle). Before any other library of Wine's is
 * loaded. */
void pwk_unix_services_connect(void *ntdll, pwk_unix_service find);

#endif
