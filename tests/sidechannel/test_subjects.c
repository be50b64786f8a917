/* SPDX-License-Identifier: Apache-2.0 */
#include "subjects.h"

#include <criterion/criterion.h>
#include <string.h>

#define NAME_63 "a23456789-123456789-123456789-123456789-123456789-123456789-123"

Test(subjects, prefix_is_tokens_joined_by_dots)
{
    char longest[130];
    memset(longest, 'a', sizeof(longest));
    longest[128] = '\0';
    cr_expect(baton__prefix_is_valid("baton.v1"));
    cr_expect(baton__prefix_is_valid("a"));
    cr_expect(baton__prefix_is_valid("A-Z_a.0-9"));
    cr_expect(baton__prefix_is_valid(longest));
    longest[128] = 'a';
    longest[129] = '\0';
    cr_expect_not(baton__prefix_is_valid(longest));
    static const char *const refused[] = {NULL,  "",    ".",   ".a",  "a.",       "a..b",
                                          "a b", "a.*", "a.>", "a/b", "\xc3\xa4", "a\n"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        cr_expect_not(baton__prefix_is_valid(refused[i]), "%zu", i);
    }
}

Test(subjects, prints_each_kind)
{
    char text[BATON__SUBJECT_MAX];
    baton__subject_print(text, "baton.v1", BATON__SUBJECT_OFFER, "pool", "*");
    cr_expect_str_eq(text, "baton.v1.offer.pool.*");
    baton__subject_print(text, "p", BATON__SUBJECT_TO, "worker", "sender");
    cr_expect_str_eq(text, "p.to.worker.sender");
    baton__subject_print(text, "p", BATON__SUBJECT_DONE, "origin", "worker");
    cr_expect_str_eq(text, "p.done.origin.worker");
    baton__subject_event(text, "p", "worker");
    cr_expect_str_eq(text, "p.event.worker");
}

Test(subjects, the_longest_fits)
{
    char text[BATON__SUBJECT_MAX];
    char prefix[129];
    baton__subject parsed;
    memset(prefix, 'p', 128);
    prefix[128] = '\0';
    baton__subject_print(text, prefix, BATON__SUBJECT_OFFER, NAME_63, NAME_63);
    cr_expect_eq(strlen(text), 128 + strlen(".offer.") + 63 + 1 + 63);
    cr_expect(baton__subject_parse(text, prefix, &parsed));
    cr_expect_str_eq(parsed.target, NAME_63);
    cr_expect_str_eq(parsed.sender, NAME_63);
}

Test(subjects, parses_what_it_prints)
{
    static const baton__subject_kind kinds[] = {BATON__SUBJECT_OFFER, BATON__SUBJECT_TO,
                                                BATON__SUBJECT_DONE};
    for (size_t i = 0; i < 3; i++) {
        char text[BATON__SUBJECT_MAX];
        baton__subject parsed;
        baton__subject_print(text, "a.b", kinds[i], "Target_1", "sender-2");
        cr_assert(baton__subject_parse(text, "a.b", &parsed));
        cr_expect_eq(parsed.kind, kinds[i]);
        cr_expect_str_eq(parsed.target, "Target_1");
        cr_expect_str_eq(parsed.sender, "sender-2");
    }
}

Test(subjects, parses_nothing_else)
{
    static const char *const refused[] = {"",
                                          "a.b",
                                          "a.b.",
                                          "a.b.offer",
                                          "a.b.offer.",
                                          "a.b.offer.pool",
                                          "a.b.offer.pool.",
                                          "a.b.offer..sender",
                                          "a.b.offer.pool.sender.",
                                          "a.b.offer.pool.sender.more",
                                          "a.b.offer.pool.*",
                                          "a.b.offer.pool.>",
                                          "a.b.offer.po ol.sender",
                                          "a.b.OFFER.pool.sender",
                                          "a.b.offers.pool.sender",
                                          "a.b.event.worker.sender",
                                          "a.c.offer.pool.sender",
                                          "a.bb.offer.pool.sender",
                                          ("a.b.to." NAME_63 "x.sender"),
                                          ("a.b.to.worker." NAME_63 "x"),
                                          "x.a.b.offer.pool.sender"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        baton__subject untouched;
        memset(&untouched, 0x5a, sizeof(untouched));
        baton__subject out = untouched;
        cr_expect_not(baton__subject_parse(refused[i], "a.b", &out), "%s", refused[i]);
        cr_expect_eq(memcmp(&out, &untouched, sizeof(out)), 0, "%s", refused[i]);
    }
}
