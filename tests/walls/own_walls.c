/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * own_walls.c - pwkctl with walls of its own (sandbox/confine.h) that can be taken out: those whose
 * names stand in PWK_TEST_WALLS_OUT, with a comma behind each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/walls.h"

static const char *const words[PWK_OWN_WALL_COUNT] = {
#define WORD(name, word) word,
    PWK_OWN_WALLS(WORD)
#undef WORD
};

bool pwk_own_wall_stands(enum pwk_own_wall wall)
{
    const char *out = getenv("PWK_TEST_WALLS_OUT");
    char word[32];

    snprintf(word, sizeof(word), "%s,", words[wall]);
    return !out || !strstr(out, word);
}
