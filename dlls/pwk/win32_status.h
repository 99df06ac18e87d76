/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * win32_status.h - answers of NT services in Windows' error numbers.
 */
#ifndef PWK_DLL_WIN32_STATUS_H
#define PWK_DLL_WIN32_STATUS_H

#include <windows.h>
#include <winternl.h>

/* ERROR_SUCCESS for a success; the numbers of transactions are those of "System Error Codes
 * (6000-8199)", which ntdll's own table may lack. */
LSTATUS win32_status(NTSTATUS status);

/* For functions that answer a BOOL: sets the last error for a failure. */
BOOL win32_succeeded(NTSTATUS status);

#endif
