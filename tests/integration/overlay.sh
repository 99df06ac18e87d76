#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# overlay.sh - the kernel's registry as a layer over the prefix's: what the prefix changes shows,
# also while programs run; what the kernel changed or deleted stays as the kernel has it; the
# prefix knows nothing of it. And Wine's Unix side (win32u.so) sees what the program sees.
. "$(dirname "$0")/library.sh"
begin
keep_session

key='HKCU\Software\pwk-overlay'

subkeys()
{
    "$@" reg.exe query "$key" 2>/dev/null | tr -d '\r' | sed -n 's/.*\\pwk-overlay\\//p' | tr '\n' ' '
}

ok 'the first start takes the prefix in' kernel a cmd.exe /c exit 0

# --- what the prefix changes shows at once ---
ok 'stock Wine makes a key' stock reg.exe add "$key" /v colour /d red /f
equal 'a later start sees it' red "$(query kernel a -- "$key" colour)"
ok 'stock Wine changes it' stock reg.exe add "$key" /v colour /d blue /f
equal 'so does the next' blue "$(query kernel a -- "$key" colour)"
ok 'stock Wine makes a key below' stock reg.exe add "$key\\one\\two" /v deep /d yes /f
equal 'and it is there' yes "$(query kernel a -- "$key\\one\\two" deep)"
ok 'stock Wine deletes the value' stock reg.exe delete "$key" /v colour /f
equal 'it is gone' '' "$(query kernel a -- "$key" colour)"

# --- what the kernel writes lies over it ---
ok 'stock Wine sets a value' stock reg.exe add "$key" /v colour /d red /f
ok 'the kernel sets its own' kernel a reg.exe add "$key" /v colour /d green /f
ok 'stock Wine changes its value' stock reg.exe add "$key" /v colour /d yellow /f
equal 'the kernel keeps its own' green "$(query kernel a -- "$key" colour)"
equal 'the prefix has what stock Wine wrote' yellow "$(query stock -- "$key" colour)"
ok 'the kernel deletes it' kernel a reg.exe delete "$key" /v colour /f
ok 'stock Wine changes it again' stock reg.exe add "$key" /v colour /d white /f
equal 'it stays deleted in the kernel' '' "$(query kernel a -- "$key" colour)"
ok 'the kernel deletes a key with what is below' kernel a reg.exe delete "$key\\one" /f
ok 'stock Wine adds to it' stock reg.exe add "$key\\one\\three" /v deep /d yes /f
fails 'it stays deleted in the kernel' kernel a reg.exe query "$key\\one"
ok 'the kernel makes it anew' kernel a reg.exe add "$key\\one" /v mine /d yes /f
fails 'nothing of the old one comes back' kernel a reg.exe query "$key\\one\\three"
equal 'the prefix still has it all' yes "$(query stock -- "$key\\one\\two" deep)"

# --- enumeration merges both layers in order ---
ok 'stock Wine adds a key' stock reg.exe add "$key\\b" /f
ok 'the kernel adds two' kernel a reg.exe add "$key\\a" /f
ok 'the kernel adds two' kernel a reg.exe add "$key\\c" /f
equal 'merged' 'a b c one ' "$(subkeys kernel a)"
equal 'stock Wine sees its own' 'b one ' "$(subkeys stock)"

# --- a key set in the place of the prefix's by hand ---
ok 'the branch is superseded' within 60 "$pwkctl" registry a layer "$key" supersede-tree
equal 'what the prefix has there is hidden' 'a c one ' "$(subkeys kernel a)"
ok 'the branch is merged again' within 60 "$pwkctl" registry a layer "$key" merge
equal 'and shows again' 'a b c one ' "$(subkeys kernel a)"

# --- while a program runs ---
ok 'stock Wine sets a value' stock reg.exe add "$key" /v live /d 1 /f
hold reader "$pwk_wine" --kernel a cmd.exe /v:on
answered()
{
    [ -f "$work/reader.out" ] && tr -d '\r' <"$work/reader.out" | grep -qx "asked-$1"
}
ask()
{
    echo "reg query $key /v live & echo asked-$1" >&"${held_input[reader]}"
    until_true 60 answered "$1"
}
last_live()
{
    tr -d '\r' <"$work/reader.out" | sed -n 's/^ *live *REG_SZ *//p' | tail -n 1
}
ask first
equal 'a running program reads it' 1 "$(last_live)"
ok 'stock Wine changes it meanwhile' stock reg.exe add "$key" /v live /d 2 /f
sees_two()
{
    ask "again-$RANDOM$RANDOM"
    [ "$(last_live)" = 2 ]
}
ok 'the running program sees the change' until_true 60 sees_two
echo 'exit' >&"${held_input[reader]}"
ok 'it ends' wait "${held[reader]}"

# --- the watcher is killed: the next start has another ---
matches 'a watcher is there' '^[0-9][0-9]*$' "$(watcher_processes)"
kill -KILL "$(watcher_processes)"
ok 'stock Wine changes the prefix unwatched' stock reg.exe add "$key" /v live /d 3 /f
equal 'the next start sees it' 3 "$(query kernel a -- "$key" live)"

# --- programs of one session with different run-time folders ---
mkdir -m 700 "$work/other-runtime"
equal 'a start with another run-time folder sees the prefix' 3 \
    "$(query env XDG_RUNTIME_DIR="$work/other-runtime" "$pwk_wine" --kernel a -- "$key" live)"
ok 'stock Wine changes the prefix' stock reg.exe add "$key" /v live /d 4 /f
equal 'so it does there' 4 \
    "$(query env XDG_RUNTIME_DIR="$work/other-runtime" "$pwk_wine" --kernel a -- "$key" live)"
ok 'and again' stock reg.exe add "$key" /v live /d 3 /f
equal 'and in the first folder' 3 "$(query kernel a -- "$key" live)"
for process in $(watcher_processes); do
    tr '\0' '\n' <"/proc/$process/environ" | grep -qxF "XDG_RUNTIME_DIR=$work/other-runtime" &&
        kill -KILL "$process"
done

# --- no room for the prefix's text ---
# shellcheck disable=SC2016 # expanded by the inner shell
in_small_folder='mount -t tmpfs -o size=1600k,mode=700 none "$1" && shift &&
    exec env XDG_RUNTIME_DIR="$@"'
mkdir -m 700 "$work/small-runtime"
if unshare --mount true 2>/dev/null; then
    said=$(within 60 unshare --mount bash -c "$in_small_folder" inside "$work/small-runtime" \
        "$work/small-runtime" "$pwk_wine" --kernel a cmd.exe /c exit 0 2>&1)
    equal 'a full run-time folder is refused' 125 $?
    matches 'by one line that says where and how to mend it' \
        "^pwk: [^
]*$work/small-runtime/pwk[^
]*No space left on device; make room there[^
]*\$" "$said"
fi

# --- another kernel, and the private mode ---
equal 'kernel b sees the prefix' white "$(query kernel b -- "$key" colour)"
ok 'a private kernel is made' within 120 "$pwk_wine" --kernel p --registry private cmd.exe /c exit 0
ok 'stock Wine changes the prefix' stock reg.exe add "$key" /v colour /d black /f
equal 'the private kernel does not see it' white \
    "$(query within 120 "$pwk_wine" --kernel p --registry private -- "$key" colour)"
equal 'as overlay it does' black "$(query kernel p -- "$key" colour)"

# --- after the end of the session, from the prefix's files ---
go_on session
wait "${held[session]}"
stop_prefix "$WINEPREFIX"
no_watcher()
{
    [ -z "$(watcher_processes)" ]
}
ok 'no watcher outlives its session' until_true 30 no_watcher
equal 'the layers are as they were' 3 "$(query kernel a -- "$key" live)"
equal 'what was deleted stays so' '' "$(query kernel a -- "$key" colour)"

# --- wineserver is killed: the watcher, which waits for its word, goes too ---
watcher_is_there()
{
    [ -n "$(watcher_processes)" ]
}
hold left kernel a "$programs/process_probe.exe" wait
held_says left 1 ready
ok 'a session has a watcher' until_true 30 watcher_is_there
ok 'its wineserver is killed' signal_server KILL
ok 'no watcher outlives it' until_true 30 no_watcher
mapfile -t clients < <(loader_processes) # which wait for ever
kill -KILL "${clients[@]}"
wait "${held[left]}"
remove_socket_folder "$WINEPREFIX"
equal 'the next session follows the prefix' 3 "$(query kernel a -- "$key" live)"
stop_prefix "$WINEPREFIX"

# --- Wine's Unix side ---
delay()
{
    "$@" "$programs/print_parameters.exe" | tr -d '\r'
}
equal 'win32u reads the prefix under stock Wine' 400 "$(delay stock)"
ok 'the kernel sets what win32u reads' kernel a reg.exe add 'HKCU\Control Panel\Desktop' \
    /v MenuShowDelay /d 123 /f
equal 'win32u reads the kernel' 123 "$(delay kernel a)"
equal 'and stock Wine the prefix' 400 "$(delay stock)"

# Wine's ntdll.so itself reads the zones to find the name of the machine's, which each start notes.
zone()
{
    "$@" reg.exe query 'HKLM\System\CurrentControlSet\Control\TimeZoneInformation' \
        /v TimeZoneKeyName | tr -d '\r' | sed -n 's/.*REG_SZ *//p'
}
zone_name=$(zone stock)
matches 'ntdll.so reads the prefix under stock Wine' . "$zone_name"
equal 'and finds the same below the kernel' "$zone_name" "$(zone kernel a)"
ok 'the kernel has no zones' kernel a reg.exe delete \
    'HKLM\Software\Microsoft\Windows NT\CurrentVersion\Time Zones' /f
equal 'ntdll.so reads the kernel' '' "$(zone kernel a)"
equal 'stock Wine has its zones' "$zone_name" "$(zone stock)"
stop_prefix "$WINEPREFIX"
equal "nothing of the kernel's is in the prefix's files" '' \
    "$(grep -l -e '"mine"="yes"' -e '"MenuShowDelay"="123"' "$WINEPREFIX"/*.reg)"
finish
