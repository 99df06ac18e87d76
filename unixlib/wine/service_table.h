/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * service_table.h - finding Wine's array of services in ntdll.so and putting our rows into it.
 */
#ifndef PWK_WINE_SERVICE_TABLE_H
#define PWK_WINE_SERVICE_TABLE_H

#include "kernel/error.h"
#include "wine/calling_convention.h"
#include "wine/stub_numbers.h"

/* Understands the table of the loaded ntdll.so (`ntdll`: its dlopen handle) with the numbers of
 * the ntdll.dll beside it. -ENOTSUP with a line when it is not laid out as pwk knows it: nothing
 * has been changed then. Process-wide; before the first call. */
int pwk_service_table_find(void *ntdll, const char *ntdll_dll, struct pwk_error *error);

/* The stubs of the ntdll.dll in use. */
const struct pwk_stub_numbers *pwk_service_table_numbers(void);

/* Gives numbers to the served rows that this Wine has none for (wine/own_services.h). */
int pwk_service_table_add_own(struct pwk_error *error);

/* Puts our entry into the row of every served service that this Wine has. */
int pwk_service_table_take_over(struct pwk_error *error);

/* Our entry for a service by name, in the convention of this Wine; NULL where no row was taken. */
void *pwk_service_table_entry(const char *name);

/* Wine's own service for a served row. */
ntstatus pwk_service_table_forward(unsigned row, const uint64_t *arguments);

/* Calls an exported function of Wine's Unix side by its name; STATUS_NOT_IMPLEMENTED where this
 * Wine does not have it. On a thread of Wine's. */
ntstatus pwk_service_table_call(const char *name, const uint64_t *arguments, size_t count);

/* Where the ntdll.dll of this process is, and its size; 0 where the loader has not listed it yet. On a
 * thread of Wine's. */
uint64_t pwk_service_table_ntdll(uint64_t *size);

/* The address of a service's stub in the ntdll.dll of this process, 0 where it is not found. */
uint64_t pwk_service_table_stub(const char *name);

#endif
