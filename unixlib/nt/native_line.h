/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * native_line.h - keeps code of the program's from the addresses where only native code may lie
 * (personality.h, native_line): what Wine places is given an upper limit, and what a program places
 * there itself may hold data. So it is for memory of other processes too: they have the same line.
 *
 * Addresses, sizes and parameters are read once, and Wine gets our copy of them: another thread
 * could change them between our look and Wine's.
 */
#ifndef PWK_NT_NATIVE_LINE_H
#define PWK_NT_NATIVE_LINE_H

#include <stdbool.h>

#include "nt/personality.h"

/* "MEM_EXTENDED_PARAMETER structure (winnt.h)", "MEM_ADDRESS_REQUIREMENTS structure (winnt.h)" */
struct nt_extended_parameter {
    uint64_t type; /* in the lowest byte */
    uint64_t value;
};
struct nt_address_requirements {
    uint64_t lowest, highest, alignment;
};
#define NT_MAX_EXTENDED_PARAMETERS 8 /* there are fewer types, each of which may come once */

struct nt_limited_parameters {
    struct nt_extended_parameter parameters[NT_MAX_EXTENDED_PARAMETERS + 1];
    struct nt_address_requirements requirements;
};

/* "Memory Protection Constants": whether code can run in such pages. */
bool nt_is_code_protection(uint32_t protection);

/* Whether a byte of the range lies where no code may be. */
bool nt_reaches_native(uint64_t address, uint64_t size);

/* The argument "zero bits" of a call that leaves the address to Wine. A limit of the program's that
 * is stricter than ours stays; below 32 it is a number of bits, else a mask. */
uint64_t nt_limit_bits(uint64_t zero_bits);

/* Copies the program's parameters, adds our limit, and answers how many there are; -1 where they
 * are not of Windows' form, an end of theirs that is none included. `limited` must stay where it is
 * for the call. */
int nt_limit_parameters(struct nt_limited_parameters *limited, uint64_t source, uint32_t count);

/* Wine's answer to `arguments`, with the copies of address and size that they name written back to
 * where the program wants them, once it is no error. */
ntstatus nt_forward_placed(const struct nt_call *call, const uint64_t *arguments, unsigned base_at,
                           unsigned size_at);

#endif
