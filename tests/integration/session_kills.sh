#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# session_kills.sh - own sessions whose launcher, first process, wineserver or program is killed
# (SIGKILL) at a random point: afterwards nothing of them is left on the machine, and what programs
# were told is written is there. In: PWK_SESSION_KILLS (how many; `make check-sessions` takes 500),
# PWK_SESSION_SEED.
. "$(dirname "$0")/library.sh"
begin
needs_namespaces

rounds=${PWK_SESSION_KILLS:-40}
RANDOM=${PWK_SESSION_SEED:-$$}
say "seed ${PWK_SESSION_SEED:-$$}"
kernels=(a b c)
victims=(launcher init wineserver program launcher-early)
key='HKCU\Software\pwk-test'
kills=0
declare -A killed

# process_of INIT PATTERN: one process of the session whose command line matches.
process_of()
{
    local namespace process found=()

    namespace=$(readlink "/proc/$1/ns/pid_for_children") || return
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/ns/pid" 2>/dev/null)" = "$namespace" ] &&
            tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q "$2" &&
            found+=("${process#/proc/}")
    done
    [ ${#found[@]} -gt 0 ] && echo "${found[RANDOM % ${#found[@]}]}"
}

pause()
{
    sleep "$(printf '0.%03d' $((RANDOM % $1)))"
}

# One session: a file and now and then a value is written, told, and something is killed.
one_round()
{
    local round=$1 kernel=${kernels[RANDOM % ${#kernels[@]}]} init victim process command
    local what=${victims[RANDOM % ${#victims[@]}]}

    command="echo $round> c:\\r$round.txt"
    [ $((round % 4)) = 0 ] && command="$command & reg.exe add $key /v r$round /d y /f >nul"
    hold "r$round" "$pwk_wine" --kernel "$kernel" --session own cmd.exe /c \
        "$command & echo told& $(windows_path "$programs/process_probe.exe") wait"
    if [ "$what" = launcher-early ]; then
        pause 900
    else
        until_true 60 held_said "r$round" 1 ready || fail "round $round has not come to its wait"
        pause 100
    fi
    init=$(session_init "$kernel")
    case $what in
    launcher*) victim=${held[r$round]} ;;
    init) victim=$init ;;
    wineserver) victim=$(process_of "$init" wineserver) ;;
    program) victim=$(process_of "$init" 'process_probe') ;;
    esac
    if [ -n "$victim" ] && kill -KILL "$victim" 2>/dev/null; then
        kills=$((kills + 1))
        killed[$what]=$((${killed[$what]:-0} + 1))
    fi
    go_on "r$round"
    process=${held[r$round]}
    until_true 20 process_is_gone "$process" ||
        fail "round $round: the launcher does not end though its $what was killed"
    wait "$process" 2>/dev/null
    held_said "r$round" 1 told && told+=("$kernel $round")
    exec {held_input[r$round]}>&-
    rm -f "$work/r$round.in" "$work/r$round.out" "$work/r$round.err"
}

process_is_gone()
{
    ! kill -0 "$1" 2>/dev/null || grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null
}

# Whose environment says that they are of this test: what keeps a namespace, where no mount does.
processes_left()
{
    local process

    for process in /proc/[0-9]*; do
        [ "${process#/proc/}" != $$ ] && [ "$(readlink "$process/exe")" != "$BASH" ] &&
            tr '\0' '\n' <"$process/environ" 2>/dev/null | grep -qxF "XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR" &&
            echo "${process#/proc/}"
    done
}

mounts()
{
    grep -F "$work" /proc/self/mountinfo
}

told=()
mounts_before=$(mounts)
for ((i = 1; i <= rounds; i++)); do
    one_round "$i"
done 2>/dev/null
say "killed: $(for name in "${!killed[@]}"; do printf '%s %s, ' "$name" "${killed[$name]}"; done)"
[ "$kills" -ge $((rounds * 3 / 4)) ] || fail "only $kills of $rounds kills hit something"

# --- nothing is left ---
for kernel in "${kernels[@]}"; do
    [ -d "$WINEPREFIX/pwk/kernels/$kernel" ] || continue
    until_true 60 session_is_over "$kernel" || fail "the session of $kernel does not end"
    ok "$kernel: no lock is left" flock --nonblock "$(session_folder "$kernel")/session.lock" true
done
equal 'no process is left, and no namespace by one' '' "$(processes_left 2>/dev/null)"
equal 'no mount is left' "$mounts_before" "$(mounts)"
equal 'no socket is left' '' "$(grep -F "$work" /proc/net/unix)"
equal 'no folder of a wineserver of the prefix' '' \
    "$(find /tmp -maxdepth 2 -name "server-*-$(printf %x "$(stat -c %i "$WINEPREFIX")")" 2>/dev/null)"
equal 'nothing else in the run-time folders' '' "$(find "$XDG_RUNTIME_DIR/pwk" -mindepth 2 \
    ! -path '*/prefix-*/*' \
    ! -name 'session.lock' ! -name 'session.init' ! -name 'processes-*' ! -name 'audit*')"

# --- nothing is damaged ---
for kernel in "${kernels[@]}"; do
    [ -d "$WINEPREFIX/pwk/kernels/$kernel" ] || continue
    ok "$kernel: the store is in order" "$pwkctl" registry "$kernel" check
    kernel "$kernel" --session own cmd.exe /c 'dir /b c:\r*.txt' 2>/dev/null | tr -d '\r' |
        sort >"$work/files.$kernel"
    kernel "$kernel" --session own reg.exe query "$key" 2>/dev/null | tr -d '\r' >"$work/values.$kernel"
done
missing=
for entry in "${told[@]}"; do
    read -r kernel round <<<"$entry"
    grep -qx "r$round.txt" "$work/files.$kernel" || missing="$missing $kernel/r$round.txt"
    [ $((round % 4)) != 0 ] || grep -q "^ *r$round " "$work/values.$kernel" ||
        missing="$missing $kernel:r$round"
done
equal "what ${#told[@]} programs were told is written is there" '' "$missing"
[ "${#told[@]}" -gt $((rounds / 3)) ] || fail "only ${#told[@]} programs got to write"
finish
