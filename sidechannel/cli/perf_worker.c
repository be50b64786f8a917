/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_worker.h"

#include "perf_failure.h"

enum { CONNECT_MS = 5000 };

baton_status perf_worker_create(const perf_options *options, const char *name,
                                baton_worker **worker_out)
{
    baton_nats_options nats = BATON_NATS_OPTIONS_INIT;
    baton_connector_options connector = BATON_CONNECTOR_OPTIONS_INIT;
    baton_worker_options settings = BATON_WORKER_OPTIONS_INIT;
    nats.url = options->nats;
    connector.progress = options->application ? BATON_PROGRESS_APPLICATION : BATON_PROGRESS_THREAD;
    settings.name = name;
    settings.nats = &nats;
    settings.connector = &connector;
    settings.connect_wait_ms = CONNECT_MS;
    baton_status status = baton_worker_create(&settings, worker_out);
    return status == BATON_OK ? BATON_OK : perf_fail_baton(status, "a worker");
}
