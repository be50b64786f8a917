/* SPDX-License-Identifier: Apache-2.0 */
/* What operations may be made of, and what may not. */
#include "support/fake_pair.h"

enum { SIZE = 100, READERS = 3 };

static uint8_t memory[SIZE];
static baton_descriptor *descriptor;

static void open_both(void)
{
    pair_open();
    cr_assert_eq(
        baton_descriptor_from_pointer(memory, SIZE, BATON_DEVICE_HOST, NULL, NULL, &descriptor),
        BATON_OK);
}

static void close_both(void)
{
    baton_descriptor_release(descriptor);
    pair_close();
}

TestSuite(create, .init = open_both, .fini = close_both);

static void expect_refused(const baton_operation_options *options, bool readable)
{
    baton_operation *none = (baton_operation *)(void *)memory;
    cr_assert_eq((readable ? baton_connector_create_readable : baton_connector_create_writable)(
                     connectors[ORIGIN], &descriptor, 1, options, &none),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(none, (baton_operation *)(void *)memory, "the output was touched");
    cr_assert_str_neq(baton_error_text(), "");
}

static void expect_taken(const baton_operation_options *options, bool readable)
{
    baton_operation *made = NULL;
    cr_assert_eq((readable ? baton_connector_create_readable : baton_connector_create_writable)(
                     connectors[ORIGIN], &descriptor, 1, options, &made),
                 BATON_OK);
    cr_assert_eq(baton_operation_get_status(made), BATON_OPERATION_INITIALIZED);
    baton_operation_destroy(made);
}

#define CHANGED(field, value)                                            \
    &(baton_operation_options)                                           \
    {                                                                    \
        .struct_size = sizeof(baton_operation_options),                  \
        .deadline_ms = #field[0] == 'd' ? (uint32_t)(value) : 30000,     \
        .lease_ms = #field[0] == 'l' ? (uint32_t)(value) : 0,            \
        .readers = #field[0] == 'r' ? (uint32_t)(value) : 1,             \
        .attempt = #field[0] == 'a' ? (uint32_t)(value) : 1,             \
        .completion = (baton_completion)(#field[0] == 'c' ? (value) : 0) \
    }

Test(create, options_outside_their_limits_are_refused)
{
    for (int readable = 0; readable < 2; readable++) {
        expect_refused(CHANGED(deadline_ms, 0), readable);
        expect_refused(CHANGED(deadline_ms, 86400001), readable);
        expect_refused(CHANGED(lease_ms, 86400001), readable);
        expect_refused(CHANGED(completion, 3), readable);
        expect_refused(CHANGED(attempt, 0), readable);
        expect_refused(CHANGED(readers, 0), readable);
        expect_refused(CHANGED(readers, 1025), readable);
        expect_taken(CHANGED(deadline_ms, 1), readable);
        expect_taken(CHANGED(deadline_ms, 86400000), readable);
        expect_taken(CHANGED(lease_ms, 86400000), readable);
        expect_taken(CHANGED(completion, 2), readable);
        expect_taken(CHANGED(attempt, UINT32_MAX), readable);
        expect_taken(NULL, readable);
    }
    expect_taken(CHANGED(readers, 1024), true);
    expect_refused(CHANGED(readers, 2), false);
}

Test(create, options_of_another_size_are_refused_and_of_a_smaller_one_are_completed)
{
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.struct_size = 0;
    expect_refused(&options, true);
    options.struct_size = SIZE_MAX;
    expect_refused(&options, true);
    options.struct_size = offsetof(baton_operation_options, readers);
    options.readers = 0; /* not looked at */
    expect_taken(&options, true);
}

Test(create, lists_of_descriptors_are_checked)
{
    static baton_descriptor *many[BATON_DESCRIPTORS_MAX + 1];
    baton_operation *made = NULL;
    baton_connector *origin = connectors[ORIGIN];
    for (size_t i = 0; i <= BATON_DESCRIPTORS_MAX; i++) {
        many[i] = descriptor;
    }
    cr_assert_eq(baton_connector_create_readable(origin, NULL, 1, NULL, &made),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_connector_create_readable(origin, many, 0, NULL, &made),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(
        baton_connector_create_readable(origin, many, BATON_DESCRIPTORS_MAX + 1, NULL, &made),
        BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_connector_create_readable(origin, many, 1, NULL, NULL),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_connector_create_readable(NULL, many, 1, NULL, &made),
                 BATON_ERR_INVALID_ARGUMENT);
    many[1] = NULL;
    cr_assert_eq(baton_connector_create_writable(origin, many, 2, NULL, &made),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_null(made);
    many[1] = descriptor;
    cr_assert_eq(baton_connector_create_readable(origin, many, BATON_DESCRIPTORS_MAX, NULL, &made),
                 BATON_OK);
    cr_assert_eq(baton_operation_count(made), BATON_DESCRIPTORS_MAX);
    baton_operation_destroy(made);
}

Test(create, sizes_that_overflow_are_refused)
{
    baton_descriptor *huge = NULL;
    baton_operation *made = NULL;
    cr_assert_eq(baton_descriptor_from_pointer(memory, SIZE_MAX / 2 + 1, BATON_DEVICE_HOST, NULL,
                                               NULL, &huge),
                 BATON_OK);
    baton_descriptor *two[] = {huge, huge};
    cr_assert_eq(baton_connector_create_readable(connectors[ORIGIN], two, 2, NULL, &made),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_null(made);
    baton_descriptor_release(huge);
}

static baton_metadata *metadata_of(baton_operation *operation)
{
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_operation_metadata(operation, &metadata), BATON_OK);
    return metadata;
}

Test(create, an_active_one_fits_its_metadata_or_is_refused)
{
    baton_operation *readable = NULL;
    baton_operation *writable = NULL;
    baton_operation *none = NULL;
    baton_descriptor *shorter = NULL;
    baton_descriptor *two[] = {descriptor, descriptor};
    baton_connector *consumer = connectors[CONSUMER];
    cr_assert_eq(
        baton_descriptor_from_pointer(memory, SIZE - 1, BATON_DEVICE_HOST, NULL, NULL, &shorter),
        BATON_OK);
    cr_assert_eq(baton_connector_create_readable(connectors[ORIGIN], two, 1, NULL, &readable),
                 BATON_OK);
    cr_assert_eq(baton_connector_create_writable(connectors[ORIGIN], two, 1, NULL, &writable),
                 BATON_OK);
    baton_metadata *to_read = metadata_of(readable);
    baton_metadata *to_write = metadata_of(writable);
    cr_assert_eq(baton_connector_begin_read(consumer, to_write, two, 1, NULL, &none),
                 BATON_ERR_KIND_MISMATCH);
    cr_assert_eq(baton_connector_begin_write(consumer, to_read, two, 1, NULL, &none),
                 BATON_ERR_KIND_MISMATCH);
    cr_assert_eq(baton_connector_begin_write(consumer, to_write, two, 2, NULL, &none),
                 BATON_ERR_COUNT_MISMATCH);
    cr_assert_eq(baton_connector_begin_write(consumer, to_write, &shorter, 1, NULL, &none),
                 BATON_ERR_SIZE_MISMATCH);
    cr_assert_eq(baton_connector_begin_write(consumer, NULL, two, 1, NULL, &none),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_null(none);
    baton_metadata_destroy(to_read);
    baton_metadata_destroy(to_write);
    baton_operation_destroy(readable);
    baton_operation_destroy(writable);
    baton_descriptor_release(shorter);
}

static baton_operation *begin_reader(const baton_metadata *metadata)
{
    baton_operation *operation = NULL;
    cr_assert_eq(baton_connector_begin_read(connectors[CONSUMER], metadata, &descriptor, 1, NULL,
                                            &operation),
                 BATON_OK);
    return operation;
}

Test(create, as_many_readers_take_it_as_it_says)
{
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    baton_operation_report report = {.struct_size = sizeof(report)};
    baton_operation *shared = NULL;
    baton_operation *readers[READERS + 1];
    options.readers = READERS;
    options.completion = BATON_COMPLETION_COMMIT;
    cr_assert_eq(
        baton_connector_create_readable(connectors[ORIGIN], &descriptor, 1, &options, &shared),
        BATON_OK);
    baton_metadata *metadata = metadata_of(shared);
    for (uint32_t i = 0; i < READERS; i++) {
        cr_assert_eq(baton_operation_reason(shared), BATON_OK);
        cr_assert_not(baton_operation_is_over(shared));
        readers[i] = begin_reader(metadata);
        pair_pump();
        cr_assert_eq(baton_operation_get_status(readers[i]), BATON_OPERATION_COMPLETE);
        cr_assert_eq(baton_operation_get_report(shared, &report), BATON_OK);
        cr_assert_eq(report.readers_done, i + 1);
    }
    cr_assert_eq(baton_operation_get_status(shared), BATON_OPERATION_COMPLETE);
    cr_assert_eq(report.bytes_moved, (size_t)READERS * SIZE);
    readers[READERS] = begin_reader(metadata);
    pair_pump();
    cr_assert_eq(baton_operation_reason(readers[READERS]), BATON_ERR_UNKNOWN_OPERATION);
    for (uint32_t i = 0; i <= READERS; i++) {
        baton_operation_destroy(readers[i]);
    }
    baton_metadata_destroy(metadata);
    baton_operation_destroy(shared);
}

static baton_status at_the_end;

static void create_another(baton_operation *operation, void *context)
{
    baton_operation *other = NULL;
    (void)operation;
    at_the_end = baton_connector_create_readable(connectors[ORIGIN], &descriptor, 1, NULL, &other);
    *(baton_operation **)context = other;
}

Test(create, nothing_is_made_while_the_connector_ends)
{
    baton_operation *operation = NULL;
    baton_operation *other = NULL;
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.on_complete = create_another;
    options.context = &other;
    cr_assert_eq(
        baton_connector_create_readable(connectors[ORIGIN], &descriptor, 1, &options, &operation),
        BATON_OK);
    baton_connector_destroy(connectors[ORIGIN]);
    connectors[ORIGIN] = NULL;
    cr_assert_eq(at_the_end, BATON_ERR_SHUT_DOWN);
    cr_assert_null(other);
    cr_assert_eq(baton_operation_reason(operation), BATON_ERR_SHUT_DOWN);
    baton_operation_destroy(operation);
}
