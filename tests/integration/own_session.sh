#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# own_session.sh - a kernel in a session of its own: what its programs write to files and registry
# stays in it, later programs and children find it, neither the prefix nor stock Wine nor another
# kernel does; there is one session however many start at once, and nothing is left of it.
. "$(dirname "$0")/library.sh"
begin
needs_namespaces

probe=$programs/process_probe.exe
key='HKCU\Software\pwk-test'

state_of_prefix()
{
    (cd "$WINEPREFIX" && find . -path ./pwk -prune -o -printf '%p %y %s %T@ %l\n' | sort)
}

before=$(state_of_prefix)

# --- files and registry stay in the kernel ---
equal 'the exit status is the program'"'"'s' 7 "$(own a "$probe" status 7 >/dev/null 2>&1; echo $?)"
ok 'a writes a file' own a cmd.exe /c 'echo green> c:\colour.txt'
ok 'a writes to the registry' own a reg.exe add "$key" /v colour /d green /f
equal 'a reads its file later' green "$(own a cmd.exe /c 'type c:\colour.txt' | tr -d '\r')"
equal "a's child reads it" green "$(own a cmd.exe /c cmd.exe /c 'type c:\colour.txt' | tr -d '\r')"
equal 'a reads its value later' green "$(query own a -- "$key" colour)"
ok 'a deletes a file of the prefix' own a cmd.exe /c 'del c:\windows\win.ini'
fails 'it is gone in a' own a cmd.exe /c 'type c:\windows\win.ini'
ok 'b still has it' own b cmd.exe /c 'type c:\windows\win.ini'
fails 'b does not see the file' own b cmd.exe /c 'type c:\colour.txt'
equal 'b does not see the value' '' "$(query own b -- "$key" colour)"
equal 'versions differ' '10.0.19045' "$(own a --windows 10 "$programs/print_version.exe" |
    tr -d '\r' | sed -n 's/^RtlGetVersion \([0-9.]*\).*/\1/p' | head -n 1)"

# --- of /tmp the session has what its programs need (session_shown.sh) ---
until_true 30 session_is_over b || fail 'the session of b does not end'
folder=$(mktemp -d /tmp/pwk-test-own.XXXXXX)
other_folders+=("$folder" "$folder.2")
cp "$probe" "$folder/probe.exe"
equal 'a program in /tmp runs' 9 "$(own b "$folder/probe.exe" status 9 >/dev/null 2>&1; echo $?)"
equal 'a file beside it can be read' beside "$(cd "$folder" && echo beside >note &&
    own b cmd.exe /c 'type note' | tr -d '\r')"
mkdir "$folder.2"
cp "$probe" "$folder.2/probe.exe"
equal 'and a later one in another folder' 8 \
    "$(own b "$folder.2/probe.exe" status 8 >/dev/null 2>&1; echo $?)"
rm -rf "$folder.2"

# --- the prefix's registry shows through, as it is when a program is started ---
ok 'stock Wine writes to the prefix' stock reg.exe add "$key" /v shape /d round /f
stop_prefix "$WINEPREFIX"
equal 'a sees it' round "$(query own a -- "$key" shape)"
equal 'a still has its own' green "$(query own a -- "$key" colour)"
ok 'a writes over it' own a reg.exe add "$key" /v shape /d square /f
hold stock "$stock_wine" "$probe" wait
held_says stock 1 ready
ok 'stock Wine writes more, and has not saved it' stock reg.exe add "$key" /v size /d large /f
equal 'a sees it all the same' large "$(query own a -- "$key" size)"
for size in small middling huge; do
    ok 'stock Wine changes its mind' stock reg.exe add "$key" /v size /d "$size" /f
    equal 'a sees that at its next start' "$size" "$(query own a -- "$key" size)"
done
equal 'a keeps what it wrote over it' square "$(query own a -- "$key" shape)"
go_on stock
wait "${held[stock]}"

# --- two kernels and stock Wine run the same program in one prefix at once ---
for name in a b; do
    until_true 30 session_is_over "$name" || fail "the session of $name does not end"
done
stock_before=$(stock "$programs/print_version.exe" | tr -d '\r' | grep '^RtlGetVersion')
ok 'b writes its own file' own b cmd.exe /c 'echo blue> c:\colour.txt'
ok 'b writes its own value' own b reg.exe add "$key" /v colour /d blue /f
hold ten "$pwk_wine" --kernel a --session own --windows 10 "$programs/print_version.exe" hold
hold seven "$pwk_wine" --kernel b --session own --windows 7 "$programs/print_version.exe" hold
hold prefix "$stock_wine" "$programs/print_version.exe" hold
for name in ten seven prefix; do
    held_says "$name" 1 end
done
ok 'one sees Windows 10' grep -q '^RtlGetVersion 10\.0\.19045' "$work/ten.out"
ok 'the other sees Windows 7' grep -q '^RtlGetVersion 6\.1\.7601' "$work/seven.out"
equal "stock Wine sees the prefix's" "$stock_before" \
    "$(tr -d '\r' <"$work/prefix.out" | grep '^RtlGetVersion')"
equal 'a has its file' green "$(own a cmd.exe /c 'type c:\colour.txt' | tr -d '\r')"
equal 'b has its own' blue "$(own b cmd.exe /c 'type c:\colour.txt' | tr -d '\r')"
fails 'the prefix has none' stock cmd.exe /c 'type c:\colour.txt'
equal 'a has its value' green "$(query own a -- "$key" colour)"
equal 'b has its own' blue "$(query own b -- "$key" colour)"
equal 'the prefix has none' '' "$(query stock -- "$key" colour)"
for name in ten seven prefix; do
    go_on "$name"
    ok "the program $name ends" wait "${held[$name]}"
done

# --- one session, however many start at once ---
until_true 30 session_is_over a || fail 'the session of a does not end'
until_true 30 session_is_over b || fail 'the session of b does not end'
for ((i = 0; i < 20; i++)); do
    hold "start$i" "$pwk_wine" --kernel a --session own "$probe" wait
done
for ((i = 0; i < 20; i++)); do
    held_says "start$i" 1 ready
done
init=$(session_init a)
equal 'they have one session' 1 "$(session_processes "$init" | while read -r process; do
    tr '\0' ' ' <"/proc/$process/cmdline"
    echo
done | grep -c '^[^ ]*wineserver')"
equal 'with all of them in it' 20 "$(session_processes "$init" | grep -vx "$init" | while read -r process; do
    grep -acz 'process_probe' "/proc/$process/cmdline"
done | grep -c '^1$')"
for ((i = 0; i < 20; i++)); do
    go_on "start$i"
    ok "start $i of 20 ends" wait "${held[start$i]}"
done
until_true 30 session_is_over a || fail 'the session of a does not end'

# --- what is outside cannot be seen or touched from inside ---
hold inside "$pwk_wine" --kernel a --session own "$probe" wait
held_says inside 1 ready
init=$(session_init a)
in_session()
{
    nsenter --target "$init" --user --mount --pid --net --ipc --preserve-credentials "$@"
}
equal 'no other kernel is there' a "$(in_session ls "$WINEPREFIX/pwk/kernels")"
equal 'of its own state only what it needs is there' store \
    "$(in_session ls "$WINEPREFIX/pwk/kernels/a" | tr '\n' ' ' | sed 's/ $//')"
equal 'no network but loopback' lo \
    "$(in_session sed -n 's/^ *\([^:]*\):.*/\1/p' /proc/net/dev | tr '\n' ' ' | sed 's/ $//')"
equal 'processes outside are not there' 1 "$(in_session sh -c \
    'mount -t proc proc /proc && ls /proc' | grep -cx 1)"
fails 'a signal does not reach outside' in_session kill -0 $$
ok 'stock Wine works in the prefix meanwhile' stock "$probe" status 0

# --- nothing of outside is in anybody's descriptors, but what the tests redirect to their folder ---
ok 'a program looks into all others' own a cmd.exe /c \
    "start /unix $PWK_BUILDDIR/tests/programs-native/outside_files 4 $work/outside"
until_true 30 grep -qx ready "$work/outside" || fail 'it does not start'
for ((i = 0; i < 3; i++)); do
    ok 'while they start' own a "$probe" status 0
done
until_true 30 grep -q '^looked into' "$work/outside" || fail 'it does not end'
matches 'it has seen them' '^looked into [0-9]{2,}$' "$(tail -n 1 "$work/outside")"
equal 'and no file of outside' ready \
    "$(grep -v -e '^looked into' -e "^$work/" "$work/outside" | sort -u)"

# --- pwkctl looks in from outside ---
shown=$("$pwkctl" ps | sed -n 's/^a  *\([0-9]*\) .*process_probe.*/\1/p')
matches 'ps shows the program by its number out here' '^[0-9]+$' "$shown"
equal 'and that is its process' "$(readlink "/proc/$init/ns/pid_for_children")" \
    "$(readlink "/proc/$shown/ns/pid")"
matches 'the session'"'"'s calls are counted' 'syscalls intercepted *[1-9]' "$("$pwkctl" stats a)"
fails 'a kernel whose session is up is not removed' "$pwkctl" remove a
ok 'its state is still there' test -d "$WINEPREFIX/pwk/kernels/a/store"

# --- kill -9 of the launcher ends the program, of init the session ---
kill -KILL "${held[inside]}"
until_true 30 session_is_over a || fail 'the session outlives its killed launcher'
hold again "$pwk_wine" --kernel a --session own "$probe" wait
held_says again 1 ready
# They are held on one while the program is cloned.
read -ra children <"/proc/${held[again]}/task/${held[again]}/children"
matches 'the launcher has a child' . "${children[*]}"
for process in "${held[again]}" "${children[@]}"; do
    equal 'launcher and program may use all processors that we may' \
        "$(grep ^Cpus_allowed: /proc/self/status)" "$(grep ^Cpus_allowed: "/proc/$process/status")"
done
init=$(session_init a)
kill -KILL "$init"
wait "${held[again]}" 2>/dev/null
matches 'a killed session ends its programs' '^(137|1)$' $?
equal 'the kernel starts again' green "$(own a cmd.exe /c 'type c:\colour.txt' | tr -d '\r')"

# --- a process that was never let go does not keep a session up, unless somebody is there to do it ---
until_true 30 session_is_over a || fail 'the session of a does not end'
ok 'a program ends and leaves a suspended child' own a "$probe" suspended never status 0
until_true 60 session_is_over a || fail 'a child that nobody lets go keeps the session up'
own a cmd.exe /c "start /b $(windows_path "$probe") suspended 8 arguments begun" >"$work/late"
until_true 60 grep -q '\[begun\]' "$work/late" || fail 'a child was ended that was to be let go'

# --- the prefix is as it was ---
until_true 30 session_is_over a || fail 'the session of a does not end'
stop_prefix "$WINEPREFIX"
# What stock Wine itself, which ran above, writes at each start: the registry, its ports.
own_affairs='\.reg |^\./wineserver|^\. |^\./dosdevices( |/com)'
equal 'the prefix is untouched' '' "$(diff <(grep -Ev "$own_affairs" <<<"$before") \
    <(state_of_prefix | grep -Ev "$own_affairs"))"
equal "nothing of it is in the prefix's registry" '' "$(grep -l green "$WINEPREFIX"/*.reg)"
finish
