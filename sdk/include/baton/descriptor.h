/* SPDX-License-Identifier: Apache-2.0 */
/** A piece of memory that can be handed over. Counted references; immutable once made, but for the event that it waits for. */
#ifndef BATON_DESCRIPTOR_H
#define BATON_DESCRIPTOR_H

#include <baton/device.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct baton_descriptor baton_descriptor;

/** DLManagedTensor of DLPack (dlpack/dlpack.h), ABI of version 0.6. */
struct DLManagedTensor;

/** Most dimensions of a shape. */
#define BATON_TENSOR_DIMENSIONS_MAX 16

/** Element type and shape; optional on a descriptor. Codes and meaning are DLPack's DLDataType. */
typedef struct baton_tensor {
    uint8_t type_code;  /**< DLPack: 0 int, 1 uint, 2 float, 4 bfloat, 5 complex, 6 bool */
    uint8_t type_bits;  /**< bits of one lane */
    uint16_t type_lanes; /**< lanes of one element, 1 for a scalar */
    uint32_t dimensions; /**< valid entries of shape; 0 is a scalar */
    int64_t shape[BATON_TENSOR_DIMENSIONS_MAX];
} baton_tensor;

/**
 * Runs once, when nobody can reach the memory any more: the last reference is gone and the last
 * operation that used it is over and quiet. size_bytes: from the first byte to the last; of strided memory with what lies between
 * the segments.
 * Threads: the thread that drops the last reference, often the connector's owner thread: must not block
 * and must not wait for an operation.
 */
typedef void (*baton_release_fn)(void *pointer, size_t size_bytes, void *context);

/**
 * Describes memory at a pointer.
 * pointer, size_bytes: not NULL, not 0, and not beyond the end of the address space.
 * release: runs as described above; NULL if the owner keeps the memory valid by other means until it has
 * released its reference and every operation is over. context: passed to release.
 * Ownership: the memory is borrowed until release runs (or, without one, until the last use is over).
 * Errors: ERR_INVALID_ARGUMENT, also for memory that is not of the device: CUDA is asked where a pointer to CUDA memory lies, and, once
 * a device is in use by baton, whether memory of the host is a device's; for a CUDA device as baton_device_check, and ERR_DEVICE;
 * ERR_OUT_OF_MEMORY. On failure release does not run and the output is untouched.
 * Threads: any. Blocking: no; the first use of CUDA in a process loads it.
 */
BATON_API BATON_CHECKED baton_status baton_descriptor_from_pointer(
    void *pointer, size_t size_bytes, baton_device device, baton_release_fn release, void *context,
    baton_descriptor **descriptor_out);

/** As baton_descriptor_from_pointer, with element type and shape (copied).
 * Errors: also ERR_SIZE_MISMATCH if shape times element is not size_bytes. */
BATON_API BATON_CHECKED baton_status baton_descriptor_from_tensor(
    void *pointer, size_t size_bytes, baton_device device, const baton_tensor *tensor,
    baton_release_fn release, void *context, baton_descriptor **descriptor_out);

/**
 * Describes equal segments at a constant distance: one layer of a paged cache, the columns of a matrix, rows with a pitch.
 * Its size is that of the segments together, and the other side may lay the same number of bytes out as it likes: what is
 * strided here can be read into one piece there. Nothing between the segments is read or written.
 * pointer: the first byte of the first segment. segment_bytes, segments: not 0. stride_bytes: from the start of one segment to
 * the next; at least segment_bytes. All of it in the address space. Segments without a gap are one piece.
 * release, context, ownership, threads and blocking: as baton_descriptor_from_pointer.
 * Errors: as baton_descriptor_from_pointer.
 */
BATON_API BATON_CHECKED baton_status baton_descriptor_create_strided(
    void *pointer, size_t segment_bytes, size_t stride_bytes, size_t segments, baton_device device,
    baton_release_fn release, void *context, baton_descriptor **descriptor_out);

/**
 * Describes the memory of a DLPack tensor. byte_offset is honoured. strides: NULL, C-contiguous, or such that the elements are
 * contiguous rows at one positive stride, as a slice of columns or of heads has them.
 * Ownership: transferred on success: the tensor's deleter runs when the memory is released.
 * Errors: ERR_INVALID_ARGUMENT (NULL, no elements, elements that do not fill whole bytes, a broken type,
 * negative shape, other strides, too many dimensions), ERR_NOT_BUILT_IN for a kind of device that baton does not know; else as
 * baton_descriptor_from_pointer. kDLCUDA and kDLCUDAManaged are CUDA memory, kDLCUDAHost is host memory.
 * Threads: any. Blocking: no. Source: DLPack 0.6, dlpack/dlpack.h.
 */
BATON_API BATON_CHECKED baton_status baton_descriptor_from_dlpack(struct DLManagedTensor *tensor,
                                                                  baton_descriptor **descriptor_out);

/**
 * Allocates memory and describes it; freed when released. Host memory: zeroed; aligned to 64 bytes, from 128 KiB on to a page.
 * CUDA memory: not zeroed; aligned to 256 bytes; every stream can use it. It comes from the device's memory pool where the device has one, and
 * goes back without waiting for the device; no other process can be let into such memory, so it is always staged, and that of a pool
 * (baton/pool.h) need not be. Work of the application's own on it has to be over when the last reference is released.
 * Errors: ERR_INVALID_ARGUMENT for 0, ERR_NOT_BUILT_IN, ERR_OUT_OF_MEMORY; for CUDA as baton_device_check.
 * Threads: any. Blocking: no for host memory; for CUDA until the device has made the memory ready, mostly some microseconds, and with a
 * device without pools as cudaMalloc does: not in a callback of baton's.
 */
BATON_API BATON_CHECKED baton_status baton_descriptor_allocate(size_t size_bytes, baton_device device,
                                                               baton_descriptor **descriptor_out);

/**
 * Operations made over the descriptor after this call neither read nor write its memory before the event has fired: memory that a kernel
 * fills, or still reads, can be handed over at once, and nobody waits for the device meanwhile. For device memory, and as well for host
 * memory that a device works on. A later call of this or of baton_descriptor_after_stream takes its place, for operations
 * made after that; those made before keep theirs.
 * descriptor: not NULL. cuda_event: a cudaEvent_t that has been recorded, not NULL; of no use to baton after the call: record it
 * again or destroy it. It is waited for on a stream of baton's, on the thread's current device.
 * Ownership: borrowed until return.
 * Errors: ERR_INVALID_ARGUMENT (also what is no event), ERR_NOT_BUILT_IN, ERR_NOT_SUPPORTED (no CUDA here), ERR_DEVICE,
 * ERR_OUT_OF_MEMORY, ERR_WRONG_PROCESS; the descriptor is as it was.
 * If the work before the event fails, the operations end with ERR_DEVICE.
 * Threads: any, but not while an operation is being made over the descriptor, nor in another call of these two with it. Blocking: no;
 * the first call in a process loads CUDA.
 */
BATON_API BATON_CHECKED baton_status baton_descriptor_after_event(baton_descriptor *descriptor, void *cuda_event);

/**
 * As baton_descriptor_after_event, with all the work that has been submitted to a stream by now.
 * cuda_stream: a cudaStream_t; NULL is the default one of the thread's current device. Not one that is being captured to a graph
 * (ERR_INVALID_ARGUMENT). An event of baton's is recorded there, and nothing else: the stream never waits for baton.
 */
BATON_API BATON_CHECKED baton_status baton_descriptor_after_stream(baton_descriptor *descriptor, void *cuda_stream);

/** One more reference, returned for convenience. Threads: any. Blocking: no. */
BATON_API baton_descriptor *baton_descriptor_acquire(baton_descriptor *descriptor);
/** One reference less; NULL is legal. Operations hold references of their own. Threads: any. */
BATON_API void baton_descriptor_release(baton_descriptor *descriptor);

BATON_API void *baton_descriptor_pointer(const baton_descriptor *descriptor);
/** Bytes that an operation moves: of strided memory without what lies between the segments. */
BATON_API size_t baton_descriptor_size(const baton_descriptor *descriptor);
/** Number of segments, 1 for memory in one piece; their size and distance in bytes, where the outputs are not NULL. */
BATON_API size_t baton_descriptor_segments(const baton_descriptor *descriptor, size_t *segment_bytes_out,
                                           size_t *stride_bytes_out);
BATON_API baton_device baton_descriptor_device(const baton_descriptor *descriptor);
/** Element type and shape, or NULL if none were given. Borrowed as long as the descriptor is held. */
BATON_API const baton_tensor *baton_descriptor_tensor(const baton_descriptor *descriptor);

#ifdef __cplusplus
}
#endif
#endif
