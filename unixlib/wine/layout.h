/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layout.h - where Linux has placed the native code of this process. The trap (sandbox/trap.h)
 * needs it above a line; with some settings (vm.mmap_rnd_bits = 32, an unlimited stack, setarch -L)
 * it may lie below, or with setarch -X data be code.
 */
#ifndef PWK_WINE_LAYOUT_H
#define PWK_WINE_LAYOUT_H

/* Where native code lies too low: executes this program again, for another layout, a few times at
 * most. To be called first in main. Returns where the layout does or cannot be mended; the trap
 * then says so. */
void pwk_layout_settle(char *argv[]);

#endif
