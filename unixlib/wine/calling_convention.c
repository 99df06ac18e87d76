/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * calling_convention.c - the entries of our rows in both conventions, made from services.def, and
 * calls of Wine's functions. A caller's excess arguments harm no callee, so calls are made with
 * 4, 8 or 12.
 */
#include "wine/calling_convention.h"

#include "nt/services.h"
#include "wine/warm_row.h"

typedef uint64_t u;

#define PARAMETERS_1 u a
#define PARAMETERS_2 u a, u b
#define PARAMETERS_3 u a, u b, u c
#define PARAMETERS_4 u a, u b, u c, u d
#define PARAMETERS_5 u a, u b, u c, u d, u e
#define PARAMETERS_6 u a, u b, u c, u d, u e, u f
#define PARAMETERS_7 u a, u b, u c, u d, u e, u f, u g
#define PARAMETERS_8 u a, u b, u c, u d, u e, u f, u g, u h
#define PARAMETERS_9 u a, u b, u c, u d, u e, u f, u g, u h, u i
#define PARAMETERS_10 u a, u b, u c, u d, u e, u f, u g, u h, u i, u j
#define PARAMETERS_11 u a, u b, u c, u d, u e, u f, u g, u h, u i, u j, u k
#define PARAMETERS_12 u a, u b, u c, u d, u e, u f, u g, u h, u i, u j, u k, u l
#define NAMES_1 a
#define NAMES_2 a, b
#define NAMES_3 a, b, c
#define NAMES_4 a, b, c, d
#define NAMES_5 a, b, c, d, e
#define NAMES_6 a, b, c, d, e, f
#define NAMES_7 a, b, c, d, e, f, g
#define NAMES_8 a, b, c, d, e, f, g, h
#define NAMES_9 a, b, c, d, e, f, g, h, i
#define NAMES_10 a, b, c, d, e, f, g, h, i, j
#define NAMES_11 a, b, c, d, e, f, g, h, i, j, k
#define NAMES_12 a, b, c, d, e, f, g, h, i, j, k, l

#define NT_FAMILY(family, reason)
#define NT_PASSED(name, family)

enum {
#define NT_SERVED(name, family, count, handler) row_##name,
#include "nt/services.def"
#undef NT_SERVED
};

#define NT_SERVED(name, family, count, handler)                                                    \
    static __attribute__((ms_abi)) ntstatus microsoft_##name(PARAMETERS_##count)                   \
    {                                                                                              \
        const uint64_t arguments[] = {NAMES_##count};                                              \
        return nt_dispatch(row_##name, arguments);                                                 \
    }                                                                                              \
    static ntstatus system_v_##name(PARAMETERS_##count)                                            \
    {                                                                                              \
        const uint64_t arguments[] = {NAMES_##count};                                              \
        return nt_dispatch(row_##name, arguments);                                                 \
    }
#include "nt/services.def"
#undef NT_SERVED

static void *const entries[][2] = {
#define NT_SERVED(name, family, count, handler) {(void *)microsoft_##name, (void *)system_v_##name},
#include "nt/services.def"
#undef NT_SERVED
};

__attribute__((ms_abi)) ntstatus pwk_microsoft_NtQueryValueKey(PARAMETERS_6)
{
    return microsoft_NtQueryValueKey(NAMES_6);
}

ntstatus pwk_system_v_NtQueryValueKey(PARAMETERS_6)
{
    return system_v_NtQueryValueKey(NAMES_6);
}

void *pwk_row_entry(enum pwk_convention convention, unsigned row)
{
    if (row == row_NtQueryValueKey)
        return convention == PWK_CALL_SYSTEM_V ? (void *)pwk_system_v_warm_row
                                               : (void *)pwk_microsoft_warm_row;
    return entries[row][convention == PWK_CALL_SYSTEM_V];
}

#define LIST_4(x) x[0], x[1], x[2], x[3]
#define LIST_8(x) LIST_4(x), x[4], x[5], x[6], x[7]
#define LIST_12(x) LIST_8(x), x[8], x[9], x[10], x[11]

static ntstatus call_microsoft(void *function, const uint64_t *x, size_t count)
{
    typedef ntstatus __attribute__((ms_abi)) (*four)(u, u, u, u);
    typedef ntstatus __attribute__((ms_abi)) (*eight)(u, u, u, u, u, u, u, u);
    typedef ntstatus __attribute__((ms_abi)) (*twelve)(u, u, u, u, u, u, u, u, u, u, u, u);

    if (count <= 4)
        return ((four)function)(LIST_4(x));
    return count <= 8 ? ((eight)function)(LIST_8(x)) : ((twelve)function)(LIST_12(x));
}

static ntstatus call_system_v(void *function, const uint64_t *x, size_t count)
{
    typedef ntstatus (*four)(u, u, u, u);
    typedef ntstatus (*eight)(u, u, u, u, u, u, u, u);
    typedef ntstatus (*twelve)(u, u, u, u, u, u, u, u, u, u, u, u);

    if (count <= 4)
        return ((four)function)(LIST_4(x));
    return count <= 8 ? ((eight)function)(LIST_8(x)) : ((twelve)function)(LIST_12(x));
}

ntstatus pwk_call_wine(enum pwk_convention convention, void *function, const uint64_t *arguments,
                       size_t count)
{
    uint64_t copy[NT_MAX_ARGUMENTS] = {0};

    for (size_t i = 0; i < count && i < NT_MAX_ARGUMENTS; i++)
        copy[i] = arguments[i];
    return convention == PWK_CALL_SYSTEM_V ? call_system_v(function, copy, count)
                                           : call_microsoft(function, copy, count);
}
