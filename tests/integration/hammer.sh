#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# hammer.sh - eight processes at once on one kernel's registry: each checks every answer it gets,
# some are killed at random moments and begin again, and in the end all of it is right and whole.
. "$(dirname "$0")/library.sh"
begin
keep_session

writers=8 rounds=${PWK_HAMMER_ROUNDS:-150} kills=${PWK_HAMMER_KILLS:-25}
hammer=$programs/hammer.exe
ok 'the kernel is there' kernel h "$programs/process_probe.exe" status 0
"$pwkctl" registry h ls 'HKLM\System' -r >"$work/system.before"
ok 'there is something to be left alone' test -s "$work/system.before"

# start NUMBER ROUNDS: in processes[NUMBER].
start()
{
    "$pwk_wine" --kernel h "$hammer" run "$1" "$2" >"$work/out.$1" 2>"$work/errors.$1" &
    processes[$1]=$!
    background+=("$!")
}

# --- the last three are killed and begin again, while the others work without end ---
for ((number = 0; number < writers; number++)); do
    start "$number" 0
done
for ((number = 0; number < writers; number++)); do
    until_true 30 test -s "$work/out.$number" ||
        die "writer $number does not begin: $(cat "$work/errors.$number")"
done
for ((kill = 0; kill < kills; kill++)); do
    number=$((writers - 3 + kill % 3))
    sleep "0.0$((RANDOM % 90 + 10))"
    mapfile -t victims < <(kernel_processes_of "hammer.exe run $number ")
    equal "kill $kill: writer $number is one process" 1 "${#victims[@]}"
    kill -KILL "${victims[@]}" 2>/dev/null
    wait "${processes[$number]}" 2>/dev/null
    equal "kill $kill: writer $number was killed at work" "137 " \
        "$? $(cat "$work/errors.$number")"
    ok "kill $kill: what writer $number left is whole" kernel h "$hammer" check "$number"
    # What nobody touches is listed whole, however much comes and goes elsewhere.
    "$pwkctl" registry h ls 'HKLM\System' -r >"$work/system.now"
    ok "kill $kill: the rest is as it was" cmp "$work/system.before" "$work/system.now"
    start "$number" 0
    until_true 30 test -s "$work/out.$number" || die "writer $number does not begin again"
done
for ((number = 0; number < writers; number++)); do
    equal "writer $number found nothing wrong" '' "$(cat "$work/errors.$number")"
done
mapfile -t victims < <(kernel_processes_of hammer.exe)
for ((number = 0; number < writers; number++)); do
    equal "writer $number is still at work" 1 \
        "$(kernel_processes_of "hammer.exe run $number " | wc -l)"
done
kill -KILL "${victims[@]}" 2>/dev/null
wait "${processes[@]}" 2>/dev/null

# --- nobody is left: the store is opened as it is, and all eight run to their end ---
until_true 30 none_is_left_of hammer.exe || fail 'a killed process is still there'
for ((number = 0; number < writers; number++)); do
    ok "after all were killed: writer $number" kernel h "$hammer" check "$number"
done
for ((number = 0; number < writers; number++)); do
    start "$number" "$rounds"
done
for ((number = 0; number < writers; number++)); do
    until_true 120 test ! -e "/proc/${processes[$number]}" || fail "writer $number hangs"
    wait "${processes[$number]}"
    equal "writer $number ends well" '0 ' "$? $(cat "$work/errors.$number")"
done
ok 'the shared key has what all have written' kernel h "$hammer" count "$writers" "$rounds"
equal 'the kernel differs by nothing but that' 'HKEY_CURRENT_USER\Software\pwk-hammer' \
    "$("$pwkctl" registry h diff | sed -n 's/^. \[\(.*pwk-hammer\).*/\1/p; t; s/^. \[/other &/p' |
        sort -u)"

# --- the store itself ---
until_true 30 none_is_left_of hammer.exe || fail 'a process is left'
ok 'the store is whole' python3 - "$WINEPREFIX/pwk/kernels/h/store/registry.db" <<'PYTHON'
import sqlite3, sys
store = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
found = store.execute("PRAGMA integrity_check").fetchall()
assert found == [("ok",)], found
assert store.execute("SELECT count(*) FROM keys WHERE id <> 1 AND parent NOT IN"
                     " (SELECT id FROM keys)").fetchone() == (0,)
assert store.execute("SELECT count(*) FROM key_values WHERE key NOT IN"
                     " (SELECT id FROM keys)").fetchone() == (0,)
PYTHON
finish
