/* SPDX-License-Identifier: Apache-2.0 */
/** Where memory lives: the host, or a CUDA device. */
#ifndef BATON_DEVICE_H
#define BATON_DEVICE_H

#include <baton/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum baton_device_kind { BATON_DEVICE_KIND_HOST = 1, BATON_DEVICE_KIND_CUDA = 2 } baton_device_kind;

/** A value: copy it freely. */
typedef struct baton_device {
    baton_device_kind kind;
    uint32_t id; /**< ordinal of the CUDA device; 0 for the host */
} baton_device;

#ifdef __cplusplus
#define BATON_DEVICE_HOST (baton_device{BATON_DEVICE_KIND_HOST, 0})
#else
#define BATON_DEVICE_HOST ((baton_device){BATON_DEVICE_KIND_HOST, 0})
#endif

/** Longest printed device ("cuda:4294967295") with its terminating zero. */
#define BATON_DEVICE_TEXT_SIZE 16

/**
 * Parses "cpu", "host", "cuda", "gpu", "cuda:1", "gpu:1", in lower case. Without an id it is 0.
 * Parsing says nothing about whether the device is there: see baton_device_check.
 * Errors: ERR_INVALID_ARGUMENT for NULL, ERR_MALFORMED for any other text. Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_device_parse(const char *text, baton_device *device_out);

/** Prints "cpu", "cuda:0", "cuda:1". Threads: any. Blocking: no. */
BATON_API void baton_device_print(baton_device device, char text[BATON_DEVICE_TEXT_SIZE]);

BATON_API bool baton_device_equal(baton_device a, baton_device b);

/**
 * Says if memory of this device can be used with this build on this machine. For a CUDA device it loads the CUDA runtime, libcudart.so.13 or
 * .12 (BATON_CUDART in the environment names another file), and makes no context.
 * Errors: ERR_NOT_BUILT_IN for a kind that this build lacks, ERR_NOT_SUPPORTED (no CUDA runtime, no driver, a driver that is too old, no
 * device: the error text says which), ERR_INVALID_ARGUMENT for an unknown kind or an id that the kind does not have, ERR_DEVICE for
 * another error of CUDA's, ERR_WRONG_PROCESS in a child of a process that loaded it.
 * Threads: any. Blocking: no, but the first call for CUDA in a process loads runtime and driver, which takes some 100 ms with a device.
 */
BATON_API BATON_CHECKED baton_status baton_device_check(baton_device device);

/** Devices that a baton_cuda_info has room for. */
#define BATON_CUDA_DEVICES_MAX 16

/** One device of CUDA's. */
typedef struct baton_cuda_device {
    char pci_bus_id[32];    /**< "0000:65:00.0"; "" if CUDA does not say */
    uint32_t compute_major; /**< compute capability; 0.0 if CUDA does not say */
    uint32_t compute_minor;
    bool memory_pools; /**< baton allocates from a pool, and frees without waiting */
} baton_cuda_device;

/** What there is of CUDA for this process. */
typedef struct baton_cuda_info {
    size_t struct_size;
    baton_status status;       /**< of baton_device_check for cuda:0 */
    char reason[512];          /**< why not; "" if status is OK */
    char runtime_path[512];    /**< the library that was loaded; "" if none was */
    uint32_t runtime_version;  /**< 13000 is 13.0; 0: not known */
    uint32_t driver_version;   /**< newest CUDA that the driver is for, alike; 0: no driver */
    uint32_t device_count;     /**< all of them, of which devices has the first */
    baton_cuda_device devices[BATON_CUDA_DEVICES_MAX];
} baton_cuda_info;

/**
 * Describes the CUDA runtime, its driver and the devices, or why there are none: for diagnosis. Loads the runtime; makes no context.
 * info_out: struct_size is set by the caller; filled up to that size.
 * Errors: ERR_INVALID_ARGUMENT. That CUDA cannot be used is no error here: status and reason tell it.
 * Threads: any. Blocking: as baton_device_check.
 */
BATON_API BATON_CHECKED baton_status baton_cuda_describe(baton_cuda_info *info_out);

#ifdef __cplusplus
}
#endif
#endif
