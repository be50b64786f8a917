/* SPDX-License-Identifier: Apache-2.0 */
#include <baton/version.h>

#include <criterion/criterion.h>
#include <stdio.h>

Test(version, is_three_numbers)
{
    int major = -1;
    int minor = -1;
    int patch = -1;
    char end = 0;
    int found = sscanf(baton_version(), "%d.%d.%d%c", &major, &minor, &patch, &end);
    cr_assert_eq(found, 3, "%s", baton_version());
    cr_assert_geq(major, 0);
    cr_assert_geq(minor, 0);
    cr_assert_geq(patch, 0);
}

Test(version, is_a_constant_string)
{
    cr_assert_eq(baton_version(), baton_version());
}

Test(version, of_the_transport_is_that_of_the_library_that_is_loaded)
{
    int major = -1;
    int minor = -1;
    cr_assert_eq(sscanf(baton_transport_version(), "%d.%d", &major, &minor), 2, "%s",
                 baton_transport_version());
    cr_assert_geq(major, 1);
    cr_assert_eq(baton_transport_version(), baton_transport_version());
}
