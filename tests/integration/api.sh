#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# api.sh - the Windows API of pwk.dll, called by a program of ours: under pwk-wine as it is, and under
# stock Wine with the environment that `pwkctl env` prints.
. "$(dirname "$0")/library.sh"
begin
keep_session

program=$programs/api_program.exe
[ -f "$program" ] || die "$program is not built"
environment=$("$pwkctl" env)
equal 'pwkctl env succeeds' 0 "$?"
for name in WINEDLLPATH WINEPATH WINEDLLOVERRIDES; do
    contains "pwkctl env sets $name" "export $name=" "$environment"
done

# api ENVIRONMENT WHAT COMMAND...: the program prints "ok N - what" lines and must end with 0.
api()
{
    local surroundings=$1 what=$2 status output
    shift 2
    output=$(
        eval "$surroundings"
        within 120 "$@" "$program" 2>&1
    )
    status=$?
    output=$(tr -d '\r' <<<"$output")
    printf '%s\n' "$output"
    equal "$what: exit status" 0 "$status"
    equal "$what: what did not hold" '' "$(grep '^not ok' <<<"$output")"
    [ "$(grep -c '^ok ' <<<"$output")" -ge 10 ] || fail "$what: too few checks were made"
}

api : 'under pwk-wine' "$pwk_wine" --kernel api
api : 'under pwk-wine without a registry' "$pwk_wine" --kernel bare --registry off
api "$environment" 'under stock Wine' "$stock_wine"
finish
