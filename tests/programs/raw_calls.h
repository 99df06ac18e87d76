/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * raw_calls.h - what raw_calls.exe makes its system calls with. Windows only.
 */
#ifndef PWK_TEST_RAW_CALLS_H
#define PWK_TEST_RAW_CALLS_H

#include <windows.h>
#include <winternl.h>

/* In ntdll, and in no header. */
typedef enum { ViewShare = 1, ViewUnmap = 2 } SECTION_INHERIT;
NTSTATUS NTAPI NtMapViewOfSection(HANDLE, HANDLE, void **, ULONG_PTR, SIZE_T, LARGE_INTEGER *,
                                  SIZE_T *, SECTION_INHERIT, ULONG, ULONG);

typedef ULONG_PTR (*raw_function)(ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR);

/* What raw_call puts into eax. */
extern volatile ULONG raw_number;

/* In the image's own code: mov r10, rcx; mov eax, [raw_number]; syscall; ret. */
ULONG_PTR raw_call(ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR);

/* The same code, for seven arguments. */
ULONG_PTR raw_call7(ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR);

/* And for twelve. */
ULONG_PTR raw_call12(ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR,
                     ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR);

/* Writes a stub of that kind, with the number in it, in the 11 bytes at `code`. */
void put_raw_call(void *code, ULONG number);

/* The number in a service's stub, as code reads it that looks for it there; 0 where there is none.
 */
ULONG stub_number(const char *service);
ULONG stub_number_in(HMODULE library, const char *service);

/* Whether a stub of ntdll's or win32u's has that number. */
int is_service_number(ULONG number);

/* What the service of that number answers to six arguments of 0, called as its stub does. */
ULONG_PTR call_by_stub(ULONG number);

/* One raw call between two readings of all that it must keep. */
struct register_call {
    ULONG_PTR number, argument, flags;       /* in */
    ULONG_PTR status, rcx, r11, flags_after; /* out */
    ULONG_PTR changed;                       /* out: 0, or the kept registers that were not */
    ULONG_PTR return_address;                /* out: behind the instruction */
};
void call_with_registers(struct register_call *call);

/* A whole stub in the image's own code, where it can be rewritten; its number is put in once. */
ULONG_PTR raw_site(ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR);
void set_raw_site(ULONG number);

/* The same readings around such a site, whose number is call->number; r11 is not looked at. */
void call_site_with_registers(struct register_call *call);

/* A REG_SZ below HKEY_LOCAL_MACHINE by raw calls alone, in ASCII. */
int read_registry_raw(const char *key, const char *value, char *data, size_t size);

#endif
