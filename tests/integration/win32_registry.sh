#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# win32_registry.sh - documented registry calls that Wine's own DLLs lack, from a program that knows
# nothing of pwk; and that the DLLs of programs without a registry of the kernel's stay Wine's.
. "$(dirname "$0")/library.sh"
begin
keep_session
cd "$work" || exit 1

for registry in overlay private; do
    equal "$registry: all calls are right" '0 wrong' \
        "$(kernel "$registry" --registry "$registry" "$programs/win32_registry.exe" 2>/dev/null |
            tr -d '\r')"
done
# It ends in a call that Wine does not have, with a status that Wine's debugger chooses.
contains 'without a registry they are not there' 'wrong: RegLoadAppKeyW' \
    "$(kernel none --registry off "$programs/win32_registry.exe" 2>/dev/null)"
finish
