/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * print_parameters.c - prints a system parameter that Wine's win32u.so reads from the registry on
 * its Unix side.
 */
#include <stdio.h>
#include <windows.h>

int main(void)
{
    DWORD delay = 0;

    if (!SystemParametersInfoW(SPI_GETMENUSHOWDELAY, 0, &delay, 0))
        return 1;
    printf("%lu\n", delay);
    return 0;
}
