#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# own_units.sh - the units of ours (winetests/*.c) under pwk-wine, where every check must hold, and
# under stock Wine, where all must that are not marked as beyond it: a check that fails there
# unmarked states something that Wine, which is tested against Windows, denies.
. "${PWK_SRCDIR:-$(cd "$(dirname "$0")/.." && pwd)}/tests/integration/library.sh"
begin
keep_session

for unit in key_services key_hives key_information key_access key_inheritance; do
    program=$PWK_BUILDDIR/winetests/$unit.exe
    ok "$unit under pwk-wine" kernel units "$program"
    ok "$unit again, in the same kernel" kernel units "$program"
    ok "$unit under stock Wine" stock "$program" stock
done

# Who owns the prefix is no program: pwkctl looks at no descriptor.
access=$PWK_BUILDDIR/winetests/key_access.exe
ok 'a key that is locked' kernel units "$access" lock
ok 'pwkctl writes to it' \
    "$pwkctl" registry units set 'HKLM\Software\pwk-locked' Level --type dword 3
ok 'for programs it still is' kernel units "$access" unlock
contains 'the audit log tells of refusals' "the key's descriptor does not grant it" \
    "$("$pwkctl" audit units --verdict denied)"

ok 'wild_pointers' kernel units "$PWK_BUILDDIR/winetests/wild_pointers.exe"
# The C library of a processor without AVX-512 copies with other registers.
GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512VL ok 'wild_pointers, with other ways to copy' \
    kernel units "$PWK_BUILDDIR/winetests/wild_pointers.exe"

# A process that is killed leaves its application hive in the store; whoever loads the file next
# finds what was acknowledged, and puts it back into the file.
hold writer kernel units "$PWK_BUILDDIR/winetests/key_hives.exe" write
held_says writer 1 ready
kill -KILL "${held[writer]}"
for process in $(loader_processes); do
    tr '\0' ' ' <"/proc/$process/cmdline" | grep -q 'key_hives' && kill -KILL "$process"
done
ok 'an application hive after kill -9' kernel units "$PWK_BUILDDIR/winetests/key_hives.exe" read
ok 'the same from its file' kernel other "$PWK_BUILDDIR/winetests/key_hives.exe" remove
finish
