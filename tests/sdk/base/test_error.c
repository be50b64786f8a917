/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

Test(error, text_is_empty_before_any_failure)
{
    cr_assert_str_eq(baton_error_text(), "");
}

Test(error, fail_returns_the_status_and_sets_the_text)
{
    cr_assert_eq(baton__fail(BATON_ERR_LIMIT, "peer %d of %s", 7, "seven"), BATON_ERR_LIMIT);
    cr_assert_str_eq(baton_error_text(), "peer 7 of seven");
}

Test(error, the_last_failure_counts)
{
    (void)baton__fail(BATON_ERR_LIMIT, "a first and longer text");
    (void)baton__fail(BATON_ERR_LIMIT, "second");
    cr_assert_str_eq(baton_error_text(), "second");
}

Test(error, text_is_cut_at_511_bytes)
{
    char longer[1000];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    (void)baton__fail(BATON_ERR_LIMIT, "%s", longer);
    cr_assert_eq(strlen(baton_error_text()), 511);
    cr_assert_eq(strncmp(baton_error_text(), longer, 511), 0);
}

Test(error, the_present_text_may_be_an_argument)
{
    (void)baton__fail(BATON_ERR_LIMIT, "inner");
    (void)baton__fail(BATON_ERR_LIMIT, "outer (%s)", baton_error_text());
    cr_assert_str_eq(baton_error_text(), "outer (inner)");
}

Test(error, fail_errno_appends_the_reason)
{
    cr_assert_eq(baton__fail_errno(ENOENT, "open %s", "thing"), BATON_ERR_SYSTEM);
    cr_assert_str_eq(baton_error_text(), "open thing: No such file or directory");
}

Test(error, fail_errno_of_ENOMEM_is_out_of_memory)
{
    cr_assert_eq(baton__fail_errno(ENOMEM, "epoll"), BATON_ERR_OUT_OF_MEMORY);
}

Test(error, fail_errno_never_passes_511_bytes)
{
    char longer[1000];
    memset(longer, 'x', sizeof(longer) - 1);
    for (size_t length = 480; length < 520; length++) {
        longer[length] = '\0';
        (void)baton__fail_errno(ENOENT, "%s", longer);
        cr_assert_lt(strlen(baton_error_text()), 512);
        longer[length] = 'x';
    }
}

Test(error, fail_memory_names_what_was_to_be_allocated)
{
    cr_assert_eq(baton__fail_memory("a kettle"), BATON_ERR_OUT_OF_MEMORY);
    cr_assert_not_null(strstr(baton_error_text(), "a kettle"));
}

static void *fail_elsewhere(void *result)
{
    bool *was_empty = result;
    *was_empty = baton_error_text()[0] == '\0';
    (void)baton__fail(BATON_ERR_LIMIT, "elsewhere");
    return NULL;
}

Test(error, each_thread_has_its_own_text)
{
    pthread_t thread;
    bool was_empty = false;
    (void)baton__fail(BATON_ERR_LIMIT, "here");
    cr_assert_eq(pthread_create(&thread, NULL, fail_elsewhere, &was_empty), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert(was_empty);
    cr_assert_str_eq(baton_error_text(), "here");
}

Test(error, a_text_as_it_is_is_cut_like_the_others)
{
    char longer[600];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    cr_assert_eq(baton__fail_as_is(BATON_ERR_TIMED_OUT, "100% as it is"), BATON_ERR_TIMED_OUT);
    cr_assert_str_eq(baton_error_text(), "100% as it is");
    (void)baton__fail_as_is(BATON_ERR_TIMED_OUT, longer);
    cr_assert_eq(strlen(baton_error_text()), 511);
}
