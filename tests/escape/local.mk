# SPDX-License-Identifier: LGPL-2.1-or-later
# Ways round the Linux policy, each tried with its rule and without it.
check_PROGRAMS += tests/escape/escapes tests/escape/make_directory
tests_escape_escapes_SOURCES = tests/escape/escape.h tests/escape/escape_main.c \
	tests/escape/escape_calls.c tests/escape/escape_doors.c tests/escape/escape_arguments.c \
	tests/escape/escape_signals.c tests/escape/escape_processes.c \
	tests/escape/escape_notify.h tests/escape/escape_notify.c
tests_escape_escapes_CPPFLAGS = $(AM_CPPFLAGS) -DPWK_ESCAPE_DIR='"$(abs_builddir)/tests/escape"'
tests_escape_escapes_LDADD = $(POLICY_LIBS) libkernel.a libregistry.a $(CORE_LIBS) $(SECCOMP_LIBS)
# No library, and nothing of the C compiler's that needs one.
tests_escape_make_directory_SOURCES = tests/escape/make_directory.c
tests_escape_make_directory_CFLAGS = -std=gnu11 $(WARNINGS) -fno-stack-protector -fno-pie
tests_escape_make_directory_LDFLAGS = -nostdlib -static -no-pie
tests_escape_make_directory_LDADD =
TESTS += tests/escape/escapes
