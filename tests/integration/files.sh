#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# files.sh - pwkctl files: what programs of an own session did to files is shown exactly, becomes
# the prefix's by commit and goes by discard, whole and in parts; without an explicit word, while
# the session is up, or where a kernel has no such layer, nothing is done.
. "$(dirname "$0")/library.sh"
begin
needs_namespaces

probe=$programs/process_probe.exe

files()
{
    within 60 "$pwkctl" files "$@"
}

session_is_over()
{
    ! files "$1" commit 2>&1 | grep -q 'session is up'
}

# All that the prefix has but pwk's own: kinds, permissions, times, sums.
state_of_prefix()
{
    (
        cd "$WINEPREFIX" || exit
        find . -path ./pwk -prune -o -type f -printf '%p %m %T@ ' -exec md5sum {} \;
        find . -path ./pwk -prune -o -type l -printf '%p %l\n'
        find . -path ./pwk -prune -o -type d -printf '%p %m\n'
    ) | sort
}

# True where somebody wants the lock that another one holds.
somebody_waits_at()
{
    grep -q -e "-> FLOCK .*:$(stat -c %i "$1") " /proc/locks
}

paths()
{
    cut -f 1,5 | tr '\t' ' '
}

# --- what cannot be done ---
fails 'no such kernel' files nobody diff
contains 'the reason' 'there is no kernel nobody' "$(cat "$work/output")"
ok 'a kernel of the shared session' kernel shared "$probe" status 0
fails 'it has no layer' files shared diff
contains 'the reason' 'has no layer of files' "$(cat "$work/output")"
stop_prefix "$WINEPREFIX"

# --- a session at work ---
before=$(state_of_prefix)
cat >"$work/work.bat" <<'END'
echo green> c:\colour.txt
mkdir c:\new\sub
echo hidden> c:\new\sub\hidden.txt
attrib +h c:\new\sub\hidden.txt
echo more>> c:\windows\system.ini
del c:\windows\win.ini
mkdir c:\empty
copy c:\windows\explorer.exe c:\windows\notepad.exe
END
sed -i 's/$/\r/' "$work/work.bat"
hold session "$pwk_wine" --kernel a --session own "$probe" wait
held_says session 1 ready
ok 'programs work' own a cmd.exe /c "$(windows_path "$work")\\work.bat"
changes='A drive_c/colour.txt
A drive_c/empty
A drive_c/new
A drive_c/new/sub
A drive_c/new/sub/hidden.txt
M drive_c/windows/notepad.exe
M drive_c/windows/system.ini
D drive_c/windows/win.ini'
equal 'diff shows what they did, while the session is up' "$changes" "$(files a diff | paths)"
for verb in commit discard; do
    fails "no $verb while the session is up" files a "$verb" --yes
    contains 'the reason' 'session is up' "$(cat "$work/output")"
done
go_on session
until_true 60 session_is_over a || fail 'the session of a does not end'
equal 'diff afterwards' "$changes" "$(files a diff | paths)"
equal 'the prefix is untouched, byte for byte' '' "$(diff <(echo "$before") <(state_of_prefix))"
equal 'sizes before and after' "$(printf 'D\tfile\t%s\t-\tdrive_c/windows/win.ini' \
    "$(stat -c %s "$WINEPREFIX/drive_c/windows/win.ini")")" "$(files a diff | grep win.ini)"
contains '--all has the session'"'"'s own' 'system.reg' "$(files a diff --all)"
equal 'as JSON' "$changes" "$(files a diff --json | sed -n \
    's/^ *"path": "\(.*\)",$/\1/p;s/^ *"change": "\(.*\)",$/\1/p' | while read -r path; do
    read -r change
    echo "$change $path"
done | sed 's/^added/A/;s/^changed/M/;s/^deleted/D/')"

# --- ls ---
equal 'ls marks what is the kernel'"'"'s' 'A colour.txt
A empty
A new
- users
M windows' "$(files a ls drive_c | cut -f 1,4 | tr '\t' ' ' | grep -v Program)"
fails 'a deleted file is not there' files a ls drive_c/windows/win.ini
equal 'an absolute path' 'A drive_c/colour.txt' \
    "$(files a ls "$WINEPREFIX/drive_c/colour.txt" | cut -f 1,4 | tr '\t' ' ')"
contains 'ls as JSON' '"from": "added"' "$(files a ls drive_c/new --json)"

# --- no word, no deed ---
for words in '' a 'a nothing' 'a diff more' 'a ls x y' 'a commit --no' 'a discard --yes x'; do
    # shellcheck disable=SC2086
    equal "wrong usage: $words" 2 "$("$pwkctl" files $words >/dev/null 2>&1; echo $?)"
done
for verb in commit discard; do
    fails "$verb without a word" files a "$verb"
    contains 'it shows what it would do' 'drive_c/colour.txt' "$(cat "$work/output")"
    contains 'and how to say it' "say $verb --yes" "$(cat "$work/output")"
    fails "$verb of what is not there" files a "$verb" drive_c/nothing
    fails "$verb outside the prefix" files a "$verb" /etc/passwd
    fails "$verb above the prefix" files a "$verb" drive_c/../../x
done
equal 'nothing was done' "$changes" "$(files a diff | paths)"
equal 'nor in the prefix' '' "$(diff <(echo "$before") <(state_of_prefix))"

# --- one at a time: who begins a session, and who works on its files ---
lock=$(echo "$XDG_RUNTIME_DIR"/pwk/session-*/session.lock)
fails 'no commit while somebody begins a session' flock -s "$lock" "$pwkctl" files a commit --yes
contains 'the reason' 'session is up' "$(cat "$work/output")"
fails 'nor while another works on the files' flock -x "$lock" "$pwkctl" files a commit --yes
equal 'nothing was done' "$changes" "$(files a diff | paths)"
mkfifo "$work/held"
flock -x "$lock" cat "$work/held" >/dev/null &
# Opens once the reader has, which is when the lock is held.
exec {held_lock}>"$work/held"
begun=$work/begun
(
    exec {held_lock}>&- # its end is this script's alone
    own a "$probe" status 0 >/dev/null 2>&1
    touch "$begun"
) &
ok 'who begins a session comes to the lock' until_true 60 somebody_waits_at "$lock"
fails 'no session begins meanwhile' test -e "$begun"
exec {held_lock}>&-
until_true 60 test -e "$begun" || fail 'the session does not begin afterwards'
until_true 60 session_is_over a || fail 'the session of a does not end'

# --- in parts ---
ok 'one file thrown away' files a discard drive_c/colour.txt
ok 'a folder committed' files a commit "$WINEPREFIX/drive_c/new"
equal 'what is left' "$(grep -v -e colour -e new <<<"$changes")" "$(files a diff | paths)"
equal 'the file is in the prefix' hidden \
    "$(tr -d '\r' <"$WINEPREFIX/drive_c/new/sub/hidden.txt")"
contains 'stock Wine sees its attribute' H "$(stock attrib.exe 'c:\new\sub\hidden.txt')"
ok 'the kernel sees it still' own a cmd.exe /c 'type c:\new\sub\hidden.txt'
fails 'and not what was thrown away' own a cmd.exe /c 'type c:\colour.txt'
until_true 60 session_is_over a || fail 'the session of a does not end'

# --- the rest ---
contains 'commit --yes' 'committed: 1 added, 2 changed, 1 deleted; left: 0' "$(files a commit --yes)"
equal 'no change is left' '' "$(files a diff)"
equal 'nor a file of the layer but the session'"'"'s own' '' "$(cd \
    "$WINEPREFIX/pwk/kernels/a/files/upper" && find . ! -type d | grep -v -e '\.reg$' \
    -e wineserver -e update-timestamp -e dosdevices/)"
fails 'stock Wine has the deletion' stock cmd.exe /c 'type c:\windows\win.ini'
ok 'and the change' grep -q more "$WINEPREFIX/drive_c/windows/system.ini"
ok 'a prefix of hard links lost no other name' test -s "$shared/prefix/drive_c/windows/win.ini"
fails 'the shared file has no change' grep -q more "$shared/prefix/drive_c/windows/system.ini"
stop_prefix "$WINEPREFIX"

# --- all thrown away ---
before=$(state_of_prefix)
ok 'programs work in b' own b cmd.exe /c 'echo x> c:\b.txt & del c:\windows\system.ini'
until_true 60 session_is_over b || fail 'the session of b does not end'
contains 'discard --yes' 'discarded: 1 added, 0 changed, 1 deleted' "$(files b discard --yes)"
equal 'nothing is left' '' "$(find "$WINEPREFIX/pwk/kernels/b/files" -mindepth 2)"
equal 'the prefix is as it was' '' "$(diff <(echo "$before") <(state_of_prefix))"
ok 'the kernel sees the prefix' own b cmd.exe /c 'type c:\windows\system.ini'
fails 'and nothing else' own b cmd.exe /c 'type c:\b.txt'
until_true 60 session_is_over b || fail 'the session of b does not end'
ok 'a kernel is removed with its layer' "$pwkctl" remove b
finish
