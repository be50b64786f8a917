/* SPDX-License-Identifier: Apache-2.0 */
/* A range of memory that work is asked for. */
#ifndef FAKE_CUDA_PLACE_H
#define FAKE_CUDA_PLACE_H

#include "state.h"

typedef struct fake_place {
    fake_block *block; /* NULL: pageable host memory */
    uint8_t *bytes;
    bool of_device; /* device or managed */
    bool of_host;   /* all but device */
} fake_place;

/* cudaErrorInvalidValue for a range that is not inside one piece of memory, or is being freed, or
 * was never handed out. */
cudaError_t fake_place_find(const void *pointer, size_t size, fake_place *place_out);
bool fake_place_is_pageable(const fake_place *place);

#endif
