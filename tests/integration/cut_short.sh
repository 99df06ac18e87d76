#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# cut_short.sh - a file of the kernel's that running programs have mapped is cut short, as a hostile
# program of the same kernel can do it: they end with one line, where Wine alone would let them run
# into the same fault for ever; and the kernel starts again, with what was written.
. "$(dirname "$0")/library.sh"
begin
keep_session

key='HKCU\Software\pwk-test'

quiet()
{
    "$@" >/dev/null 2>&1
}

has_ended()
{
    [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"
}

# cut PATTERN SESSION: cuts the file short while a program reads the registry without an end.
cut()
{
    local file name=cut.$1.$2 state=$WINEPREFIX/pwk/kernels/cut$2

    begins "$1" "$2"
    hold "$name" "$pwk_wine" --kernel "cut$2" --session "$2" "$programs/process_probe.exe" run wait
    held_says "$name" 1 ready
    for file in "$XDG_RUNTIME_DIR"/pwk/$1-* "$XDG_RUNTIME_DIR"/pwk/session-*/$1-* "$state/store/$1"; do
        [ ! -f "$file" ] || : >"$file"
    done
    # Its next calls meet the fault.
    go_on "$name"
    ends "$name" "$1" "$2"
}

# An own session whose files were cut ends first, some seconds after its last program.
begins()
{
    until_true 60 quiet kernel "cut$2" --session "$2" reg.exe add "$key" /v kept /d "$1" /f ||
        die "$2: the kernel does not start"
}

# ends HELD PATTERN SESSION
ends()
{
    local status

    until_true 60 has_ended "${held[$1]}" ||
        die "$3: the program has not ended after $2 was cut short"
    wait "${held[$1]}"
    status=$?
    # With signals blocked, as in the middle of a write, Linux ends it without a word.
    matches "$3: and says why" '^(125 pwk: a file of the kernel.s was cut short.*|135 .*)$' \
        "$status $(grep -m 1 '^pwk' "$work/$1.err")"
}

# The page of what is published of the prefix's registry, which only the user can cut: a start that
# comes before the program looks mends it, so this one looks all the time.
cut_below()
{
    begins registry.below "$1"
    hold "below.$1" "$pwk_wine" --kernel "cut$1" --session "$1" cmd.exe /c \
        'echo ready& for /L %i in (1,0,2) do @assoc .txt >nul'
    held_says "below.$1" 1 ready
    : >"$(echo "$XDG_RUNTIME_DIR"/pwk/prefix-*/published/registry.below)"
    ends "below.$1" registry.below "$1"
}

for session in shared own; do
    cut processes "$session"
    cut registry.coherence "$session"
    until_true 60 quiet kernel "cut$session" --session "$session" reg.exe query "$key" ||
        die "$session: the kernel does not start"
    equal "$session: what was written is there" registry.coherence \
        "$(query kernel "cut$session" --session "$session" -- "$key" kept)"
done
cut_below shared
until_true 60 quiet kernel cutshared reg.exe query "$key" || die 'the page is not mended'
cut_below own
finish
