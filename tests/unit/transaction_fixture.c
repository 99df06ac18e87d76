/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction_fixture.c - see transaction_fixture.h.
 */
#include "tests/unit/transaction_fixture.h"

registry_t *registry;

uint64_t begin(registry_t *in)
{
    uint64_t transaction = 0;

    assert_int_equal(registry_transaction_begin(in, 0, &transaction), 0);
    assert_int_not_equal(transaction, 0);
    return transaction;
}

uint64_t inside(uint64_t key, uint64_t transaction)
{
    return registry_key_in_transaction(key, transaction);
}

int delete_named(registry_t *in, uint64_t key, const char *name)
{
    struct registry_path text = wide(name);
    return registry_delete_value(in, key, text.text, text.units);
}

int rename_to(registry_t *in, uint64_t key, const char *name)
{
    struct registry_path text = wide(name);
    return registry_rename(in, key, text.text, text.units);
}

int missing(registry_t *in, uint64_t key, const char *name)
{
    struct registry_value_info info;
    return try_query(in, key, name, &info, NULL, 0);
}

int open_registry(void **state)
{
    int result = make_folder(state);

    registry = result ? NULL : open_store();
    return result;
}

int close_registry(void **state)
{
    registry_close(registry);
    return remove_folder(state);
}
