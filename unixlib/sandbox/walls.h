/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * walls.h - the walls of an own session, and of pwkctl's own processes (confine.h), each by its
 * name, so that a test can take one out and see that it was what held. The product's code has them
 * all and no way to take one out: there the question is answered by the compiler. The tests build
 * the same sources with PWK_WALLS_REMOVABLE and bring pwk_wall_stands (tests/walls/cage.c) or
 * pwk_own_wall_stands (tests/unit/test_confine.c) along.
 */
#ifndef PWK_SANDBOX_WALLS_H
#define PWK_SANDBOX_WALLS_H

#include <stdbool.h>

#define PWK_WALLS(WALL)                                                                            \
    WALL(CAPABILITIES, "capabilities")   /* programs have none, and get none */                    \
    WALL(NO_NEW_PRIVS, "no-new-privs")   /* nor by executing something */                          \
    WALL(MARK, "mark")                   /* nor look into wineserver and fresh loaders */          \
    WALL(NESTING, "nesting")             /* no user namespace inside the session's */              \
    WALL(CALLS, "calls")                 /* Linux calls that need no session (call_wall.h) */      \
    WALL(DESCRIPTORS, "descriptors")     /* nothing handed in but 0, 1 and 2 */                    \
    WALL(KEYRING, "keyring")             /* a keyring of its own */                                \
    WALL(USERS, "users")                 /* the user namespace; only root can do without */        \
    WALL(PROCESSES, "processes")         /* the process namespace */                               \
    WALL(IPC, "ipc")                     /* System V IPC and message queues */                     \
    WALL(NETWORK, "network")             /* loopback alone */                                      \
    WALL(TEMPORARY, "temporary")         /* /tmp, /var/tmp and /dev/shm of its own */              \
    WALL(RUN, "run")                     /* /run of its own */                                     \
    WALL(RUNTIME, "runtime")             /* no other kernel's run-time files */                    \
    WALL(SESSION_FILES, "session-files") /* nor what launchers find the session by */              \
    WALL(BELOW, "below")                 /* the prefix's registry can only be read */              \
    WALL(SOCKETS, "sockets")             /* no other sockets of the user's */                      \
    WALL(DISPLAY, "display")             /* no display and no graphics where it is kept off */     \
    WALL(SOUND, "sound")                 /* nor sound */                                           \
    WALL(PRINTING, "printing")           /* nor printers */                                        \
    WALL(STATES, "states")               /* of pwk's state only the kernel's store */              \
    WALL(HOME, "home")                   /* of the home folder only what is asked for */           \
    WALL(OVERLAY, "overlay")             /* what is written to the prefix stays above it */        \
    WALL(PROC, "proc")                   /* /proc is of the session's processes */                 \
    WALL(KNOBS, "knobs")                 /* /proc/sys and the like are read-only */                \
    WALL(SYS, "sys")                     /* /sys is read-only */                                   \
    WALL(SYSTEM, "system")               /* so are the folders of the system's software */         \
    WALL(DEVICES, "devices")             /* a /dev with a few devices only */

enum pwk_wall {
#define PWK_WALL_NUMBER(name, word) PWK_WALL_##name,
    PWK_WALLS(PWK_WALL_NUMBER)
#undef PWK_WALL_NUMBER
        PWK_WALL_COUNT
};

#define PWK_OWN_WALLS(WALL)                                                                        \
    WALL(RIGHTS, "rights")           /* no capabilities, none to be had */                         \
    WALL(LANDLOCK, "landlock")       /* no file but in the folders that are named */               \
    WALL(NAMESPACE, "namespace")     /* the same, where there is no Landlock */                    \
    WALL(CALLS, "calls")             /* no Linux call that is not needed */                        \
    WALL(DESCRIPTORS, "descriptors") /* nothing is open that is not named */

enum pwk_own_wall {
#define PWK_OWN_WALL_NUMBER(name, word) PWK_OWN_WALL_##name,
    PWK_OWN_WALLS(PWK_OWN_WALL_NUMBER)
#undef PWK_OWN_WALL_NUMBER
        PWK_OWN_WALL_COUNT
};

#ifdef PWK_WALLS_REMOVABLE
bool pwk_wall_stands(enum pwk_wall wall);
bool pwk_own_wall_stands(enum pwk_own_wall wall);
#else
static inline bool pwk_wall_stands(enum pwk_wall wall)
{
    (void)wall;
    return true;
}
static inline bool pwk_own_wall_stands(enum pwk_own_wall wall)
{
    (void)wall;
    return true;
}
#endif

#endif
