#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# kernels.sh - pwkctl ps --all: every kernel of the prefix with what it is doing, when it was last
# used and what it takes of the disk, in words and as JSON; and that plain ps is as it was.
. "$(dirname "$0")/library.sh"
begin
needs_namespaces

probe=$programs/process_probe.exe

# field KERNEL NAME: of the JSON's object of that kernel.
field()
{
    "$pwkctl" ps --all --json | awk -v kernel="\"$1\"," -v name="\"$2\":" '
        $1 == "\"kernel\":" { found = $2 == kernel }
        found && $1 == name { sub(/^ *"[a-z_]*": /, ""); sub(/,$/, ""); print }'
}

# state KERNEL: in words.
state()
{
    "$pwkctl" ps -a | sed -n "s/^$1  *\([a-z]\+\( [a-z]\+\)\?\)  *[0-9].*/\1/p"
}

state_is()
{
    [ "$(state "$1")" = "$2" ]
}

equal 'without a kernel there is a head alone' 1 "$("$pwkctl" ps --all | wc -l)"
equal 'and an empty list' '[]' "$("$pwkctl" ps --all --json)"
ok 'a kernel in the shared session' kernel light "$probe" status 0
hold own "$pwk_wine" --kernel own --session own "$probe" wait
held_says own 1 ready
# A program of Linux' that stays behind keeps the session up, and is no program of the kernel's.
printf 'sleep 1000 </dev/null >/dev/null 2>&1 &\necho done >/tmp/done\n' >"$work/script"
ok 'one whose session outlives its programs' own lingers "$programs/run_native.exe" 'Z:\bin\sh' \
    "$work/script" 'Z:\tmp\done'

# --- states ---
equal 'one that runs' running "$(state own)"
until_true 30 state_is lingers 'session up' || fail "lingers is '$(state lingers)'"
until_true 30 state_is light 'not running' || fail "light is '$(state light)'"
equal 'in JSON' '"running" "session" "stopped"' \
    "$(field own state) $(field lingers state) $(field light state)"
matches 'processes of the one' '^[1-9][0-9]*$' "$(field own processes)"
equal 'and of the one without' 0 "$(field light processes)"
equal 'plain ps has what runs alone' '' "$("$pwkctl" ps | grep '^light')"
contains 'plain ps has its own head' 'SYSCALLS' "$("$pwkctl" ps | head -n 1)"

# --- last use ---
now=$(date -u +%Y-%m-%dT%H)
matches 'last use' "^\"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z\"$" "$(field light last_use)"
find "$WINEPREFIX/pwk/kernels/light" -exec touch -h -d '2001-02-03 04:05:06 UTC' {} +
equal 'it is that of the files of its state' '"2001-02-03T04:05:06Z"' "$(field light last_use)"
touch -d '2101-01-01' "$WINEPREFIX/pwk/kernels/light/store/registry.db"
equal 'but none of the future' '"2001-02-03T04:05:06Z"' "$(field light last_use)"
ok 'it is used again' kernel light "$probe" status 0
until_true 30 state_is light 'not running' || fail "light is '$(state light)'"
touch -d '2001-02-03 04:05:06 UTC' "$WINEPREFIX/pwk/kernels/light/store/registry.db"
ok 'and that shows' test "$(field light last_use)" '>' '"2001-02-03T04:05:06Z"'
matches 'what runs is used now' "^\"($now|$(date -u +%Y-%m-%dT%H))" "$(field own last_use)"

# --- size ---
equal 'a kernel of the shared session has no files' null "$(field light files_bytes)"
store=$(field light store_bytes)
equal 'the store is as du has it, but for folders' \
    "$(find "$WINEPREFIX/pwk/kernels/light/store" -type f -printf '%b\n' | awk '{ n += $1 } END { print n * 512 }')" \
    "$store"
before=$(field own files_bytes)
ok 'a file of 3 MB' own own cmd.exe /c 'copy /b c:\windows\system32\*.nls c:\large.bin'
ok 'the files are larger' test "$(field own files_bytes)" -gt "$before"
matches 'in words with a unit' ' [0-9.]+[KM] +[0-9.]+[KM]$' "$("$pwkctl" ps --all | grep '^own ')"
# What a program leaves in the layer leads nowhere.
ln -s / "$WINEPREFIX/pwk/kernels/lingers/files/upper/link"
ok 'a link to everything is not followed' within 20 "$pwkctl" ps --all

# --- other run-time folders, wrong words ---
mkdir -m 700 "$work/there"
equal 'from another run-time folder it runs too' 'running' "$(XDG_RUNTIME_DIR=$work/there state own)"
"$pwkctl" ps --every >"$work/said" 2>&1
equal 'a wrong word' 2 $?
contains 'the usage' 'usage: pwkctl ps [--all] [--json]' "$(cat "$work/said")"
go_on own
ok 'it ends' wait "${held[own]}"
until_true 30 state_is own 'not running' || fail "own is '$(state own)'"
finish
