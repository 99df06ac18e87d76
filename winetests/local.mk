# SPDX-License-Identifier: LGPL-2.1-or-later
# Wine's own conformance units, fetched and built when they are run.
WINE_UNIT_TESTS = winetests/registry_units.sh
TESTS += $(WINE_UNIT_TESTS)
dist_check_SCRIPTS += $(WINE_UNIT_TESTS)
EXTRA_DIST += winetests/run_wine_units.sh winetests/README.md \
	winetests/lists/registry.txt winetests/lists/known_flaky.txt

# make wine-units UNITS='ntdll:reg kernel32:version'
wine-units: all
	@$(AM_TESTS_ENVIRONMENT) $(BASH_SHELL) $(srcdir)/winetests/run_wine_units.sh $(UNITS)
.PHONY: wine-units
