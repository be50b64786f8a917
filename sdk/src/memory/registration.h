/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MEMORY_REGISTRATION_H
#define BATON_MEMORY_REGISTRATION_H

#include "transport/transport.h"
#include <baton/descriptor.h>
#include <stdint.h>

/*
 * Registrations of one connector: one for each descriptor in use, shared by the operations that use it, gone
 * with the last of them. Owner thread only.
 */
typedef struct baton__registration baton__registration;

typedef struct baton__registrations {
    baton__registration *by_descriptor;
    const baton__transport_table *table;
    baton__transport *transport;
    uint64_t made; /* in all */
    uint64_t live;
} baton__registrations;

/* Errors: ERR_TRANSPORT, ERR_OUT_OF_MEMORY. Takes no reference of the descriptor: the operation has one. */
baton_status baton__registration_acquire(baton__registrations *registrations, baton_descriptor *descriptor);
void baton__registration_release(baton__registrations *registrations, baton_descriptor *descriptor);

#endif
