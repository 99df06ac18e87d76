#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# windows_numbers.sh - native system calls by the numbers of Windows' own builds do what Windows'
# services of those numbers do, also those that Wine's ntdll has no number for.
. "$(dirname "$0")/library.sh"
begin
keep_session

program=$programs/windows_numbers.exe
services='NtClose NtSetEvent NtAllocateVirtualMemory NtQueryInformationProcess NtOpenProcess
    NtCreateFile NtSetValueKey NtSaveKeyEx NtLockRegistryKey NtQueryInformationTransaction'

# profile VERSION BUILD READING
profile()
{
    {
        printf '[kernel]\nwindows = %s\n' "$1"
        [ -z "$2" ] || printf 'build = %s\n' "$2"
        printf '[syscalls]\nsyscall_numbers = %s\n' "$3"
    } >"$work/$1-$3.ini"
    printf '%s\n' "$work/$1-$3.ini"
}

# answer PROFILE NUMBER: of one call with arguments of 0.
answer()
{
    kernel answers --profile "$1" "$program" answer "$2" 2>/dev/null | tr -d '\r'
}

# build VERSION BUILD NUMBERS...
build()
{
    local ini results name
    ini=$(profile "$1" "$2" windows)
    shift 2
    results=$(kernel numbers --profile "$ini" "$program" "$(windows_path "$work")" "$@" 2>&1 |
        tr -d '\r')
    for name in $services; do
        assertions=$((assertions + 1))
        grep -qx "$name ok" <<<"$results" || fail "$name ($ini): $results"
    done
}

build 7 '' NtClose=0x0c NtSetEvent=0x0b NtAllocateVirtualMemory=0x15 \
    NtQueryInformationProcess=0x16 NtOpenProcess=0x23 NtCreateFile=0x52 NtSetValueKey=0x5d \
    NtSaveKeyEx=0x14a NtLockRegistryKey=0xe2 NtQueryInformationTransaction=0x119 \
    NtCreateTransaction=0xa8 NtRollbackTransaction=0x147
build 10 22H2 NtClose=0x0f NtSetEvent=0x0e NtAllocateVirtualMemory=0x18 \
    NtQueryInformationProcess=0x19 NtOpenProcess=0x26 NtCreateFile=0x55 NtSetValueKey=0x60 \
    NtSaveKeyEx=0x185 NtLockRegistryKey=0x10d NtQueryInformationTransaction=0x14e \
    NtCreateTransaction=0xc7 NtRollbackTransaction=0x182
build 11 24H2 NtClose=0x0f NtSetEvent=0x0e NtAllocateVirtualMemory=0x18 \
    NtQueryInformationProcess=0x19 NtOpenProcess=0x26 NtCreateFile=0x55 NtSetValueKey=0x60 \
    NtSaveKeyEx=0x192 NtLockRegistryKey=0x116 NtQueryInformationTransaction=0x159 \
    NtCreateTransaction=0xcf NtRollbackTransaction=0x18f

# A service of Windows that Wine lacks, one of the graphics services, and what is none at all.
ten=$work/10-windows.ini
for number in 0x1c3 0x1000 0x1ff 0x2000 0x3000; do
    equal "number $number is unknown" c000001c "$(answer "$ten" "$number")"
done
contains 'the refusal is recorded' '"number":"0x1c3"' \
    "$(cat "$WINEPREFIX/pwk/kernels/answers/audit.jsonl")"

# The number in the stub of NtSuspendProcess: in the ntdll in use it is that service's, among
# Windows' numbers one that Wine lacks. The stub itself goes on working: all programs call stubs.
stub=$(kernel answers --profile "$ten" "$program" stub NtSuspendProcess 2>/dev/null | tr -d '\r')
matches 'the stub has a number' '^0x[0-9a-f]+$' "$stub"
equal 'the number in the stub, as in ntdll' c0000008 "$(answer "$(profile 10 '' ntdll)" "$stub")"
equal 'the number in the stub, as in Windows' c000001c "$(answer "$ten" "$stub")"
equal "Windows' number of NtClose" c0000008 "$(answer "$ten" 0x0f)"

# The prefix's version alone does not say which numbers.
printf '[syscalls]\nsyscall_numbers = windows\n' >"$work/none.ini"
contains 'a version is asked for' 'needs a version' \
    "$("$pwk_wine" --profile "$work/none.ini" "$program" answer 1 2>&1)"
finish
