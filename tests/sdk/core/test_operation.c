/* SPDX-License-Identifier: Apache-2.0 */
/* What the headers of connector and operation say, with two connectors in one process. */
#include <baton/sdk.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, SIZE = 100000 };

static baton_connector *left;
static baton_connector *right;
static unsigned char source[SIZE];
static unsigned char target[SIZE];
static baton_descriptor *from;
static baton_descriptor *to;

static void set_up(void)
{
    for (size_t i = 0; i < SIZE; i++) {
        source[i] = (unsigned char)(i * 7);
    }
    cr_assert_eq(baton_connector_create(NULL, &left), BATON_OK);
    cr_assert_eq(baton_connector_create(NULL, &right), BATON_OK);
    cr_assert_eq(baton_descriptor_from_pointer(source, SIZE, BATON_DEVICE_HOST, NULL, NULL, &from), BATON_OK);
    cr_assert_eq(baton_descriptor_from_pointer(target, SIZE, BATON_DEVICE_HOST, NULL, NULL, &to), BATON_OK);
}

static void tear_down(void)
{
    baton_descriptor_release(from);
    baton_descriptor_release(to);
    baton_connector_destroy(left);
    baton_connector_destroy(right);
}

static baton_operation *readable(const baton_operation_options *options, baton_metadata **metadata)
{
    baton_operation *op = NULL;
    cr_assert_eq(baton_connector_create_readable(left, &from, 1, options, &op), BATON_OK);
    cr_assert_eq(baton_operation_metadata(op, metadata), BATON_OK);
    return op;
}

static baton_operation *begin_read(const baton_metadata *metadata, const baton_operation_options *options)
{
    baton_operation *op = NULL;
    cr_assert_eq(baton_connector_begin_read(right, metadata, &to, 1, options, &op), BATON_OK);
    return op;
}

static void count_call(baton_operation *operation, void *context)
{
    (void)operation;
    (void)__atomic_add_fetch((int *)context, 1, __ATOMIC_SEQ_CST);
}

Test(operation, both_sides_complete_once_and_report_it)
{
    set_up();
    int calls = 0;
    baton_metadata *metadata = NULL;
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.on_complete = count_call;
    options.context = &calls;
    baton_operation *give = readable(&options, &metadata);
    baton_operation *take = begin_read(metadata, &options);
    int fd = -1;
    cr_assert_eq(baton_operation_fd(take, &fd), BATON_OK);
    struct pollfd watch = {.fd = fd, .events = POLLIN};
    cr_assert_eq(poll(&watch, 1, PATIENCE_MS), 1);
    cr_assert_eq(baton_operation_wait(take, PATIENCE_MS), BATON_OK);
    cr_assert_eq(baton_operation_wait(give, PATIENCE_MS), BATON_OK);
    cr_assert_eq(memcmp(source, target, SIZE), 0);
    cr_assert_eq(__atomic_load_n(&calls, __ATOMIC_SEQ_CST), 2);
    baton_operation_report report = {.struct_size = sizeof(report)};
    cr_assert_eq(baton_operation_get_report(give, &report), BATON_OK);
    cr_assert_eq(report.status, BATON_OPERATION_COMPLETE);
    cr_assert_eq(report.bytes_moved, SIZE);
    cr_assert_str_eq(report.peer, baton_connector_name(right));
    cr_assert_str_eq(report.path, "am");
    cr_assert_str_neq(report.transport, "");
    cr_assert_eq(baton_operation_cancel(take), BATON_OK); /* what is over stays as it ended */
    cr_assert_eq(baton_operation_get_status(take), BATON_OPERATION_COMPLETE);
    cr_assert_eq(baton_operation_close(take, PATIENCE_MS), BATON_OK);
    baton_descriptor *result = NULL;
    cr_assert_eq(baton_operation_result(take, 0, &result), BATON_OK);
    cr_assert_eq(baton_descriptor_pointer(result), (void *)target);
    baton_descriptor_release(result);
    result = NULL;
    cr_assert_eq(baton_operation_result(take, 1, &result), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_result(give, 0, &result), BATON_ERR_WRONG_STATE);
    cr_assert_null(result);
    baton_operation_destroy(give);
    baton_operation_destroy(take);
    baton_metadata_destroy(metadata);
    tear_down();
}

Test(operation, a_wait_times_out_and_the_deadline_ends_it)
{
    set_up();
    baton_metadata *metadata = NULL;
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.deadline_ms = 300;
    baton_operation *give = readable(&options, &metadata);
    cr_assert_eq(baton_operation_wait(give, 1), BATON_ERR_TIMED_OUT);
    cr_assert_not(baton_operation_is_over(give));
    cr_assert_eq(baton_operation_wait(give, BATON_FOREVER), BATON_ERR_DEADLINE);
    cr_assert_eq(baton_operation_get_status(give), BATON_OPERATION_ERRORED);
    baton_operation *late = begin_read(metadata, NULL);
    cr_assert_eq(baton_operation_wait(late, PATIENCE_MS), BATON_ERR_UNKNOWN_OPERATION);
    baton_operation_destroy(late);
    baton_operation_destroy(give);
    baton_metadata_destroy(metadata);
    tear_down();
}

Test(operation, one_reader_takes_it_and_the_next_hears_so)
{
    set_up();
    baton_metadata *metadata = NULL;
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.completion = BATON_COMPLETION_ACK;
    baton_operation *give = readable(&options, &metadata);
    baton_operation *first = begin_read(metadata, NULL);
    while (baton_operation_get_status(first) != BATON_OPERATION_IN_PROGRESS) {
        cr_assert_not(baton_operation_is_over(first));
    }
    baton_operation *second = begin_read(metadata, NULL);
    cr_assert_eq(baton_operation_wait(second, PATIENCE_MS), BATON_ERR_TAKEN);
    baton_status status;
    while ((status = baton_operation_ack(first, "{\"a\":1}", 7)) == BATON_ERR_WRONG_STATE) {
        cr_assert_not(baton_operation_is_over(first));
    }
    cr_assert_eq(status, BATON_OK);
    cr_assert_eq(baton_operation_wait(first, PATIENCE_MS), BATON_OK);
    cr_assert_eq(baton_operation_wait(give, PATIENCE_MS), BATON_OK);
    size_t size = 0;
    const char *result = baton_operation_peer_result(give, &size);
    cr_assert_eq(size, 7);
    cr_assert_str_eq(result, "{\"a\":1}");
    baton_operation_destroy(first);
    baton_operation_destroy(second);
    baton_operation_destroy(give);
    baton_metadata_destroy(metadata);
    tear_down();
}

Test(operation, cancel_reaches_the_other_side)
{
    set_up();
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.completion = BATON_COMPLETION_ACK;
    for (int passive = 0; passive < 2; passive++) {
        baton_metadata *metadata = NULL;
        baton_operation *give = readable(&options, &metadata);
        baton_operation *take = begin_read(metadata, NULL);
        while (baton_operation_get_status(take) != BATON_OPERATION_IN_PROGRESS) {
            cr_assert_not(baton_operation_is_over(take));
        }
        cr_assert_eq(baton_operation_cancel(passive ? give : take), BATON_OK);
        cr_assert_eq(baton_operation_wait(give, PATIENCE_MS),
                     passive ? BATON_ERR_CANCELLED : BATON_ERR_PEER_CANCELLED);
        cr_assert_eq(baton_operation_wait(take, PATIENCE_MS),
                     passive ? BATON_ERR_PEER_CANCELLED : BATON_ERR_CANCELLED);
        cr_assert_eq(baton_operation_get_status(give), BATON_OPERATION_CANCELLED);
        cr_assert_eq(baton_operation_get_status(take), BATON_OPERATION_CANCELLED);
        baton_operation_destroy(give);
        baton_operation_destroy(take);
        baton_metadata_destroy(metadata);
    }
    tear_down();
}

Test(operation, lists_must_match_and_kinds_must_pair)
{
    set_up();
    baton_metadata *metadata = NULL;
    baton_operation *give = readable(NULL, &metadata);
    baton_operation *none = NULL;
    baton_descriptor *two[] = {to, to};
    baton_descriptor *shorter = NULL;
    cr_assert_eq(baton_descriptor_from_pointer(target, SIZE - 1, BATON_DEVICE_HOST, NULL, NULL, &shorter), BATON_OK);
    cr_assert_eq(baton_connector_begin_write(right, metadata, &to, 1, NULL, &none), BATON_ERR_KIND_MISMATCH);
    cr_assert_eq(baton_connector_begin_read(right, metadata, two, 2, NULL, &none), BATON_ERR_COUNT_MISMATCH);
    cr_assert_eq(baton_connector_begin_read(right, metadata, &shorter, 1, NULL, &none), BATON_ERR_SIZE_MISMATCH);
    cr_assert_eq(baton_connector_begin_read(right, NULL, &to, 1, NULL, &none), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_connector_create_readable(left, &from, 0, NULL, &none), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_connector_create_readable(NULL, &from, 1, NULL, &none), BATON_ERR_INVALID_ARGUMENT);
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.deadline_ms = 0;
    cr_assert_eq(baton_connector_create_readable(left, &from, 1, &options, &none), BATON_ERR_INVALID_ARGUMENT);
    options = (baton_operation_options)BATON_OPERATION_OPTIONS_INIT;
    options.readers = 2;
    cr_assert_eq(baton_connector_create_writable(left, &from, 1, &options, &none), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_null(none);
    baton_descriptor_release(shorter);
    baton_operation_destroy(give);
    baton_metadata_destroy(metadata);
    tear_down();
}

static void wait_inside(baton_operation *operation, void *context)
{
    baton_status *seen = context;
    baton_operation *other = NULL;
    baton_descriptor *descriptor = from;
    cr_assert_eq(baton_connector_create_readable(left, &descriptor, 1, NULL, &other), BATON_OK);
    *seen = baton_operation_wait(other, 10);
    baton_operation_destroy(other); /* does not wait here */
    (void)operation;
}

Test(operation, a_callback_cannot_wait)
{
    set_up();
    baton_status seen = BATON_OK;
    baton_operation *give = NULL;
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.on_complete = wait_inside;
    options.context = &seen;
    cr_assert_eq(baton_connector_create_readable(left, &from, 1, &options, &give), BATON_OK);
    cr_assert_eq(baton_operation_close(give, PATIENCE_MS), BATON_OK);
    cr_assert_eq(seen, BATON_ERR_WRONG_THREAD);
    baton_operation_destroy(give);
    tear_down();
}

Test(operation, memory_is_registered_once_and_deregistered_with_the_last)
{
    set_up();
    enum { COUNT = 50 };
    baton_operation *ops[COUNT];
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(baton_connector_create_readable(left, &from, 1, NULL, &ops[i]), BATON_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        baton_operation_destroy(ops[i]);
    }
    baton_connector_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_connector_get_stats(left, &stats), BATON_OK);
    cr_assert_eq(stats.operations_created, COUNT);
    cr_assert_eq(stats.operations_cancelled, COUNT);
    cr_assert_eq(stats.operations_live, 0);
    cr_assert_eq(stats.registrations, 1);
    cr_assert_eq(stats.registrations_live, 1, "until its descriptor is released");
    tear_down();
}

Test(operation, the_application_drives_progress)
{
    set_up();
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    options.progress = BATON_PROGRESS_APPLICATION;
    baton_connector *driven = NULL;
    int fd = -1;
    cr_assert_eq(baton_connector_create(&options, &driven), BATON_OK);
    cr_assert_eq(baton_connector_fd(driven, &fd), BATON_OK);
    cr_assert_eq(baton_connector_fd(left, &fd), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_connector_progress_wait(driven, 1), BATON_ERR_TIMED_OUT);
    baton_metadata *metadata = NULL;
    baton_operation *give = readable(NULL, &metadata);
    baton_operation *take = NULL;
    cr_assert_eq(baton_connector_begin_read(driven, metadata, &to, 1, NULL, &take), BATON_OK);
    cr_assert_eq(baton_operation_wait(take, PATIENCE_MS), BATON_OK);
    cr_assert_eq(memcmp(source, target, SIZE), 0);
    baton_operation_destroy(take);
    baton_operation_destroy(give);
    baton_metadata_destroy(metadata);
    baton_connector_destroy(driven);
    tear_down();
}

Test(operation, a_connector_ends_with_operations_under_way)
{
    set_up();
    baton_metadata *metadata = NULL;
    baton_operation *give = readable(NULL, &metadata);
    baton_operation *after = NULL;
    baton_connector_destroy(left);
    left = NULL;
    cr_assert(baton_operation_is_over(give));
    cr_assert_eq(baton_operation_reason(give), BATON_ERR_SHUT_DOWN);
    after = begin_read(metadata, NULL);
    baton_status status = baton_operation_wait(after, PATIENCE_MS);
    cr_assert_neq(status, BATON_OK);
    cr_assert_neq(status, BATON_ERR_TIMED_OUT);
    baton_operation_destroy(give);
    baton_operation_destroy(after);
    baton_metadata_destroy(metadata);
    tear_down();
}

Test(operation, a_child_of_fork_is_told)
{
    set_up();
    pid_t child = fork();
    if (child == 0) {
        baton_operation *none = NULL;
        baton_connector *another = NULL;
        if (baton_connector_create_readable(left, &from, 1, NULL, &none) != BATON_ERR_WRONG_PROCESS) {
            _exit(1);
        }
        /* UCX is half there: nothing that it begins would end. */
        _exit(baton_connector_create(NULL, &another) == BATON_ERR_WRONG_PROCESS ? 0 : 2);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    tear_down();
}

/* Where the parent has none any more, a child has its own. */
Test(operation, a_child_of_fork_makes_its_own_when_the_parent_has_none)
{
    set_up();
    tear_down();
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(60);
        set_up();
        baton_operation *give = NULL;
        baton_metadata *metadata = NULL;
        cr_assert_eq(baton_connector_create_readable(left, &from, 1, NULL, &give), BATON_OK);
        cr_assert_eq(baton_operation_metadata(give, &metadata), BATON_OK);
        baton_operation *take = begin_read(metadata, NULL);
        _exit(baton_operation_wait(take, PATIENCE_MS) == BATON_OK ? 0 : 1);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}
