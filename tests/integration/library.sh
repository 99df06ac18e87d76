# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# library.sh - what the integration tests share: where things are, prefixes, assertions.
# Sourced by each test; bash. In: PWK_SRCDIR, PWK_BUILDDIR (absolute; found when run by hand),
# PWK_TEST_WINE_LIBDIR (what configure found), PWK_TEST_WORK and PWK_TEST_CACHE (other folders than
# the build tree's), PWK_TEST_KEEP=yes (keep what a failed test leaves), PWK_TEST_PATIENCE (how many
# times as long as usual a test waits before it calls something hung: for emulated machines).
#
# A test has a folder of its own, $work, with a prefix of its own in it (hard links to one prefix
# that is made once), so that tests can run side by side; all of it goes when the test ends.

set -u
export LC_ALL=C.UTF-8 WINEDEBUG=-all
unset DISPLAY WAYLAND_DISPLAY WINEPREFIX WINEARCH WINESERVER WINELOADER WINEPATH WINEDLLPATH
unset WINEDLLOVERRIDES PWK_KERNEL MAKEFLAGS MFLAGS MAKELEVEL DESTDIR

test_name=$(basename "$0" .sh)
PWK_SRCDIR=${PWK_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
PWK_BUILDDIR=${PWK_BUILDDIR:-$PWK_SRCDIR/build}
pwk_wine=$PWK_BUILDDIR/pwk-wine
pwkctl=$PWK_BUILDDIR/pwkctl
programs=$PWK_BUILDDIR/tests/programs
shared=${PWK_TEST_WORK:-$PWK_BUILDDIR/tests/work}
cache=${PWK_TEST_CACHE:-$PWK_BUILDDIR/tests/cache}
work=$shared/$test_name.$$
patience=${PWK_TEST_PATIENCE:-1}
failures=0
assertions=0
background=()
other_folders=() # what a test makes outside $work
declare -A held held_input

say()
{
    printf '%s: %s\n' "$test_name" "$*"
}

skip()
{
    say "skipped: $*"
    exit 77
}

fail()
{
    say "FAILED: $*"
    failures=$((failures + 1))
}

# What a test cannot go on without.
die()
{
    fail "$@"
    exit 1
}

# ok WHAT COMMAND...: the command's status must be 0. Its output is shown only where it is not.
ok()
{
    local what=$1 status
    shift
    assertions=$((assertions + 1))
    "$@" >"$work/output" 2>&1
    status=$?
    [ "$status" = 0 ] || fail "$what (status $status of: $*): $(tail -n 5 "$work/output")"
}

# fails WHAT COMMAND...: the command's status must not be 0.
fails()
{
    local what=$1
    shift
    assertions=$((assertions + 1))
    "$@" >"$work/output" 2>&1 && fail "$what (status 0 of: $*)"
}

# equal WHAT EXPECTED ACTUAL
equal()
{
    assertions=$((assertions + 1))
    [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

# contains WHAT PART TEXT, lacks WHAT PART TEXT
contains()
{
    assertions=$((assertions + 1))
    case $3 in
    *"$2"*) ;;
    *) fail "$1: '$2' is not in '$3'" ;;
    esac
}

lacks()
{
    assertions=$((assertions + 1))
    case $3 in
    *"$2"*) fail "$1: '$2' is in '$3'" ;;
    esac
}

# matches WHAT REGEX TEXT
matches()
{
    assertions=$((assertions + 1))
    [[ $3 =~ $2 ]] || fail "$1: '$3' does not match $2"
}

# Stock Wine's loader and server: beside or near the library folder that configure found.
find_stock_wine()
{
    local libdir=${PWK_TEST_WINE_LIBDIR:-} dir candidate

    if [ -z "$libdir" ]; then
        for dir in /usr/lib/x86_64-linux-gnu/wine /usr/lib/wine /usr/lib64/wine \
            /usr/local/lib/wine /opt/wine-stable/lib64/wine; do
            [ -f "$dir/x86_64-unix/ntdll.so" ] && libdir=$dir && break
        done
    fi
    stock_wine='' stock_server=''
    for candidate in /usr/lib/wine/wine64 "$libdir/../../bin/wine64" "$libdir/../../bin/wine" \
        "$libdir/wine64" "$(command -v wine64)" "$(command -v wine)"; do
        [ -x "$candidate" ] && stock_wine=$candidate && break
    done
    for candidate in /usr/lib/wine/wineserver64 "$libdir/../../bin/wineserver" \
        "$libdir/wineserver" "$(command -v wineserver)"; do
        [ -x "$candidate" ] && stock_server=$candidate && break
    done
    [ -n "$stock_wine" ] && [ -n "$stock_server" ] || die "no stock Wine found near $libdir"
}

# within SECONDS COMMAND...: a program that hangs fails its test instead of stopping all of them.
within()
{
    timeout --signal=KILL "$(($1 * patience))" "${@:2}"
}

stock()
{
    within 120 "$stock_wine" "$@"
}

# kernel NAME [OPTIONS] PROGRAM...: under kernel NAME of this test's prefix, in the shared session
# unless the options say otherwise.
kernel()
{
    local name=$1
    shift
    within 120 "$pwk_wine" --kernel "$name" --session shared "$@"
}

# reg.exe's answer for one value, nothing where there is none.
# query COMMAND... -- KEY VALUE
query()
{
    local command=()

    while [ "$1" != -- ]; do
        command+=("$1")
        shift
    done
    "${command[@]}" reg.exe query "$2" /v "$3" 2>/dev/null | tr -d '\r' |
        sed -n "s/^ *$3 *REG_[A-Z_]* *//p"
}

# The prefix that all tests copy: made by the first one, the others wait for it.
make_shared_prefix()
{
    mkdir -p "$shared"
    (
        flock 9
        [ -e "$shared/prefix.complete" ] && exit 0
        rm -rf "$shared/prefix"
        export WINEPREFIX=$shared/prefix WINEDLLOVERRIDES='mscoree,mshtml='
        within 300 "$stock_wine" wineboot --init >"$shared/prefix.log" 2>&1 9>&- || exit 1
        within 60 "$stock_server" -w 9>&-
        remove_socket_folder "$WINEPREFIX"
        touch "$shared/prefix.complete"
    ) 9>"$shared/prefix.lock" || die "no Wine prefix could be made; see $shared/prefix.log"
}

# Debian's Wine notes the folder of its sockets in the prefix; a copy must not share it.
remove_socket_folder()
{
    local name

    name=$(cat "$1/wineserver" 2>/dev/null)
    case $name in
    wine-*[!A-Za-z0-9-]* | '') ;;
    wine-*) rm -rf "/tmp/$name" ;;
    esac
    rm -f "$1/wineserver"
}

# copy_prefix FOLDER: programs are hard links, what Wine writes is copied.
copy_prefix()
{
    local name

    mkdir -p "$1"
    for name in drive_c dosdevices; do
        cp -al "$shared/prefix/$name" "$1/" 2>/dev/null || cp -a "$shared/prefix/$name" "$1/" ||
            die "the test prefix cannot be copied to $1"
    done
    cp -a "$shared/prefix/"*.reg "$shared/prefix/.update-timestamp" "$1/"
}

# Ends what runs in a prefix. Processes of kernels go first: they know no wineserver -k on time.
stop_prefix()
{
    [ -d "$1" ] || return 0
    WINEPREFIX=$1 within 20 "$stock_server" -k >/dev/null 2>&1
    WINEPREFIX=$1 within 20 "$stock_server" -w >/dev/null 2>&1
    remove_socket_folder "$1"
}

# prefix_processes name|command PATTERN: of the test's prefix, those whose name, or command line,
# matches the extended expression, one pid a line. Without a process for each that is looked at: some
# have gone by then.
prefix_processes()
{
    local process what words

    for process in /proc/[0-9]*; do
        what=
        case $1 in
        name) read -r what <"$process/comm" ;;
        *) mapfile -d '' -t words <"$process/cmdline" && what=${words[*]} ;;
        esac 2>/dev/null
        [[ $what =~ $2 ]] && grep -zqxF "WINEPREFIX=$WINEPREFIX" "$process/environ" 2>/dev/null &&
            echo "${process#/proc/}"
    done
}

prefix_servers()
{
    prefix_processes name '^wineserver'
}

# signal_server SIGNAL: to the wineserver of the test's prefix; false where there is none. It divides
# while it starts, and the first half goes.
signal_server()
{
    local processes

    mapfile -t processes < <(prefix_servers)
    [ "${#processes[@]}" -gt 0 ] && kill "-$1" "${processes[@]}" 2>/dev/null
}

# Our loader's processes in the test's prefix, one pid a line: of kernels, watchers and what Wine
# started for itself. loader_processes PATTERN: of those, the ones whose environment has such a line.
loader_processes()
{
    local process

    for process in /proc/[0-9]*; do
        case $(readlink "$process/exe" 2>/dev/null) in
        */pwk-loader64)
            grep -zqxF "WINEPREFIX=$WINEPREFIX" "$process/environ" 2>/dev/null &&
                grep -zq "${1:-}" "$process/environ" 2>/dev/null &&
                echo "${process#/proc/}"
            ;;
        esac
    done
}

kernel_processes()
{
    loader_processes '^PWK_KERNEL='
}

# Those whose command line has TEXT.
kernel_processes_of()
{
    local process

    for process in $(kernel_processes); do
        tr '\0' ' ' <"/proc/$process/cmdline" 2>/dev/null | grep -qF "$1" && echo "$process"
    done
}

none_is_left_of()
{
    [ -z "$(kernel_processes_of "$1")" ]
}

watcher_processes()
{
    loader_processes '^PWK_PREFIX_WATCH='
}

no_kernel_process()
{
    [ -z "$(kernel_processes)" ]
}

# A test begins here: folders, prefix, and the end that cleans up whatever happens.
begin()
{
    [ -x "$pwk_wine" ] || die "$pwk_wine is not built: run ./bootstrap build"
    find_stock_wine
    make_shared_prefix
    rm -rf "$work"
    mkdir -p "$work/runtime"
    chmod 700 "$work/runtime"
    export XDG_RUNTIME_DIR=$work/runtime XDG_CONFIG_HOME=$work/config
    # Tests are of the shared session, which is the lighter one, unless they say otherwise.
    mkdir -p "$XDG_CONFIG_HOME/pwk"
    printf '[session]\nmode = shared\n' >"$XDG_CONFIG_HOME/pwk/profile.ini"
    export WINEPREFIX=$work/prefix
    trap cleanup EXIT
    trap 'exit 1' INT TERM HUP
    copy_prefix "$WINEPREFIX"
}

# hold NAME COMMAND...: starts COMMAND beside the test, its standard input held open, its output in
# $work/NAME.out, its process in held[NAME].
hold()
{
    local name=$1 input
    shift
    mkfifo "$work/$name.in"
    : >"$work/$name.out" # there to be read before the program is
    # Read and write: neither open nor a later echo can block or fail for want of a reader.
    exec {input}<>"$work/$name.in"
    "$@" <"$work/$name.in" >"$work/$name.out" 2>"$work/$name.err" &
    held[$name]=$!
    held_input[$name]=$input
    background+=("$!")
}

# held_says NAME COUNT LINE: waits until the held program has printed LINE that many times.
held_says()
{
    until_true 60 held_said "$@" ||
        fail "$1 has not printed '$3': $(cat "$work/$1.out" "$work/$1.err")"
}

held_said()
{
    [ -f "$work/$1.out" ] && [ "$(tr -d '\r' <"$work/$1.out" | grep -cxF "$3")" -ge "$2" ]
}

# go_on NAME: gives a held program the line it waits for.
go_on()
{
    echo >&"${held_input[$1]}"
}

# Keeps the prefix's session (wineserver and system processes) up until the test ends. Without it
# every program starts the session anew, and a "$(...)" waits for its system processes, which
# hold the pipe for seconds after the program's end.
keep_session()
{
    hold session "$stock_wine" "$programs/process_probe.exe" wait
    held_says session 1 ready
}

# ---- own sessions ----

# own NAME [OPTIONS] PROGRAM...: under kernel NAME in a session of its own.
own()
{
    kernel "$1" --session own "${@:2}"
}

needs_namespaces()
{
    unshare --user --map-current-user --mount --pid --net --fork true 2>/dev/null ||
        skip 'no namespaces allowed here'
}

# For tests with a hidden home folder: the HOME of the environment, which is theirs, is hidden, and
# with it that of /etc/passwd.
needs_build_outside_home()
{
    case $work/ in
    "$(getent passwd "$EUID" | cut -d : -f 6)"/*)
        skip "the build lies in the home folder, which is to be hidden: $PWK_BUILDDIR"
        ;;
    esac
}

# The followers of this test's own sessions, one pid a line; of KERNEL's alone where one is named.
followers()
{
    local process name

    for process in /proc/[0-9]*; do
        { read -r name <"$process/comm"; } 2>/dev/null && [ "$name" = pwk-follower ] &&
            tr '\0' '\n' 2>/dev/null <"$process/environ" |
            grep -qxF "XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR" &&
            { [ -z "${1:-}" ] || readlink "$process"/fd/* 2>/dev/null |
                grep -qF "follower-$(basename "$(session_folder "$1")")"; } &&
            echo "${process#/proc/}"
    done
}

# session_folder KERNEL: where its session's run-time files are.
session_folder()
{
    local state=$WINEPREFIX/pwk/kernels/$1 kind=session

    [ ! -e "$state/ephemeral" ] || kind=ephemeral
    printf '%s/pwk/%s-%s-%x\n' "$XDG_RUNTIME_DIR" "$kind" "$(stat -c %D "$state")" \
        "$(stat -c %i "$state")"
}

# session_init KERNEL: the pid of its session's first process.
session_init()
{
    cut -d ' ' -f 1 "$(session_folder "$1")/session.init" 2>/dev/null
}

session_is_over()
{
    local init

    init=$(session_init "$1")
    [ -z "$init" ] || ! kill -0 "$init" 2>/dev/null || grep -q '^State:.*Z' "/proc/$init/status"
}

# The processes that a session's init is the first of, one pid a line: those of its namespace.
session_processes()
{
    local namespace process

    namespace=$(readlink "/proc/$1/ns/pid_for_children") || return 0
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/ns/pid" 2>/dev/null)" = "$namespace" ] && echo "${process#/proc/}"
    done
}

# The first processes of own sessions that were begun with this test's folders, one pid a line. With
# one of them all of its session ends, whatever runs in it.
session_inits()
{
    local process name

    for process in /proc/[0-9]*; do
        { read -r name <"$process/comm"; } 2>/dev/null && [ "$name" = pwk-session ] &&
            tr '\0' '\n' 2>/dev/null <"$process/environ" | grep -qF "=$work/" &&
            echo "${process#/proc/}"
    done
}

# True while PID is a child of the test's: its number may have passed to another test's process.
is_child()
{
    [ "$(sed -n 's/^PPid:[^0-9]*//p' 2>/dev/null <"/proc/$1/status")" = $$ ]
}

cleanup()
{
    local status=$? process

    for process in "${background[@]}"; do
        is_child "$process" && { kill -KILL "$process" && wait "$process"; } 2>/dev/null
    done
    for process in $(session_inits) $(loader_processes); do
        kill -KILL "$process" 2>/dev/null
    done
    stop_prefix "$work/prefix"
    if [ "$failures" != 0 ] && [ "${PWK_TEST_KEEP:-}" = yes ]; then
        say "its files are kept in $work"
    else
        rm -rf "$work" "${other_folders[@]}"
    fi
    [ "$status" = 0 ] && [ "$failures" != 0 ] && exit 1
    exit "$status"
}

# The last line of every test.
finish()
{
    [ "$assertions" -gt 0 ] || die "the test asserted nothing"
    say "$assertions assertions, $failures failed"
    [ "$failures" = 0 ]
    exit
}

# until_true SECONDS COMMAND...: polls; status 1 when it never came true.
until_true()
{
    local end=$((SECONDS + $1 * patience))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# fetch_package NAME@VERSION FILE: a file of an npm package, kept in the cache; its path is
# printed. Status 77 where the registry cannot be reached.
fetch_package()
{
    local folder=$cache/npm/${1//[^A-Za-z0-9.-]/_}

    mkdir -p "$folder"
    (
        flock 9
        [ -e "$folder/package/$2" ] && exit 0
        command -v npm >/dev/null || exit 77
        cd "$folder" || exit 1
        rm -rf ./*.tgz package
        within 300 npm pack --loglevel=error "$1" >"$folder/npm.log" 2>&1 9>&- </dev/null || {
            say "npm pack $1: $(grep -m 1 . "$folder/npm.log")" >&2
            exit 77
        }
        tar xzf ./*.tgz --no-same-owner && rm -f ./*.tgz
    ) 9>"$folder/lock" || return
    printf '%s\n' "$folder/package/$2"
}

# The Windows form of a path of this machine.
windows_path()
{
    printf 'Z:%s\n' "${1//\//\\}"
}
