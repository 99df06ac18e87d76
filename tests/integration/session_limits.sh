#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# session_limits.sh - an own session's share of processors and disks, and its choice of namespaces.
# What programs get is printed; only wide factors are asserted, since machines have other work.
. "$(dirname "$0")/library.sh"
begin
needs_namespaces

probe=$programs/process_probe.exe

# Hundredths of a second that the session's processes have used, with those that ended.
time_used()
{
    local process fields total=0

    for process in $(session_processes "$1"); do
        # shellcheck disable=SC2207 # numbers
        fields=($(sed 's/.*) //' "/proc/$process/stat" 2>/dev/null)) || continue
        total=$((total + ${fields[11]:-0} + ${fields[12]:-0} + ${fields[13]:-0} + ${fields[14]:-0}))
    done
    echo "$total"
}

# Bytes that they have read and written.
bytes_moved()
{
    local process

    for process in $(session_processes "$1"); do
        sed -n 's/^\(read\|write\)_bytes: //p' "/proc/$process/io" 2>/dev/null
    done | awk '{ total += $1 } END { print total + 0 }'
}

# --- processors ---
# share NAME MOST LEAST OPTION...: a kernel's burner gets no more than MOST percent of a processor in
# 3 s, and no less than LEAST, or than a third of what a burner without a kernel gets meanwhile: on a
# machine with other work nobody gets more.
share()
{
    local init before after begin end free percent least=$3

    hold "$1" "$pwk_wine" --kernel "$1" --session own "${@:4}" cmd.exe /c \
        'echo ready & for /L %i in (0,0,1) do @rem'
    until_true 60 grep -q ready "$work/$1.out" || fail "the burner of $1 does not begin"
    init=$(session_init "$1")
    sleep 1
    hold "free-$1" bash -c 'while :; do :; done'
    before=$(time_used "$init") begin=$(date +%s%N)
    sleep 3
    after=$(time_used "$init") end=$(date +%s%N)
    free=$(cut -d ' ' -f 14,15 "/proc/${held[free-$1]}/stat" | tr ' ' +)
    kill -KILL "${held[$1]}" "${held[free-$1]}"
    percent=$(((after - before) * 1000000000 / (end - begin)))
    free=$(((free) * 1000000000 / (end - begin)))
    say "a burner with '${*:4}': $percent% of a processor; one without a kernel: $free%"
    [ $((free / 3)) -ge "$least" ] || least=$((free / 3))
    assertions=$((assertions + 1))
    [ "$percent" -ge "$least" ] && [ "$percent" -le "$2" ] ||
        fail "${*:4}: $percent%, and it should be from $least to $2"
}

share half 90 10 --max-cpu 50%
share low 35 1 --max-cpu=10

ok 'who is held comes to an end all the same' own ends --max-cpu 20% "$probe" status 0
equal 'and its status is its own' 7 "$(own ends --max-cpu 20% "$probe" status 7; echo $?)"
matches 'a session with a limit is not joined without it' 'up.*cpu 20%' \
    "$(own ends "$probe" status 0 2>&1)"

# --- job control: what a user stops with Ctrl-Z stays stopped until it is continued ---
# In a terminal of its own with a shell in it: without one that could continue it, Linux throws a
# process group's SIGTSTP away.
type_in()
{
    # shellcheck disable=SC2059 # with its escapes
    printf "$1" >&"${held_input[terminal]}"
}

burner_time()
{
    cut -d ' ' -f 14,15 "/proc/$burner/stat"
}

time_has_passed()
{
    [ "$(burner_time)" != "$before" ]
}

burner_says_ready()
{
    grep -v 'echo ready' "$work/terminal.out" | grep -q ready
}

shell_says_stopped()
{
    [ "$(grep -c '^\[1\].*Stopped' "$work/terminal.out")" -ge "$1" ]
}

stays_stopped()
{
    type_in '\032'
    stops=$((stops + 1))
    until_true 30 shell_says_stopped "$stops" || return 0 # seen below
    sleep 1
    before=$(burner_time)
    sleep 2
    ! time_has_passed
}

hold terminal script --quiet --command 'bash --norc --noprofile -i' /dev/null
type_in "'$pwk_wine' --kernel stopped --session own --max-cpu 10%% cmd.exe /c "
type_in "'echo ready & for /L %%i in (0,0,1) do @rem'\n"
until_true 180 burner_says_ready || fail 'the burner does not begin'
init=$(session_init stopped)
sleep 1
burner=$(for process in $(session_processes "$init"); do
    sed "s/.*) //;s/^/$process /" "/proc/$process/stat" 2>/dev/null
done | sort -n -k 13 | tail -n 1 | cut -d ' ' -f 1)
stops=0
for i in 1 2 3; do
    assertions=$((assertions + 1))
    # A stop signal that waits at the very moment in which the governor continues is forgotten by
    # Linux: one may get lost, as it may be pressed again.
    stays_stopped || { type_in 'fg\n' && sleep 1 && stays_stopped; } ||
        fail "stop $i: a stopped program does not stay stopped"
    ok "stop $i: the shell has been told" shell_says_stopped "$stops"
    before=$(burner_time)
    type_in 'fg\n'
    ok "stop $i: it goes on" until_true 30 time_has_passed
done

# --- a killed first process leaves nobody stopped ---
kill -KILL "$init"
ok 'nothing of it is left' until_true 10 test ! -e "/proc/$burner"
type_in 'exit\n'
wait "${held[terminal]}"

# --- disks ---
head -c 1M /dev/urandom >"$WINEPREFIX/drive_c/block"
hold writer "$pwk_wine" --kernel writer --session own --max-io 5M/s cmd.exe /c \
    'echo ready & for /L %i in (0,0,1) do @copy /y c:\block c:\other >nul'
until_true 60 grep -q ready "$work/writer.out" || fail 'the writer does not begin'
init=$(session_init writer)
sleep 2
before=$(bytes_moved "$init") begin=$(date +%s%N)
# Over 3 s, or for as long as it takes on a disk that others use too, but no longer than 20 s.
moved_on()
{
    after=$(bytes_moved "$init")
    [ "$after" -ge $((before + 10 * 1024 * 1024)) ]
}
sleep 3
until_true 17 moved_on
end=$(date +%s%N)
kill -KILL "${held[writer]}"
if [ "$after" -gt "$before" ]; then
    rate=$(((after - before) * 1000000000 / (end - begin) / 1024))
    say "a writer at 5M/s: $rate KiB/s"
    assertions=$((assertions + 1))
    [ "$rate" -ge 500 ] && [ "$rate" -le 20000 ] || fail "5M/s: $rate KiB/s"
else
    say 'the disk here counts no bytes: the rate is left out'
fi

# --- namespaces ---
# namespaces_are KERNEL NAMES OPTION...: those that the session does not share with the machine.
namespaces_are()
{
    local init name
    hold "$1" "$pwk_wine" --kernel "$1" --session own "${@:3}" "$probe" wait
    held_says "$1" 1 ready
    init=$(session_init "$1")
    for name in user mnt pid_for_children net ipc uts; do
        [ "$(readlink "/proc/$init/ns/$name")" = "$(readlink "/proc/self/ns/$name")" ] ||
            printf '%s ' "$name"
    done >"$work/namespaces"
    equal "namespaces with '${*:3}'" "$2" "$(sed 's/ $//' "$work/namespaces")"
    go_on "$1"
    wait "${held[$1]}"
    equal "its program has run" 0 $?
}
namespaces_are all 'user mnt pid_for_children net ipc uts'
namespaces_are few 'user mnt pid_for_children' --isolate user,mount,pid
namespaces_are net 'user mnt pid_for_children net' --isolate net
namespaces_are ipc 'user mnt pid_for_children ipc uts' --net host
finish
