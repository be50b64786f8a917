/* SPDX-License-Identifier: Apache-2.0 */
/* The event sources of a loop. */
#include "core/loop_state.h"

#include "base/error.h"
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BATCH = 32 };

int baton__loop_watch(int epoll, int fd, uint32_t events, void *pointer)
{
    struct epoll_event event = {.events = events, .data = {.ptr = pointer}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int baton__loop_run_sources(baton_loop *loop)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(loop->inner, events, BATCH, 0);
    int done = 0;
    loop->batch = events;
    loop->batch_size = count;
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == &loop->wake_fd) {
            uint64_t value;
            ssize_t got = read(loop->wake_fd, &value, sizeof(value));
            (void)got; /* EAGAIN: read before */
        } else if (events[i].data.ptr != NULL) {
            baton_source *source = events[i].data.ptr;
            source->ready(source, events[i].events);
            done++;
        }
    }
    loop->batch = NULL;
    loop->batch_size = 0;
    return done;
}

baton_status baton_loop_source_add(baton_loop *loop, baton_source *source)
{
    if (source->added_) {
        return baton__fail(BATON_ERR_WRONG_STATE, "event source: it is added already");
    }
    if (baton__loop_watch(loop->inner, source->fd, source->events, source) != 0) {
        return baton__fail_errno(errno, "event source: epoll refuses descriptor %d", source->fd);
    }
    source->added_ = true;
    loop->urgent += source->patient ? 0 : 1;
    return BATON_OK;
}

baton_status baton_loop_source_update(baton_loop *loop, baton_source *source)
{
    if (!source->added_) {
        return baton__fail(BATON_ERR_WRONG_STATE, "event source: it is not added");
    }
    struct epoll_event event = {.events = source->events, .data = {.ptr = source}};
    if (epoll_ctl(loop->inner, EPOLL_CTL_MOD, source->fd, &event) != 0) {
        return baton__fail_errno(errno, "event source: epoll refuses descriptor %d", source->fd);
    }
    return BATON_OK;
}

void baton_loop_source_remove(baton_loop *loop, baton_source *source)
{
    if (!source->added_) {
        return;
    }
    (void)epoll_ctl(loop->inner, EPOLL_CTL_DEL, source->fd, NULL);
    source->added_ = false;
    loop->urgent -= source->patient ? 0 : 1;
    for (int i = 0; i < loop->batch_size; i++) {
        if (loop->batch[i].data.ptr == source) {
            loop->batch[i].data.ptr = NULL;
        }
    }
}
