/* SPDX-License-Identifier: Apache-2.0 */
/* What a connector tells, and progress by the application. */
#include "core/connector.h"

#include "base/error.h"
#include "base/options.h"
#include <string.h>

const char *baton_connector_name(const baton_connector *connector)
{
    return connector->name;
}

const char *baton_connector_hostname(const baton_connector *connector)
{
    return connector->hostname;
}

bool baton_connector_is_cuda_available(const baton_connector *connector)
{
    (void)connector;
    return baton_device_check((baton_device){BATON_DEVICE_KIND_CUDA, 0}) == BATON_OK;
}

baton_uuid baton_connector_instance(const baton_connector *connector)
{
    return connector->instance;
}

uint64_t baton_connector_epoch(const baton_connector *connector)
{
    return connector->epoch;
}

baton_loop *baton_connector_loop(baton_connector *connector)
{
    return connector->loop;
}

static baton_status check_application(const baton_connector *connector, const char *what)
{
    if (connector == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "%s: no connector", what);
    }
    if (connector->options.progress != BATON_PROGRESS_APPLICATION) {
        return baton__fail(BATON_ERR_WRONG_STATE, "%s: baton has a thread for it", what);
    }
    return baton__connector_check(connector);
}

baton_status baton_connector_fd(baton_connector *connector, int *fd_out)
{
    baton_status status = check_application(connector, "progress descriptor");
    if (status == BATON_OK && fd_out == NULL) {
        status = baton__fail(BATON_ERR_INVALID_ARGUMENT, "progress descriptor: no place for the result");
    }
    if (status == BATON_OK) {
        __atomic_store_n(&connector->fd_given, 1, __ATOMIC_RELAXED);
        *fd_out = baton__loop_fd(connector->loop);
    }
    return status;
}

int baton_connector_progress(baton_connector *connector)
{
    enum { IDLE_TURNS = 64 };
    if (check_application(connector, "progress") != BATON_OK || !baton__loop_enter(connector->loop)) {
        return 0;
    }
    /* 0 is only said with everything armed: then the descriptor tells when there is more. What is under way and tells nobody, a
     * copy of a device's, is no reason to stay. */
    int done = 1;
    for (int i = 0; i < IDLE_TURNS; i++) {
        int turn = baton__loop_turn(connector->loop);
        if (turn != 0 || baton__loop_arm(connector->loop)) {
            done = turn;
            break;
        }
    }
    baton__loop_leave(connector->loop);
    return done;
}

baton_status baton_connector_progress_wait(baton_connector *connector, uint32_t timeout_ms)
{
    baton_status status = check_application(connector, "progress");
    if (status != BATON_OK) {
        return status;
    }
    if (baton_loop_is_owner(connector->loop)) {
        return baton__fail(BATON_ERR_WRONG_THREAD, "progress: inside a callback");
    }
    uint64_t end = timeout_ms == BATON_FOREVER ? UINT64_MAX : baton__after_ms(connector, timeout_ms);
    for (;;) {
        uint64_t now = baton__now(connector);
        baton__turn turn = baton__connector_turn(connector);
        if (turn == BATON__TURN_WORKED) {
            baton__connector_stop_driving(connector, turn);
            return BATON_OK;
        }
        if (now >= end) {
            baton__connector_stop_driving(connector, turn);
            return baton__fail_as_is(BATON_ERR_TIMED_OUT, "progress: nothing to do in that time");
        }
        if (turn == BATON__TURN_ARMED) {
            baton__loop_sleep(connector->loop, end - now);
        } else {
            baton__loop_pause(connector->loop);
        }
    }
}

baton_status baton_connector_flush(baton_connector *connector, uint32_t timeout_ms)
{
    baton_status status = check_application(connector, "flush");
    if (status != BATON_OK) {
        return status;
    }
    if (baton_loop_is_owner(connector->loop)) {
        return baton__fail(BATON_ERR_WRONG_THREAD, "flush: inside a callback");
    }
    uint64_t timeout_ns = timeout_ms == BATON_FOREVER ? UINT64_MAX : timeout_ms * BATON__NS_PER_MS;
    bool is_said = timeout_ms == 0 ? baton__connector_say_last_words(connector) : baton__connector_flush(connector, timeout_ns);
    return is_said
               ? BATON_OK
               : baton__fail_as_is(BATON_ERR_TIMED_OUT, "flush: a peer does not take what it is told");
}

baton_status baton_connector_get_stats(const baton_connector *connector, baton_connector_stats *stats_out)
{
    if (connector == NULL || stats_out == NULL || !baton__output_is_sized(stats_out)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "connector statistics: struct_size must be set");
    }
    baton_connector_stats stats = {0};
#define LOAD(name) stats.name = __atomic_load_n(&connector->stats.name, __ATOMIC_RELAXED);
    BATON_CONNECTOR_STATS_LIST(LOAD)
#undef LOAD
    stats.loop_sleeps = baton__loop_sleeps(connector->loop);
    baton__output_copy(stats_out, &stats, sizeof(stats));
    return BATON_OK;
}
