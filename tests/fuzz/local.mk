# SPDX-License-Identifier: LGPL-2.1-or-later
# Fuzz targets, one a parser: fuzz_NAME.c with its seeds in seeds/NAME. They are built where
# configure found a compiler with libFuzzer (FUZZ_CC); without one their test is skipped.
FUZZ_CFLAGS = -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_COMPILE = $(FUZZ_CC) $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) $(WARNINGS) \
	-Wno-unknown-warning-option -Wno-missing-prototypes $(FUZZ_CFLAGS)
FUZZERS = tests/fuzz/fuzz_wine_text tests/fuzz/fuzz_profile tests/fuzz/fuzz_boot_record \
	tests/fuzz/fuzz_stub_numbers tests/fuzz/fuzz_regf \
	tests/fuzz/fuzz_reg_text tests/fuzz/fuzz_lower_image \
	tests/fuzz/fuzz_store_image \
	tests/fuzz/fuzz_audit_ring tests/fuzz/fuzz_audit_log \
	tests/fuzz/fuzz_network tests/fuzz/fuzz_security tests/fuzz/fuzz_journal

if HAVE_FUZZER
check_DATA += $(FUZZERS)
endif

FUZZ_WINE_TEXT_FILES = tests/fuzz/fuzz_wine_text.c registry/wine_text.c registry/wine_text_reader.c
tests/fuzz/fuzz_wine_text: $(FUZZ_WINE_TEXT_FILES) registry/wine_text.h registry/wine_text_reader.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) -o $@ \
		`for file in $(FUZZ_WINE_TEXT_FILES); do echo $(srcdir)/$$file; done`

FUZZ_PROFILE_FILES = tests/fuzz/fuzz_profile.c unixlib/kernel/profile.c unixlib/kernel/profile_read.c unixlib/kernel/profile_desktop.c unixlib/kernel/words.c unixlib/kernel/windows_build.c \
	unixlib/kernel/syscall_rules.c unixlib/kernel/error.c \
	unixlib/kernel/cage_words.c
tests/fuzz/fuzz_profile: $(FUZZ_PROFILE_FILES) unixlib/kernel/profile.h unixlib/kernel/windows_build.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) $(INIH_CFLAGS) -o $@ \
		`for file in $(FUZZ_PROFILE_FILES); do echo $(srcdir)/$$file; done` $(INIH_LIBS)

FUZZ_BOOT_RECORD_FILES = tests/fuzz/fuzz_boot_record.c unixlib/kernel/boot_record.c \
	unixlib/kernel/windows_build.c \
	unixlib/kernel/state.c unixlib/kernel/remove_tree.c unixlib/kernel/words.c unixlib/kernel/error.c
tests/fuzz/fuzz_boot_record: $(FUZZ_BOOT_RECORD_FILES) unixlib/kernel/boot_record.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) -o $@ \
		`for file in $(FUZZ_BOOT_RECORD_FILES); do echo $(srcdir)/$$file; done`

FUZZ_STUB_NUMBERS_FILES = tests/fuzz/fuzz_stub_numbers.c unixlib/wine/stub_numbers.c \
	unixlib/kernel/error.c
tests/fuzz/fuzz_stub_numbers: $(FUZZ_STUB_NUMBERS_FILES) unixlib/wine/stub_numbers.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) -o $@ \
		`for file in $(FUZZ_STUB_NUMBERS_FILES); do echo $(srcdir)/$$file; done`

FUZZ_REGF_FILES = tests/fuzz/fuzz_regf.c registry/regf_read.c
tests/fuzz/fuzz_regf: $(FUZZ_REGF_FILES) registry/regf.h registry/regf_format.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) -o $@ \
		`for file in $(FUZZ_REGF_FILES); do echo $(srcdir)/$$file; done`

FUZZ_REG_TEXT_FILES = tests/fuzz/fuzz_reg_text.c registry/reg_text_read.c \
	registry/reg_text_write.c registry/reg_text_encoding.c
tests/fuzz/fuzz_reg_text: $(FUZZ_REG_TEXT_FILES) registry/reg_text.h registry/reg_text_encoding.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) -o $@ \
		`for file in $(FUZZ_REG_TEXT_FILES); do echo $(srcdir)/$$file; done`

FUZZ_LOWER_IMAGE_FILES = tests/fuzz/fuzz_lower_image.c registry/lower_image.c
tests/fuzz/fuzz_lower_image: $(FUZZ_LOWER_IMAGE_FILES) registry/lower_image.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) -o $@ \
		`for file in $(FUZZ_LOWER_IMAGE_FILES); do echo $(srcdir)/$$file; done`

FUZZ_STORE_IMAGE_FILES = tests/fuzz/fuzz_store_image.c registry/store_image.c registry/store_log.c
tests/fuzz/fuzz_store_image: $(FUZZ_STORE_IMAGE_FILES) registry/store_image.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) -o $@ \
		`for file in $(FUZZ_STORE_IMAGE_FILES); do echo $(srcdir)/$$file; done`

FUZZ_AUDIT_RING_FILES = tests/fuzz/fuzz_audit_ring.c unixlib/kernel/audit_ring.c \
	unixlib/kernel/audit_text.c
tests/fuzz/fuzz_audit_ring: $(FUZZ_AUDIT_RING_FILES) unixlib/kernel/audit_ring.h \
		unixlib/kernel/audit_text.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) -o $@ \
		`for file in $(FUZZ_AUDIT_RING_FILES); do echo $(srcdir)/$$file; done`

FUZZ_AUDIT_LOG_FILES = tests/fuzz/fuzz_audit_log.c unixlib/launcher/audit_view.c
tests/fuzz/fuzz_audit_log: $(FUZZ_AUDIT_LOG_FILES) unixlib/launcher/audit_view.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) $(JANSSON_CFLAGS) -o $@ \
		`for file in $(FUZZ_AUDIT_LOG_FILES); do echo $(srcdir)/$$file; done` $(JANSSON_LIBS)

FUZZ_NETWORK_FILES = tests/fuzz/fuzz_network.c unixlib/nt/network.c unixlib/nt/copy.c \
	unixlib/wine/socket_controls.c
tests/fuzz/fuzz_network: $(FUZZ_NETWORK_FILES) unixlib/nt/network.h unixlib/wine/socket_controls.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) -o $@ \
		`for file in $(FUZZ_NETWORK_FILES); do echo $(srcdir)/$$file; done`

FUZZ_SECURITY_FILES = tests/fuzz/fuzz_security.c unixlib/nt/security_inherit.c \
	unixlib/nt/security_descriptor.c unixlib/nt/copy.c
tests/fuzz/fuzz_security: $(FUZZ_SECURITY_FILES) unixlib/nt/security_inherit.h \
		unixlib/nt/security_descriptor.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) -o $@ \
		`for file in $(FUZZ_SECURITY_FILES); do echo $(srcdir)/$$file; done`

FUZZ_JOURNAL_FILES = tests/fuzz/fuzz_journal.c registry/journal.c registry/hive_store.c \
	registry/hive_store_statements.c registry/hive_store_order.c registry/hive_store_branches.c \
	registry/hive_store_layers.c registry/hive_store_marks.c registry/hive_store_files.c \
	registry/upcase.c
tests/fuzz/fuzz_journal: $(FUZZ_JOURNAL_FILES) registry/journal.h registry/hive_store.h \
		registry/hive_store_internal.h
	@$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_COMPILE) -o $@ \
		`for file in $(FUZZ_JOURNAL_FILES); do echo $(srcdir)/$$file; done` $(SQLITE_LIBS)

dist_check_SCRIPTS += tests/fuzz/run_fuzzers.sh
TESTS += tests/fuzz/run_fuzzers.sh
EXTRA_DIST += $(FUZZERS:=.c) tests/fuzz/seeds
CLEANFILES += $(FUZZERS) tests/fuzz/crash-* tests/fuzz/leak-* tests/fuzz/oom-* \
	tests/fuzz/timeout-* tests/fuzz/slow-unit-*
