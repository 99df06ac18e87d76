#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# refusals.sh - where the machine refuses what an own session needs, nothing starts, one line says
# what and how to mend it, and pwkctl doctor has said so beforehand. The machine is one in
# namespaces of the test's own.
. "$(dirname "$0")/library.sh"
begin
outer=(unshare --user --map-root-user --mount)
"${outer[@]}" true 2>/dev/null || skip 'no namespaces allowed here'

probe=$programs/process_probe.exe

# machine SETUP COMMAND...: the command, in a machine for which SETUP (a script) was run.
machine()
{
    "${outer[@]}" bash -c "$1"' || exit 99; exec "$@"' machine "${@:2}"
}

# refused WHAT SETUP REGEX OPTION...: status 125, one line, nothing begun.
refused()
{
    local status
    machine "$2" "$pwk_wine" --kernel refused "${@:4}" "$probe" status 0 \
        >"$work/refused.out" 2>"$work/refused.err" </dev/null
    status=$?
    equal "$1: exit status: $(cat "$work/refused.err")" 125 "$status"
    equal "$1: one line" 1 "$(wc -l <"$work/refused.err")"
    equal "$1: nothing on standard output" '' "$(cat "$work/refused.out")"
    matches "$1: what is said" "$3" "$(cat "$work/refused.err")"
}

# doctor_says WHAT SETUP SUBJECT REGEX
doctor_says()
{
    matches "doctor: $1" "^(warning|failed) *$3 .*$4" \
        "$(machine "$2" "$pwkctl" doctor 2>&1 | grep " $3 ")"
}

equal 'this machine has it all' 0 "$("$pwkctl" doctor | grep -c -E '^(warning|failed) *(session|overlay|proc) ')"
ok 'and doctor leaves nothing behind' test -z "$(find "$WINEPREFIX" -maxdepth 1 -name '.pwk-doctor*')"
equal 'doctor for programs' 5 "$("$pwkctl" doctor --json |
    grep -c -E '"subject": "(session|overlay|proc|limits|ptrace)"')"

# --- no user namespaces ---
none='echo 0 >/proc/sys/user/max_user_namespaces'
refused 'no user namespaces' "$none" 'user.max_user_namespaces.*--session shared' --session own
doctor_says 'no user namespaces' "$none" session 'sysctl user.max_user_namespaces'
doctor_says 'no views without them' "$none" overlay 'sysctl user.max_user_namespaces'
ok 'the shared session needs none' machine "$none" "$pwk_wine" --kernel shared --session shared \
    "$probe" status 0

# --- a prefix where no upper layer can be ---
layers='mkdir -p "$LAYERS/upper" "$LAYERS/work" && mount -t overlay \
    -o "lowerdir=$WINEPREFIX,upperdir=$LAYERS/upper,workdir=$LAYERS/work,userxattr" x "$WINEPREFIX"'
export LAYERS=$work/layers
if machine "$layers" true 2>/dev/null; then
    refused 'no upper layer' "$layers" 'copy-on-write.*--files shared' --session own
    doctor_says 'no upper layer' "$layers" overlay 'ext4, xfs'
    ok 'the prefix itself can be used' machine "$layers" "$pwk_wine" --kernel plain --session own \
        --files shared "$probe" status 0
fi

# --- a /proc of which a container covers parts ---
covered='while read -r _ folder kind _; do
    [ "$kind" != proc ] || mount -t tmpfs none "$folder/irq" 2>/dev/null || exit 1
done </proc/mounts'
if machine "$covered" bash -c 'unshare --user --map-root-user --mount --pid --fork \
    mount -t proc proc /proc 2>/dev/null && exit 1; exit 0'; then
    refused 'a covered /proc' "$covered" '/proc.*container.*--session shared' --session own
    doctor_says 'a covered /proc' "$covered" proc 'unmask'
else
    say 'a /proc that is covered can be mounted anew here: left out'
fi

ok 'nothing was begun for what was refused' test ! -e "$WINEPREFIX/pwk/kernels/refused/files/upper/drive_c"
finish
