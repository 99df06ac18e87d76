# SPDX-License-Identifier: LGPL-2.1-or-later
# Ways out of an own session, and the session's code with walls that can be taken out.
check_PROGRAMS += tests/walls/escape tests/walls/cage tests/walls/server tests/walls/hunt
tests_walls_server_SOURCES = tests/walls/server.c
tests_walls_hunt_SOURCES = tests/walls/hunt.c
tests_walls_escape_SOURCES = tests/walls/attempt.h tests/walls/attempt_answer.h tests/walls/escape.c \
	tests/walls/processes.c tests/walls/mounts.c tests/walls/files.c \
	tests/walls/sockets.c tests/walls/calls.c tests/walls/outside.c
tests_walls_cage_SOURCES = tests/walls/cage.c $(libsession_a_SOURCES)
tests_walls_cage_CPPFLAGS = $(AM_CPPFLAGS) -DPWK_WALLS_REMOVABLE
tests_walls_cage_LDADD = libsandbox.a libkernel.a $(CORE_LIBS)

# pwkctl, with walls that can be taken out.
check_PROGRAMS += tests/walls/pwkctl
tests_walls_pwkctl_SOURCES = $(pwkctl_SOURCES) tests/walls/own_walls.c $(libconfine_a_SOURCES)
tests_walls_pwkctl_CPPFLAGS = $(AM_CPPFLAGS) -DPWK_WALLS_REMOVABLE
tests_walls_pwkctl_LDADD = $(pwkctl_LDADD)
