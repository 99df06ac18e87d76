# SPDX-License-Identifier: LGPL-2.1-or-later
# Integration tests: the real build running real Windows programs; and the programs of ours that
# they run, built with mingw.
TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(BASH_SHELL)
BASH_SHELL = bash
AM_TESTS_ENVIRONMENT = \
	PWK_SRCDIR='$(abs_top_srcdir)' PWK_BUILDDIR='$(abs_top_builddir)' \
	PWK_TEST_WINE_LIBDIR='$(wine_libdir)'; \
	export PWK_SRCDIR PWK_BUILDDIR PWK_TEST_WINE_LIBDIR;

# The long ones first: with several at once none of them is left to run alone at the end.
INTEGRATION_TESTS = \
	tests/integration/debian13.sh tests/integration/attach.sh tests/integration/files.sh \
	tests/integration/session_limits.sh tests/integration/own_session.sh \
	tests/integration/hammer.sh tests/integration/session_kills.sh \
	tests/integration/walls_session.sh tests/integration/shared_files.sh tests/integration/walls_left.sh tests/integration/session_home.sh \
	tests/integration/session_desktop.sh \
	tests/integration/policy.sh tests/integration/own_installer.sh \
	tests/integration/registry_commit.sh \
	tests/integration/kill_safety.sh tests/integration/raw_calls.sh \
	tests/integration/windows_version.sh tests/integration/install.sh \
	tests/integration/isolation.sh tests/integration/overlay.sh tests/integration/below_live.sh \
	tests/integration/starts.sh tests/integration/no_sockets.sh \
	tests/integration/kernels.sh tests/integration/session_held.sh tests/integration/session_shown.sh tests/integration/cut_short.sh tests/integration/confined.sh tests/integration/wineserver.sh tests/integration/walls.sh tests/integration/network.sh \
	tests/integration/refusals.sh tests/integration/exit_status.sh \
	tests/integration/ephemeral.sh tests/integration/bad_input.sh \
	tests/integration/statistics.sh tests/integration/real_programs.sh \
	tests/integration/api.sh tests/integration/interchange.sh \
	tests/integration/key_handles.sh tests/integration/installer.sh \
	tests/integration/registry_tools.sh tests/integration/bench.sh \
	tests/integration/transactions.sh tests/integration/raw_sites.sh \
	tests/integration/windows_numbers.sh tests/integration/win32_registry.sh \
	tests/integration/audit.sh
TESTS += $(INTEGRATION_TESTS)
dist_check_SCRIPTS += $(INTEGRATION_TESTS)
EXTRA_DIST += tests/integration/library.sh tests/integration/demonstration.sh

check_PROGRAMS += tests/integration/check_json_lines
tests_integration_check_json_lines_LDADD = $(JANSSON_LIBS)
check_PROGRAMS += tests/integration/call_in
tests_integration_call_in_LDADD = libattach.a libsandbox.a libkernel.a

WINDOWS_EXES = tests/programs/print_version.exe tests/programs/set_values.exe \
	tests/programs/process_probe.exe tests/programs/make_calls.exe \
	tests/programs/api_program.exe tests/programs/print_parameters.exe \
	tests/programs/share_handles.exe tests/programs/watch_key.exe \
	tests/programs/transactions.exe \
	tests/programs/raw_calls.exe tests/programs/raw_sites.exe tests/programs/high_image.exe \
	tests/programs/windows_numbers.exe \
	tests/programs/win32_registry.exe \
	tests/programs/attached.exe tests/programs/native_handlers.exe \
	tests/programs/hammer.exe tests/programs/jump_native.exe \
	tests/programs/winsock.exe tests/programs/run_native.exe tests/programs/odd_registry.exe \
	tests/programs/desktop.exe
WINDOWS_MANIFESTS = tests/programs/print_version.exe.manifest
WINDOWS_DLLS = tests/programs/high_image.dll
check_DATA += $(WINDOWS_EXES) $(WINDOWS_MANIFESTS) $(WINDOWS_DLLS)
EXTRA_DIST += $(WINDOWS_EXES:.exe=.c) tests/programs/raw_calls.h tests/programs/raw_calls_make.c tests/programs/print_version.manifest \
	tests/programs/installer.nsi tests/programs/installer.wxs
CLEANFILES += $(WINDOWS_EXES) $(WINDOWS_MANIFESTS) $(WINDOWS_DLLS)

COMPILE_WINDOWS = $(AM_V_GEN)$(MKDIR_P) $(@D) && $(MINGW_CC) $(MINGW_CFLAGS) -o $@
tests/programs/print_version.exe: tests/programs/print_version.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/print_version.c -lntdll
tests/programs/print_version.exe.manifest: tests/programs/print_version.manifest
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cp $(srcdir)/tests/programs/print_version.manifest $@
tests/programs/print_parameters.exe: tests/programs/print_parameters.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/print_parameters.c -luser32
tests/programs/set_values.exe: tests/programs/set_values.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/set_values.c
tests/programs/process_probe.exe: tests/programs/process_probe.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/process_probe.c
tests/programs/watch_key.exe: tests/programs/watch_key.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/watch_key.c
tests/programs/make_calls.exe: tests/programs/make_calls.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/make_calls.c
tests/programs/share_handles.exe: tests/programs/share_handles.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/share_handles.c -lntdll
tests/programs/win32_registry.exe: tests/programs/win32_registry.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/win32_registry.c -ladvapi32 -lktmw32
tests/programs/transactions.exe: tests/programs/transactions.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/transactions.c -lntdll
tests/programs/raw_calls.exe: tests/programs/raw_calls.c tests/programs/raw_calls_make.c \
		tests/programs/raw_calls.h
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/raw_calls.c \
		$(srcdir)/tests/programs/raw_calls_make.c -lntdll -luser32
tests/programs/windows_numbers.exe: tests/programs/windows_numbers.c \
		tests/programs/raw_calls_make.c tests/programs/raw_calls.h
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/windows_numbers.c \
		$(srcdir)/tests/programs/raw_calls_make.c -lntdll
tests/programs/raw_sites.exe: tests/programs/raw_sites.c tests/programs/raw_calls_make.c \
		tests/programs/raw_calls.h
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/raw_sites.c \
		$(srcdir)/tests/programs/raw_calls_make.c -lntdll
tests/programs/native_handlers.exe: tests/programs/native_handlers.c \
		tests/programs/raw_calls_make.c tests/programs/raw_calls.h pwk/windows-include/pwk.h \
		pwk/x86_64-windows/libpwk.a
	$(COMPILE_WINDOWS) -Ipwk/windows-include $(srcdir)/tests/programs/native_handlers.c \
		$(srcdir)/tests/programs/raw_calls_make.c -Lpwk/x86_64-windows -lpwk -lntdll
tests/programs/attached.exe: tests/programs/attached.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/attached.c -lws2_32
HIGH_IMAGE = -Wl,--image-base,0x7ffd40000000
tests/programs/high_image.exe: tests/programs/high_image.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/high_image.c $(HIGH_IMAGE)
tests/programs/high_image.dll: tests/programs/high_image.c
	$(COMPILE_WINDOWS) -shared $(srcdir)/tests/programs/high_image.c $(HIGH_IMAGE)
tests/programs/jump_native.exe: tests/programs/jump_native.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/jump_native.c
tests/programs/odd_registry.exe: tests/programs/odd_registry.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/odd_registry.c -lntdll -ladvapi32
tests/programs/run_native.exe: tests/programs/run_native.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/run_native.c
tests/programs/desktop.exe: tests/programs/desktop.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/desktop.c -lwinmm -lwinspool
tests/programs/winsock.exe: tests/programs/winsock.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/winsock.c -lws2_32
tests/programs/hammer.exe: tests/programs/hammer.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/programs/hammer.c
tests/programs/api_program.exe: tests/programs/api_program.c pwk/windows-include/pwk.h \
		pwk/x86_64-windows/libpwk.a
	$(COMPILE_WINDOWS) -Ipwk/windows-include $(srcdir)/tests/programs/api_program.c \
		-Lpwk/x86_64-windows -lpwk

windows-programs: $(WINDOWS_EXES) $(WINDOWS_MANIFESTS) $(WINDOWS_DLLS)
.PHONY: windows-programs

# Prefixes, caches and leftovers of tests that were killed.
mostlyclean-local:
	rm -rf tests/work tests/cache

# The archive by itself: unpacked, built, tested, installed and removed. The tests are those of the
# parts, and of the whole those that need most of what the archive must hold.
ARCHIVE_TESTS = $(UNIT_TESTS) tests/escape/escapes tests/integration/install.sh \
	tests/integration/exit_status.sh tests/integration/own_session.sh tests/integration/api.sh \
	tests/integration/attach.sh tests/integration/registry_tools.sh winetests/own_units.sh
check-archive:
	$(MAKE) $(AM_MAKEFLAGS) distcheck TESTS='$(ARCHIVE_TESTS)'
.PHONY: check-archive

# Hundreds of killed sessions in place of the few of `make check`.
check-sessions:
	$(AM_TESTS_ENVIRONMENT) PWK_SESSION_KILLS=$${PWK_SESSION_KILLS:-500} \
		$(BASH_SHELL) $(srcdir)/tests/integration/session_kills.sh
.PHONY: check-sessions
