/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop drives besides tasks and timers: event sources, and the transport. */
#include "core/loop.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, SOURCES = 8, BATCHES = 100 };

static baton_loop *loop;

static void open_loop(void)
{
    cr_assert_eq(baton__loop_create(&baton__clock_boottime, 0, &loop), BATON_OK);
    cr_assert(baton__loop_enter(loop));
}

static void close_loop(void)
{
    baton__loop_destroy(loop);
}

TestSuite(loop_source, .init = open_loop, .fini = close_loop, .timeout = 60);
TestSuite(loop_driver, .init = open_loop, .fini = close_loop, .timeout = 60);

/* An eventfd that is watched, with what to do when it is ready. */
typedef struct watched {
    baton_source source;
    int calls;
    uint32_t events; /* of the last call */
    struct watched *first;
} watched;

static void note_ready(baton_source *source, uint32_t events)
{
    watched *it = (watched *)source;
    it->calls++;
    it->events = events;
}

static void make(watched *it, uint32_t events, void (*ready)(baton_source *, uint32_t))
{
    *it = (watched){
        .source = {.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .events = events, .ready = ready}};
    cr_assert_geq(it->source.fd, 0);
    cr_assert_eq(baton_loop_source_add(loop, &it->source), BATON_OK);
}

static void give(const watched *it)
{
    cr_assert_eq(eventfd_write(it->source.fd, 1), 0);
}

static void take(const watched *it)
{
    eventfd_t value;
    cr_assert_eq(eventfd_read(it->source.fd, &value), 0);
}

static void end(watched *it)
{
    baton_loop_source_remove(loop, &it->source);
    cr_assert_eq(close(it->source.fd), 0);
}

static bool is_readable(int timeout_ms)
{
    struct pollfd fd = {.fd = baton__loop_fd(loop), .events = POLLIN};
    return poll(&fd, 1, timeout_ms) == 1;
}

Test(loop_source, ready_is_called_as_long_as_it_is)
{
    watched it;
    make(&it, EPOLLIN, note_ready);
    cr_assert_eq(baton__loop_turn(loop), 0);
    give(&it);
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert_eq(it.calls, 2);
    cr_assert_eq(it.events, EPOLLIN);
    take(&it);
    cr_assert_eq(baton__loop_turn(loop), 0);
    end(&it);
}

Test(loop_source, the_loop_is_readable_when_a_source_is)
{
    watched it;
    make(&it, EPOLLIN, note_ready);
    cr_assert(baton__loop_arm(loop));
    cr_assert_not(is_readable(0));
    give(&it);
    cr_assert(is_readable(PATIENCE_MS));
    end(&it);
    cr_assert_not(is_readable(0));
}

Test(loop_source, an_update_changes_what_is_watched)
{
    watched it;
    make(&it, EPOLLIN, note_ready);
    cr_assert_eq(baton__loop_turn(loop), 0);
    it.source.events = EPOLLOUT;
    cr_assert_eq(baton__loop_turn(loop), 0, "events count from the update on");
    cr_assert_eq(baton_loop_source_update(loop, &it.source), BATON_OK);
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert_eq(it.events, EPOLLOUT);
    it.source.events = 0;
    cr_assert_eq(baton_loop_source_update(loop, &it.source), BATON_OK);
    cr_assert_eq(baton__loop_turn(loop), 0);
    end(&it);
}

Test(loop_source, a_removed_one_is_not_called_and_can_be_added_again)
{
    watched it;
    make(&it, EPOLLIN, note_ready);
    give(&it);
    baton_loop_source_remove(loop, &it.source);
    baton_loop_source_remove(loop, &it.source);
    cr_assert_eq(baton__loop_turn(loop), 0);
    cr_assert_eq(baton_loop_source_add(loop, &it.source), BATON_OK);
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert_eq(it.calls, 1);
    end(&it);
}

static void remove_and_free(baton_source *source, uint32_t events)
{
    (void)events;
    int *calls = &((watched *)source)->first->calls;
    baton_loop_source_remove(loop, source);
    (void)close(source->fd);
    free(source);
    (*calls)++;
}

Test(loop_source, may_be_removed_and_freed_inside_its_ready)
{
    watched counter = {.calls = 0};
    for (int i = 0; i < SOURCES; i++) {
        watched *it = malloc(sizeof(*it));
        cr_assert_not_null(it);
        make(it, EPOLLIN, remove_and_free);
        it->first = &counter;
        give(it);
    }
    cr_assert_eq(baton__loop_turn(loop), SOURCES);
    cr_assert_eq(counter.calls, SOURCES);
    cr_assert_eq(baton__loop_turn(loop), 0);
}

static void remove_all_others(baton_source *source, uint32_t events)
{
    watched *it = (watched *)source;
    note_ready(source, events);
    for (int i = 0; i < SOURCES; i++) {
        if (&it->first[i] != it) {
            baton_loop_source_remove(loop, &it->first[i].source);
        }
    }
}

/* All are ready in one batch; whichever comes first removes the rest, which must not be called. */
Test(loop_source, may_remove_others_of_the_same_batch)
{
    for (int batch = 0; batch < BATCHES; batch++) {
        watched all[SOURCES];
        int calls = 0;
        for (int i = 0; i < SOURCES; i++) {
            make(&all[i], EPOLLIN, remove_all_others);
            all[i].first = all;
            give(&all[i]);
        }
        cr_assert_eq(baton__loop_turn(loop), 1);
        for (int i = 0; i < SOURCES; i++) {
            calls += all[i].calls;
            end(&all[i]);
        }
        cr_assert_eq(calls, 1);
    }
}

/* More than one batch holds are all called sooner or later. */
Test(loop_source, none_of_many_starves)
{
    static watched many[200];
    for (int i = 0; i < 200; i++) {
        make(&many[i], EPOLLIN, note_ready);
        give(&many[i]);
    }
    int missing = 200;
    for (int turn = 0; turn < 100 && missing > 0; turn++) {
        cr_assert_gt(baton__loop_turn(loop), 0);
        missing = 0;
        for (int i = 0; i < 200; i++) {
            missing += many[i].calls == 0;
        }
    }
    cr_assert_eq(missing, 0);
    for (int i = 0; i < 200; i++) {
        end(&many[i]);
    }
}

static void post_again(baton_task *task)
{
    cr_assert(baton_loop_post(loop, task));
}

Test(loop_source, is_called_although_tasks_never_end)
{
    baton_task task = {.run = post_again};
    watched it;
    make(&it, EPOLLIN, note_ready);
    give(&it);
    cr_assert(baton_loop_post(loop, &task));
    for (int turn = 0; turn < 100 && it.calls == 0; turn++) {
        cr_assert_geq(baton__loop_turn(loop), 1);
    }
    cr_assert_geq(it.calls, 1);
    end(&it);
}

Test(loop_source, what_cannot_be_watched_is_refused)
{
    watched it = {.source = {.fd = -1, .events = EPOLLIN, .ready = note_ready}};
    cr_assert_eq(baton_loop_source_add(loop, &it.source), BATON_ERR_SYSTEM);
    cr_assert_not(it.source.added_);
    it.source.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC); /* a plain file: EPERM */
    cr_assert_geq(it.source.fd, 0);
    cr_assert_eq(baton_loop_source_add(loop, &it.source), BATON_ERR_SYSTEM);
    cr_assert_eq(baton_loop_source_update(loop, &it.source), BATON_ERR_WRONG_STATE);
    cr_assert_eq(close(it.source.fd), 0);
}

Test(loop_source, is_added_once_and_updated_while_it_is_added)
{
    watched it;
    make(&it, EPOLLIN, note_ready);
    cr_assert_eq(baton_loop_source_add(loop, &it.source), BATON_ERR_WRONG_STATE);
    cr_assert(it.source.added_);
    int fd = it.source.fd;
    it.source.fd = -1;
    cr_assert_eq(baton_loop_source_update(loop, &it.source), BATON_ERR_SYSTEM);
    it.source.fd = fd;
    end(&it);
    cr_assert_eq(baton_loop_source_update(loop, &it.source), BATON_ERR_WRONG_STATE);
}

/* A transport that says what it is told to say. */
typedef struct transport {
    int fd;
    int todo;
    int progressed;
    bool arms;
} transport;

static int progress(void *context)
{
    transport *it = context;
    int done = it->todo;
    it->progressed++;
    it->todo = 0;
    return done;
}

static bool arm(void *context)
{
    return ((transport *)context)->arms;
}

static baton__loop_driver drive(transport *it)
{
    *it = (transport){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .arms = true};
    return (baton__loop_driver){.progress = progress, .arm = arm, .fd = it->fd, .context = it};
}

static void run_nothing(baton_task *task)
{
    (void)task;
}

Test(loop_driver, makes_progress_every_turn_and_its_work_counts)
{
    transport it;
    baton__loop_driver driver = drive(&it);
    cr_assert_eq(baton__loop_set_driver(loop, &driver), BATON_OK);
    cr_assert_eq(baton__loop_turn(loop), 0);
    it.todo = 3;
    cr_assert_eq(baton__loop_turn(loop), 3);
    cr_assert_eq(it.progressed, 2);
    cr_assert_eq(baton__loop_set_driver(loop, NULL), BATON_OK);
    cr_assert_eq(baton__loop_turn(loop), 0);
    cr_assert_eq(it.progressed, 2);
    cr_assert(baton__loop_arm(loop));
    cr_assert_eq(eventfd_write(it.fd, 1), 0);
    cr_assert_not(is_readable(0), "it is out");
    cr_assert_eq(close(it.fd), 0);
}

Test(loop_driver, keeps_the_loop_from_sleeping_while_it_has_work)
{
    transport it;
    baton__loop_driver driver = drive(&it);
    baton_task task = {.run = run_nothing};
    cr_assert_eq(baton__loop_set_driver(loop, &driver), BATON_OK);
    it.arms = false;
    cr_assert_not(baton__loop_arm(loop));
    cr_assert(baton_loop_post(loop, &task));
    cr_assert_not(is_readable(0), "a loop that is not armed needs no waking");
    cr_assert_eq(baton__loop_turn(loop), 1);
    it.arms = true;
    cr_assert(baton__loop_arm(loop));
    cr_assert_eq(eventfd_write(it.fd, 1), 0);
    cr_assert(is_readable(PATIENCE_MS));
    cr_assert_eq(close(it.fd), 0);
}

Test(loop_driver, can_be_put_in_the_place_of_another)
{
    transport first;
    transport second;
    baton__loop_driver one = drive(&first);
    baton__loop_driver two = drive(&second);
    cr_assert_eq(baton__loop_set_driver(loop, &one), BATON_OK);
    cr_assert_eq(baton__loop_set_driver(loop, &two), BATON_OK);
    cr_assert_eq(baton__loop_turn(loop), 0);
    cr_assert_eq(first.progressed, 0);
    cr_assert_eq(second.progressed, 1);
    two.fd = -1;
    cr_assert_eq(baton__loop_set_driver(loop, &two), BATON_ERR_SYSTEM);
    cr_assert_eq(close(first.fd), 0);
    cr_assert_eq(close(second.fd), 0);
}

static uint64_t turned_ns;

static uint64_t read_turned(void *context)
{
    (void)context;
    return turned_ns;
}

/* 60 us of copying. */
static int copy_for_long(void *context)
{
    (void)context;
    turned_ns += 60 * BATON__NS_PER_US;
    return 1;
}

Test(loop_driver, whose_turns_are_long_does_not_keep_sources_waiting)
{
    baton__clock clock = {.now_ns = read_turned};
    baton__loop_driver driver = {
        .progress = copy_for_long, .arm = arm, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    baton_loop *before = loop;
    watched it;
    cr_assert_eq(baton__loop_create(&clock, 0, &loop), BATON_OK);
    cr_assert(baton__loop_enter(loop));
    cr_assert_eq(baton__loop_set_driver(loop, &driver), BATON_OK);
    make(&it, EPOLLIN, note_ready);
    give(&it);
    for (int turn = 1; turn <= 4; turn++) {
        cr_assert_eq(baton__loop_turn(loop), 2);
        cr_assert_eq(it.calls, turn, "every turn has a look");
    }
    end(&it);
    baton__loop_destroy(loop);
    cr_assert_eq(close(driver.fd), 0);
    loop = before;
}

/* Leaves this process no descriptor to open. */
Test(loop_source, without_descriptors_no_loop_is_made)
{
    baton_loop *made = loop;
    int last = -1;
    for (int fd; (fd = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0;) {
        last = fd;
    }
    baton_status status = baton__loop_create(&baton__clock_boottime, 0, &made);
    cr_assert_eq(close(last), 0); /* criterion needs one to tell */
    cr_assert_eq(status, BATON_ERR_SYSTEM);
    cr_assert_eq(made, loop);
}
