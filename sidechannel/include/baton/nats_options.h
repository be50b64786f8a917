/* SPDX-License-Identifier: Apache-2.0 */
/** How to reach the NATS servers. */
#ifndef BATON_NATS_OPTIONS_H
#define BATON_NATS_OPTIONS_H

#include <baton/export.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Strings are borrowed by the call that takes the options, which copies them; NULL leaves a setting out. */
typedef struct baton_nats_options {
    size_t struct_size;
    /** Comma-separated list. NULL: the environment's BATON_NATS_URL, else NATS_URL, else nats://127.0.0.1:4222. */
    const char *url;
    const char *user;
    const char *password;
    const char *token;
    /** File with an NKey seed ("SU..."), and the public key that belongs to it ("U...", as the server's
     *  configuration has it; `nk -inkey FILE -pubout` prints it). They go together. */
    const char *nkey_seed_file;
    const char *nkey_public_key;
    /** Credentials file (JWT and seed). */
    const char *credentials_file;
    /** TLS. Also on when a URL begins with tls:// or one of the files below is given. */
    bool tls;
    const char *tls_ca_file;
    const char *tls_certificate_file;
    const char *tls_key_file;
    /** Name to expect in the server's certificate. NULL: the host of the URL. */
    const char *tls_hostname;
    uint32_t connect_timeout_ms;
    uint32_t reconnect_wait_ms;
    /** Milliseconds between PINGs; a server that misses two is given up. */
    uint32_t ping_interval_ms;
} baton_nats_options;

#define BATON_NATS_DEFAULTS                                                                        \
    .struct_size = sizeof(baton_nats_options), .connect_timeout_ms = 2000,                         \
    .reconnect_wait_ms = 100, .ping_interval_ms = 5000
#define BATON_NATS_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(baton_nats_options), 0, 0, 0, 0, 0, 0, 0, false, 0, 0, 0, 0, 2000, 100, 5000           \
    }

#ifdef __cplusplus
}
#endif
#endif
