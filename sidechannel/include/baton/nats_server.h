/* SPDX-License-Identifier: Apache-2.0 */
/** Asks a NATS server what it is, without a worker. For diagnosis. */
#ifndef BATON_NATS_SERVER_H
#define BATON_NATS_SERVER_H

#include <baton/nats_options.h>
#include <baton/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct baton_nats_server {
    size_t struct_size;
    char address[264];          /**< "host:port", without user and password */
    char version[32];           /**< such as "2.9.10" */
    uint64_t max_payload_bytes; /**< longest message it takes */
    uint64_t round_trip_ns;     /**< the shortest of five PINGs */
    bool headers;               /**< messages may have headers, which traceparent and the 503 need */
    bool tls;                   /**< this connection is encrypted */
    bool authentication;        /**< it asks who connects */
} baton_nats_server;

#define BATON_NATS_SERVER_INIT                                                                     \
    {                                                                                              \
        sizeof(baton_nats_server), "", "", 0, 0, false, false, false                               \
    }

/**
 * Connects as a worker with these options would, asks, and closes. Of a list the first server that can be had is asked.
 * options: NULL for the defaults; borrowed until return. server_out->struct_size is set by the caller.
 * Errors: ERR_INVALID_ARGUMENT (also the URL and files that do not exist), ERR_NATS_DISCONNECTED (nobody there, or
 * nobody who answers like a NATS server), ERR_NATS_AUTHENTICATION, ERR_NATS, ERR_OUT_OF_MEMORY; server_out is untouched.
 * baton_error_text says which server, and what it did.
 * Threads: any. Blocking: for each server the resolution of its name and up to eight times connect_timeout_ms; for one
 * that accepts connections and is silent once.
 */
BATON_API BATON_CHECKED baton_status baton_nats_query(const baton_nats_options *options,
                                                      baton_nats_server *server_out);

/** Version of the nats.c library that is loaded, such as "3.4.1". A constant string. Threads: any. Blocking: no. */
BATON_API const char *baton_nats_client_version(void);

#ifdef __cplusplus
}
#endif
#endif
