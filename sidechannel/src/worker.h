/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_SIDE_WORKER_H
#define BATON_SIDE_WORKER_H

#include "session.h"

/* Borrowed as long as the worker. */
baton__session *baton__worker_session(baton_worker *worker);

#endif
