#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# walls_session.sh - the ways out of tests/walls tried in a session that pwk-wine made, in the place
# of a Windows program; what a program leaves behind for later starts and for pwkctl; and the same,
# where the tests run as root, for a user without rights.
. "$(dirname "$0")/library.sh"

escape=$PWK_BUILDDIR/tests/walls/escape
nobody=65534

# native SCRIPT [KERNEL SESSION]: runs a shell script as a program of kernel a's own session, or of
# another one, and waits for it.
native()
{
    local done=$work/shown/done

    rm -f "$done"
    printf '%s\n' "$1" "touch $done" >"$work/shown/script"
    kernel "${2:-a}" --session "${3:-own}" "$programs/run_native.exe" 'Z:\bin\sh' \
        "$work/shown/script" "$(windows_path "$done")" 2>/dev/null
}

session_is_over()
{
    local init

    init=$(cut -d ' ' -f 1 "$OUTSIDE_RUNTIME/session.init" 2>/dev/null)
    [ -z "$init" ] || ! kill -0 "$init" 2>/dev/null || grep -q '^State:.*Z' "/proc/$init/status"
}

# As its owner ends a session, whatever a program has left running in it.
end_session()
{
    local init

    init=$(cut -d ' ' -f 1 "$OUTSIDE_RUNTIME/session.init" 2>/dev/null)
    session_is_over || kill -KILL "$init"
    until_true 60 session_is_over || fail "$who: a killed session does not end"
}

all_ways_out()
{
    local answers name status tried=0

    native "$escape --all"  9</ >"$work/answers"
    answers=$(tr -d '\r' <"$work/answers")
    while read -r name status; do
        # Whether the prefix was reached shows in the prefix. A signal is a refusal too.
        [ "$name" = prefix-file ] || [ "$status" != 0 ] || fail "$who: $name gets out"
        [ "$status" = 2 ] || [ "$status" = 77 ] || tried=$((tried + 1))
    done <<<"$answers"
    assertions=$((assertions + tried))
    [ "$tried" -ge 50 ] || fail "$who: only $tried ways out were tried"
    say "$who: $tried ways out tried in a session of pwk-wine's"
    equal "$who: the prefix's file is as it was" unchanged "$(cat "$OUTSIDE_PREFIX_FILE")"
}

# What a program has of the session's rights.
rights()
{
    local rights

    native 'cat /proc/self/status' >"$work/answers"
    rights=$(tr -d '\r' <"$work/answers")
    matches "$who: a program has no capability" $'CapPrm:\t0+\n' "$rights"
    matches "$who: nor hands one on" $'CapAmb:\t0+' "$rights"
}

# hunt KERNEL SESSION: loaders that a program meets before they have a policy, and those of them
# whose memory it could write to.
hunt()
{
    local tries=0

    rm -f "$work/shown/stop"
    native "$PWK_BUILDDIR/tests/walls/hunt 5 '$work/shown/stop'" "$1" "$2" >"$work/hunted" &
    while kill -0 $! 2>/dev/null && [ "$tries" -lt 60 ]; do
        kernel "$1" --session "$2" "$programs/process_probe.exe" status 0 2>/dev/null
        tries=$((tries + 1))
    done
    touch "$work/shown/stop"
    wait $!
    tr -d '\r' <"$work/hunted"
}

own_profile()
{
    printf '[session]\nmode = own\ndisplay = no\nsound = no\nprinting = no\n' \
        >"$XDG_CONFIG_HOME/pwk/profile.ini"
}

fresh_loaders()
{
    equal "$who: nobody looks into a loader without a policy" 'met 5 opened 0' "$(hunt a own)"
    # The shared session is no boundary: here the hunter shows that it can do it, though not at each
    # moment of a loader's.
    printf '[session]\nmode = shared\n' >"$XDG_CONFIG_HOME/pwk/profile.ini"
    [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" != 0 ] ||
        matches "$who: in the shared session it does" 'met 5 opened [1-5]' "$(hunt b shared)"
    own_profile
}

from_windows()
{
    local path

    for path in "$OUTSIDE_TMP" "$OUTSIDE_OTHER_STATE" "$OUTSIDE_OTHER_RUNTIME" \
        "$OUTSIDE_STATE/profile.ini"; do
        fails "$who: drive Z: has $path" kernel a --session own cmd.exe /c \
            "type $(windows_path "$path")"
    done
}

# What is left behind must neither lead anybody elsewhere nor keep the kernel from starting.
left_behind()
{
    local name status

    native "cd '$WINEPREFIX' && rm -f system.reg && mkdir -p system.reg/deep &&
        rm dosdevices/c: && ln -s '$work/shown' dosdevices/c: && rm -rf '$OUTSIDE_STATE/store/'*"
    end_session
    equal "$who: the prefix's drive C: is where it was" ../drive_c \
        "$(readlink "$WINEPREFIX/dosdevices/c:")"
    ok "$who: the prefix's registry is a file" test -f "$WINEPREFIX/system.reg"
    ok "$who: the owner takes it all back" "$pwkctl" files a discard --yes
    native "cd '$WINEPREFIX' && rm -f system.reg && mkdir -p system.reg/deep"
    end_session
    ok "$who: a registry file is a folder now" test -d "$OUTSIDE_STATE/files/upper/system.reg"
    kernel a --session own "$programs/process_probe.exe" status 3 2>/dev/null
    name=$?
    equal "$who: the kernel starts after a registry file that is a folder" 3 $name
    for name in "ln -s '$OUTSIDE_FILE'" mkfifo mkdir; do
        native "cd '$OUTSIDE_STATE/store' && rm -rf registry.db* && $name registry.db"
        end_session
        within 20 "$pwkctl" registry a get 'HKCU\Software' x >"$work/said" 2>&1
        status=$?
        matches "$who: pwkctl on a store of $name ($(tail -n 1 "$work/said"))" '^[12]$' $status
        equal "$who: what it pointed to is as it was" "outside's secret" "$(cat "$OUTSIDE_FILE")"
        rm -rf "$OUTSIDE_STATE/store/"*
    done
    native "head -c 300000 /dev/urandom >'$OUTSIDE_RUNTIME/processes-0'
        for file in '$OUTSIDE_RUNTIME'/processes-*; do head -c 3000 /dev/urandom >\$file; done"
    within 20 "$pwkctl" ps >"$work/said" 2>&1
    matches "$who: pwkctl ps on a table of noise" '^[012]$' $?
}

as_one_user()
{
    local device inode

    export WINEPREFIX=$PWK_WALLS_FOLDER/prefix
    export DISPLAY=:${OUTSIDE_OWN_DISPLAY_SOCKET##*/X} # which library.sh has unset

    work=$PWK_WALLS_FOLDER/work who=$([ "$EUID" = 0 ] && echo root || echo user)
    mkdir -p "$work/shown"
    find_stock_wine
    kernel a --session own "$programs/process_probe.exe" status 7 2>"$work/said"
    device=$?
    equal "$who: a program runs in an own session ($(tail -n 1 "$work/said"))" 7 $device
    OUTSIDE_PREFIX=$WINEPREFIX OUTSIDE_STATE=$WINEPREFIX/pwk/kernels/a
    device=$(stat -c %D "$OUTSIDE_STATE") inode=$(printf %x "$(stat -c %i "$OUTSIDE_STATE")")
    OUTSIDE_RUNTIME=$XDG_RUNTIME_DIR/pwk/session-$device-$inode
    OUTSIDE_PREFIX_FILE=$WINEPREFIX/drive_c/file
    OUTSIDE_OTHER_STATE=$WINEPREFIX/pwk/kernels/b/secret
    OUTSIDE_OTHER_RUNTIME=$XDG_RUNTIME_DIR/pwk/other
    export OUTSIDE_PREFIX OUTSIDE_STATE OUTSIDE_RUNTIME OUTSIDE_PREFIX_FILE
    export OUTSIDE_OTHER_STATE OUTSIDE_OTHER_RUNTIME
    mkdir -p "$WINEPREFIX/pwk/kernels/b"
    printf "outside's secret" >"$OUTSIDE_OTHER_STATE"
    printf "outside's secret" >"$OUTSIDE_OTHER_RUNTIME"
    printf unchanged >"$OUTSIDE_PREFIX_FILE"
    end_session
    all_ways_out
    rights
    fresh_loaders
    from_windows
    left_behind
    end_session
    finish
}

if [ -n "${PWK_WALLS_FOLDER:-}" ]; then
    as_one_user
fi

# tried COMMAND...: all of it below `escape --outside`, in folder $1 and with the prefix there.
tried()
{
    local folder=$1
    shift
    ok 'what is tried in a session' "$@" env PWK_WALLS_FOLDER="$folder" \
        XDG_RUNTIME_DIR="$folder/runtime" HOME="$folder" "$escape" --outside "$folder/outside" \
        bash "$0"
    grep -h -e 'ways out' -e FAILED "$work/output"
}

begin
needs_namespaces
own_profile
chmod a+w "$XDG_CONFIG_HOME/pwk/profile.ini" # the same is tried by another user
mkdir -p "$work/self/outside"
mkdir -m 700 "$work/self/runtime"
mv "$WINEPREFIX" "$work/self/prefix"
tried "$work/self"
if [ "$EUID" != 0 ]; then
    say 'skipped: as root, since this is not root'
elif ! setpriv --reuid=$nobody --regid=$nobody --clear-groups test -x "$escape"; then
    say "skipped: as a user without rights, who cannot come into $PWK_BUILDDIR"
else
    mkdir -p "$work/user/outside"
    mkdir -m 700 "$work/user/runtime"
    cp -r "$shared/prefix" "$work/user/prefix"
    chown -R $nobody:$nobody "$work/user"
    chmod 755 "$work"
    tried "$work/user" setpriv --reuid=$nobody --regid=$nobody --clear-groups --inh-caps=-all
fi
finish
