/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_NATS_LINK_GREET_H
#define BATON_NATS_LINK_GREET_H

#include <baton/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a server says of itself before anybody has said who he is. */
typedef struct baton__nats_greeting {
    char version[32];
    bool headers;
    bool authentication;
    bool tls; /* it wants TLS of everybody */
} baton__nats_greeting;

/*
 * Reads the INFO line that a NATS server sends first, over a TCP connection of its own: nats.c reads it too and keeps the version
 * to itself, and its errors do not tell a silent server from one that is none.
 * address: "host:port" or "[host]:port". Errors: ERR_NATS_DISCONNECTED, with a text.
 * Blocking: the resolution of the name, and up to timeout_ms for each of its addresses.
 */
baton_status baton__nats_greet(const char *address, uint32_t timeout_ms,
                               baton__nats_greeting *greeting_out);

/* line: without its end. False if it is no INFO. */
bool baton__nats_greeting_parse(const char *line, size_t size, baton__nats_greeting *greeting_out);

#endif
