#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# no_sockets.sh - no process of pwk's own opens a socket but of the Unix kind: traced from pwk-wine
# on, through everything that it starts. wineserver and Wine's system processes may, on their own
# account (they list the machine's network cards); the program under the kernel does not here.
. "$(dirname "$0")/library.sh"
begin
command -v strace >/dev/null || skip 'strace is not installed'
strace -k --pidns-translation -o /dev/null true 2>/dev/null || skip 'nothing can be traced here'

# foreign_sockets TRACE: the calls that are not Unix sockets, of processes that have executed
# neither wineserver nor one of Windows' own programs.
foreign_sockets()
{
    awk '
        # The libraries that a call came through follow it, a line each.
        /^ > / {
            if (last in stack)
                stack[last] = stack[last] $0 "\n"
            next
        }
        { last = "" }
        # A thread or a process is what its parent is, until it executes something.
        function is_wines(process) {
            while (!(process in executed) && (process in parent))
                process = parent[process]
            return wines[process]
        }
        # strace does not always find the number by which it knows a thread of another process
        # namespace. Then the call itself must have come from a driver of Wine'"'"'s (wineusb.so, by
        # libusb and libudev, listens for devices), and through nothing of ours.
        function is_drivers(call) {
            return stack[call] ~ /\/wine\/x86_64-unix\/wine(usb|bus)\.so/ &&
                stack[call] !~ /\/(lib)?pwk\.so/
        }
        / execve\(/ && / = 0$/ {
            executed[$1] = 1
            wines[$1] = /wineserver/ || /pwk-loader64", \["[^"]*", "C:\\+windows\\+system32/
        }
        # In an own session: "= NUMBER /* NUMBER in strace PID NS */".
        /clone|fork/ && match($0, /= [0-9]+( \/\* [0-9]+ in strace.*)?$/) {
            split(substr($0, RSTART), words, " ")
            parent[words[3] == "/*" ? words[4] : words[2]] = $1
        }
        / socket\(/ && !/AF_UNIX/ {
            calls[++count] = $0
            callers[count] = $1
            newest[$1] = last = count
            stack[count] = ""
        }
        / socket\(AF_UNIX/ { delete newest[$1] }
        / <\.\.\. socket resumed/ && ($1 in newest) { last = newest[$1] }
        END {
            for (i = 1; i <= count; i++)
                if (!is_wines(callers[i]) && !is_drivers(i))
                    print calls[i] "\n" stack[i]
        }' "$1"
}

# traced NAME COMMAND...
traced()
{
    local name=$1
    shift
    ok "$name" within 120 strace -f -k -qq --pidns-translation -s 200 -o "$work/trace" \
        -e signal=none -e trace=socket,execve,clone,clone3,fork,vfork "$@"
    equal "$name: sockets" '' "$(foreign_sockets "$work/trace")"
}

probe=$programs/process_probe.exe
for session in own shared; do
    traced "a program in an $session session" \
        "$pwk_wine" --kernel traced --session "$session" "$probe" status 0
    # What was traced is more than pwk-wine alone.
    ok "$session: the loader was among it" grep -q 'execve(".*pwk-loader64"' "$work/trace"
done
traced 'with a supervisor and a second log' "$pwk_wine" --kernel traced --session own \
    --syscall getxattr=log --audit "$work/second.jsonl" "$probe" status 0
for command in ps doctor 'registry traced get HKCU\Software\Wine' 'audit traced' 'files traced diff'; do
    # shellcheck disable=SC2086 # a command and its words
    traced "pwkctl $command" "$pwkctl" $command
done

# The test itself sees one.
within 20 strace -f -k -qq -e trace=socket,execve -o "$work/trace" \
    bash -c 'exec 3<>/dev/udp/127.0.0.1/9' 2>/dev/null
matches 'a socket that is one is seen' AF_INET "$(foreign_sockets "$work/trace")"
finish
