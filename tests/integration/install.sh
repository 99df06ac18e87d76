#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# install.sh - what `make install` puts in place works from there: pwk-wine, and the pkg-config
# files for native and for Windows programs.
. "$(dirname "$0")/library.sh"
begin
keep_session

stage=$work/stage
ok 'make install' make -C "$PWK_BUILDDIR" install DESTDIR="$stage"
installed=$(find "$stage" -name pwk-wine -type f)
[ -x "$installed" ] || die "no pwk-wine in $stage"
prefix=${installed%/bin/pwk-wine}

# The build tree must not be what makes it work.
key='HKCU\Software\pwk-test'
ok 'the installed pwk-wine runs reg.exe' within 60 "$installed" --kernel i reg.exe add "$key" \
    /v x /d installed /f
equal 'and reads back' installed "$(query within 60 "$installed" --kernel i -- "$key" x)"
hold running "$installed" --kernel i "$programs/process_probe.exe" wait
held_says running 1 ready
loader=$(readlink "/proc/$(loader_processes | head -n 1)/exe")
contains 'the loader is the installed one' "$stage" "$loader"
contains 'the installed pwkctl sees it' process_probe.exe "$("$prefix/bin/pwkctl" ps)"
go_on running
wait "${held[running]}"
for page in pwk-wine.1 pwkctl.1; do
    ok "the manual page $page" test -f "$prefix/share/man/man1/$page"
done

# --- a native program ---
export PKG_CONFIG_SYSROOT_DIR=$stage
PKG_CONFIG_PATH=$(find "$stage" -name pkgconfig -type d)
export PKG_CONFIG_PATH
cat >"$work/native.c" <<'SOURCE'
#include <pwk/process_kernel.h>
#include <stdio.h>
#include <string.h>
int main(void)
{
    process_kernel_t *kernel;

    if (pk_init() != 0 || !(kernel = pk_create(PK_TYPE_GENERIC, "installed")))
        return 1;
    if (strcmp(kernel->name, "installed") != 0)
        return 2;
    pk_destroy(kernel);
    pk_shutdown();
    puts("native");
    return 0;
}
SOURCE
# shellcheck disable=SC2046 # flags are words
ok 'a native program is compiled with pkg-config' gcc -o "$work/native" "$work/native.c" \
    $(pkg-config --cflags --libs pwk)
library=$(find "$stage" -name 'libpwk.so.*')
equal 'and runs' native "$(LD_LIBRARY_PATH=${library%/*} "$work/native")"

# --- a Windows program ---
cat >"$work/windows.c" <<'SOURCE'
#include <windows.h>
#include <pwk.h>
#include <stdio.h>
int main(void)
{
    process_kernel_t *kernel;

    if (pk_init() != 0 || !(kernel = pk_get_current()))
        return 1;
    puts(kernel->name);
    return 0;
}
SOURCE
# shellcheck disable=SC2046
ok 'a Windows program is compiled with pkg-config' x86_64-w64-mingw32-gcc -o "$work/windows.exe" \
    "$work/windows.c" $(pkg-config --cflags --libs pwk-mingw)
equal 'and finds its kernel' window-kernel "$(
    eval "$("$prefix/bin/pwkctl" env)"
    within 60 "$installed" --kernel window-kernel "$work/windows.exe" | tr -d '\r'
)"

ok 'make uninstall' make -C "$PWK_BUILDDIR" uninstall DESTDIR="$stage"
equal 'nothing is left' '' "$(find "$stage" ! -type d)"
finish
