/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * escape_arguments.c - arguments that the policy looks at, and the upper halves that Linux does
 * not.
 */
#include "escape.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/trap.h"

#define HIGH (1L << 32)
#define USER_DISPATCH 59

static enum outcome by_personality(long persona)
{
    long result = escape_call(SYS_personality, persona);
    long now = escape_call(SYS_personality, 0xffffffffL);

    return (now & 0xffffffff) == (persona & 0xffffffff) ? DONE : escape_reached(result);
}

static enum outcome no_randomize(void)
{
    return by_personality(ADDR_NO_RANDOMIZE);
}

static enum outcome read_implies_exec(void)
{
    return by_personality(HIGH | READ_IMPLIES_EXEC);
}

static enum outcome type_into_terminal(void)
{
    return escape_reached(escape_call(SYS_ioctl, 0L, (long)TIOCSTI, "x"));
}

static enum outcome type_with_high_half(void)
{
    return escape_reached(escape_call(SYS_ioctl, 0L, HIGH | TIOCSTI, "x"));
}

static enum outcome paste_into_console(void)
{
    return escape_reached(escape_call(SYS_ioctl, 0L, (long)TIOCLINUX, "\2"));
}

static enum outcome packet_socket(void)
{
    long result = escape_call(SYS_socket, (long)AF_PACKET, (long)SOCK_DGRAM, 0L);

    return result == -EAFNOSUPPORT ? REFUSED : DONE;
}

static enum outcome packet_socket_with_high_half(void)
{
    long result = escape_call(SYS_socket, HIGH | AF_PACKET, (long)SOCK_DGRAM, 0L);

    return result == -EAFNOSUPPORT ? REFUSED : DONE;
}

static enum outcome alg_socket(void)
{
    long result = escape_call(SYS_socket, (long)AF_ALG, (long)SOCK_SEQPACKET, 0L);

    return result == -EAFNOSUPPORT ? REFUSED : DONE;
}

static enum outcome find_alg(void)
{
    int fd = socket(AF_ALG, SOCK_SEQPACKET, 0);

    return fd >= 0 ? DONE : escape_says("this Linux has no AF_ALG");
}

static enum outcome vsock_socket(void)
{
    long result = escape_call(SYS_socket, (long)AF_VSOCK, (long)SOCK_STREAM, 0L);

    return result == -EAFNOSUPPORT ? REFUSED : DONE;
}

static enum outcome find_vsock(void)
{
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

    return fd >= 0 ? DONE : escape_says("this Linux has no AF_VSOCK");
}

/* ---- namespaces ---- */

static enum outcome end_child(long result)
{
    if (result == 0)
        _exit(0);
    if (result > 0)
        waitpid((pid_t)result, NULL, 0);
    return result > 0 ? DONE : escape_reached(result);
}

static enum outcome find_namespaces(void)
{
    long result = escape_call(SYS_clone, (long)(CLONE_NEWUSER | SIGCHLD), 0L, 0L, 0L, 0L);

    return end_child(result) == DONE ? DONE : escape_says("no user namespaces allowed here");
}

static enum outcome namespace_by_clone(void)
{
    return end_child(escape_call(SYS_clone, (long)(CLONE_NEWUSER | SIGCHLD), 0L, 0L, 0L, 0L));
}

static enum outcome namespace_with_high_half(void)
{
    return end_child(
        escape_call(SYS_clone, HIGH | (long)(CLONE_NEWUSER | SIGCHLD), 0L, 0L, 0L, 0L));
}

static enum outcome namespace_by_clone3(void)
{
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};

    return end_child(escape_call(SYS_clone3, &arguments, (long)sizeof(arguments)));
}

/* ---- what pwk has armed ---- */

static enum outcome find_dispatch(void)
{
    return prctl(USER_DISPATCH, 0, 0, 0, 0) == 0
               ? DONE
               : escape_says("this Linux has no syscall user dispatch");
}

static enum outcome dispatch_off(void)
{
    return escape_reached(escape_call(SYS_prctl, (long)USER_DISPATCH, 0L, 0L, 0L, 0L));
}

static enum outcome dispatch_off_with_high_half(void)
{
    return escape_reached(escape_call(SYS_prctl, HIGH | USER_DISPATCH, 0L, 0L, 0L, 0L));
}

static enum outcome dispatch_of_all(void)
{
    return escape_reached(escape_call(SYS_prctl, (long)USER_DISPATCH, 1L, 0x1000L,
                                      (long)PWK_USER_SPACE_END - 0x2000, 0L));
}

static enum outcome dispatch_by_a_byte(void)
{
    static char selector; /* 0: all calls are let through */

    return escape_reached(escape_call(SYS_prctl, (long)USER_DISPATCH, 1L, (long)PWK_TRAP_PASS_START,
                                      (long)PWK_TRAP_PASS_LENGTH, &selector));
}

static enum outcome not_dumpable(void)
{
    return escape_reached(escape_call(SYS_prctl, (long)PR_SET_DUMPABLE, 0L, 0L, 0L, 0L));
}

static enum outcome other_memory_map(void)
{
    unsigned size;

    return escape_reached(
        escape_call(SYS_prctl, (long)PR_SET_MM, (long)PR_SET_MM_MAP_SIZE, &size, 0L, 0L));
}

/* Once set, it cannot be taken back. */
static enum outcome new_privileges(void)
{
    escape_call(SYS_prctl, (long)PR_SET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L);
    return escape_call(SYS_prctl, (long)PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L) == 1 ? REFUSED : DONE;
}

#define PERSONA GUARD_CALL, "personality"
#define PRCTL GUARD_CALL, "prctl"

const struct escape escapes_by_arguments[] = {
    {"personality: no randomisation", 0, {NULL}, PERSONA, no_randomize},
    {"personality: data that can be run", 0, {NULL}, PERSONA, read_implies_exec},
    {"typing into the terminal", 0, {NULL}, GUARD_CALL, "ioctl", type_into_terminal},
    {"typing, with an upper half", 0, {NULL}, GUARD_CALL, "ioctl", type_with_high_half},
    {"pasting into the console", 0, {NULL}, GUARD_CALL, "ioctl", paste_into_console},
    {"a packet socket", 0, {NULL}, GUARD_CALL, "socket", packet_socket},
    {"a packet socket, with an upper half",
     0,
     {NULL},
     GUARD_CALL,
     "socket",
     packet_socket_with_high_half},
    {"an AF_ALG socket", 0, {NULL}, GUARD_CALL, "socket", alg_socket, find_alg},
    {"an AF_VSOCK socket", 0, {NULL}, GUARD_CALL, "socket", vsock_socket, find_vsock},
    {"clone with a namespace", 0, {NULL}, GUARD_CALL, "clone", namespace_by_clone, find_namespaces},
    {"clone with a namespace and an upper half",
     0,
     {NULL},
     GUARD_CALL,
     "clone",
     namespace_with_high_half,
     find_namespaces},
    {"clone3 with a namespace", 0, {NULL}, WORD, "clone3", namespace_by_clone3, find_namespaces},
    {"user dispatch switched off", 0, {NULL}, PRCTL, dispatch_off, find_dispatch},
    {"user dispatch off, with an upper half",
     0,
     {NULL},
     PRCTL,
     dispatch_off_with_high_half,
     find_dispatch},
    {"user dispatch that lets all through", 0, {NULL}, PRCTL, dispatch_of_all, find_dispatch},
    {"user dispatch with a byte to switch it", 0, {NULL}, PRCTL, dispatch_by_a_byte, find_dispatch},
    {"a process that cannot be looked into", 0, {NULL}, PRCTL, not_dumpable},
    {"another program behind /proc/self/exe", 0, {NULL}, PRCTL, other_memory_map},
    {"new privileges", 0, {NULL}, EVERYTHING, NULL, new_privileges},
    {NULL},
};
