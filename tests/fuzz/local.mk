# SPDX-License-Identifier: LGPL-2.1-or-later
# Fuzz targets, one a parser: fuzz_NAME.c with its seeds in seeds/NAME. They are built where
# configure found a compiler with libFuzzer (FUZZ_CC); without one their test is skipped.
FUZZ_CFLAGS = -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_COMPILE = $(FUZZ_CC) $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) $(WARNINGS) $(FUZZ_CFLAGS)
FUZZERS = tests/fuzz/fuzz_wine_text

if HAVE_FUZZER
check_DATA += $(FUZZERS)
endif

FUZZ_WINE_TEXT_FILES = tests/fuzz/fuzz_wine_text.c registry/wine_text.c registry/wine_text_reader.c
tests/fuzz/fuzz_wine_text: $(FUZZ_WINE_TEXT_FILES) registry/wine_text.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) -o $@ \
		`for file in $(FUZZ_WINE_TEXT_FILES); do echo $(srcdir)/$$file; done`

dist_check_SCRIPTS += tests/fuzz/run_fuzzers.sh
TESTS += tests/fuzz/run_fuzzers.sh
EXTRA_DIST += tests/fuzz/fuzz_wine_text.c tests/fuzz/seeds
CLEANFILES += $(FUZZERS) tests/fuzz/crash-* tests/fuzz/leak-* tests/fuzz/oom-* \
	tests/fuzz/timeout-* tests/fuzz/slow-unit-*
