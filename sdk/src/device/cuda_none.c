/* SPDX-License-Identifier: Apache-2.0 */
/* What a build without CUDA has in its place, beside the table in device_none.c. */
#include "device/cuda_device.h"
#include "device/describe.h"
#include "device/device.h"
#include "device/gate.h"
#include "device/reserve.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

baton_status baton__cuda_check_host_memory(const void *pointer)
{
    (void)pointer;
    return BATON_OK;
}

/* No memory of a device was ever described: nobody comes here. */
baton_status baton__cuda_visit_checked(uint32_t id, baton__cuda_visit *visit_out)
{
    (void)visit_out;
    return baton__device_none.check(id);
}

void baton__cuda_leave(const baton__cuda_visit *visit)
{
    (void)visit;
}

void baton__cuda_describe(baton_cuda_info *info)
{
    info->status = baton__device_none.check(0);
    (void)snprintf(info->reason, sizeof(info->reason), "%s", baton_error_text());
}

static baton_status refuse(void)
{
    return baton__fail_as_is(BATON_ERR_NOT_BUILT_IN, "this build of baton has no support for events and streams of CUDA");
}

baton_status baton__gate_create_after_event(void *event, baton__gate **gate_out)
{
    (void)event;
    (void)gate_out;
    return refuse();
}

baton_status baton__gate_create_after_stream(void *stream, baton__gate **gate_out)
{
    (void)stream;
    (void)gate_out;
    return refuse();
}

/* No gate was ever made: the only one that can come here is NULL, and only to be released. */
baton__gate *baton__gate_acquire(baton__gate *gate)
{
    (void)gate;
    abort();
}

void baton__gate_release(baton__gate *gate)
{
    if (gate != NULL) {
        abort();
    }
}

baton_status baton__gate_look(baton__gate *gate, int *native_out)
{
    (void)gate;
    (void)native_out;
    abort();
}

bool baton__gate_watch_begin(baton__gate *gate, baton__gate_watch *watch)
{
    (void)gate;
    (void)watch;
    abort();
}

void baton__gate_watch_end(baton__gate *gate, baton__gate_watch *watch)
{
    (void)gate;
    (void)watch;
    abort();
}

baton_status baton__reserve_device(uint32_t id, size_t size_bytes, baton__reserve **reserve_out)
{
    (void)size_bytes;
    (void)reserve_out;
    return baton__device_none.check(id);
}

baton_status baton__reserve_pinned(size_t size_bytes, baton__reserve **reserve_out)
{
    return baton__reserve_device(0, size_bytes, reserve_out);
}

/* Nothing was ever reserved. */
void baton__reserve_end(baton__reserve *reserve, bool wait)
{
    (void)reserve;
    (void)wait;
    abort();
}
