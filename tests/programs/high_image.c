/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * high_image.c - a dll, and a program, that are linked for an address where native code lies. Each
 * makes one raw call of a number that no service has.
 *
 *   high_image.exe    prints what comes back, in hexadecimal
 */
#include <stdio.h>
#include <windows.h>

__declspec(dllexport) ULONGLONG call_from_high_image(void)
{
    ULONGLONG answer;

    __asm__ volatile("syscall" : "=a"(answer) : "a"(0x3ffe) : "rcx", "r11", "memory");
    return answer;
}

int main(void)
{
    printf("%llx\n", call_from_high_image());
    return 0;
}
