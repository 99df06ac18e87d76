#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# registry_tools.sh - pwkctl's tools on a real kernel's registry: check and repair of damaged files,
# import that is killed, hives and prefixes in and out, JSON.
. "$(dirname "$0")/library.sh"
begin
keep_session

key='HKCU\Software\pwk-test'
full='HKEY_CURRENT_USER\Software\pwk-test'
store=$WINEPREFIX/pwk/kernels/a/store

registry()
{
    within 60 "$pwkctl" registry "$@"
}

# noise BLOCK COUNT [FILE]: overwrites pages with random bytes.
noise()
{
    dd if=/dev/urandom of="${3:-$store/registry.db}" bs=4096 seek="$1" count="$2" conv=notrunc \
        2>/dev/null
}

ok 'a kernel is made' kernel a cmd.exe /c exit 0
ok 'a value' "$pwkctl" registry a set "$key" text 'kept'

# --- check ---
matches 'a store in order' '^in order: [0-9]+ keys, [0-9]+ values$' "$(registry a check)"
ok 'its status' "$pwkctl" registry a check
ok 'nothing to repair' "$pwkctl" registry a check --repair
for words in 'check --mend' 'check a' 'check --repair a' 'import' 'import --at' \
    'export --format regf file' 'get HKCU a b' 'ls HKCU --xml'; do
    # shellcheck disable=SC2086 # words
    registry a $words >/dev/null 2>&1
    equal "wrong usage: $words" 2 "$?"
done
registry nobody check 2>"$work/error"
equal 'a kernel that is not there' '1 1' "$? $(wc -l <"$work/error")"

# --- refused while programs run ---
hold program kernel a "$programs/process_probe.exe" wait
held_says program 1 ready
ok 'a check beside a running program' "$pwkctl" registry a check
registry a check --repair 2>"$work/error"
equal 'a repair is refused' 1 "$?"
contains 'and says why' 'end them first' "$(cat "$work/error")"
go_on program
wait "${held[program]}"

# --- while it works ---
# It waits for the store's own lock, and has what keeps sessions from beginning.
sessions_are_held_off()
{
    grep -q "OFDLCK .*:$(stat -c %i "$store/../session.up" 2>/dev/null || echo none) " /proc/locks
}
hold other flock "$store/registry.coherence" sh -c 'echo ready; read -r line'
held_says other 1 ready
fails 'no session is held off' sessions_are_held_off
hold repairs "$pwkctl" registry a check --repair
ok 'no session begins during a repair' until_true 8 sessions_are_held_off
go_on other
ok 'it goes on' wait "${held[repairs]}"

# --- repair ---
registry a export 'HKLM\Software' "$work/before.reg"
pages=$(($(stat -c %s "$store/registry.db") / 4096))
cp "$store/registry.db" "$work/sound.db"
noise 0 1
registry a check >"$work/output" 2>"$work/error"
equal 'damage is found' 1 "$?"
matches 'one line a finding' '.' "$(cat "$work/output")"
contains 'and what to do' "pwkctl registry a check --repair" "$(cat "$work/error")"
kernel a cmd.exe /c exit 0 >/dev/null 2>"$work/error"
contains 'programs are told, too' 'check --repair' "$(cat "$work/error")"
ok 'it is repaired' "$pwkctl" registry a check --repair
ok 'and in order' "$pwkctl" registry a check
registry a export 'HKLM\Software' "$work/after.reg"
ok 'a lost first page costs nothing' cmp "$work/before.reg" "$work/after.reg"
equal 'nor the value' kept "$(registry a get "$key" text)"
equal 'the damaged file is kept' 1 "$(find "$store" -name 'registry.db.damaged-*[0-9]' | wc -l)"
ok 'programs run again' kernel a cmd.exe /c exit 0
noise $((pages / 2)) 8
ok 'pages in the middle' "$pwkctl" registry a check --repair
ok 'in order' "$pwkctl" registry a check
ok 'programs run' kernel a cmd.exe /c exit 0
truncate -s $((pages * 4096 * 3 / 4)) "$store/registry.db"
ok 'the end is cut off' "$pwkctl" registry a check --repair
ok 'in order then' "$pwkctl" registry a check
truncate -s 0 "$store/registry.db"
rm -f "$store/registry.db-wal"
registry a check --repair >"$work/output" 2>"$work/error"
equal 'an empty file' 1 "$?"
contains 'cannot be repaired' 'has not been changed' "$(tail -n 1 "$work/error")"
rm -f "$store"/registry.db*
cp "$work/sound.db" "$store/registry.db"
ok 'a copy that is put back' "$pwkctl" registry a check

# --- import: all or nothing, also where it is killed ---
{
    printf 'REGEDIT4\n'
    for i in $(seq 200); do
        printf '\n[%s\\Big\\%s]\n' "$full" "$i"
        for j in $(seq 100); do printf '"value %s"="%s"\n' "$j" "$i"; done
    done
} >"$work/big.reg"
for pause in 0.01 0.02 0.03 0.05 0.08 0.12; do
    "$pwkctl" registry a import "$work/big.reg" &
    sleep "$pause"
    kill -KILL $! 2>/dev/null
    wait $! 2>/dev/null
    found=$(registry a ls "$key\\Big" 2>/dev/null | wc -l)
    matches 'all or nothing' '^(0|200)$' "$found"
    [ "$found" = 0 ] || printf 'REGEDIT4\n[-%s\\Big]\n' "$full" | registry a import -
done
ok 'a store in order' "$pwkctl" registry a check
ok 'all of it' "$pwkctl" registry a import "$work/big.reg"
equal '20,000 values' 20000 "$(registry a ls -r "$key\\Big" -v | grep -c '	sz	')"
printf 'REGEDIT4\n[%s\\First]\n"a"="1"\n[HKEY_LOCAL_MACHINE\\Hardware\\x]\n' "$full" \
    >"$work/bad.reg"
registry a import "$work/bad.reg" 2>"$work/error"
contains 'a mistake at the end is named' 'bad.reg:4:' "$(cat "$work/error")"
registry a get "$key\\First" >/dev/null 2>&1
equal 'and the beginning is not there' 1 "$?"

# --- hives ---
ok 'strings' "$pwkctl" registry a set "$key\\Small" list --type multi_sz one two 'three four'
ok 'a hive is written' "$pwkctl" registry a export --format regf "$key" "$work/test.hiv"
equal 'it is one' regf "$(head -c 4 "$work/test.hiv")"
registry a import "$work/test.hiv" 2>"$work/error"
equal 'a hive needs a place' 1 "$?"
contains 'which the line says' '--at KEY' "$(cat "$work/error")"
ok 'it is read' "$pwkctl" registry a import "$work/test.hiv" --at 'HKCU\Software\Copy'
registry a export "$key" "$work/one.reg"
registry a export 'HKCU\Software\Copy' "$work/two.reg"
equal 'and the same' "$(iconv -f UTF-16 -t UTF-8 "$work/one.reg" | sed 's/pwk-test/Copy/')" \
    "$(iconv -f UTF-16 -t UTF-8 "$work/two.reg")"
ok 'the text that stock Wine saves' "$pwkctl" registry a import --at 'HKCU\Software\Saved' \
    "$WINEPREFIX/user.reg"
matches 'goes there, too' 'Environment .*Software' \
    "$(registry a ls 'HKCU\Software\Saved' | tr '\n' ' ')"
head -c 5000 "$work/test.hiv" >"$work/cut.hiv"
registry a import "$work/cut.hiv" --at 'HKCU\Software\Cut' 2>"$work/error"
equal 'half a hive is none' '1 1' "$? $(wc -l <"$work/error")"
registry a get 'HKCU\Software\Cut' >/dev/null 2>&1
equal 'and nothing of it is there' 1 "$?"

# --- the registry of a prefix ---
ok 'a second kernel' kernel b cmd.exe /c exit 0
ok 'a value that it has not' "$pwkctl" registry b delete \
    'HKLM\Software\Microsoft\Windows NT\CurrentVersion' ProductName
ok 'a prefix is taken in' "$pwkctl" registry b import "$WINEPREFIX"
lacks 'and is there' 'ProductName' "$(registry b diff)"
ok 'a store in order' "$pwkctl" registry b check

# --- JSON ---
registry a get "$key\\Small" --json >"$work/get.json"
registry a get "$key\\Small" list --json >"$work/value.json"
registry a ls "$key" -rv --json >"$work/ls.json"
registry a ls 'HKLM\System' --json >"$work/links.json"
ok 'JSON' python3 - "$work" "$full" <<'PYTHON'
import json, sys
def load(name): return json.load(open(f"{sys.argv[1]}/{name}.json"))
value = {"value": "list", "type": "multi_sz", "type_number": 7,
         "data": ["one", "two", "three four"]}
assert load("value") == value
key = {"key": sys.argv[2] + "\\Small", "link": False, "volatile": False, "session": False,
       "values": [value]}
assert load("get") == [key]
listed = load("ls")
assert key in listed and len(listed) == 203, len(listed)
assert any(k["session"] for k in load("links"))
PYTHON
equal 'a multi_sz on one line' 'list	multi_sz	one\0two\0three four' \
    "$(registry a get "$key\\Small")"
finish
