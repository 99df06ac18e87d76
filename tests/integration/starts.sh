#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# starts.sh - many programs started at once where no wineserver runs: every one of them runs. Debian's
# Wine alone loses some (two clients that both start a server), and each start of ours with an
# overlay makes two clients, the program and the watcher. And the first start where there is no
# prefix, in a session of the kernel's own: stock Wine has not saved the new one's registry then.
. "$(dirname "$0")/library.sh"
begin

probe=$programs/process_probe.exe
ok 'the kernel is made' kernel many "$probe" status 0
for ((round = 0; round < 6; round++)); do
    stop_prefix "$WINEPREFIX"
    for ((i = 0; i < 6; i++)); do
        kernel many "$probe" status "$i" >"$work/start.$i" 2>&1 &
        starts[i]=$!
    done
    for ((i = 0; i < 6; i++)); do
        wait "${starts[i]}"
        status=$?
        equal "start $i in round $round ($(tail -n 1 "$work/start.$i"))" "$i" "$status"
    done
done

# cmd.exe finds reg.exe by the PATH that is in the prefix's registry.
new=$work/new-prefix
first=$(WINEPREFIX=$new within 120 "$pwk_wine" --session own cmd.exe /c reg query 'HKCU\Environment' /v TEMP \
    2>"$work/first.err")
equal 'status of the first start in a new prefix' 0 $?
contains 'it has the registry of the new prefix' TEMP "$first"
equal 'it says that it sets up the prefix, and nothing else' \
    "pwk-wine: setting up the Wine prefix $new; this happens once" "$(cat "$work/first.err")"
stop_prefix "$new"
finish
