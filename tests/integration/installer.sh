#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# installer.sh - two real installers, one of NSIS and one package for the Windows Installer, run and
# removed under kernels: their files come and go, `diff` shows exactly what they did to the
# registry, and the prefix's own registry has none of it. In the end stock Wine installs the same,
# and the kernel's registry must be what stock Wine's has become.
. "$(dirname "$0")/library.sh"
command -v makensis >/dev/null || skip 'there is no makensis; install the package nsis'
command -v wixl >/dev/null || skip 'there is no wixl; install the package wixl'
begin
keep_session

sources=$PWK_SRCDIR/tests/programs
product='{7B4A1C60-5D1E-4D0B-9C3A-0C1D2E3F4A50}'
drive=$WINEPREFIX/drive_c
setup=$work/app-setup.exe

difference()
{
    within 60 "$pwkctl" registry "$1" diff
}

# The prefix's registry as stock Wine shows it.
prefix_registry()
{
    local root

    for root in HKLM HKCU HKU; do
        stock reg.exe export "$root" "$(windows_path "$work")\\$root.reg" /y >/dev/null 2>&1 ||
            fail "stock Wine cannot export $root"
        iconv -f UTF-16 -t UTF-8 "$work/$root.reg"
    done
}

# untouched WHAT: all of the prefix is as it was.
untouched()
{
    prefix_registry >"$work/now.txt"
    equal "$1: the prefix's registry is as it was" '' \
        "$(diff "$work/before.txt" "$work/now.txt" | head -n 40)"
}

cp "$programs/process_probe.exe" "$work/program.exe"
cp "$sources/installer.wxs" "$work/"
ok 'the NSIS installer is made' makensis -V1 -INPUTCHARSET UTF8 "-DPROGRAM=$work/program.exe" \
    "-DSETUP=$setup" "$sources/installer.nsi"
# wixl finds a file's source only by a relative name.
ok 'the package is made' env -C "$work" wixl -a x64 -o package.msi installer.wxs

for name in nsis quiet msi; do
    ok "kernel $name is there" kernel "$name" "$programs/process_probe.exe" status 0
    equal "kernel $name begins as the prefix is" '' "$(difference "$name")"
done
prefix_registry >"$work/before.txt"
matches 'the prefix has a registry to compare' Control "$(grep -m 1 Control "$work/before.txt")"

# --- NSIS: install ---
folder="$drive/Program Files/pwk-test-app"
ok 'the NSIS installer' kernel nsis "$setup" /S
ok 'the program file' cmp "$work/program.exe" "$folder/pwk-test-app.exe"
equal 'the data file' installed "$(tr -d '\r' <"$folder/data/readme.txt")"
ok 'the installed program runs' kernel nsis "$folder/pwk-test-app.exe" status 0
installed=$(difference nsis)
windows='HKEY_LOCAL_MACHINE\Software\Microsoft\Windows\CurrentVersion'
classes='HKEY_LOCAL_MACHINE\Software\Classes'
place='C:\Program Files\pwk-test-app'
equal 'diff shows what the NSIS installer did, and nothing else' \
    "+ [$classes\\.pwktest]
+   @	sz	pwk-test-app.document
+ [$classes\\pwk-test-app.document]
+ [$classes\\pwk-test-app.document\\shell]
+ [$classes\\pwk-test-app.document\\shell\\open]
+ [$classes\\pwk-test-app.document\\shell\\open\\command]
+   @	sz	\"$place\\pwk-test-app.exe\" status 0
+ [$windows\\App Paths\\pwk-test-app.exe]
+   @	sz	$place\\pwk-test-app.exe
+ [$windows\\Uninstall\\pwk-test-app]
+   DisplayName	sz	pwk test application
+   NoModify	dword	0x00000001
+   QuietUninstallString	sz	\"$place\\uninstall.exe\" /S
+   UninstallString	sz	\"$place\\uninstall.exe\"
+ [HKEY_LOCAL_MACHINE\\Software\\pwk-test-app]
+   InstallDir	sz	$place
+ [HKEY_LOCAL_MACHINE\\Software\\pwk-test-app\\Settings]
+   Blob	binary	00ff10
+   Data	expand_sz	%ProgramFiles%\\pwk-test-app\\data
+   Level	dword	0x00000007
+   Parts	multi_sz	one\\0two
+ [HKEY_CURRENT_USER\\Software\\pwk-test-app]
+   Greeting	sz	grüß dich" "$installed"
untouched 'NSIS, installed'

# --- NSIS: remove, as the Windows settings do: by a copy of the uninstaller in the folder of
# temporary files, which asks for its own removal at the next start. ---
nsis_is_removed()
{
    [ ! -e "$folder" ] && no_kernel_process
}
ok 'the uninstaller' kernel nsis "$folder/uninstall.exe" /S
until_true 60 nsis_is_removed || fail "the uninstaller left $(find "$folder")"
# Wine 10 has the key under the name that Windows gives it.
pending=$(difference nsis | sed 's/ControlSet001/CurrentControlSet/; s/C:\\users\\[^ ~]*\\~nsu[0-9]*\.tmp/TEMP/g')
equal 'what is left is what the uninstaller asks of the next start' \
    '  [HKEY_LOCAL_MACHINE\System\CurrentControlSet\Control\Session Manager]
+   PendingFileRenameOperations	multi_sz	\??\TEMP\0\0\??\TEMP\Un.exe' "$pending"

# Run in place (NSIS takes no folder with a blank there) it asks for nothing.
folder=$drive/pwk-quiet
ok 'the NSIS installer again' kernel quiet "$setup" /S '/D=C:\pwk-quiet'
equal 'it does the same again, in the folder that is asked for' \
    "${installed//"$place"/C:\\pwk-quiet}" \
    "$(difference quiet)"
ok 'the uninstaller in place' kernel quiet "$folder/uninstall.exe" /S '_?=C:\pwk-quiet'
equal 'nothing is left in the registry' '' "$(difference quiet)"
equal 'no file is left but the uninstaller, which was running' "$folder/uninstall.exe" \
    "$(find "$folder" -type f)"
untouched 'NSIS, removed'

# --- the Windows Installer: what it notes has names of its own choice (LocalPackage) ---
folder="$drive/Program Files/pwk-test-package"
package="$(windows_path "$work")\\package.msi"
ok 'msiexec /i' kernel msi msiexec.exe /i "$package" /qn
ok 'the file of the package' cmp "$work/program.exe" "$folder/pwk-test-package.exe"
equal 'the engine kept the package' 1 "$(find "$drive/windows/Installer" -name '*.msi' | wc -l)"
changes=$(difference msi)
contains 'diff shows the entry under Uninstall' "+ [$windows\\Uninstall\\$product]" "$changes"
contains 'diff shows the product to the engine' '+   ProductName	sz	pwk test package' "$changes"
# Wine 8 makes a plain string of one that is to be expanded.
contains "diff shows the package's own keys" '+ [HKEY_LOCAL_MACHINE\Software\pwk-test-package]
+   Data	sz	%ProgramFiles%\pwk
+   InstallDir	sz	C:\Program Files\pwk-test-package\
+   Level	dword	0x00000007' "${changes/expand_sz	%ProgramFiles%/sz	%ProgramFiles%}"
equal 'diff shows no key that is neither of the package nor of the engine' '' \
    "$(grep '^. \[' <<<"$changes" | grep -vF -e "[$classes\\Installer" -e "[$windows\\Installer\\" \
        -e "[$windows\\Uninstall\\$product]" -e '[HKEY_LOCAL_MACHINE\Software\pwk-test-package]')"
equal 'diff shows nothing changed or removed' '' "$(grep -v '^+' <<<"$changes")"
untouched 'the package, installed'

# A copy of that state, to be compared with stock Wine's.
"$pwkctl" registry msi diff --reg >"$work/msi.reg"
ok 'a second kernel' kernel msi2 "$programs/process_probe.exe" status 0
ok 'the diff as .reg makes it the same' within 60 "$pwkctl" registry msi2 import "$work/msi.reg"
equal 'the two do not differ' '' "$(within 60 "$pwkctl" registry msi2 diff msi)"

ok 'msiexec /x' kernel msi msiexec.exe /x "$product" /qn
ok 'the files are gone' test ! -e "$folder"
# The engine leaves its own empty keys, under stock Wine as under Windows.
left=$(difference msi)
equal 'nothing is left but keys of the engine' '' \
    "$(grep -vF -e "+ [$classes\\Installer" -e "+ [$windows\\Installer\\" <<<"$left")"
lacks 'and none of them names the product' 06C1A4B7E1D5B0D4C9A3C0D1E2F3A4 "$left"
untouched 'the package, removed'

# --- the same by stock Wine, in the prefix itself ---
ok 'a kernel with both' kernel quiet "$setup" /S
ok 'a kernel with both, imported' within 60 "$pwkctl" registry quiet import "$work/msi.reg"
rm -rf "$drive/Program Files/"pwk-test-*
ok 'stock Wine runs the NSIS installer' stock "$setup" /S
ok 'stock Wine installs the package' stock msiexec.exe /i "$package" /qn
stop_prefix "$WINEPREFIX"
ok "stock Wine's registry has it" grep -q pwk-test-package "$WINEPREFIX/system.reg"
ok 'the kernel comes in step with the prefix' kernel quiet cmd.exe /c exit 0
equal "the kernel's registry is what stock Wine's has become" '' \
    "$(difference quiet | grep -vE '\\Products\\[0-9A-F]+\\InstallProperties\]$|LocalPackage')"
finish
