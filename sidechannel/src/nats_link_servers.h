/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_NATS_LINK_SERVERS_H
#define BATON_NATS_LINK_SERVERS_H

#include <baton/status.h>
#include <stdbool.h>
#include <stddef.h>

/* One server to try. */
typedef struct baton__nats_server {
    char *url;      /* as nats.c takes it: scheme, user information, host, port */
    char *address;  /* "host:port": what a log line may say, since a URL can hold a password */
    char *tls_name; /* what its certificate is expected to name */
    bool tls;
    bool discovered; /* told of by another server of the cluster */
} baton__nats_server;

typedef struct baton__nats_servers {
    baton__nats_server *items;
    size_t count;
} baton__nats_servers;

/* Parses "[nats|tls://][user[:password]@]host[:port]", a comma-separated list of such, and shuffles
 * it, so that not all workers of a service try the same server first. Errors: ERR_INVALID_ARGUMENT,
 * ERR_OUT_OF_MEMORY. */
baton_status baton__nats_servers_init(baton__nats_servers *servers, const char *urls);
void baton__nats_servers_fini(baton__nats_servers *servers);

/* Replaces what was discovered before by these addresses ("nats://host:port"), which take scheme,
 * user information and TLS name of the server that told of them. Addresses in the list already are
 * left out; so is what memory has no room for. source: index of that server. */
void baton__nats_servers_discover(baton__nats_servers *servers, size_t source, char **urls,
                                  size_t count);

#endif
