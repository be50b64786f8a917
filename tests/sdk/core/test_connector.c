/* SPDX-License-Identifier: Apache-2.0 */
/* What the header of connectors says, over the fake transport. */
#include "support/fake_pair.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { SIZE = 100 };

TestSuite(connector, .init = pair_open, .fini = pair_close);

static baton_status create(const baton_connector_options *options, baton_connector **connector_out)
{
    return baton__connector_create_with(options, &fake_transport_table, &fake_clock, connector_out);
}

static void expect_refused(const baton_connector_options *options)
{
    baton_connector *none = connectors[ORIGIN];
    cr_assert_eq(create(options, &none), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(none, connectors[ORIGIN], "the output was touched");
}

Test(connector, options_that_are_not_valid_are_refused)
{
    static const char *const names[] = {
        "", "a b", "a.b", "\xc3\xa4",
        "0123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        expect_refused(&(baton_connector_options){BATON_CONNECTOR_DEFAULTS, .name = names[i]});
    }
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    options.progress = (baton_progress)2;
    expect_refused(&options);
    options = (baton_connector_options)BATON_CONNECTOR_OPTIONS_INIT;
    options.peers_max = 0;
    expect_refused(&options);
    options = (baton_connector_options)BATON_CONNECTOR_OPTIONS_INIT;
    options.drain_ms = 60001;
    expect_refused(&options);
    options = (baton_connector_options)BATON_CONNECTOR_OPTIONS_INIT;
    options.resume_ms = 600001;
    expect_refused(&options);
    options = (baton_connector_options)BATON_CONNECTOR_OPTIONS_INIT;
    options.stage_bytes = (4 << 20) - 1;
    expect_refused(&options);
    options.stage_bytes = (32 << 20) + 1;
    expect_refused(&options);
    options = (baton_connector_options)BATON_CONNECTOR_OPTIONS_INIT;
    options.struct_size = 0;
    expect_refused(&options);
    options.struct_size = SIZE_MAX;
    expect_refused(&options);
    /* A program with a newer header, that asks for what this library does not know, and one that does not. */
    struct {
        baton_connector_options known;
        uint64_t unknown;
    } newer = {.known = BATON_CONNECTOR_OPTIONS_INIT, .unknown = 1};
    newer.known.struct_size = sizeof(newer);
    expect_refused(&newer.known);
    newer.unknown = 0;
    baton_connector *made = NULL;
    cr_assert_eq(create(&newer.known, &made), BATON_OK);
    baton_connector_destroy(made);
    cr_assert_eq(create(NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
}

Test(connector, tells_about_itself)
{
    char hostname[256] = "";
    baton_uuid origin = baton_connector_instance(connectors[ORIGIN]);
    baton_uuid consumer = baton_connector_instance(connectors[CONSUMER]);
    cr_assert_eq(gethostname(hostname, sizeof(hostname) - 1), 0);
    cr_assert_str_eq(baton_connector_name(connectors[ORIGIN]), "origin");
    cr_assert_str_eq(baton_connector_hostname(connectors[ORIGIN]), hostname);
    cr_assert_not(baton_uuid_equal(&origin, &consumer));
    cr_assert_gt(baton_connector_epoch(connectors[CONSUMER]),
                 baton_connector_epoch(connectors[ORIGIN]));
    cr_assert_eq(baton_connector_is_cuda_available(connectors[ORIGIN]),
                 baton_device_check((baton_device){BATON_DEVICE_KIND_CUDA, 0}) == BATON_OK);
    cr_assert_not(baton_loop_is_owner(baton_connector_loop(connectors[ORIGIN])));
}

Test(connector, without_a_name_it_gets_one_of_its_host_and_process)
{
    baton_connector *unnamed = NULL;
    char process[32];
    (void)snprintf(process, sizeof(process), "%d", (int)getpid());
    cr_assert_eq(create(NULL, &unnamed), BATON_OK);
    cr_assert_not_null(strstr(baton_connector_name(unnamed), process), "%s",
                       baton_connector_name(unnamed));
    cr_assert_leq(strlen(baton_connector_name(unnamed)), BATON_NAME_MAX);
    baton_connector_destroy(unnamed);
    baton_connector_destroy(NULL);
}

static baton_descriptor *describe(void)
{
    static uint8_t memory[SIZE];
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(
        baton_descriptor_from_pointer(memory, SIZE, BATON_DEVICE_HOST, NULL, NULL, &descriptor),
        BATON_OK);
    return descriptor;
}

static bool is_readable(int fd)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    return poll(&watched, 1, 0) == 1;
}

/* On the machine's clock, which the timers behind the descriptor have too. */
Test(connector, its_descriptor_says_when_there_is_something_to_do)
{
    int fd = -1;
    baton_connector *driven = NULL;
    baton_operation *operation = NULL;
    baton_descriptor *descriptor = describe();
    baton_connector_options options = {BATON_CONNECTOR_DEFAULTS};
    options.progress = BATON_PROGRESS_APPLICATION;
    cr_assert_eq(baton__connector_create_with(&options, &fake_transport_table,
                                              &baton__clock_boottime, &driven),
                 BATON_OK);
    cr_assert_eq(baton_connector_fd(NULL, &fd), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_connector_fd(driven, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(fd, -1);
    cr_assert_eq(baton_connector_fd(driven, &fd), BATON_OK);
    cr_assert_eq(baton_connector_progress(driven), 0);
    cr_assert_not(is_readable(fd));
    cr_assert_eq(baton_connector_create_readable(driven, &descriptor, 1, NULL, &operation),
                 BATON_OK);
    cr_assert(is_readable(fd));
    while (baton_connector_progress(driven) != 0) {
    }
    cr_assert_eq(baton_operation_get_status(operation), BATON_OPERATION_INITIALIZED);
    cr_assert_not(is_readable(fd));
    baton_operation_destroy(operation);
    baton_descriptor_release(descriptor);
    baton_connector_destroy(driven);
}

typedef struct inside {
    baton_task task;
    baton_connector *connector;
    baton_status waited;
    int progressed;
    bool is_owner;
} inside;

static void call_inside(baton_task *task)
{
    inside *it = (inside *)task;
    it->is_owner = baton_loop_is_owner(baton_connector_loop(it->connector));
    it->waited = baton_connector_progress_wait(it->connector, 1000);
    it->progressed = baton_connector_progress(it->connector);
    baton_connector_destroy(it->connector); /* logs, and does nothing */
}

Test(connector, a_callback_makes_no_progress_and_ends_nothing)
{
    inside it = {.task = {.run = call_inside}, .connector = connectors[ORIGIN], .progressed = 77};
    cr_assert(baton_loop_post(baton_connector_loop(connectors[ORIGIN]), &it.task));
    cr_assert_eq(baton_connector_progress_wait(connectors[ORIGIN], 0), BATON_OK);
    cr_assert(it.is_owner);
    cr_assert_eq(it.waited, BATON_ERR_WRONG_THREAD);
    cr_assert_eq(it.progressed, 0);
    cr_assert_str_eq(baton_connector_name(connectors[ORIGIN]), "origin");
    cr_assert_eq(baton_connector_progress_wait(connectors[ORIGIN], 0), BATON_ERR_TIMED_OUT);
}

Test(connector, with_a_thread_of_its_own_nobody_else_makes_progress)
{
    baton_connector *driven = NULL;
    int fd = -1;
    cr_assert_eq(create(NULL, &driven), BATON_OK);
    cr_assert_eq(baton_connector_fd(driven, &fd), BATON_ERR_WRONG_STATE);
    cr_assert_eq(fd, -1);
    cr_assert_eq(baton_connector_progress_wait(driven, 0), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_connector_progress(driven), 0);
    baton_connector_destroy(driven);
    cr_assert_eq(baton_connector_progress_wait(NULL, 0), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_connector_progress(NULL), 0);
}

Test(connector, counters_are_filled_up_to_their_size)
{
    baton_connector_stats stats = {.struct_size = 0, .operations_complete = 77};
    cr_assert_eq(baton_connector_get_stats(connectors[ORIGIN], &stats), BATON_ERR_INVALID_ARGUMENT);
    stats.struct_size = SIZE_MAX;
    cr_assert_eq(baton_connector_get_stats(connectors[ORIGIN], &stats), BATON_ERR_INVALID_ARGUMENT);
    stats.struct_size = offsetof(baton_connector_stats, operations_complete);
    cr_assert_eq(baton_connector_get_stats(NULL, &stats), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_connector_get_stats(connectors[ORIGIN], NULL), BATON_ERR_INVALID_ARGUMENT);
    stats.operations_created = 77;
    cr_assert_eq(baton_connector_get_stats(connectors[ORIGIN], &stats), BATON_OK);
    cr_assert_eq(stats.operations_created, 0);
    cr_assert_eq(stats.operations_complete, 77);
    /* A program with a newer header than this library. */
    struct {
        baton_connector_stats known;
        uint64_t unknown;
    } newer = {.known.struct_size = sizeof(newer), .unknown = 77};
    cr_assert_eq(baton_connector_get_stats(connectors[ORIGIN], &newer.known), BATON_OK);
    cr_assert_eq(newer.unknown, 0);
    cr_assert_eq(newer.known.struct_size, sizeof(newer));
}

/* A reader of one connector after the other, at a consumer that has room for one peer. */
Test(connector, one_peer_more_than_the_limit_is_refused_while_the_others_are_in_use)
{
    baton_connector_options options = {BATON_CONNECTOR_DEFAULTS};
    baton_connector *narrow = NULL;
    baton_descriptor *descriptor = describe();
    baton_operation *passive[2];
    baton_operation *active[2];
    options.progress = BATON_PROGRESS_APPLICATION;
    options.spin_us = 0;
    options.peers_max = 1;
    cr_assert_eq(create(&options, &narrow), BATON_OK);
    for (int i = 0; i < 2; i++) {
        baton_metadata *metadata = NULL;
        cr_assert_eq(
            baton_connector_create_readable(connectors[i], &descriptor, 1, NULL, &passive[i]),
            BATON_OK);
        cr_assert_eq(baton_operation_metadata(passive[i], &metadata), BATON_OK);
        cr_assert_eq(baton_connector_begin_read(narrow, metadata, &descriptor, 1, NULL, &active[i]),
                     BATON_OK);
        (void)baton_connector_progress(narrow);
        baton_metadata_destroy(metadata);
    }
    for (int i = 0; i < 20; i++) {
        (void)baton_connector_progress(narrow);
        pair_pump();
    }
    cr_assert_eq(baton_operation_reason(active[1]), BATON_ERR_LIMIT);
    cr_assert_eq(baton_operation_get_status(active[1]), BATON_OPERATION_ERRORED);
    cr_assert_eq(baton_operation_get_status(active[0]), BATON_OPERATION_COMPLETE);
    for (int i = 0; i < 2; i++) {
        baton_operation_destroy(active[i]);
        baton_operation_destroy(passive[i]);
    }
    baton_descriptor_release(descriptor);
    baton_connector_destroy(narrow);
}
