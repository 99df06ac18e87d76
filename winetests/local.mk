# SPDX-License-Identifier: LGPL-2.1-or-later
# Wine's own conformance units, fetched and built when they are run.
WINE_UNIT_TESTS = winetests/registry_units.sh
TESTS += $(WINE_UNIT_TESTS)
dist_check_SCRIPTS += $(WINE_UNIT_TESTS)
EXTRA_DIST += winetests/run_wine_units.sh winetests/README.md \
	winetests/lists/memory.txt winetests/lists/registry.txt winetests/lists/known_flaky.txt

# make wine-units UNITS='ntdll:reg kernel32:version'
wine-units: all
	@$(AM_TESTS_ENVIRONMENT) $(BASH_SHELL) $(srcdir)/winetests/run_wine_units.sh $(UNITS)
.PHONY: wine-units

# The units of ours, in the manner of Wine's: built here, run under pwk-wine and stock Wine.
OWN_UNITS = winetests/key_services.exe winetests/key_hives.exe \
	winetests/key_information.exe winetests/key_access.exe \
	winetests/key_inheritance.exe winetests/wild_pointers.exe
OWN_UNIT_INCLUDES = winetests/check.h winetests/nt_calls.h winetests/descriptors.h
check_DATA += $(OWN_UNITS)
EXTRA_DIST += $(OWN_UNITS:.exe=.c) $(OWN_UNIT_INCLUDES)
CLEANFILES += $(OWN_UNITS)
TESTS += winetests/own_units.sh
dist_check_SCRIPTS += winetests/own_units.sh
$(OWN_UNITS): $(OWN_UNITS:.exe=.c) $(OWN_UNIT_INCLUDES)
	$(COMPILE_WINDOWS) -I$(srcdir) $(srcdir)/$(@:.exe=.c) -ladvapi32 -lntdll
