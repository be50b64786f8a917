/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The progress loop of a connector, for those who extend it: tasks, timers, event sources.
 * This is how the side channel brings NATS in without the sdk naming it.
 *
 * Everything but baton_loop_post, baton_loop_now_ns and baton_loop_is_owner is for the owner thread only:
 * the connector's thread, or the thread that is inside baton_connector_progress.
 */
#ifndef BATON_LOOP_H
#define BATON_LOOP_H

#include <baton/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct baton_loop baton_loop;
typedef struct baton_task baton_task;
typedef struct baton_timer baton_timer;
typedef struct baton_source baton_source;

/** Work for the owner thread. Embedded in the caller's object; lives until it has run. */
struct baton_task {
    void (*run)(baton_task *task); /**< set by the caller; runs once for each successful post */
    baton_task *next_;             /**< the loop's */
    uint32_t posted_;              /**< the loop's; zero it before the first post */
};

/** A timer. Embedded in the caller's object; zero it before use; stop it before it goes away. */
struct baton_timer {
    void (*fire)(baton_timer *timer); /**< set by the caller; the timer is stopped when it runs */
    uint64_t due_ns_;                 /**< the loop's */
    size_t slot_;                     /**< the loop's: 1 + its ticket, 0 when stopped */
};

/** A file descriptor that the loop watches. Embedded in the caller's object. */
struct baton_source {
    int fd;
    uint32_t events; /**< EPOLLIN, EPOLLOUT: level-triggered */
    /** Called when fd is ready, with the events that are. Must not block. */
    void (*ready)(baton_source *source, uint32_t events);
    bool added_; /**< the loop's */
    /** True: some microseconds more do not matter, so a loop that spins looks at it now and then instead of in every
     *  turn, which would be a system call each. Set before it is added. */
    bool patient;
};

/** Nanoseconds of CLOCK_BOOTTIME, as all deadlines and leases use them. Threads: any. Blocking: no. */
BATON_API uint64_t baton_loop_now_ns(const baton_loop *loop);
/** True on the owner thread. Threads: any. Blocking: no. */
BATON_API bool baton_loop_is_owner(const baton_loop *loop);

/**
 * Has the owner thread run the task, after what was posted before it, never inside this call. Posting a
 * task that is posted and has not begun to run does nothing. Returns false when it was already posted.
 * Tasks posted before the loop ends do run.
 * Threads: any. Blocking: no.
 */
BATON_API bool baton_loop_post(baton_loop *loop, baton_task *task);

/** Starts or moves a timer. due_ns: time of baton_loop_now_ns; inside fire, what is due already waits for the
 *  next turn. Errors: ERR_OUT_OF_MEMORY. */
BATON_API BATON_CHECKED baton_status baton_loop_timer_start(baton_loop *loop, baton_timer *timer,
                                                            uint64_t due_ns);
/** Stops it; legal when it is not running. */
BATON_API void baton_loop_timer_stop(baton_loop *loop, baton_timer *timer);

/** Errors: ERR_SYSTEM (epoll refuses fd), ERR_WRONG_STATE if added. */
BATON_API BATON_CHECKED baton_status baton_loop_source_add(baton_loop *loop, baton_source *source);
/** After events were changed. Errors: ERR_SYSTEM, ERR_WRONG_STATE if not added. */
BATON_API BATON_CHECKED baton_status baton_loop_source_update(baton_loop *loop, baton_source *source);
/** Legal when it is not added. Call it before fd is closed. ready is not called after it. */
BATON_API void baton_loop_source_remove(baton_loop *loop, baton_source *source);

/**
 * An answer is expected soon: the loop spins (within the connector's spin_us) before it sleeps.
 */
BATON_API void baton_loop_expect(baton_loop *loop);

#ifdef __cplusplus
}
#endif
#endif
