#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shared_files.sh - own sessions that have the prefix itself (--files shared): what a hostile program
# leaves in it must not make pwk, outside, show the session other files, nor run what lies there.
. "$(dirname "$0")/library.sh"
begin
needs_namespaces
needs_build_outside_home

mkdir -p "$work/home" "$work/shown"
export HOME=$work/home
secret="not for the session $$"
echo "$secret" >"$HOME/key"
texts=$XDG_RUNTIME_DIR/pwk/prefix-*/published/[!r]*

# native SCRIPT: a native program of the session does it; what it says is in $work/said.
native()
{
    rm -f "$work/shown/done"
    printf '(%s) >%s 2>&1\ntouch %s\n' "$1" "$work/shown/said" "$work/shown/done" \
        >"$work/shown/script"
    ok 'a native program of the session' own a --files shared --home none \
        "$programs/run_native.exe" 'Z:\bin\sh' "$work/shown/script" \
        "$(windows_path "$work/shown/done")"
}

# --- the registry's files as links ---
native "cat '$HOME/key'"
lacks 'the home folder is hidden' "$secret" "$(cat "$work/shown/said")"
for name in system.reg user.reg userdef.reg; do
    # Followed while it is up, by what watches the prefix, and at the next start.
    native "cd '$WINEPREFIX' && cp $name kept && ln -s '$HOME/key' new && mv -T new $name &&
        sleep 2; cat $texts; mv -T kept $name"
    contains "$name: what is published is seen" 'WINE REGISTRY' "$(cat "$work/shown/said")"
    lacks "$name: a link is not published" "$secret" "$(cat "$work/shown/said")"
    # The session's wineserver, when it ends, puts a file in the link's place.
    until_true 60 session_is_over a || fail 'the session does not end'
    cp "$WINEPREFIX/$name" "$work/kept"
    ln -sf "$HOME/key" "$WINEPREFIX/$name"
    message=$(own a --files shared --home none "$programs/process_probe.exe" status 0 2>&1)
    status=$?
    cp --remove-destination "$work/kept" "$WINEPREFIX/$name"
    equal "$name: a start is refused" 125 "$status"
    contains "$name: it says why" 'is a symbolic link' "$message"
    # shellcheck disable=SC2086 # a pattern
    lacks "$name: nor published by the start" "$secret" "$(cat $texts 2>/dev/null)"
done

# --- a prefix without its registry ---
# wineboot has all of the user's rights, and would run what lies in the prefix.
native "cd '$WINEPREFIX' && mkdir '$work/shown/kept' &&
    mv system.reg .update-timestamp '$work/shown/kept'; ls -A"
# wineserver saves its registry when it ends.
until_true 60 session_is_over a || fail 'the session does not end'
rm -f "$WINEPREFIX/system.reg" "$WINEPREFIX/.update-timestamp"
message=$(own a --files shared "$programs/process_probe.exe" status 0 2>&1)
equal 'a prefix that has lost its registry is not set up anew' 125 $?
contains 'it says why' 'has lost its registry' "$message"
fails 'no wineboot was run' test -e "$WINEPREFIX/system.reg" -o -e "$WINEPREFIX/.update-timestamp"
cp "$work/shown/kept/system.reg" "$work/shown/kept/.update-timestamp" "$WINEPREFIX"
equal 'put back, it is used' 3 \
    "$(own a --files shared "$programs/process_probe.exe" status 3 >/dev/null 2>&1; echo $?)"
finish
