/* SPDX-License-Identifier: Apache-2.0 */
#include "backlog.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static baton__backlog backlog;

static void fini(void)
{
    baton__backlog_fini(&backlog);
    cr_assert_eq(backlog.count, 0);
    cr_assert_eq(backlog.bytes, 0);
    cr_assert_null(backlog.first);
}

TestSuite(backlog, .fini = fini);

/* Of a size, without touching its memory. */
static size_t add(const char *subject, size_t size)
{
    char *text = malloc(size);
    cr_assert_not_null(text);
    return baton__backlog_add(&backlog, subject, text, size);
}

Test(backlog, keeps_what_it_is_given_in_order)
{
    cr_assert_eq(add("a", 10), 0);
    cr_assert_eq(add("b", 20), 0);
    cr_assert_eq(backlog.count, 2);
    cr_assert_eq(backlog.bytes, 30);
    cr_assert_str_eq(backlog.first->subject, "a");
    cr_assert_str_eq(backlog.first->next->subject, "b");
    cr_assert_eq(backlog.first->sent_ns, 0);
    cr_assert_eq(backlog.first->tries, 0);
}

Test(backlog, finds_by_number_and_drops)
{
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(add("a", 1), 0);
    }
    uint64_t number = backlog.first->next->number;
    baton__backlog_item *item = baton__backlog_find(&backlog, number);
    cr_assert_eq(item, backlog.first->next);
    baton__backlog_drop(&backlog, item);
    cr_assert_null(baton__backlog_find(&backlog, number));
    cr_assert_null(baton__backlog_find(&backlog, 999));
    cr_assert_eq(backlog.count, 2);
    cr_assert_eq(backlog.bytes, 2);
}

Test(backlog, a_number_is_never_used_twice)
{
    cr_assert_eq(add("a", 1), 0);
    uint64_t number = backlog.first->number;
    baton__backlog_drop(&backlog, backlog.first);
    cr_assert_eq(add("a", 1), 0);
    cr_assert_neq(backlog.first->number, number);
}

Test(backlog, beyond_its_count_the_oldest_goes)
{
    for (size_t i = 0; i < BATON__BACKLOG_COUNT_MAX; i++) {
        cr_assert_eq(add("a", 1), 0);
    }
    uint64_t oldest = backlog.first->number;
    cr_assert_eq(add("b", 1), 1);
    cr_assert_eq(backlog.count, BATON__BACKLOG_COUNT_MAX);
    cr_assert_null(baton__backlog_find(&backlog, oldest));
    cr_assert_not_null(baton__backlog_find(&backlog, oldest + 1));
    cr_assert_str_eq(backlog.first->prev->subject, "b", "the youngest is the last");
}

Test(backlog, beyond_its_bytes_as_many_go_as_it_takes)
{
    size_t quarter = BATON__BACKLOG_BYTES_MAX / 4;
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(add("a", quarter), 0);
    }
    cr_assert_eq(backlog.bytes, BATON__BACKLOG_BYTES_MAX);
    cr_assert_eq(add("b", quarter + 1), 2);
    cr_assert_eq(backlog.count, 3);
    cr_assert_eq(backlog.bytes, 3 * quarter + 1);
    cr_assert_eq(add("c", BATON__BACKLOG_BYTES_MAX), 3, "one may take all of it");
    cr_assert_eq(backlog.count, 1);
}

Test(backlog, what_is_larger_than_all_of_it_is_dropped_itself)
{
    cr_assert_eq(add("a", 5), 0);
    cr_assert_eq(add("b", BATON__BACKLOG_BYTES_MAX + 1), 1);
    cr_assert_eq(backlog.count, 1);
    cr_assert_str_eq(backlog.first->subject, "a");
}
