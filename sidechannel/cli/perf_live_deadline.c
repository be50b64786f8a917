/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_live_deadline.h"

#include "perf_failure.h"
#include "perf_meter.h"
#include <inttypes.h>
#include <sched.h>
#include <stddef.h>

enum { EXPIRING_MOST_MS = 60000 };

/* The owner thread does nothing else meanwhile, so no deadline fires before all are due, and then they fire together. */
static void hold(baton_task *task)
{
    live *self = (live *)((char *)task - offsetof(live, hold));
    const baton_loop *loop = baton_connector_loop(self->connector);
    self->is_late = baton_loop_now_ns(loop) >= self->first_due_ns;
    while (!self->is_late && baton_loop_now_ns(loop) < self->all_due_ns && !perf_is_interrupted()) {
        perf_sleep_ms(1);
    }
    __atomic_store_n(&self->held_ns, perf_now_ns(), __ATOMIC_RELEASE);
}

static baton_status hold_until_due(live *self)
{
    __atomic_store_n(&self->held_ns, 0, __ATOMIC_RELAXED);
    if (self->options->application) {
        hold(&self->hold); /* nobody drives progress */
        return perf_check_interrupt();
    }
    self->hold.run = hold;
    (void)baton_loop_post(baton_connector_loop(self->connector), &self->hold);
    while (__atomic_load_n(&self->held_ns, __ATOMIC_ACQUIRE) == 0) {
        (void)sched_yield(); /* a sleep would be measured: what follows takes microseconds */
    }
    return perf_check_interrupt();
}

/* late_out: the deadline was too short for so many. */
static baton_status expire(live *self, uint64_t count, double *ns_out, bool *late_out)
{
    const baton_loop *loop = baton_connector_loop(self->connector);
    uint64_t time_ns = self->deadline_ms * UINT64_C(1000000);
    self->first_due_ns = baton_loop_now_ns(loop) + time_ns;
    baton_status status = live_create_all(self, count, self->deadline_ms);
    self->all_due_ns = baton_loop_now_ns(loop) + time_ns;
    if (status == BATON_OK) {
        status = hold_until_due(self);
    }
    if (status == BATON_OK && !self->is_late) {
        status = live_drive_until(self, live_has_ended_all);
    }
    *ns_out = live_each(self->held_ns, perf_now_ns(), count);
    *late_out = self->is_late;
    live_destroy_all(self);
    return status;
}

baton_status live_deadline_play(live *self, uint64_t count, double *ns_out)
{
    for (;;) {
        bool is_late = false;
        baton_status status = expire(self, count, ns_out, &is_late);
        if (status != BATON_OK || !is_late) {
            return status;
        }
        self->deadline_ms *= 2;
        if (self->deadline_ms > EXPIRING_MOST_MS) {
            return perf_fail(BATON_ERR_TIMED_OUT, "%" PRIu64 " operations are not made in %d s", count, EXPIRING_MOST_MS / 1000);
        }
    }
}
