/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_fixture.h - a prefix and a kernel's layer of files over it, which tests change as programs
 * of a session do, through overlayfs, or by hand, as nobody should.
 */
#ifndef PWK_TESTS_FILES_FIXTURE_H
#define PWK_TESTS_FILES_FIXTURE_H

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "launcher/files_commit.h"
#include "launcher/files_layer.h"

/* Below a folder of the test's own; all without "/" at the end. */
extern char top[128], prefix[160], files[160], upper[160], outside[160];

/* For cmocka's setup and teardown of each test: an empty prefix, an empty layer, and a folder
 * `outside` that holds the file "kept". */
int files_fixture_make(void **state);
int files_fixture_remove(void **state);

/* "FOLDER/PATH", in a buffer that the next call but seven reuses: not for FOLDER itself. */
const char *at(const char *folder, const char *path);
/* All fail the test where they fail. */
void put(const char *folder, const char *path, const char *text);
void put_folder(const char *folder, const char *path);
void put_link(const char *folder, const char *path, const char *text);
void put_attribute(const char *folder, const char *path, const char *name, const char *value);
/* "rm -rf" of what may not be there. */
void take_away(const char *folder, const char *path);

/* Has `act` done in a child that sees the prefix under the layer at `view`. Skips the test where
 * the machine allows no such mount. `result`, where not NULL, gets the child's snapshot of the view
 * afterwards, to be freed. */
void in_view(void (*act)(const char *view, void *context), void *context, char **result);

/* Gives the calling process user and mount namespaces of its own, in which it may mount. */
bool files_fixture_unshare(void);

/* All that is in a folder, a line each, sorted: path, kind, permissions, size, time of the last
 * write (of files), a sum of the content or the link's text. To be freed. Without what is the
 * session's own. */
char *snapshot(const char *folder);

/* The layer is read, and given back with files_layer_close. */
void read_layer(struct files_layer *layer);
/* NULL where there is none. */
struct files_entry *entry_at(const struct files_layer *layer, const char *path);
/* "A path\nM path what...\n" of all changes that are not noise; to be freed. */
char *changes(const struct files_layer *layer);
/* Reads the layer, selects (NULL: all) and commits. */
int commit(char *path, struct files_layer *layer);
/* Reads the layer and discards (NULL: all). */
int discard(char *path);

/* True where nothing is in the layer. */
bool layer_is_empty(void);
void outside_is_untouched(void);

#endif
