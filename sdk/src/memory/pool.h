/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MEMORY_POOL_H
#define BATON_MEMORY_POOL_H

#include "transport/segment.h"
#include <baton/id.h>
#include <baton/pool.h>
#include <stdbool.h>

#define BATON__GROUP_MAX 255

/* What core needs of the pool that a descriptor is a piece of. All of it is constant. */
typedef struct baton__share {
    baton_uuid id; /* of the pool */
    const baton__segment *segment;
    baton_key group; /* made of the secret */
} baton__share;

/* NULL: it is not of a pool, or of one without a group. Lives as long as the descriptor. */
const baton__share *baton__pool_share(const baton_descriptor *descriptor);
/* The key of a group's secret, 1 .. 255 bytes. */
baton_key baton__group_key(const char *secret);

#endif
