; SPDX-License-Identifier: LGPL-2.1-or-later
; installer.nsi - an installer as NSIS makes them by the thousand, for installer.sh: files, the
; application's own keys for machine and user, a file type, App Paths, and the entry under
; Uninstall. Made with makensis -DPROGRAM=FILE -DSETUP=FILE.
Target amd64-unicode
Name "pwk test application"
OutFile "${SETUP}"
InstallDir "$PROGRAMFILES64\pwk-test-app"
RequestExecutionLevel admin
SetCompressor lzma

!define APPLICATION "Software\pwk-test-app"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\pwk-test-app"
!define APP_PATH "Software\Microsoft\Windows\CurrentVersion\App Paths\pwk-test-app.exe"

Section "Application"
    SetOutPath "$INSTDIR"
    File "/oname=pwk-test-app.exe" "${PROGRAM}"
    SetOutPath "$INSTDIR\data"
    FileOpen $0 "$INSTDIR\data\readme.txt" w
    FileWrite $0 "installed$\r$\n"
    FileClose $0
    WriteUninstaller "$INSTDIR\uninstall.exe"

    WriteRegStr HKLM "${APPLICATION}" "InstallDir" "$INSTDIR"
    WriteRegDWORD HKLM "${APPLICATION}\Settings" "Level" 7
    WriteRegExpandStr HKLM "${APPLICATION}\Settings" "Data" "%ProgramFiles%\pwk-test-app\data"
    WriteRegBin HKLM "${APPLICATION}\Settings" "Blob" 00ff10
    WriteRegMultiStr /REGEDIT5 HKLM "${APPLICATION}\Settings" "Parts" \
        6f,00,6e,00,65,00,00,00,74,00,77,00,6f,00,00,00,00,00
    WriteRegStr HKCU "${APPLICATION}" "Greeting" "grüß dich"
    WriteRegStr HKLM "${APP_PATH}" "" "$INSTDIR\pwk-test-app.exe"
    WriteRegStr HKCR ".pwktest" "" "pwk-test-app.document"
    WriteRegStr HKCR "pwk-test-app.document\shell\open\command" "" \
        '"$INSTDIR\pwk-test-app.exe" status 0'
    WriteRegStr HKLM "${UNINSTALL}" "DisplayName" "pwk test application"
    WriteRegStr HKLM "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
    WriteRegStr HKLM "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD HKLM "${UNINSTALL}" "NoModify" 1
SectionEnd

Section "Uninstall"
    DeleteRegKey HKLM "${APPLICATION}"
    DeleteRegKey HKCU "${APPLICATION}"
    DeleteRegKey HKLM "${APP_PATH}"
    DeleteRegKey HKCR ".pwktest"
    DeleteRegKey HKCR "pwk-test-app.document"
    DeleteRegKey HKLM "${UNINSTALL}"
    Delete "$INSTDIR\data\readme.txt"
    Delete "$INSTDIR\pwk-test-app.exe"
    Delete "$INSTDIR\uninstall.exe"
    RMDir "$INSTDIR\data"
    RMDir "$INSTDIR"
SectionEnd
