/* SPDX-License-Identifier: Apache-2.0 */
#include "core/table.h"

#include <baton/id.h>
#include <criterion/criterion.h>
#include <string.h>

enum { MANY = 5000 };

typedef struct thing {
    int number;
    baton_key key;
    baton__node node;
} thing;

static baton__table table;
static thing things[MANY];

static void fill(int count)
{
    cr_assert(baton__table_init(&table));
    for (int i = 0; i < count; i++) {
        things[i] = (thing){.number = i, .key = baton_key_random()};
        baton__table_add(&table, &things[i].node, &things[i].key);
    }
}

static thing *find(const baton_key *key)
{
    return BATON__NODE_OWNER(baton__table_find(&table, key), thing, node);
}

Test(table, finds_what_was_added_and_nothing_else)
{
    fill(MANY);
    cr_expect_eq(table.count, (uint32_t)MANY);
    for (int i = 0; i < MANY; i++) {
        baton_key stranger = things[i].key;
        stranger.bytes[i % 16] ^= 1;
        cr_assert_eq(find(&things[i].key), &things[i]);
        cr_assert_null(find(&stranger));
    }
    baton__table_fini(&table);
}

Test(table, the_first_of_a_chain_is_what_is_found_most_often)
{
    int same = 0;
    fill(MANY);
    for (int i = 0; i < MANY; i++) {
        baton__table_expect(&table, &things[i].key);
        const baton__node *first = baton__table_first(&table, &things[i].key);
        cr_assert_not_null(first);
        same += BATON__NODE_OWNER(first, thing, node) == &things[i] ? 1 : 0;
    }
    cr_expect_gt(same, MANY / 2, "%d of %d", same, MANY);
    baton__table_fini(&table);
}

Test(table, where_nothing_is_nothing_is_first)
{
    baton_key stranger = baton_key_random();
    cr_assert(baton__table_init(&table));
    baton__table_expect(&table, &stranger);
    cr_expect_null(baton__table_first(&table, &stranger));
    baton__table_fini(&table);
}

Test(table, forgets_what_was_removed_and_keeps_the_rest)
{
    fill(MANY);
    for (int i = 0; i < MANY; i += 2) {
        baton__table_remove(&table, &things[i].node);
        baton__table_remove(&table, &things[i].node); /* once more: nothing happens */
    }
    cr_expect_eq(table.count, (uint32_t)MANY / 2);
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(find(&things[i].key), i % 2 == 0 ? NULL : &things[i]);
    }
    baton__table_fini(&table);
}

Test(table, what_is_in_no_table_is_removed_without_a_word)
{
    thing alone = {0};
    cr_assert(baton__table_init(&table));
    baton__table_remove(&table, &alone.node);
    cr_expect_eq(table.count, 0);
    baton__table_fini(&table);
}

static void visit_all(bool removing, int count)
{
    static bool seen[MANY];
    int visited = 0;
    memset(seen, 0, sizeof(seen));
    baton__node *next;
    for (baton__node *node = baton__table_next(&table, NULL); node != NULL; node = next) {
        next = baton__table_next(&table, node);
        int number = BATON__NODE_OWNER(node, thing, node)->number;
        cr_assert_not(seen[number]);
        seen[number] = true;
        visited++;
        if (removing) {
            baton__table_remove(&table, node);
        }
    }
    cr_expect_eq(visited, count);
}

Test(table, visits_each_once_also_while_they_are_removed)
{
    fill(MANY);
    visit_all(false, MANY);
    visit_all(true, MANY);
    visit_all(false, 0);
    cr_expect_eq(table.count, 0);
    baton__table_fini(&table);
}

/* Keys that differ in a few bits, as a peer could choose them, must not meet in one chain. */
Test(table, similar_keys_are_spread)
{
    cr_assert(baton__table_init(&table));
    for (int i = 0; i < MANY; i++) {
        things[i] = (thing){.number = i};
        memcpy(things[i].key.bytes + 8, &i, sizeof(i));
        baton__table_add(&table, &things[i].node, &things[i].key);
    }
    uint32_t longest = 0;
    for (uint32_t bucket = 0; bucket < table.size; bucket++) {
        uint32_t length = 0;
        for (const baton__node *node = table.buckets[bucket]; node != NULL; node = node->next) {
            length++;
        }
        longest = length > longest ? length : longest;
    }
    cr_expect_leq(longest, 24, "a chain of %u", longest);
    baton__table_fini(&table);
}
