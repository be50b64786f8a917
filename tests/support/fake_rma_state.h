/* SPDX-License-Identifier: Apache-2.0 */
/* What fake_rma.c and fake_rma_memory.c share. */
#ifndef BATON_TEST_FAKE_RMA_STATE_H
#define BATON_TEST_FAKE_RMA_STATE_H

#include "support/fake_rma.h"

enum { FAKE_RMA_PAGE = 4096, REGIONS_MAX = 4096, KEY_SIZE = 8 };

struct baton__rma_region {
    uint8_t *pointer;
    size_t size;
    uint64_t key;
    bool ended;
};

typedef struct fake_rma_state {
    fake_rma_fault fault;
    bool held;
    int (*peek)(const void *memory, void *out, size_t size);
    int (*poke)(void *memory, const void *bytes, size_t size);
    unsigned accesses;
    unsigned links;
    uint64_t last_link;
    baton__rma_region *regions[REGIONS_MAX]; /* the key is 1 + index; ended ones stay, so that keys do not come again */
    unsigned count;
} fake_rma_state;

extern fake_rma_state fake_rma;

bool fake_rma_is_allowed(const baton__rma_span *span);
baton_status fake_rma_region_create(baton__rma *rma, void *pointer, size_t size, baton__rma_region **region_out);
baton_status fake_rma_region_destroy(baton__rma *rma, baton__rma_region *region);
size_t fake_rma_region_key(const baton__rma_region *region, uint8_t key[BATON__RMA_KEY_MAX]);
bool fake_rma_key_open(const baton__rma *rma, const uint8_t *bytes, size_t size, uint64_t *key_out);

#endif
