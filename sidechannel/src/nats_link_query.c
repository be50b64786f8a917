/* SPDX-License-Identifier: Apache-2.0 */
/* One look at a server, with a link's settings and without a link: no loop, no helper. */
#include <baton/nats_server.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "nats_link_connection.h"
#include "nats_link_greet.h"
#include "nats_link_settings.h"
#include <stdio.h>

enum { PINGS = 5 };

/* Without one nats.c prints its errors. */
static void ignore_error(natsConnection *connection, natsSubscription *subscription,
                         natsStatus status, void *closure)
{
    (void)connection;
    (void)subscription;
    (void)status;
    (void)closure;
}

static baton_status fail(const baton__nats_server *server, const baton_nats_server *known, natsStatus status)
{
    const char *text = baton__nats_error_text(status);
    return baton__fail(baton__nats_reason(status, text), "NATS server %s (version %s): %s", server->address,
                       known->version, text);
}

static natsStatus measure(natsConnection *connection, uint32_t timeout_ms, uint64_t *round_trip_ns_out)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < PINGS; i++) {
        uint64_t begin = baton__clock_now(&baton__clock_boottime);
        natsStatus status = natsConnection_FlushTimeout(connection, timeout_ms);
        if (status != NATS_OK) {
            return status;
        }
        uint64_t took = baton__clock_now(&baton__clock_boottime) - begin;
        best = took < best ? took : best;
    }
    *round_trip_ns_out = best;
    return NATS_OK;
}

static baton_status ask(const baton__nats_settings *settings, const baton__nats_server *server,
                        baton_nats_server *found)
{
    natsOptions *options;
    baton_status status = baton__nats_settings_options(settings, server, &options);
    if (status != BATON_OK) {
        return status;
    }
    natsConnection *connection = NULL;
    natsStatus got = natsOptions_SetErrorHandler(options, ignore_error, NULL);
    if (got == NATS_OK) {
        got = natsConnection_Connect(&connection, options);
    }
    natsOptions_Destroy(options);
    if (got == NATS_OK) {
        found->max_payload_bytes = (uint64_t)natsConnection_GetMaxPayload(connection);
        got = measure(connection, settings->connect_timeout_ms, &found->round_trip_ns);
    }
    status = got == NATS_OK ? BATON_OK : fail(server, found, got);
    natsConnection_Destroy(connection);
    nats_ReleaseThreadMemory();
    return status;
}

static baton_status query(const baton__nats_settings *settings, const baton__nats_server *server,
                          baton_nats_server *found)
{
    baton__nats_greeting greeting;
    baton_status status = baton__nats_greet(server->address, settings->connect_timeout_ms, &greeting);
    if (status != BATON_OK) {
        return status;
    }
    *found = (baton_nats_server){.struct_size = sizeof(*found),
                                 .headers = greeting.headers,
                                 .tls = settings->tls || server->tls || greeting.tls,
                                 .authentication = greeting.authentication};
    (void)snprintf(found->version, sizeof(found->version), "%s", greeting.version);
    (void)snprintf(found->address, sizeof(found->address), "%s", server->address);
    return ask(settings, server, found);
}

baton_status baton_nats_query(const baton_nats_options *options, baton_nats_server *server_out)
{
    if (server_out == NULL || !baton__output_is_sized(server_out)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "NATS query: server_out is NULL, or its struct_size is not set (BATON_NATS_SERVER_INIT)");
    }
    baton__nats_settings settings;
    baton_status status = baton__nats_settings_init(&settings, "query", options);
    if (status != BATON_OK) {
        return status;
    }
    baton_nats_server found;
    status = BATON_ERR_NATS_DISCONNECTED;
    for (size_t i = 0; i < settings.servers.count && status != BATON_OK; i++) {
        status = query(&settings, &settings.servers.items[i], &found);
    }
    baton__nats_settings_fini(&settings);
    if (status == BATON_OK) {
        baton__output_copy(server_out, &found, sizeof(found));
    }
    return status;
}

const char *baton_nats_client_version(void)
{
    return nats_GetVersion();
}
