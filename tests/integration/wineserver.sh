#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# wineserver.sh - an own session's wineserver is under a Linux policy of its own, which refuses what
# it has no use for, and has the capability that keeps its clients out; it serves debuggers all the
# same; and a WINESERVER that cannot be put under the policy is refused.
. "$(dirname "$0")/library.sh"
begin
needs_namespaces

probe=$programs/process_probe.exe

filters()
{
    sed -n 's/^\(NoNewPrivs\|Seccomp\|Seccomp_filters\):\t/\1 /p' "/proc/$1/status" | tr '\n' ' '
}

# called_in PROCESS CALL...: what becomes of calls there, one word each. CALL: number and arguments.
called_in()
{
    local process=$1 call
    shift
    for call in "$@"; do
        # shellcheck disable=SC2086 # words
        "$PWK_BUILDDIR/tests/integration/call_in" "$process" $call 2>&1
    done | tr '\n' ' '
}

hold served "$pwk_wine" --kernel served --session own "$probe" wait
held_says served 1 ready
server=$(session_processes "$(session_init served)" | while read -r process; do
    case $(readlink "/proc/$process/exe") in */wineserver*) echo "$process" ;; esac
done)
equal 'an own session has one wineserver' 1 "$(wc -w <<<"$server")"
equal 'wineserver is under its policy and the calls that the session refuses' \
    'NoNewPrivs 1 Seccomp 2 Seccomp_filters 2 ' "$(filters "$server")"
matches 'and has the one capability that its clients lack' '^CapPrm:.0000001000000000$' \
    "$(grep CapPrm "/proc/$server/status")"
# getppid, which is the session's first process; dup of no descriptor.
equal 'its own calls are made there' '1 -9 ' "$(called_in "$server" 110 '32 -1')"
# execve, execveat, vfork, unshare, mount, process_vm_writev, keyctl, bpf, io_uring_setup,
# memfd_create, chroot, setns, an AF_ALG socket, a clone with a namespace, modify_ldt.
equal 'others are refused' '-1 -1 -1 -1 -1 -1 -1 -1 -38 -1 -1 -1 -97 -1 -1 ' \
    "$(called_in "$server" '59 0 0 0' '322 0 0 0 0 0' 58 '272 0' 165 311 250 321 425 319 161 \
        308 '41 38 5' '56 0x10000011' 154)"
# Wine has it read and write other processes' memory, by ptrace.
own served "$probe" debug status 6 2>"$work/said"
status=$?
equal "it serves who looks into a child ($(tail -n 1 "$work/said"))" 6 $status
go_on served
wait "${held[served]}"

# A script is put under no policy: Debian's has its binary beside it, others are refused.
mkdir "$work/other"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$stock_server" >"$work/other/wineserver"
chmod +x "$work/other/wineserver"
said=$(WINESERVER=$work/other/wineserver own scripted "$probe" status 0 2>&1 >/dev/null)
equal 'a WINESERVER that is a script: nothing runs' 1 $?
contains 'and one line says why' "$work/other/wineserver is a script" "$said"
ok 'in the shared session it is started' env WINESERVER="$work/other/wineserver" \
    "$pwk_wine" --kernel shared --session shared "$probe" status 0
ok 'a WINESERVER that is a binary is started' env WINESERVER="$stock_server" \
    "$pwk_wine" --kernel binary --session own "$probe" status 0
finish
