/* SPDX-License-Identifier: Apache-2.0 */
/* What UCX does to the whole process, made polite (see sdk/README.md, "Manners"). */
#include "transport/ucx.h"

#include "base/log.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucs/debug/log_def.h>

/* In libucs since 1.4, declared in a header that is not installed. */
void ucs_debug_disable_signals(void);

static baton_log_level level_of(ucs_log_level_t level)
{
    if (level <= UCS_LOG_LEVEL_ERROR) {
        return BATON_LOG_ERROR;
    }
    if (level == UCS_LOG_LEVEL_WARN) {
        return BATON_LOG_WARN;
    }
    return level <= UCS_LOG_LEVEL_INFO ? BATON_LOG_INFO : BATON_LOG_DEBUG;
}

static ucs_log_func_rc_t forward(const char *file, unsigned line, const char *function,
                                 ucs_log_level_t level, const ucs_log_component_config_t *component,
                                 const char *message, va_list arguments)
{
    (void)function;
    if (level > component->log_level) {
        return UCS_LOG_FUNC_RC_STOP;
    }
    if (level == UCS_LOG_LEVEL_FATAL) {
        return UCS_LOG_FUNC_RC_CONTINUE; /* the process is about to abort: UCX says why itself */
    }
    /* A peer that died is a fact of life here: the operation's reason tells it, stderr need not. */
    baton_log_level mapped = level_of(level);
    if (mapped == BATON_LOG_ERROR) {
        mapped = BATON_LOG_INFO;
    }
    /* Our settings for transports that UCX_TLS leaves out. */
    if (strstr(message, "invalid configuration") != NULL) {
        mapped = BATON_LOG_DEBUG;
    }
    if (baton__log_enabled(mapped)) {
        char text[512];
        (void)vsnprintf(text, sizeof(text), message, arguments);
        baton__log_write(mapped, "ucx: %s (%s:%u)", text, file, line);
    }
    return UCS_LOG_FUNC_RC_STOP;
}

static void set_up(void)
{
    ucs_debug_disable_signals();
    ucs_log_push_handler(forward);
}

void baton__ucx_set_up_process(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_up);
}

/*
 * Ours where the user has set nothing. Settings of single transports are named without the transport in
 * ucp_config_modify up to UCX 1.16 (those of posix and sysv are then one, "MM_"), and with it from 1.17.
 */
static const struct {
    const char *environment;
    const char *key_to_1_16; /* NULL: none of its own */
    const char *key;
    const char *value;
    bool agreed; /* between all peers: the environment does not count */
} settings[] = {
    /* Without these two, PEER error mode leaves only TCP on one host (UCX issue 8477). */
    {"UCX_POSIX_ERROR_HANDLING", "MM_ERROR_HANDLING", "POSIX_ERROR_HANDLING", "y", false},
    {"UCX_SYSV_ERROR_HANDLING", NULL, "SYSV_ERROR_HANDLING", "y", false},
    /* A chunk of 512 KiB with its headers is one segment (sdk/README.md, "Chunks"). UCX does not check that a segment fits into the buffer that
     * a receiver has for one (uct_tcp_ep_progress_am_rx), so all have to have the same. */
    {"UCX_TCP_TX_SEG_SIZE", "TX_SEG_SIZE", "TCP_TX_SEG_SIZE", "544K", true},
    {"UCX_TCP_RX_SEG_SIZE", "RX_SEG_SIZE", "TCP_RX_SEG_SIZE", "544K", true},
    /* TCP's zero copy cannot be revoked, and closing an endpoint by force under it aborts the process in UCX 1.13.1
     * (uct_iface.h, comp->count > 0). */
    {"UCX_ZCOPY_THRESH", "ZCOPY_THRESH", "ZCOPY_THRESH", "inf", false},
    /* UCX 1.13 crashes in it (ucp_ep_do_uct_ep_am_keepalive, a lane that is NULL) where a peer died between its first wire-up
     * message and our look at it. Death is found by pidfd and by TCP, the rest by lease and deadline; and every endpoint
     * would wake us once for each interval. */
    {"UCX_KEEPALIVE_INTERVAL", "KEEPALIVE_INTERVAL", "KEEPALIVE_INTERVAL", "inf", false},
    /* An unmapped registration is to be gone, not cached. */
    {"UCX_RCACHE_ENABLE", "RCACHE_ENABLE", "RCACHE_ENABLE", "n", false},
};

ucs_status_t baton__ucx_read_config(ucp_config_t **config_out)
{
    ucp_config_t *config;
    ucs_status_t status = ucp_config_read(NULL, NULL, &config);
    if (status != UCS_OK) {
        return status;
    }
    unsigned major;
    unsigned minor;
    baton__transport_ucx_version(&major, &minor);
    bool old_names = major == 1 && minor < 17;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        const char *key = old_names ? settings[i].key_to_1_16 : settings[i].key;
        if (key == NULL || (!settings[i].agreed && getenv(settings[i].environment) != NULL)) {
            continue; /* the user's word counts */
        }
        status = ucp_config_modify(config, key, settings[i].value);
        if (status != UCS_OK) {
            /* This build of UCX lacks the setting. */
            BATON__DEBUG("ucx: %s=%s: %s", key, settings[i].value, ucs_status_string(status));
        }
    }
    *config_out = config;
    return UCS_OK;
}
