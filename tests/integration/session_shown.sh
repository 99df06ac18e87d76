#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# session_shown.sh - what a session that is up is shown for the sake of later programs: their folder
# and the current one in /tmp and /var/tmp, a program in a hidden home folder; that a program of the
# session can put nothing in the way of it, and that what the walls hide is not shown.
. "$(dirname "$0")/library.sh"
begin
needs_namespaces

probe=$programs/process_probe.exe
first=$(mktemp -d /tmp/pwk-test-first.XXXXXX) second=$(mktemp -d /var/tmp/pwk-test-second.XXXXXX)
third=$(mktemp -d /tmp/pwk-test-third.XXXXXX)
other_folders+=("$first" "$second" "$third")
mkdir "$second/deep"
cp "$probe" "$first/probe.exe"
cp "$probe" "$second/deep/probe.exe"
echo beside >"$second/deep/note"

# up NAME [OPTIONS]: keeps kernel NAME's session up with a program of the prefix's, from a folder
# that every session sees.
up()
{
    cd "$PWK_BUILDDIR" || die 'no build folder'
    hold "$1" "$pwk_wine" --kernel "$1" --session own "${@:2}" "$probe" wait
    held_says "$1" 1 ready
}

# mounts NAME FOLDER: how often FOLDER is mounted in kernel NAME's session.
mounts()
{
    cut -d ' ' -f 5 "/proc/$(session_init "$1")/mountinfo" | grep -cxF "$2"
}

# --- programs in two folders, the current one a third ---
up a
init=$(session_init a)
equal 'nothing of them is there at first' '0 0 0' \
    "$(mounts a "$first") $(mounts a "$second") $(mounts a "$third")"
equal 'a later program in /tmp runs' 3 \
    "$(cd "$first" && own a ./probe.exe status 3 >/dev/null 2>&1; echo $?)"
equal 'one in /var/tmp, from a third folder' 4 \
    "$(cd "$third" && own a "$second/deep/probe.exe" status 4 >/dev/null 2>&1; echo $?)"
equal 'one by drive Z:' 5 "$(own a "$(windows_path "$second/deep/probe.exe")" status 5 \
    >/dev/null 2>&1; echo $?)"
equal 'one by a path from another folder' 6 \
    "$(cd "$third" && own a "../$(basename "$first")/probe.exe" status 6 >/dev/null 2>&1; echo $?)"
ok 'a program writes to the current folder' env -C "$third" "$pwk_wine" --kernel a --session own \
    cmd.exe /c 'echo made> made.txt'
equal 'it is there outside' made "$(tr -d '\r' <"$third/made.txt")"
equal 'what lies beside a program is seen' beside \
    "$(own a cmd.exe /c "type $(windows_path "$second/deep/note")" | tr -d '\r')"
equal 'it was one session all the time' "$init" "$(session_init a)"
equal 'each is mounted once' '1 1 1' \
    "$(mounts a "$first") $(mounts a "$second") $(mounts a "$third")"
matches 'without devices and set-user-ID' 'nosuid,nodev' \
    "$(grep -F " $second " "/proc/$init/mountinfo")"

# --- many at once bring one ---
crowd=$(mktemp -d /tmp/pwk-test-crowd.XXXXXX)
other_folders+=("$crowd")
cp "$probe" "$crowd/probe.exe"
for ((i = 0; i < 6; i++)); do
    "$pwk_wine" --kernel a --session own "$crowd/probe.exe" status 0 2>/dev/null &
    crowd_processes[i]=$!
done
for ((i = 0; i < 6; i++)); do
    ok "program $i of 6 at once" wait "${crowd_processes[$i]}"
done
equal 'six at once bring it once' 1 "$(mounts a "$crowd")"

# --- something else in the place ---
# put SCRIPT: what a program of the session does there.
put()
{
    printf '%s && echo done >%s\n' "$1" "$first/done" >"$first/script"
    rm -f "$first/done"
    own a --syscall mknod=allow --syscall mknodat=allow "$programs/run_native.exe" 'Z:\bin\sh' "$first/script" \
        "$(windows_path "$first/done")" >/dev/null 2>&1
    [ -s "$first/done" ] || fail "the program of the session did not do: $1"
}
for what in "ln -s $first" 'mkfifo' 'touch' "ln -s /nowhere"; do
    squatted=$(mktemp -d /tmp/pwk-test-squat.XXXXXX)
    other_folders+=("$squatted")
    cp "$probe" "$squatted/probe.exe"
    put "$what $squatted"
    message=$(own a "$squatted/probe.exe" status 0 2>&1)
    equal "$what in the place: the start is refused" 126 $?
    matches "$what in the place: it says so in one line" \
        "^pwk-wine: $squatted cannot be shown .* put something else in its place; [^"$'\n'"]*$" "$message"
    message=$(cd "$squatted" && own a "$probe" status 0 2>&1)
    equal "$what in the current folder's place" 126 $?
    matches "$what in the current folder's place: it says so" 'something else in its place' "$message"
    equal "$what: nothing was mounted" 0 "$(mounts a "$squatted")"
    equal "$what: the folder is as it was" probe.exe "$(ls -A "$squatted")"
done
# A folder is no obstacle, and what a program has put into it is not run.
squatted=$(mktemp -d /tmp/pwk-test-squat.XXXXXX)
other_folders+=("$squatted")
cp "$probe" "$squatted/probe.exe"
put "mkdir $squatted && cp $programs/print_version.exe $squatted/probe.exe"
equal 'a program is run, not what was put in its place' 7 \
    "$(own a "$squatted/probe.exe" status 7 >/dev/null 2>&1; echo $?)"

# --- what the walls hide ---
hidden=$(mktemp -d /tmp/pwk-test-hidden.XXXXXX)
other_folders+=("$hidden")
mkdir -m 700 "$hidden/runtime" "$hidden/programs"
cp "$probe" "$hidden/programs/probe.exe"
cp "$probe" "$hidden/probe.exe"
(
    export XDG_RUNTIME_DIR=$hidden/runtime
    up hides
    mkdir "$hidden/runtime/own"
    cp "$probe" "$hidden/runtime/pwk/probe.exe"
    cp "$probe" "$hidden/runtime/own/probe.exe"
    equal 'a program beside run-time files' 3 \
        "$(own hides "$hidden/programs/probe.exe" status 3 >/dev/null 2>&1; echo $?)"
    equal 'a file beside them' 4 "$(own hides "$hidden/probe.exe" status 4 >/dev/null 2>&1; echo $?)"
    for name in pwk own; do
        own hides "$hidden/runtime/$name/probe.exe" status 0 >/dev/null 2>&1
        equal "a program among run-time files ($name) is refused" 126 $?
    done
    # The session has a folder of this name, in which nobody would find again what is written.
    equal 'with the current folder among them a program starts in /' 'Z:\' \
        "$(cd "$hidden/runtime" && own hides cmd.exe /c cd 2>/dev/null | tr -d '\r')"
    equal 'neither they nor what holds them is shown' '0 0 0' \
        "$(mounts hides "$hidden/runtime") $(mounts hides "$hidden/runtime/pwk") $(mounts hides "$hidden")"
    ok 'nor anything that lies beside the own ones' \
        test ! -e "/proc/$(session_init hides)/root$hidden/runtime/pwk/probe.exe"
    echo "$failures $assertions" >"$work/counted"
    kill -KILL "$(session_init hides)"
)
read -r failures assertions <"$work/counted"

# --- a prefix beside the programs ---
beside=$(mktemp -d /tmp/pwk-test-beside.XXXXXX)
other_folders+=("$beside")
copy_prefix "$beside/prefix"
cp "$probe" "$beside/probe.exe"
echo note >"$beside/note"
(
    export WINEPREFIX=$beside/prefix
    mkdir -p "$WINEPREFIX/pwk/kernels/other"
    up near
    ok 'a program changes the prefix' own near cmd.exe /c 'echo green> c:\colour.txt'
    equal 'one beside the prefix runs' 3 \
        "$(cd "$beside" && own near probe.exe status 3 >/dev/null 2>&1; echo $?)"
    equal 'in its folder' note "$(cd "$beside" && own near cmd.exe /c 'type note' | tr -d '\r')"
    equal 'the prefix is the view of it' green \
        "$(cd "$beside" && own near cmd.exe /c 'type c:\colour.txt' | tr -d '\r')"
    ok 'what is changed by its path, too' env -C "$beside" "$pwk_wine" --kernel near --session own \
        cmd.exe /c 'echo blue> prefix\drive_c\colour.txt'
    equal 'is the view of it' blue "$(own near cmd.exe /c 'type c:\colour.txt' | tr -d '\r')"
    ok 'and not the prefix' test ! -e "$beside/prefix/drive_c/colour.txt"
    equal 'no other kernel is there' near \
        "$(ls "/proc/$(session_init near)/root$beside/prefix/pwk/kernels")"
    equal 'of its own state the store alone' store \
        "$(ls "/proc/$(session_init near)/root$beside/prefix/pwk/kernels/near")"
    equal 'it is mounted once' 1 "$(mounts near "$beside")"
    go_on near
    ok 'the first program goes on' wait "${held[near]}"
    echo "$failures $assertions" >"$work/counted"
    kill -KILL "$(session_init near)"
    stop_prefix "$WINEPREFIX"
)
read -r failures assertions <"$work/counted"

# --- a hidden home folder ---
case $work/ in
"$(getent passwd "$EUID" | cut -d : -f 6)"/*)
    say "skipped: the home folder, in which the build lies"
    ;;
*)
    export HOME=$work/home
    mkdir -p "$HOME/Downloads" "$HOME/other"
    cp "$probe" "$HOME/Downloads/probe.exe"
    cp "$probe" "$HOME/other/probe.exe"
    echo secret >"$HOME/Downloads/secret"
    up home --home none
    equal 'a later program in a hidden home folder' 3 \
        "$(own home --home none "$HOME/Downloads/probe.exe" status 3 >/dev/null 2>&1; echo $?)"
    equal 'another, by a path from the current folder' 4 \
        "$(cd "$HOME/other" && own home --home none probe.exe status 4 >/dev/null 2>&1; echo $?)"
    equal 'what lies beside it stays hidden' '' "$(own home --home none cmd.exe /c \
        "type $(windows_path "$HOME/Downloads/secret")" 2>/dev/null)"
    equal 'it cannot be written' '' "$(own home --home none cmd.exe /c \
        "echo x>> $(windows_path "$HOME/Downloads/probe.exe")" 2>/dev/null)"
    ok 'it is as it was' cmp "$probe" "$HOME/Downloads/probe.exe"
    equal 'each is mounted once' '1 1' \
        "$(mounts home "$HOME/Downloads/probe.exe") $(mounts home "$HOME/other/probe.exe")"
    ;;
esac
finish
