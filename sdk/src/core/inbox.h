/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_INBOX_H
#define BATON_CORE_INBOX_H

#include <baton/connector.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The queue by which all processes of this host reach us. UCX's shared memory has one for each worker (uct_mm's FIFO):
 * a sender takes a place in it, fills it, and marks it as filled. One that is killed or stopped in between holds up
 * everything that comes after it, whoever sent that, for as long as the worker lives. Nobody is told.
 *
 * So a message to ourselves is sent through the same queue when there is a reason to doubt it: the process of a peer
 * that uses it has ended, or operations run and nothing comes. If it does not come through in time, the worker is left
 * for a new one (renewal.h).
 */
typedef struct baton__inbox {
    baton_timer tick;  /* while operations run with peers that use it */
    baton_timer look;  /* while a message to ourselves is under way */
    bool probing;
    bool doubted;      /* again, when it could not be looked at */
    uint64_t since_ns; /* probing */
    uint32_t silent;   /* ticks in a row in which nothing came through it */
} baton__inbox;

struct baton__peer;

void baton__inbox_init(baton_connector *connector);
void baton__inbox_fini(baton_connector *connector);
/* An operation runs with this peer, or it got an endpoint. */
void baton__inbox_watch(struct baton__peer *peer);
/* There is a reason to doubt it. Not in a callback of the transport. */
void baton__inbox_suspect(baton_connector *connector);
/* It can be looked at again. Not in a callback of the transport. */
void baton__inbox_reconsider(baton_connector *connector);
/* The transport is about to get a new worker, and with it another queue. */
void baton__inbox_changed(baton_connector *connector);

#endif
