/* SPDX-License-Identifier: Apache-2.0 */
#include "json_text.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void check_number(uint64_t value)
{
    baton__text text;
    size_t size = 0;
    char wanted[24];
    baton__text_init(&text, 1);
    baton__text_uint(&text, value);
    char *printed = baton__text_take(&text, &size);
    (void)snprintf(wanted, sizeof(wanted), "%" PRIu64, value);
    cr_assert_str_eq(printed, wanted);
    free(printed);
}

Test(json_text, numbers_of_every_length_print_in_decimal)
{
    for (uint64_t value = 0; value < 20000; value++) {
        check_number(value);
    }
    for (uint64_t power = 10000;; power *= 10) {
        check_number(power - 1);
        check_number(power);
        check_number(power + 1);
        check_number(power / 100 * 123 + 7);
        if (power > UINT64_MAX / 10) {
            break;
        }
    }
    check_number(UINT64_MAX);
    check_number(UINT64_MAX - 1);
}
