/* SPDX-License-Identifier: Apache-2.0 */
#include "nats_link_settings.h"

#include "base/error.h"
#include "base/options.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long TLS may wait for room in the socket: nats.c writes encrypted bytes at once or waits. */
#define WRITE_DEADLINE_MS 1000

const char *baton__nats_error_text(natsStatus status)
{
    const char *text = nats_GetLastError(NULL);
    if (text == NULL || text[0] == '\0') {
        return natsStatus_GetText(status);
    }
    /* "(conn.c:1905): Authorization Violation" */
    const char *end = text[0] == '(' ? strstr(text, "): ") : NULL;
    return end == NULL ? text : end + 3;
}

static const char *url_of(const baton_nats_options *options)
{
    const char *url = options->url;
    if (url == NULL) {
        url = getenv("BATON_NATS_URL");
    }
    if (url == NULL) {
        url = getenv("NATS_URL");
    }
    return url == NULL ? "nats://127.0.0.1:4222" : url;
}

static bool copy_string(const char *from, char **to_out)
{
    if (from == NULL) {
        return true;
    }
    *to_out = strdup(from);
    return *to_out != NULL;
}

static bool copy_strings(baton__nats_settings *settings, const char *name,
                         const baton_nats_options *options)
{
    return copy_string(name, &settings->name) && copy_string(options->user, &settings->user) &&
           copy_string(options->password, &settings->password) &&
           copy_string(options->token, &settings->token) &&
           copy_string(options->nkey_seed_file, &settings->nkey_seed_file) &&
           copy_string(options->nkey_public_key, &settings->nkey_public_key) &&
           copy_string(options->credentials_file, &settings->credentials_file) &&
           copy_string(options->tls_ca_file, &settings->tls_ca_file) &&
           copy_string(options->tls_certificate_file, &settings->tls_certificate_file) &&
           copy_string(options->tls_key_file, &settings->tls_key_file) &&
           copy_string(options->tls_hostname, &settings->tls_hostname);
}

static baton_status check_file(const char *path, const char *what)
{
    if (path != NULL && access(path, R_OK) != 0) {
        (void)baton__fail_errno(errno, "NATS: the %s \"%s\" cannot be read", what, path);
        return BATON_ERR_INVALID_ARGUMENT;
    }
    return BATON_OK;
}

static baton_status check_files(const baton_nats_options *options)
{
    baton_status status = check_file(options->nkey_seed_file, "NKey seed file");
    if (status == BATON_OK) {
        status = check_file(options->credentials_file, "credentials file");
    }
    if (status == BATON_OK) {
        status = check_file(options->tls_ca_file, "TLS CA file");
    }
    if (status == BATON_OK) {
        status = check_file(options->tls_certificate_file, "TLS certificate file");
    }
    if (status == BATON_OK) {
        status = check_file(options->tls_key_file, "TLS key file");
    }
    return status;
}

static baton_status check(const baton_nats_options *options)
{
    if ((options->tls_certificate_file == NULL) != (options->tls_key_file == NULL)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "NATS options: a TLS certificate and its key go together");
    }
    if ((options->nkey_seed_file == NULL) != (options->nkey_public_key == NULL) ||
        (options->nkey_public_key != NULL && options->nkey_public_key[0] != 'U')) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "NATS options: an NKey seed file and its public key (\"U...\") go together");
    }
    if (options->nkey_seed_file != NULL && options->credentials_file != NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "NATS options: an NKey seed or a credentials file, not both");
    }
    if (options->connect_timeout_ms == 0 || options->ping_interval_ms == 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "NATS options: a timeout or an interval of 0 ms");
    }
    return check_files(options);
}

/* What only nats.c can say about the files, it says here, and not later in a thread. */
static baton_status try_options(const baton__nats_settings *settings)
{
    natsOptions *options = NULL;
    baton_status status =
        baton__nats_settings_options(settings, &settings->servers.items[0], &options);
    if (status == BATON_OK) {
        natsOptions_Destroy(options);
    }
    return status;
}

baton_status baton__nats_settings_init(baton__nats_settings *settings, const char *name,
                                       const baton_nats_options *given)
{
    baton_nats_options mine = BATON_NATS_OPTIONS_INIT;
    const baton_nats_options *options = &mine;
    *settings = (baton__nats_settings){0};
    if (name == NULL || (given != NULL && !baton__options_copy(&mine, sizeof(mine), given))) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "NATS options: no name, or struct_size is "
                                                       "not set (BATON_NATS_OPTIONS_INIT)");
    }
    baton_status status = check(options);
    if (status != BATON_OK) {
        return status;
    }
    status = baton__nats_servers_init(&settings->servers, url_of(options));
    if (status != BATON_OK) {
        return status;
    }
    settings->tls = options->tls || options->tls_ca_file != NULL ||
                    options->tls_certificate_file != NULL || options->tls_key_file != NULL;
    settings->connect_timeout_ms = options->connect_timeout_ms;
    settings->reconnect_wait_ms = options->reconnect_wait_ms;
    settings->ping_interval_ms = options->ping_interval_ms;
    status = copy_strings(settings, name, options) ? try_options(settings)
                                                   : baton__fail_memory("NATS options");
    if (status != BATON_OK) {
        baton__nats_settings_fini(settings);
    }
    return status;
}

static void free_secret(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
    }
    free(text);
}

void baton__nats_settings_fini(baton__nats_settings *settings)
{
    baton__nats_servers_fini(&settings->servers);
    free(settings->name);
    free(settings->user);
    free_secret(settings->password);
    free_secret(settings->token);
    free(settings->nkey_seed_file);
    free(settings->nkey_public_key);
    free(settings->credentials_file);
    free(settings->tls_ca_file);
    free(settings->tls_certificate_file);
    free(settings->tls_key_file);
    free(settings->tls_hostname);
    *settings = (baton__nats_settings){0};
}

static natsStatus set_identity(const baton__nats_settings *settings, natsOptions *options)
{
    natsStatus status = NATS_OK;
    if (settings->user != NULL || settings->password != NULL) {
        status = natsOptions_SetUserInfo(options, settings->user, settings->password);
    }
    if (status == NATS_OK && settings->token != NULL) {
        status = natsOptions_SetToken(options, settings->token);
    }
    if (status == NATS_OK && settings->nkey_seed_file != NULL) {
        status = natsOptions_SetNKeyFromSeed(options, settings->nkey_public_key,
                                             settings->nkey_seed_file);
    }
    if (status == NATS_OK && settings->credentials_file != NULL) {
        status = natsOptions_SetUserCredentialsFromFiles(options, settings->credentials_file, NULL);
    }
    return status;
}

/* tls:// in a URL does not switch TLS on before nats.c 3.13, so it is always said. */
static natsStatus set_tls(const baton__nats_settings *settings, const baton__nats_server *server,
                          natsOptions *options)
{
    const char *hostname =
        settings->tls_hostname != NULL ? settings->tls_hostname : server->tls_name;
    natsStatus status = natsOptions_SetSecure(options, true);
    if (status == NATS_OK && settings->tls_ca_file != NULL) {
        status = natsOptions_LoadCATrustedCertificates(options, settings->tls_ca_file);
    }
    if (status == NATS_OK && settings->tls_certificate_file != NULL) {
        status = natsOptions_LoadCertificatesChain(options, settings->tls_certificate_file,
                                                   settings->tls_key_file);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetExpectedHostname(options, hostname);
    }
    return status;
}

/*
 * Reconnecting is ours (nats_link_helper.c says why), and so is the PING. SendAsap saves the
 * flusher thread: with an event loop it does not write either, it only asks for a write event at
 * once.
 */
static natsStatus set_manners(const baton__nats_settings *settings, natsOptions *options)
{
    natsStatus status = natsOptions_SetName(options, settings->name);
    if (status == NATS_OK) {
        status = natsOptions_SetAllowReconnect(options, false);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetPingInterval(options, 0);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetSendAsap(options, true);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetTimeout(options, settings->connect_timeout_ms);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetWriteDeadline(options, WRITE_DEADLINE_MS);
    }
    return status;
}

baton_status baton__nats_settings_options(const baton__nats_settings *settings,
                                          const baton__nats_server *server,
                                          natsOptions **options_out)
{
    natsOptions *options = NULL;
    natsStatus status = natsOptions_Create(&options);
    if (status == NATS_OK) {
        status = natsOptions_SetURL(options, server->url);
    }
    if (status == NATS_OK) {
        status = set_manners(settings, options);
    }
    if (status == NATS_OK) {
        status = set_identity(settings, options);
    }
    if (status == NATS_OK && (settings->tls || server->tls)) {
        status = set_tls(settings, server, options);
    }
    if (status != NATS_OK) {
        natsOptions_Destroy(options);
        return baton__fail(status == NATS_SSL_ERROR ? BATON_ERR_INVALID_ARGUMENT : BATON_ERR_NATS,
                           "NATS options: %s", baton__nats_error_text(status));
    }
    *options_out = options;
    return BATON_OK;
}
