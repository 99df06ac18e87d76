#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# key_handles.sh - handles of keys between the processes of a kernel: duplicated both ways and by a
# third one, inherited by children and grandchildren, refused to processes outside.
. "$(dirname "$0")/library.sh"
begin
keep_session

ok 'handles are duplicated and inherited' kernel sharing "$programs/share_handles.exe" all
ok 'and again, in a kernel that was used before' \
    kernel sharing "$programs/share_handles.exe" all
# The session is held by a process of stock Wine, which no kernel's handle can reach.
answer=$(kernel sharing "$programs/share_handles.exe" foreign process_probe.exe | tr -d '\r')
contains 'a push to a process outside the kernel' 'push c00000bb' "$answer"
contains 'a pull from a process outside the kernel' 'pull c0000008' "$answer"
contains 'the refusal is in the audit log' 'key handle for a process outside the kernel' \
    "$(cat "$WINEPREFIX/pwk/kernels/sharing/audit.jsonl")"

finish
