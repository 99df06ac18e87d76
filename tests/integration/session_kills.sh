#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# session_kills.sh - own sessions in which something is killed (SIGKILL) at a random point of their
# life: afterwards nothing of them is left on the machine, and what programs were told is written is
# there. Several at once, each with kernels of its own. In: PWK_SESSION_KILLS (how many; `make
# check-sessions` takes 500), PWK_SESSION_LANES (how many at once), PWK_SESSION_SEED,
# PWK_SESSION_KINDS (of the kinds below, those to choose from).
. "$(dirname "$0")/library.sh"
begin
needs_namespaces

rounds=${PWK_SESSION_KILLS:-40}
lanes=${PWK_SESSION_LANES:-3}
seed=${PWK_SESSION_SEED:-$$}
key='HKCU\Software\pwk-test'
probe=$programs/process_probe.exe
# What is killed, and when:
#   launcher init wineserver program any   while the program waits (any: some process of Wine's)
#   two        two of them by one call, while the program waits
#   early      the launcher, at any time of its way to there
#   init-early the first process, from when it is known on: it makes its view, and Wine starts
#   call       launcher, maker of the namespaces, first process, joiner, reaper or what is to be the
#              program, at one of the system calls that each makes up to there
#   join-call  the same for a second program that joins: the first one must not notice
#   writing    any of them while a program writes values, or files, as fast as it can
#   saving     first process or wineserver after the last program, while wineserver saves
read -ra kinds <<<"${PWK_SESSION_KINDS:-launcher init wineserver program any two early init-early call call join-call writing writing saving}"
victims=(launcher init wineserver program any)
if strace -f -b execve -o /dev/null -e inject=setns:signal=KILL:when=1 true 2>/dev/null; then
    can_inject=yes
else
    can_inject=
    say 'left out are kills at a system call: strace is not here, or cannot trace'
fi

# ---- who is who ----

process_is_gone()
{
    local line

    while read -r line; do
        case $line in State:*[ZX]*) return 0 ;; State:*) return 1 ;; esac
    done 2>/dev/null <"/proc/$1/status"
    return 0
}

# process_of INIT PATTERN: one process of the session whose command line matches.
process_of()
{
    local process line found=()

    for process in /proc/[0-9]*; do
        [ "$process/ns/pid" -ef "/proc/$1/ns/pid_for_children" ] &&
            [ "${process#/proc/}" != "$1" ] &&
            { IFS= read -r -d '' line || [ -n "$line" ]; } <"$process/cmdline" &&
            line=$(tr '\0' ' ' <"$process/cmdline") && [[ $line =~ $2 ]] &&
            found+=("${process#/proc/}")
    done 2>/dev/null
    [ ${#found[@]} -gt 0 ] && echo "${found[RANDOM % ${#found[@]}]}"
}

# victim_of WHAT KERNEL NAME: the process to be killed.
victim_of()
{
    case $1 in
    launcher) echo "${held[$3]}" ;;
    init) session_init "$2" ;;
    wineserver) process_of "$(session_init "$2")" wineserver ;;
    program) process_of "$(session_init "$2")" 'process_probe|set_values|cmd\.exe' ;;
    any) process_of "$(session_init "$2")" '' ;;
    esac
}

# Whose environment says that they are of this test: what keeps a namespace, where no mount does.
processes_left()
{
    local process

    for process in /proc/[0-9]*; do
        [ "${process#/proc/}" != $$ ] && [ "$(readlink "$process/exe")" != "$BASH" ] &&
            tr '\0' '\n' <"$process/environ" 2>/dev/null |
            grep -qxF "XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR" &&
            echo "${process#/proc/} $(tr '\0' ' ' <"$process/cmdline")"
    done
}

# Behind each process of the list what it waits for.
show_waits()
{
    local process command

    while read -r process command; do
        echo "$process ($command): $(cat "/proc/$process"/{wchan,syscall} 2>/dev/null | tr '\n' ' ')"
    done
}

# pause MILLISECONDS: up to so many.
pause()
{
    sleep "$(printf '%d.%03d' $((milliseconds = RANDOM % ($1 + 1), milliseconds / 1000)) \
        $((milliseconds % 1000)))"
}

milliseconds_now()
{
    echo "${EPOCHREALTIME/[.,]/}" | cut -c 1-13
}

# ---- the system calls of a start ----

# points FOLDER ROLES [OPTIONS]: traces a start; for each process that is not Wine's yet, in the order
# of their births, a file of its role's name with a line "ROLE CALL NUMBER" for each call up to where
# it only waits.
points()
{
    local folder=$1 roles=$2
    shift 2
    mkdir "$folder"
    within 120 strace -f -b execve -qq -o "$folder/trace" "$pwk_wine" "$@" "$probe" status 0 ||
        die "a start that is traced fails"
    awk -v folder="$folder" -v roles="$roles" '
        BEGIN { expected = split(roles, names, " ") }
        # The follower of the prefix comes when the program runs, and is no part of its start.
        !($1 in role) { role[$1] = ++births <= expected ? names[births] : "another" }
        role[$1] == "another" || /resumed>|\+\+\+|---/ { next }
        $2 ~ /^(clock_nanosleep|rt_sigtimedwait)/ { waits[$1] = 1 }
        !waits[$1] && match($2, /^[a-z0-9_]+\(/) {
            call = substr($2, 1, RLENGTH - 1)
            print role[$1], call, ++count[$1, call] >(folder "/" role[$1])
        }
        END { exit births < expected }' "$folder/trace" ||
        die "a start has fewer processes than $roles"
    rm "$folder/trace"
}

# choose_point FOLDER: each process as often as every other, each of its calls likewise.
choose_point()
{
    local processes=("$1"/*) calls

    mapfile -t calls <"${processes[RANDOM % ${#processes[@]}]}"
    echo "${calls[RANDOM % ${#calls[@]}]}"
}

# ---- rounds; they run in a lane, which has $lane, $results and its own kernels ----

# Everything that the lane's rounds are asked for is noted in files: a lane is a process of its own.
lane_fails()
{
    echo "round $round ($kind, kernel $kernel): $*" >>"$results/failures"
}

# strike WHAT...: kills them at once, and counts it where all of them were there.
strike()
{
    local what pids=()

    for what in "$@"; do
        pids+=("$(victim_of "$what" "$kernel" "r$round")")
    done
    [[ " ${pids[*]} " != *'  '* ]] && kill -KILL "${pids[@]}" 2>/dev/null && struck "$*"
}

struck()
{
    echo "$kind: $1" >>"$results/kills"
}

# launch NAME COMMAND...: a program under the round's kernel, held.
launch()
{
    hold "$1" "${wrapper[@]}" "$pwk_wine" --kernel "$kernel" "${options[@]}" --session own "${@:2}"
}

launch_waiting()
{
    local command="echo $round> c:\\r$round.txt"

    [ $((round % 4)) = 0 ] && command="$command & reg.exe add $key /v r$round /d y /f >nul"
    launch "r$round" cmd.exe /c "$command & echo told& $(windows_path "$probe") wait"
}

# come_to NAME LINE: false where the launcher ends before; the round's kill is to come yet. A program
# that joins at the moment in which the session of the round before falls to pieces goes with it.
come_to()
{
    local begun

    begun=$(milliseconds_now)
    until held_said "$1" 1 "$2"; do
        if process_is_gone "${held[$1]}"; then
            wait "${held[$1]}"
            ended=$?
            if [ "$ended" = 137 ] && [ "$kernel" = "$last_kernel" ]; then
                echo "$kind: (taken along by the kill before)" >>"$results/taken-along"
                taken=yes
            else
                lane_fails "ends by itself, status $ended: $(cat "$work/$1.err")"
            fi
            return 1
        fi
        # Wine waits ten seconds for each service that two boots of one session both start.
        [ $(($(milliseconds_now) - begun)) -lt 180000 ] || {
            lane_fails "does not come to '$2': $(cat "$work/$1.err")"
            return 1
        }
        sleep 0.02
    done
    start_time=$(($(milliseconds_now) - begun))
    [ "$start_time" -lt 5000 ] || start_time=5000
}

# let_end NAME: the launcher must end, and within the time that Linux needs for its session.
let_end()
{
    go_on "$1"
    until_true 30 process_is_gone "${held[$1]}" || {
        lane_fails "the launcher does not end; $(processes_left | show_waits)"
        kill -KILL "${held[$1]}"
    }
    wait "${held[$1]}" 2>/dev/null
    ended=$?
    exec {held_input[$1]}>&-
}

round_waiting()
{
    local first second

    launch_waiting
    come_to "r$round" ready && {
        pause 100
        if [ "$kind" = two ]; then
            first=$((RANDOM % 5))
            second=$(((first + 1 + RANDOM % 4) % 5))
            strike "${victims[first]}" "${victims[second]}"
        else
            strike "$kind"
        fi
    }
    let_end "r$round"
}

round_early()
{
    launch_waiting
    pause $((start_time * 5 / 4))
    strike launcher
    let_end "r$round"
}

# Polled closely, since it is the first thing that is known of it.
round_init_early()
{
    local before after end

    before=$(session_init "$kernel")
    end=$(($(milliseconds_now) + 20000))
    launch_waiting
    until after=$(session_init "$kernel") && [ -n "$after" ] && [ "$after" != "$before" ]; do
        if process_is_gone "${held[r$round]}" || [ "$(milliseconds_now)" -gt "$end" ]; then
            break
        fi
    done
    [ $((RANDOM % 2)) = 0 ] || pause 200
    strike init
    let_end "r$round"
}

# aim FOLDER: what is launched next is killed at one of the calls.
aim()
{
    read -r role call number < <(choose_point "$1")
    wrapper=(strace -f -b execve -qq -o "$work/r$round.trace" -e "trace=$call"
        -e "inject=$call:signal=KILL:when=$number")
}

# Another process may have come to its own call of that number first.
count_aimed()
{
    ! grep -q 'killed by SIGKILL' "$work/r$round.trace" || struck "aimed at $role"
}

round_call()
{
    local role call number wrapper=()

    aim "$work/points$ephemeral"
    launch_waiting
    let_end "r$round"
    count_aimed
}

# The first program is there before and after, whatever becomes of the second.
round_join_call()
{
    local role call number wrapper=()

    launch_waiting
    if come_to "r$round" ready; then
        aim "$work/points-join"
        launch "second$round" "$probe" wait
        let_end "second$round"
        count_aimed
        process_is_gone "${held[r$round]}" && lane_fails 'a killed joiner takes the first along'
    fi
    let_end "r$round"
    [ "$ended" = 0 ] || [ -n "$taken" ] || lane_fails "the first program's status is $ended"
}

round_writing()
{
    if [ $((round % 2)) = 0 ]; then
        launch "r$round" "$programs/set_values.exe" set "r$round" 20000
    else
        launch "r$round" "$programs/set_values.exe" files "c:\\w$round" 20000
    fi
    come_to "r$round" 0 && {
        pause 300
        strike "${victims[RANDOM % 5]}"
    }
    # Where something else than it was killed it may have gone on.
    kill -KILL "${held[r$round]}" 2>/dev/null
    let_end "r$round"
}

round_saving()
{
    launch_waiting
    come_to "r$round" ready
    let_end "r$round"
    pause 500
    if [ $((RANDOM % 2)) = 0 ]; then strike init; else strike wineserver; fi
}

# What the round's program was told: KERNEL ROUND WHAT [COUNT].
note_told()
{
    local count

    if [ "$kind" = writing ]; then
        count=$(tr -d ' \r' <"$work/r$round.out" | grep -cxE '[0-9]+')
        [ "$count" = 0 ] || echo "$kernel $round $((round % 2)) $count" >>"$results/written"
    elif held_said "r$round" 1 told; then
        echo "$kernel $round" >>"$results/told"
    fi
}

state_is_gone()
{
    [ ! -e "$WINEPREFIX/pwk/kernels/$1" ]
}

one_round()
{
    local kind=${kinds[RANDOM % ${#kinds[@]}]} kernel options=() ephemeral='' wrapper=() taken=''

    case $kind in *call) [ -n "$can_inject" ] || kind=early ;; esac
    case $((RANDOM % 5))$kind in
    0join-call) kernel=plain$lane$((RANDOM % 2)) ;; # strace would wait for the second's reaper
    0*) kernel=e$round options=(--ephemeral) ephemeral=-ephemeral ;;
    1*) kernel=limit$lane options=(--max-cpu 90%) ;;
    *) kernel=plain$lane$((RANDOM % 2)) ;;
    esac
    case $kind in
    early) round_early ;;
    init-early) round_init_early ;;
    call) round_call ;;
    join-call) round_join_call ;;
    writing) round_writing ;;
    saving) round_saving ;;
    *) round_waiting ;;
    esac
    if [ -z "$ephemeral" ]; then
        note_told
    # A reaper that was killed itself is the next start's to stand in for.
    elif [ "$kind" != call ] && ! until_true 30 state_is_gone "$kernel"; then
        lane_fails "its state is left: $(find "$WINEPREFIX/pwk/kernels/$kernel" | head -n 5)"
    fi
    last_kernel=$kernel
    rm -f "$work"/{r,second}"$round".*
}

run_lane()
{
    local lane=$1 results=$work/lane$1 round start_time=1500 ended last_kernel=''

    RANDOM=$((seed + lane))
    for ((round = lane + 1; round <= rounds; round += lanes)); do
        one_round
        echo "$round" >"$results/round"
    done
}

no_kernel_ends()
{
    [ -z "$(find "$WINEPREFIX/pwk/kernels" -maxdepth 1 \( -name 'ends*' -o -name '.gone-*' \))" ]
}

mounts()
{
    grep -F "$work" /proc/self/mountinfo
}

groups()
{
    find /sys/fs/cgroup -type d -name 'pwk-*' 2>/dev/null | grep -F -e "$(
        cd "$XDG_RUNTIME_DIR/pwk" && printf '%s\n' session-* ephemeral-*)"
}

# One whose sessions were all killed before a program came up has none.
store_is_in_order()
{
    local answer

    answer=$("$pwkctl" registry "$1" check 2>&1) || [[ $answer = *'has no registry yet'* ]] || {
        echo "$answer"
        return 1
    }
}

# ---- the rounds ----

say "$rounds rounds, $lanes at once, seed $seed, load $(cut -d ' ' -f 1-3 /proc/loadavg)"
mounts_before=$(mounts)
if [ -n "$can_inject" ]; then
    roles='maker init joiner program'
    points "$work/points" "launcher $roles" --kernel plain00 --session own
    points "$work/points-ephemeral" "launcher reaper-maker reaper $roles" --kernel trace \
        --ephemeral --session own
    hold first "$pwk_wine" --kernel plain00 --session own "$probe" wait
    held_says first 1 ready
    points "$work/points-join" 'launcher joiner program' --kernel plain00 --session own
    go_on first
    wait "${held[first]}"
fi

# Between the state of an ephemeral kernel and who removes it, each call: nothing is left that the
# next start does not remove.
if [ -n "$can_inject" ]; then
    within 300 bash -c 'number=0
        sed -n "/ mkdirat /,\$p" "$1/launcher" | grep -v " write " | head -n 40 |
            while read -r _ call when; do
                number=$((number + 1))
                strace -f -b execve -qq -o /dev/null -e "trace=$call" \
                    -e "inject=$call:signal=KILL:when=$when" "$2" --kernel "ends$number" --ephemeral \
                    --session own "$3" status 0 </dev/null
            done' ends "$work/points-ephemeral" "$pwk_wine" "$probe" >/dev/null 2>&1
    ok 'the start after them' own plain00 "$probe" status 0
    ok 'no kernel is left whose launcher was killed at its beginning' until_true 30 no_kernel_ends
fi
# The launcher alone, somewhere between the session's beginning and the program's: its wineserver may
# have been started by then and have no client yet.
for ((i = 0; i < 24; i++)); do
    hold "ends-early$i" "$pwk_wine" --kernel "ends-early$i" --ephemeral --session own "$probe" wait
    sleep "0.$(printf %03d $((20 + i * 20)))"
    kill -KILL "${held[ends-early$i]}"
    wait "${held[ends-early$i]}" 2>/dev/null
done
ok 'no session is left whose launcher was killed early' until_true 60 no_kernel_ends
begun=$SECONDS
running=()
for ((i = 0; i < lanes; i++)); do
    mkdir "$work/lane$i"
    touch "$work/lane$i"/{failures,kills,taken-along,told,written}
    run_lane "$i" 2>"$work/lane$i/errors" &
    running+=("$!")
    background+=("$!")
done
wait "${running[@]}"
say "$rounds rounds took $((SECONDS - begun)) s, load $(cut -d ' ' -f 1-3 /proc/loadavg); killed:"
cat "$work"/lane*/{kills,taken-along} | sort | uniq -c | sort -rn | sed "s/^/$test_name: /"
for ((i = 0; i < lanes; i++)); do
    last=$(cat "$work/lane$i/round" 2>/dev/null)
    [ "${last:-0}" -gt $((rounds - lanes)) ] || fail "lane $i has not run to its end: ${last:-0}"
done
equal 'what rounds complained of' '' "$(cat "$work"/lane*/failures)"
kills=$(cat "$work"/lane*/kills | wc -l)
[ "$kills" -ge $((rounds * 3 / 4)) ] || fail "only $kills of $rounds kills hit something"

# ---- nothing is left ----

mapfile -t kernels < <(cd "$WINEPREFIX/pwk/kernels" && ls -d plain* limit* 2>/dev/null)
for kernel in "${kernels[@]}"; do
    until_true 60 session_is_over "$kernel" || fail "the session of $kernel does not end"
    [ ! -e "$(session_folder "$kernel")/session.lock" ] ||
        ok "$kernel: no lock is left" flock --nonblock "$(session_folder "$kernel")/session.lock" true
done
equal 'no process is left, and no namespace by one' '' "$(processes_left 2>/dev/null)"
equal 'no mount is left' "$mounts_before" "$(mounts)"
equal 'no socket is left' '' "$(grep -F "$work" /proc/net/unix)"
equal 'no control group is left' '' "$(groups)"
equal 'no folder of a wineserver of the prefix' '' \
    "$(find /tmp -maxdepth 2 -name "server-*-$(printf %x "$(stat -c %i "$WINEPREFIX")")" 2>/dev/null)"
equal 'nor a note of one in the prefix' '' "$(ls "$WINEPREFIX/wineserver" 2>/dev/null)"

# ---- nothing is damaged; the first start of these also removes what a killed reaper has left ----

for kernel in "${kernels[@]}"; do
    ok "$kernel: the store is in order" store_is_in_order "$kernel"
    hold "$kernel" "$pwk_wine" --kernel "$kernel" --session own \
        $([[ $kernel = limit* ]] && echo --max-cpu 90%) "$probe" wait
done
missing=
for kernel in "${kernels[@]}"; do
    held_says "$kernel" 1 ready
    options=()
    [[ $kernel != limit* ]] || options=(--max-cpu 90%)
    files=$(own "$kernel" "${options[@]}" cmd.exe /c 'dir /b c:\r*.txt' 2>/dev/null | tr -d '\r')
    values=$(own "$kernel" "${options[@]}" reg.exe query "$key" 2>/dev/null | tr -d '\r')
    while read -r of round; do
        [ "$of" = "$kernel" ] || continue
        grep -qx "r$round.txt" <<<"$files" || missing="$missing $kernel/r$round.txt"
        [ $((round % 4)) != 0 ] || grep -q "^ *r$round " <<<"$values" ||
            missing="$missing $kernel:r$round"
    done < <(cat "$work"/lane*/told)
    while read -r of round file count; do
        [ "$of" = "$kernel" ] || continue
        if [ "$file" = 1 ]; then
            folder=$WINEPREFIX/pwk/kernels/$kernel/files/upper/drive_c/w$round
            for ((i = 0; i < count; i++)); do
                { read -r text <"$folder/$i"; } 2>/dev/null && [ "$text" = "$i" ] ||
                    missing="$missing $kernel/w$round/$i"
            done
        else
            own "$kernel" "${options[@]}" "$programs/set_values.exe" verify "r$round" "$count" \
                >"$work/output" 2>&1 || missing="$missing $kernel:r$round: $(head -n 2 "$work/output")"
        fi
    done < <(cat "$work"/lane*/written)
    go_on "$kernel"
    wait "${held[$kernel]}"
done
told=$(cat "$work"/lane*/{told,written} | wc -l)
equal "what $told programs were told is written is there" '' "$missing"
[ -n "${PWK_SESSION_KINDS:-}" ] || [ "$told" -gt $((rounds / 3)) ] || fail "only $told programs got to write"
equal 'no ephemeral kernel is left' "${kernels[*]}" "$(cd "$WINEPREFIX/pwk/kernels" && echo *)"
for kernel in "${kernels[@]}"; do
    until_true 60 session_is_over "$kernel" || fail "the session of $kernel does not end"
    ok "$kernel: its layer can be read" "$pwkctl" files "$kernel" diff
    lacks "$kernel: and holds none of Wine's half-written files" .tmp "$(cat "$work/output")"
done
equal 'nothing else in the kernels'"'"' folders' '' "$(cd "$WINEPREFIX/pwk/kernels" &&
    find . -mindepth 2 -maxdepth 3 ! -path './*/files/upper' ! -path './*/files/work' \
        ! -path './*/store/registry.*' ! -name store ! -name files ! -name audit.jsonl \
        ! -name session.up)"
equal 'nor in overlayfs'"'"' own' '' \
    "$(find "$WINEPREFIX"/pwk/kernels/*/files/work -mindepth 2)"
equal 'nor in the run-time folders' '' "$(find "$XDG_RUNTIME_DIR/pwk" -mindepth 2 \
    ! -path '*/prefix-*/*' \
    ! -name 'session.lock' ! -name 'session.init' ! -name 'processes-*' ! -name 'audit*')"
equal 'nor run-time folders of kernels that are gone' "${#kernels[@]}" \
    "$(find "$XDG_RUNTIME_DIR/pwk" -maxdepth 1 \( -name 'session-*' -o -name 'ephemeral-*' \) | wc -l)"
finish
