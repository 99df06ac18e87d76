#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# registry_commit.sh - pwkctl registry commit and discard: after an installer in an own session and
# the commit of its files and its registry stock Wine has what a stock install gives, and removes it;
# all that a registry can hold comes over; parts, deletions and renamed keys too; beside stock Wine
# at work, and over kill -9 of whoever takes part, nothing is lost.
. "$(dirname "$0")/library.sh"
command -v makensis >/dev/null || skip 'there is no makensis; install the package nsis'
begin
needs_namespaces

setup=$work/app-setup.exe
folder="$WINEPREFIX/drive_c/Program Files/pwk-test-app"
odd=$programs/odd_registry.exe
software='HKLM\Software'

session_is_over()
{
    ! "$pwkctl" registry "$1" commit 2>&1 | grep -qE 'session is up|processes run'
}

difference()
{
    "$pwkctl" registry "$1" diff
}

# All of the prefix's registry as stock Wine shows it, but for what each start of Wine writes anew
# from the machine's clock and devices, and how many services it has started by then.
registry_of()
{
    local root

    for root in HKLM HKCU HKU; do
        WINEPREFIX=$1 stock reg.exe export "$root" "$(windows_path "$work")\\$root.reg" /y \
            >/dev/null 2>&1 || fail "stock Wine cannot export $root of $1"
        iconv -c -f UTF-16 -t UTF-8 "$work/$root.reg" | tr -d '\r'
    done | awk 'BEGIN { RS = ""; ORS = "\n\n" }
        !/^\[HKEY_LOCAL_MACHINE\\(Hardware|HARDWARE)/ && !/TimeZoneInformation/ && !/\\DynData/ &&
            !/\\Control\\Video\\/ && !/\\Control\\ServiceCurrent\]/ { print }' |
        grep -v '^"DriverDateData"='
}

# What the odd registry's branch holds, seen by stock Wine.
stock_has_odd()
{
    ok "$1: every value and key is there" stock "$odd" verify
    equal "$1: so is a class" 'a class of its own' \
        "$(stock "$odd" class 'pwk-odd\classy' 2>/dev/null | tr -d '\r')"
}

# --- an installer: stock Wine in a copy of the prefix, and in an own session ---
# The machine may have got fonts since the prefix was made: stock Wine notes them at the next start.
ok 'stock Wine is in step with the machine' stock "$programs/print_parameters.exe"
stop_prefix "$WINEPREFIX"
cp "$programs/process_probe.exe" "$work/program.exe"
ok 'the NSIS installer is made' makensis -V1 -INPUTCHARSET UTF8 "-DPROGRAM=$work/program.exe" \
    "-DSETUP=$setup" "$PWK_SRCDIR/tests/programs/installer.nsi"
other=$work/other
cp -a "$WINEPREFIX" "$other"
remove_socket_folder "$other"
ok 'stock Wine runs the installer' env WINEPREFIX="$other" timeout 120 "$stock_wine" "$setup" /S
stop_prefix "$other"
registry_of "$other" >"$work/stock-registry"
stop_prefix "$other"
contains 'it wrote to the registry' 'pwk test application' "$(cat "$work/stock-registry")"

ok 'the installer in an own session' own a "$setup" /S
contains 'a session that is up is left alone' 'session' "$("$pwkctl" registry a commit --yes 2>&1)"
until_true 60 session_is_over a || fail 'the session of a does not end'
difference a >"$work/a.diff"
contains 'commit without a word only tells' 'say commit --yes for all, or name keys' \
    "$("$pwkctl" registry a commit 2>&1 >"$work/told")"
ok 'and tells what diff does' cmp "$work/a.diff" "$work/told"
contains 'files commit says what is left' "the kernel's registry has 10 changed keys left" \
    "$("$pwkctl" files a commit --yes 2>&1)"
answer=$("$pwkctl" registry a commit --yes 2>&1)
contains 'the commit' '0 changed, 0 deleted; left: 0' "$answer"
contains 'shows what it did' "$(cat "$work/a.diff")" "$answer"
lacks 'no file is left' 'changed file' "$answer"
equal 'nothing differs any more' '' "$(difference a)"
registry_of "$WINEPREFIX" >"$work/committed-registry"
ok "all of the prefix's registry is what a stock install gives" \
    diff "$work/stock-registry" "$work/committed-registry"
contains 'the uninstaller is known' 'uninstall.exe' "$(query stock -- \
    "$software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\pwk-test-app" UninstallString)"
ok 'the uninstaller, by stock Wine' stock "$folder/uninstall.exe" /S
is_removed()
{
    [ ! -e "$folder" ]
}
until_true 60 is_removed || fail "the uninstaller left $(find "$folder")"
fails 'its keys are gone' stock reg.exe query "$software\\pwk-test-app"
fails "and the kernel's program sees that" own a reg.exe query "$software\\pwk-test-app"
until_true 60 session_is_over a || fail 'the session of a does not end'
stop_prefix "$WINEPREFIX"

# --- all that a registry can hold; a key alone; deletions; a renamed key ---
ok 'stock Wine has a key to be renamed' stock reg.exe add "$software\\pwk-old\\below" /v v /d 1 /f
ok 'and one to be deleted' stock reg.exe add "$software\\pwk-gone\\deep\\deeper" /v v /d 1 /f
ok 'and one that loses a value' stock reg.exe add "$software\\pwk-less" /v goes /d 1 /f
ok 'and keeps one' stock reg.exe add "$software\\pwk-less" /v stays /d 1 /f
stop_prefix "$WINEPREFIX"
ok 'odd values in a kernel' kernel b "$odd" write
ok 'a deleted key' kernel b reg.exe delete "$software\\pwk-gone" /f
ok 'a deleted value' kernel b reg.exe delete "$software\\pwk-less" /v goes /f
ok 'a renamed key' kernel b "$odd" rename pwk-old pwk-new
ok 'a key deleted and made anew' kernel b reg.exe delete 'HKCU\Software\Wine\Debug' /f
ok 'with another value' kernel b reg.exe add 'HKCU\Software\Wine\Debug' /v pwk /d new /f
hold runner kernel b "$programs/process_probe.exe" wait
held_says runner 1 ready
contains 'a running program' 'processes run under kernel b' \
    "$("$pwkctl" registry b commit --yes 2>&1)"
go_on runner
stop_prefix "$WINEPREFIX"
contains 'a key that the kernel left alone' 'has changed nothing there' \
    "$("$pwkctl" registry b commit "$software\\Wine" 2>&1)"
contains 'one key alone' 'committed: 0 added, 0 changed, 1 deleted; left: 0' \
    "$("$pwkctl" registry b commit "$software\\pwk-gone" 2>&1)"
lacks 'is no difference any more' pwk-gone "$(difference b)"
contains 'the others are' pwk-odd "$(difference b)"
fails 'stock Wine has it no longer' stock reg.exe query "$software\\pwk-gone"
fails 'nor what was not named' stock reg.exe query "$software\\pwk-odd"
stop_prefix "$WINEPREFIX"
contains 'all the rest' 'left: 0' "$("$pwkctl" registry b commit --yes 2>&1)"
equal 'nothing differs' '' "$(difference b)"
equal 'again: nothing to do' 'committed: 0 added, 0 changed, 0 deleted; left: 0' \
    "$("$pwkctl" registry b commit --yes 2>&1)"
stock_has_odd 'stock Wine'
equal 'the renamed key' 1 "$(query stock -- "$software\\pwk-new\\below" v)"
fails 'its old name' stock reg.exe query "$software\\pwk-old"
equal 'the value that stays' 1 "$(query stock -- "$software\\pwk-less" stays)"
equal 'the value that went' '' "$(query stock -- "$software\\pwk-less" goes)"
equal 'the key made anew' new "$(query stock -- 'HKCU\Software\Wine\Debug' pwk)"
equal 'has nothing of the old one' 1 "$(stock reg.exe query 'HKCU\Software\Wine\Debug' 2>/dev/null |
    grep -c REG_)"
ok 'the kernel sees the same' kernel b "$odd" verify
ok 'what the prefix changes now' stock reg.exe add "$software\\pwk-new\\below" /v v /d 2 /f
equal 'shows in the kernel' 2 "$(query kernel b -- "$software\\pwk-new\\below" v)"
stop_prefix "$WINEPREFIX"

# --- beside stock Wine at work; what was said to be committed survives the end of wineserver ---
keep_session
ok 'a kernel beside it' kernel c reg.exe add "$software\\pwk-live" /v v /d 1 /f
ok 'with a user key' kernel c reg.exe add 'HKCU\Software\pwk-live' /v v /d 2 /f
ok 'stock Wine writes too' stock reg.exe add "$software\\pwk-stock" /v v /d 3 /f
contains 'the commit' 'committed: 4 added, 0 changed, 0 deleted; left: 0' \
    "$("$pwkctl" registry c commit --yes 2>&1)"
equal 'stock Wine sees it at once' 1 "$(query stock -- "$software\\pwk-live" v)"
grep -qF 'Software\\pwk-live' "$WINEPREFIX/system.reg" || fail 'system.reg does not have it'
grep -qF 'Software\\pwk-live' "$WINEPREFIX/user.reg" || fail 'user.reg does not have it'

# --- keys that may not be written: nothing is half done ---
ok 'a key' stock reg.exe add "$software\\pwk-shut" /v v /d 1 /f
ok 'that the kernel changes' kernel c reg.exe add "$software\\pwk-shut" /v v /d 2 /f
ok 'beside another' kernel c reg.exe add "$software\\pwk-open" /v v /d 2 /f
hold shut "$stock_wine" "$odd" deny pwk-shut
held_says shut 1 denied
answer=$("$pwkctl" registry c commit --yes 2>&1)
contains 'what cannot be written is named' '[HKEY_LOCAL_MACHINE\Software\pwk-shut] "v"' "$answer"
contains 'and nothing is' 'nothing was committed: 1 change, see above' "$answer"
equal 'the other key neither' '' "$(query stock -- "$software\\pwk-open" v)"
contains 'but by its name' 'left: 0' "$("$pwkctl" registry c commit "$software\\pwk-open" 2>&1)"
go_on shut
wait "${held[shut]}"
contains 'and all, when it may' 'left: 0' "$("$pwkctl" registry c commit --yes 2>&1)"
equal 'nothing differs' '' "$(difference c)"
equal 'the value' 2 "$(query stock -- "$software\\pwk-shut" v)"
go_on session
stop_prefix "$WINEPREFIX"

# --- discard ---
ok 'a kernel tries something out' kernel d reg.exe add "$software\\pwk-less\\new" /v v /d 1 /f
ok 'changes' kernel d reg.exe add "$software\\pwk-less" /v stays /d changed /f
ok 'deletes a value' kernel d reg.exe delete 'HKCU\Software\Wine\Debug' /v pwk /f
ok 'deletes a branch' kernel d reg.exe delete "$software\\pwk-new" /f
stop_prefix "$WINEPREFIX"
registry_of "$WINEPREFIX" >"$work/before"
stop_prefix "$WINEPREFIX"
contains 'a part of what is deleted as a whole' 'has deleted or replaced this key as a whole' \
    "$("$pwkctl" registry d discard "$software\\pwk-new\\below" 2>&1)"
contains 'a key' 'discarded: 0 added, 0 changed, 1 deleted' \
    "$("$pwkctl" registry d discard "$software\\pwk-new")"
equal 'is seen again at once' 2 "$("$pwkctl" registry d get "$software\\pwk-new\\below" v)"
contains 'the rest is there' pwk-less "$(difference d)"
contains 'as JSON' '"change": "removed"' "$("$pwkctl" registry d discard --json --yes)"
equal 'nothing is' '' "$(difference d)"
equal 'the value as it was' 1 "$("$pwkctl" registry d get "$software\\pwk-less" stays)"
registry_of "$WINEPREFIX" >"$work/after"
ok 'the prefix is as it was' cmp "$work/before" "$work/after"
equal 'a program sees the value' new "$(query kernel d -- 'HKCU\Software\Wine\Debug' pwk)"
fails 'and not the new key' kernel d reg.exe query "$software\\pwk-less\\new"
stop_prefix "$WINEPREFIX"

# --- private ---
ok 'a private kernel' kernel p --registry private reg.exe add "$software\\pwk-p" /v v /d 1 /f
stop_prefix "$WINEPREFIX"
contains 'has no layer' 'is a copy of its own' "$("$pwkctl" registry p commit --yes 2>&1)"
contains 'to be discarded' 'is a copy of its own' "$("$pwkctl" registry p discard --yes 2>&1)"

# --- kill -9 of who takes part, and again ---
ok 'many values' kernel k "$odd" many pwk-many 3000
stop_prefix "$WINEPREFIX"
difference k >"$work/k.diff"
equal 'are differences' 3000 "$(grep -c value- "$work/k.diff")"

# kernel_has_all WHAT: what the kernel sees of its values.
kernel_has_all()
{
    equal "$1: the kernel has lost nothing" 3000 \
        "$("$pwkctl" registry k ls -rv "$software\\pwk-many" | grep -c value-)"
}

# begin_commit: in the background, its process in the prefix's session in $writer. What the commit
# before has finished is made up for; wineserver, which would finish more of it, is stopped
# meanwhile. Where all is written already the writer is there for a moment only: until it has been
# seen it is held up, by the stopped wineserver, or by who starts one first (server_start.c).
commits=0
begin_commit()
{
    local order device inode

    commits=$((commits + 1))
    signal_server STOP
    if [ -z "$(difference k)" ]; then
        signal_server CONT
        ok 'more values' kernel k "$odd" many "pwk-many-$commits" 3000
        stop_prefix "$WINEPREFIX"
    fi
    read -r device inode < <(stat -c '%D %i' "$WINEPREFIX")
    exec {order}>>"$XDG_RUNTIME_DIR/pwk/start-$device-$(printf %x "$inode")"
    flock "$order"
    "$pwkctl" registry k commit --yes >"$work/commit.out" 2>&1 {order}>&- &
    committing=$!
    until_true 30 writer_is_there ||
        fail "no process of ours comes up: $(tail -n 3 "$work/commit.out")"
    exec {order}>&-
    signal_server CONT
}

# By what it executes: Wine gives it another name as soon as it is a client.
writer_is_there()
{
    for writer in $(loader_processes); do
        grep -qx "PPid:.$committing" "/proc/$writer/status" 2>/dev/null && return 0
    done
    return 1
}

commit_is_over()
{
    ! kill -0 "$committing" 2>/dev/null
}

writer_is_gone()
{
    ! kill -0 "$writer" 2>/dev/null
}

for delay in 0 0.5 1 1.5 2; do
    begin_commit
    sleep "$delay"
    kill -KILL "$committing" 2>/dev/null
    wait "$committing" 2>/dev/null
    until_true 30 writer_is_gone || fail 'the writer outlives pwkctl'
    kernel_has_all "pwkctl killed after $delay s"
done
begin_commit
kill -KILL "$writer"
wait "$committing"
matches 'the writer killed' 'nothing was written|do it again' "$(cat "$work/commit.out")"
kernel_has_all 'the writer killed'
stop_prefix "$WINEPREFIX"
kernel_has_all 'the session ended'

# Wineserver goes on for a moment and is stopped again, so that nothing passes unseen.
wineboot_has_begun()
{
    signal_server CONT
    sleep 0.05
    signal_server STOP
    [ -n "$(prefix_processes command 'wineboot\.exe --init')" ]
}

# Who waits for wineserver gets no answer any more: for that of a request first, then, while
# wineboot is at work, for its end.
for moment in 'at its start' 'before wineboot is done'; do
    begin_commit
    [ "$moment" = 'at its start' ] || {
        until_true 60 wineboot_has_begun || fail 'no wineboot comes up'
        signal_server CONT
        sleep 0.1
    }
    until_true 30 signal_server KILL || fail 'no wineserver comes up'
    ok "wineserver killed $moment: the commit ends" until_true 60 commit_is_over
    kill -KILL "$committing" 2>/dev/null
    wait "$committing"
    kernel_has_all "wineserver killed $moment"
    mapfile -t left < <(loader_processes) # Wine's own wait for ever
    [ "${#left[@]}" = 0 ] || kill -KILL "${left[@]}" 2>/dev/null
    remove_socket_folder "$WINEPREFIX"
done
contains 'again' 'left: 0' "$("$pwkctl" registry k commit --yes 2>&1)"
equal 'nothing differs' '' "$(difference k)"
equal 'stock Wine has all' 3000 "$(stock reg.exe query "$software\\pwk-many" /s 2>/dev/null |
    grep -c value-)"
kernel_has_all 'in the end'
finish
