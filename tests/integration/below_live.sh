#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# below_live.sh - programs that run in own sessions see what becomes of the prefix's registry: what
# stock Wine writes and has not saved, what appears in the prefix's files alone, and what goes; what
# a kernel wrote or deleted itself stays so. And of the follower, who publishes it: a killed one is
# replaced by the next start, and none outlives its session.
. "$(dirname "$0")/library.sh"
begin
needs_namespaces

probe=$programs/process_probe.exe
name=pwk-below
key="HKCU\\Software\\$name"

# start_reader KERNEL: a program of the kernel's that is asked for values while it runs.
start_reader()
{
    hold "$1" "$pwk_wine" --kernel "$1" --session own cmd.exe /v:on
}
answered()
{
    tr -d '\r' <"$work/$1.out" | grep -qx "asked-$2"
}
# sees KERNEL NAME VALUE
sees()
{
    local mark=$RANDOM$RANDOM text

    echo "echo from-$mark & reg query $key /v $2 & echo asked-$mark" >&"${held_input[$1]}"
    until_true 60 answered "$1" "$mark" || return
    text=$(tr -d '\r' <"$work/$1.out" | sed -n "/from-$mark *\$/,\$s/^ *$2 *REG_SZ *//p" |
        tail -n 1)
    [ "$text" = "$3" ]
}
comes_to_see()
{
    until_true 60 sees "$@"
}
told()
{
    tr -d '\r' <"$work/$1.out" | tail -n 1 | grep -qxF "$2"
}

# The prefix's file for HKEY_CURRENT_USER with another line of the key, put in its place at once, as
# wineserver saves.
user_file()
{
    sed "$1" "$WINEPREFIX/user.reg" >"$work/user.reg" && mv "$work/user.reg" "$WINEPREFIX/user.reg"
}
facts_of_files()
{
    stat -c '%i %s %y' "$WINEPREFIX"/*.reg
}

ok 'stock Wine makes a key' stock reg.exe add "$key" /v live /d zero /f
ok 'with a value that the kernel will write over' stock reg.exe add "$key" /v mine /d prefix /f
ok 'and one that it will delete' stock reg.exe add "$key" /v gone /d prefix /f
ok 'and a key below' stock reg.exe add "$key\\below" /v deep /d yes /f
stop_prefix "$WINEPREFIX"
start_reader a
hold watch "$pwk_wine" --kernel a --session own "$programs/watch_key.exe" "Software\\$name" live
ok 'a program sees the value' comes_to_see a live zero
ok 'so does one that is told of changes' until_true 60 told watch zero

# --- what stock Wine writes and has not saved ---
unsaved=no
for ((try = 1; try <= 5; try++)); do
    hold "stock$try" "$stock_wine" "$probe" wait
    held_says "stock$try" 1 ready
    before=$(facts_of_files)
    ok 'stock Wine changes the value' stock reg.exe add "$key" /v live /d "unsaved$try" /f
    ok 'the running program sees it' comes_to_see a live "unsaved$try"
    ok 'and is told' until_true 60 told watch "unsaved$try"
    # wineserver saves every half minute: then it is to be tried again.
    [ "$before" = "$(facts_of_files)" ] && unsaved=yes && break
    go_on "stock$try"
    wait "${held[stock$try]}"
    stop_prefix "$WINEPREFIX"
done
equal 'though it is not in any file' yes "$unsaved"
ok 'a value that stock Wine makes' stock reg.exe add "$key" /v more /d more /f
ok 'is seen' comes_to_see a more more
ok 'a value that stock Wine deletes' stock reg.exe delete "$key" /v more /f
ok 'is not seen any more' comes_to_see a more ''

# --- what the kernel did stays its own ---
ok 'the kernel writes a value' own a reg.exe add "$key" /v mine /d kernel /f
ok 'and deletes one' own a reg.exe delete "$key" /v gone /f
ok 'stock Wine changes the first' stock reg.exe add "$key" /v mine /d stock /f
ok 'and the second' stock reg.exe add "$key" /v gone /d stock /f
ok 'and another' stock reg.exe add "$key" /v live /d after /f
ok 'the running program sees that one' comes_to_see a live after
ok 'its own value is its own' sees a mine kernel
ok 'what it deleted stays deleted' sees a gone ''

# --- the watcher is killed: there is another ---
matches 'a watcher is there, started by nobody but the follower' '^[0-9]+$' "$(watcher_processes)"
killed=$(watcher_processes)
kill -KILL "$killed"
another_watcher()
{
    [ -n "$(watcher_processes)" ] && [ "$(watcher_processes)" != "$killed" ]
}
ok 'a killed one is replaced' until_true 60 another_watcher
ok 'stock Wine changes the value' stock reg.exe add "$key" /v live /d rewatched /f
ok 'and the program sees it' comes_to_see a live rewatched

# --- a second kernel over the same prefix ---
start_reader b
ok 'another kernel sees what is not saved' comes_to_see b live rewatched
ok 'stock Wine changes it' stock reg.exe add "$key" /v live /d both /f
ok 'one kernel sees it' comes_to_see a live both
ok 'the other too' comes_to_see b live both
ok "and nothing of the first kernel's" sees b mine stock

# --- stock Wine ends: from the files ---
go_on "stock$try"
ok 'the program of stock Wine ends' wait "${held[stock$try]}"
stop_prefix "$WINEPREFIX"
ok 'what it saved is there' grep -q '"live"="both"' "$WINEPREFIX/user.reg"
ok 'and is seen' sees a live both

# --- what appears in the files alone ---
user_file 's/^"live"="both"/"live"="file"/'
ok 'a program sees what stands in the file' comes_to_see a live file
ok 'so does the other kernel' comes_to_see b live file
ok 'and who is told of changes' until_true 60 told watch file
sed 's/^"live"="file"/"live"="written"/' "$WINEPREFIX/user.reg" >"$work/user.reg"
cat "$work/user.reg" >"$WINEPREFIX/user.reg"
ok 'and what is written into the file in its place' comes_to_see a live written
user_file '/^"live"="written"/d'
ok 'what goes from the file is gone' comes_to_see a live ''
ok 'for the other kernel too' comes_to_see b live ''
ok 'and who is told of changes is told' until_true 60 told watch nothing
cp "$WINEPREFIX/user.reg" "$work/good.reg"
printf 'no registry' >"$WINEPREFIX/user.reg"
ok 'a damaged file is published' until_true 60 grep -rqsx 'no registry' \
    "$XDG_RUNTIME_DIR/pwk/"prefix-*/published
sed 's/^"mine"="stock"/&\n"live"="mended"/' "$work/good.reg" >"$WINEPREFIX/user.reg"
ok 'a damaged file is passed over, the next one followed' comes_to_see a live mended
ok 'of the kernel below nothing was lost' sees a mine kernel

# --- the follower ---
for kernel in a b; do
    equal "$kernel has one follower" 1 "$(followers "$kernel" | wc -l)"
done
follower=$(followers a)
equal "it is nobody's child here" '' "$(grep -l "^PPid:[^0-9]*$$\$" "/proc/$follower/status")"
equal 'it has no terminal, pipe or file of anybody' '/dev/null /dev/null /dev/null' \
    "$(readlink "/proc/$follower/fd/"* | grep -v -e '^anon_inode:' -e "^$XDG_RUNTIME_DIR/pwk/prefix-" |
        tr '\n' ' ' | sed 's/ $//')"
# shellcheck disable=SC2046 # one pid a word
kill -KILL $(followers)
ok 'a start after it was killed' own a "$probe" status 0
equal 'has brought another one' 1 "$(followers a | wc -l)"
equal "and none of the other kernel's" 0 "$(followers b | wc -l)"
user_file 's/^"live"="mended"/"live"="replaced"/'
ok 'which does the same' comes_to_see a live replaced
ok 'for everybody' comes_to_see b live replaced
ok 'another start' own a "$probe" status 0
equal 'brings no second one' 1 "$(followers a | wc -l)"
ok 'a start of the other kernel' own b "$probe" status 0
equal 'brings its own again' 1 "$(followers b | wc -l)"

# --- a private kernel takes it in once, and has no follower ---
equal 'a private kernel sees what there is' replaced \
    "$(query own p --registry private -- "$key" live)"
equal 'without a follower' 0 "$(followers p | wc -l)"

# --- the end ---
user_file 's/^"live"="replaced"/"live"="end"/'
ok 'who is told of changes is told of the last' until_true 60 told watch end
ok 'and ends' wait "${held[watch]}"
for kernel in a b; do
    echo exit >&"${held_input[$kernel]}"
    ok "the program of $kernel ends" wait "${held[$kernel]}"
done
for kernel in a b p; do
    until_true 60 session_is_over "$kernel" || fail "the session of $kernel does not end"
done
no_follower()
{
    [ -z "$(followers)" ]
}
ok 'no follower outlives its session' until_true 30 no_follower
equal 'nor its lock' '' "$(find "$XDG_RUNTIME_DIR/pwk" -name 'follower*')"
ok 'no watcher is left' until_true 30 test -z "$(watcher_processes)"
equal 'and nothing but the newest texts' 'default machine registry.below user' \
    "$(find "$XDG_RUNTIME_DIR/pwk/"prefix-*/published -type f -printf '%f\n' | sed 's/-[0-9]*$//' |
        sort | tr '\n' ' ' | sed 's/ $//')"
stop_prefix "$WINEPREFIX"
equal "nothing of the kernel's is in the prefix's files" '' "$(grep -l '"mine"="kernel"' "$WINEPREFIX"/*.reg)"
finish
