/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_RMA_H
#define BATON_CORE_RMA_H

#include "transport/rma.h"

/*
 * The path `rma`: the active side gets from, or puts into, the memory of the passive side by its device, which checks keys.
 *
 *   C (active)                                O (passive)
 *   waiting --- REACH 1: address of a link -->  makes its end of it
 *           <-- REACHED 1: address, probe ---
 *   (C proves the link, below; then:)
 *   asked   --- REACH 2 --------------------->  registers the memory of this grant
 *           <-- REACHED 2: keys -------------   an exposure
 *   moving  get, or put and flush; O has no part in it
 *   moved   --- MOVED or ACK ---------------->  the exposure ends: the registrations are gone before the grant is over
 *
 * An exposure ends whenever O wants it to, whatever C does: deregistering takes the key back. So nothing ever waits for C, and no
 * memory goes into quarantine, unless the device refuses to deregister.
 *
 * That keys are enforced, and that deregistering takes them back, is tried and not assumed: before a link to a peer is used, C
 * makes two others, one for gets and one for puts. On each an access with a good key has to work, and then one with the key of a
 * registration that has ended has to be refused. That breaks the link, which is why each trial has its own.
 *
 * What fails here ends the way, not the operation: it goes on by `am`, from the start. Descriptors on both sides lie in one piece;
 * strided ones go by `am`.
 *
 * REACH 1: what link_connect takes. REACHED 1: u16 size of the address, address, u64 address and u8 size of key of the probe memory,
 * good key, stale key; the first BATON__PROBE_SIZE bytes are for gets and repeat the passive side's instance, the next for puts.
 * REACHED 2: u8 size of a key, and for each descriptor u64 address, key.
 */
enum {
    BATON__RMA_MIN = 64 * 1024,     /* below, a message is there before the keys */
    BATON__RMA_COUNT_MAX = 512,     /* descriptors */
    BATON__RMA_PATIENCE_MS = 5000,  /* for a link and its proof */
    BATON__RMA_RETRY_MS = 10000,    /* until a peer whose link could not be made, or not be proven, is tried again */
    BATON__RMA_TRIES_MAX = 3,       /* links that one operation waits for */
    BATON__PROBE_SIZE = 4096,
    BATON__REACH_LINK = 1,          /* d of REACH and REACHED */
    BATON__REACH_KEYS = 2,
    BATON__MOVED_BY_DEVICE = 1      /* d of MOVED, ACK and NACK: the bytes went by rma */
};

/* rma_active.c. Before the first OPEN: decides whether to want it. */
void baton__reach_want(baton_operation *op);
/* The grant is there. */
void baton__reach_granted(baton_operation *op);
/* All bytes went by the device. */
bool baton__reach_has_moved(const baton_operation *op);
/* Not by `am` now. */
bool baton__reach_is_on(const baton_operation *op);
/* It waits for the link to its peer, and can send. */
bool baton__reach_waits(const baton_operation *op);
/* The link is there: asks for the keys. */
void baton__reach_linked(baton_operation *op);
/* There will be none. */
void baton__reach_refuse(baton_operation *op, const char *why);
/* The link that it used is gone. */
void baton__reach_unlinked(baton_operation *op);
void baton__reach_reached(baton_operation *op, const baton__frame *frame, const baton__payload *payload);
/* Gets and puts in flight; part of the operation's inflight. */
uint32_t baton__reach_jobs(const baton_operation *op);
/* The operation ends: nothing new. */
void baton__reach_leave(baton_operation *op);
/* They have had their time to end. First closes their link, the second time gives them up: the operation ends QUARANTINED. */
void baton__reach_force(baton_operation *op);
void baton__reach_fini(baton_operation *op);
/* Owner, from the loop: progress of the device, and what comes next for each operation. Returns how much was done. */
int baton__rma_work(baton_connector *connector);
bool baton__rma_arm(baton_connector *connector);

/* rma_link.c: the links of a peer that it is the active side of. */
/* There is an operation that waits. */
void baton__rma_link_want(baton__peer *peer);
void baton__rma_link_reached(baton_operation *op, const baton__frame *frame, const baton__payload *payload);
/* The operation can send no more, or its session is another one. */
void baton__rma_link_lost_carrier(const baton_operation *op);
/* The link in use; NULL: there is none. */
baton__rma_link *baton__rma_link_of(const baton__peer *peer);
/* An access over it failed, or one must end. Those that use it are told. */
void baton__rma_link_end(baton__peer *peer);
/* The peer is gone: all its links, in both directions. */
void baton__rma_forget(baton__peer *peer);

/* rma_passive.c */
void baton__exposure_ask(baton__grant *grant, const baton__frame *frame, const baton__payload *payload);
/* The consumer says that it has written everything. */
void baton__exposure_filled(baton__grant *grant);
/* Nobody reaches the memory by it any more. If the device is not sure of that, the grant ends QUARANTINED. */
void baton__exposure_end(baton__grant *grant);

/* rma_device.c: with the connector. why_out: as baton__rma_table.open; also where there is no memory for it. */
baton_status baton__rma_open(baton_connector *connector);
void baton__rma_close(baton_connector *connector);
/* Any thread. Its device registers memory of CUDA devices. */
bool baton__rma_reaches_devices(const baton_connector *connector);
/* Why the operation's memory cannot be registered with it; NULL: it can. A constant string. */
const char *baton__rma_why_not_memory(const baton_operation *op);

#endif
