/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit_writer.h - the half of a commit that has the rights: it hands the changes to the prefix's
 * wineserver and waits for the prefix's files. The other half, which reads the store, may have been
 * taken over by what is in it: changes are looked at one by one, and only what the user asked for
 * is handed on.
 */
#ifndef PWK_LAUNCHER_COMMIT_WRITER_H
#define PWK_LAUNCHER_COMMIT_WRITER_H

#include "launcher/commit_message.h"
#include "launcher/control_apart.h"
#include "launcher/control_session.h"

struct commit_writer {
    struct commit_files files;
    struct pwk_profile *profile; /* the kernel's */
    /* What may be written to: these keys, and what is on the way to them; with none, all. */
    const char **keys; /* as typed */
    size_t key_count;
};

/* Makes the memory files; ends with commit_files_close in any case. */
int commit_files_make(struct commit_files *files, struct pwk_error *error);
void commit_files_close(struct commit_files *files);

/* Serves the reader until it has no more to ask: an exit status. Errors go to the reader, which
 * prints them. */
int commit_writer_serve(struct commit_writer *writer, const struct control_channel *reader);

#endif
