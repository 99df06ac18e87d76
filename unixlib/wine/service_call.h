/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * service_call.h - NT services that Wine's ntdll lacks, called by way of pwk.dll.
 */
#ifndef PWK_WINE_SERVICE_CALL_H
#define PWK_WINE_SERVICE_CALL_H

#include <stdint.h>

/* The Unix call PWK_UNIX_SERVICE; `args` is a struct pwk_service_params. Answers STATUS_SUCCESS:
 * the service's own status stands in the params. */
int32_t pwk_service_call(void *args);

/* PWK_UNIX_HANDLE_NUMBER. */
int32_t pwk_handle_number_call(void *params);

#endif
