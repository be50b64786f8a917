/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_mirror.h"

#include "perf_channel.h"
#include "perf_failure.h"
#include <stdlib.h>

/* As long as an operation may take: what is waited for ends by a signal, too. */
enum { MOVE_MS = 3600 * 1000 };

struct perf_mirror {
    baton_connector *connector;
    unsigned char *row;
};

baton_status perf_mirror_create(size_t size_bytes, perf_mirror **mirror_out)
{
    baton_connector_options settings = BATON_CONNECTOR_OPTIONS_INIT;
    perf_mirror *mirror = calloc(1, sizeof(*mirror));
    if (mirror == NULL) {
        return perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory");
    }
    mirror->row = malloc(size_bytes);
    if (mirror->row == NULL) {
        perf_mirror_destroy(mirror);
        return perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory for %zu bytes of a device, on the host", size_bytes);
    }
    settings.progress = BATON_PROGRESS_APPLICATION;
    baton_status status = baton_connector_create(&settings, &mirror->connector);
    if (status != BATON_OK) {
        perf_mirror_destroy(mirror);
        return perf_fail_baton(status, "a connector");
    }
    *mirror_out = mirror;
    return BATON_OK;
}

void perf_mirror_destroy(perf_mirror *mirror)
{
    if (mirror != NULL) {
        baton_connector_destroy(mirror->connector);
        free(mirror->row);
        free(mirror);
    }
}

unsigned char *perf_mirror_memory(const perf_mirror *mirror)
{
    return mirror->row;
}

static void release_all(baton_descriptor **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        baton_descriptor_release(list[i]);
    }
    free(list);
}

/* The row in pieces as those of the descriptors. NULL: a failure is recorded. */
static baton_descriptor **cut_row(const perf_mirror *mirror, baton_descriptor *const *like, size_t count)
{
    baton_descriptor **list = calloc(count, sizeof(baton_descriptor *));
    size_t at = 0;
    for (size_t i = 0; list != NULL && i < count; i++) {
        size_t size = baton_descriptor_size(like[i]);
        baton_status status = baton_descriptor_from_pointer(mirror->row + at, size, BATON_DEVICE_HOST, NULL, NULL, &list[i]);
        if (status != BATON_OK) {
            (void)perf_fail_baton(status, "a descriptor");
            release_all(list, i);
            return NULL;
        }
        at += size;
    }
    if (list == NULL) {
        (void)perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory");
    }
    return list;
}

/* In slices, so that a signal is seen at once. */
static baton_status wait_for(baton_operation *operation)
{
    for (;;) {
        baton_status status = baton_operation_wait(operation, PERF_SLICE_MS);
        if (status != BATON_ERR_TIMED_OUT || baton_operation_is_over(operation)) {
            return status == BATON_OK ? BATON_OK : perf_fail_baton(status, "moving memory of a device");
        }
        status = perf_check_interrupt();
        if (status != BATON_OK) {
            return status;
        }
    }
}

static baton_status move(perf_mirror *mirror, baton_descriptor *const *from, baton_descriptor *const *to, size_t count)
{
    baton_operation_options settings = BATON_OPERATION_OPTIONS_INIT;
    baton_operation *readable = NULL;
    baton_operation *read = NULL;
    baton_metadata *metadata = NULL;
    settings.deadline_ms = MOVE_MS;
    baton_status status = baton_connector_create_readable(mirror->connector, from, count, &settings, &readable);
    if (status == BATON_OK) {
        status = baton_operation_metadata(readable, &metadata);
    }
    if (status == BATON_OK) {
        status = baton_connector_begin_read(mirror->connector, metadata, to, count, &settings, &read);
    }
    status = status == BATON_OK ? wait_for(read) : perf_fail_baton(status, "moving memory of a device");
    if (status == BATON_OK) {
        status = wait_for(readable);
    }
    baton_operation_destroy(read);
    baton_operation_destroy(readable);
    baton_metadata_destroy(metadata);
    return status;
}

baton_status perf_mirror_put(perf_mirror *mirror, baton_descriptor *const *descriptors, size_t count)
{
    baton_descriptor **row = cut_row(mirror, descriptors, count);
    baton_status status = row != NULL ? move(mirror, row, descriptors, count) : perf_failure_status();
    if (row != NULL) {
        release_all(row, count);
    }
    return status;
}

baton_status perf_mirror_get(perf_mirror *mirror, baton_descriptor *const *descriptors, size_t count)
{
    baton_descriptor **row = cut_row(mirror, descriptors, count);
    baton_status status = row != NULL ? move(mirror, descriptors, row, count) : perf_failure_status();
    if (row != NULL) {
        release_all(row, count);
    }
    return status;
}
