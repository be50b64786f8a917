/* SPDX-License-Identifier: Apache-2.0 */
/* perf_size_parse, perf_number_parse, perf_size_print. */
#include "perf_size.h"

#include <criterion/criterion.h>
#include <string.h>

enum { UNTOUCHED = 77 };

static void is(const char *text, uint64_t expected)
{
    uint64_t bytes = UNTOUCHED;
    cr_assert(perf_size_parse(text, &bytes), "%s", text);
    cr_expect_eq(bytes, expected, "%s", text);
}

static void is_not(const char *text)
{
    uint64_t bytes = UNTOUCHED;
    cr_expect_not(perf_size_parse(text, &bytes), "%s", text);
    cr_expect_eq(bytes, UNTOUCHED, "%s", text);
}

Test(perf_size, suffixes_are_powers_of_1024_and_of_1000)
{
    is("0", 0);
    is("4096", 4096);
    is("7B", 7);
    is("1kB", 1000);
    is("64KiB", 65536);
    is("3MB", 3000000);
    is("1MiB", 1048576);
    is("2GB", 2000000000);
    is("2GiB", 2147483648);
}

Test(perf_size, goes_up_to_64_bits)
{
    is("18446744073709551615", UINT64_MAX);
    is("17179869183GiB", UINT64_C(17179869183) << 30);
    is_not("18446744073709551616");
    is_not("99999999999999999999999");
    is_not("17179869184GiB");
    is_not("18446744073709552kB");
}

Test(perf_size, anything_else_is_refused)
{
    static const char *const texts[] = {"",      "KiB",    "-1",   "+1",   " 1",   "1 ",
                                        "1 KiB", "1.5MiB", "0x10", "1kib", "1KIB", "1MiBs",
                                        "1mib",  "1TiB",   "1K",   "1e3"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        is_not(texts[i]);
    }
}

Test(perf_size, numbers_have_bounds_and_no_suffix)
{
    uint64_t number = UNTOUCHED;
    cr_expect(perf_number_parse("3", 3, 5, &number));
    cr_expect_eq(number, 3);
    cr_expect(perf_number_parse("5", 3, 5, &number));
    cr_expect_eq(number, 5);
    number = UNTOUCHED;
    cr_expect_not(perf_number_parse("2", 3, 5, &number));
    cr_expect_not(perf_number_parse("6", 3, 5, &number));
    cr_expect_not(perf_number_parse("4kB", 3, 5000, &number));
    cr_expect_not(perf_number_parse("", 0, 5, &number));
    cr_expect_not(perf_number_parse("-4", 0, 5, &number));
    cr_expect_eq(number, UNTOUCHED);
}

static void prints(uint64_t bytes, const char *expected)
{
    char text[PERF_SIZE_TEXT];
    perf_size_print(bytes, text);
    cr_expect_str_eq(text, expected);
}

Test(perf_size, is_printed_in_the_largest_unit_that_fits)
{
    prints(0, "0 B");
    prints(1, "1 B");
    prints(1023, "1023 B");
    prints(1024, "1 KiB");
    prints(1025, "1025 B");
    prints(1536, "1536 B");
    prints(65536, "64 KiB");
    prints(UINT64_C(3) << 20, "3 MiB");
    prints(UINT64_C(5) << 30, "5 GiB");
    prints(UINT64_C(5) << 40, "5120 GiB");
    prints(UINT64_MAX, "18446744073709551615 B");
}
