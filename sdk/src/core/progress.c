/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

int baton__engine_progress(void *context)
{
    baton_connector *connector = context;
    int done = connector->table->progress(connector->transport);
    if (done != 0) {
        baton__renewal_moves(connector);
    }
    if (connector->troubled != NULL) {
        done += baton__peers_work(connector);
    }
    if (connector->stage != NULL) {
        done += baton__stage_work(connector);
    }
    if (connector->copying != NULL) {
        done += baton__map_work(connector);
    }
    if (connector->rma != NULL) {
        done += baton__rma_work(connector);
    }
    if (connector->deferred != NULL) {
        done += baton__deferred_work(connector);
    }
    if (connector->ready_head != NULL) {
        done += baton__ready_work(connector);
    }
    return done;
}

void baton__engine_hear(baton_connector *connector)
{
    enum { TURNS = 10000 };
    for (int turn = 0; turn < TURNS && connector->table->progress(connector->transport) != 0; turn++) {
    }
}

bool baton__engine_arm(void *context)
{
    baton_connector *connector = context;
    if (connector->troubled != NULL || connector->ready_head != NULL || connector->copying != NULL ||
        baton__stage_is_busy(connector)) {
        return false;
    }
    if (connector->rma != NULL && !baton__rma_arm(connector)) {
        return false;
    }
    if (connector->table->arm(connector->transport)) {
        baton__renewal_moves(connector);
        return true;
    }
    return baton__renewal_stalls(connector);
}

baton_status baton__engine_drive(baton_connector *connector)
{
    baton__loop_driver driver = {
        .progress = baton__engine_progress,
        .arm = baton__engine_arm,
        .fd = connector->table->fd(connector->transport),
        .context = connector,
    };
    return baton__loop_set_driver(connector->loop, &driver);
}
