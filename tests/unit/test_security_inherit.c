/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_security_inherit.c - the descriptor of a new key, made of bytes that may be anything: broken
 * lists are refused, what is made of good ones holds together, and nothing outside is read (under
 * ASan each list ends where its memory does).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nt/security_inherit.h"

#define OI 0x1
#define CI 0x2
#define NP 0x4
#define IO 0x8
#define INHERITED 0x10
#define ALLOWED 0x0
#define DENIED 0x1
#define OBJECT_ALLOWED 0x5

static const unsigned char everyone[] = {1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
static const unsigned char creator[] = {1, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0};
static const unsigned char creators_group[] = {1, 1, 0, 0, 0, 0, 0, 3, 1, 0, 0, 0};
static const unsigned char owner_rights[] = {1, 1, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0};
static const unsigned char owner[] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0};
static const unsigned char group[] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 33, 2, 0, 0};

static const struct security_parts token = {
    .parts = {[SECURITY_OWNER] = {owner, sizeof owner}, [SECURITY_GROUP] = {group, sizeof group}}};

/* ---- building lists ---- */

struct list {
    size_t used;
    unsigned char bytes[2048];
};

static void begin(struct list *list)
{
    *list = (struct list){.used = 8, .bytes = {2, 0, 8, 0}};
}

static void add(struct list *list, uint8_t type, uint8_t flags, uint32_t mask, const void *sid,
                size_t sid_size)
{
    unsigned char *ace = list->bytes + list->used;
    uint16_t size = (uint16_t)(8 + sid_size);

    ace[0] = type;
    ace[1] = flags;
    memcpy(ace + 2, &size, 2);
    memcpy(ace + 4, &mask, 4);
    memcpy(ace + 8, sid, sid_size);
    list->used += size;
    list->bytes[2] = list->used & 0xff;
    list->bytes[3] = (unsigned char)(list->used >> 8);
    list->bytes[4]++;
}

/* A copy that ends where its memory does. */
static void *exact(const void *bytes, size_t size)
{
    void *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    return memcpy(copy, bytes, size);
}

static bool is_valid(const void *bytes, size_t size)
{
    void *copy = exact(bytes, size);
    bool valid = security_acl_is_valid(copy, size);

    free(copy);
    return valid;
}

static struct security_parts with_dacl(const void *acl, size_t size, uint16_t control)
{
    struct security_parts parts = {.control = SE_DACL_PRESENT | control};

    parts.parts[SECURITY_DACL].bytes = acl;
    parts.parts[SECURITY_DACL].size = size;
    return parts;
}

static unsigned char made[SECURITY_DESCRIPTOR_LIMIT];

/* Makes a descriptor and takes it apart again. */
static ntstatus make(const struct security_parts *given, const struct security_parts *parent,
                     struct security_parts *out, size_t *size)
{
    struct security_parts usual;
    struct new_security from = {given, parent, &token, &usual};
    ntstatus status;

    security_parts_default(&usual);
    *size = 0;
    status = security_make_new(&from, made, size);
    if (status == STATUS_SUCCESS && *size) {
        void *copy = exact(made, *size);
        assert_true(security_parts_split(copy, *size, out));
        for (int part = SECURITY_SACL; part <= SECURITY_DACL; part++)
            assert_true(!out->parts[part].size ||
                        security_acl_is_valid(out->parts[part].bytes, out->parts[part].size));
        free(copy);
        assert_true(security_parts_split(made, *size, out));
    }
    return status;
}

/* ---- the tests ---- */

static void broken_lists_are_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } damages[] = {
        {0, 1},    {0, 5},              /* a revision that there is not */
        {2, 27},   {2, 29},             /* another size than its own */
        {3, 0x80},                      /* the same, far away */
        {4, 2},    {5, 1},              /* more entries than there are */
        {10, 0},   {10, 3},             /* an entry that goes nowhere */
        {10, 21},  {11, 1},             /* one that ends outside */
        {16, 0},   {16, 2},             /* a SID of another revision */
        {17, 2},   {17, 16}, {17, 255}, /* one that ends outside */
    };
    static const uint8_t object_types[] = {0x5, 0x6, 0x7, 0x8, 0xb, 0xc, 0xf, 0x10};
    struct list list;

    (void)state;
    begin(&list);
    assert_true(is_valid(list.bytes, list.used));
    for (size_t size = 0; size < 8; size++)
        assert_false(is_valid(list.bytes, size));
    add(&list, ALLOWED, 0, 1, everyone, sizeof everyone);
    assert_int_equal(list.used, 28);
    assert_true(is_valid(list.bytes, list.used));
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct list damaged = list;

        damaged.bytes[damages[i].at] = damages[i].byte;
        if (is_valid(damaged.bytes, damaged.used))
            fail_msg("damage %zu is not seen", i);
    }
    /* What comes before the SID is larger. */
    for (size_t i = 0; i < sizeof object_types; i++) {
        list.bytes[8] = object_types[i];
        assert_false(is_valid(list.bytes, list.used));
    }
    list.bytes[8] = 0x40; /* a type that nobody knows has what it has */
    assert_true(is_valid(list.bytes, list.used));
}

struct expected {
    uint8_t type, flags;
    uint32_t mask;
    const unsigned char *sid;
    size_t sid_size;
};

static void check_list(const struct security_parts *parts, const struct expected *expected,
                       size_t count)
{
    const unsigned char *acl = parts->parts[SECURITY_DACL].bytes;
    size_t at = 8;

    assert_int_equal(acl[4] | acl[5] << 8, count);
    for (size_t i = 0; i < count; i++) {
        uint32_t mask;

        memcpy(&mask, acl + at + 4, 4);
        assert_int_equal(acl[at], expected[i].type);
        assert_int_equal(acl[at + 1], expected[i].flags);
        assert_int_equal(mask, expected[i].mask);
        assert_int_equal(acl[at + 2], 8 + expected[i].sid_size);
        assert_memory_equal(acl + at + 8, expected[i].sid, expected[i].sid_size);
        at += acl[at + 2];
    }
    assert_int_equal(at, parts->parts[SECURITY_DACL].size);
}

#define SID(name) name, sizeof name

static void entries_come_down_by_the_rules(void **state)
{
    static const struct expected expected[] = {
        {DENIED, INHERITED, 0x10, SID(everyone)},
        {ALLOWED, CI | INHERITED, 0x1, SID(everyone)},
        {ALLOWED, CI | OI | INHERITED, 0x2, SID(everyone)},
        {ALLOWED, INHERITED, KEY_READ_RIGHTS, SID(owner)},
        {ALLOWED, CI | IO | INHERITED, 0x80000000u, SID(creator)},
        {ALLOWED, INHERITED, 0x4, SID(group)},
        {ALLOWED, OI | IO | INHERITED, 0x8, SID(everyone)},
    };
    struct security_parts parent, out;
    struct list list;
    size_t size;

    (void)state;
    begin(&list);
    add(&list, ALLOWED, 0, 0x3f, SID(everyone));
    add(&list, DENIED, CI | NP, 0x10, SID(everyone));
    add(&list, ALLOWED, CI | IO, 0x1, SID(everyone));
    add(&list, ALLOWED, CI | OI | INHERITED, 0x2, SID(everyone));
    add(&list, ALLOWED, CI | IO, 0x80000000u, SID(creator));
    add(&list, ALLOWED, CI | NP | IO, 0x4, SID(creators_group));
    add(&list, ALLOWED, OI, 0x8, SID(everyone));
    add(&list, ALLOWED, OI | NP, 0x20, SID(everyone));
    parent = with_dacl(list.bytes, list.used, 0);
    assert_int_equal(make(NULL, &parent, &out, &size), STATUS_SUCCESS);
    check_list(&out, expected, sizeof expected / sizeof expected[0]);
    assert_int_equal(out.control, SE_DACL_PRESENT | SE_DACL_AUTO_INHERITED | SE_SELF_RELATIVE);
    assert_memory_equal(out.parts[SECURITY_OWNER].bytes, owner, sizeof owner);
    assert_memory_equal(out.parts[SECURITY_GROUP].bytes, group, sizeof group);
}

static void what_is_given_comes_first(void **state)
{
    static const struct expected both[] = {
        {ALLOWED, CI, KEY_ALL_RIGHTS, SID(owner)},
        {ALLOWED, CI | IO, 0x10000000u, SID(everyone)},
        {ALLOWED, CI | INHERITED, 0x1, SID(everyone)},
    };
    struct security_parts parent, given, out;
    struct list above, own, nothing;
    size_t size;

    (void)state;
    begin(&nothing);
    begin(&above);
    add(&above, ALLOWED, CI, 0x1, SID(everyone));
    begin(&own);
    add(&own, ALLOWED, CI, 0x10000000u, SID(owner));
    add(&own, ALLOWED, CI | IO, 0x10000000u, SID(everyone));
    parent = with_dacl(above.bytes, above.used, 0);
    given = with_dacl(own.bytes, own.used, 0);
    assert_int_equal(make(&given, &parent, &out, &size), STATUS_SUCCESS);
    check_list(&out, both, 3);
    given = with_dacl(own.bytes, own.used, SE_DACL_PROTECTED);
    assert_int_equal(make(&given, &parent, &out, &size), STATUS_SUCCESS);
    check_list(&out, both, 2);
    assert_true(out.control & SE_DACL_PROTECTED);
    /* A list by default gives way to what is inherited. */
    given = with_dacl(own.bytes, own.used, SE_DACL_DEFAULTED);
    assert_int_equal(make(&given, &parent, &out, &size), STATUS_SUCCESS);
    check_list(&out, both + 2, 1);
    assert_false(out.control & SE_DACL_DEFAULTED);
    assert_int_equal(make(&given, NULL, &out, &size), STATUS_SUCCESS);
    check_list(&out, both, 2);
    /* An empty list is one; no list is none. */
    given = with_dacl(nothing.bytes, nothing.used, 0);
    assert_int_equal(make(&given, NULL, &out, &size), STATUS_SUCCESS);
    check_list(&out, NULL, 0);
    given = with_dacl(NULL, 0, 0);
    assert_int_equal(make(&given, &parent, &out, &size), STATUS_SUCCESS);
    assert_int_equal(out.parts[SECURITY_DACL].size, 0);
    assert_true(out.control & SE_DACL_PRESENT);
}

static void without_a_list_there_is_the_usual_one(void **state)
{
    struct security_parts given = {.control = 0}, parent, usual, out;
    struct list above;
    size_t size;

    (void)state;
    security_parts_default(&usual);
    given.parts[SECURITY_OWNER].bytes = group;
    given.parts[SECURITY_OWNER].size = sizeof group;
    assert_int_equal(make(&given, NULL, &out, &size), STATUS_SUCCESS);
    assert_memory_equal(out.parts[SECURITY_OWNER].bytes, group, sizeof group);
    assert_int_equal(out.parts[SECURITY_DACL].size, usual.parts[SECURITY_DACL].size);
    assert_true(out.control & SE_DACL_DEFAULTED);
    /* Nothing given and nothing to inherit: none of its own. */
    begin(&above);
    add(&above, ALLOWED, 0, 0x3f, SID(everyone));
    add(&above, ALLOWED, OI | NP, 0x3f, SID(everyone));
    parent = with_dacl(above.bytes, above.used, 0);
    assert_int_equal(make(NULL, &parent, &out, &size), STATUS_SUCCESS);
    assert_int_equal(size, 0);
    parent.control = 0; /* the list is not one that counts */
    assert_int_equal(make(NULL, &parent, &out, &size), STATUS_SUCCESS);
    assert_int_equal(size, 0);
}

static void bad_input_makes_none(void **state)
{
    struct security_parts parent, given, out;
    struct list list;
    size_t size;

    (void)state;
    begin(&list);
    add(&list, ALLOWED, CI, 0x3f, SID(everyone));
    list.bytes[10] = 0;
    given = parent = with_dacl(list.bytes, list.used, 0);
    assert_int_equal(make(&given, NULL, &out, &size), STATUS_INVALID_ACL);
    assert_int_equal(make(NULL, &parent, &out, &size), STATUS_BAD_INHERITANCE_ACL);
    given.control |= SE_DACL_DEFAULTED;
    assert_int_equal(make(&given, NULL, &out, &size), STATUS_INVALID_ACL);
}

/* An audit list is treated as the other one. */
static void audit_entries_come_down(void **state)
{
    struct security_parts parent = {.control = SE_SACL_PRESENT}, out;
    struct list list;
    size_t size;

    (void)state;
    begin(&list);
    add(&list, 0x2, CI | 0x40, 0x2, SID(everyone));
    parent.parts[SECURITY_SACL].bytes = list.bytes;
    parent.parts[SECURITY_SACL].size = list.used;
    assert_int_equal(make(NULL, &parent, &out, &size), STATUS_SUCCESS);
    assert_int_equal(((const unsigned char *)out.parts[SECURITY_SACL].bytes)[9],
                     CI | INHERITED | 0x40);
    assert_true(out.control & SE_SACL_PRESENT && out.control & SE_SACL_AUTO_INHERITED);
    assert_true(out.control & SE_DACL_DEFAULTED);
}

/* Entries for one type of object, which no key is, are handed on and not used. */
static void entries_for_other_objects(void **state)
{
    unsigned char behind[4 + 16 + sizeof everyone] = {2}; /* INHERITED_OBJECT_TYPE_PRESENT */
    struct security_parts parent, out;
    struct list list;
    size_t size;

    (void)state;
    memcpy(behind + 20, everyone, sizeof everyone);
    begin(&list);
    add(&list, OBJECT_ALLOWED, CI, 0x3f, SID(behind));
    list.bytes[0] = 4;
    parent = with_dacl(list.bytes, list.used, 0);
    assert_int_equal(make(NULL, &parent, &out, &size), STATUS_SUCCESS);
    check_list(&out, &(struct expected){OBJECT_ALLOWED, CI | IO | INHERITED, 0x3f, SID(behind)}, 1);
    assert_int_equal(((const unsigned char *)out.parts[SECURITY_DACL].bytes)[0], 4);
}

static void too_much_is_refused(void **state)
{
    static unsigned char large[0xfff0];
    size_t entry = 8 + sizeof creator, count = (sizeof large - 8) / entry;
    struct security_parts parent, given, out;
    size_t size, used = 8;

    (void)state;
    for (size_t i = 0; i < count; i++, used += entry) {
        unsigned char ace[20] = {ALLOWED, CI, 20, 0, 1};
        memcpy(ace + 8, creator, sizeof creator);
        memcpy(large + used, ace, sizeof ace);
    }
    large[0] = 2;
    large[2] = used & 0xff;
    large[3] = (unsigned char)(used >> 8);
    large[4] = count & 0xff;
    large[5] = (unsigned char)(count >> 8);
    given = parent = with_dacl(large, used, 0);
    assert_int_equal(make(&given, NULL, &out, &size), STATUS_SUCCESS);
    assert_int_equal(out.parts[SECURITY_DACL].size, used);
    assert_int_equal(make(NULL, &parent, &out, &size), STATUS_BAD_INHERITANCE_ACL);
    assert_int_equal(make(&given, &parent, &out, &size), STATUS_BAD_INHERITANCE_ACL);
}

static void what_an_owner_has_anyway(void **state)
{
    struct security_list_facts facts;
    struct list list;

    (void)state;
    begin(&list);
    assert_true(security_list_look_at(list.bytes, list.used, &facts));
    assert_int_equal(facts.owner_rights, ACCESS_READ_CONTROL | ACCESS_WRITE_DAC);
    assert_false(facts.denies);
    add(&list, DENIED, CI | IO, 0x1, SID(everyone));
    add(&list, ALLOWED, CI | IO, 0x1, SID(owner_rights));
    assert_true(security_list_look_at(list.bytes, list.used, &facts));
    assert_int_equal(facts.owner_rights, ACCESS_READ_CONTROL | ACCESS_WRITE_DAC);
    assert_false(facts.denies);
    add(&list, DENIED, 0, 0x2, SID(owner_rights));
    add(&list, ALLOWED, 0, 0x3, SID(owner_rights));
    assert_true(security_list_look_at(list.bytes, list.used, &facts));
    assert_int_equal(facts.owner_rights, 0x1);
    assert_true(facts.denies);
    list.bytes[4]++;
    assert_false(security_list_look_at(list.bytes, list.used, &facts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_lists_are_refused),
        cmocka_unit_test(entries_come_down_by_the_rules),
        cmocka_unit_test(what_is_given_comes_first),
        cmocka_unit_test(without_a_list_there_is_the_usual_one),
        cmocka_unit_test(bad_input_makes_none),
        cmocka_unit_test(audit_entries_come_down),
        cmocka_unit_test(entries_for_other_objects),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(what_an_owner_has_anyway),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
