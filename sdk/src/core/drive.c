/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of the application drive progress, one at a time, or sleep until the owner thread has something for them. */
#include "core/connector.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include <sched.h>

/* As long as a wait goes on for the last words of what is over: a peer that is awake takes them in some microseconds, one that
 * waits for its core in some milliseconds. */
#define LAST_WORDS_NS (10 * BATON__NS_PER_MS)
#define FLUSH_LOOK_NS BATON__NS_PER_MS

/* A wait for the owner thread looks so long before it sleeps; one that takes longer counts as long as some of them. */
enum { WAIT_SPIN_US = 20 };
#define WAIT_SPIN_NS (WAIT_SPIN_US * BATON__NS_PER_US)
#define WAIT_LONG_NS (8 * WAIT_SPIN_NS)

baton__turn baton__connector_turn(baton_connector *connector)
{
    baton_loop *loop = connector->loop;
    if (!baton__loop_enter(loop)) {
        return BATON__TURN_SPINNING; /* another thread is at it */
    }
    baton__turn turn = BATON__TURN_SPINNING;
    if (baton__loop_turn(loop) != 0) {
        turn = BATON__TURN_WORKED;
    } else if (!baton__loop_spins(loop) && baton__loop_arm(loop)) {
        turn = BATON__TURN_ARMED;
    }
    baton__loop_leave(loop);
    return turn;
}

void baton__connector_stop_driving(baton_connector *connector, baton__turn last)
{
    if (last != BATON__TURN_ARMED && __atomic_load_n(&connector->fd_given, __ATOMIC_RELAXED) != 0) {
        baton__loop_wake(connector->loop);
    }
}

static uint32_t unsent(const baton_connector *connector)
{
    return __atomic_load_n(&connector->unsent, __ATOMIC_RELAXED);
}

bool baton__connector_flush(baton_connector *connector, uint64_t timeout_ns)
{
    uint64_t begin_ns = baton__now(connector);
    while (unsent(connector) != 0 || baton__loop_has_posted(connector->loop)) {
        uint64_t passed_ns = baton__now(connector) - begin_ns;
        if (passed_ns >= timeout_ns) {
            return false;
        }
        baton__turn turn = baton__connector_turn(connector);
        if (turn == BATON__TURN_ARMED) { /* what is left may wait for more than room, for an endpoint that is not there yet */
            uint64_t left_ns = timeout_ns - passed_ns;
            baton__loop_sleep(connector->loop, left_ns < FLUSH_LOOK_NS ? left_ns : FLUSH_LOOK_NS);
        } else if (turn == BATON__TURN_SPINNING) {
            baton__loop_pause(connector->loop);
        }
        baton__connector_stop_driving(connector, turn);
    }
    return true;
}

/* While an operation lives, who drives progress has to come back for it. Afterwards nobody may; but what was waited for in vain is
 * not waited for again until some of it has left: a peer that takes nothing would make each wait longer. */
static bool has_last_words(const baton_connector *connector)
{
    return unsent(connector) > __atomic_load_n(&connector->unsent_stuck, __ATOMIC_RELAXED) &&
           __atomic_load_n(&connector->stats.operations_live, __ATOMIC_RELAXED) == 0;
}

bool baton__connector_say_last_words(baton_connector *connector)
{
    if (has_last_words(connector) && !baton__connector_flush(connector, LAST_WORDS_NS)) {
        __atomic_store_n(&connector->unsent_stuck, unsent(connector), __ATOMIC_RELAXED);
    }
    return unsent(connector) == 0;
}

static baton_status wait_driving(baton_connector *connector, baton__event *event, uint64_t end_ns)
{
    baton__turn turn = BATON__TURN_ARMED;
    baton_status status = BATON_OK;
    while (!baton__event_is_set(event)) {
        uint64_t now = baton__now(connector);
        if (now >= end_ns) {
            status = baton__fail_as_is(BATON_ERR_TIMED_OUT, "the wait timed out; it goes on");
            break;
        }
        turn = baton__connector_turn(connector);
        if (turn == BATON__TURN_ARMED && !baton__event_is_set(event)) {
            baton__loop_sleep(connector->loop, end_ns - now);
        } else if (turn == BATON__TURN_SPINNING) {
            baton__loop_pause(connector->loop);
        }
    }
    baton__connector_stop_driving(connector, turn);
    return status;
}

/* Not the child of a fork, and not a callback, which can look at what is over too. */
static bool may_drive(const baton_connector *connector)
{
    return connector->options.progress == BATON_PROGRESS_APPLICATION &&
           connector->fork_generation == baton__fork_generation() && !baton_loop_is_owner(connector->loop);
}

/* Sleeping and being woken takes some microseconds, so who waits looks first for as long as most waits of late have taken, if
 * that was not long. True: it is set. */
static bool is_set_soon(baton_connector *connector, const baton__event *event, uint64_t begin_ns)
{
    uint64_t spin_ns = connector->options.spin_us < WAIT_SPIN_US ? connector->options.spin_us * BATON__NS_PER_US : WAIT_SPIN_NS;
    if (__atomic_load_n(&connector->wait_ns, __ATOMIC_RELAXED) > WAIT_SPIN_NS) {
        return false;
    }
    while (baton__clock_now(&baton__clock_boottime) - begin_ns < spin_ns) {
        if (baton__event_is_set(event)) {
            return true;
        }
        (void)sched_yield(); /* the owner thread may need this core */
    }
    return false;
}

static bool wait_for_thread(baton_connector *connector, baton__event *event, uint32_t timeout_ms)
{
    if (timeout_ms == 0) {
        return baton__event_is_set(event);
    }
    uint64_t begin_ns = baton__clock_now(&baton__clock_boottime);
    if (!is_set_soon(connector, event, begin_ns) && !baton__event_wait(event, timeout_ms)) {
        return false;
    }
    uint64_t took_ns = baton__clock_now(&baton__clock_boottime) - begin_ns;
    uint64_t before_ns = __atomic_load_n(&connector->wait_ns, __ATOMIC_RELAXED);
    took_ns = took_ns < WAIT_LONG_NS ? took_ns : WAIT_LONG_NS;
    __atomic_store_n(&connector->wait_ns, (7 * before_ns + took_ns) / 8, __ATOMIC_RELAXED); /* of two threads one counts */
    return true;
}

static baton_status wait(baton_connector *connector, baton__event *event, uint32_t timeout_ms)
{
    if (baton__event_is_set(event)) {
        return BATON_OK;
    }
    baton_status status = baton__connector_check(connector);
    if (status != BATON_OK) {
        return status;
    }
    if (baton_loop_is_owner(connector->loop)) {
        return baton__fail(BATON_ERR_WRONG_THREAD, "a wait on the owner thread (inside a callback) would never end");
    }
    if (connector->options.progress == BATON_PROGRESS_APPLICATION) {
        uint64_t end = timeout_ms == BATON_FOREVER ? UINT64_MAX : baton__after_ms(connector, timeout_ms);
        return wait_driving(connector, event, end);
    }
    if (!wait_for_thread(connector, event, timeout_ms)) {
        return baton__fail_as_is(BATON_ERR_TIMED_OUT, "the wait timed out; it goes on");
    }
    return BATON_OK;
}

baton_status baton__connector_wait(baton_connector *connector, baton__event *event, uint32_t timeout_ms)
{
    baton_status status = wait(connector, event, timeout_ms);
    if (status == BATON_OK && timeout_ms != 0 && may_drive(connector)) { /* who only looks comes back */
        (void)baton__connector_say_last_words(connector);
    }
    return status;
}
