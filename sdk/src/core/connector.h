/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_CONNECTOR_H
#define BATON_CORE_CONNECTOR_H

#include "core/engine.h"

void baton__connector_unref(baton_connector *connector);
/* ERR_WRONG_PROCESS after a fork. */
baton_status baton__connector_check(const baton_connector *connector);
/* Waits for an event that the owner sets; drives progress where the application does. Errors: ERR_TIMED_OUT,
 * ERR_WRONG_THREAD, ERR_WRONG_PROCESS. */
baton_status baton__connector_wait(baton_connector *connector, baton__event *event, uint32_t timeout_ms);

#endif
