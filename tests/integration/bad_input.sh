#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# bad_input.sh - whatever is wrong: one clear line on standard error, nothing on standard output,
# the right exit status, and no state lost.
. "$(dirname "$0")/library.sh"
begin
keep_session

kernels=$WINEPREFIX/pwk/kernels
key='HKCU\Software\pwk-test'
probe=$programs/process_probe.exe

# refused STATUS REGEX COMMAND...: the command must end with STATUS and say one line like REGEX.
refused()
{
    local status=$1 regex=$2 actual text
    shift 2
    within 60 "$@" >"$work/refused.out" 2>"$work/refused.err" </dev/null
    actual=$?
    text=$(cat "$work/refused.err")
    equal "exit status of: $*" "$status" "$actual"
    equal "lines on standard error of: $*: $text" 1 "$(wc -l <"$work/refused.err")"
    equal "standard output of: $*" '' "$(cat "$work/refused.out")"
    matches "what is said by: $*" "$regex" "$text"
}

pwk()
{
    refused "$1" "$2" "$pwk_wine" "${@:3}"
}

# --- command line ---
pwk 125 --no-such-option --no-such-option "$probe"
pwk 125 -q -q "$probe"
pwk 125 --kernel --kernel
pwk 125 kernel --kernel '' "$probe"
pwk 125 '\.\./x' --kernel ../x "$probe"
pwk 125 12 --windows 12 "$probe"
pwk 125 '7.*8.*8\.1.*10.*11' --windows xp "$probe"
pwk 125 registry --registry sometimes "$probe"
pwk 125 PROGRAM --kernel k
for option in '--max-memory 1G' '--max-handles 9' '--max-threads 9' '--driver x.sys'; do
    # shellcheck disable=SC2086 # an option and its value
    pwk 125 "${option%% *}|${option##* }" $option "$probe" status 0
done
# What needs a session of the kernel's own.
for option in '--max-cpu 50%' '--max-io 1M/s' '--isolate net' '--home none' '--files overlay'; do
    # shellcheck disable=SC2086 # an option and its value
    pwk 125 "${option%% *}.*use --session own" --session shared $option "$probe" status 0
done
pwk 125 'user, mount, pid, net, ipc and uts' --isolate nets "$probe" status 0
pwk 125 'contradict' --session own --isolate net --net host "$probe" status 0
pwk 125 'full nor none' --home some "$probe" status 0
pwk 125 'a processor' --max-cpu 0 "$probe" status 0
pwk 125 '4K' --max-io 1/s "$probe" status 0
pwk 125 'print-plan' --json "$probe" status 0
pwk 125 'allow, errno, log, trap, notify or kill' --syscall ptrace=deny "$probe" status 0
pwk 125 'NAME=ACTION' --syscall ptrace "$probe" status 0
pwk 125 "'pstrace' is no Linux call" --syscall pstrace=errno "$probe" status 0
pwk 125 "no group '@files'" --syscall @files=errno "$probe" status 0
pwk 125 'openat.*no handler.*use errno' --syscall openat=trap "$probe" status 0
pwk 125 "only 'allow'" --syscall exit_group=errno "$probe" status 0
pwk 125 'windows.*registry' --registry off --windows 10 "$probe" status 0
ok 'none of it made a kernel' test ! -e "$kernels"

# --- programs ---
pwk 127 no-such-program no-such-program.exe
pwk 127 "$work/no-such" "$work/no-such.exe"
pwk 127 no-such 'C:\windows\no-such.exe'
pwk 126 "$work" "$work"
pwk 126 bin/sh /bin/sh
echo 'not a program' >"$work/text.exe"
pwk 126 text.exe "$work/text.exe"
: >"$work/empty.exe"
pwk 126 empty.exe "$work/empty.exe"
head -c 200 "$probe" >"$work/cut.exe"
pwk 126 cut.exe "$work/cut.exe"
pwk 126 kernel32.dll "$WINEPREFIX/drive_c/windows/system32/kernel32.dll"

# --- Wine ---
refused 125 /nonexistent env PWK_WINE_LIBDIR=/nonexistent "$pwk_wine" "$probe" status 0
refused 125 WINEPREFIX env WINEPREFIX=relative/path "$pwk_wine" "$probe" status 0

# --- profiles ---
# profile REGEX LINE...
profile()
{
    printf '%s\n' "${@:2}" >"$work/profile.ini"
    pwk 125 "$1" --profile "$work/profile.ini" "$probe" status 0
}
profile 'profile.ini:2.*colour' '[kernel]' 'colour = green'
profile 'profile.ini:[12].*paint' '[paint]' 'colour = green'
profile 'profile.ini:3.*12Q' '; a comment' '[registry]' 'cache = 12Q'
profile 'profile.ini:2.*99999999999999999999999' '[registry]' 'cache = 99999999999999999999999G'
profile 'profile.ini:2.*twelve' '[kernel]' 'windows = twelve'
profile 'profile.ini:2.*memory' '[limits]' 'memory = 2G'
profile 'profile.ini:[12].*kernel' 'windows = 10' '[kernel]'
profile 'profile.ini:2' '[kernel]' 'nonsense'
profile 'profile.ini:2.*ptrace.*action' '[syscalls]' 'ptrace = deny'
profile 'profile.ini:3.*no Linux call' '[syscalls]' 'default = allow' 'pstrace = kill'
profile 'profile.ini:2.*no group' '[syscalls]' '@nonsense = kill'
pwk 125 'lenient' --profile lenient "$probe" status 0
pwk 125 no-such.ini --profile "$work/no-such.ini" "$probe" status 0
pwk 125 'strict or default, which are built in' --profile stricter "$probe" status 0
pwk 125 profile --profile "$work" "$probe" status 0

# --- a damaged store ---
ok 'a kernel with a value' kernel good reg.exe add "$key" /v x /d kept /f
ok 'its processes end' until_true 20 no_kernel_process

# damaged REGEX COMMAND...: COMMAND damages the store named by its last argument.
damaged()
{
    local regex=$1 store=$kernels/damaged/store sum
    shift
    rm -rf "$kernels/damaged"
    cp -a "$kernels/good" "$kernels/damaged"
    "$@" "$store/registry.db"
    sum=$(sha256sum "$store/registry.db" 2>&1)
    pwk 125 "$regex" --kernel damaged reg.exe query "$key" /v x
    equal "the damaged store is left as it was ($*)" "$sum" \
        "$(sha256sum "$store/registry.db" 2>&1)"
}
overwrite_header()
{
    head -c 100 /dev/urandom | dd of="$1" conv=notrunc status=none
}
overwrite_middle()
{
    local size

    size=$(stat -c %s "$1")
    [ "$size" -gt 65536 ] || die "the store is too small ($size bytes) to have a middle"
    tr '\0' '\377' </dev/zero | head -c $((size - 16384)) |
        dd of="$1" bs=4096 seek=2 conv=notrunc status=none
}
cut_in_half()
{
    truncate -s $(($(stat -c %s "$1") / 2)) "$1"
}
make_folder()
{
    rm -f "$1"
    mkdir "$1"
}
other_database()
{
    printf 'SQLite format 3\0' | cat - /dev/zero | head -c 8192 >"$1"
}
damaged 'registry\.db' overwrite_header
damaged 'registry\.db' overwrite_middle
damaged 'registry\.db' cut_in_half
damaged 'registry\.db' truncate -s 0
damaged 'registry\.db' make_folder
damaged 'registry\.db' other_database
equal 'the good kernel is as good as before' kept "$(query kernel good -- "$key" x)"

# --- run-time files of an own session ---
if unshare --user --map-current-user --mount --pid --net --fork true 2>/dev/null; then
    run=()
    own=(--kernel own --session own "$probe" status)
    no_session()
    {
        ! kill -0 "$(cut -d ' ' -f 1 "${run[0]}/session.init")" 2>/dev/null
    }
    equal 'a program in an own session' 3 "$("$pwk_wine" "${own[@]}" 3 >/dev/null 2>&1; echo $?)"
    run=("$XDG_RUNTIME_DIR"/pwk/session-*)
    for thing in mkfifo 'ln -s /etc/passwd' 'printf noise >'; do
        ok 'its session ends' until_true 60 no_session
        rm "${run[0]}/session.init"
        eval "$thing" '"${run[0]}/session.init"'
        ok "pwkctl ps with session.init made by $thing" within 20 "$pwkctl" ps
        equal "a program with session.init made by $thing" 4 \
            "$(within 60 "$pwk_wine" "${own[@]}" 4 >/dev/null 2>&1; echo $?)"
        ok 'it is a file again' test -f "${run[0]}/session.init" -a ! -L "${run[0]}/session.init"
    done
    ok 'its session ends' until_true 60 no_session
    for name in session.init session.lock; do
        rm -f "${run[0]}/$name"
        mkdir "${run[0]}/$name"
        pwk 125 "/$name cannot be written.*remove it" "${own[@]}" 0
        rmdir "${run[0]}/$name"
    done
else
    say 'no namespaces allowed here: own sessions are left out'
fi

# --- disks (these need mounts of our own) ---
mounts=(unshare --mount --propagation private)
"${mounts[@]}" true 2>/dev/null || mounts=(unshare --user --map-root-user --mount)
if ! "${mounts[@]}" true 2>/dev/null; then
    say 'no mounts allowed here: the read-only and the full disk are left out'
    finish
fi

read_only='mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
for name in good fresh; do
    refused 125 "$kernels|[Rr]ead-only" "${mounts[@]}" bash -c "$read_only" read_only "$kernels" \
        "$pwk_wine" --kernel "$name" reg.exe query "$key" /v x
done
equal 'a read-only disk has lost nothing' kept "$(query kernel good -- "$key" x)"

# A disk too small for the snapshot: refused, and nothing half-made is taken for a kernel.
small='mount -t tmpfs -o size=256k none "$1" && shift && exec "$@"'
mkdir -p "$kernels/small"
refused 125 '[Nn]o space|full' "${mounts[@]}" bash -c "$small" small "$kernels/small" \
    "$pwk_wine" --kernel small reg.exe query "$key" /v x
ok 'with space it starts' kernel small reg.exe add "$key" /v x /d 1 /f

# A disk that fills up under a kernel: the write fails, what was there stays. The status says how
# far it came: 1 no mount, 2 no first write, 3 no write failed, 4 a value lost, 5 no write after.
fill='
    pwk_wine=$1 folder=$2 key=$3 work=$4
    mount -t tmpfs -o size=64m none "$folder" || exit 1
    "$pwk_wine" --kernel filling reg.exe add "$key" /v x /d kept /f >/dev/null || exit 2
    cat /dev/zero >"$folder/filler" 2>/dev/null
    data=$(head -c 20000 /dev/zero | tr "\0" f)
    refused=
    for n in 1 2 3 4 5 6 7 8; do
        "$pwk_wine" --kernel filling reg.exe add "$key" /v "y$n" /d "$data" /f || refused=yes
    done >"$work/full.out" 2>&1
    [ "$refused" ] || exit 3
    rm "$folder/filler"
    "$pwk_wine" --kernel filling reg.exe query "$key" /v x >"$work/after.out" 2>&1 || exit 4
    "$pwk_wine" --kernel filling reg.exe add "$key" /v z /d again /f >/dev/null || exit 5
'
mkdir -p "$kernels/filling"
within 120 "${mounts[@]}" bash -c "$fill" fill "$pwk_wine" "$kernels/filling" "$key" "$work"
equal 'a disk that fills up' 0 "$?"
contains 'the value from before is there' kept "$(cat "$work/after.out")"
finish
