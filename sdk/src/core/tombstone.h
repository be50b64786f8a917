/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_TOMBSTONE_H
#define BATON_CORE_TOMBSTONE_H

/* How grants ended, for consumers that ask again: a lost COMMIT must not leave the two sides apart. A bounded
 * number, the oldest forgotten first. */
/* False: no memory; fini is to be called all the same. */
bool baton__tombstones_init(baton__tombstones *tombstones);
void baton__tombstones_fini(baton__tombstones *tombstones);
void baton__tombstone_add(baton__grant *grant);
/* Answers a frame of an attempt that is over. False: nothing is known of it. */
bool baton__tombstone_answer(baton_connector *connector, const baton__frame *frame);

#endif
