/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_LOOP_STATE_H
#define BATON_CORE_LOOP_STATE_H

/* What loop.c and loop_source.c share. */
#include "core/loop.h"
#include "core/timers.h"

struct epoll_event;

struct baton_loop {
    baton__clock clock;
    uint64_t spin_ns; /* UINT64_MAX: never sleeps */
    uint64_t spin_until_ns;
    uint64_t worked_ns; /* when something was done last */
    uint64_t looked_ns; /* worked_ns at the last look at the sources */
    baton_task *posted; /* stack, newest first */
    bool armed; /* `asleep` was set, and no turn has followed */
    uint32_t asleep;
    uintptr_t owner; /* pthread_self of the thread inside, 0 if none */
    baton__timers timers;
    uint64_t firing_ns; /* timers that are due by then are firing; 0 if none are */
    uint64_t timerfd_due_ns; /* what the timerfd is set to; UINT64_MAX if it is not */
    int wake_fd;
    int timer_fd;
    int inner;
    int outer;
    unsigned turns;
    unsigned pauses;
    uint32_t urgent; /* sources that are waited for */
    baton__loop_driver driver;
    bool has_driver;
    struct epoll_event *batch; /* events being dispatched, so that a removed source can be taken out */
    int batch_size;
    uint64_t sleeps;
};

/* epoll_ctl's result: 0, or -1 and errno. */
int baton__loop_watch(int epoll, int fd, uint32_t events, void *pointer);
/* Looks at the sources, a system call, and at who has woken the loop. Returns how many sources were ready. */
int baton__loop_run_sources(baton_loop *loop);

#endif
