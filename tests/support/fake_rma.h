/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs in memory: registrations with keys that end with them, links that break when an access is refused, and what a test wants
 * to go wrong. Jobs are done in the progress of the device that they were given to, whatever the other side does. */
#ifndef BATON_TEST_FAKE_RMA_H
#define BATON_TEST_FAKE_RMA_H

#include "transport/rma.h"

extern const baton__rma_table fake_rma_table;

/* How a device misbehaves. */
typedef enum fake_rma_fault {
    FAKE_RMA_SOUND = 0,
    FAKE_RMA_NO_DEVICE,     /* open finds none */
    FAKE_RMA_STALE_WORKS,   /* keys go on working when their registration has ended */
    FAKE_RMA_NO_KEYS,       /* every key works */
    FAKE_RMA_WRONG_BYTES,   /* a get brings something else */
    FAKE_RMA_UNREACHABLE,   /* links cannot be connected */
    FAKE_RMA_DEAF,          /* accesses are never answered */
    FAKE_RMA_STUCK,         /* the same, and closing the link does not bring them back */
    FAKE_RMA_NO_REGISTER,   /* a registration with more than one page is refused */
    FAKE_RMA_NO_DEREGISTER  /* the same, and its end is not sure */
} fake_rma_fault;

void fake_rma_reset(void);
void fake_rma_set(fake_rma_fault fault);
/* Jobs wait until it is released; those of trials (one page) go on. */
void fake_rma_hold(bool held);
/* Every link breaks: what is under way on it ends, what comes later fails. */
void fake_rma_break(void);
/* Registrations that are there, without those of one or two pages. */
unsigned fake_rma_regions(void);
/* Gets and puts that were done. */
unsigned fake_rma_accesses(void);
/* Memory of devices can be registered, and is reached by these two, which fail for other memory; NULL: it cannot. */
void fake_rma_reach_devices(int (*peek)(const void *memory, void *out, size_t size), int (*poke)(void *memory, const void *bytes, size_t size));
/* Links that are there. */
unsigned fake_rma_links(void);

#endif
