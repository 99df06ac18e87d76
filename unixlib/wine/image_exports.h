/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * image_exports.h - documented functions of Windows' DLLs that Wine's own DLLs lack or have as
 * stubs only (RegLoadAppKey, the registry's transactions, NtSaveKeyEx): when such a DLL is mapped, the copy in
 * this process gets a list of exports that has them too, each led on to pwk.dll, which Wine's
 * loader loads when a program asks for one. The files on disk stay as they are, and a DLL that is
 * not Wine's own is left alone.
 */
#ifndef PWK_WINE_IMAGE_EXPORTS_H
#define PWK_WINE_IMAGE_EXPORTS_H

#include <stdint.h>

/* `base`: where something has been mapped just now that may be an image, of `size` bytes. On a
 * thread of Wine's, before the loader has looked at the image; nothing is held, so that bytes of a
 * hostile file which cannot be read end the call and no more. An image that is not as Wine's tools
 * make it is left alone. */
void pwk_image_exports_add(uint64_t base, uint64_t size);

#endif
