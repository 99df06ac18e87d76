#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# attach.sh - kernels attached to running processes, by programs and by pwkctl: busy ones, ones that
# are killed, and programs of Wine's, stock and under pwk-wine; use cases 2 and 3 of the founding
# document on a native program and on a Windows one. PWK_ATTACH_ROUNDS: how often, 1000 unless set.
. "$(dirname "$0")/library.sh"
begin
keep_session

native=$PWK_BUILDDIR/tests/programs-native
attached=$programs/attached.exe

# show COMMAND...: like ok, with what it printed shown too.
show()
{
    ok "$@"
    sed 's/^/    /' "$work/output"
}

rounds=${PWK_ATTACH_ROUNDS:-1000}
show "$rounds times attached to a process of 8 busy threads" \
    within 400 "$native/attach_load" "$rounds"
show 'kills of either side' within 300 "$native/attach_kills" $((rounds * 3 / 10))
show 'use cases 2 and 3 on a native program' within 60 "$native/use_cases"

# The process that runs the program which was given the file's name.
process_of()
{
    local process

    for process in /proc/[0-9]*; do
        case $(readlink "$process/exe" 2>/dev/null) in
        */wine* | */pwk-loader64)
            tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -qF "$1" && echo "${process#/proc/}"
            ;;
        esac
    done | tail -n 1
}

# windows_case NAME CASE WINE...: a Windows program under WINE, and the use case attached to it.
windows_case()
{
    local name=$1 case=$2 file=$work/go.$1
    shift 2

    hold "$name" "$@" "$attached" "$case" "Z:$file"
    held_says "$name" 1 ready
    show "use case $case attaches to $name" within 60 "$native/use_cases" "$case" \
        "$(process_of "$file")" "$file"
    wait "${held[$name]}"
    equal "$name: status" 0 $?
    lacks "$name: what it says" FAILED "$(cat "$work/$name.out")"
    tr -d '\r' <"$work/$name.out" | sed 's/^/    /'
}

# Without a kernel the same program shows what is otherwise the case.
file=$work/go.plain
hold plain "$stock_wine" "$attached" 0 "Z:$file"
held_says plain 1 ready
touch "$file"
wait "${held[plain]}"
equal 'without a kernel: status' 0 $?
lacks 'without a kernel: what it says' FAILED "$(cat "$work/plain.out")"

windows_case stock-2 2 "$stock_wine"
windows_case stock-3 3 "$stock_wine"
windows_case pwk-2 2 "$pwk_wine" --kernel attached
windows_case pwk-3 3 "$pwk_wine" --kernel attached

# ---- handlers of a Windows program's own ----

show 'handlers of native calls' kernel handlers "$programs/native_handlers.exe"
without_pwk_wine()
{
    (
        eval "$("$pwkctl" env)"
        stock "$@"
    )
}
show 'and where nothing is trapped' without_pwk_wine "$programs/native_handlers.exe" stock

# ---- pwkctl attach and detach ----

# Makes a folder again and again, by a child each time, and says how that went.
cat >"$work/maker.sh" <<'MAKER'
while :; do
    if mkdir "$1" 2>/dev/null; then
        rmdir "$1"
        echo made
    else
        echo refused
    fi
    sleep 0.05
done
MAKER
hold maker bash "$work/maker.sh" "$work/folder"
maker=${held[maker]}
held_says maker 1 made

# says WORD: the maker's next words are WORD.
says()
{
    local lines

    lines=$(wc -l <"$work/maker.out")
    until_true 20 has_lines "$((lines + 3))" || fail "the maker stands still before '$1'"
    equal "the maker's folder is" "$1" "$(tail -n 1 "$work/maker.out")"
}

has_lines()
{
    [ "$(wc -l <"$work/maker.out")" -ge "$1" ]
}

log=$WINEPREFIX/pwk/kernels/held/audit.jsonl
ok 'the kernel is made' kernel held "$programs/print_version.exe"
fails 'a kernel that there is not' "$pwkctl" attach nothing "$maker"
fails 'no process' "$pwkctl" attach held 4194303
fails 'process 1' "$pwkctl" attach held 1
fails 'no number' "$pwkctl" attach held twelve
fails 'an action that there is not' "$pwkctl" attach held --syscall mkdir=perhaps "$maker"
fails 'nothing to detach' "$pwkctl" detach "$maker"
ok 'attach' "$pwkctl" attach held --syscall mkdir=notify --syscall rmdir=log "$maker"
says refused
fails 'attached twice' "$pwkctl" attach held "$maker"
contains 'ps shows it' "$maker" "$("$pwkctl" ps | grep '^held.*bash')"
contains 'ps --json shows it' '"attached": true' "$("$pwkctl" ps --json)"
contains 'the log has it' '"syscall":"mkdir"' "$(grep '"verdict":"denied"' "$log")"
ok 'detach' "$pwkctl" detach "$maker"
says made
lacks 'ps no longer shows it' "$maker" "$("$pwkctl" ps | grep '^held.*bash')"
fails 'detached twice' "$pwkctl" detach "$maker"
kill -KILL "$maker"
gone()
{
    [ -z "$(supervisors)" ]
}
supervisors()
{
    local process

    for process in /proc/[0-9]*; do
        [ "$(cat "$process/comm" 2>/dev/null)" = pwk-supervisor ] &&
            tr '\0' ' ' <"$process/cmdline" | grep -q " $maker \$" && echo "$process"
    done
}
until_true 20 gone || fail "the supervisor is left: $(supervisors)"

finish
