#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# demonstration.sh - what `./bootstrap run` shows: each part of pwk at work, with the real build
# and real Windows programs, in plain sentences. Status 0 only where all of it is true.
. "$(dirname "$0")/library.sh"

export WINEPREFIX=$PWK_BUILDDIR/demo-prefix
key='HKCU\Software\pwk-demonstration'
step=0
untrue=0

# As users have it: in a session of the kernel's own.
kernel()
{
    local name=$1
    shift
    within 120 "$pwk_wine" --kernel "$name" "$@"
}

# show WHAT: a new step.
show()
{
    step=$((step + 1))
    printf '\n%d. %s\n' "$step" "$*"
}

# true_that SENTENCE COMMAND...
true_that()
{
    local sentence=$1
    shift
    if "$@"; then
        printf '   yes: %s\n' "$sentence"
    else
        printf '   NO:  %s\n' "$sentence"
        untrue=$((untrue + 1))
    fi
}

quiet()
{
    "$@" >/dev/null
}

same()
{
    [ "$1" = "$2" ] || {
        printf '        expected "%s", got "%s"\n' "$1" "$2"
        return 1
    }
}

indent()
{
    sed 's/^/        /' | tr -d '\r'
}

# A kernel's own session ends some seconds after its last program.
kernel_stopped()
{
    tail -n 2 "$WINEPREFIX/pwk/kernels/demo-green/audit.jsonl" | grep -q '"verdict":"stopped"'
}

stop_programs()
{
    local process

    for process in "${background[@]}"; do
        is_child "$process" && kill "$process" 2>/dev/null
    done
    stop_prefix "$WINEPREFIX"
    rm -rf "$work"
}

[ -x "$pwk_wine" ] || die "$pwk_wine is not built: run ./bootstrap build"
find_stock_wine
mkdir -p "$work"
trap stop_programs EXIT
trap 'exit 1' INT TERM HUP

echo "pwk runs each Windows program under a process kernel of its own. This shows it with"
echo "$("$stock_wine" --version) and the Wine prefix $WINEPREFIX."

show 'A kernel boots, with a real Windows program in it (reg.exe), and a value is written.'
for name in demo-green demo-blue; do
    [ ! -d "$WINEPREFIX/pwk/kernels/$name" ] || "$pwkctl" remove "$name" >/dev/null
done
# What an earlier demonstration left in the prefix.
[ ! -e "$WINEPREFIX/system.reg" ] || stock reg.exe delete "$key" /f >/dev/null 2>&1
true_that 'kernel demo-green runs reg.exe add' \
    quiet kernel demo-green reg.exe add "$key" /v colour /d green /f
hold session "$stock_wine" "$programs/process_probe.exe" wait
held_says session 1 ready

show 'Who sees the value?'
true_that 'a later program of demo-green does' \
    same green "$(query kernel demo-green -- "$key" colour)"
true_that "so does a program's child (cmd.exe starts reg.exe)" \
    same green "$(kernel demo-green cmd.exe /c reg query "$key" /v colour | tr -d '\r' |
        sed -n 's/^ *colour *REG_SZ *//p')"
true_that 'kernel demo-blue does not' same '' "$(query kernel demo-blue -- "$key" colour)"
true_that 'stock Wine in the same prefix does not' same '' "$(query stock -- "$key" colour)"

show "The kernel's registry is a layer over the prefix's."
true_that 'stock Wine writes a value to the prefix' \
    quiet stock reg.exe add "$key" /v shape /d round /f
true_that 'demo-green sees it' same round "$(query kernel demo-green -- "$key" shape)"
true_that 'demo-green changes it for itself' \
    quiet kernel demo-green reg.exe add "$key" /v shape /d square /f
true_that 'stock Wine still has its own' same round "$(query stock -- "$key" shape)"
true_that 'demo-blue sees the prefix' same round "$(query kernel demo-blue -- "$key" shape)"
true_that 'demo-blue deletes the key for itself' \
    quiet kernel demo-blue reg.exe delete "$key" /f
true_that 'it is gone there' same '' "$(query kernel demo-blue -- "$key" shape)"
true_that 'and nowhere else' same round "$(query stock -- "$key" shape)"
echo "   What demo-green's programs did, pwkctl registry demo-green diff:"
"$pwkctl" registry demo-green diff | tee "$work/diff" | indent
true_that 'it shows the value that was added' grep -qP '^\+   colour\tsz\tgreen$' "$work/diff"
true_that "it shows the kernel's shape in place of the prefix's" \
    grep -qP '^\+   shape\tsz\tsquare$' "$work/diff"
"$pwkctl" registry demo-green check | tee "$work/check" | indent
true_that 'the store is in order: pwkctl registry demo-green check' \
    grep -q '^in order' "$work/check"

show "Its files are a layer too: what a program does to drive C: stays in its kernel."
true_that 'demo-green writes C:\demo.txt' \
    quiet kernel demo-green cmd.exe /c 'echo green> c:\demo.txt'
true_that 'a later program of demo-green reads it' \
    same green "$(kernel demo-green cmd.exe /c 'type c:\demo.txt' | tr -d '\r')"
true_that 'demo-blue has no such file' \
    same '' "$(kernel demo-blue cmd.exe /c 'type c:\demo.txt' 2>/dev/null | tr -d '\r')"
true_that 'nor has the prefix' test ! -e "$WINEPREFIX/drive_c/demo.txt"
echo '   pwkctl files demo-green diff:'
"$pwkctl" files demo-green diff | tee "$work/files" | indent
true_that 'it shows the file' grep -q 'demo\.txt' "$work/files"

show 'A system call that a program issues itself: number 39, which is getpid on Linux.'
true_that "under stock Wine it reaches Linux, and tells the process's number there" \
    test "$(stock "$programs/raw_calls.exe" linux 39 2>/dev/null | tr -d '\r')" != c000001c
kernel demo-green --stats "$programs/raw_calls.exe" checks 2>"$work/stats" | tr -d '\r' \
    >"$work/raw"
indent <"$work/raw"
true_that 'under a kernel all of them are calls of Windows, or refused as such' \
    test "$(grep -c ' ok$' "$work/raw")" = "$(grep -c . "$work/raw")"

show 'Two Windows versions, side by side in one prefix.'
hold seven "$pwk_wine" --kernel demo-green --windows 7 "$programs/print_version.exe" hold
hold eleven "$pwk_wine" --kernel demo-blue --windows 11 "$programs/print_version.exe" hold
held_says seven 1 end
held_says eleven 1 end
echo '   --windows 7 prints:'
sed '/^end/,$d' "$work/seven.out" | indent
echo '   --windows 11 prints:'
sed '/^end/,$d' "$work/eleven.out" | indent
true_that 'one sees Windows 7' grep -q '^RtlGetVersion 6\.1\.' "$work/seven.out"
true_that 'the other sees Windows 11' grep -q '^RtlGetVersion 10\.0\.2[2-9]' "$work/eleven.out"

show 'What runs now: pwkctl ps.'
"$pwkctl" ps | tee "$work/ps" | indent
true_that 'both programs are listed' \
    same 2 "$(grep -c 'print_version.exe' "$work/ps")"
go_on seven
go_on eleven
wait "${held[seven]}" "${held[eleven]}"

show "The kernel's statistics: pwk-wine --stats reg.exe query."
kernel demo-green --stats reg.exe query "$key" >/dev/null 2>"$work/stats"
indent <"$work/stats"
true_that 'service calls were counted' grep -q 'yscalls intercepted[^0-9]*[1-9]' "$work/stats"

show "The kernel's registry from outside: pwkctl registry demo-green get '$key'."
"$pwkctl" registry demo-green get "$key" | tee "$work/values" | indent
true_that 'the value is in it' grep -q 'colour.*green' "$work/values"

show 'The audit log of demo-green ends with:'
until_true 30 kernel_stopped
tail -n 2 "$WINEPREFIX/pwk/kernels/demo-green/audit.jsonl" | tee "$work/audit" | indent
true_that "it has the kernel's stop" grep -q stop "$work/audit"

echo
if [ "$untrue" != 0 ] || [ "$failures" != 0 ]; then
    echo "$((untrue + failures)) of these did not come out true."
    exit 1
fi
echo 'All of it came out true. Try a program of your own: ./bootstrap run PROGRAM ARGUMENTS'
