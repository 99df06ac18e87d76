#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# run_wine_units.sh - Wine's own conformance units as a ruler: each is built from the source of the
# installed Wine, run under stock Wine and under pwk-wine, and the checks that fail are compared.
# What may fail is what fails under stock Wine; a check that fails under pwk alone is a defect.
# Nothing of Wine's is kept in this repository: source, programs and logs live in the tests' cache.
#
# Status 0: no check fails that passes under stock Wine; 1: some do, or a unit cannot be built or
# run; 2: wrong arguments; 77: the source, or a tool of the build, cannot be had here.
#
# In: what tests/integration/library.sh takes; PWK_WINE_SOURCE (a tree of the installed Wine
# version's source, in place of fetching it); PWK_UNIT_SECONDS (a unit's time limit).

PWK_SRCDIR=${PWK_SRCDIR:-$(cd "$(dirname "$0")/.." && pwd)}
. "$PWK_SRCDIR/tests/integration/library.sh"

lists=$PWK_SRCDIR/winetests/lists
seconds=${PWK_UNIT_SECONDS:-300}
# A check that fails now and then under stock Wine may pass there at first: before one counts as
# pwk's own, stock Wine has this many runs in which to fail it too.
stock_runs=3
units=()
pwk_options=()
build_only=no

usage()
{
    cat <<'USAGE'
usage: run_wine_units.sh [OPTIONS] [MODULE:UNIT...] [-- PWK-WINE-OPTIONS...]

Run Wine's conformance units under stock Wine and under pwk-wine, and compare what fails.

  --list NAME      the units of winetests/lists/NAME.txt, or of the file NAME, too
                   (default, where no unit is named: registry)
  --build-only     fetch and build, run nothing
  --help           this text

Options after -- go to pwk-wine: run_wine_units.sh ntdll:reg -- --registry private
USAGE
}

wrong_arguments()
{
    say "$*; see --help" >&2
    exit 2
}

# add_list NAME: its units, one a line; '#' begins a comment.
add_list()
{
    local file=$lists/$1.txt unit

    [ -f "$file" ] || file=$1
    [ -f "$file" ] || wrong_arguments "there is no list '$1'"
    while read -r unit _; do
        case $unit in
        '' | '#'*) ;;
        *) add_unit "$unit" ;;
        esac
    done <"$file"
}

add_unit()
{
    [[ $1 =~ ^[A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+$ ]] || wrong_arguments "'$1' is not MODULE:UNIT"
    units+=("$1")
}

parse_arguments()
{
    while [ $# -gt 0 ]; do
        case $1 in
        --list)
            [ $# -ge 2 ] || wrong_arguments '--list needs a name'
            add_list "$2"
            shift
            ;;
        --build-only) build_only=yes ;;
        --help) usage && exit 0 ;;
        --)
            shift
            pwk_options=("$@")
            break
            ;;
        -*) wrong_arguments "unknown option $1" ;;
        *) add_unit "$1" ;;
        esac
        shift
    done
    [ "${#units[@]}" -gt 0 ] || add_list registry
}

# ---- The source ----

# Which source the installed Wine was built from, as its package says: $source_package,
# $source_version (Debian's), $wine_version (Wine's own: what the lists' line numbers belong to).
find_version()
{
    local package

    package=$(dpkg -S "$(readlink -f "$stock_wine")" 2>/dev/null | head -n 1)
    read -r source_package source_version < <(
        dpkg-query -W -f '${source:Package} ${source:Version}\n' "${package%%: *}" 2>/dev/null)
    [ -n "${source_version:-}" ] || skip 'this Wine is not one of Debian packages'
    wine_version=${source_version#*:}
    wine_version=${wine_version%%[~+-]*}
}

# source_entries FOLDER: the machine's own apt sources as source entries, in FOLDER; both forms,
# options (Signed-By and the rest) and switched-off entries as they are. The originals stay as
# they are.
source_entries()
{
    local main parts file

    eval "$(apt-config shell main Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
    for file in "${main:-}" "${parts:-}"/*.list "${parts:-}"/*.sources; do
        [ -f "$file" ] || continue
        case $file in
        *.sources) sed -E 's/^Types:.*/Types: deb-src/I' "$file" >"$1/${file##*/}" ;;
        # A line that stood there in both forms would come out twice, which apt warns of.
        *) sed -nE 's/^[[:space:]]*deb(-src)?[[:space:]]/deb-src /p' "$file" | sort -u \
            >"$1/from-${file##*/}" ;;
        esac
    done
}

# Fetches the upstream archive and unpacks what the units need of it. apt has lists, cache and
# entries of its own for it, and checks the archive against Debian's signed index as ever. (Debian's
# patches are left out: none of them touches a unit, and they weigh twice what the source does.)
fetch_source()
{
    local folder=$1 apt

    for apt in apt-get apt-config xz; do
        command -v "$apt" >/dev/null || skip "there is no $apt to fetch Wine's source with"
    done
    rm -rf "$folder" "$folder.new"
    mkdir -p "$folder.new"/{entries,lists/partial,apt-cache/archives/partial,archive,tree}
    source_entries "$folder.new/entries"
    # Read after the machine's own configuration: proxies and the rest hold, but what the machine
    # does after its own updates is not for this one.
    cat >"$folder.new/apt.conf" <<CONFIGURATION
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$folder.new/entries";
Dir::State::lists "$folder.new/lists";
Dir::Cache "$folder.new/apt-cache";
Acquire::Languages "none";
Acquire::Retries "2";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONFIGURATION
    apt=(apt-get --quiet --config-file "$folder.new/apt.conf")
    say "fetching the source of $source_package $source_version (about 35 MB, once)"
    # An entry that has no sources makes the update fail, yet not the others' lists.
    within 300 "${apt[@]}" update </dev/null >"$folder.log" 2>&1
    (
        cd "$folder.new/archive" && within 600 "${apt[@]}" source --download-only --tar-only \
            --only-source "$source_package=$source_version" </dev/null >>"$folder.log" 2>&1
    ) || {
        rm -rf "$folder.new"
        skip "the source of $source_package $source_version cannot be fetched; see $folder.log"
    }
    tar -xf "$folder.new/archive/"*.tar.* -C "$folder.new/tree" --strip-components=1 \
        --no-same-owner --wildcards '*/dlls/*/tests' '*/programs/*/tests' '*/include' \
        2>>"$folder.log" || die "the source cannot be unpacked; see $folder.log"
    mv "$folder.new/tree" "$folder"
    rm -rf "$folder.new"
}

# Leaves the tree's path in $tree. One runner at a time fetches and builds.
find_source()
{
    tree=${PWK_WINE_SOURCE:-$cache/wine-source/$source_version}
    mkdir -p "$cache/wine-source" "$cache/wine-units"
    exec {build_lock}>"$cache/wine-source/lock"
    flock "$build_lock"
    [ -f "$tree/include/wine/test.h" ] || [ -z "${PWK_WINE_SOURCE:-}" ] ||
        die "$tree is not a tree of Wine's source"
    [ -f "$tree/include/wine/test.h" ] || fetch_source "$tree"
}

# ---- Building ----

# Debian's wine64-tools has the tools under names of their own; the common ones come with the
# package wine. $1: a folder for links.
name_tools()
{
    local tool

    mkdir -p "$1"
    for tool in winegcc winebuild wrc; do
        command -v "$tool" >/dev/null || ! command -v "$tool-stable" >/dev/null ||
            ln -sf "$(command -v "$tool-stable")" "$1/$tool"
    done
    PATH=$PATH:$1
}

find_tools()
{
    local tool

    name_tools "$cache/wine-tools"
    for tool in x86_64-w64-mingw32-gcc winegcc wrc script; do
        command -v "$tool" >/dev/null || skip "there is no $tool to build or run Wine's units with"
    done
    libraries=$(dpkg -L libwine-dev 2>/dev/null | sed -n 's|/x86_64-windows/libntdll\.a$||p')
    headers=$(dpkg -L libwine-dev 2>/dev/null | sed -n 's|/windows/windows\.h$||p')
    [ -n "$libraries$headers" ] || skip 'libwine-dev is not installed'
    libraries+=/x86_64-windows
    # wrc looks beside itself, and where it is called by a link finds nothing.
    compile_resources=(wrc -u "--nls-dir=$(dpkg -L libwine | sed -n 's|/locale\.nls$||p')")
}

# make_variable FILE NAME: the words of a variable of a Makefile.in.
make_variable()
{
    awk -v name="$2" '
        $1 == name && $2 == "=" { on = 1; sub(/^[^=]*=/, "") }
        on { more = sub(/\\$/, ""); print; on = more }' "$1"
}

# import_options FILE NAME: -l options for the modules a variable names.
import_options()
{
    local module

    for module in $(make_variable "$1" "$2"); do
        printf -- '-l%s\n' "$module"
    done
}

# The dlls and drivers that the module's program carries as resources: one for each .spec file.
build_carried_dlls()
{
    local spec name flags options

    for spec in "$tests"/*.spec; do
        name=$(basename "$spec" .spec)
        mapfile -t flags < <(make_variable "$makefile" "${name}_EXTRADLLFLAGS" | xargs -n 1)
        mapfile -t options < <(import_options "$makefile" "${name}_IMPORTS")
        [ "${#options[@]}" -gt 0 ] || mapfile -t options < <(import_options "$makefile" IMPORTS)
        [[ " ${flags[*]} " = *' -nodefaultlibs '* ]] || options+=("${default_imports[@]}")
        winegcc -b x86_64-w64-mingw32 -s "${flags[@]}" -shared -o "$name.dll" "$spec" "$name.o" \
            "-L$libraries" "${options[@]}" || return
        echo "$name.dll TESTDLL \"$name.dll\"" | "${compile_resources[@]}" -o "$name.carried.res" || return
    done
}

# In the module's folder; leaves the program at $1, whole or not at all. All units of the module
# are in it, as in Wine's own: units call functions of others, and expect the dlls that others
# import to be loaded.
build_in_folder()
{
    local program=$1 source unit imports names=()
    local default_imports=(-lwinecrt0 -lmsvcrt -lkernel32 -lntdll)
    local includes=("-I$PWD" "-I$tests" "-I$tree/include" "-I$headers/windows" "-I${headers%/wine}"
        "-I$headers/msvcrt")

    shopt -s nullglob
    for source in "$tests"/*.c; do
        # Once for each kind of processor, in some.
        unit=$(sed -nE 's/^START_TEST *\( *([A-Za-z0-9_]+) *\).*/\1/p' "$source" | head -n 1)
        names+=(${unit:+"$unit"})
    done
    {
        printf '%s\n' '#define WIN32_LEAN_AND_MEAN' '#include <windows.h>' '#define STANDALONE' \
            '#include "wine/test.h"'
        printf 'extern void func_%s(void);\n' "${names[@]}"
        echo 'const struct test winetest_testlist[] = {'
        for unit in "${names[@]}"; do
            printf '    { "%s", func_%s },\n' "$unit" "$unit"
        done
        echo '    { 0, 0 } };'
    } >testlist.c
    # shellcheck disable=SC2046 # words
    printf '%s\0' testlist.c "$tests"/*.c | xargs -0 -n 1 -P "$(nproc)" x86_64-w64-mingw32-gcc -c \
        "${includes[@]}" -D_MSVCR_VER=0 -D__WINESRC__ -D__WINE_PE_BUILD -fno-strict-aliasing \
        -mcx16 -O2 -w $(make_variable "$makefile" EXTRADEFS) || return
    for source in "$tests"/*.rc; do
        "${compile_resources[@]}" -o "$(basename "$source" .rc).res" --nostdinc "${includes[@]}" -D__WINESRC__ \
            "$source" || return
    done
    build_carried_dlls || return
    mapfile -t imports < <(import_options "$makefile" IMPORTS)
    winegcc -b x86_64-w64-mingw32 -o new.exe testlist.o "${names[@]/%/.o}" ./*.res \
        "-L$libraries" "${imports[@]}" "${default_imports[@]}" && mv new.exe "$program"
}

# build_unit MODULE UNIT: leaves the path of the module's program in $program; status 1 where there
# is no such unit or its module cannot be built.
build_unit()
{
    local module=$1 unit=$2 folder=$cache/wine-units/$source_version/$1 tests makefile
    local log=$cache/wine-units/$1.build.log

    tests=$tree/dlls/$module/tests
    [ -d "$tests" ] || tests=$tree/programs/${module%.exe}/tests
    makefile=$tests/Makefile.in
    [ -f "$tests/$unit.c" ] || {
        fail "$module:$unit: Wine $wine_version has no such unit"
        return 1
    }
    program=$folder/${module%.dll}_test.exe
    [ "$program" -nt "$0" ] && return
    rm -rf "$folder"
    mkdir -p "$folder"
    (cd "$folder" && build_in_folder "$program") >"$log" 2>&1 && return
    fail "$module:$unit cannot be built: $(grep -m 1 -i error "$log"); see $log"
    return 1
}

# ---- Running ----

# run_unit LOG COMMAND...: a unit in the surroundings it expects: a prefix of its own, a folder it
# may write to, a terminal on its input (its output goes to the log), and a time limit.
run_unit()
{
    local log=$1 process
    shift

    rm -rf "$WINEPREFIX" "$work/run"
    copy_prefix "$WINEPREFIX"
    mkdir -p "$work/run"
    cp "$program" "$work/run/"
    (
        cd "$work/run" || exit 1
        export SHELL=/bin/sh PWK_UNIT_LOG=$log
        # shellcheck disable=SC2016 # the inner shell expands it
        script --quiet --return --command \
            "timeout --signal=KILL $seconds $(printf '%q ' "$@") >\"\$PWK_UNIT_LOG\" 2>&1" \
            /dev/null <"$work/input" >/dev/null 2>&1
    )
    echo "status $?" >"$log.status"
    for process in $(loader_processes); do
        kill -KILL "$process" 2>/dev/null
    done
    stop_prefix "$WINEPREFIX"
    # Its answer is in the log: no program of Wine's is looked into for it.
    tr -d '\r' <"$log" >"$log.text"
}

run_stock()
{
    # What the distribution's wine command sets; without it children look for their loader.
    run_unit "$1" env "WINELOADER=$stock_wine" "$stock_wine" \
        "./${program##*/}" "$unit"
}

run_pwk()
{
    run_unit "$1" "$pwk_wine" --kernel "unit-${unit//[^A-Za-z0-9]/-}" --session shared "${pwk_options[@]}" \
        "./${program##*/}" "$unit"
}

# ---- Reading what a unit said ----

# read_log LOG: writes LOG.checks, a line for each check it reports: "fail|todo|met|skip FILE:LINE
# MESSAGE" (met: a check marked todo that passes), and LOG.count: "TESTS/TODO/FAILURES".
# The counts of failures are our own: Wine's own count takes a todo that passes for one.
read_log()
{
    awk -v unit="$unit" -v status="$(cat "$1.status")" -v checks="$1.checks" -v count="$1.count" '
        function check(kind, text)
        {
            if (!match(text, /[A-Za-z0-9_.-]+\.[a-z]+:[0-9]+:/)) return
            printf "%s %s %s\n", kind, substr(text, RSTART, RLENGTH - 1),
                substr(text, RSTART + RLENGTH + 1) >checks
            if (kind == "fail") failures++
        }
        BEGIN { printf "" >checks; failures = met = 0 }
        / Test failed: / { check("fail", $0); next }
        / Test succeeded inside (flaky )?todo block: / { check("met", $0); met++; next }
        / Test marked todo: / { check("todo", $0); next }
        / Tests skipped: / { check("skip", $0); next }
        / unhandled exception [0-9a-f]+ in child process/ { check("fail", $0); next }
        # What a child printed was read already, except where its output went elsewhere; todos that
        # pass are in its number.
        / [0-9]+ failures in child process/ {
            match($0, /[0-9]+ failures in/)
            if (substr($0, RSTART) + 0 > met) check("fail", $0)
            met = 0
            next
        }
        { last = $0 }
        $0 ~ "^[0-9a-f]+:" unit ":.* tests executed \\(" {
            match($0, /[0-9]+ tests executed/); tests = substr($0, RSTART) + 0
            match($0, /[0-9]+ marked as todo/); todo = substr($0, RSTART) + 0
            ended = 1
        }
        END {
            if (!ended) {
                printf "fail %s:end no summary at its end (%s): %s\n", unit, status, last >checks
                failures++
            }
            printf "%d/%d/%d\n", tests, todo, failures >count
        }' "$1.text" || die "the log of $module:$unit cannot be read"
}

# only_in KIND THESE OTHERS: the checks of a kind that are in one .checks file and not in the
# other, one line each with the first message.
only_in()
{
    awk -v kind="$1" '
        $1 != kind { next }
        FILENAME == ARGV[1] { known[$2] = 1; next }
        !($2 in known) && !told[$2]++ { sub(/^[a-z]+ /, ""); print }' "$3" "$2" ||
        die "the checks of $module:$unit cannot be compared"
}

# flaky_reason CHECK: why a failure of the unit is not counted; nothing where it is.
flaky_reason()
{
    awk -v version="$wine_version" -v unit="$module:$unit" -v check="$1" '
        $1 == version && $2 == unit && ($3 == "*" || $3 == check) {
            $1 = $2 = $3 = ""; sub(/^ +/, ""); print; exit }' "$lists/known_flaky.txt"
}

# new_failures: a line for each check that failed under pwk in no run of stock Wine.
new_failures()
{
    local run check message reason

    only_in fail "$work/pwk.checks" "$work/stock.checks" >"$work/new"
    for ((run = 2; run <= stock_runs; run++)); do
        [ -s "$work/new" ] || return
        run_stock "$work/again"
        read_log "$work/again"
        cat "$work/again.checks" >>"$work/stock.checks"
        only_in fail "$work/pwk.checks" "$work/stock.checks" >"$work/new"
    done
    : >"$work/counted"
    while read -r check message; do
        reason=$(flaky_reason "$check")
        if [ -n "$reason" ]; then
            note "not counted, known as flaky ($reason): $check $message"
        else
            echo "$check $message" >>"$work/counted"
        fi
    done <"$work/new"
    mv "$work/counted" "$work/new"
}

# Told below the table.
note()
{
    echo "$module:$unit: $*" >>"$work/notes"
}

# note_all WHAT: one note for each line of the input.
note_all()
{
    local line

    while read -r line; do
        note "$1: ${line:0:200}"
    done
}

# compare_unit MODULE UNIT PROGRAM: one row of the table.
compare_unit()
{
    local module=$1 unit=$2 program=$3 stock_count pwk_count side new

    assertions=$((assertions + 1))
    for side in stock pwk; do
        "run_$side" "$work/$side"
        read_log "$work/$side"
    done
    new_failures
    only_in todo "$work/pwk.checks" "$work/stock.checks" | note_all 'todo under pwk alone'
    only_in skip "$work/pwk.checks" "$work/stock.checks" | note_all 'skipped under pwk alone'
    note_all 'fails under pwk alone' <"$work/new"
    # What fails because pwk did not start (a build under way, for one) is told apart from the rest.
    grep -m 1 -E '^pwk(-wine)?: ' "$work/pwk.text" | note_all 'pwk itself said'
    if grep -q "^fail $unit:end " "$work/stock.checks"; then
        note 'does not come to its end under stock Wine: proves nothing here'
        failures=$((failures + 1))
    fi
    new=$(wc -l <"$work/new")
    [ "$new" = 0 ] || failures=$((failures + 1))
    stock_count=$(cat "$work/stock.count")
    pwk_count=$(cat "$work/pwk.count")
    total_stock=$((total_stock + $(cut -d / -f 2 <<<"$stock_count")))
    total_pwk=$((total_pwk + $(cut -d / -f 2 <<<"$pwk_count")))
    row "$module:$unit" "$stock_count" "$pwk_count" "$new"
    for side in stock pwk; do
        mv "$work/$side.text" "$cache/wine-units/$module-$unit.$side.log"
    done
}

# row UNIT STOCK PWK NEW
row()
{
    printf '%-22s | %-25s | %-23s | %s\n' "$@"
}

parse_arguments "$@"
find_stock_wine
find_version
find_tools
find_source
declare -A programs_of
for unit in "${units[@]}"; do
    build_unit "${unit%%:*}" "${unit#*:}" && programs_of[$unit]=$program
    assertions=$((assertions + 1))
done
exec {build_lock}>&-
[ "$build_only" = no ] || finish

begin
: >"$work/notes"
# Held open for reading and writing: the terminal never comes to its end.
mkfifo "$work/input"
exec {input}<>"$work/input"
total_stock=0 total_pwk=0
row "Wine $wine_version" 'stock tests/todo/failures' 'pwk tests/todo/failures' 'new failures'
for unit in "${units[@]}"; do
    [ -z "${programs_of[$unit]:-}" ] ||
        compare_unit "${unit%%:*}" "${unit#*:}" "${programs_of[$unit]}"
done
say "todo left: $total_stock under stock Wine, $total_pwk under pwk"
[ ! -s "$work/notes" ] || cat "$work/notes"
say "logs: $cache/wine-units/*.log"
finish
