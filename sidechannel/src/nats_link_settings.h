/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_NATS_LINK_SETTINGS_H
#define BATON_NATS_LINK_SETTINGS_H

#include "nats_link_servers.h"
#include <baton/nats_options.h>
#include <nats/nats.h>

/* A copy of the options of a link, checked. */
typedef struct baton__nats_settings {
    baton__nats_servers servers;
    char *name;
    char *user;
    char *password;
    char *token;
    char *nkey_seed_file;
    char *nkey_public_key;
    char *credentials_file;
    bool tls;
    char *tls_ca_file;
    char *tls_certificate_file;
    char *tls_key_file;
    char *tls_hostname;
    uint32_t connect_timeout_ms;
    uint32_t reconnect_wait_ms;
    uint32_t ping_interval_ms;
} baton__nats_settings;

/* Errors: ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY. */
baton_status baton__nats_settings_init(baton__nats_settings *settings, const char *name,
                                       const baton_nats_options *options);
void baton__nats_settings_fini(baton__nats_settings *settings);

/* What nats.c said about a call of this thread that failed with this status, without the place in
 * its source. */
const char *baton__nats_error_text(natsStatus status);

/* nats.c's options for one attempt to connect. Files are read anew each time, so that a renewed
 * certificate is taken. Ownership: natsOptions_Destroy. Errors: ERR_INVALID_ARGUMENT (a file),
 * ERR_NATS, ERR_OUT_OF_MEMORY. */
baton_status baton__nats_settings_options(const baton__nats_settings *settings,
                                          const baton__nats_server *server,
                                          natsOptions **options_out);

#endif
