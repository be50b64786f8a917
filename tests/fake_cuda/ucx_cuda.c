/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UCX that reaches memory of CUDA devices, for machines without one. It stands before the real UCX (LD_PRELOAD), which does all else:
 * the context says that it knows CUDA, endpoints within the host have a lane cuda_ipc besides, and an active message whose memory is said to be
 * CUDA's is taken from there and put there by the stand-in's own look at it, through memory of the host in between.
 *
 * What it insists on: such a message is announced, never eager; the thread has a device of CUDA's current; nothing lies outside of
 * the device's memory. What it cannot show: when a real cuda_ipc reaches the memory, and what it costs.
 */
#include "fake_cuda.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucp/api/ucp.h>

#define REAL(name) ((__typeof__(&name))(uintptr_t)real(#name))

typedef struct passage {
    void *device_memory; /* NULL: it is sent from there, and was looked at */
    void *bytes;
    ucp_send_nbx_callback_t sent;
    ucp_am_recv_data_nbx_callback_t received;
    void *user_data;
} passage;

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        (void)fprintf(stderr, "ucx_cuda: UCX has no %s\n", name);
        abort();
    }
    return found;
}

/* The runtime that baton loads, by its own name. */
static void *of_runtime(const char *name)
{
    static void *library;
    const char *path = getenv("BATON_CUDART");
    if (library == NULL && path != NULL) {
        library = dlopen(path, RTLD_NOW);
    }
    void *found = library == NULL ? NULL : dlsym(library, name);
    if (found == NULL) {
        (void)fprintf(stderr, "ucx_cuda: BATON_CUDART has no %s\n", name);
        abort();
    }
    return found;
}

static void insist(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "ucx_cuda: %s\n", what);
        abort();
    }
}

static void look(const void *memory, void *out, size_t size)
{
    int code = ((__typeof__(&fake_cuda_peek))(uintptr_t)of_runtime("fake_cuda_peek"))(memory, out, size);
    insist(code == 0, "memory that is said to be a device's is not");
}

static void put(void *memory, const void *bytes, size_t size)
{
    int code = ((__typeof__(&fake_cuda_poke))(uintptr_t)of_runtime("fake_cuda_poke"))(memory, bytes, size);
    insist(code == 0, "memory that is said to be a device's is not");
}

static void insist_on_device(const void *memory)
{
    struct cudaPointerAttributes attributes;
    int current = -1;
    insist(((__typeof__(&cudaGetDevice))(uintptr_t)of_runtime("cudaGetDevice"))(&current) == cudaSuccess, "no device is current");
#undef cudaPointerGetAttributes
    insist(((__typeof__(&cudaPointerGetAttributes))(uintptr_t)of_runtime("cudaPointerGetAttributes"))(&attributes, memory) == cudaSuccess &&
               attributes.type == cudaMemoryTypeDevice && attributes.device == current,
           "the memory is not of the device that is current");
}

static passage *enter(const void *memory, size_t size, const ucp_request_param_t *param)
{
    insist_on_device(memory);
    passage *p = calloc(1, sizeof(*p));
    void *bytes = malloc(size);
    insist(p != NULL && bytes != NULL, "out of memory");
    p->bytes = bytes;
    p->user_data = param->user_data;
    return p;
}

static void leave(passage *p)
{
    free(p->bytes);
    free(p);
}

static void sent(void *request, ucs_status_t status, void *user_data)
{
    passage *p = user_data;
    passage copy = *p;
    leave(p);
    copy.sent(request, status, copy.user_data);
}

static void received(void *request, ucs_status_t status, size_t length, void *user_data)
{
    passage *p = user_data;
    passage copy = *p;
    if (status == UCS_OK) {
        put(p->device_memory, p->bytes, length);
    }
    leave(p);
    copy.received(request, status, length, copy.user_data);
}

static bool is_of_device(const ucp_request_param_t *param)
{
    return (param->op_attr_mask & UCP_OP_ATTR_FIELD_MEMORY_TYPE) != 0 && param->memory_type == UCS_MEMORY_TYPE_CUDA;
}

ucs_status_t ucp_context_query(ucp_context_h context, ucp_context_attr_t *attr)
{
    ucs_status_t status = REAL(ucp_context_query)(context, attr);
    if (status == UCS_OK && (attr->field_mask & UCP_ATTR_FIELD_MEMORY_TYPES) != 0) {
        attr->memory_types |= UCS_BIT(UCS_MEMORY_TYPE_CUDA);
    }
    return status;
}

void ucp_ep_print_info(ucp_ep_h ep, FILE *stream)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    insist(memory != NULL, "out of memory");
    REAL(ucp_ep_print_info)(ep, memory);
    (void)fclose(memory);
    (void)fputs(text, stream);
    if (strstr(text, ":posix/") != NULL || strstr(text, ":sysv/") != NULL) {
        (void)fputs("#                 lane[15]:  9:cuda_ipc/cuda.0 md[9]           -> addr[9].md[9]/cuda_ipc/sysdev[9] rma_bw#0\n", stream);
    }
    free(text);
}

ucs_status_ptr_t ucp_am_send_nbx(ucp_ep_h ep, unsigned id, const void *header, size_t header_length, const void *buffer,
                                 size_t count, const ucp_request_param_t *param)
{
    if (!is_of_device(param)) {
        return REAL(ucp_am_send_nbx)(ep, id, header, header_length, buffer, count, param);
    }
    insist((param->flags & UCP_AM_SEND_FLAG_RNDV) != 0, "memory of a device is sent eagerly");
    passage *p = enter(buffer, count, param);
    look(buffer, p->bytes, count);
    p->sent = param->cb.send;
    ucp_request_param_t through = *param;
    through.memory_type = UCS_MEMORY_TYPE_HOST;
    through.cb.send = sent;
    through.user_data = p;
    ucs_status_ptr_t request = REAL(ucp_am_send_nbx)(ep, id, header, header_length, p->bytes, count, &through);
    if (request == NULL || UCS_PTR_IS_ERR(request)) {
        leave(p);
    }
    return request;
}

ucs_status_ptr_t ucp_am_recv_data_nbx(ucp_worker_h worker, void *data_desc, void *buffer, size_t count,
                                      const ucp_request_param_t *param)
{
    if (!is_of_device(param)) {
        return REAL(ucp_am_recv_data_nbx)(worker, data_desc, buffer, count, param);
    }
    passage *p = enter(buffer, count, param);
    p->device_memory = buffer;
    p->received = param->cb.recv_am;
    ucp_request_param_t through = *param;
    through.memory_type = UCS_MEMORY_TYPE_HOST;
    through.cb.recv_am = received;
    through.user_data = p;
    ucs_status_ptr_t request = REAL(ucp_am_recv_data_nbx)(worker, data_desc, p->bytes, count, &through);
    if (request == NULL) {
        put(buffer, p->bytes, count);
    }
    if (request == NULL || UCS_PTR_IS_ERR(request)) {
        leave(p);
    }
    return request;
}
