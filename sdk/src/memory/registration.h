/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MEMORY_REGISTRATION_H
#define BATON_MEMORY_REGISTRATION_H

#include "transport/transport.h"
#include <baton/descriptor.h>
#include <stdint.h>

/*
 * Registrations of one connector, by range. A descriptor is registered when an operation first uses it, and stays so for later
 * ones until its owner lets go of it: before the release callback gives the memory back nobody finds the registration any more, and the
 * owner thread's next turn takes it from the transport. A range inside a registered one shares it, as long as somebody who vouches for all of the
 * registered range is there: a descriptor of just that range. When the last of these is released, nobody new may share, so what is mapped
 * anew at that place is never served from it; who shares already goes on.
 *
 * Thread: the owner's, but for baton__registration_drop. The transport is called by the owner thread alone: what is dropped elsewhere
 * waits for baton__registrations_work.
 */
typedef struct baton__registrations baton__registrations;
typedef struct baton__registration_link baton__registration_link;

/* wake: has the owner thread call baton__registrations_work; called on any thread, not after baton__registrations_end.
 * Errors: ERR_OUT_OF_MEMORY. */
baton_status baton__registrations_create(const baton__transport_table *table, baton__transport *transport,
                                         void (*wake)(void *context), void *context,
                                         baton__registrations **registrations_out);
/* Ends all of them, whoever holds a descriptor still. Before the transport is closed. NULL is legal. */
void baton__registrations_end(baton__registrations *registrations);
/* The descriptor is registered. Constant time if it is already, logarithmic otherwise. Errors: ERR_TRANSPORT, ERR_OUT_OF_MEMORY. */
baton_status baton__registration_need(baton__registrations *registrations, baton_descriptor *descriptor);
/* Deregisters what nobody uses any more. */
void baton__registrations_work(baton__registrations *registrations);
/* In all, and now. */
uint64_t baton__registrations_made(const baton__registrations *registrations);
uint64_t baton__registrations_live(const baton__registrations *registrations);

/* The last reference of a descriptor is gone: it uses none any more. Any thread. */
void baton__registration_drop(baton_descriptor *descriptor);

#endif
