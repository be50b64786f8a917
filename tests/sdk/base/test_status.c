/* SPDX-License-Identifier: Apache-2.0 */
#include <baton/status.h>

#include <criterion/criterion.h>
#include <string.h>

static const baton_status all[] = {
#define ALL(name, value, text) BATON_##name,
    BATON_STATUS_LIST(ALL)
#undef ALL
};
enum { COUNT = sizeof(all) / sizeof(all[0]) };

Test(status, ok_is_zero_and_every_failure_is_negative)
{
    cr_assert_eq(all[0], BATON_OK);
    cr_assert_eq((int)BATON_OK, 0);
    for (int i = 1; i < COUNT; i++) {
        cr_assert_lt((int)all[i], 0, "%s", baton_status_name(all[i]));
    }
}

Test(status, names_are_those_of_the_list)
{
#define NAME(name, value, text) cr_assert_str_eq(baton_status_name(BATON_##name), #name);
    BATON_STATUS_LIST(NAME)
#undef NAME
}

Test(status, texts_are_those_of_the_list)
{
#define TEXT(name, value, text) cr_assert_str_eq(baton_status_text(BATON_##name), text);
    BATON_STATUS_LIST(TEXT)
#undef TEXT
}

Test(status, no_two_share_a_name_or_a_text)
{
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < i; j++) {
            cr_assert_str_neq(baton_status_name(all[i]), baton_status_name(all[j]));
            cr_assert_str_neq(baton_status_text(all[i]), baton_status_text(all[j]));
        }
    }
}

/* They are part of the wire format. */
Test(status, values_never_change)
{
    cr_assert_eq((int)BATON_ERR_INVALID_ARGUMENT, -1);
    cr_assert_eq((int)BATON_ERR_SYSTEM, -11);
    cr_assert_eq((int)BATON_ERR_MALFORMED, -20);
    cr_assert_eq((int)BATON_ERR_TRANSPORT, -40);
    cr_assert_eq((int)BATON_ERR_DEADLINE, -60);
    cr_assert_eq((int)BATON_ERR_NO_CONSUMER, -80);
}

Test(status, a_value_outside_the_list_has_a_name_and_a_text)
{
    static const int strangers[] = {1, -12, -19, -1000, 2147483647, -2147483647 - 1};
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        cr_assert_str_eq(baton_status_name((baton_status)strangers[i]), "UNKNOWN");
        cr_assert_gt(strlen(baton_status_text((baton_status)strangers[i])), 0);
    }
}
