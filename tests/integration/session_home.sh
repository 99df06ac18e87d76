#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# session_home.sh - what of the home folder an own session shows, through drive Z: and the shell
# folders, with the prefix in it and outside it; and that Wine and what it writes work all the same.
. "$(dirname "$0")/library.sh"
begin
needs_namespaces
needs_build_outside_home

export HOME=$work/home
mkdir -p "$HOME/Games/deep" "$HOME/Private"
echo game >"$HOME/Games/deep/file.txt"
echo secret >"$HOME/Private/file.txt"
echo secret >"$HOME/file.txt"

# Wine made the shell folders as links to the home folder of who made the prefix: here, to ours.
users=$WINEPREFIX/drive_c/users
user=$(basename "$(find "$users" -mindepth 1 -maxdepth 1 -type d ! -name Public | head -n 1)")
# shell_folders: links of the prefix's user, as Wine makes them.
shell_folders()
{
    local name

    for name in Desktop Documents Downloads Music Pictures Videos; do
        rm -rf "${users:?}/$user/$name"
        ln -s "$HOME" "$users/$user/$name"
    done
    rm -f "$users/$user/Music"
    ln -s "$HOME/Sounds/mine" "$users/$user/Music"
}
shell_folders

# reads KERNEL OPTION... FILE: what type prints of a file of the machine's.
reads()
{
    own "${@:1:$#-1}" cmd.exe /c "type $(windows_path "${!#}")" 2>/dev/null | tr -d '\r'
}

# listed KERNEL: what pwkctl lists as changed, without the menus that Wine's own programs make.
listed()
{
    "$pwkctl" files "$1" diff | cut -f 5 | grep -v '^home/\.local' | tr '\n' ' ' | sed 's/ $//'
}

# checks NAME: none and PATH, wherever the prefix is.
checks()
{
    equal "$1: full shows it" secret "$(reads "full-$1" "$HOME/file.txt")"

    equal "$1: none hides a file" '' "$(reads "none-$1" --home none "$HOME/file.txt")"
    equal "$1: and a folder" '' "$(reads "none-$1" --home none "$HOME/Private/file.txt")"
    ok "$1: none lets a document be saved" own "none-$1" --home none cmd.exe /c \
        "echo mine> c:\\users\\$user\\Documents\\note.txt"
    ok "$1: and one in a folder that was in the home folder" own "none-$1" --home none cmd.exe /c \
        "echo mine> c:\\users\\$user\\Music\\song.txt"
    equal "$1: it is read later" mine "$(own "none-$1" --home none cmd.exe /c \
        "type c:\\users\\$user\\Documents\\note.txt" | tr -d '\r')"
    ok "$1: the home folder itself has none of it" test ! -e "$HOME/note.txt"
    ok "$1: nor the one below it" test ! -e "$HOME/Sounds"
    ok "$1: it is in the kernel's files" \
        test -e "$WINEPREFIX/pwk/kernels/none-$1/files/upper/home/note.txt"
    equal "$1: what the session made for itself is not listed" \
        'home home/Sounds home/Sounds/mine home/Sounds/mine/song.txt home/note.txt' \
        "$(listed "none-$1")"
    equal "$1: another kernel does not see it" '' "$(own "other-$1" --home none cmd.exe /c \
        "type c:\\users\\$user\\Documents\\note.txt" 2>/dev/null | tr -d '\r')"

    equal "$1: PATH shows its folder" game \
        "$(reads "path-$1" --home "$HOME/Games" "$HOME/Games/deep/file.txt")"
    equal "$1: and nothing else" '' "$(reads "path-$1" --home '~/Games' "$HOME/Private/file.txt")"
    ok "$1: what is written there is there" own "path-$1" --home "$HOME/Games" cmd.exe /c \
        "echo saved> $(windows_path "$HOME/Games/score.txt")"
    equal "$1: for everybody" saved "$(tr -d '\r' <"$HOME/Games/score.txt")"
    rm -f "$HOME/Games/score.txt"
    matches "$1: nothing of what PATH shows is listed, nor the way there" '^(home)?$' \
        "$(listed "path-$1")"
    equal "$1: it is there all the same" S "$("$pwkctl" files "path-$1" ls home |
        sed -n 's/^\(.\).*\tGames$/\1/p')"
}

checks outside
stop_prefix "$WINEPREFIX"
mv "$WINEPREFIX" "$HOME/.wine"
export WINEPREFIX=$HOME/.wine
users=$WINEPREFIX/drive_c/users
rm -rf "$WINEPREFIX/pwk"
checks inside

# --- the profile ---
printf '[session]\nmode = own\n[isolation]\nhome = none\n' >"$work/profile.ini"
equal 'the profile hides it' '' "$(kernel profile --profile "$work/profile.ini" cmd.exe /c \
    "type $(windows_path "$HOME/file.txt")" 2>/dev/null | tr -d '\r')"
equal 'the command line wins' secret "$(kernel full --profile "$work/profile.ini" --home full \
    cmd.exe /c "type $(windows_path "$HOME/file.txt")" 2>/dev/null | tr -d '\r')"

# --- who may not ---
matches 'a folder elsewhere is refused' 'not in the home folder' \
    "$(own k --home /usr cmd.exe 2>&1)"
matches 'one that is not there, too' 'cannot be shown' \
    "$(own k --home "$HOME/none" cmd.exe 2>&1)"
# The program that begins the session is seen, and nothing beside it.
mkdir "$HOME/Downloads"
cp "$programs/process_probe.exe" "$HOME/probe.exe"
cp "$programs/process_probe.exe" "$HOME/Downloads/probe.exe"
ok 'a program in what is hidden' own lone --home none "$HOME/probe.exe" status 0
ok 'by a path from the current folder' \
    env -C "$HOME" "$pwk_wine" --kernel near --session own --home none Downloads/probe.exe status 0
equal 'it cannot be written' '' "$(own near --home none cmd.exe /c \
    "echo x>> $(windows_path "$HOME/Downloads/probe.exe")" 2>/dev/null)"
ok 'it is as it was' cmp "$programs/process_probe.exe" "$HOME/Downloads/probe.exe"
equal 'what lies beside it is hidden' '' "$(reads near --home none "$HOME/file.txt")"
ok 'a later program in what is hidden is seen too' own near --home none "$HOME/probe.exe" status 0
equal 'and again nothing beside it' '' "$(reads near --home none "$HOME/file.txt")"
ok 'a program in what is shown runs' own path-inside --home "$HOME/Games" \
    "$programs/process_probe.exe" status 0
WINEPREFIX=$work/prefix
stop_prefix "$HOME/.wine"
mv "$HOME/.wine" "$WINEPREFIX"
# pwk itself lies in this one.
equal 'pwk in a hidden home folder' 3 \
    "$(HOME=$PWK_BUILDDIR own within --home none cmd.exe /c 'exit 3' 2>/dev/null; echo $?)"
fails 'and nothing else of it' env HOME="$PWK_BUILDDIR" "$pwk_wine" --kernel within --session own \
    --home none cmd.exe /c "type $(windows_path "$PWK_BUILDDIR/Makefile")"
finish
