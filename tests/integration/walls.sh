#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# walls.sh - ways out of an own session (tests/walls): each is refused by a session as pwk makes
# it, and gets through when the wall that holds it is taken out. As the user who runs the tests,
# and where that is root, as a user without rights too.
. "$(dirname "$0")/library.sh"

escape=$PWK_BUILDDIR/tests/walls/escape
cage=$PWK_BUILDDIR/tests/walls/cage
nobody=65534

# The machine of the attempts: a prefix with two kernels, which no Wine ever sees.
make_machine()
{
    machine=$(realpath "$1")
    export DISPLAY=:${OUTSIDE_OWN_DISPLAY_SOCKET##*/X} # which library.sh has unset
    export OUTSIDE_PREFIX=$machine/prefix OUTSIDE_RUNTIME=$machine/run/a
    export OUTSIDE_STATE=$OUTSIDE_PREFIX/pwk/kernels/a
    export OUTSIDE_PREFIX_FILE=$OUTSIDE_PREFIX/drive_c/file
    export OUTSIDE_OTHER_STATE=$OUTSIDE_PREFIX/pwk/kernels/b/secret
    export OUTSIDE_OTHER_RUNTIME=$machine/run/b/secret
    export OUTSIDE_BELOW=$machine/run/prefix/published
    export OUTSIDE_HOME=$machine/home OUTSIDE_HOME_FOLDER=$machine/home/shown
    export OUTSIDE_INSTALLED=$OUTSIDE_HOME_FOLDER/tools/pwk
    mkdir -p "$OUTSIDE_STATE/store" "$OUTSIDE_PREFIX/pwk/kernels/b" "$OUTSIDE_PREFIX/drive_c" \
        "$machine/run/a" "$machine/run/b"
    printf "outside's secret" >"$OUTSIDE_OTHER_STATE"
    printf "outside's secret" >"$OUTSIDE_OTHER_RUNTIME"
    mkdir -p "$OUTSIDE_INSTALLED"
    touch "$OUTSIDE_INSTALLED/file"
    printf "outside's secret" >"$OUTSIDE_HOME/secret"
    printf 'windows = prefix\n' >"$OUTSIDE_STATE/profile.ini"
    printf '{}\n' >"$OUTSIDE_STATE/audit.jsonl"
    printf unchanged >"$OUTSIDE_PREFIX_FILE"
    printf other >"$machine/run/a/other"
    mkdir -p "$OUTSIDE_BELOW"
    : >"$machine/run/prefix/publisher"
    publish
}

# What there is to be changed for all kernels.
publish()
{
    local file

    for file in machine-1 user-1 default-1 registry.below; do
        printf published >"$OUTSIDE_BELOW/$file"
    done
}

# in_cage WALLS NAME: one attempt with those walls taken out.
in_cage()
{
    within 60 "$cage" "$OUTSIDE_PREFIX" "$OUTSIDE_STATE" "$OUTSIDE_RUNTIME" "$1" "$escape" "$2" \
        9</ >"$work/said" 2>&1
}

# What an attempt cannot see itself: the prefix's own file.
got_out()
{
    local status=$1

    if [ "$2" = prefix-file ]; then
        status=1
        [ "$(cat "$OUTSIDE_PREFIX_FILE")" = unchanged ] || status=0
        printf unchanged >"$OUTSIDE_PREFIX_FILE"
    fi
    printf other >"$OUTSIDE_RUNTIME/other"
    publish
    return "$status"
}

# True where this machine has no such thing, or the user could not do it outside either.
cannot_be_tried()
{
    case $1 in
    *server*) [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" -gt 1 ] ;;
    disk) [ -z "${OUTSIDE_DISK:-}" ] ;;
    other-family) [ -z "${OUTSIDE_FAMILY:-}" ] ;;
    key | key-32) [ -z "${OUTSIDE_KEY:-}" ] ;;
    console) [ ! -e /dev/tty0 ] ;;
    kernel-module) [ ! -e /proc/modules ] ;;
    system-request) [ ! -e /proc/sysrq-trigger ] ;;
    kernel-log) [ ! -e /dev/kmsg ] ;;
    io-uring) [ "$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null)" != 0 ] ;;
    datagram) ! ip route get 192.0.2.1 >/dev/null 2>&1 ;;
    counters) [ "$(cat /proc/sys/kernel/perf_event_paranoid 2>/dev/null || echo 4)" -gt 2 ] ;;
    *) false ;;
    esac
}

# Runs as a process of its own, below `escape --outside`: asserts everything for one user.
try_all()
{
    local name walls who status

    while read -r name walls who; do
        if [ "$who" = root ] && [ "$EUID" != 0 ]; then
            continue
        fi
        if cannot_be_tried "$name"; then
            untried+=("$name")
            continue
        fi
        in_cage - "$name"
        got_out $? "$name"
        status=$?
        [ "$status" = 77 ] && untried+=("$name") && continue
        equal "$who_runs: $name is refused ($(tail -n 1 "$work/said"))" 1 "$status"
        in_cage "$walls" "$name"
        got_out $? "$name"
        status=$?
        equal "$who_runs: $name gets through without $walls ($(tail -n 1 "$work/said"))" 0 $status
        tried=$((tried + 1))
    done < <("$escape" --list)
}

as_one_user()
{
    local status

    untried=() tried=0
    who_runs=$([ "$EUID" = 0 ] && echo root || echo user)
    work=$PWK_ESCAPE_FOLDER/work
    mkdir -p "$work"
    make_machine "$PWK_ESCAPE_FOLDER"
    try_all
    in_cage - signal </
    status=$?
    equal "$who_runs: a folder as standard input is refused" 125 $status
    contains "$who_runs: and the reason given" 'is a folder' "$(cat "$work/said")"
    [ "$tried" -ge 30 ] || fail "only $tried attempts could be made"
    say "$who_runs: $tried ways out, each refused, each open without its walls;" \
        "not to be tried here: ${untried[*]:-none}"
    finish
}

# as_user COMMAND...: without rights.
as_user()
{
    setpriv --reuid=$nobody --regid=$nobody --clear-groups --inh-caps=-all "$@"
}

if [ -n "${PWK_ESCAPE_FOLDER:-}" ]; then
    as_one_user
fi

begin
unshare --user --map-current-user --mount --pid --net --fork true 2>/dev/null ||
    skip 'no namespaces allowed here'
mkdir -p "$work/self/outside" "$work/user/outside"
mkdir -m 700 "$work/self/sockets" "$work/user/sockets"
ok 'the ways out, as the user who runs this' env PWK_ESCAPE_FOLDER="$work/self" \
    XDG_RUNTIME_DIR="$work/self/sockets" "$escape" --outside "$work/self/outside" bash "$0"
grep -h -e ': [0-9]* ways' -e '^walls: FAILED: [a-z]*: ' "$work/output"
if [ "$EUID" != 0 ]; then
    say 'skipped: as root, since this is not root'
elif ! setpriv --reuid=$nobody --regid=$nobody --clear-groups test -x "$escape"; then
    say "skipped: as a user without rights, who cannot come into $PWK_BUILDDIR"
else
    chown -R $nobody:$nobody "$work/user"
    chmod 755 "$work"
    ok 'the ways out, as a user without rights' as_user env PWK_ESCAPE_FOLDER="$work/user" \
        XDG_RUNTIME_DIR="$work/user/sockets" HOME="$work/user" "$escape" --outside "$work/user/outside" bash "$0"
    grep -h -e ': [0-9]* ways' -e '^walls: FAILED: [a-z]*: ' "$work/output"
fi
finish
