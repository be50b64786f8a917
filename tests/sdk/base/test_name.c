/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(name, letters_digits_underscore_and_hyphen_are_valid)
{
    cr_assert(baton__name_is_valid("a"));
    cr_assert(baton__name_is_valid("-"));
    cr_assert(baton__name_is_valid("Encode_7-b"));
    cr_assert(baton__name_is_valid("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-"));
    cr_assert(baton__name_is_valid("0123456789"));
}

Test(name, every_other_character_is_not)
{
    static const char valid[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    for (int c = 1; c < 256; c++) {
        char name[] = {'a', (char)c, 'b', '\0'};
        cr_assert_eq(baton__name_is_valid(name), strchr(valid, c) != NULL, "%d", c);
    }
}

/* In a buffer of its exact size, so that reading on is seen. */
Test(name, one_wrong_character_at_any_place_of_any_length)
{
    for (size_t length = 1; length <= 63; length++) {
        char *name = malloc(length + 1);
        cr_assert_not_null(name);
        memset(name, 'n', length);
        name[length] = '\0';
        cr_assert(baton__name_is_valid(name));
        for (size_t place = 0; place < length; place++) {
            name[place] = '.';
            cr_assert_not(baton__name_is_valid(name));
            name[place] = 'n';
        }
        free(name);
    }
}

Test(name, empty_and_null_are_not_valid)
{
    cr_assert_not(baton__name_is_valid(""));
    cr_assert_not(baton__name_is_valid(NULL));
}

Test(name, the_longest_has_63_characters)
{
    char name[65];
    memset(name, 'n', sizeof(name));
    name[63] = '\0';
    cr_assert(baton__name_is_valid(name));
    name[63] = 'n';
    name[64] = '\0';
    cr_assert_not(baton__name_is_valid(name));
}

/* As in a struct whose array of 64 was filled to the end. */
Test(name, not_more_than_64_bytes_are_read)
{
    char *name = malloc(64);
    cr_assert_not_null(name);
    memset(name, 'n', 64);
    cr_assert_not(baton__name_is_valid(name));
    free(name);
}

Test(name, the_default_is_valid_and_names_the_process)
{
    char name[64];
    char process[16];
    baton__name_default(name);
    cr_assert(baton__name_is_valid(name), "%s", name);
    (void)snprintf(process, sizeof(process), "-%d-", (int)getpid());
    cr_assert_not_null(strstr(name, process), "%s", name);
    const char *digits = strrchr(name, '-') + 1;
    cr_assert_eq(strlen(digits), 4);
    cr_assert_eq(strspn(digits, "0123456789abcdef"), 4);
}

Test(name, two_defaults_of_a_process_differ)
{
    char first[64];
    char other[64];
    baton__name_default(first);
    int same = 0;
    for (int i = 0; i < 8; i++) { /* 4 digits may come twice, but not eight times */
        baton__name_default(other);
        same += strcmp(first, other) == 0;
    }
    cr_assert_lt(same, 8);
}
