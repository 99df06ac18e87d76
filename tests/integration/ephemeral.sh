#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# ephemeral.sh - a throw-away kernel's state goes when its last process ends, also after kill -9.
. "$(dirname "$0")/library.sh"
begin

kernels=$WINEPREFIX/pwk/kernels
key='HKCU\Software\pwk-test'

no_kernel()
{
    [ -z "$(ls -A "$kernels" 2>/dev/null)" ]
}

one_kernel()
{
    [ "$(ls "$kernels" 2>/dev/null | wc -l)" = 1 ]
}

# throw_away [OPTIONS] PROGRAM...
throw_away()
{
    within 120 "$pwk_wine" --ephemeral "$@"
}

ok 'a program runs' throw_away reg.exe add "$key" /v x /d 1 /f
ok 'its state is gone afterwards' until_true 10 no_kernel
equal 'the next one starts anew' '' "$(query throw_away -- "$key" x)"
ok 'and is gone too' until_true 10 no_kernel

# Its own children share it.
equal 'a child sees what the parent wrote' 1 "$(throw_away cmd.exe /c \
    "reg add $key /v x /d 1 /f >nul && reg query $key /v x" | tr -d '\r' |
    sed -n 's/^ *x *REG_SZ *//p')"
ok 'gone after children' until_true 10 no_kernel

# start_held NAME [OPTIONS]: a throw-away kernel with a program that waits.
start_held()
{
    local name=$1
    shift
    hold "$name" "$pwk_wine" --ephemeral "$@" "$programs/process_probe.exe" wait
    held_says "$name" 1 ready
    ok 'while it runs its state is there' one_kernel
}

start_held killed
mapfile -t processes < <(loader_processes)
kill -KILL "${held[killed]}" "${processes[@]}" 2>/dev/null
wait "${held[killed]}" 2>/dev/null
ok 'gone after kill -9 of every process' until_true 10 no_kernel

start_held named --kernel named
ok 'a name may be given' test -d "$kernels/named"
equal 'others of that name take part' '' "$(query kernel named -- "$key" x)"
ok 'and the state is there until the last one ends' test -d "$kernels/named"
go_on named
wait "${held[named]}"
ok 'gone after the last one' until_true 10 no_kernel

# Whoever removes it may be killed at any of its steps: the next start does the rest.
if strace -f -b execve -o /dev/null -e inject=setns:signal=KILL:when=1 true 2>/dev/null; then
    for point in unlinkat:1 unlinkat:4 unlinkat:9 rmdir:1 rmdir:2; do
        within 120 strace -f -b execve -qq -o "$work/trace" -e trace="${point%:*}" \
            -e "inject=${point%:*}:signal=KILL:when=${point#*:}" \
            "$pwk_wine" --ephemeral "$programs/process_probe.exe" status 0
        ok "killed at $point" grep -q 'killed by SIGKILL' "$work/trace"
    done
    ok 'another start' throw_away "$programs/process_probe.exe" status 0
    ok 'nothing is left of any' until_true 10 no_kernel
    equal 'nor run-time folders' '' "$(find "$XDG_RUNTIME_DIR/pwk" -name 'ephemeral-*')"
fi

# A lasting kernel is not taken along.
ok 'a lasting kernel' kernel lasting reg.exe add "$key" /v x /d 1 /f
ok 'a throw-away one beside it' throw_away reg.exe add "$key" /v x /d 2 /f
ok 'only the throw-away one goes' until_true 10 one_kernel
equal 'the lasting one keeps its values' 1 "$(query kernel lasting -- "$key" x)"
finish
