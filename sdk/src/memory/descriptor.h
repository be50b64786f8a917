/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MEMORY_DESCRIPTOR_H
#define BATON_MEMORY_DESCRIPTOR_H

#include <baton/descriptor.h>

/* Immutable but for the count. */
struct baton_descriptor {
    uint32_t references; /* __atomic */
    baton_device device;
    void *pointer;
    size_t size_bytes;
    baton_release_fn release; /* NULL: the owner does not learn when the memory is quiet */
    void *context;
    const struct baton_pool *pool; /* NULL: not a piece of one */
    const baton_tensor *tensor;    /* NULL or tensor_storage */
    baton_tensor tensor_storage[]; /* one or none */
};

/* Bytes of all elements. 0 if there are none, too many, if they do not fill whole bytes, or if it
 * is no tensor (no bits, no lanes, too many dimensions, a negative shape). */
size_t baton__tensor_bytes(const baton_tensor *tensor);

#endif
