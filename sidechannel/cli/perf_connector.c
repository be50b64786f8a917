/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_connector.h"

#include "perf_buffers.h"
#include "perf_failure.h"

baton_status perf_connector_create(const perf_options *options, baton_connector **connector_out)
{
    baton_connector_options settings = BATON_CONNECTOR_OPTIONS_INIT;
    settings.map_group = perf_options_map(options) ? PERF_GROUP : NULL;
    settings.rma = perf_options_rma(options);
    settings.progress = options->application ? BATON_PROGRESS_APPLICATION : BATON_PROGRESS_THREAD;
    baton_status status = baton_connector_create(&settings, connector_out);
    return status == BATON_OK ? BATON_OK : perf_fail_baton(status, "a connector");
}
