# SPDX-License-Identifier: LGPL-2.1-or-later
# The bench: `make bench` prints stock Wine beside pwk-wine as a table.
BENCH_EXES = tests/bench/bench_registry.exe
check_DATA += $(BENCH_EXES)
check_PROGRAMS += tests/bench/bench_store tests/bench/bench_trap tests/bench/bench_audit
tests_bench_bench_trap_LDADD =
EXTRA_DIST += tests/bench/run.sh tests/bench/bench_registry.c
CLEANFILES += $(BENCH_EXES)

tests/bench/bench_registry.exe: tests/bench/bench_registry.c
	$(COMPILE_WINDOWS) $(srcdir)/tests/bench/bench_registry.c -lntdll

bench: all $(BENCH_EXES) $(WINDOWS_EXES) tests/bench/bench_store$(EXEEXT) \
		tests/bench/bench_trap$(EXEEXT) tests/bench/bench_audit$(EXEEXT)
	@$(AM_TESTS_ENVIRONMENT) $(BASH_SHELL) $(srcdir)/tests/bench/run.sh
.PHONY: bench
