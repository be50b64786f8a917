/* SPDX-License-Identifier: Apache-2.0 */
/* baton_transport_query: what UCX has, what baton would use of it, and why not. Each case is a process of its own. */
#include "transport/ucx_trial.h"

#include <baton/sdk.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static baton_transport_list *query(void)
{
    baton_transport_list *list = NULL;
    cr_assert_eq(baton_transport_query(&list), BATON_OK, "%s", baton_error_text());
    return list;
}

/* The first of that name. */
static const baton_transport_info *find(const baton_transport_list *list, const char *name)
{
    for (size_t i = 0; i < baton_transport_list_count(list); i++) {
        if (strcmp(baton_transport_list_at(list, i)->name, name) == 0) {
            return baton_transport_list_at(list, i);
        }
    }
    return NULL;
}

static const baton_transport_info *need(const baton_transport_list *list, const char *name)
{
    const baton_transport_info *info = find(list, name);
    cr_assert_not_null(info, "%s is not listed", name);
    return info;
}

Test(transport_query, finds_what_a_connector_uses)
{
    unsetenv("UCX_TLS");
    baton_transport_list *list = query();
    cr_assert_null(baton_transport_list_failure(list));
    cr_assert_eq(need(list, "tcp")->use, BATON_TRANSPORT_USED, "%s", need(list, "tcp")->reason);
    cr_assert_eq(need(list, "tcp")->kind, BATON_TRANSPORT_NETWORK);
    cr_assert_str_not_empty(need(list, "tcp")->device);
    cr_assert_eq(need(list, "posix")->use, BATON_TRANSPORT_USED, "%s", need(list, "posix")->reason);
    cr_assert_eq(need(list, "posix")->kind, BATON_TRANSPORT_HOST);
    cr_assert_eq(need(list, "sysv")->use, BATON_TRANSPORT_USED, "%s", need(list, "sysv")->reason);
    baton_transport_list_destroy(list);
}

Test(transport_query, finds_what_cannot_carry_messages)
{
    unsetenv("UCX_TLS");
    baton_transport_list *list = query();
    const baton_transport_info *cma = need(list, "cma");
    cr_assert(cma->use == BATON_TRANSPORT_NO_MESSAGES || cma->use == BATON_TRANSPORT_NO_DEVICE, "%s: %s",
              baton_transport_use_name(cma->use), cma->reason);
    baton_transport_list_destroy(list);
}

Test(transport_query, names_what_is_not_there)
{
    baton_transport_list *list = query();
    const baton_transport_info *knem = need(list, "knem");
    cr_assert_neq(knem->use, BATON_TRANSPORT_USED);
    cr_assert_str_not_empty(knem->reason);
    baton_transport_list_destroy(list);
}

Test(transport_query, honours_the_list_of_transports)
{
    setenv("UCX_TLS", "tcp", 1);
    baton_transport_list *list = query();
    cr_assert_null(baton_transport_list_failure(list));
    cr_assert_eq(need(list, "tcp")->use, BATON_TRANSPORT_USED);
    cr_assert_eq(need(list, "posix")->use, BATON_TRANSPORT_EXCLUDED);
    cr_assert_not_null(strstr(need(list, "posix")->reason, "UCX_TLS=tcp"), "%s", need(list, "posix")->reason);
    cr_assert_eq(need(list, "sysv")->use, BATON_TRANSPORT_EXCLUDED);
    baton_transport_list_destroy(list);
}

Test(transport_query, honours_the_list_of_devices)
{
    baton_log_set_sink(NULL, NULL, BATON_LOG_ERROR);
    unsetenv("UCX_TLS");
    setenv("UCX_NET_DEVICES", "nowhere0", 1);
    baton_transport_list *list = query();
    cr_assert_eq(need(list, "tcp")->use, BATON_TRANSPORT_EXCLUDED);
    cr_assert_not_null(strstr(need(list, "tcp")->reason, "UCX_NET_DEVICES=nowhere0"));
    cr_assert_eq(need(list, "posix")->use, BATON_TRANSPORT_USED);
    baton_transport_list_destroy(list);
}

Test(transport_query, honours_the_users_word_on_failures)
{
    unsetenv("UCX_TLS");
    setenv("UCX_POSIX_ERROR_HANDLING", "n", 1);
    baton_transport_list *list = query();
    cr_assert_eq(need(list, "posix")->use, BATON_TRANSPORT_NO_FAILURES, "%s", need(list, "posix")->reason);
    cr_assert_eq(need(list, "tcp")->use, BATON_TRANSPORT_USED);
    baton_transport_list_destroy(list);
}

Test(transport_query, lists_all_of_them_where_no_connector_can_be_opened)
{
    baton_log_set_sink(NULL, NULL, BATON_LOG_ERROR);
    setenv("UCX_TLS", "nothing_of_that_name", 1);
    baton_transport_list *list = query();
    cr_assert_not_null(baton_transport_list_failure(list));
    cr_assert_eq(need(list, "tcp")->use, BATON_TRANSPORT_EXCLUDED);
    cr_assert_eq(need(list, "posix")->use, BATON_TRANSPORT_EXCLUDED);
    baton_connector *connector = NULL;
    cr_assert_eq(baton_connector_create(NULL, &connector), BATON_ERR_TRANSPORT);
    cr_assert_str_eq(baton_transport_list_failure(list), baton_error_text());
    baton_transport_list_destroy(list);
}

/* AddressSanitizer's, where there is one. */
void __lsan_disable(void) __attribute__((weak)); /* NOLINT(bugprone-reserved-identifier) */

Test(transport_query, tries_nothing_where_ucx_cannot_be_opened)
{
    baton_log_set_sink(NULL, NULL, BATON_LOG_ERROR);
    unsetenv("UCX_TLS");
    int free_fd = dup(0);
    cr_assert_eq(close(free_fd), 0);
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = (rlim_t)free_fd + 2; /* enough to list, and not for a worker */
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (__lsan_disable != NULL) {
        __lsan_disable(); /* UCX 1.13 leaks 600 bytes where it cannot open a worker */
    }
    baton_transport_list *list = query();
    cr_assert_not_null(baton_transport_list_failure(list));
    cr_assert_eq(need(list, "posix")->use, BATON_TRANSPORT_BROKEN);
    cr_assert_not_null(strstr(need(list, "posix")->reason, "not tried"), "%s", need(list, "posix")->reason);
    baton_transport_list_destroy(list);
}

Test(transport_query, is_quiet_about_its_trials)
{
    baton_log_set_sink(NULL, NULL, BATON_LOG_ERROR);
    char words[BATON__UCX_WORDS_SIZE];
    cr_assert_eq(baton__ucx_try("self", "memory", false, words), BATON_TRANSPORT_NO_FAILURES, "%s", words);
    cr_assert_not_null(strstr(words, "peer failure"), "%s", words);
    cr_assert_eq(baton__ucx_try("nothing_of_that_name", "", false, words), BATON_TRANSPORT_BROKEN);
    cr_assert_str_not_empty(words);
}

Test(transport_query, tells_the_reasons_apart)
{
    cr_assert_eq(baton__ucx_use_of_words("no active messages transport to <no debug data>: self/memory0 - no peer "
                                         "failure handler"), BATON_TRANSPORT_NO_FAILURES);
    cr_assert_eq(baton__ucx_use_of_words("no active messages transport to <no debug data>: Unsupported operation"),
                 BATON_TRANSPORT_NO_MESSAGES);
    cr_assert_eq(baton__ucx_use_of_words("Input/output error"), BATON_TRANSPORT_BROKEN);
}

Test(transport_query, refuses_no_place_and_takes_null)
{
    cr_assert_eq(baton_transport_query(NULL), BATON_ERR_INVALID_ARGUMENT);
    baton_transport_list_destroy(NULL);
    cr_assert_eq(baton_transport_list_count(NULL), 0);
    cr_assert_null(baton_transport_list_at(NULL, 0));
    cr_assert_null(baton_transport_list_failure(NULL));
    baton_transport_list *list = query();
    cr_assert_null(baton_transport_list_at(list, baton_transport_list_count(list)));
    baton_transport_list_destroy(list);
}

Test(transport_query, has_names_for_its_values)
{
    cr_assert_str_eq(baton_transport_kind_name(BATON_TRANSPORT_NETWORK), "NETWORK");
    cr_assert_str_eq(baton_transport_kind_name((baton_transport_kind)99), "UNKNOWN");
    cr_assert_str_eq(baton_transport_use_name(BATON_TRANSPORT_BROKEN), "BROKEN");
    cr_assert_str_eq(baton_transport_use_name((baton_transport_use)99), "?");
}

Test(ucx_query, whether_rma_can_be_taken_is_said_in_words)
{
    char text[BATON_TRANSPORT_TEXT_SIZE] = "";
    baton_status status = baton_transport_rma(text);
    cr_assert(status == BATON_OK || status == BATON_ERR_NOT_SUPPORTED, "%s", baton_error_text());
    cr_assert_str_neq(text, "");
    if (status == BATON_OK) {
        cr_assert_not_null(strstr(text, " on "), "%s", text);
        (void)setenv("UCX_TLS", "tcp", 1);
        cr_assert_eq(baton_transport_rma(text), BATON_ERR_NOT_SUPPORTED);
        cr_assert_not_null(strstr(text, "leave the verbs device"), "%s", text);
    }
    cr_assert_eq(baton_transport_rma(NULL), BATON_ERR_INVALID_ARGUMENT);
}
