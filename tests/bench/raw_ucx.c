/* SPDX-License-Identifier: Apache-2.0 */
#include "raw_ucx.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

void raw_check(ucs_status_t status, const char *what)
{
    if (status != UCS_OK) {
        measure_fail("%s: %s", what, ucs_status_string(status));
    }
}

void raw_open(raw_ucx *ucx, uint64_t features, int fd)
{
    ucp_config_t *config = NULL;
    ucp_params_t params = {.field_mask = UCP_PARAM_FIELD_FEATURES, .features = features};
    ucp_worker_params_t worker = {.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
                                  .thread_mode = UCS_THREAD_MODE_SINGLE};
    raw_check(ucp_config_read(NULL, NULL, &config), "configuration");
    raw_check(ucp_init(&params, config, &ucx->context), "context");
    ucp_config_release(config);
    raw_check(ucp_worker_create(ucx->context, &worker, &ucx->worker), "worker");
    ucx->fd = fd;
}

static bool is_ending;

/* At the end the other side closes by force too, and may be first. */
static void lost(void *argument, ucp_ep_h endpoint, ucs_status_t status)
{
    (void)argument;
    (void)endpoint;
    if (!is_ending) {
        measure_fail("the endpoint failed: %s", ucs_status_string(status));
    }
}

static ucp_err_handling_mode_t error_mode(void)
{
    const char *wanted = getenv("RAW_UCX_ERROR_MODE");
    return wanted != NULL && strcmp(wanted, "none") == 0 ? UCP_ERR_HANDLING_MODE_NONE : UCP_ERR_HANDLING_MODE_PEER;
}

void raw_connect(raw_ucx *ucx)
{
    ucp_address_t *mine = NULL;
    size_t size = 0;
    uint64_t length = 0;
    raw_check(ucp_worker_get_address(ucx->worker, &mine, &size), "address");
    length = size;
    measure_write(ucx->fd, &length, sizeof(length));
    measure_write(ucx->fd, mine, size);
    ucp_worker_release_address(ucx->worker, mine);
    measure_read(ucx->fd, &length, sizeof(length));
    void *theirs = malloc(length);
    if (theirs == NULL) {
        measure_fail("no memory for an address");
    }
    measure_read(ucx->fd, theirs, length);
    ucp_ep_params_t params = {.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS |
                                            UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                                            UCP_EP_PARAM_FIELD_ERR_HANDLER,
                              .address = theirs,
                              .err_mode = error_mode(),
                              .err_handler = {.cb = lost}};
    raw_check(ucp_ep_create(ucx->worker, &params, &ucx->endpoint), "endpoint");
    free(theirs);
}

void raw_progress(raw_ucx *ucx)
{
    enum { PATIENCE = 500 }; /* turns; one of them takes some 50 to 100 ns */
    if (ucp_worker_progress(ucx->worker) != 0) {
        ucx->idle = 0;
    } else if (++ucx->idle >= PATIENCE) {
        ucx->idle = 0;
        (void)sched_yield();
    }
}

void raw_wait(raw_ucx *ucx, ucs_status_ptr_t request, const char *what)
{
    if (!UCS_PTR_IS_PTR(request)) {
        raw_check(UCS_PTR_STATUS(request), what);
        return;
    }
    ucs_status_t status;
    while ((status = ucp_request_check_status(request)) == UCS_INPROGRESS) {
        (void)ucp_worker_progress(ucx->worker);
    }
    ucp_request_free(request);
    raw_check(status, what);
}

void raw_close(raw_ucx *ucx)
{
    ucp_request_param_t force = {.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS,
                                 .flags = UCP_EP_CLOSE_FLAG_FORCE};
    char byte = 0;
    is_ending = true;
    measure_write(ucx->fd, &byte, 1);
    measure_read(ucx->fd, &byte, 1);
    ucs_status_ptr_t request = ucp_ep_close_nbx(ucx->endpoint, &force);
    if (UCS_PTR_IS_PTR(request)) {
        while (ucp_request_check_status(request) == UCS_INPROGRESS) {
            (void)ucp_worker_progress(ucx->worker);
        }
        ucp_request_free(request);
    }
    ucp_worker_destroy(ucx->worker);
    ucp_cleanup(ucx->context);
}

const char *raw_version(void)
{
    static char text[32];
    unsigned major;
    unsigned minor;
    unsigned release;
    ucp_get_version(&major, &minor, &release);
    (void)snprintf(text, sizeof(text), "%u.%u.%u", major, minor, release);
    return text;
}
