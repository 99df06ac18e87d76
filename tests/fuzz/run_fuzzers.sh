#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs each fuzz target over its seeds and then over a bounded number of inputs grown from them.
# Started in the build tree, with srcdir in the environment; 77 (skip) when none was built.
# PWK_FUZZ_RUNS: how many inputs (default 20000). What makes a target fail is left in tests/fuzz.
set -u

seeds_of_all=${srcdir:-.}/tests/fuzz/seeds
runs=${PWK_FUZZ_RUNS:-20000}
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
built=0
failed=0

for seeds in "$seeds_of_all"/*/; do
    name=$(basename "$seeds")
    fuzzer=tests/fuzz/fuzz_$name
    [ -x "$fuzzer" ] || continue
    built=$((built + 1))
    mkdir "$work/$name"
    echo "== $name: seeds, then $runs runs"
    "./$fuzzer" -timeout=60 -runs=0 "$seeds" &&
        "./$fuzzer" -timeout=60 -runs="$runs" -max_len=4096 -artifact_prefix=tests/fuzz/ \
            "$work/$name" "$seeds" || failed=1
done

if [ "$built" -eq 0 ]; then
    echo "no fuzz target was built: install clang with libFuzzer (libclang-rt-dev) and configure"
    exit 77
fi
exit "$failed"
