#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# interchange.sh - .reg files between a kernel's registry, reg.exe and regedit of stock Wine, and
# other kernels, both ways; and `diff`, which shows exactly what was changed.
. "$(dirname "$0")/library.sh"
begin
keep_session

key='HKCU\Software\pwk-test'
full='HKEY_CURRENT_USER\Software\pwk-test'

registry()
{
    within 60 "$pwkctl" registry "$@"
}

# text FILE: a .reg file of version 5 as UTF-8 with Unix lines.
text()
{
    iconv -f UTF-16 -t UTF-8 "$1" | tr -d '\r'
}

# entries FILE: its keys and values, each on one line, in the order of the alphabet: stock Wine
# sorts values by name, a kernel keeps the order in which they were set.
entries()
{
    text "$1" | sed -e ':again' -e '/\\$/{N;s/\\\n *//;b again' -e '}' | sort
}

# values FILE COMMAND...: what reg.exe exports of the key, as entries.
values()
{
    local file=$1
    shift
    "$@" reg.exe export "$key" "$(windows_path "$file")" /y >/dev/null 2>&1
    entries "$file"
}

# --- reg.exe under a kernel adds keys with values of all types ---
ok 'add of a string' kernel a reg.exe add "$key" /v text /d 'Ü "quoted" c:\path' /f
ok 'add of the default value' kernel a reg.exe add "$key" /ve /d default /f
ok 'add of an empty string' kernel a reg.exe add "$key" /v empty /d '' /f
ok 'add of expand_sz' kernel a reg.exe add "$key" /v expand /t REG_EXPAND_SZ /d '%PATH%;x' /f
ok 'add of multi_sz' kernel a reg.exe add "$key\\Sub" /v lines /t REG_MULTI_SZ /d 'one\0two' /f
ok 'add of a dword' kernel a reg.exe add "$key\\Sub" /v number /t REG_DWORD /d 305419896 /f
ok 'add of bytes' kernel a reg.exe add "$key\\Sub\\Deep]er" /v 'by"tes' /t REG_BINARY \
    /d "$(printf '%0100d' 7)" /f
ok 'add of none' kernel a reg.exe add "$key\\Sub" /v none /t REG_NONE /d x /f
ok 'add of a qword' "$pwkctl" registry a set "$key" big --type qword 0x123456789abcdef0
wanted=$(values "$work/a.reg" kernel a)
contains 'all of it is there' '"number"=dword:12345678' "$wanted"

# --- diff: exactly that ---
added=$(registry a diff)
equal 'diff shows the key, what is in it, and nothing else' \
    "+ [$full]
+   @	sz	default
+   big	qword	0x123456789abcdef0
+   empty	sz	
+   expand	expand_sz	%PATH%;x
+   text	sz	Ü \"quoted\" c:\\path
+ [$full\\Sub]
+   lines	multi_sz	one\\0two
+   none	none	78000000
+   number	dword	0x12345678
+ [$full\\Sub\\Deep]er]
+   by\"tes	binary	$(printf '%0100d' 7)" "$added"
registry a diff --json >"$work/diff.json"
ok 'diff --json is JSON' python3 - "$work/diff.json" <<'PYTHON'
import json, sys
changes = json.load(open(sys.argv[1]))
assert len(changes) == 12, len(changes)
assert {c["change"] for c in changes} == {"added"}
number = [c for c in changes if c.get("value") == "number"][0]
assert number["key"].endswith(r"\pwk-test\Sub") and "before" not in number
assert number["after"] == {"type": "dword", "type_number": 4, "data": "0x12345678"}
PYTHON
equal 'a kernel does not differ from itself' '' "$(registry a diff a)"

# --- export, for stock Wine in other prefixes ---
ok 'export' "$pwkctl" registry a export "$key" "$work/out.reg"
equal 'to standard output it is the same' "$(sha256sum <"$work/out.reg")" \
    "$(registry a export "$key" | sha256sum)"
registry a diff --reg >"$work/diff.reg"
equal 'diff --reg is that file, but for the order of the values' \
    "$(entries "$work/out.reg")" "$(entries "$work/diff.reg")"
equal 'reg.exe exports the same' "$wanted" "$(entries "$work/out.reg")"
equal 'no line is wider than 80 columns' '' "$(text "$work/out.reg" | grep -E '.{81}')"
ok 'export as REGEDIT4' "$pwkctl" registry a export --format reg4 "$key" "$work/out4.reg"
equal 'it says so' REGEDIT4 "$(head -n 1 "$work/out4.reg" | tr -d '\r')"

# given_to NAME COMMAND...: a copy of the prefix gets a file from stock Wine and holds the same.
given_to()
{
    local name=$1 prefix=$work/$1
    shift
    copy_prefix "$prefix"
    WINEPREFIX=$prefix ok "$name: stock Wine imports" stock "$@"
    equal "$name: and has the same values" "$wanted" \
        "$(WINEPREFIX=$prefix values "$work/stock.reg" stock)"
    stop_prefix "$prefix"
    rm -rf "$prefix"
}
given_to reg-5 reg.exe import "$(windows_path "$work/out.reg")"
given_to regedit-5 regedit.exe /S "$(windows_path "$work/out.reg")"
given_to reg-4 reg.exe import "$(windows_path "$work/out4.reg")"

# --- import, into other kernels ---
ok 'b begins' kernel b cmd.exe /c exit 0
equal 'b has what the prefix has' '' "$(registry b diff)"
ok 'b imports' "$pwkctl" registry b import "$work/out.reg"
equal 'it does not differ from a' '' "$(registry b diff a)"
equal 'reg.exe exports the same under b' "$wanted" "$(values "$work/exe.reg" kernel b)"
ok 'a imports what reg.exe exported' "$pwkctl" registry a import "$work/exe.reg"
equal 'which changes nothing' '' "$(registry a diff b)"
ok 'c begins' kernel c cmd.exe /c exit 0
ok 'c imports it from standard input' "$pwkctl" registry c import - <"$work/out4.reg"
equal 'REGEDIT4 says the same' '' "$(registry c diff a)"

# --- strings that are none, and back ---
odd='HKCU\Software\pwk-test\Odd'
cat >"$work/odd.reg" <<'REG'
Windows Registry Editor Version 5.00
; by hand
[HKEY_CURRENT_USER\Software\pwk-test\Odd]
"open"=hex(1):61,00
"zero"=hex(1):61,00,00,00,62,00,00,00
"half"=hex(1):61,00,62
"lines"="one
two"
"type"=hex(1234):01
REG
ok 'odd strings are imported' "$pwkctl" registry b import "$work/odd.reg"
registry b export "$odd" "$work/odd-5.reg"
contains 'they are exported as bytes' '"half"=hex(1):61,00,62
"lines"=hex(1):6f,00,6e,00,65,00,0a,00,74,00,77,00,6f,00,00,00
"type"=hex(1234):01' "$(text "$work/odd-5.reg")"
ok 'c imports them' "$pwkctl" registry c import "$work/odd-5.reg"
equal 'byte for byte' '' "$(registry c diff b)"
registry b export --format reg4 "$odd" "$work/odd-4.reg" 2>"$work/error"
equal 'what REGEDIT4 cannot hold makes export fail' 1 "$?"
contains 'and is named' "left out: $full\\Odd, value half" "$(cat "$work/error")"
ok 'a key that REGEDIT4 cannot hold' "$pwkctl" registry b set "$odd\\Ж" v x
registry b export --format reg4 "$odd\\Ж" "$work/odd-4.reg" 2>"$work/error"
contains 'is named' "left out: $full\\Odd\\Ж: " "$(cat "$work/error")"
equal 'and left out with its values' REGEDIT4 "$(tr -d '\r\n' <"$work/odd-4.reg")"
ok 'it goes' "$pwkctl" registry b delete "$odd\\Ж"

# --- changes and removals; the .reg leads from one to the other ---
ok 'a value changes' "$pwkctl" registry b set "$key" text other
ok 'a value goes' "$pwkctl" registry b delete "$key" empty
ok 'a key goes' "$pwkctl" registry b delete "$key\\Sub\\Deep]er"
equal 'diff against a shows it' \
    "  [$full]
-   empty	sz	
-   text	sz	Ü \"quoted\" c:\\path
+   text	sz	other
+ [$full\\Odd]
+   half	sz	610062
+   lines	sz	one\\x0atwo
+   open	sz	a
+   type	unknown	01
+   zero	sz	a\\x00b
- [$full\\Sub\\Deep]er]" "$(registry b diff a)"
registry b diff a --reg >"$work/a-to-b.reg"
ok 'a imports the difference' "$pwkctl" registry a import "$work/a-to-b.reg"
equal 'and is as b' '' "$(registry a diff b)"
ok 'the whole of a is exported' "$pwkctl" registry a export "$work/all.reg"
ok 'and goes into c' "$pwkctl" registry c import "$work/all.reg"
lacks 'which has all of it then' '+' "$(registry a diff c)"
cat >"$work/remove.reg" <<REG
REGEDIT4
[-$full]
[-HKEY_CURRENT_USER\\Software\\no-such-key]
REG
ok 'a key is removed with all below it' "$pwkctl" registry a import "$work/remove.reg"
equal 'then nothing is left of it' '' "$(registry a diff)"

# --- files with a mistake change nothing ---
# refused LINE REASON TEXT
refused()
{
    printf 'REGEDIT4\n[%s]\n"first"="x"\n%s\n' "$full" "$3" >"$work/bad.reg"
    registry a import "$work/bad.reg" >"$work/output" 2>"$work/error"
    equal "status of importing $3" 1 "$?"
    contains "what is said of $3" "bad.reg:$1: " "$(cat "$work/error")"
    contains "what is said of $3" "$2" "$(cat "$work/error")"
    equal "importing $3 changes nothing" '' "$(registry a diff)"
}
refused 4 'no key, value or comment' 'nonsense'
refused 4 'begins with no root' '[HKEY_NOWHERE\x]'
refused 4 'use reg.exe' '[HKEY_LOCAL_MACHINE\Hardware\x]'
refused 4 'whole root' '[-HKEY_LOCAL_MACHINE]'
refused 4 'no registry may hold' "[$full\\$(printf 'x%.0s' {1..300})]"
registry a import "$work/no-such.reg" 2>"$work/error"
equal 'a file that is not there' "1 1" "$? $(wc -l <"$work/error")"
registry a export "$key" "$work/not-written.reg" 2>"$work/error"
equal 'a key that is not there' 1 "$?"
ok 'makes no file' test ! -e "$work/not-written.reg"
for words in 'export --format reg6' 'export a b' 'import' 'import a b' 'diff a b' 'diff --xml'; do
    # shellcheck disable=SC2086 # words
    registry a $words >/dev/null 2>&1
    equal "wrong usage: $words" 2 "$?"
done

# --- ls as a tree ---
equal 'ls' "Odd
Sub" "$(registry b ls "$key")"
ok 'a key for ls' "$pwkctl" registry b set "$key\\Sub\\Leaf" v x
equal 'ls -r -v' "lines	multi_sz	one\\0two
number	dword	0x12345678
none	none	78000000
Leaf
  v	sz	x" "$(registry b ls "$key\\Sub" -r -v)"
finish
