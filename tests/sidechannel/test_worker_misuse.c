/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on the wrong thread, in the wrong process, and with options that nothing can be made of. */
#include <baton/baton.h>

#include "support/workers.h"
#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned char seed = 3;
static baton_offer *const untouched = (baton_offer *)(void *)&seed;

static void expect_refused(baton_worker *worker, baton_descriptor *memory,
                           const baton_offer_options *options, const char *word)
{
    baton_offer *made = untouched;
    cr_assert_eq(baton_offer_readable(worker, "pool", &memory, 1, options, &made),
                 BATON_ERR_INVALID_ARGUMENT, "%s", word);
    cr_assert_eq(baton_offer_writable(worker, "pool", &memory, 1, options, &made),
                 BATON_ERR_INVALID_ARGUMENT, "%s", word);
    cr_assert_eq(made, untouched);
    cr_assert_not_null(strstr(baton_error_text(), word), "%s", baton_error_text());
}

Test(worker_misuse, options_of_an_offer_are_named_when_they_are_wrong)
{
    test_pair pair;
    char long_trace[200];
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(100, seed);
    memset(long_trace, 'a', sizeof(long_trace) - 1);
    long_trace[sizeof(long_trace) - 1] = '\0';
    expect_refused(pair.a, memory, OPTIONS(.acknowledge = (baton_acknowledge)2), "acknowledge");
    expect_refused(pair.a, memory, OPTIONS(.target = (baton_target)2), "target");
    expect_refused(pair.a, memory, OPTIONS(.nobody = (baton_absence)2), "nobody");
    expect_refused(pair.a, memory, OPTIONS(.offline = (baton_absence)2), "offline");
    expect_refused(pair.a, memory, OPTIONS(.traceparent = ""), "traceparent");
    expect_refused(pair.a, memory, OPTIONS(.traceparent = long_trace), "traceparent");
    expect_refused(pair.a, memory, OPTIONS(.lease_ms = 86400001), "lease_ms");
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(worker_misuse, options_of_the_connector_need_their_size)
{
    baton_worker *worker = (baton_worker *)(void *)&seed;
    baton_connector_options connector = {.struct_size = 0};
    baton_worker_options options = BATON_WORKER_OPTIONS_INIT;
    options.connector = &connector;
    cr_assert_eq(baton_worker_create(&options, &worker), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(worker, (baton_worker *)(void *)&seed);
}

/* What a child of fork() gets to hear of its parent's worker; 0: what it should. */
static int ask_in_child(baton_worker *worker, baton_descriptor *memory, baton_offer *offer,
                        baton_service *queue)
{
    baton_offer *made = NULL;
    baton_service *service = NULL;
    if (baton_offer_readable(worker, "pool", &memory, 1, NULL, &made) != BATON_ERR_WRONG_PROCESS) {
        return 1;
    }
    if (baton_worker_serve(worker, "pool", NULL, NULL, NULL, &service) != BATON_ERR_WRONG_PROCESS) {
        return 2;
    }
    if (baton_offer_wait(offer, BATON_FOREVER, NULL) != BATON_ERR_WRONG_PROCESS) {
        return 5;
    }
    baton_handoff *handoff = NULL;
    if (baton_service_next(queue, BATON_FOREVER, &handoff) != BATON_ERR_WRONG_PROCESS) {
        return 6;
    }
    baton_worker *again = NULL;
    if (baton_worker_create(NULL, &again) != BATON_ERR_WRONG_PROCESS) {
        return 7; /* UCX is half here: nothing that it begins would end */
    }
    if (baton_worker_shut_down(worker, 10) != BATON_ERR_WRONG_PROCESS) {
        return 3;
    }
    baton_worker_destroy(worker); /* does nothing */
    return made == NULL && service == NULL ? 0 : 4;
}

Test(worker_misuse, a_child_of_fork_is_told_and_harms_nothing, .timeout = 60)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(100, seed);
    int status = -1;
    baton_offer *waits = NULL;
    baton_service *queue = NULL;
    cr_assert_eq(test_offer(pair.a, "nobody", memory, OPTIONS(.nobody = BATON_ABSENCE_WAIT), &waits),
                 BATON_OK);
    cr_assert_eq(baton_worker_serve(pair.b, "queue", NULL, NULL, NULL, &queue), BATON_OK);
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(20);
        _exit(ask_in_child(pair.a, memory, waits, queue));
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0, "%d", status);
    baton_service *service = NULL;
    baton_offer *made = NULL;
    cr_assert_eq(baton_worker_serve(pair.b, "pool", NULL, test_take, &seed, &service), BATON_OK);
    cr_assert_eq(test_offer(pair.a, "pool", memory, OPTIONS(.nobody = BATON_ABSENCE_WAIT), &made),
                 BATON_OK);
    cr_assert_eq(baton_offer_wait(made, 20000, NULL), BATON_OK);
    baton_offer_destroy(made);
    baton_offer_destroy(waits);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

typedef struct inside {
    baton_worker *worker;
    baton_service *service;
    baton_status shut_down;
    bool ran;
} inside;

/* Each of these waits for the very thread that calls: none does anything. */
static void end_all_inside(baton_handoff *handoff, void *context)
{
    inside *it = context;
    it->shut_down = baton_worker_shut_down(it->worker, 1000);
    baton_worker_destroy(it->worker);
    baton_service_stop(it->service);
    it->ran = true;
    test_take(handoff, &seed);
}

Test(worker_misuse, a_callback_cannot_end_what_runs_it, .timeout = 60)
{
    test_pair pair;
    test_pair_start(&pair);
    inside it = {.worker = pair.b};
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made = NULL;
    cr_assert_eq(baton_worker_serve(pair.b, "pool", NULL, end_all_inside, &it, &it.service),
                 BATON_OK);
    for (int i = 0; i < 2; i++) {
        it.ran = false;
        cr_assert_eq(
            test_offer(pair.a, "pool", memory, OPTIONS(.nobody = BATON_ABSENCE_WAIT), &made),
            BATON_OK);
        cr_assert_eq(baton_offer_wait(made, 20000, NULL), BATON_OK, "%s", baton_error_text());
        cr_assert(it.ran);
        cr_assert_eq(it.shut_down, BATON_ERR_WRONG_THREAD);
        baton_offer_destroy(made);
    }
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}
