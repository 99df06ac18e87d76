#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# statistics.sh - the counters are true: N more calls make the counter N higher; and the audit log
# has the kernel's start and stop.
. "$(dirname "$0")/library.sh"
begin
keep_session

calls=$programs/make_calls.exe

# counter NAME MODE COUNT: the counter after COUNT calls; the lowest of three runs, for what Wine
# does on its own account now and then is not the program's.
counter()
{
    local run value lowest=

    for run in 1 2 3; do
        value=$(kernel counted --stats "$calls" "$2" "$3" 2>&1 >/dev/null |
            sed -n "s,^.*$1[^0-9]*\([0-9][0-9]*\).*$,\1,p")
        if ! [[ $value =~ ^[0-9]+$ ]]; then
            echo "no '$1' in --stats"
            return
        fi
        if [ -z "$lowest" ] || [ "$value" -lt "$lowest" ]; then
            lowest=$value
        fi
    done
    echo "$lowest"
}

# grows NAME MODE PER-CALL: from 1000 to 2000 calls NAME grows by 1000 * PER-CALL.
grows()
{
    local small large

    small=$(counter "$1" "$2" 1000)
    large=$(counter "$1" "$2" 2000)
    if [[ $small =~ ^[0-9]+$ && $large =~ ^[0-9]+$ ]]; then
        equal "$1 after 1000 more calls ($2)" $((1000 * $3)) $((large - small))
    else
        fail "$1 ($2): $small, $large"
    fi
}

ok 'the kernel is made' kernel counted "$calls" registry 1
ok 'a call leaves the vector registers as they are' kernel counted "$calls" vectors 30
grows 'yscalls intercepted' registry 1
grows 'rrors' registry 0
grows 'rrors' errors 1
grows 'emory allocated' memory 65536
grows 'I/O operations' write 1
grows 'I/O operations' read 1
grows 'I/O operations' control 1
grows 'I/O operations' registry 0

# Children's calls are the kernel's too.
one=$(kernel counted --stats "$calls" errors 5000 2>&1 >/dev/null)
two=$(kernel counted --stats cmd.exe /c "$(windows_path "$calls") errors 5000" 2>&1 >/dev/null)
errors_one=$(sed -n 's/^.*rrors[^0-9]*\([0-9]*\).*$/\1/p' <<<"$one")
errors_two=$(sed -n 's/^.*rrors[^0-9]*\([0-9]*\).*$/\1/p' <<<"$two")
ok "a child's errors are counted ($errors_two after $errors_one)" \
    test "$errors_two" -ge "$errors_one"

# Nothing of --stats goes to standard output.
equal 'standard output with --stats' '[x]' \
    "$(kernel counted --stats "$programs/process_probe.exe" arguments x 2>/dev/null)"

# --- pwkctl sees a running program ---
hold seen "$pwk_wine" --kernel seen --windows 7 "$programs/process_probe.exe" wait
held_says seen 1 ready
table=$("$pwkctl" ps)
contains 'pwkctl ps names the kernel' seen "$table"
contains 'pwkctl ps names the program' process_probe.exe "$table"
go_on seen
wait "${held[seen]}"
lacks 'pwkctl ps after its end' process_probe.exe "$("$pwkctl" ps)"

# --- audit ---
log=$WINEPREFIX/pwk/kernels/audited/audit.jsonl
ok 'a kernel with a second log' kernel audited --audit "$work/second.jsonl" \
    "$programs/process_probe.exe" status 0
sleep 0.5
for file in "$log" "$work/second.jsonl"; do
    events=$("$PWK_BUILDDIR/tests/integration/check_json_lines" kernel event verdict <"$file")
    equal "$file is JSON Lines" 0 "$?"
    equal "$file" 'audited kernel started
audited process started
audited process ended
audited kernel stopped' "$events"
done
equal 'the log is private' 600 "$(stat -c %a "$log")"
lacks 'no registry data in it' HKEY "$(cat "$log")"
finish
