/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files_commit.h - takes what a kernel's layer of files holds over into the prefix, or throws it
 * away. The kernel's session must be held off (pwk_session_hold_off) from before the layer is read
 * until after the call.
 *
 * Each file, link and deletion comes into its place whole, in one step: it is made ready in a
 * folder of the kernel's state on the same file system, written to the disk, and then renamed or
 * exchanged. Nothing leaves the layer before all of it is in the prefix, on the disk. So who is
 * killed in between has lost nothing, and finds at the next call that what had been done is no
 * change any more.
 */
#ifndef PWK_LAUNCHER_FILES_COMMIT_H
#define PWK_LAUNCHER_FILES_COMMIT_H

#include "launcher/files_layer.h"

/* Selects the entries at or below any of `paths`, or all where there are none, except noise. An
 * entry that can be had only together with another that is not selected gets a hindrance. The
 * number of the first path at which nothing is, or -1. */
int files_select(struct files_layer *layer, char *const paths[], int count);

/* Commits the selected entries. `files` is the layer's parent folder, open for reading. Marks what
 * was `done`; what was not has a hindrance. 0, or a negative errno where the work had to be given
 * up, with what can be done; the marks hold in any case. */
int files_commit(struct files_layer *layer, int files, struct pwk_error *error);

/* Throws away what the layer has at the paths, which begin with no "/", and the folders around
 * them that are no change. The same errors; with no path all of the layer. */
int files_discard(struct files_layer *layer, int files, char *const paths[], int count,
                  struct pwk_error *error);

/* ---- files_clean.c ---- */

/* An empty folder in `files`, for files_commit alone: what one that was killed has left in it is
 * thrown away. The descriptor or a negative errno. */
int files_staging_open(int files);
/* Removes it. */
void files_staging_close(int files, int staging);

/* Takes what was done, or is no change, out of the layer. 0 or a negative errno of something that
 * could not be taken out. */
int files_clean(struct files_layer *layer);

#endif
