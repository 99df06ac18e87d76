/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server_key.h - keys of wineserver's, changed from a thread of Wine's of our own. Each change can
 * be asked for `dry`: then nothing is written, and the answer is what stands in its way.
 *
 * What is opened is always the key itself, also where it is a link. Answers are NTSTATUS;
 * STATUS_OBJECT_NAME_EXISTS means that it was so already.
 */
#ifndef PWK_WINE_SERVER_KEY_H
#define PWK_WINE_SERVER_KEY_H

#include <stdbool.h>

#include "nt/nt_types.h"
#include "registry/layer_changes.h"

/* One change; those on the way to the key are made where they are missing. */
ntstatus pwk_server_key_change(const struct registry_layer_change *change, bool dry);
/* Has wineserver save what it can be made to save. */
void pwk_server_key_flush(void);

#endif
