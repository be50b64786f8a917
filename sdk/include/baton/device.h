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
 * Says if memory of this device can be used with this build on this machine.
 * Errors: ERR_NOT_BUILT_IN for a kind that this build lacks, ERR_INVALID_ARGUMENT for an unknown kind or
 * an id that the kind does not have. Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_device_check(baton_device device);

#ifdef __cplusplus
}
#endif
#endif
