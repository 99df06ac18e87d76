#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# audit.sh - the audit log: its levels, the log that --audit names, what a killed process had
# recorded, and pwkctl audit with its filters, as text and JSON, also while it grows.
. "$(dirname "$0")/library.sh"
begin
keep_session

calls=$programs/make_calls.exe
probe=$programs/process_probe.exe
check=$PWK_BUILDDIR/tests/integration/check_json_lines

log_of()
{
    echo "$WINEPREFIX/pwk/kernels/$1/audit.jsonl"
}

# with_level LEVEL: writes a profile and names it.
with_level()
{
    printf '[audit]\nlevel = %s\n' "$1" >"$work/$1.ini"
    echo "$work/$1.ini"
}

# In a session of the kernel's own nobody can reach the log: its first process writes it.
own_sessions()
{
    local log before inside pid count

    ok 'a program of an own session' kernel own --session own "$probe" status 0
    log=$(log_of own)
    contains 'its records are there when pwk-wine ends' '"process","verdict":"ended"' \
        "$(cat "$log")"
    equal 'first of all the start of the kernel' 'kernel started' \
        "$("$check" event verdict <"$log" | head -n 1)"
    contains 'with its registry' '"registry":"overlay"' "$(head -n 1 "$log")"
    before=$(head -n 1 "$log")
    inside=$(tr / '\\' <<<"Z:$log")
    kernel own --session own cmd.exe /c "echo forged> $inside" >/dev/null 2>&1
    kernel own --session own cmd.exe /c "del $inside" >/dev/null 2>&1
    equal 'a program can neither write nor remove the log' "$before" "$(head -n 1 "$log")"
    lacks 'nothing of its making is in it' forged "$(cat "$log")"
    until_true 30 grep -q '"kernel","verdict":"stopped"' "$log" ||
        fail 'the end of the session is not in the log'
    equal 'one start and one end' 2 "$(grep -c '"event":"kernel"' "$log")"
    equal 'the end is the last' 'kernel stopped' "$("$check" event verdict <"$log" | tail -n 1)"

    ok 'level off' kernel own-off --session own --profile "$work/off.ini" "$probe" status 0
    ok 'no log with level off' test ! -e "$(log_of own-off)"

    ok 'an own session with a second log' kernel own2 --session own --audit "$work/own2.jsonl" \
        "$probe" status 0
    pid=$(sed -n 's/.*"pid":\([0-9]*\),.*process_probe.*/\1/p' "$work/own2.jsonl" | head -n 1)
    equal 'it has what the program did' 'process started
process ended' "$(grep "\"pid\":$pid," "$work/own2.jsonl" | "$check" event verdict)"
    equal 'all of it the lines of the log' "$(cat "$work/own2.jsonl")" \
        "$(head -n "$(wc -l <"$work/own2.jsonl")" "$(log_of own2)")"
    before=$(wc -l <"$(log_of own2)")
    ok 'and once more' kernel own2 --session own --audit "$work/own2b.jsonl" "$probe" status 0
    lacks 'what was there before is not copied' "$(head -n 1 "$work/own2.jsonl")" \
        "$(cat "$work/own2b.jsonl")"
    contains 'what came is' process_probe "$(cat "$work/own2b.jsonl")"
    fails 'a second log that cannot be' kernel own2 --session own --audit "$work" "$probe" status 0
    contains 'it says why' 'cannot be opened' "$(cat "$work/output")"

    ok 'an own session with level all' kernel own-all --session own \
        --profile "$work/all.ini" "$calls" registry 3000
    count=$("$pwkctl" audit own-all --json --event call | grep -c '"service":"NtQueryValueKey"')
    dropped=$("$pwkctl" stats own-all --json | sed -n 's/.*"audit_dropped": \([0-9]*\).*/\1/p')
    ok "it has every call ($count, $dropped dropped)" test $((count + dropped)) -ge 3000

    ok 'calls that the policy refuses with a record' kernel own-told --session own \
        --syscall getxattr=notify --syscall lgetxattr=notify --syscall fgetxattr=notify \
        cmd.exe /c dir 'C:\windows'
    pid=$("$pwkctl" audit own-told | awk '/program=.*cmd.exe/ { print $2; exit }')
    contains 'are in the log under the number of the program' 'syscall denied' \
        "$("$pwkctl" audit own-told --pid "$pid")"

    : >"$work/followed-own"
    hold seen "$pwk_wine" --kernel own-seen --session own "$probe" wait
    held_says seen 1 ready
    "$pwkctl" audit own-seen --follow --event process >"$work/followed-own" 2>&1 &
    background+=("$!")
    ok 'a program while pwkctl follows an own session' kernel own-seen --session own \
        cmd.exe /c exit
    until_true 10 grep -q 'started program=.*cmd.exe' "$work/followed-own" ||
        fail 'pwkctl audit --follow shows no records of an own session'
    go_on seen
    wait "${held[seen]}"

    hold cut "$pwk_wine" --kernel own-cut --session own "$probe" wait
    held_says cut 1 ready
    pid=$(cut -d ' ' -f 1 "$XDG_RUNTIME_DIR"/pwk/session-*-"$(printf %x \
        "$(stat -c %i "$WINEPREFIX/pwk/kernels/own-cut")")"/session.init)
    kill -KILL "$pid"
    wait "${held[cut]}" 2>/dev/null
    contains 'a session whose first process was killed has its records' process_probe \
        "$("$pwkctl" audit own-cut --event process)"
    ok 'the next one goes on with the log' kernel own-cut --session own "$probe" status 0
    equal 'and nothing comes twice' "$(sort "$(log_of own-cut)")" "$(sort -u "$(log_of own-cut)")"
}

# --- levels ---
ok 'level off' kernel off --profile "$(with_level off)" "$probe" status 0
ok 'no log with level off' test ! -e "$(log_of off)"
fails 'pwkctl audit without a log' "$pwkctl" audit off
contains 'it says why' 'no audit log yet' "$(cat "$work/output")"

ok 'level denials' kernel denials --profile "$(with_level denials)" "$probe" status 0
equal 'level denials tells of the kernel alone' 'kernel started
kernel stopped' "$("$check" event verdict <"$(log_of denials)")"

ok 'level all' kernel all --profile "$(with_level all)" "$calls" registry 3000
answers=$("$pwkctl" audit all --json --event call | grep -c '"service":"NtQueryValueKey"')
dropped=$("$pwkctl" stats all --json | sed -n 's/.*"audit_dropped": \([0-9]*\).*/\1/p')
ok "level all has every call ($answers, $dropped dropped)" test $((answers + dropped)) -ge 3000
ok 'each is a record' "$check" time kernel event verdict <"$(log_of all)"
lacks 'no data in it' CurrentVersion "$(cat "$(log_of all)")"
times=$("$check" time <"$(log_of all)" | grep -v '^$')
ok 'the records of a process are in order' sort -c <<<"$times"
counted=$("$pwkctl" audit all --json | sed -n 's/.*"dropped":\([0-9]*\).*/\1/p' |
    awk '{ sum += $1 } END { print sum + 0 }')
equal 'what was dropped is counted in the log and in the statistics' "$dropped" "$counted"

# --- what pwkctl shows ---
ok 'a kernel with a second log' kernel shown --audit "$work/second.jsonl" "$probe" status 0
equal 'both logs are the same' "$(cat "$(log_of shown)")" "$(cat "$work/second.jsonl")"
text=$("$pwkctl" audit shown)
matches 'a line for people' \
    '20[0-9-]*T[0-9:.]*Z +[0-9]+ process started program=[^ ]*process_probe.exe' "$text"
equal 'the lines of the log' 4 "$(wc -l <<<"$text")"
equal 'the same as JSON' "$(cat "$(log_of shown)")" "$("$pwkctl" audit shown --json)"
equal 'by event and verdict' 1 \
    "$("$pwkctl" audit shown --event process --verdict=ended | wc -l)"
pid=$("$pwkctl" audit shown --event process --verdict ended | awk '{ print $2 }')
equal 'by process' 4 "$("$pwkctl" audit shown --pid "$pid" | wc -l)"
equal 'by another process' 0 "$("$pwkctl" audit shown --pid $((pid + 1)) | wc -l)"
equal 'since a time to come' 0 "$("$pwkctl" audit shown --since 2999 | wc -l)"
fails 'a process that is no number' "$pwkctl" audit shown --pid x
fails 'an unknown option' "$pwkctl" audit shown --nothing

# Lines that are no records, and what a terminal must not be told.
printf 'no record\n{"time":"x"}\n{"time":"2026-01-01T00:00:00.000000Z","kernel":"k","pid":1,' \
    >>"$(log_of shown)"
printf '"tid":1,"event":"e\\u001b[2J","verdict":"v","a":"b \\"c\\" \\n"}\ntorn' >>"$(log_of shown)"
text=$("$pwkctl" audit shown 2>"$work/errors")
contains 'lines that are no records are counted' '2 lines' "$(cat "$work/errors")"
contains 'control characters are shown' 'e\x1b[2J v a="b \"c\" \x0a"' "$text"
ok 'the next program ends the torn line' kernel shown "$probe" status 0
equal 'and its records are whole' 9 "$("$pwkctl" audit shown 2>/dev/null | wc -l)"

# --- a log that grows too large ---
printf '[audit]\nlevel = all\nlimit = 200K\n' >"$work/limited.ini"
ok 'a log with a limit' kernel limited --profile "$work/limited.ini" "$calls" registry 3000
ok 'it was renamed' test -s "$(log_of limited).1"
ok 'the log stays small' test "$(stat -c %s "$(log_of limited)")" -le 204800
ok 'the old one too' test "$(stat -c %s "$(log_of limited).1")" -le 204800
contains 'pwkctl shows the old one first' "$(head -n 1 "$(log_of limited).1")" \
    "$("$pwkctl" audit limited --json | head -n 1)"

# --- following ---
: >"$work/followed"
"$pwkctl" audit shown --follow --event process >"$work/followed" 2>&1 &
background+=("$!")
follower=$!
before=$(wc -l <"$work/followed")
ok 'a program while pwkctl follows' kernel shown "$probe" status 0
grown()
{
    [ "$(wc -l <"$work/followed")" -ge "$1" ]
}
until_true 10 grown 6 || fail "pwkctl audit --follow showed no new records ($before before)"
mv "$(log_of shown)" "$(log_of shown).1"
ok 'a program with a log made anew' kernel shown "$probe" status 0
until_true 10 grown 8 || fail 'pwkctl audit --follow lost the log that was renamed'
kill "$follower"

# --- kill -9 ---
hold victim "$pwk_wine" --kernel killed --session shared --profile "$(with_level all)" "$probe" wait
held_says victim 1 ready
kill -KILL "${held[victim]}"
wait "${held[victim]}" 2>/dev/null
until_true 10 no_kernel_process || fail 'the killed program runs still'
contains 'pwkctl audit has what a killed process had recorded' 'process started' \
    "$("$pwkctl" audit killed)"
last=$("$pwkctl" audit killed --event call | wc -l)
ok "its calls too ($last)" test "$last" -gt 10
ok 'the next one ends in order' kernel killed "$probe" status 0
equal 'nothing comes twice' "$last" "$("$pwkctl" audit killed --event call | wc -l)"

if unshare --user --map-current-user --mount --pid --net --fork true 2>/dev/null; then
    hold caged "$pwk_wine" --kernel caged --session own "$probe" wait
    held_says caged 1 ready
    pid=$("$pwkctl" audit caged --event process | awk '/process_probe.exe/ { print $2 }')
    matches 'pwkctl audit of an own session that runs' '^[0-9]+$' "$pid"
    go_on caged
    wait "${held[caged]}"
    equal 'all of its records are there' 'process started
process ended' "$("$pwkctl" audit caged --event process --pid "$pid" | awk '{ print $3, $4 }')"
    own_sessions
fi

# --- profiles ---
printf '[kernel]\nwindows = 7\n[syscalls]\nptrace = allow\n' >"$work/good.ini"
printf '[syscalls]\nno_such_call = allow\n' >"$work/bad.ini"
printf '[kernel]\nwindow = 7\n' >"$work/worse.ini"
ok 'pwkctl profile check' "$pwkctl" profile check "$work/good.ini"
fails 'check: a call that there is not' "$pwkctl" profile check "$work/bad.ini"
contains 'file and line' "$work/bad.ini:2" "$(cat "$work/output")"
fails 'check: a key that there is not' "$pwkctl" profile check "$work/worse.ini"
contains 'file and line' "$work/worse.ini:2" "$(cat "$work/output")"
fails 'check: no file' "$pwkctl" profile check "$work/nothing.ini"
"$pwkctl" profile show "$work/good.ini" >"$work/shown.ini"
contains 'show has the words of the file' 'windows = 7' "$(cat "$work/shown.ini")"
contains 'and what is built in' 'level = decisions' "$(cat "$work/shown.ini")"
ok 'what is shown is a profile' "$pwkctl" profile check "$work/shown.ini"
equal 'which is the same' "$(sed 1d "$work/shown.ini")" \
    "$("$pwkctl" profile show "$work/shown.ini" | sed 1d)"
cp "$work/good.ini" "$WINEPREFIX/pwk/kernels/shown/profile.ini"
equal 'show of a kernel' "$(sed 1d "$work/shown.ini")" "$("$pwkctl" profile show shown | sed 1d)"
contains 'show strict' '@wine = allow' "$("$pwkctl" profile show strict)"
fails 'show of nothing that there is' "$pwkctl" profile show no-such-kernel

# Learned from a log in which nothing is said of Linux calls: refused, with a word on how.
rm "$WINEPREFIX/pwk/kernels/shown/profile.ini"
fails 'learn without records' "$pwkctl" profile learn killed
contains 'how to get some' 'default = log' "$(cat "$work/output")"
record='{"time":"2026-01-01T00:00:00.000000Z","kernel":"shown","pid":1,"tid":1,"event":"syscall"'
printf '%s,"verdict":"denied","syscall":"sched_setattr"}\n' "$record" >>"$(log_of shown)"
printf '%s,"verdict":"allowed","syscall":"mount"}\n' "$record" >>"$(log_of shown)"
ok 'learn' "$pwkctl" profile learn shown --output "$work/learned.ini"
equal 'it allows what was seen' 'default = errno
mount = allow
sched_setattr = allow' "$(grep -E '^(default|mount|sched_.*) =' "$work/learned.ini")"
contains 'and says where from' 'audit log of kernel shown' "$(head -n 1 "$work/learned.ini")"
ok 'it is a profile' "$pwkctl" profile check "$work/learned.ini"

# A run in which every call is recorded teaches what the same run needs.
printf '[syscalls]\ndefault = log\n' >"$work/log.ini"
version='HKLM\Software\Microsoft\Windows NT\CurrentVersion'
for ((run = 0; run < 3; run++)); do
    ok 'a run that records every Linux call' kernel taught --profile "$work/log.ini" \
        reg.exe query "$version" /v CurrentVersion
done
ok 'learn from it' "$pwkctl" profile learn taught --output "$work/taught.ini"
contains 'all else is refused' 'default = errno' "$(cat "$work/taught.ini")"
answer=$(query kernel tried --profile "$work/taught.ini" -- "$version" CurrentVersion)
matches 'the same program works under what was learned' '^[0-9.]+$' "$answer"
# A refusal leaves no record; a call that is logged in its place does. What the program does only now
# and then (waiting for a lock) may be new to a run: of three one must need nothing.
for ((run = 0; run < 3; run++)); do
    ok 'a run that records what was not learned' kernel "strange$run" \
        --profile "$work/taught.ini" --syscall default=log reg.exe query "$version" \
        /v CurrentVersion
    strange=$("$pwkctl" audit "strange$run" --event syscall)
    [ -z "$strange" ] && break
done
equal 'nothing is denied under what was learned' '' "$strange"
ok 'and that would have been seen' kernel seen --profile strict --syscall openat=log \
    "$probe" status 0
contains 'as a record' 'syscall=openat' "$("$pwkctl" audit seen)"

# What a program needs beyond the strict profile: there is a record of that alone.
ok 'a run that records what strict would refuse' kernel beyond --profile strict \
    --syscall default=log reg.exe query "$version" /v CurrentVersion
printf '%s,"verdict":"allowed","syscall":"sched_setattr"}\n' "$record" >>"$(log_of beyond)"
ok 'learn beyond strict' "$pwkctl" profile learn --profile strict beyond --output "$work/beyond.ini"
contains 'it has what strict allows' '@wine = allow' "$(cat "$work/beyond.ini")"
contains 'and what was seen' 'sched_setattr = allow' "$(cat "$work/beyond.ini")"
lacks 'and no more' 'openat = allow' "$(cat "$work/beyond.ini")"
ok 'the program runs under it' kernel beyond --profile "$work/beyond.ini" "$probe" status 0

# A run under the strict profile, and one more call.
ok 'a run under strict' kernel strict --profile strict "$probe" status 0
printf '%s,"verdict":"denied","syscall":"sched_setattr"}\n' "$record" >>"$(log_of strict)"
ok 'learn from strict' "$pwkctl" profile learn strict --output "$work/strict.ini"
contains 'it is strict' '@wine = allow' "$(cat "$work/strict.ini")"
ok 'programs run under what was learned' kernel strict --profile "$work/strict.ini" "$probe" status 0
lacks 'nothing was denied' '"verdict":"denied"' \
    "$("$pwkctl" audit strict --json --event syscall --since 2026-01-02)"
finish
