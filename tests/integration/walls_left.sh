#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# walls_left.sh - what a program leaves in the view for the next start's first process to fall for:
# links, pipes and files in the places where that makes folders and mounts. Shell scripts in the
# place of a hostile program, in sessions of tests/walls/cage, with the home folder hidden.
. "$(dirname "$0")/library.sh"
begin
unshare --user --map-current-user --mount --pid --net --fork true 2>/dev/null ||
    skip 'no namespaces allowed here'

# machine: a prefix whose documents lead into the home folder, as Wine makes them, and what is to be
# seen in that: something installed, and the run-time files.
machine()
{
    rm -rf "$work/machine"
    prefix=$work/machine/prefix home=$work/machine/home
    state=$prefix/pwk/kernels/a runtime=$home/run/pwk/a
    export OUTSIDE_HOME=$home OUTSIDE_INSTALLED=$home/opt/deep/pwk
    unset OUTSIDE_HOME_FOLDER
    upper=$state/files/upper
    mkdir -p "$state/store" "$prefix/drive_c/users/me" "$OUTSIDE_INSTALLED" "$runtime"
    echo outside >"$home/file"
    echo installed >"$OUTSIDE_INSTALLED/file"
    ln -s "$home" "$prefix/drive_c/users/me/Desktop"
    ln -s "$home/Papers/mine" "$prefix/drive_c/users/me/Documents"
}

# session SCRIPT: one start, with the script in the place of its program.
session()
{
    within 60 "$PWK_BUILDDIR/tests/walls/cage" "$prefix" "$state" "$runtime" - \
        "$PWK_BUILDDIR/tests/walls/escape" --run /bin/sh -c "$1" >"$work/said" 2>&1 </dev/null
}

# starts WHAT SCRIPT: the next start is as good as the first.
starts()
{
    local status

    session "$2"
    status=$?
    equal "$1: the next session ($(tail -n 1 "$work/said"))" 0 $status
}

# What every session must have, whatever is left in it.
whole="test ! -e $work/machine/home/file && test -f $work/machine/home/opt/deep/pwk/file &&
    ! (echo changed >$work/machine/home/opt/deep/pwk/file) 2>/dev/null &&
    test -d $work/machine/home/run/pwk/a && test ! -s $work/machine/home/run/pwk/a/session.lock"

# things: what is in the prefix itself, in the states of kernels and at home, but for what a start
# makes there.
things()
{
    find "$prefix" "$home" -path "$state/files" -prune -o -path "$state/session.up" -prune -o \
        -path "$runtime" -prune -o -print | sort
}

machine
starts 'nothing left' "$whole && test -d $home/Papers/mine"
ok 'folders that documents lead to are made in the view' test -d "$upper/home/Papers/mine"

# left WHAT SCRIPT: leaves it, in a new machine, and begins the next session.
left()
{
    machine
    before=$(things)
    session "$whole && cd $home && $2"
    equal "$1: is left" 0 $?
    starts "$1" "$whole"
    equal "$1: nothing new is in the prefix or at home" '' "$(comm -3 <(echo "$before") <(things))"
}

# /proc/self/cwd, root and fd of the first process lead past what it has mounted.
for target in /proc/self/cwd /proc/self/root "$home/.." "$prefix" /dev; do
    left "the way to documents is a link to $target" "rm -r Papers && ln -s $target Papers"
done
for fd in 0 3 4 5 6 7 8 9 10 11 12; do
    left "the way to documents is descriptor $fd" "rm -r Papers && ln -s /proc/self/fd/$fd Papers"
done
left 'the way to documents is a file' 'rm -r Papers && touch Papers'
left 'the way to documents is a pipe' 'rm -r Papers && mkfifo Papers'
left 'documents lead to a name that cannot be' "cd $prefix/drive_c/users/me && rm Documents &&
    ln -s $home/\$(printf %0300d 0) Documents"
left 'documents lead out by the way of ..' "cd $prefix/drive_c/users/me && rm Documents &&
    ln -s $home/x/../../escaped Documents"
left 'users is a link' "mv $prefix/drive_c/users $prefix/drive_c/old &&
    ln -s old $prefix/drive_c/users"
left "the home folder's own place is a link" "mv $prefix/home $prefix/old 2>/dev/null;
    rm -rf $prefix/home; ln -s / $prefix/home || true"
for thing in 'ln -s /proc/self/cwd' 'ln -s /dev' 'touch' 'mkfifo'; do
    left "the way to what is installed: $thing" "mv opt old && $thing opt"
    ok "$thing: it was moved aside" \
        bash -c "compgen -G '$upper/home/opt.*'"
    left "the way to the run-time files: $thing" "mv run old && $thing run"
done

for thing in mine deep pwk; do
    ok "nothing of it is in the machine's /dev: $thing" test ! -e "/dev/$thing"
done

# The one folder that is shown is the machine's own: what is there must stay in its place.
machine
export OUTSIDE_HOME_FOLDER=$home/shown OUTSIDE_INSTALLED=$home/shown/opt/pwk
prefix=$home/shown/games/prefix state=$home/shown/games/prefix/pwk/kernels/a
runtime=$home/shown/run/pwk/a
mkdir -p "$OUTSIDE_INSTALLED" "$state/store" "$runtime"
for way in opt opt/pwk games games/prefix games/prefix/pwk run run/pwk run/pwk/a; do
    session "test -d $home/shown/$way && ! mv $home/shown/$way $home/shown/renamed"
    equal "$way cannot be renamed" 0 $?
done
session "mkdir $home/shown/new && mv $home/shown/new $home/shown/other"
equal 'but what leads to none of them can' 0 $?
ok 'and is there for everybody' test -d "$home/shown/other"

# A session that cannot be begun leaves no control group behind. A folder stands for the tree of
# groups: no limit is set in it.
# no_session WHAT: and the folder is as empty as before.
no_session()
{
    local status

    touch -d '1 hour ago' "$OUTSIDE_GROUPS"
    session :
    status=$?
    equal "$1: there is no session ($(tail -n 1 "$work/said"))" 125 $status
    ok "$1: its group was made" test -n "$(find "$OUTSIDE_GROUPS" -mmin -10)"
    equal "$1: nothing of it is left" '' "$(ls "$OUTSIDE_GROUPS")"
}
export OUTSIDE_GROUPS=$work/groups
mkdir "$OUTSIDE_GROUPS"
machine
rm -r "$state/store"
no_session 'its first process fails'
machine
mkdir -p "$runtime/session.init/deep"
no_session 'it cannot be written down'
finish
