#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# session_desktop.sh - display, sound, printing and fonts in own sessions, with an X server, a
# PulseAudio and a CUPS of the test's own: a Windows program's window, tone and page arrive outside;
# and with the profile's "no" nothing of each can be reached, by native programs either.
. "$(dirname "$0")/library.sh"
begin
needs_namespaces

needs_build_outside_home

export HOME=$work/home
unset XAUTHORITY WAYLAND_SOCKET PULSE_SERVER PULSE_COOKIE PULSE_RUNTIME_PATH CUPS_SERVER
unset XDG_DATA_HOME DBUS_SESSION_BUS_ADDRESS XDG_CONFIG_HOME
mkdir -p "$HOME"
# Sockets have short names only: these lie in a folder of their own, as a user's do in /run.
sockets=$(mktemp -d /tmp/pwk-desktop.XXXXXX) || die 'no folder in /tmp'
other_folders+=("$sockets")
export XDG_RUNTIME_DIR=$sockets
missing=()

# profile NAME LINES: a profile for own sessions, in $work.
profile()
{
    printf "[session]\nmode = own\n$2" >"$work/$1.ini"
}
profile usual ''
profile off 'display = no\nsound = no\nprinting = no\n'
profile printing 'printing = yes\n'

# with PROFILE KERNEL [OPTIONS] PROGRAM...: standard output without carriage returns.
with()
{
    within 120 "$pwk_wine" --kernel "$2" --profile "$work/$1.ini" "${@:3}" 2>"$work/said" |
        tr -d '\r'
    return "${PIPESTATUS[0]}"
}

# native PROFILE KERNEL SCRIPT: what a shell script prints that runs in the session. Options of
# pwk-wine stand in native_options.
native_options=()
native()
{
    local done=$work/native-done

    rm -f "$done"
    printf '%s\n' "$3" "touch $done" >"$work/script"
    with "$1" "$2" "${native_options[@]}" "$programs/run_native.exe" 'Z:\bin\sh' "$work/script" \
        "$(windows_path "$done")"
    [ -e "$done" ] || fail "no native program was run in $2: $(tail -n 1 "$work/said")"
}

# end_session KERNEL: so that the next one may have another shape.
end_session()
{
    local init

    init=$(session_init "$1")
    session_is_over "$1" || kill -KILL "$init"
    until_true 60 session_is_over "$1" || fail "the session of $1 does not end"
}

# lacks_tools PART COMMAND...: true, and noted, where one of them is not installed.
lacks_tools()
{
    local command part=$1
    shift

    for command in "$@"; do
        command -v "$command" >/dev/null || {
            missing+=("$part ($command is not installed)")
            return 0
        }
    done
    return 1
}

# ---- the display ----

display_is_up()
{
    xwininfo -root >/dev/null 2>&1
}

# An X server that wants a cookie, which XAUTHORITY has. It reads its own file again and again.
start_display()
{
    local number

    number=$((200 + $$ % 20000))
    while [ -e "/tmp/.X11-unix/X$number" ]; do number=$((number + 1)); done
    export DISPLAY=:$number XAUTHORITY=$sockets/cookie
    touch "$XAUTHORITY"
    xauth -q -f "$XAUTHORITY" add "$DISPLAY" MIT-MAGIC-COOKIE-1 "$(mcookie)" ||
        die 'no cookie can be made'
    cp "$XAUTHORITY" "$work/server-cookie"
    Xvfb "$DISPLAY" -auth "$work/server-cookie" -nolisten tcp -screen 0 800x600x24 >"$work/xvfb.log" 2>&1 &
    background+=("$!")
    until_true 30 display_is_up || die "the X server does not come up: $(cat "$work/xvfb.log")"
    fails 'the X server lets nobody in without the cookie' env XAUTHORITY=/dev/null xwininfo -root
}

has_window()
{
    xwininfo -root -tree 2>/dev/null | grep -qF "\"$1\""
}

has_no_window()
{
    ! has_window "$1"
}

# shows_window NAME COMMAND...: a Windows program, run by the command, has its window on the display,
# as is seen outside.
shows_window()
{
    local name=$1 title="pwk $1" done=$work/$1-done
    shift

    hold "$name" "$@" "$programs/desktop.exe" window "$title" "$(windows_path "$done")"
    until_true 60 has_window "$title" || {
        fail "no window of $name is seen outside: $(cat "$work/$name.out" "$work/$name.err")"
        return
    }
    assertions=$((assertions + 1))
    touch "$done"
    until_true 60 has_no_window "$title" || fail "the window of $title stays"
}

display_parts()
{
    local path=/tmp/.X11-unix/X${DISPLAY#:} plan

    shows_window run "$pwk_wine" --kernel x --profile "$work/usual.ini"
    # The cookie where other servers put it, and where the home folder is hidden.
    cp "$XAUTHORITY" "$HOME/.Xauthority"
    rm "$XAUTHORITY"
    unset XAUTHORITY
    shows_window home "$pwk_wine" --kernel xh --profile "$work/usual.ini"
    shows_window none "$pwk_wine" --kernel xn --profile "$work/usual.ini" --home none
    native_options=(--home none)
    equal 'the cookie cannot be changed' '' \
        "$(native usual xn 'echo x >>"$XAUTHORITY" && echo changed' 2>/dev/null)"
    native_options=()
    ok 'and is as it was' cmp "$HOME/.Xauthority" "$work/server-cookie"

    # Wine 8 gives no reason, Wine 10 that there is no such window.
    matches 'without a display a program says so' '^no window: error (0|1400)$' \
        "$(with off nox "$programs/desktop.exe" window none none)"
    equal 'with "no" there is neither socket nor variable nor graphics' '' \
        "$(native off nox "echo \$DISPLAY \$XAUTHORITY; ls -d $path /dev/dri /dev/kfd /dev/nvidia*" \
            2>/dev/null | grep .)"
    native off nox "DISPLAY=$DISPLAY XAUTHORITY=$HOME/.Xauthority xwininfo -root && echo reached" \
        >"$work/reached" 2>/dev/null
    lacks 'with "no" no native program reaches the display' reached "$(cat "$work/reached")"
    mkfifo "$path.other" && other_folders+=("$path.other")
    equal 'with "yes" no other display of the machine is seen' "$(basename "$path")" \
        "$(native usual x 'ls /tmp/.X11-unix' 2>/dev/null)"
    native usual x "xwininfo -root && echo reached" >"$work/reached" 2>/dev/null
    contains 'but for "no" it does' reached "$(cat "$work/reached")"
    # An X server listens on an abstract socket too: with a network of its own the session has none.
    contains 'outside there is an abstract socket' "@$path" "$(cat /proc/net/unix)"
    lacks 'inside there is not' "@$path" "$(native off nox 'cat /proc/net/unix')"

    end_session x
    DISPLAY='' with usual x "$programs/process_probe.exe" status 0
    with usual x "$programs/process_probe.exe" status 0
    equal 'who has a display does not join a session without it' 125 $?
    contains 'and is told' 'unset DISPLAY' "$(cat "$work/said")"
    plan=$("$pwk_wine" --kernel y --profile "$work/usual.ini" --print-plan cmd.exe)
    contains 'the plan names it' "by X11 ($path), where programs see and type" "$plan"
    end_session nox
    unset DISPLAY
}

# ---- sound ----

sound_is_up()
{
    pactl info >/dev/null 2>&1
}

start_sound()
{
    mkdir -p "$sockets/pulse"
    cat >"$work/pulse.pa" <<PULSE
load-module module-null-sink sink_name=pwk
load-module module-native-protocol-unix socket=$sockets/pulse/native
PULSE
    pulseaudio -n -F "$work/pulse.pa" --daemonize=no --use-pid-file=no --exit-idle-time=-1 \
        --disallow-exit --log-target=stderr >"$work/pulse.log" 2>&1 &
    background+=("$!")
    until_true 30 sound_is_up || die "PulseAudio does not come up: $(cat "$work/pulse.log")"
}

# What programs play, and that it is no silence.
plays()
{
    pactl list sink-inputs | grep -q 'application.process.binary = "pwk-loader64"'
}

is_heard()
{
    timeout 2 parec -d pwk.monitor --raw 2>/dev/null | tr -d '\0' | head -c 1000 | wc -c |
        grep -qx 1000
}

# tone NAME OPTIONS...: a Windows program's tone is heard outside.
tone()
{
    local done=$work/$1-done

    hold "$1" "$pwk_wine" --kernel "$@" "$programs/desktop.exe" play "$(windows_path "$done")"
    held_says "$1" 1 playing
    ok "$1: the sound server plays it" until_true 60 plays
    ok "$1: it is heard" until_true 20 is_heard
    touch "$done"
    wait "${held[$1]}"
    equal "$1: the program ends well" 0 $?
}

sound_parts()
{
    tone sound --profile "$work/usual.ini"
    tone sound-none --profile "$work/usual.ini" --home none
    mv "$sockets/pulse/native" "$sockets/elsewhere"
    export PULSE_SERVER=unix:$sockets/elsewhere
    tone sound-named --profile "$work/usual.ini"
    equal 'with "no" nothing plays' 'no sound' \
        "$(with off mute "$programs/desktop.exe" play none | cut -d : -f 1)"
    equal 'with "no" there is neither server nor device' '' \
        "$(native off mute "ls -d $sockets/* /dev/snd /run/pwk-desktop" 2>/dev/null |
            grep -v '/pwk$')"
    native off mute "PULSE_SERVER=unix:$sockets/elsewhere pactl info && echo reached" \
        >"$work/reached" 2>/dev/null
    lacks 'with "no" no native program reaches the server' reached "$(cat "$work/reached")"
    native usual sound 'pactl info && echo reached' >"$work/reached" 2>/dev/null
    contains 'but for "no" it does' reached "$(cat "$work/reached")"
    unset PULSE_SERVER
}

# ---- printing ----

printing_is_up()
{
    lpstat -r 2>/dev/null | grep -q 'is running'
}

# Jobs stay in the queue's folder, and go nowhere from there.
start_printing()
{
    local folder=$sockets/cups

    mkdir -p "$folder"
    export CUPS_SERVER=$folder/socket
    cat >"$folder/cupsd.conf" <<CUPS
Listen $CUPS_SERVER
Browsing No
WebInterface No
DefaultAuthType None
PreserveJobFiles Yes
<Location />
  Order allow,deny
  Allow all
</Location>
<Policy default>
  <Limit All>
    Order allow,deny
    Allow all
  </Limit>
</Policy>
CUPS
    cat >"$folder/cups-files.conf" <<CUPS
ServerRoot $folder/root
RequestRoot $folder/spool
TempDir $folder/spool
CacheDir $folder/cache
StateDir $folder/state
AccessLog $folder/access.log
ErrorLog $folder/error.log
PageLog $folder/page.log
FileDevice Yes
SystemGroup $(id -gn)
CUPS
    mkdir -p "$folder/root" "$folder/spool" "$folder/cache" "$folder/state"
    "$cupsd" -f -c "$folder/cupsd.conf" -s "$folder/cups-files.conf" >"$work/cups.log" 2>&1 &
    background+=("$!")
    until_true 30 printing_is_up ||
        die "CUPS does not come up: $(cat "$work/cups.log" "$folder/error.log")"
    lpadmin -p pwk-printer -E -v file:/dev/null -m raw 2>"$work/output" ||
        die "no printer: $(cat "$work/output")"
}

printed()
{
    cat "$sockets"/cups/spool/d* 2>/dev/null
}

printing_parts()
{
    equal 'printers are listed' pwk-printer \
        "$(with printing printer "$programs/desktop.exe" printers)"
    equal 'a line is printed' printed \
        "$(with printing printer "$programs/desktop.exe" print pwk-printer 'a line of mine')"
    equal 'it is in the queue' 'a line of mine' "$(printed)"
    with off no-printer --home none "$programs/desktop.exe" printers >"$work/printers"
    equal 'with "no" there is none' '' "$(cat "$work/printers")"
    with usual usual-printer "$programs/desktop.exe" printers >"$work/printers"
    equal 'nor without a word' '' "$(cat "$work/printers")"
    fails 'and nothing is printed' with usual usual-printer "$programs/desktop.exe" print \
        pwk-printer 'another line'
    equal 'the queue is as it was' 'a line of mine' "$(printed)"
    native usual usual-printer "CUPS_SERVER=$CUPS_SERVER lpstat -r; ls $CUPS_SERVER" \
        >"$work/reached" 2>/dev/null
    lacks 'no native program reaches the server' 'is running' "$(cat "$work/reached")"
    lacks 'nor sees it' "$CUPS_SERVER" "$(cat "$work/reached")"
    end_session printer
    equal 'a kernel that printed before' '' "$(with usual printer "$programs/desktop.exe" printers)"
    unset CUPS_SERVER
}

# ---- fonts, and what lies beside all that ----

fonts_parts()
{
    local font fonts="$HOME/.fonts $HOME/.local/share/fonts"

    font=$(fc-list : file | head -n 1 | cut -d : -f 1)
    [ -e "$font" ] || {
        missing+=('fonts (this machine has none)')
        return
    }
    mkdir -p "$HOME/.fonts" "$HOME/store/fonts" "$HOME/.local/share"
    ln -s "$HOME/store/fonts" "$HOME/.local/share/fonts"
    cp "$font" "$HOME/.fonts/mine.ttf"
    cp "$font" "$HOME/.local/share/fonts/other.ttf"
    native_options=(--home none)
    native usual fonts "fc-list : file; for folder in $fonts; do
        touch \$folder/new && echo changed; done" >"$work/fonts" 2>"$work/said-of-fonts"
    contains 'the system has its fonts' "$font" "$(cat "$work/fonts")"
    contains 'the user his' "$HOME/.fonts/mine.ttf" "$(cat "$work/fonts")"
    contains 'by a link too' "$HOME/.local/share/fonts/other.ttf" "$(cat "$work/fonts")"
    lacks 'they cannot be changed' changed "$(cat "$work/fonts")"
    lacks 'fontconfig keeps its cache' 'No writable cache' "$(cat "$work/said-of-fonts")"
    equal 'what the link leads to is shown at its place alone' '' \
        "$(native usual fonts "ls -d $HOME/store" 2>/dev/null)"
    end_session fonts
    rm "$HOME/.local/share/fonts"
    ln -s "$HOME" "$HOME/.local/share/fonts"
    echo secret >"$HOME/secret"
    lacks 'a link to the home folder is not followed' secret \
        "$(native usual fonts "ls $HOME/.local/share/fonts" 2>/dev/null)"
    native_options=()
}

# Sockets beside those that are handed in: of a session bus, an agent, another user's service.
neighbours()
{
    local bus=$sockets/bus

    hold bus perl -MIO::Socket::UNIX -e '$| = 1;
        $server = IO::Socket::UNIX->new(Local => shift, Listen => 1) or die; print "listening\n";
        <STDIN>' "$bus"
    held_says bus 1 listening
    ok 'outside there is a session bus' test -S "$bus"
    equal 'in the session there is not' '' "$(native usual bus "ls -d $bus" 2>/dev/null)"
}

profile wrong 'sound = on\n'
with wrong y cmd.exe
contains 'a wrong word is refused with its line' 'wrong.ini:3' "$(cat "$work/said")"
contains 'the profile is shown' 'display = no' "$("$pwkctl" profile show "$work/off.ini")"
contains 'with what is not said' 'printing: no' "$("$pwkctl" profile show "$work/usual.ini")"
matches 'it needs an own session' 'display = no needs a session' \
    "$("$pwk_wine" --profile "$work/off.ini" --session shared cmd.exe 2>&1)"
contains 'the plan tells programs' '"reached": {"display": false, "sound": false, "printing": false}' \
    "$("$pwk_wine" --profile "$work/off.ini" --print-plan --json cmd.exe)"

cupsd=$(PATH=$PATH:/usr/sbin:/sbin command -v cupsd)
lacks_tools display Xvfb xauth xwininfo mcookie || {
    start_display
    display_parts
}
lacks_tools sound pulseaudio pactl parec || {
    start_sound
    sound_parts
}
lacks_tools printing "${cupsd:-cupsd}" lpadmin lpstat || {
    start_printing
    printing_parts
}
lacks_tools fonts fc-list || fonts_parts
lacks_tools neighbours perl || neighbours
if [ "$failures" = 0 ] && [ "${#missing[@]}" -gt 0 ]; then
    skip "$(printf '%s; ' "${missing[@]}")$assertions assertions of the rest held"
fi
finish
