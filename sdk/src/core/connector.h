/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_CONNECTOR_H
#define BATON_CORE_CONNECTOR_H

#include "core/engine.h"

/* As baton_connector_create, with another transport or another clock. clock: copied. */
baton_status baton__connector_create_with(const baton_connector_options *options,
                                          const baton__transport_table *table,
                                          const baton__clock *clock, baton_connector **connector_out);
/* After the end nobody drives the loop: who posts to it has this run what it posted. */
void baton__connector_run_late(baton_connector *connector);
/* Everything ends that still runs, and all endpoints are closed. The calling thread is the owner. Blocking: some seconds at most. */
void baton__connector_shut_down(baton_connector *connector);
void baton__connector_unref(baton_connector *connector);
/* ERR_WRONG_PROCESS after a fork. */
baton_status baton__connector_check(const baton_connector *connector);
/* One turn by the calling thread, where the application drives progress. */
typedef enum baton__turn {
    BATON__TURN_WORKED,
    BATON__TURN_SPINNING, /* nothing to do, but soon; or another thread is at it */
    BATON__TURN_ARMED     /* nothing to do: the loop may sleep */
} baton__turn;
baton__turn baton__connector_turn(baton_connector *connector);
/* The calling thread stops driving after this turn. Where nothing is armed then, who polls the descriptor looks again. */
void baton__connector_stop_driving(baton_connector *connector, baton__turn last);
/* Where the application drives progress: drives until nothing is posted and no control frame waits for room any more. False: the time is
 * over. timeout_ns: UINT64_MAX for ever. */
bool baton__connector_flush(baton_connector *connector, uint64_t timeout_ns);
/* The same for some milliseconds, if no operation lives, and not again for what was waited for in vain. False: something is left. */
bool baton__connector_say_last_words(baton_connector *connector);
/* Waits for an event that the owner sets; drives progress where the application does, and says the last words. Errors: ERR_TIMED_OUT,
 * ERR_WRONG_THREAD, ERR_WRONG_PROCESS. */
baton_status baton__connector_wait(baton_connector *connector, baton__event *event, uint32_t timeout_ms);

#endif
