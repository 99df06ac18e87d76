/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * names.h - names of machines: Wine's Unix libraries have them resolved by the C library, past all
 * services. The loader's functions of the same names come first.
 */
#ifndef PWK_WINE_NAMES_H
#define PWK_WINE_NAMES_H

#include <stdbool.h>

#define PWK_MAY_ASK_SYMBOL "pwk_may_ask_for_name"

typedef bool (*pwk_name_judge)(const char *name);

/* From now on `judge` is asked before a name, or the name of an address, is looked for outside this
 * machine. NULL: all is allowed. */
void pwk_names_judged_by(pwk_name_judge judge);

#endif
