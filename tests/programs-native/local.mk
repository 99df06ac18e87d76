# SPDX-License-Identifier: LGPL-2.1-or-later
# Native programs that the integration tests run; the first ones are linked with libpwk, as a
# user's would be.
LIBPWK_TEST_PROGS = tests/programs-native/attach_load tests/programs-native/attach_kills \
	tests/programs-native/use_cases
check_PROGRAMS += $(LIBPWK_TEST_PROGS) tests/programs-native/outside_files
tests_programs_native_outside_files_SOURCES = tests/programs-native/outside_files.c
LOADED_TARGET = tests/programs-native/loaded_target.h tests/programs-native/loaded_target.c
NATIVE_LIBS = -L. -lpwk
NATIVE_RPATH = -Wl,-rpath,'$$ORIGIN/../..'
tests_programs_native_attach_load_SOURCES = tests/programs-native/attach_load.c $(LOADED_TARGET)
tests_programs_native_attach_load_LDADD = $(NATIVE_LIBS)
tests_programs_native_attach_load_LDFLAGS = $(AM_LDFLAGS) $(NATIVE_RPATH)
tests_programs_native_attach_load_DEPENDENCIES = libpwk.so.$(LIBPWK_MAJOR)
tests_programs_native_attach_kills_SOURCES = tests/programs-native/attach_kills.c $(LOADED_TARGET)
tests_programs_native_attach_kills_LDADD = $(NATIVE_LIBS)
tests_programs_native_attach_kills_LDFLAGS = $(AM_LDFLAGS) $(NATIVE_RPATH)
tests_programs_native_attach_kills_DEPENDENCIES = libpwk.so.$(LIBPWK_MAJOR)
tests_programs_native_use_cases_SOURCES = tests/programs-native/use_cases.c \
	tests/programs-native/use_case_2.h tests/programs-native/use_case_3.h
tests_programs_native_use_cases_LDADD = $(NATIVE_LIBS)
tests_programs_native_use_cases_LDFLAGS = $(AM_LDFLAGS) $(NATIVE_RPATH)
tests_programs_native_use_cases_DEPENDENCIES = libpwk.so.$(LIBPWK_MAJOR)
