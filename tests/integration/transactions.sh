#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# transactions.sh - registry transactions of a Windows program: what is seen when, who is in whose
# way between processes, and that nothing of an unfinished one outlives kill -9.
. "$(dirname "$0")/library.sh"
begin
keep_session

transactions()
{
    kernel "$1" "$programs/transactions.exe" "$2" 2>/dev/null | tr -d '\r'
}

for registry in overlay private; do
    output=$(kernel "$registry" --registry "$registry" "$programs/transactions.exe" check \
        2>/dev/null | tr -d '\r')
    equal "$registry: all is right within one process" '0 wrong' "$output"
done

"$pwk_wine" --kernel shared "$programs/transactions.exe" hold >"$work/told" 2>"$work/errors" &
holder=$!
background+=("$holder")
until_true 60 test -s "$work/told" || die "nothing is held: $(cat "$work/errors")"
equal 'what is held is not seen by another process' -1 "$(transactions shared show)"
# ERROR_TRANSACTIONAL_CONFLICT, or what Wine makes of the status.
conflict=$(transactions shared conflict)
matches 'another transaction is refused' '^[1-9][0-9]*$' "$conflict"
equal 'another kernel is not concerned' 0 "$(transactions alone conflict)"
mapfile -t processes < <(loader_processes)
kill -KILL "$holder" "${processes[@]}" 2>/dev/null
wait "$holder" 2>/dev/null
equal 'nothing is left of it' -1 "$(transactions shared show)"
equal 'nor is it in the way' 0 "$(transactions shared conflict)"
finish
