#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# confined.sh - pwkctl reads a kernel's store only in processes that have given up their rights, for
# every command that does: traced, they execute nothing, make no process and no socket, and open
# nothing outside of that store. A file of the kernel's that is cut short under a reader ends it with
# one line, and a kernel whose files are spoiled keeps no other from being listed. What the process
# with the rights is told, it takes for a hostile program's word.
. "$(dirname "$0")/library.sh"
command -v strace >/dev/null || skip 'strace is not installed'
strace -o /dev/null true 2>/dev/null || skip 'nothing can be traced here'
begin
needs_namespaces
kernels=$WINEPREFIX/pwk/kernels
unwalled=$PWK_BUILDDIR/tests/walls/pwkctl
key='HKCU\Software\pwk-test'

session_is_over()
{
    ! "$pwkctl" registry "$1" commit 2>&1 | grep -qE 'session is up|processes run'
}

ok 'kernel a' kernel a reg.exe add "$key" /v a /d 'of a' /f
ok 'kernel b' own b reg.exe add "$key" /v b /d 'of b' /f
ok 'with a file' own b cmd.exe /c 'echo x >c:\left'
stop_prefix "$WINEPREFIX"
until_true 60 session_is_over b || fail 'the session of b does not end'

# --- traced ---

# broken_rules TRACE STORE...: what a confined process did that it must not do, or an unconfined one
# with a store.
broken_rules()
{
    local trace=$1
    shift
    awk -v stores="$*" '
        function is_in_store(line,    i) {
            for (i in store)
                if (index(line, "\"" store[i] "/") || index(line, "\"" store[i] "\""))
                    return 1
            return 0
        }
        BEGIN { split(stores, store, " ") }
        / seccomp\(SECCOMP_SET_MODE_FILTER/ && / = 0$/ { confined[$1] = 1; next }
        / (execve|execveat|socket|socketpair|connect|clone|clone3|fork|vfork)\(/ && confined[$1] {
            print "confined: " $0
        }
        / (open|openat|openat2|creat)\(/ {
            if (confined[$1] && !/ = -1 / && !is_in_store($0))
                print "confined: " $0
            # The folder itself is opened to be named to Linux (O_PATH).
            if (!confined[$1] && is_in_store($0) && !/O_PATH/)
                print "not confined: " $0
            opened[$1] = opened[$1] || (confined[$1] && /registry\.db"/)
        }
        END {
            for (process in opened)
                count += opened[process]
            if (count == 0)
                print "no confined process opened a store"
        }' "$trace"
}

# trace PROGRAM WORDS...: what breaks the rules is in $broken; the program's status.
trace()
{
    local status file

    rm -rf "$work/traces"
    mkdir "$work/traces"
    # A file for each process: calls of several would be torn in one.
    within 60 strace -ff -qq -s 400 -o "$work/traces/of" -e signal=none \
        -e trace=execve,execveat,socket,socketpair,connect,clone,clone3,fork,vfork,open,openat,openat2,creat,seccomp \
        "$@" >"$work/out" 2>"$work/err"
    status=$?
    for file in "$work"/traces/of.*; do
        sed "s/^/${file##*.} /" "$file"
    done >"$work/trace"
    broken=$(broken_rules "$work/trace" "$kernels/a/store" "$kernels/b/store")
    return $status
}

# traced STATUS WORDS...: pwkctl with these words keeps the rules.
traced()
{
    local status=$1
    shift
    trace "$pwkctl" "$@"
    equal "$*: status" "$status" "$?"
    equal "$*: rules" '' "$broken"
}

printf 'REGEDIT4\r\n\r\n[HKEY_CURRENT_USER\\Software\\pwk-test]\r\n"imported"="1"\r\n' >"$work/in.reg"
traced 0 registry a get "$key" a
traced 0 registry a get "$key" --json
traced 0 registry a set "$key" set hand
traced 0 registry a ls 'HKLM\Software' -rv
traced 0 registry a delete "$key" set
traced 0 registry a layer "$key"
traced 0 registry a export "$key" "$work/out.reg"
contains 'export: the file' pwk-test "$(iconv -f UTF-16 -t UTF-8 "$work/out.reg")"
traced 0 registry a export --format regf "$key" "$work/out.hive"
equal 'export: the hive' regf "$(head -c 4 "$work/out.hive")"
traced 1 registry a export 'HKCU\Software\none' "$work/out.reg"
contains 'export: what fails overwrites nothing' pwk-test "$(iconv -f UTF-16 -t UTF-8 "$work/out.reg")"
traced 1 registry a export "$key" "$work/none/out.reg"
contains 'export: where there is no folder' 'none/out.reg: cannot be written' "$(cat "$work/err")"
traced 0 registry a import "$work/in.reg"
traced 0 registry a diff
contains 'diff: with the prefix' imported "$(cat "$work/out")"
traced 0 registry a diff b
contains 'diff: with another kernel' 'of b' "$(cat "$work/out")"
traced 1 registry a diff none
traced 0 registry a check
traced 0 registry a check --repair
traced 1 registry a commit
traced 0 registry a commit "$key"
contains 'commit: by its key' 'left: 0' "$(cat "$work/out")"
traced 0 files b discard --yes
contains 'files discard: says what is left' 'changed key' "$(cat "$work/err")"
traced 0 registry b discard --yes
equal 'the prefix has it' 1 "$(query stock -- "$key" imported)"
stop_prefix "$WINEPREFIX"

# --- the same with walls taken out ---
PWK_TEST_WALLS_OUT=calls, trace "$unwalled" registry a get "$key" a
matches 'without the filter it would be seen' 'not confined: .*registry\.db' "$broken"
for out in landlock, landlock,namespace,; do
    PWK_TEST_WALLS_OUT=$out trace "$unwalled" registry a get "$key" a
    equal "without $out a value" 'of a' "$(cat "$work/out" "$work/err")"
    equal "without $out the rules" '' "$broken"
done
export PWK_TEST_WALLS_OUT=landlock,
ok 'in a namespace: export' "$unwalled" registry a export "$key" "$work/out.reg"
ok 'import' "$unwalled" registry a import "$work/in.reg"
ok 'check' "$unwalled" registry a check --repair
ok 'diff' "$unwalled" registry a diff b
contains 'what it tells' '   a' "$("$unwalled" registry a diff b)"
contains 'commit' 'left: 0' "$("$unwalled" registry a commit --yes)"
stop_prefix "$WINEPREFIX"
matches 'doctor: in a namespace' 'ok *confined .*mount namespace' "$("$unwalled" doctor)"
PWK_TEST_WALLS_OUT+=namespace,
matches 'doctor: nothing holds files' 'warning *confined .*does not hold files' "$("$unwalled" doctor)"
unset PWK_TEST_WALLS_OUT

# No other kernel's store is open beside a store: of two that are compared each has its own reader.
ok 'the readers of two stores' trace "$pwkctl" registry a diff b
equal 'are two processes' '2 with one store each' "$(awk '
    match($0, /kernels\/[ab]\/store\/registry\.db"/) && !/O_PATH/ {
        name = substr($0, RSTART + 8, 1)
        if (($1 in reads) && reads[$1] != name)
            both = 1
        count += !($1 in reads)
        reads[$1] = name
    }
    END { print count (both ? " of which one has both" : " with one store each") }' "$work/trace")"

# --- cut short ---

# cut FILE: under a reader that is in the middle, since nobody takes what it says.
cut()
{
    local status

    mkfifo "$work/pipe"
    "$pwkctl" registry a ls 'HKLM' -rv >"$work/pipe" 2>"$work/err" &
    background+=($!)
    exec 8<"$work/pipe"
    head -c 1 <&8 >/dev/null
    sleep 0.2 # it fills the pipe, or is cut earlier: both will do
    : >"$kernels/a/store/$1"
    cat <&8 >/dev/null
    exec 8<&-
    wait "${background[-1]}"
    status=$?
    rm "$work/pipe"
    equal "$1 is cut short: status" 1 "$status"
    equal "$1: lines" 1 "$(wc -l <"$work/err")"
    matches "$1: the line" "^pwkctl: a file of kernel a was cut short.*check --repair$" \
        "$(cat "$work/err")"
    ok "$1: and again" "$pwkctl" registry a get "$key" a
}
cut registry.coherence
cut registry.db-shm

# --- both processes end as one ---

# ended SIGNAL STATUS WORDS...: pwkctl, whose reader waits for us at one of its ends, gets the signal.
ended()
{
    local status
    mkfifo "$work/in" "$work/out.pipe"
    # Not ignored, as nohup has it.
    env --default-signal=HUP,TERM "$pwkctl" "${@:3}" <"$work/in" >"$work/out.pipe" 2>"$work/err" &
    background+=($!)
    exec 8>"$work/in" 9<"$work/out.pipe"
    until_true 20 grep -qx pwkctl "/proc/${background[-1]}/comm" || die 'pwkctl does not start'
    [ "$5" != ls ] || head -c 1 <&9 >/dev/null
    kill "-$1" "${background[-1]}"
    wait "${background[-1]}" 2>/dev/null
    status=$?
    equal "$5, $1: status" "$2" "$status"
    # Once nobody has the other ends any more these come to an end too.
    ok "$5, $1: nobody is left" within 20 cat <&9 >/dev/null
    exec 8>&- 9<&-
    rm "$work/in" "$work/out.pipe"
}
ended TERM 143 registry a import -
ended HUP 129 registry a import -
ended KILL 137 registry a import -
ended TERM 143 registry a ls HKLM -rv
ended KILL 137 registry a ls HKLM -rv

# --- one kernel's files keep no other from being told of ---
before=$("$pwkctl" ps --all | grep -c '^[ab] ')
equal 'both kernels are listed' 2 "$before"
mkdir "$work/spoiled"
for place in "$XDG_RUNTIME_DIR"/pwk/processes-* "$XDG_RUNTIME_DIR"/pwk/session-*/processes-*; do
    [ -f "$place" ] || continue
    mv "$place" "$work/spoiled/$(basename "$place")"
    ln -s /etc/passwd "$place"
    answer=$("$pwkctl" ps --all 2>&1)
    status=$?
    equal 'a table that is a link: status' 1 "$status"
    matches "a table that is a link" '(^|
)pwkctl: kernel [ab]: ' "$answer"
    equal 'the other kernel is listed' 1 "$(grep -c '^[ab] ' <<<"$answer")"
    fails 'and ps alone says it too' "$pwkctl" ps
    rm "$place"
    mv "$work/spoiled/$(basename "$place")" "$place"
    break
done

# --- a store that is a link to something else ---
printf 'untouched' >"$work/precious"
mv "$kernels/b/store/registry.db" "$work/registry.db"
ln -s "$work/precious" "$kernels/b/store/registry.db"
fails 'a database that is a link' "$pwkctl" registry b get "$key" b
fails 'for repair too' "$pwkctl" registry b check --repair
equal 'what it leads to' untouched "$(cat "$work/precious")"
finish
