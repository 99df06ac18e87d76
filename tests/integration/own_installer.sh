#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# own_installer.sh - the NSIS installer of installer.sh in an own session: the prefix stays as it
# was, byte for byte; the diffs of files and registry show what it did, which is what the same
# installer does under stock Wine in a copy of the prefix; after commit stock Wine starts and
# removes what was installed; after discard nothing is left.
. "$(dirname "$0")/library.sh"
command -v makensis >/dev/null || skip 'there is no makensis; install the package nsis'
begin
needs_namespaces

setup=$work/app-setup.exe
folder="$WINEPREFIX/drive_c/Program Files/pwk-test-app"
windows='Software\Microsoft\Windows\CurrentVersion'
keys=('HKLM\Software\pwk-test-app' 'HKCU\Software\pwk-test-app' "HKLM\\$windows\\Uninstall\\pwk-test-app"
    "HKLM\\$windows\\App Paths\\pwk-test-app.exe" 'HKLM\Software\Classes\.pwktest'
    'HKLM\Software\Classes\pwk-test-app.document')

session_is_over()
{
    ! "$pwkctl" files "$1" commit 2>&1 | grep -q 'session is up'
}

# state_of PREFIX: all that it has but pwk's own: kinds, permissions, times, sums.
state_of()
{
    (
        cd "$1" || exit
        find . -path ./pwk -prune -o -type f -printf '%p %m %T@ ' -exec md5sum {} \;
        find . -path ./pwk -prune -o -type l -printf '%p %l\n'
        find . -path ./pwk -prune -o -type d -printf '%p %m\n'
    ) | sort
}

# names_of PREFIX: the same as kinds and names, and of files sizes, as far as they are of programs.
names_of()
{
    (cd "$1" && find . -type f -printf 'file %s %P\n' -o -printf '%y - %P\n') |
        sed 's/^d - /folder - /' | sort |
        grep -vE '^[^ ]+ [^ ]+ (pwk(/.*)?|[a-z]*\.reg|wineserver|\.update-timestamp|dosdevices.*|)$'
}

# What the prefix's registry has of the application, by stock Wine.
application_keys()
{
    local key

    for key in "${keys[@]}"; do
        rm -f "$work/key.reg"
        stock reg.exe export "$key" "$(windows_path "$work")\\key.reg" /y >/dev/null 2>&1 &&
            iconv -f UTF-16 -t UTF-8 "$work/key.reg"
    done
    return 0
}

# The machine may have got fonts since the prefix was made: stock Wine notes them at the next start.
ok 'stock Wine is in step with the machine' stock "$programs/print_parameters.exe"
stop_prefix "$WINEPREFIX"
cp "$programs/process_probe.exe" "$work/program.exe"
ok 'the NSIS installer is made' makensis -V1 -INPUTCHARSET UTF8 "-DPROGRAM=$work/program.exe" \
    "-DSETUP=$setup" "$PWK_SRCDIR/tests/programs/installer.nsi"

# --- stock Wine, in a copy ---
other=$work/other
copy_prefix "$other"
names_of "$other" >"$work/stock-before"
ok 'stock Wine runs the installer' env WINEPREFIX="$other" timeout 120 "$stock_wine" "$setup" /S
WINEPREFIX=$other application_keys >"$work/stock-keys"
contains 'it wrote to the registry' 'pwk test application' "$(cat "$work/stock-keys")"
stop_prefix "$other"
names_of "$other" | comm -13 "$work/stock-before" - >"$work/stock-changes"
equal 'it made five things' 5 "$(wc -l <"$work/stock-changes")"

# --- in an own session ---
before=$(state_of "$WINEPREFIX")
for name in a b; do
    ok "the installer in kernel $name" own "$name" "$setup" /S
    equal 'what it installed runs there' 5 \
        "$(own "$name" "$folder/pwk-test-app.exe" status 5 >/dev/null 2>&1; echo $?)"
    equal 'by its DOS path too' 6 "$(own "$name" 'C:\Program Files\pwk-test-app\pwk-test-app' \
        status 6 >/dev/null 2>&1; echo $?)"
    equal 'but not where it is not installed' 127 \
        "$(own c "$folder/pwk-test-app.exe" status 5 >/dev/null 2>&1; echo $?)"
    until_true 60 session_is_over "$name" || fail "the session of $name does not end"
    equal 'the prefix is untouched, byte for byte' '' \
        "$(diff <(echo "$before") <(state_of "$WINEPREFIX"))"
    equal 'files diff shows what stock Wine does, and nothing else' "$(cat "$work/stock-changes")" \
        "$("$pwkctl" files "$name" diff | sed -n 's/^A\t\([^\t]*\)\t-\t\([^\t]*\)\t/\1 \2 /p' | sort)"
    lacks 'nothing is changed or deleted' '
M' "
$("$pwkctl" files "$name" diff)"
    equal 'registry diff shows its keys' 10 "$("$pwkctl" registry "$name" diff | grep -c '^+ \[')"
    equal 'and only those' '' "$("$pwkctl" registry "$name" diff | grep '^. \[' | grep -v pwk-test |
        grep -v pwktest)"
done

# --- discard ---
contains 'discard' 'discarded: 5 added' "$("$pwkctl" files b discard --yes)"
ok 'and the kernel itself goes' "$pwkctl" remove b
equal 'nothing is left of it' a "$(ls "$WINEPREFIX/pwk/kernels")"
equal 'the prefix is as it was' '' "$(diff <(echo "$before") <(state_of "$WINEPREFIX"))"

# --- commit ---
contains 'commit' 'committed: 5 added, 0 changed, 0 deleted; left: 0' \
    "$("$pwkctl" files a commit --yes)"
"$pwkctl" registry a diff --reg >"$work/a.reg"
ok 'stock Wine takes the registry over' stock regedit.exe /S "$(windows_path "$work")\\a.reg"
application_keys >"$work/committed-keys"
ok "the prefix's registry has what stock Wine's installer writes" cmp "$work/stock-keys" \
    "$work/committed-keys"
names_of "$WINEPREFIX" | comm -13 "$work/stock-before" - >"$work/committed"
ok 'so have its files' cmp "$work/stock-changes" "$work/committed"
equal 'stock Wine starts the program' 7 "$(stock "$folder/pwk-test-app.exe" status 7 >/dev/null 2>&1
    echo $?)"
equal 'no difference of files is left' '' "$("$pwkctl" files a diff)"
stop_prefix "$WINEPREFIX"
ok 'the kernel runs it as before' own a "$folder/pwk-test-app.exe" status 0
until_true 60 session_is_over a || fail 'the session of a does not end'
equal 'nor is one of the registry' '' "$("$pwkctl" registry a diff)"

# --- stock Wine removes it ---
ok 'the uninstaller' stock "$folder/uninstall.exe" /S
is_removed()
{
    [ ! -e "$folder" ]
}
until_true 60 is_removed || fail "the uninstaller left $(find "$folder")"
equal 'no key is left' '' "$(application_keys)"
finish
