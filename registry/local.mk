# SPDX-License-Identifier: LGPL-2.1-or-later
# The registry room: hive store, cache, import. Knows no Wine and nothing of unixlib.
noinst_LIBRARIES += libregistry.a
libregistry_a_SOURCES = \
	registry/registry.h registry/registry_internal.h registry/registry.c registry/entering.c \
	registry/writing.c registry/reading.h registry/reading.c registry/read_ahead.h registry/read_ahead.c registry/value_reading.c \
	registry/large_key.h registry/large_key.c registry/value_run.c registry/subkeys.c registry/changes.c registry/lookup.h registry/lookup.c registry/fill.c \
	registry/hive_store.h registry/hive_store_internal.h registry/hive_store.c registry/hive_store_statements.c \
	registry/hive_store_order.c registry/hive_store_branches.c registry/hive_store_layers.c \
	registry/hive_store_marks.c registry/hive_store_files.c \
	registry/lower_image.h registry/lower_image.c registry/lower_apply.h registry/lower_apply.c \
	registry/lower_layer.h registry/lower_layer.c \
	registry/layer_changes.h registry/layer_changes.c registry/layer_walk.h registry/layer_walk.c \
	registry/layer_marks.c registry/layer_settle.c registry/layer_discard.c \
	registry/hive_store_check.h registry/hive_store_check.c \
	registry/hive_store_salvage.h registry/hive_store_salvage.c \
	registry/hive_store_reattach.h registry/hive_store_reattach.c \
	registry/hive_store_tree.h registry/hive_store_tree.c \
	registry/store_image.h registry/store_image.c registry/store_log.c \
	registry/batch.h registry/batch.c \
	registry/repair.h registry/repair.c \
	registry/key_cache.h registry/key_cache.c \
	registry/shared_lock.h registry/shared_lock.c \
	registry/fair_mutex.h registry/fair_mutex.c \
	registry/coherence.h registry/coherence.c registry/journal.h registry/journal.c \
	registry/value_list.h registry/value_list.c registry/patch.c registry/journalled_keys.c \
	registry/transaction.h registry/transaction_internal.h registry/transaction.c \
	registry/transaction_keys.c registry/transaction_read.c registry/transaction_write.c \
	registry/transaction_commit.c \
	registry/fixed_values.h registry/fixed_values.c \
	registry/import.h registry/import.c \
	registry/hive_files.h registry/hive_files.c \
	registry/branch_source.h registry/branch_source.c \
	registry/regf.h registry/regf_format.h registry/regf_image.h registry/regf_image.c \
	registry/regf_read.c registry/regf_write.c \
	registry/upcase.h registry/upcase.c registry/upcase_ranges.inc \
	registry/wine_text.h registry/wine_text.c \
	registry/wine_text_reader.h registry/wine_text_reader.c \
	registry/reg_text.h registry/reg_text_read.c registry/reg_text_write.c \
	registry/reg_text_encoding.h registry/reg_text_encoding.c
