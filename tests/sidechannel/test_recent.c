/* SPDX-License-Identifier: Apache-2.0 */
#include "recent.h"

#include "support/no_memory.h"

#include <criterion/criterion.h>

enum { CAPACITY = 100 };

static baton__recent recent;

static void init(void)
{
    baton__recent_init(&recent, CAPACITY);
}

static void fini(void)
{
    baton__recent_fini(&recent);
    cr_assert_null(recent.table);
    cr_assert_eq(recent.count, 0);
}

TestSuite(recent, .init = init, .fini = fini);

static baton_uuid id_of(unsigned number)
{
    baton_uuid id = {{0}};
    memcpy(id.bytes, &number, sizeof(number));
    return id;
}

static baton__recent_entry *add(unsigned number, uint32_t attempt)
{
    baton_uuid id = id_of(number);
    return baton__recent_add(&recent, &id, attempt);
}

static baton__recent_entry *find(unsigned number, uint32_t attempt)
{
    baton_uuid id = id_of(number);
    return baton__recent_find(&recent, &id, attempt);
}

Test(recent, finds_by_id_and_attempt)
{
    baton__recent_entry *first = add(1, 1);
    baton__recent_entry *second = add(1, 2);
    baton__recent_entry *other = add(2, 1);
    cr_assert_eq(find(1, 1), first);
    cr_assert_eq(find(1, 2), second);
    cr_assert_eq(find(2, 1), other);
    cr_assert_null(find(2, 2));
    cr_assert_null(find(3, 1));
    cr_assert_eq(recent.count, 3);
}

Test(recent, an_entry_is_clear_also_when_it_is_added_again)
{
    baton__recent_entry *entry = add(1, 1);
    cr_assert_not(entry->granted);
    cr_assert_str_eq(entry->peer, "");
    entry->granted = true;
    entry->recorded = true;
    entry->reason = BATON_ERR_NACKED;
    entry->peer[0] = 'x';
    entry = add(1, 1);
    cr_assert_not(entry->granted);
    cr_assert_not(entry->recorded);
    cr_assert_eq(entry->reason, BATON_OK);
    cr_assert_str_eq(entry->peer, "");
    cr_assert_eq(recent.count, 1);
    cr_assert_eq(find(1, 1), entry);
}

Test(recent, the_oldest_is_forgotten_first)
{
    for (unsigned i = 0; i < CAPACITY; i++) {
        cr_assert_not_null(add(i, 1));
    }
    cr_assert_not_null(find(0, 1));
    cr_assert_not_null(add(0, 1)); /* the youngest now */
    for (unsigned i = 1; i < 50; i++) {
        cr_assert_not_null(add(1000 + i, 1));
        cr_assert_null(find(i, 1));
        cr_assert_not_null(find(i + 1, 1));
        cr_assert_eq(recent.count, CAPACITY);
    }
    cr_assert_not_null(find(0, 1));
}

Test(recent, without_memory_nothing_is_added_and_the_rest_stays)
{
    struct rlimit before;
    cr_assert_not_null(add(1, 1));
    if (!no_memory_begin(64, &before)) {
        cr_skip_test("memory cannot be made to fail here");
    }
    baton__recent_entry *entry = add(2, 1);
    no_memory_end(&before);
    cr_assert_null(entry);
    cr_assert_not_null(find(1, 1));
    cr_assert_null(find(2, 1));
    cr_assert_eq(recent.count, 1);
}
