/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transport on trial: a context that has this one alone, with baton's settings, and an endpoint in baton's error mode from
 * its worker to itself. What UCX's selection of lanes says is the answer, and its error line the reason: which
 * transports report a failed peer depends on version and settings, and no public query tells it.
 */
#include "transport/ucx_trial.h"

#include "transport/ucx.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <ucs/debug/log_def.h>

static _Thread_local char *listening;

static ucs_log_func_rc_t hear(const char *file, unsigned line, const char *function,
                              ucs_log_level_t level, const ucs_log_component_config_t *component,
                              const char *message, va_list arguments)
{
    (void)file;
    (void)line;
    (void)function;
    (void)component;
    if (listening == NULL || level == UCS_LOG_LEVEL_FATAL) {
        return UCS_LOG_FUNC_RC_CONTINUE;
    }
    if (level == UCS_LOG_LEVEL_ERROR) {
        (void)vsnprintf(listening, BATON__UCX_WORDS_SIZE, message, arguments);
    }
    /* A trial that fails is an answer, and no news for the log. */
    return UCS_LOG_FUNC_RC_STOP;
}

static void begin_listening(char words[BATON__UCX_WORDS_SIZE])
{
    words[0] = '\0';
    listening = words;
    ucs_log_push_handler(hear);
}

static void end_listening(void)
{
    ucs_log_pop_handler();
    listening = NULL;
}

/* rc and dc connect with the help of ud, which their short names bring along. */
static const char *tls_of(const char *transport)
{
    if (strcmp(transport, "rc_verbs") == 0) {
        return "rc_v";
    }
    if (strcmp(transport, "rc_mlx5") == 0) {
        return "rc_x";
    }
    return strcmp(transport, "dc_mlx5") == 0 ? "dc_x" : transport;
}

static ucs_status_t open_context(const char *transport, const char *device, bool network,
                                 ucp_context_h *context_out)
{
    ucp_config_t *config;
    ucs_status_t status = baton__ucx_read_config(&config);
    if (status != UCS_OK) {
        return status;
    }
    status = ucp_config_modify(config, "TLS", tls_of(transport));
    if (status == UCS_OK && network) {
        status = ucp_config_modify(config, "NET_DEVICES", device);
    }
    ucp_params_t params = {
        .field_mask = UCP_PARAM_FIELD_FEATURES,
        .features = UCP_FEATURE_AM | UCP_FEATURE_WAKEUP,
    };
    if (status == UCS_OK) {
        status = ucp_init(&params, config, context_out);
    }
    ucp_config_release(config);
    return status;
}

static void close_endpoint(ucp_worker_h worker, ucp_ep_h ep)
{
    ucp_request_param_t params = {.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS,
                                  .flags = UCP_EP_CLOSE_FLAG_FORCE};
    ucs_status_ptr_t request = ucp_ep_close_nbx(ep, &params);
    if (request == NULL || UCS_PTR_IS_ERR(request)) {
        return;
    }
    for (int i = 0; i < 1000 && ucp_request_check_status(request) == UCS_INPROGRESS; i++) {
        (void)ucp_worker_progress(worker);
    }
    ucp_request_free(request); /* what is left goes with the worker */
}

static ucs_status_t connect_to_itself(ucp_worker_h worker)
{
    ucp_address_t *address;
    size_t size;
    ucs_status_t status = ucp_worker_get_address(worker, &address, &size);
    if (status != UCS_OK) {
        return status;
    }
    ucp_ep_params_t params = {
        .field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE,
        .address = address,
        .err_mode = UCP_ERR_HANDLING_MODE_PEER,
    };
    ucp_ep_h ep;
    status = ucp_ep_create(worker, &params, &ep);
    if (status == UCS_OK) {
        close_endpoint(worker, ep);
    }
    ucp_worker_release_address(worker, address);
    return status;
}

static ucs_status_t try_context(ucp_context_h context)
{
    ucp_worker_params_t params = {.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
                                  .thread_mode = UCS_THREAD_MODE_SERIALIZED};
    ucp_worker_h worker;
    ucs_status_t status = ucp_worker_create(context, &params, &worker);
    if (status == UCS_OK) {
        status = connect_to_itself(worker);
        ucp_worker_destroy(worker);
    }
    return status;
}

baton_transport_use baton__ucx_use_of_words(const char *words)
{
    /* "no active messages transport to <...>: self/memory0 - no peer failure handler", of older and newer ones too. */
    if (strstr(words, "peer failure") != NULL) {
        return BATON_TRANSPORT_NO_FAILURES;
    }
    return strstr(words, "no active messages transport") != NULL ? BATON_TRANSPORT_NO_MESSAGES
                                                                 : BATON_TRANSPORT_BROKEN;
}

baton_transport_use baton__ucx_try(const char *transport, const char *device, bool network,
                                   char words[BATON__UCX_WORDS_SIZE])
{
    baton__ucx_set_up_process();
    begin_listening(words);
    ucp_context_h context;
    ucs_status_t status = open_context(transport, device, network, &context);
    if (status == UCS_OK) {
        status = try_context(context);
        ucp_cleanup(context);
    }
    end_listening();
    if (status == UCS_OK) {
        return BATON_TRANSPORT_USED;
    }
    if (words[0] == '\0') {
        (void)snprintf(words, BATON__UCX_WORDS_SIZE, "%s", ucs_status_string(status));
    }
    return baton__ucx_use_of_words(words);
}
