/* SPDX-License-Identifier: Apache-2.0 */
#include "nats_link_adapter.h"

#include "base/log.h"
#include "nats_link_state.h"
#include <fcntl.h>
#include <string.h>

/*
 * What nats.c calls: the event-loop functions with its connection's lock held, on the thread that
 * does something with the connection (the helper connects and sends PINGs, the owner does all the
 * rest); errors and the end on its callback thread. nats.c ignores SIGPIPE in the whole process,
 * once it is opened: there is no way to have it not do so.
 */

static natsStatus attach(void **user_data, void *loop, natsConnection *nats, natsSock socket)
{
    baton__nats_connection *connection = loop;
    connection->source.fd = fcntl(socket, F_DUPFD_CLOEXEC, 3);
    if (connection->source.fd < 0) {
        return NATS_SYS_ERROR;
    }
    connection->library_fd = socket;
    connection->nats = nats;
    *user_data = connection;
    __atomic_store_n(&connection->attached, 1, __ATOMIC_RELEASE);
    return NATS_OK;
}

/* Only ever to end: nats.c starts to read by attaching. */
static natsStatus read_event(void *user_data, bool add)
{
    baton__nats_connection *connection = user_data;
    if (add || __atomic_exchange_n(&connection->attached, 0, __ATOMIC_ACQ_REL) == 0) {
        return NATS_OK;
    }
    baton__nats_link *link = connection->link;
    (void)pthread_mutex_lock(&link->mutex);
    __atomic_store_n(&link->connected, 0, __ATOMIC_RELEASE);
    (void)pthread_mutex_unlock(&link->mutex);
    if (baton_loop_is_owner(link->loop)) {
        baton__nats_connection_stop(connection);
    }
#if NATS_VERSION_NUMBER >= 0x030902
    natsConnection_ProcessCloseEvent(&connection->library_fd);
#endif
    baton__nats_link_post(link, &link->loss_task);
    return NATS_OK;
}

/* The owner writes after each of its own calls. Who else asks has it written by a task. */
static natsStatus write_event(void *user_data, bool add)
{
    baton__nats_connection *connection = user_data;
    __atomic_store_n(&connection->wanted, add ? 1 : 0, __ATOMIC_RELEASE);
    if (add && !baton_loop_is_owner(connection->link->loop)) {
        baton__nats_link_post(connection->link, &connection->link->flush_task);
    }
    return NATS_OK;
}

static natsStatus detach(void *user_data)
{
#if NATS_VERSION_NUMBER >= 0x030B00
    baton__nats_connection *connection = user_data;
    natsConnection_ProcessDetachedEvent(connection->nats);
#else
    (void)user_data;
#endif
    return NATS_OK;
}

/* The first thing in quotes, or what follows the opening one where the server's text was cut. */
static const char *find_subject(const char *text, size_t *length_out)
{
    const char *open = strchr(text, '"');
    if (open == NULL) {
        return NULL;
    }
    *length_out = strcspn(open + 1, "\"");
    return open + 1;
}

static void on_denied(baton__nats_connection *connection, const char *text)
{
    size_t length;
    const char *subject = find_subject(text, &length);
    if (subject == NULL) {
        BATON__WARN("NATS: the server's permissions deny something that it does not name");
        return;
    }
    bool publish = strcasestr(text, "violation for publish") != NULL;
    baton__nats_link_notify(connection->link,
                            publish ? BATON__NOTICE_DENIED_PUBLISH : BATON__NOTICE_DENIED_SUBSCRIBE,
                            subject, length);
}

/* There must be one: without it nats.c prints to stderr (from 3.6 on). */
static void on_error(natsConnection *nats, natsSubscription *subscription, natsStatus error,
                     void *closure)
{
    /* The text of this very error; that of the connection may be a later one's. */
    const char *text = nats_GetLastError(NULL);
    (void)nats;
    (void)subscription;
    if (error == NATS_NOT_PERMITTED) {
        on_denied(closure, text == NULL ? "" : text);
    } else if (error == NATS_SLOW_CONSUMER) {
        BATON__WARN("NATS: messages came faster than they were read; some were dropped");
    } else {
        BATON__INFO("NATS: %s", natsStatus_GetText(error));
    }
}

static void on_closed(natsConnection *nats, void *closure)
{
    baton__nats_connection *connection = closure;
    (void)nats;
    baton__event_set(&connection->closed);
    baton__nats_connection_release(connection);
}

natsStatus baton__nats_adapter_install(baton__nats_connection *connection, natsOptions *options)
{
    natsStatus status =
        natsOptions_SetEventLoop(options, connection, attach, read_event, write_event, detach);
    if (status == NATS_OK) {
        status = natsOptions_SetErrorHandler(options, on_error, connection);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetClosedCB(options, on_closed, connection);
    }
    return status;
}
