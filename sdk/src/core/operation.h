/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_OPERATION_H
#define BATON_CORE_OPERATION_H

/* The object, its states and its end. The diagram stands in sdk/README.md. */

static inline bool baton__is_active(const baton_operation *operation)
{
    return operation->kind >= BATON_OPERATION_READ;
}

/* Where an operation's memory is from. */
static inline baton__depot *baton__operation_depot(baton_connector *connector, baton_operation_kind kind)
{
    return kind >= BATON_OPERATION_READ ? &connector->actives : &connector->passives;
}

/* The passive side has told how it ended there. */
static inline bool baton__is_verdict(baton_status reason)
{
    return reason == BATON_OK || reason == BATON_ERR_NACKED;
}

/* What operations of a connector share. Once its transport is open. Errors: ERR_OUT_OF_MEMORY. */
baton_status baton__operations_init(baton_connector *connector);
/* Before the transport is closed. */
void baton__operations_fini(baton_connector *connector);

baton_operation_status baton__operation_status(const baton_operation *operation);
/* The one setter: checks the transition, traces it. */
void baton__operation_set_status(baton_operation *operation, baton_operation_status status);

/* Ends it: nothing is in flight. Once. The application is told by baton__ready_work. */
void baton__operation_end(baton_operation *operation, baton_status reason, int native);
/* Queues something to tell (BATON__READY_ bits). */
/* How often the bytes were copied on their way. */
uint32_t baton__copies(const char *path, const char *transport);
/* The links that its data took, as far as they are known. peer may be NULL. */
void baton__operation_note_transport(baton_operation *op, baton__peer *peer);
void baton__operation_ready(baton_operation *operation, uint8_t flags);
/* Runs callbacks; returns how many operations it told something. Outside of the transport's callbacks. */
int baton__ready_work(baton_connector *connector);

/* Any thread: has the owner look at the request bits. */
void baton__operation_request(baton_operation *operation, uint32_t bits);
/* COMPLETE for OK, CANCELLED where a side wanted it so, else ERRORED. */
baton_operation_status baton__status_for(baton_status reason);
void baton__operation_unref(baton_operation *operation);
/* Owner thread, once: timers, registration, tables; then the work of its side. */
void baton__operation_begin(baton_operation *operation);
/* The task of operation->task: works off the request bits. */
void baton__operation_requested(baton_task *task);
/* Deadline or cancel, whichever side it is. Owner thread. */
void baton__operation_stop(baton_operation *operation, baton_status reason, int native);

/* A descriptor for poll that is made when it is asked for: slot is atomic and -1 before, event what it tells. */
baton_status baton__pollable_get(int *slot, const baton__event *event, int *fd_out);
void baton__pollable_wake(const int *slot);
void baton__pollable_close(int fd);

/* Sets the error text and returns why it is over. */
baton_status baton__operation_fail_reason(const baton_operation *operation);

/* Holds the descriptors (false: they are released already), and lets them go. Any thread. */
bool baton__operation_hold(baton_operation *operation);
void baton__operation_let_go(baton_operation *operation);

/* What the other side is told about, seen from here. */
baton_status baton__reason_of_peer(baton_status told);
/* Copies a result for an acknowledgement. Errors: ERR_OUT_OF_MEMORY. */
baton_status baton__result_copy(void **to, size_t *to_size, const void *result, size_t size);

#endif
