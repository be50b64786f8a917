/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of DLPack tensors. DLManagedTensor has the same layout in DLPack 0.6, which this is
 * written for, and in every later header; what 1.0 added is another struct.
 */
#include "memory/descriptor.h"

#include "base/error.h"

#include <dlpack/dlpack.h>

/* Memory that the host reaches is host memory, whoever pinned it. */
static baton_status device_of(DLDevice device, baton_device *device_out)
{
    switch (device.device_type) {
    case kDLCPU:
    case kDLCUDAHost:
    case kDLROCMHost:
        *device_out = BATON_DEVICE_HOST;
        return BATON_OK;
    case kDLCUDA:
    case kDLCUDAManaged: /* every device reaches it; it is copied on this one */
        if (device.device_id < 0) {
            return baton__fail(BATON_ERR_INVALID_ARGUMENT, "the tensor's device id is negative");
        }
        *device_out = (baton_device){BATON_DEVICE_KIND_CUDA, (uint32_t)device.device_id};
        return BATON_OK;
    default:
        return baton__fail(BATON_ERR_NOT_BUILT_IN,
                           "baton has no support for DLPack's device type %d",
                           (int)device.device_type);
    }
}

/*
 * Contiguous rows at one stride, counted in elements: the inner dimensions are contiguous as far as they go, and the outer ones, seen
 * together, are one dimension. The stride of a dimension with one entry is never used, so it may be anything. False: the
 * strides make something else. None of the products overflows: the caller has computed that of the shape.
 */
static bool find_rows(const DLTensor *tensor, uint64_t *row_out, uint64_t *stride_out, uint64_t *rows_out)
{
    uint64_t row = 1;
    uint64_t rows = 1;
    uint64_t stride = 0; /* of a row, once the contiguous ones are over */
    for (int i = tensor->ndim - 1; tensor->strides != NULL && i >= 0; i--) {
        uint64_t size = (uint64_t)tensor->shape[i];
        uint64_t given = (uint64_t)tensor->strides[i];
        uint64_t next;
        if (size == 1) {
            continue;
        }
        if (tensor->strides[i] < 0) {
            return false;
        }
        if (stride == 0 && given == row) {
            row *= size;
            continue;
        }
        if (stride == 0 && given > row) {
            stride = given;
        } else if (stride == 0 || __builtin_mul_overflow(stride, rows, &next) || given != next) {
            return false;
        }
        rows *= size;
    }
    *row_out = row;
    *stride_out = stride;
    *rows_out = rows;
    return true;
}

/* The same in bytes. size_bytes: of all elements. */
static baton_status rows_of(const DLTensor *tensor, size_t size_bytes, baton__run *run)
{
    uint64_t row = 0;
    uint64_t stride = 0;
    uint64_t rows = 1;
    *run = (baton__run){.segment = size_bytes, .stride = size_bytes, .count = 1};
    if (!find_rows(tensor, &row, &stride, &rows)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "the tensor's strides are not those of contiguous rows at one distance");
    }
    if (rows == 1) {
        return BATON_OK;
    }
    uint64_t bits = (uint64_t)tensor->dtype.bits * tensor->dtype.lanes;
    uint64_t stride_bits;
    if (row * bits % 8 != 0 || __builtin_mul_overflow(stride, bits, &stride_bits) || stride_bits % 8 != 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "the tensor's rows are not of whole bytes");
    }
    *run = (baton__run){.segment = (size_t)(row * bits / 8), .stride = (size_t)(stride_bits / 8), .count = (size_t)rows};
    return BATON_OK;
}

/* Element type and shape, without a look at their values beyond what copying takes. */
static baton_status tensor_of(const DLTensor *from, baton_tensor *tensor_out)
{
    if (from->ndim < 0 || from->ndim > BATON_TENSOR_DIMENSIONS_MAX ||
        (from->ndim > 0 && from->shape == NULL)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "the tensor has %d dimensions or no shape",
                           from->ndim);
    }
    *tensor_out = (baton_tensor){
        .type_code = from->dtype.code,
        .type_bits = from->dtype.bits,
        .type_lanes = from->dtype.lanes,
        .dimensions = (uint32_t)from->ndim,
    };
    for (int i = 0; i < from->ndim; i++) {
        tensor_out->shape[i] = from->shape[i];
    }
    return BATON_OK;
}

static void release_tensor(void *pointer, size_t size_bytes, void *context)
{
    (void)pointer;
    (void)size_bytes;
    DLManagedTensor *tensor = (DLManagedTensor *)context;
    tensor->deleter(tensor);
}

baton_status baton_descriptor_from_dlpack(struct DLManagedTensor *managed,
                                          baton_descriptor **descriptor_out)
{
    if (managed == NULL || descriptor_out == NULL || managed->dl_tensor.data == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_descriptor_from_dlpack: NULL");
    }
    const DLTensor *from = &managed->dl_tensor;
    baton_device device = BATON_DEVICE_HOST;
    baton_tensor tensor = {0};
    baton_status status = device_of(from->device, &device);
    if (status == BATON_OK) {
        status = tensor_of(from, &tensor);
    }
    if (status != BATON_OK) {
        return status;
    }
    size_t size_bytes = baton__tensor_bytes(&tensor);
    if (size_bytes == 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "the tensor's elements do not make a number of bytes");
    }
    baton__run run;
    status = rows_of(from, size_bytes, &run);
    if (status != BATON_OK) {
        return status;
    }
    /* PTRDIFF_MAX: what may be added to a pointer. */
    if (from->byte_offset > PTRDIFF_MAX ||
        from->byte_offset > UINTPTR_MAX - (uintptr_t)from->data) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "the tensor's byte_offset reaches beyond the address space");
    }
    /* A tensor may come without a deleter: then nobody is to be told. */
    baton_release_fn release = managed->deleter == NULL ? NULL : release_tensor;
    run.base = (uint8_t *)from->data + from->byte_offset;
    return baton__descriptor_make(&run, device, &tensor, release, managed, descriptor_out);
}
