#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# isolation.sh - what a program writes to the registry under kernel a is seen by its children and
# by later programs of a, not by kernel b and not by stock Wine; and the other way round.
. "$(dirname "$0")/library.sh"
begin
keep_session

key='HKCU\Software\pwk-test'

ok 'a writes a value' kernel a reg.exe add "$key" /v colour /d green /f
equal 'a reads its value later' green "$(query kernel a -- "$key" colour)"
equal "a's child reads it" green "$(kernel a cmd.exe /c reg query "$key" /v colour |
    tr -d '\r' | sed -n 's/^ *colour *REG_SZ *//p')"
equal "a's grandchild reads it" green "$(kernel a cmd.exe /c cmd.exe /c reg query "$key" /v colour |
    tr -d '\r' | sed -n 's/^ *colour *REG_SZ *//p')"
equal 'b does not see it' '' "$(query kernel b -- "$key" colour)"
equal 'stock Wine does not see it' '' "$(query stock -- "$key" colour)"

ok "a's child writes" kernel a cmd.exe /c reg add "$key" /v child /d one /f
equal 'a reads what its child wrote' one "$(query kernel a -- "$key" child)"
equal 'b does not' '' "$(query kernel b -- "$key" child)"

ok 'b writes the same value' kernel b reg.exe add "$key" /v colour /d blue /f
ok 'stock Wine writes the same value' stock reg.exe add "$key" /v colour /d red /f
equal 'a keeps its own' green "$(query kernel a -- "$key" colour)"
equal 'b keeps its own' blue "$(query kernel b -- "$key" colour)"
equal 'stock Wine keeps its own' red "$(query stock -- "$key" colour)"

# Two kernels and stock Wine at the same time, on the same key.
hold a "$pwk_wine" --kernel a "$programs/process_probe.exe" wait
held_says a 1 ready
equal 'b while a runs' blue "$(query kernel b -- "$key" colour)"
equal 'stock Wine while a runs' red "$(query stock -- "$key" colour)"
equal 'a second program of a while the first runs' green "$(query kernel a -- "$key" colour)"
go_on a
ok 'the program of a ends' wait "${held[a]}"

ok 'a deletes' kernel a reg.exe delete "$key" /v colour /f
equal 'it is gone in a' '' "$(query kernel a -- "$key" colour)"
equal 'b still has its own' blue "$(query kernel b -- "$key" colour)"
equal 'stock Wine still has its own' red "$(query stock -- "$key" colour)"

# The prefix's own values came with the snapshot.
matches 'the snapshot has what the prefix had' '[0-9]' \
    "$(query kernel a -- 'HKLM\Software\Microsoft\Windows NT\CurrentVersion' CurrentVersion)"

# A machine-wide key behaves as the user's does.
machine='HKLM\Software\pwk-test'
ok 'a writes below HKLM' kernel a reg.exe add "$machine" /v n /t REG_DWORD /d 7 /f
equal 'a reads it' 0x7 "$(query kernel a -- "$machine" n)"
equal 'b does not' '' "$(query kernel b -- "$machine" n)"
equal 'stock Wine does not' '' "$(query stock -- "$machine" n)"

# Nor does any of it reach the prefix's own files.
stop_prefix "$WINEPREFIX"
equal "nothing of a is in the prefix's files" '' \
    "$(grep -l -e '"child"="one"' -e '"colour"="green"' "$WINEPREFIX"/*.reg)"
finish
