#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# own_units.sh - the units of ours (winetests/*.c) under pwk-wine, where every check must hold, and
# under stock Wine, where all must that are not marked as beyond it: a check that fails there
# unmarked states something that Wine, which is tested against Windows, denies.
. "${PWK_SRCDIR:-$(cd "$(dirname "$0")/.." && pwd)}/tests/integration/library.sh"
begin
keep_session

unit=$PWK_BUILDDIR/winetests/key_services.exe
ok 'key_services under pwk-wine' kernel units "$unit"
ok 'key_services again, in the same kernel' kernel units "$unit"
ok 'key_services under stock Wine' stock "$unit" stock
finish
