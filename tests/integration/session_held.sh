#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# session_held.sh - a kernel has one session, whatever run-time folder it is started with: who comes
# with another one while it is up is told where it is, also by pwkctl; nobody is kept from anything
# after its end, however that came.
. "$(dirname "$0")/library.sh"
begin
needs_namespaces

probe=$programs/process_probe.exe
here=$XDG_RUNTIME_DIR there=$work/there
mkdir -m 700 "$there"

# elsewhere COMMAND...: with the other run-time folder.
elsewhere()
{
    XDG_RUNTIME_DIR=$there "$@"
}

hold first "$pwk_wine" --kernel a --session own "$probe" wait
held_says first 1 ready
ok 'a program joins' own a cmd.exe /c 'echo green> c:\colour.txt'
message=$(elsewhere own a "$probe" status 0 2>&1)
equal 'one with another run-time folder is refused' 125 $?
matches 'it is told in one line where the session is' \
    "^pwk-wine: [^"$'\n'"]*run-time files in $(session_folder a): use the XDG_RUNTIME_DIR [^"$'\n'"]*$" \
    "$message"
ok 'another kernel starts there' elsewhere own b "$probe" status 0
for command in 'files a commit --yes' 'files a discard --yes' 'remove a'; do
    # shellcheck disable=SC2086
    message=$(elsewhere "$pwkctl" $command 2>&1)
    equal "pwkctl $command is refused from there" 1 $?
    contains "pwkctl $command says why" "run-time files in $(session_folder a)" "$message"
done
ok 'what the kernel wrote is still there' test -f "$WINEPREFIX/pwk/kernels/a/files/upper/drive_c/colour.txt"
equal 'the lock cannot be reached from inside' '' "$(find \
    "/proc/$(session_init a)/root$WINEPREFIX/pwk/kernels/a" -name 'session.*')"

# --- the end of a session, and its end by kill -9 ---
go_on first
ok 'the first program ends' wait "${held[first]}"
until_true 30 session_is_over a || fail 'the session does not end'
equal 'then the other folder is as good' green \
    "$(elsewhere own a cmd.exe /c 'type c:\colour.txt' 2>/dev/null | tr -d '\r')"
matches 'and now the first one is refused' "run-time files in $there/" \
    "$(own a "$probe" status 0 2>&1)"
kill -KILL "$(XDG_RUNTIME_DIR=$there session_init a)"
XDG_RUNTIME_DIR=$there until_true 30 session_is_over a || fail 'a killed session does not end'
ok 'a session that was killed holds nothing' own a "$probe" status 0
until_true 30 session_is_over a || fail 'the session does not end'
ok 'nor is anything held after the end' elsewhere "$pwkctl" files a discard --yes
equal 'the run-time folder of the test is the same' "$here" "$XDG_RUNTIME_DIR"

# --- a file that is none ---
for what in 'ln -s /etc/passwd' mkfifo mkdir; do
    rm -rf "$WINEPREFIX/pwk/kernels/a/session.up"
    $what "$WINEPREFIX/pwk/kernels/a/session.up"
    message=$(own a "$probe" status 0 2>&1)
    equal "$what in the lock's place: no session" 125 $?
    matches "$what in the lock's place: it is said" '^pwk-wine: .*session\.up cannot be locked: .*remove it' "$message"
done
rm -rf "$WINEPREFIX/pwk/kernels/a/session.up"
ok 'without it all is well' own a "$probe" status 0
finish
