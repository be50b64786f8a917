/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MEMORY_DESCRIPTOR_H
#define BATON_MEMORY_DESCRIPTOR_H

#include "base/layout.h"
#include <baton/descriptor.h>

/* Immutable but for the counts and what is found out once, and for the gate, which changes while no operation is made over it. */
struct baton_descriptor {
    uint32_t references; /* __atomic */
    baton_device device;
    void *pointer;
    size_t size_bytes; /* of all segments, without what lies between them */
    size_t segment;
    size_t stride;
    size_t segments; /* 1: it is one piece */
    baton_release_fn release; /* NULL: the owner does not learn when the memory is quiet */
    void *context;
    struct baton__registration_link *links; /* __atomic; registration.h */
    uint8_t direct; /* __atomic; what the operations over it have found out, 0: nothing yet (core/direct.c) */
    struct baton__gate *gate; /* NULL: the memory can be touched at any time */
    const struct baton_pool *pool; /* NULL: not a piece of one */
    const baton_tensor *tensor;    /* NULL or tensor_storage */
    baton_tensor tensor_storage[]; /* one or none */
};

/* Bytes of all elements. 0 if there are none, too many, if they do not fill whole bytes, or if it
 * is no tensor (no bits, no lanes, too many dimensions, a negative shape). */
size_t baton__tensor_bytes(const baton_tensor *tensor);

/* From the first byte to the last, what lies between the segments included. */
static inline size_t baton__descriptor_extent(const baton_descriptor *descriptor)
{
    return (descriptor->segments - 1) * descriptor->stride + descriptor->segment;
}

static inline baton__run baton__descriptor_run(const baton_descriptor *descriptor)
{
    return (baton__run){.base = (uint8_t *)descriptor->pointer,
                        .segment = descriptor->segment,
                        .stride = descriptor->stride,
                        .count = descriptor->segments};
}

/* What an operation that is made now has to wait for; NULL: nothing. Borrowed: the operation acquires its own (descriptor_gate.c). */
struct baton__gate *baton__descriptor_gate(const baton_descriptor *descriptor);

/* Memory that is known to be of the device: nobody is asked. Errors: ERR_OUT_OF_MEMORY. */
baton_status baton__descriptor_make_known(void *pointer, size_t size_bytes, baton_device device, baton_release_fn release,
                                          void *context, baton_descriptor **descriptor_out);

/* Segments at a constant stride, with a tensor (NULL: none) of as many bytes. Errors: as baton_descriptor_create_strided, and
 * ERR_INVALID_ARGUMENT and ERR_SIZE_MISMATCH as baton_descriptor_from_tensor. */
baton_status baton__descriptor_make(const baton__run *run, baton_device device, const baton_tensor *tensor,
                                    baton_release_fn release, void *context,
                                    baton_descriptor **descriptor_out);

#endif
