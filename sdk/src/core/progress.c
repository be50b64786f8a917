/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

int baton__engine_progress(void *context)
{
    baton_connector *connector = context;
    int done = connector->table->progress(connector->transport);
    if (connector->troubled != NULL) {
        done += baton__peers_work(connector);
    }
    if (connector->deferred != NULL) {
        done += baton__deferred_work(connector);
    }
    if (connector->ready_head != NULL) {
        done += baton__ready_work(connector);
    }
    return done;
}

bool baton__engine_arm(void *context)
{
    baton_connector *connector = context;
    return connector->troubled == NULL && connector->ready_head == NULL &&
           connector->table->arm(connector->transport);
}
