# SPDX-License-Identifier: LGPL-2.1-or-later
# Unit tests (cmocka) of the pure parts, one program a subject: tests/unit/NAME.c.
REGISTRY_TESTS = \
	tests/unit/test_registry tests/unit/test_registry_damage tests/unit/test_registry_ends \
	tests/unit/test_registry_fixed_values tests/unit/test_registry_hostile \
	tests/unit/test_registry_import \
	tests/unit/test_registry_links tests/unit/test_registry_processes \
	tests/unit/test_registry_threads tests/unit/test_registry_values \
	tests/unit/test_registry_layers tests/unit/test_registry_layers_hidden \
	tests/unit/test_registry_layers_commit tests/unit/test_registry_layers_caches \
	tests/unit/test_registry_layers_ends tests/unit/test_registry_layers_model \
	tests/unit/test_registry_kills tests/unit/test_registry_memory tests/unit/test_registry_model \
	tests/unit/test_registry_repair tests/unit/test_registry_repair_ends \
	tests/unit/test_registry_seams tests/unit/test_registry_security \
	tests/unit/test_registry_batch \
	tests/unit/test_registry_transactions \
	tests/unit/test_registry_transaction_processes \
	tests/unit/test_registry_transaction_model
FILES_TESTS = tests/unit/test_files_layer tests/unit/test_files_commit \
	tests/unit/test_files_kills
ATTACH_TESTS = tests/unit/test_trapped_call tests/unit/test_notify_loop tests/unit/test_attach \
	tests/unit/test_attach_ends tests/unit/test_own_process
UNIT_TESTS = \
	tests/unit/test_windows_numbers tests/unit/test_call_site \
	tests/unit/test_upcase tests/unit/test_wine_text $(REGISTRY_TESTS) \
	tests/unit/test_reg_text tests/unit/test_registry_tree \
	tests/unit/test_regf tests/unit/test_regf_foreign tests/unit/test_regf_tools \
	tests/unit/test_profile tests/unit/test_boot_record tests/unit/test_state tests/unit/test_prefix_layer \
	tests/unit/test_arguments tests/unit/test_plan tests/unit/test_desktop tests/unit/test_program \
	tests/unit/test_process_kernel tests/unit/test_process_table \
	tests/unit/test_process_table_hostile tests/unit/test_process_address \
	tests/unit/test_audit tests/unit/test_audit_ring tests/unit/test_audit_processes \
	tests/unit/test_audit_apart tests/unit/test_learn \
	tests/unit/test_policy tests/unit/test_policy_arm tests/unit/test_governor tests/unit/test_cgroup \
	tests/unit/test_session_held tests/unit/test_view_shown tests/unit/test_confine \
	tests/unit/test_commit_writer \
	tests/unit/test_process_namespace \
	tests/unit/test_policy_supervisor \
	$(ATTACH_TESTS) $(FILES_TESTS) \
	tests/unit/test_windows_process_kernel tests/unit/test_key_cache \
	tests/unit/test_handle_table tests/unit/test_handle_bequest \
	tests/unit/test_security_inherit \
	tests/unit/test_services tests/unit/test_status tests/unit/test_image_exports \
	tests/unit/test_registry_large_key tests/unit/test_registry_many_subkeys \
	tests/unit/test_registry_read_ahead tests/unit/test_shared_lock \
	tests/unit/test_key_services tests/unit/test_network tests/unit/test_call_wall \
	tests/unit/test_trap tests/unit/test_tracee tests/unit/test_policy_kill

AM_CFLAGS += $(CMOCKA_CFLAGS)
# What every program is linked with that names no LDADD of its own: these tests do not.
LDADD = liblauncher.a libconfine.a libsession.a $(POLICY_LIBS) libnt.a libwarm.a libkernel.a \
	libwineroom_location.a libregistry.a $(CORE_LIBS) $(SECCOMP_LIBS) $(CMOCKA_LIBS)
tests_unit_test_upcase_CPPFLAGS = $(AM_CPPFLAGS) -DWINE_DATADIR='"$(wine_datadir)"'

tests_unit_test_confine_SOURCES = tests/unit/test_confine.c tests/unit/confine_attempts.h \
	tests/unit/confine_attempts.c $(libconfine_a_SOURCES)
tests_unit_test_confine_CPPFLAGS = $(AM_CPPFLAGS) -DPWK_WALLS_REMOVABLE

PROCESS_TABLE_FIXTURE = tests/unit/process_table_fixture.h tests/unit/process_table_fixture.c
tests_unit_test_process_table_SOURCES = tests/unit/test_process_table.c $(PROCESS_TABLE_FIXTURE)
tests_unit_test_process_table_hostile_SOURCES = tests/unit/test_process_table_hostile.c \
	$(PROCESS_TABLE_FIXTURE)

ATTACH_FIXTURE = tests/unit/attach_fixture.h tests/unit/attach_fixture.c
ATTACH_LIBS = libattach.a libpolicy.a libsandbox.a libkernel.a libregistry.a $(SECCOMP_LIBS) $(CORE_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_test_call_site_LDADD = libsandbox.a $(LDADD)
tests_unit_test_process_namespace_LDADD = $(ATTACH_LIBS)
tests_unit_test_trap_SOURCES = tests/unit/test_trap.c $(ATTACH_FIXTURE)
tests_unit_test_trap_LDADD = $(ATTACH_LIBS)
tests_unit_test_trapped_call_SOURCES = tests/unit/test_trapped_call.c $(ATTACH_FIXTURE)
tests_unit_test_trapped_call_LDADD = $(ATTACH_LIBS)
tests_unit_test_notify_loop_SOURCES = tests/unit/test_notify_loop.c $(ATTACH_FIXTURE)
tests_unit_test_notify_loop_LDADD = $(ATTACH_LIBS)
# They are of the room `wine`, which has no library of its own.
tests_unit_test_image_exports_SOURCES = tests/unit/test_image_exports.c \
	unixlib/wine/image_exports.h unixlib/wine/image_exports.c

tests_unit_test_network_SOURCES = tests/unit/test_network.c \
	unixlib/wine/socket_controls.h unixlib/wine/socket_controls.c
tests_unit_test_call_wall_SOURCES = tests/unit/test_call_wall.c tests/unit/filter_run.h \
	tests/unit/filter_run.c

tests_unit_test_windows_numbers_SOURCES = tests/unit/test_windows_numbers.c \
	tests/unit/windows_services.def \
	unixlib/wine/number_translation.h unixlib/wine/number_translation.c
TARGET_FIXTURE = tests/unit/target_fixture.h tests/unit/target_fixture.c $(ATTACH_FIXTURE)
tests_unit_test_attach_SOURCES = tests/unit/test_attach.c $(TARGET_FIXTURE)
tests_unit_test_attach_LDADD = $(ATTACH_LIBS)
tests_unit_test_attach_ends_SOURCES = tests/unit/test_attach_ends.c $(TARGET_FIXTURE)
tests_unit_test_attach_ends_LDADD = $(ATTACH_LIBS)
tests_unit_test_tracee_SOURCES = tests/unit/test_tracee.c $(TARGET_FIXTURE)
tests_unit_test_tracee_LDADD = $(ATTACH_LIBS)
tests_unit_test_policy_kill_SOURCES = tests/unit/test_policy_kill.c $(ATTACH_FIXTURE)
tests_unit_test_policy_kill_LDADD = $(ATTACH_LIBS)
tests_unit_test_own_process_SOURCES = tests/unit/test_own_process.c $(ATTACH_FIXTURE)
tests_unit_test_own_process_LDADD = $(ATTACH_LIBS)

tests_unit_test_policy_SOURCES = tests/unit/test_policy.c tests/unit/filter_run.h \
	tests/unit/filter_run.c
REGF_FIXTURE = tests/unit/regf_fixture.h tests/unit/regf_fixture.c
tests_unit_test_regf_SOURCES = tests/unit/test_regf.c $(REGF_FIXTURE)
tests_unit_test_regf_foreign_SOURCES = tests/unit/test_regf_foreign.c $(REGF_FIXTURE)
tests_unit_test_regf_tools_SOURCES = tests/unit/test_regf_tools.c $(REGF_FIXTURE)
REGISTRY_FIXTURE = tests/unit/registry_fixture.h tests/unit/registry_fixture.c
REGISTRY_MODEL = tests/unit/registry_model.h tests/unit/registry_model.c \
	tests/unit/registry_model_compare.c $(REGISTRY_FIXTURE)
tests_unit_test_key_services_SOURCES = tests/unit/test_key_services.c $(REGISTRY_FIXTURE)
tests_unit_test_registry_SOURCES = tests/unit/test_registry.c $(REGISTRY_FIXTURE)
tests_unit_test_registry_damage_SOURCES = tests/unit/test_registry_damage.c $(REGISTRY_FIXTURE)
tests_unit_test_registry_ends_SOURCES = tests/unit/test_registry_ends.c $(REGISTRY_FIXTURE)
tests_unit_test_registry_fixed_values_SOURCES = tests/unit/test_registry_fixed_values.c \
	$(REGISTRY_FIXTURE)
tests_unit_test_registry_import_SOURCES = tests/unit/test_registry_import.c $(REGISTRY_FIXTURE)
tests_unit_test_registry_large_key_SOURCES = tests/unit/test_registry_large_key.c \
	$(REGISTRY_FIXTURE)
tests_unit_test_registry_read_ahead_SOURCES = tests/unit/test_registry_read_ahead.c \
	$(REGISTRY_FIXTURE)
tests_unit_test_registry_links_SOURCES = tests/unit/test_registry_links.c $(REGISTRY_FIXTURE)
tests_unit_test_registry_memory_SOURCES = tests/unit/test_registry_memory.c $(REGISTRY_FIXTURE)
tests_unit_test_registry_kills_SOURCES = tests/unit/test_registry_kills.c $(REGISTRY_MODEL)
tests_unit_test_registry_model_SOURCES = tests/unit/test_registry_model.c $(REGISTRY_MODEL)
tests_unit_test_registry_processes_SOURCES = tests/unit/test_registry_processes.c \
	$(REGISTRY_FIXTURE)
tests_unit_test_registry_batch_SOURCES = tests/unit/test_registry_batch.c $(REGISTRY_FIXTURE)
REPAIR_FIXTURE = tests/unit/repair_fixture.h tests/unit/repair_fixture.c $(REGISTRY_FIXTURE)
tests_unit_test_registry_repair_SOURCES = tests/unit/test_registry_repair.c $(REPAIR_FIXTURE)
tests_unit_test_registry_repair_ends_SOURCES = tests/unit/test_registry_repair_ends.c \
	$(REPAIR_FIXTURE)
tests_unit_test_registry_threads_SOURCES = tests/unit/test_registry_threads.c $(REGISTRY_FIXTURE)
TRANSACTION_FIXTURE = tests/unit/transaction_fixture.h tests/unit/transaction_fixture.c \
	$(REGISTRY_FIXTURE)
tests_unit_test_registry_transaction_model_SOURCES = \
	tests/unit/test_registry_transaction_model.c $(TRANSACTION_FIXTURE)
tests_unit_test_registry_transaction_processes_SOURCES = \
	tests/unit/test_registry_transaction_processes.c $(TRANSACTION_FIXTURE)
tests_unit_test_registry_security_SOURCES = tests/unit/test_registry_security.c \
	$(TRANSACTION_FIXTURE)
tests_unit_test_registry_transactions_SOURCES = tests/unit/test_registry_transactions.c \
	$(TRANSACTION_FIXTURE)
tests_unit_test_registry_values_SOURCES = tests/unit/test_registry_values.c $(REGISTRY_FIXTURE)
FILES_FIXTURE = tests/unit/files_fixture.h tests/unit/files_fixture.c \
	tests/unit/files_work.h tests/unit/files_work.c
tests_unit_test_files_layer_SOURCES = tests/unit/test_files_layer.c $(FILES_FIXTURE)
tests_unit_test_files_commit_SOURCES = tests/unit/test_files_commit.c $(FILES_FIXTURE)
tests_unit_test_files_kills_SOURCES = tests/unit/test_files_kills.c $(FILES_FIXTURE)
LOWER_FIXTURE = tests/unit/lower_fixture.h tests/unit/lower_fixture.c $(REGISTRY_FIXTURE)
tests_unit_test_registry_hostile_SOURCES = tests/unit/test_registry_hostile.c $(LOWER_FIXTURE)
tests_unit_test_registry_layers_SOURCES = tests/unit/test_registry_layers.c $(LOWER_FIXTURE)
tests_unit_test_registry_seams_SOURCES = tests/unit/test_registry_seams.c $(LOWER_FIXTURE)
tests_unit_test_registry_layers_hidden_SOURCES = tests/unit/test_registry_layers_hidden.c \
	$(LOWER_FIXTURE)
tests_unit_test_registry_layers_commit_SOURCES = tests/unit/test_registry_layers_commit.c \
	$(LOWER_FIXTURE)
tests_unit_test_registry_layers_caches_SOURCES = tests/unit/test_registry_layers_caches.c \
	$(LOWER_FIXTURE)
tests_unit_test_registry_many_subkeys_SOURCES = tests/unit/test_registry_many_subkeys.c \
	$(LOWER_FIXTURE)
tests_unit_test_registry_layers_ends_SOURCES = tests/unit/test_registry_layers_ends.c \
	$(LOWER_FIXTURE)
tests_unit_test_registry_layers_model_SOURCES = tests/unit/test_registry_layers_model.c \
	tests/unit/layers_model.h tests/unit/layers_model.c $(LOWER_FIXTURE)

if HAVE_CMOCKA
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
else
EXTRA_DIST += $(UNIT_TESTS:=.c) $(LOWER_FIXTURE) $(FILES_FIXTURE) $(REGF_FIXTURE) $(TARGET_FIXTURE) \
	tests/unit/layers_model.h tests/unit/layers_model.c
EXTRA_DIST += $(UNIT_TESTS:=.c) $(REGISTRY_MODEL) $(TRANSACTION_FIXTURE) $(REGF_FIXTURE)
endif

# The unit tests alone: what a build with sanitizers runs.
check-unit:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(UNIT_TESTS)'
.PHONY: check-unit

# Thousands of rounds of kill -9 in place of the few hundred of `make check`.
check-crash: tests/unit/test_registry_kills
	PWK_CRASH_ROUNDS=$${PWK_CRASH_ROUNDS:-5000} tests/unit/test_registry_kills
.PHONY: check-crash
