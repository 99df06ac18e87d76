#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exit_status.sh - the program's status comes back; standard streams, arguments and environment
# arrive unharmed.
. "$(dirname "$0")/library.sh"
begin

probe=$programs/process_probe.exe

# run ARGUMENTS...: the probe under the test's kernel.
run()
{
    kernel streams "$probe" "$@"
}

for status in 0 1 42 125 255; do
    run status "$status"
    equal 'exit status' "$status" "$?"
    run run status "$status"
    equal "a child's exit status through its parent" "$status" "$?"
done
kernel streams --stats "$probe" status 42 2>/dev/null
equal 'exit status with --stats' 42 "$?"

equal 'standard output alone' out "$(run both 2>/dev/null)"
equal 'standard error alone' err "$(run both 2>&1 >/dev/null)"

head -c 300000 /dev/urandom >"$work/bytes"
run copy <"$work/bytes" >"$work/copied"
ok 'a file through standard input and output' cmp "$work/bytes" "$work/copied"
ok 'the same through pipes' cmp "$work/bytes" <(cat "$work/bytes" | run copy | cat)
equal 'empty standard input' '' "$(run copy </dev/null)"
equal 'closed standard input does not stop a program' '[x]' "$(run arguments x <&-)"

arguments=('one' 'two words' '' 'quo"te' 'back\slash' 'end\' 'quote\"d' 'end with space\ '
    '--kernel' '-x' "single'quote" '$HOME' '*' '%PATH%' 'a&b|c>d' 'grüße' '\\server\share\')
equal 'arguments' "$(printf '[%s]\n' "${arguments[@]}")" "$(run arguments "${arguments[@]}")"
equal 'arguments of a child' "$(printf '[%s]\n' "${arguments[@]}")" \
    "$(run run arguments "${arguments[@]}")"
equal 'options after the program are its own' '[--windows]
[7]
[--]' "$(run arguments --windows 7 --)"
equal '-- ends the options' '[x]' "$(kernel streams -- "$probe" arguments x)"
equal 'OPTION=VALUE' '[x]' \
    "$(within 60 "$pwk_wine" --kernel=streams --windows=10 "$probe" arguments x)"

equal 'the environment is kept' 'a value' "$(PWK_PROBE='a value' run environment PWK_PROBE)"

mkdir -p "$work/a folder"
cp "$probe" "$work/a folder/my program.exe"
cd "$work/a folder" || die 'the work folder is gone'
equal 'a relative path with a space' '[x]' "$(kernel streams "./my program.exe" arguments x)"
cd "$work" || die 'the work folder is gone'
equal 'a relative path through a folder' '[x]' \
    "$(kernel streams 'a folder/my program.exe' arguments x)"
equal 'an absolute path' '[x]' "$(kernel streams "$work/a folder/my program.exe" arguments x)"
equal 'a DOS path' '[x]' \
    "$(kernel streams "$(windows_path "$work")\\a folder\\my program.exe" arguments x)"

version=$("$pwk_wine" --version)
equal '--version succeeds' 0 "$?"
matches '--version' '^pwk-wine .*[0-9]+\.[0-9]+' "$version"
help=$("$pwk_wine" --help)
equal '--help succeeds' 0 "$?"
contains '--help names --kernel' --kernel "$help"
plan=$(kernel planned --print-plan "$probe" status 9)
equal '--print-plan succeeds and starts nothing' 0 "$?"
contains '--print-plan names the program' process_probe.exe "$plan"
finish
