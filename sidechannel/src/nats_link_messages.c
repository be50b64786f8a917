/* SPDX-License-Identifier: Apache-2.0 */
#include "base/copy_text.h"
#include "base/error.h"
#include "base/log.h"
#include "nats_link_state.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* Subscriptions, what comes in on them, and what goes out. All of it the owner's. */

/* Most bytes that wait for a server that does not take them; the PINGs find it out in the end. */
#define BACKLOG_MAX     (64 * 1024 * 1024)
#define SPENT_BYTES_MAX (256 * 1024)
#define REPLY_TOKEN_MAX 127
#define TRACEPARENT     "traceparent"

static natsStatus make(baton__nats_link *link, baton__nats_subscription *subscription)
{
    natsConnection *nats = link->connection->nats;
    return subscription->queue == NULL
               ? natsConnection_SubscribeSync(&subscription->handle, nats, subscription->subject)
               : natsConnection_QueueSubscribeSync(&subscription->handle, nats,
                                                   subscription->subject, subscription->queue);
}

static bool is_up(const baton__nats_link *link)
{
    return link->connection != NULL && baton__nats_connection_is_attached(link->connection);
}

baton_status baton__nats_link_subscribe_all(baton__nats_link *link)
{
    for (size_t i = 0; i < link->subscription_count; i++) {
        baton__nats_subscription *subscription = &link->subscriptions[i];
        if (subscription->subject == NULL) {
            continue;
        }
        natsStatus status = make(link, subscription);
        if (status != NATS_OK) {
            return baton__fail(BATON_ERR_NATS, "NATS: subscribing to %s: %s", subscription->subject,
                               natsStatus_GetText(status));
        }
    }
    return BATON_OK;
}

void baton__nats_link_unsubscribe_all(baton__nats_link *link)
{
    for (size_t i = 0; i < link->subscription_count; i++) {
        natsSubscription_Destroy(link->subscriptions[i].handle);
        link->subscriptions[i].handle = NULL;
    }
}

static void clear(baton__nats_subscription *subscription)
{
    /* nats.c reads messages on this thread alone, so none is on its way to the subscription (3.4.1
     * would crash). */
    natsSubscription_Destroy(subscription->handle);
    free(subscription->subject);
    free(subscription->queue);
    *subscription = (baton__nats_subscription){0};
}

static void destroy_spent(baton__nats_link *link)
{
    for (unsigned i = 0; i < link->spent_count; i++) {
        natsMsg_Destroy(link->spent[i]);
    }
    link->spent_count = 0;
    link->spent_bytes = 0;
}

void baton__nats_link_free_subscriptions(baton__nats_link *link)
{
    for (size_t i = 0; i < link->subscription_count; i++) {
        clear(&link->subscriptions[i]);
    }
    destroy_spent(link);
    free(link->subscriptions);
    link->subscriptions = NULL;
    link->subscription_count = 0;
}

static baton_status find_place(baton__nats_link *link, size_t *place_out)
{
    size_t place = 0;
    while (place < link->subscription_count && link->subscriptions[place].subject != NULL) {
        place++;
    }
    if (place == link->subscription_count) {
        baton__nats_subscription *larger =
            realloc(link->subscriptions, (place + 1) * sizeof(*larger));
        if (larger == NULL) {
            return baton__fail_memory("NATS subscription");
        }
        larger[place] = (baton__nats_subscription){0};
        link->subscriptions = larger;
        link->subscription_count++;
    }
    *place_out = place;
    return BATON_OK;
}

baton_status baton__nats_link_subscribe(baton__nats_link *link, const char *subject,
                                        const char *queue, size_t *subscription_out)
{
    size_t place = 0;
    baton_status status = find_place(link, &place);
    if (status != BATON_OK) {
        return status;
    }
    baton__nats_subscription *subscription = &link->subscriptions[place];
    subscription->subject = strdup(subject);
    subscription->queue = queue == NULL ? NULL : strdup(queue);
    if (subscription->subject == NULL || (queue != NULL && subscription->queue == NULL)) {
        clear(subscription);
        return baton__fail_memory("NATS subscription");
    }
    if (is_up(link)) {
        natsStatus got = make(link, subscription);
        /* Lost meanwhile: it is made with the next connection. */
        if (got != NATS_OK && got != NATS_CONNECTION_CLOSED) {
            clear(subscription);
            return baton__fail(BATON_ERR_NATS, "NATS: subscribing to %s: %s", subject,
                               natsStatus_GetText(got));
        }
        baton__nats_connection_flush(link->connection);
    }
    *subscription_out = place;
    return BATON_OK;
}

void baton__nats_link_unsubscribe(baton__nats_link *link, size_t subscription)
{
    if (subscription >= link->subscription_count) {
        return;
    }
    clear(&link->subscriptions[subscription]);
    if (is_up(link)) {
        baton__nats_connection_flush(link->connection);
    }
}

static void deliver_one(baton__nats_link *link, size_t subscription, natsMsg *message)
{
    baton__nats_incoming incoming = {.subject = natsMsg_GetSubject(message),
                                     .data = natsMsg_GetData(message),
                                     .size = (size_t)natsMsg_GetDataLength(message),
                                     .subscription = subscription};
    if (natsMsgHeader_Get(message, TRACEPARENT, &incoming.traceparent) != NATS_OK) {
        incoming.traceparent = NULL;
    }
    link->callbacks.message(link->context, &incoming);
}

/* Each message that is destroyed alone wakes the thread of nats.c that frees them, in the middle of a hand-off; of some in a row
 * only the first does. */
static void destroy_soon(baton__nats_link *link, natsMsg *message)
{
    link->spent[link->spent_count++] = message;
    link->spent_bytes += (size_t)natsMsg_GetDataLength(message);
    if (link->spent_count == BATON__NATS_SPENT_MAX || link->spent_bytes > SPENT_BYTES_MAX) {
        destroy_spent(link);
    }
}

/* The callback may subscribe, unsubscribe, publish and lose the connection, so everything is looked
 * up anew. */
static void drain(baton__nats_link *link, size_t i)
{
    int pending = 0;
    while (i < link->subscription_count && link->subscriptions[i].handle != NULL &&
           natsSubscription_GetPending(link->subscriptions[i].handle, &pending, NULL) == NATS_OK &&
           pending > 0) {
        natsMsg *message = NULL;
        natsStatus status = natsSubscription_NextMsg(&message, link->subscriptions[i].handle, 0);
        if (status == NATS_OK) {
            deliver_one(link, i, message);
            destroy_soon(link, message);
        } else if (status != NATS_SLOW_CONSUMER && status != NATS_NO_RESPONDERS) {
            return;
        }
    }
}

void baton__nats_link_deliver(baton__nats_link *link)
{
    for (size_t i = 0; i < link->subscription_count; i++) {
        drain(link, i);
    }
}

size_t baton__nats_link_max_payload(const baton__nats_link *link)
{
    if (!is_up(link)) {
        return 0;
    }
    int64_t limit = natsConnection_GetMaxPayload(link->connection->nats);
    return limit > 0 ? (size_t)limit : 0;
}

/* With a header only where there is one: it costs a message object and a hash. */
static natsStatus send(natsConnection *nats, const char *subject, const char *reply,
                       const char *traceparent, const void *data, int size)
{
    if (traceparent == NULL) {
        return reply == NULL ? natsConnection_Publish(nats, subject, data, size)
                             : natsConnection_PublishRequest(nats, subject, reply, data, size);
    }
    natsMsg *message = NULL;
    natsStatus status = natsMsg_Create(&message, subject, reply, data, size);
    if (status == NATS_OK) {
        status = natsMsgHeader_Set(message, TRACEPARENT, traceparent);
    }
    if (status == NATS_OK) {
        status = natsConnection_PublishMsg(nats, message);
    }
    natsMsg_Destroy(message);
    return status;
}

static baton_status status_of(natsStatus status, const char *subject)
{
    switch (status) {
    case NATS_OK:
        return BATON_OK;
    case NATS_MAX_PAYLOAD:
        return baton__fail(BATON_ERR_TOO_LARGE, "NATS: larger than the server's max_payload");
    case NATS_CONNECTION_CLOSED:
        return baton__fail(BATON_ERR_NATS_DISCONNECTED, "NATS: not connected");
    default:
        return baton__fail(BATON_ERR_NATS, "NATS: publishing on %s: %s", subject,
                           natsStatus_GetText(status));
    }
}

baton_status baton__nats_link_publish(baton__nats_link *link, const char *subject,
                                      const char *reply_token, const char *traceparent,
                                      const void *data, size_t size)
{
    char reply[sizeof(link->inbox) + 1 + REPLY_TOKEN_MAX];
    if (!is_up(link)) {
        return status_of(NATS_CONNECTION_CLOSED, subject);
    }
    if (size > INT_MAX) {
        return status_of(NATS_MAX_PAYLOAD, subject);
    }
    baton__nats_connection *connection = link->connection;
    bool waits = (connection->source.events & EPOLLOUT) != 0;
    if (waits && natsConnection_Buffered(connection->nats) > BACKLOG_MAX) {
        return baton__fail(BATON_ERR_NATS, "NATS: the server does not take what it is sent");
    }
    if (reply_token != NULL) {
        if (strlen(reply_token) > REPLY_TOKEN_MAX) {
            return baton__fail(BATON_ERR_NATS, "NATS: a reply token of more than %d bytes",
                               REPLY_TOKEN_MAX);
        }
        size_t length = baton__copy_text(reply, sizeof(link->inbox), link->inbox);
        reply[length++] = '.';
        (void)baton__copy_text(reply + length, sizeof(reply) - length, reply_token);
    }
    natsStatus got = send(connection->nats, subject, reply_token == NULL ? NULL : reply,
                          traceparent, data, (int)size);
    if (got == NATS_NO_SERVER_SUPPORT) {
        /* A server without headers, older than 2.2: the trace ends here, the hand-off does not. */
        got = send(connection->nats, subject, reply_token == NULL ? NULL : reply, NULL, data,
                   (int)size);
    }
    if (got == NATS_OK) {
        baton__nats_connection_flush(connection);
        got = is_up(link) ? NATS_OK : NATS_CONNECTION_CLOSED;
    }
    return status_of(got, subject);
}
