/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors whose memory may not be touched before an event of CUDA's has fired. */
#include "memory/descriptor.h"

#include "base/error.h"
#include "device/gate.h"

static void set_gate(baton_descriptor *descriptor, baton__gate *gate)
{
    baton__gate_release(descriptor->gate);
    descriptor->gate = gate;
}

baton_status baton_descriptor_after_event(baton_descriptor *descriptor, void *cuda_event)
{
    baton__gate *gate = NULL;
    if (descriptor == NULL || cuda_event == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_descriptor_after_event: NULL");
    }
    baton_status status = baton__gate_create_after_event(cuda_event, &gate);
    if (status == BATON_OK) {
        set_gate(descriptor, gate);
    }
    return status;
}

baton_status baton_descriptor_after_stream(baton_descriptor *descriptor, void *cuda_stream)
{
    baton__gate *gate = NULL;
    if (descriptor == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_descriptor_after_stream: NULL");
    }
    baton_status status = baton__gate_create_after_stream(cuda_stream, &gate);
    if (status == BATON_OK) {
        set_gate(descriptor, gate);
    }
    return status;
}

baton__gate *baton__descriptor_gate(const baton_descriptor *descriptor)
{
    return descriptor->gate;
}
