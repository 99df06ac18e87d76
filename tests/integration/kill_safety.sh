#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# kill_safety.sh - what a program was told is written is there after kill -9 of every process of
# the kernel, straight after the call returned.
. "$(dirname "$0")/library.sh"
begin
keep_session

rounds=${PWK_KILL_ROUNDS:-20}

for ((round = 1; round <= rounds; round++)); do
    "$pwk_wine" --kernel killed "$programs/set_values.exe" set "round$round" 1000000 \
        >"$work/told.$round" 2>"$work/errors.$round" &
    writer=$!
    background+=("$writer")
    if ! until_true 60 test -s "$work/told.$round"; then
        fail "round $round: the program set nothing: $(cat "$work/errors.$round")"
        break
    fi
    # Another moment each round: from at once to half a second into the writing.
    sleep "0.$((RANDOM % 500 + 100))"
    mapfile -t processes < <(loader_processes)
    [ "${#processes[@]}" -gt 0 ] || fail "round $round: no process of the kernel was found"
    kill -KILL "$writer" "${processes[@]}" 2>/dev/null
    wait "$writer" 2>/dev/null
    equal "round $round: the program was killed while it wrote" 137 "$?"

    # The last line may be cut: only whole lines were promised.
    told=$(($(wc -l <"$work/told.$round")))
    ok "round $round: all $told values are there" \
        kernel killed "$programs/set_values.exe" verify "round$round" "$told"
done

for ((past = 1; past < round; past++)); do
    told=$(($(wc -l <"$work/told.$past")))
    ok "in the end the $told values of round $past are there" \
        kernel killed "$programs/set_values.exe" verify "round$past" "$told"
done
finish
