#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# run.sh - stock Wine beside pwk-wine, in turn in one run: registry calls and process start, as a
# table in Markdown. Numbers are the best of all rounds. Warm starts, which differ by little on a
# machine that is never quite still, are made in pairs, the two sides in turn going first, and the
# median of the pairs' ratios is given as well.
#
#   run.sh [--quick]    --quick: one round of few calls, to see that it works
#
# "N at once": set and query of one value, in N processes of one kernel at once; the time is that
# of all of them together for a pair. Then large stores without Wine (bench_store.c), beside a small
# one; their bounds are in docs/performance.md.
#
# Last, native calls: what a trapped one costs beside the barest signal there and back, a rewritten
# place beside the stub, and what the trap adds to a Linux call beside other ways (bench_trap.c).
#
# And what a record of the audit log costs the thread that makes it, in processor time
# (bench_audit.c).
#
# In an own session, warm starts are made once as Linux places program and wineserver and once with
# everything on one processor: whether the two share one makes more of a difference, on both sides,
# than anything of ours, and Linux decides it anew from start to start.
#
# "warm": the prefix's session (wineserver, system processes) is up; "cold": it was ended before.
. "$(dirname "$0")/../integration/library.sh"

# start_pairs: of warm starts a round
rounds=5 count=2000 starts=5 start_pairs=20 pairs=20000 values=1000000 native=20000 records=100000
if [ "${1:-}" = --quick ]; then
    rounds=1 count=50 starts=1 start_pairs=2 pairs=200 values=10000 native=500 records=1000
elif [ $# -gt 0 ]; then
    die "unknown argument '$1'; the only one is --quick"
fi
begin

bench=$PWK_BUILDDIR/tests/bench/bench_registry.exe
[ -f "$bench" ] || die "$bench is not built"
declare -A best took

# keep SIDE NAME NANOSECONDS
keep()
{
    local slot="$1 $2"

    if [ -z "${best[$slot]:-}" ] ||
        awk -v new="$3" -v old="${best[$slot]}" 'BEGIN { exit !(new < old) }'; then
        best[$slot]=$3
    fi
}

run_side()
{
    case $1 in
    stock) stock "${@:2}" ;;
    pwk) kernel bench "${@:2}" ;;
    own) WINEPREFIX=$work/own-prefix kernel bench --session own "${@:2}" ;;
    esac
}

# Its session is over some seconds after its last program.
own_session_is_over()
{
    (
        export WINEPREFIX=$work/own-prefix
        session_is_over bench
    )
}

registry_calls()
{
    local name time

    run_side "$1" "$bench" "$count" >"$work/calls" || die "the bench fails on the side of $1"
    while read -r name time; do
        keep "$1" "$name" "${time%$'\r'}"
    done <"$work/calls"
}

# process_start SIDE NAME: the time from start to end of a program that does nothing.
process_start()
{
    local begin_time=$EPOCHREALTIME end_time

    run_side "$1" "$programs/process_probe.exe" status 0 </dev/null >/dev/null 2>&1 ||
        die "the program fails on the side of $1"
    end_time=$EPOCHREALTIME
    took[$1]=$(((${end_time/./} - ${begin_time/./}) * 1000))
    keep "$1" "$2" "${took[$1]}"
}

# start_pair SIDE SIDE: warm starts of both, and a line "STOCK PWK" in $work/pairs.
start_pair()
{
    process_start "$1" 'process start, warm'
    process_start "$2" 'process start, warm'
    echo "${took[stock]} ${took[pwk]}" >>"$work/pairs"
}

# own_pairs NAME: warm starts in an own session that is up and of stock Wine, in turn, each a line
# "STOCK PWK" in $work/NAME-pairs.
own_pairs()
{
    local side pair

    for side in stock own; do
        hold "$side.$1" run_side "$side" "$programs/process_probe.exe" wait
        held_says "$side.$1" 1 ready
    done
    for ((pair = 0; pair < rounds * start_pairs; pair++)); do
        process_start own 'process start, warm'
        process_start stock 'process start, warm'
        echo "${took[stock]} ${took[own]}" >>"$work/$1-pairs"
    done
    for side in stock own; do
        go_on "$side.$1"
        wait "${held[$side.$1]}"
    done
}

# best_of FIELD NAME: in milliseconds.
best_of()
{
    awk -v field="$1" '!best || $field < best { best = $field } END { printf "%.2f", best / 1e6 }' \
        "$work/$2-pairs"
}

# median_of EXPRESSION FORMAT [PAIRS]: of an awk expression over the pairs ($1: stock, $2: pwk).
median_of()
{
    awk "{ print $1 }" "$work/${3:-pairs}" | sort -g |
        awk -v format="$2" '{ all[NR] = $1 }
            END { printf format, (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2 }'
}

# together SIDE PROCESSES: all begin at one moment; the slowest counts.
together()
{
    local number name slowest=0 time

    for ((number = 0; number < $2; number++)); do
        name=together.$1.$2.$number.$round
        hold "$name" run_side "$1" "$programs/hammer.exe" time "$number" "$pairs"
    done
    for ((number = 0; number < $2; number++)); do
        held_says "together.$1.$2.$number.$round" 1 ready
    done
    for ((number = 0; number < $2; number++)); do
        go_on "together.$1.$2.$number.$round"
    done
    for ((number = 0; number < $2; number++)); do
        name=together.$1.$2.$number.$round
        wait "${held[$name]}" || die "$number of $2 processes fails: $(cat "$work/$name.err")"
        time=$(tr -d '\r' <"$work/$name.out" | tail -n 1)
        slowest=$(awk -v a="$slowest" -v b="$time" 'BEGIN { print (a > b ? a : b) }')
    done
    keep "$1" "set+query, $2 at once" "$(awk -v t="$slowest" -v n="$2" 'BEGIN { print t / n }')"
}

# The kernel and its snapshot are made before anything is timed.
run_side pwk "$programs/process_probe.exe" status 0 || die 'pwk-wine cannot run the bench'

for ((round = 0; round < rounds; round++)); do
    for ((start = 0; start < starts; start++)); do
        for side in stock pwk; do
            stop_prefix "$WINEPREFIX"
            process_start "$side" 'process start, cold'
        done
    done
done
# Own sessions over a prefix where no wineserver of the shared session runs: what such a one has not
# saved would be asked for at each start.
copy_prefix "$work/own-prefix"
run_side own "$programs/process_probe.exe" status 0 || die 'no own session for the bench'
for ((pair = 0; pair < rounds * 3; pair++)); do
    until_true 60 own_session_is_over || die 'the own session does not end'
    process_start own 'process start, cold'
    stop_prefix "$WINEPREFIX"
    process_start stock 'process start, cold'
    echo "${took[stock]} ${took[own]}" >>"$work/cold-pairs"
done
own_pairs own
until_true 60 own_session_is_over || die 'the own session does not end'
stop_prefix "$WINEPREFIX"
(
    taskset -pc "$(taskset -pc $BASHPID | sed 's/.*[ ,-]//')" $BASHPID >/dev/null || die 'taskset fails'
    own_pairs one
) || exit
stop_prefix "$WINEPREFIX"
keep_session
for ((round = 0; round < rounds; round++)); do
    for side in stock pwk; do
        registry_calls "$side"
    done
    for processes in 1 2 4 8; do
        for side in stock pwk; do
            together "$side" "$processes"
        done
    done
    for ((pair = 0; pair < start_pairs; pair++)); do
        if ((pair % 2)); then
            start_pair stock pwk
        else
            start_pair pwk stock
        fi
    done
done

# row NAME [SIDE]: microseconds for calls, milliseconds for starts, and stock over pwk.
row()
{
    awk -v name="$1" -v stock="${best[stock $1]:-0}" -v pwk="${best[${2:-pwk} $1]:-0}" \
        -v own="${2:+, in an own session}" 'BEGIN {
        unit = name ~ /^process/ ? "ms" : "µs"
        scale = unit == "ms" ? 1000000 : 1000
        printf "| %s%s | %.2f %s | %.2f %s | %.2f |\n", name, own, stock / scale, unit, pwk / scale, unit,
            (pwk > 0 ? stock / pwk : 0)
    }'
}

cat <<HEADER

Machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors, \
Linux $(uname -r), $("$stock_wine" --version), load $(cut -d ' ' -f 1 /proc/loadavg)
Date: $(date -u +%Y-%m-%d), best of $rounds rounds

| | stock Wine | pwk-wine | stock / pwk |
|---|---:|---:|---:|
HEADER
for name in RegQueryValueExA RegQueryValueExW RegOpenKeyEx+RegCloseKey RegSetValueEx RegEnumValue \
    create+close+delete NtQuerySystemTime 'set+query, 1 at once' 'set+query, 2 at once' \
    'set+query, 4 at once' 'set+query, 8 at once' 'process start, warm' 'process start, cold'; do
    row "$name"
done
row 'process start, warm' own
row 'process start, cold' own

cat <<FOOTER

Warm starts in $((rounds * start_pairs)) pairs: median $(median_of '$1 / 1e6' %.2f) ms and \
$(median_of '$2 / 1e6' %.2f) ms, median of the ratios stock / pwk $(median_of '$1 / $2' %.3f).
The same in an own session that is up: $(median_of '$1 / 1e6' %.2f own-pairs) ms and \
$(median_of '$2 / 1e6' %.2f own-pairs) ms, median $(median_of '$1 / $2' %.3f own-pairs).
The same with all, also both wineservers, on one processor: $(median_of '$1 / 1e6' %.2f one-pairs) ms \
and $(median_of '$2 / 1e6' %.2f one-pairs) ms, median $(median_of '$1 / $2' %.3f one-pairs); best \
$(best_of 1 one) ms and $(best_of 2 one) ms.
Cold starts with an own session in $((rounds * 3)) pairs: median \
$(median_of '$1 / 1e6' %.2f cold-pairs) ms and $(median_of '$2 / 1e6' %.2f cold-pairs) ms, median \
$(median_of '$1 / $2' %.3f cold-pairs); best $(best_of 1 cold) ms and $(best_of 2 cold) ms.
FOOTER

mkdir "$work/stores"
"$PWK_BUILDDIR/tests/bench/bench_store" "$work/stores" "$values" >"$work/stores.txt" ||
    die 'bench_store fails'
rm -rf "$work/stores"
echo
awk -v values="$values" '
    { time[$1] = $2 }
    function line(name, label) {
        printf "| %s | %.2f ms | %.2f µs | %.2f |\n", label, time[name "-open"] / 1000000,
            time[name "-read"] / 1000, time[name "-read"] / time["small-read"]
    }
    END {
        print "| store of | opens in | reads a value in | reading, beside the small one |"
        print "|---|---:|---:|---:|"
        line("small", "100 values")
        line("1000-keys", values " values in 1000 keys")
        line("one-key", values " values in one key")
    }' "$work/stores.txt"

# What is compared is measured in turn, and the best of all rounds counts.
printf '[syscalls]\nrewrite_sites = yes\n' >"$work/rewrite.ini"
for ((round = 0; round < rounds; round++)); do
    "$PWK_BUILDDIR/tests/bench/bench_trap" "$native" >"$work/native" || die 'bench_trap fails'
    kernel bench "$programs/raw_sites.exe" time "$native" >>"$work/native" ||
        die 'raw_sites fails'
    kernel bench --profile "$work/rewrite.ini" "$programs/raw_sites.exe" time "$native" |
        sed 's/^/rewritten-/' >>"$work/native" || die 'raw_sites fails with rewritten sites'
    while read -r name time; do
        keep native "$name" "${time%$'\r'}"
    done <"$work/native"
done

# native_row LABEL NAME BESIDE: nanoseconds, and how many times the other.
native_row()
{
    awk -v label="$1" -v time="${best[native $2]}" -v other="${best[native $3]}" \
        'BEGIN { printf "| %s | %.1f ns | %.2f |\n", label, time, time / other }'
}

cat <<HEADER

| native calls | time | beside |
|---|---:|---:|
HEADER
native_row 'a signal there and back (seccomp RET_TRAP)' trap-filter trap-filter
native_row 'the same by syscall user dispatch' trap-dispatch trap-filter
native_row 'a trapped NtQuerySystemTime, beside RET_TRAP' raw trap-filter
native_row 'its stub' stub stub
native_row 'a rewritten place, beside the stub' rewritten-raw rewritten-stub
native_row 'a Linux call' linux-bare linux-bare
native_row 'the same with the trap, beside it bare' linux-dispatch linux-bare
native_row 'with a filter of addresses in its place' linux-address-filter linux-bare
native_row 'with a filter of numbers, as policies are' linux-filter linux-bare
native_row 'with that and the trap' linux-both linux-bare

mkdir "$work/audit"
for level in decisions all; do
    for ((round = 0; round < rounds; round++)); do
        "$PWK_BUILDDIR/tests/bench/bench_audit" "$work/audit" "$records" "$level" \
            >"$work/audit.txt" || die 'bench_audit fails'
        while read -r name time dropped; do
            keep audit "$level $name" "$time"
        done <"$work/audit.txt"
    done
done
rm -rf "$work/audit"

# audit_row LABEL NAME: microseconds, with level decisions and all.
audit_row()
{
    awk -v label="$1" -v some="${best[audit decisions $2]}" -v all="${best[audit all $2]}" \
        'BEGIN { printf "| %s | %.2f µs | %.2f µs |\n", label, some / 1000, all / 1000 }'
}

cat <<HEADER

| audit, processor time | level decisions | level all |
|---|---:|---:|
HEADER
audit_row 'a record that is written at once by who makes it' single
audit_row 'a record that a thread writes' steady
audit_row 'one that finds no room' flood
audit_row 'a ring for a process that starts' join
audit_row 'and given back when it ends' leave
