#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# bench.sh - the bench works: a quick run prints a table with a number in each place. How fast
# anything is, is not judged here: `make bench` measures.
. "$(dirname "$0")/library.sh"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT

bash "$(dirname "$0")/../bench/run.sh" --quick >"$work/table" 2>"$work/errors"
equal 'exit status of the bench' 0 "$?"
cat "$work/table" "$work/errors"
number='[0-9]*[1-9][0-9]*\.[0-9]{2}|0\.([1-9][0-9]|[0-9][1-9])'
row="^\| [^|]+ \| ($number) (µs|ms) \| ($number) (µs|ms) \| ($number) \|$"
equal 'rows with all three numbers' 18 "$(grep -cE "$row" "$work/table")"
contains 'large stores are among them' ' values in one key | ' "$(cat "$work/table")"
equal 'rows of native calls' 10 "$(grep -cE '^\| [^|]+ \| [0-9]+\.[0-9] ns \| [0-9]+\.[0-9]{2} \|$' \
    "$work/table")"
contains 'the machine is named' 'Machine: ' "$(cat "$work/table")"
finish
