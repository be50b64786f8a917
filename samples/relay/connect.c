/* SPDX-License-Identifier: Apache-2.0 */
#include "connect.h"

#include "progress.h"
#include "signals.h"

/* One try, so that a signal does not wait for longer. */
enum { TRY_MS = 500, PAUSE_MS = 200 };

baton_worker *connect_worker(const relay_options *options, int signals_fd, int *signal_out)
{
    baton_nats_options nats = BATON_NATS_OPTIONS_INIT;
    nats.url = options->nats_url;
    baton_worker_options settings = BATON_WORKER_OPTIONS_INIT;
    settings.name = options->name;
    settings.nats = &nats;
    settings.connect_wait_ms = TRY_MS;
    uint64_t give_up_ns = now_ns() + (uint64_t)options->wait_ms * 1000000;
    baton_worker *worker = NULL;
    bool waiting = false;
    *signal_out = 0;
    while (*signal_out == 0) {
        baton_status status = baton_worker_create(&settings, &worker);
        if (status == BATON_OK) {
            return worker;
        }
        if (status != BATON_ERR_NATS_DISCONNECTED || now_ns() >= give_up_ns) {
            say("%s", baton_error_text());
            return NULL;
        }
        if (!waiting) {
            say("no NATS server yet, waiting up to %u s: %s", options->wait_ms / 1000,
                baton_error_text());
            waiting = true;
        }
        *signal_out = signals_wait(signals_fd, -1, PAUSE_MS);
    }
    return NULL;
}
