/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transport in memory, for tests of the protocol: all connectors of one process that are made
 * with it can reach each other. Nothing moves on its own: messages wait until the receiver makes
 * progress, and a test decides for each what becomes of it. One thread. Time is fake_clock, and
 * stands still until a test moves it.
 */
#ifndef BATON_TEST_FAKE_TRANSPORT_H
#define BATON_TEST_FAKE_TRANSPORT_H

#include "base/clock.h"
#include "core/frame.h"
#include "transport/transport.h"

/* Payloads beyond this are announced, as UCX does with long ones. */
#define FAKE_EAGER_MAX 8192

typedef enum fake_fate {
    FAKE_DELIVER,
    FAKE_DROP,      /* the sender sees success, as with UCX */
    FAKE_DUPLICATE, /* arrives twice (the second time with a copy of the payload) */
    FAKE_HOLD,      /* waits for fake_release */
    FAKE_LAST       /* waits until everything else was delivered in this progress of the receiver */
} fake_fate;

extern const baton__transport_table fake_transport_table;
extern const baton__clock fake_clock;

void fake_clock_advance_ms(uint64_t ms);
/* Runs when the next message of this type is about to be delivered. */
void fake_before_delivery(baton__frame_type type, void (*hook)(void));

/* What becomes of the next `times` messages of a type, from now on; the rest is delivered. */
void fake_plan(baton__frame_type type, fake_fate fate, unsigned times);
/* Delivers what is held, oldest first. */
void fake_release(void);
/* What is held fails at its senders; it still arrives. */
void fake_fail_held(void);
/* How many messages of a type were sent so far. */
unsigned fake_sent(baton__frame_type type);
/* All connections break, on both sides, what is on its way included. */
void fake_break(void);
/* As long as it is set, sends succeed and nothing arrives: a peer that is stopped, or cut off. */
void fake_set_cut(bool cut);
/* As long as it is set, transfers of an endpoint that is closed do not end, as happens with UCX
 * when the peer is stopped: fake_reset ends them. */
void fake_set_stuck(bool stuck);
/* The next payloads from device to device that are asked for stay under way, whatever becomes of the endpoint, as where a device copies them: their sender
 * learns that it is closed, their receiver nothing until fake_let_arrive, which does reach the sender's memory. */
void fake_delay_arrivals(unsigned times);
void fake_let_arrive(void);
/* One is under way like that. */
bool fake_is_arriving(void);
/* As long as it is set, endpoint_create fails. */
void fake_set_unreachable(bool unreachable);
/* As long as it is set, endpoints share the inbox of the worker that they belong to. */
void fake_set_shared(bool shared);
/* Nothing that is sent to this address arrives any more, until the worker is renewed: the index-th that was made. */
void fake_block(unsigned index);
/* From here on it reaches memory of devices, by these two: between two devices alone, and what a chunk that failed has reached may
 * still be reached by the peer. What one connector cannot, the index-th that was made, is told it in its endpoints. */
void fake_reach_devices(int (*peek)(const void *memory, void *out, size_t size), int (*poke)(void *memory, const void *bytes, size_t size));
void fake_take_lane(unsigned index);
/* As long as it is set, there is no new worker. */
void fake_refuse_renewal(bool refuse);
/* The present address of the connector that was made as the index-th; and how often one sent a message to itself. */
unsigned fake_address(unsigned index);
unsigned fake_loopbacks(void);
/* A message out of nowhere for the connector that was made as the index-th. */
void fake_inject(unsigned index, const void *header, size_t header_size, const void *data,
                 size_t size, bool announced);
/* Forgets plans, held messages (whose transfers end) and counts. */
void fake_reset(void);

#endif
