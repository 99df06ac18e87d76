/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * jump_native.c - a hostile Windows program: it jumps to a `syscall; ret` within a native library,
 * past the trap. Each line of standard input is an address in hexadecimal, the number of a Linux call
 * and up to five arguments; the answer is printed as Linux gave it.
 */
#include <stdio.h>

static long long jump(unsigned long long address, const unsigned long long words[6])
{
    register unsigned long long r10 __asm__("r10") = words[4];
    register unsigned long long r8 __asm__("r8") = words[5];
    long long result;

    __asm__ volatile("call *%[address]"
                     : "=a"(result), "+r"(r10), "+r"(r8)
                     : "a"(words[0]), "D"(words[1]), "S"(words[2]), "d"(words[3]),
                       [address] "b"(address)
                     : "rcx", "r9", "r11", "memory");
    return result;
}

int main(void)
{
    char line[256];

    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        unsigned long long address, words[6] = {0};

        if (sscanf(line, "%llx %lli %lli %lli %lli %lli %lli", &address, &words[0], &words[1],
                   &words[2], &words[3], &words[4], &words[5]) < 2)
            break;
        printf("%lld\n", jump(address, words));
        fflush(stdout);
    }
    return 0;
}
