/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_LOOP_H
#define BATON_CORE_LOOP_H

#include "base/clock.h"
#include <baton/loop.h>

/* What the loop drives besides its sources: the transport. */
typedef struct baton__loop_driver {
    int (*progress)(void *context); /* returns how much was done */
    bool (*arm)(void *context);     /* false: there is more to do, do not sleep */
    int fd;                         /* readable when armed and there is something to do */
    void *context;
} baton__loop_driver;

/* Spinning begins after work and ends spin_us later. clock: copied.
 * Errors: ERR_SYSTEM, ERR_OUT_OF_MEMORY. */
baton_status baton__loop_create(const baton__clock *clock, uint32_t spin_us, baton_loop **loop_out);
/* No thread may be inside. Tasks that are posted and have not run are dropped. */
void baton__loop_destroy(baton_loop *loop);

/* Owner: adds the transport, or takes it out again with NULL. */
baton_status baton__loop_set_driver(baton_loop *loop, const baton__loop_driver *driver);

/* Owner: whether the driver's descriptor wakes the loop; it does from set_driver on. */
void baton__loop_heed_driver(baton_loop *loop, bool heed);

/* The calling thread becomes the owner (false: another one is), and ceases to be. */
bool baton__loop_enter(baton_loop *loop);
void baton__loop_leave(baton_loop *loop);

/* Owner: one pass without sleeping: timers, tasks, transport, sources. Returns how much was done. */
int baton__loop_turn(baton_loop *loop);
/* Owner: arms everything. True: baton__loop_fd becomes readable when there is work; false: there is work now. */
bool baton__loop_arm(baton_loop *loop);
/* True while the loop is to spin rather than sleep. */
bool baton__loop_spins(const baton_loop *loop);
/* Between two turns of a loop that spins. */
void baton__loop_pause(baton_loop *loop);
/* Armed: waits until there is work or timeout_ns is over (UINT64_MAX: without bound). */
void baton__loop_sleep(baton_loop *loop, uint64_t timeout_ns);
/* Owner: turns, spins and sleeps until the flag is set; what is posted before that runs. */
void baton__loop_run(baton_loop *loop, const bool *stop);

/* Any thread: a task is posted and has not begun to run. */
bool baton__loop_has_posted(const baton_loop *loop);
/* Readable when an armed loop has work. */
int baton__loop_fd(const baton_loop *loop);
/* Any thread: ends a sleep. */
void baton__loop_wake(baton_loop *loop);
uint64_t baton__loop_sleeps(const baton_loop *loop);

#endif
