#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# raw_calls.sh - system calls that a Windows program issues itself: under stock Wine they reach
# Linux, under a kernel each reaches the kernel's row or is refused as a Windows call.
. "$(dirname "$0")/library.sh"
begin
keep_session

raw=$programs/raw_calls.exe
names='image memory top-down-memory high-memory high-image protected-memory exception-handler apc callback window-services
    tls-callback fiber registers stepping arguments linux-numbers gates threads'
getpid=39

# What the raw getpid of a program answers, whose process is known.
"$stock_wine" "$raw" linux "$getpid" >"$work/linux" 2>/dev/null </dev/null &
process=$!
background+=("$process")
wait "$process"
equal 'under stock Wine a raw getpid reaches Linux' "$(printf '%x' "$process")" \
    "$(tr -d '\r' <"$work/linux")"

# checks OPTIONS...: all of them in one process, each judged by itself.
checks()
{
    local name results

    results=$(kernel raw "$@" "$raw" checks 2>&1 | tr -d '\r')
    for name in $names; do
        assertions=$((assertions + 1))
        grep -qx "$name ok" <<<"$results" || fail "$name ($*): $results"
    done
}
checks
checks --registry off
checks --profile strict

# Code of 32 bits can get at Linux by other doors; `syscall` there is AMD's alone.
doors=gate
grep -q AuthenticAMD /proc/cpuinfo && doors='gate syscall'
for door in $doors; do
    contains "under stock Wine 32-bit code reaches Linux ($door)" 'Linux was reached' \
        "$(stock "$raw" 32-bit "$door" 2>/dev/null)"
    lacks "under a kernel it does not ($door)" 'Linux was reached' \
        "$(kernel raw "$raw" 32-bit "$door" 2>/dev/null)"
done
equal 'under stock Wine a high image makes Linux calls' ffffffffffffffda \
    "$(stock "$programs/high_image.exe" 2>/dev/null | tr -d '\r')"
lines=$(kernel raw "$programs/high_image.exe" 2>&1)
equal 'a program that is linked for a high address does not start' 125 "$?"
contains 'and it is said why' 'wants to lie at 0x7ffd40000000' "$lines"

# Layouts in which native code would lie low, or always at one place.
with_layout()
{
    local result

    result=$(ulimit -s "$1" && setarch "${@:2}" bash -c '"$@"' layout \
        "$pwk_wine" --kernel raw "$raw" checks image memory 2>&1 | tr -d '\r')
    equal "with ulimit -s $1, setarch ${*:2}" $'image ok\nmemory ok' "$result"
}
if (ulimit -s unlimited) 2>/dev/null; then
    with_layout unlimited x86_64
    # The loader believes that it has tried enough: the trap cannot work there, and says so.
    lines=$( (ulimit -s unlimited && PWK_LAYOUT_TRIES=99 kernel raw "$raw" checks image) 2>&1)
    equal 'a kernel whose trap cannot work does not start' 125 "$?"
    contains 'and says why' 'cannot be told apart' "$lines"
fi
with_layout "$(ulimit -s)" x86_64 -L
with_layout "$(ulimit -s)" x86_64 -R
with_layout "$(ulimit -s)" x86_64 -X
equal 'with SIGSYS blocked from birth' 'image ok' \
    "$(env --block-signal=SYS "$pwk_wine" --kernel raw "$raw" checks image 2>&1 | tr -d '\r')"

ok 'eight threads' kernel raw "$raw" threads 8 100000

# The same rows: a value that only this kernel has.
kernel raw reg.exe add 'HKLM\Software\pwk-raw' /v Place /d kernel /f >/dev/null 2>&1
equal 'a raw call finds what the kernel has' kernel \
    "$(kernel raw "$raw" registry 'Software\pwk-raw' Place 2>/dev/null | tr -d '\r')"
equal 'and in no other kernel' FAILED \
    "$(kernel other "$raw" registry 'Software\pwk-raw' Place 2>/dev/null | tr -d '\r')"

# A refusal is counted and recorded, but a flood of them is not written out.
kernel refused --stats "$raw" linux 0x3ffe >"$work/refused" 2>"$work/refused.stats"
equal 'an unknown number is refused' c000001c "$(tr -d '\r' <"$work/refused")"
records=$(grep -h native_call "$WINEPREFIX/pwk/kernels/refused/audit.jsonl")
contains 'the record has the number' '"number":"0x3ffe"' "$records"
contains 'the record is a denial' '"verdict":"denied"' "$records"
kernel refused "$raw" 32-bit gate >/dev/null 2>&1
matches 'another door than Windows has' 'number=0x4 [^'$'\n'']*not a Windows system call' \
    "$("$pwkctl" audit refused)"
matches 'the refusal is counted' 'denials[^0-9]*1' "$(cat "$work/refused.stats")"
finish
