/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the application drives progress, what an operation that is over has said last still reaches its peer: more frames than an inbox
 * of shared memory holds wait for room, and nobody drives progress any more once the waits have returned.
 */
#include "core/connector.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { COUNT = 300 /* an inbox of UCX has 64 places */, SIZE = 4096, WAIT_MS = 10000 };

typedef struct scene {
    baton_connector *origin;
    baton_connector *reader;
    baton_descriptor *memory;
    baton_descriptor *target;
    baton_operation *given[COUNT];
    baton_operation *reads[COUNT];
} scene;

static baton_connector *make_connector(baton_progress progress)
{
    baton_connector *connector = NULL;
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    options.progress = progress;
    cr_assert_eq(baton_connector_create(&options, &connector), BATON_OK, "%s", baton_error_text());
    return connector;
}

static void read_one(scene *self, int index)
{
    baton_metadata *metadata = NULL;
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.deadline_ms = WAIT_MS;
    cr_assert_eq(baton_connector_create_readable(self->origin, &self->memory, 1, &options, &self->given[index]), BATON_OK);
    cr_assert_eq(baton_operation_metadata(self->given[index], &metadata), BATON_OK);
    cr_assert_eq(baton_connector_begin_read(self->reader, metadata, &self->target, 1, &options, &self->reads[index]), BATON_OK);
    baton_metadata_destroy(metadata);
}

static void begin(scene *self, baton_progress origin)
{
    cr_assert_eq(setenv("UCX_TLS", "posix,sysv,self", 1), 0);
    self->origin = make_connector(origin);
    self->reader = make_connector(BATON_PROGRESS_APPLICATION);
    cr_assert_eq(baton_descriptor_allocate(SIZE, BATON_DEVICE_HOST, &self->memory), BATON_OK);
    cr_assert_eq(baton_descriptor_allocate(SIZE, BATON_DEVICE_HOST, &self->target), BATON_OK);
}

static void end(scene *self)
{
    for (int i = 0; i < COUNT; i++) {
        baton_operation_destroy(self->reads[i]);
        baton_operation_destroy(self->given[i]);
    }
    baton_connector_destroy(self->reader);
    baton_connector_destroy(self->origin);
    baton_descriptor_release(self->target);
    baton_descriptor_release(self->memory);
}

/* By its own thread, while nobody drives the reader. */
static void expect_all_told(scene *self)
{
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(baton_operation_wait(self->given[i], WAIT_MS), BATON_OK, "%d: %s", i, baton_error_text());
    }
}

Test(last_words, what_a_wait_leaves_behind_was_told)
{
    static scene self;
    begin(&self, BATON_PROGRESS_THREAD);
    for (int i = 0; i < COUNT; i++) {
        read_one(&self, i);
    }
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(baton_operation_wait(self.reads[i], WAIT_MS), BATON_OK, "%d: %s", i, baton_error_text());
    }
    if (self.reader->unsent != 0) { /* the origin's thread did not have a core for so long */
        cr_assert_eq(self.reader->unsent_stuck, self.reader->unsent, "it was waited for in vain");
        cr_assert_eq(baton_connector_flush(self.reader, WAIT_MS), BATON_OK, "%s", baton_error_text());
    }
    expect_all_told(&self);
    end(&self);
}

Test(last_words, a_flush_tells_what_is_left)
{
    static scene self;
    begin(&self, BATON_PROGRESS_THREAD);
    for (int i = 0; i < COUNT; i++) {
        read_one(&self, i);
    }
    for (int i = 0; i < COUNT; i++) {
        while (!baton_operation_is_over(self.reads[i])) { /* its deadline ends it */
            baton_status status = baton_connector_progress_wait(self.reader, WAIT_MS);
            cr_assert_eq(status, BATON_OK, "%s", baton_error_text());
        }
    }
    cr_assert_eq(baton_connector_flush(self.reader, WAIT_MS), BATON_OK, "%s", baton_error_text());
    expect_all_told(&self);
    end(&self);
}

Test(last_words, a_peer_that_takes_nothing_ends_a_flush_in_time)
{
    static scene self;
    begin(&self, BATON_PROGRESS_APPLICATION); /* and nobody drives it */
    for (int i = 0; i < COUNT; i++) {
        read_one(&self, i);
    }
    cr_assert_eq(baton_connector_flush(self.reader, 20), BATON_ERR_TIMED_OUT);
    cr_assert_eq(baton_connector_flush(self.reader, 0), BATON_ERR_TIMED_OUT, "at once: operations live");
    for (int turn = 0; turn < 10; turn++) {
        (void)baton_connector_progress(self.origin); /* now there is room */
    }
    while (baton_connector_progress(self.reader) != 0) {
        (void)baton_connector_progress(self.origin);
    }
    cr_assert_eq(baton_connector_flush(self.reader, WAIT_MS), BATON_OK, "%s", baton_error_text());
    end(&self);
}

static void note_run(baton_task *task)
{
    task->run = NULL;
}

/* Driven is known by a task that runs. */
static bool is_driven_by_flush(baton_connector *connector, uint32_t timeout_ms)
{
    static baton_task task;
    task = (baton_task){.run = note_run};
    cr_assert(baton_loop_post(connector->loop, &task));
    cr_expect_eq(baton_connector_flush(connector, timeout_ms), BATON_ERR_TIMED_OUT);
    bool is_driven = task.run == NULL;
    while (task.run != NULL) {
        (void)baton_connector_progress(connector);
    }
    return is_driven;
}

/* As if a frame waited that no peer takes. */
Test(last_words, what_was_waited_for_in_vain_is_waited_for_again_when_asked_alone)
{
    static scene self;
    begin(&self, BATON_PROGRESS_THREAD);
    self.reader->unsent = 1;
    cr_expect(is_driven_by_flush(self.reader, 0));
    cr_expect_not(is_driven_by_flush(self.reader, 0), "as a wait would");
    cr_expect(is_driven_by_flush(self.reader, 5), "asked for");
    cr_expect_not(is_driven_by_flush(self.reader, 0));
    self.reader->unsent = 2;
    cr_expect(is_driven_by_flush(self.reader, 0), "another one");
    self.reader->unsent = 0;
    cr_expect_eq(baton_connector_flush(self.reader, 0), BATON_OK);
    end(&self);
}

typedef struct inside {
    baton_connector *connector;
    baton_status status;
} inside;

static void flush_in_callback(baton_operation *operation, void *context)
{
    inside *self = context;
    (void)operation;
    self->status = baton_connector_flush(self->connector, 1000);
}

Test(last_words, who_may_flush)
{
    static scene self;
    begin(&self, BATON_PROGRESS_THREAD);
    inside of = {.connector = self.reader, .status = BATON_OK};
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.on_complete = flush_in_callback;
    options.context = &of;
    cr_expect_eq(baton_connector_flush(self.origin, 0), BATON_ERR_WRONG_STATE, "it has a thread");
    cr_expect_eq(baton_connector_flush(NULL, 0), BATON_ERR_INVALID_ARGUMENT);
    cr_expect_eq(baton_connector_flush(self.reader, 0), BATON_OK, "nothing is left to say");
    cr_assert_eq(baton_connector_create_readable(self.reader, &self.memory, 1, &options, &self.given[0]), BATON_OK);
    cr_assert_eq(baton_operation_close(self.given[0], WAIT_MS), BATON_OK);
    cr_expect_eq(of.status, BATON_ERR_WRONG_THREAD);
    end(&self);
}
