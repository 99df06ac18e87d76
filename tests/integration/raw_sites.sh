#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# raw_sites.sh - with rewrite_sites = yes a place of native calls that is used often becomes a direct
# call, where that is safe, and nothing of the program's changes by it; without, none does.
. "$(dirname "$0")/library.sh"
begin
keep_session

sites=$programs/raw_sites.exe
printf '[syscalls]\nrewrite_sites = yes\n' >"$work/rewrite.ini"

# run PROFILE-OPTIONS... -- ARGUMENTS...
run()
{
    local options=()

    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    kernel sites "${options[@]}" "$sites" "$@" 2>&1 | tr -d '\r'
}

equal 'which sites are rewritten' 'private+3 rewritten
private+4 kept
private+5 kept
private+6 kept
private+7 kept
private+0 rewritten
private+1 rewritten
private+2 rewritten
section kept
two-pages kept
prefixed kept
read-only rewritten
image rewritten' "$(run --profile "$work/rewrite.ini" -- state)"
lacks 'none without the wish' rewritten "$(run -- state)"

all_ok='middle ok
reads-itself ok
changes ok
bad-pointer ok
registers ok'
equal 'with rewriting' "$all_ok" "$(run --profile "$work/rewrite.ini" -- checks)"
equal 'without' "$all_ok" "$(run -- checks)"
equal 'eight threads, and one that undoes it' 'storm ok' \
    "$(run --profile "$work/rewrite.ini" -- storm 8 100000)"
equal 'the same without rewriting' 'storm ok' "$(run -- storm 8 5000)"
finish
