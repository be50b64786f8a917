/* SPDX-License-Identifier: Apache-2.0 */
/* perf_statistics_make: percentiles by nearest rank. */
#include "perf_statistics.h"

#include <criterion/criterion.h>

static void is(double *samples, size_t count, double best, double p50, double p99)
{
    perf_statistics statistics = perf_statistics_make(samples, count);
    cr_expect_eq(statistics.best, best, "%zu: best %f", count, statistics.best);
    cr_expect_eq(statistics.p50, p50, "%zu: p50 %f", count, statistics.p50);
    cr_expect_eq(statistics.p99, p99, "%zu: p99 %f", count, statistics.p99);
}

Test(perf_statistics, without_samples_everything_is_0)
{
    is(NULL, 0, 0, 0, 0);
}

Test(perf_statistics, one_sample_is_everything)
{
    double samples[] = {4.5};
    is(samples, 1, 4.5, 4.5, 4.5);
}

Test(perf_statistics, few_samples_in_any_order)
{
    double two[] = {9, 1};
    double three[] = {2, 9, 1};
    double four[] = {4, 3, 2, 1};
    is(two, 2, 1, 1, 9);
    is(three, 3, 1, 2, 9);
    is(four, 4, 1, 2, 4);
}

/* 1 .. count, from the largest down. */
static void is_of_row(size_t count, double p50, double p99)
{
    static double samples[20000];
    for (size_t i = 0; i < count; i++) {
        samples[i] = (double)(count - i);
    }
    is(samples, count, 1, p50, p99);
}

Test(perf_statistics, a_percentile_is_the_sample_of_its_rank)
{
    is_of_row(99, 50, 99);
    is_of_row(100, 50, 99);
    is_of_row(101, 51, 100);
    is_of_row(150, 75, 149);
    is_of_row(1000, 500, 990);
    is_of_row(12345, 6173, 12222);
}

Test(perf_statistics, one_slow_one_of_a_hundred_is_not_in_the_p99)
{
    double samples[100];
    for (size_t i = 0; i < 100; i++) {
        samples[i] = i == 40 ? 1000 : 1;
    }
    is(samples, 100, 1, 1, 1);
    samples[0] = 500;
    is(samples, 100, 1, 1, 500);
}
