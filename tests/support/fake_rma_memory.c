/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations and keys of the fake device. */
#include "support/fake_rma_state.h"

#include <stdlib.h>
#include <string.h>

bool fake_rma_is_allowed(const baton__rma_span *span)
{
    if (fake_rma.fault == FAKE_RMA_NO_KEYS) {
        return true;
    }
    if (span->key == 0 || span->key > fake_rma.count) {
        return false;
    }
    const baton__rma_region *region = fake_rma.regions[span->key - 1];
    uint64_t base = (uint64_t)(uintptr_t)region->pointer;
    return (!region->ended || fake_rma.fault == FAKE_RMA_STALE_WORKS) && span->address >= base &&
           span->size <= region->size && span->address - base <= region->size - span->size;
}

baton_status fake_rma_region_create(baton__rma *rma, void *pointer, size_t size, baton__rma_region **region_out)
{
    (void)rma;
    baton__rma_region *region = calloc(1, sizeof(*region));
    if (region == NULL || fake_rma.count == REGIONS_MAX ||
        (fake_rma.fault == FAKE_RMA_NO_REGISTER && size > 2 * (size_t)FAKE_RMA_PAGE)) {
        free(region);
        return BATON_ERR_TRANSPORT;
    }
    *region = (baton__rma_region){.pointer = pointer, .size = size, .key = fake_rma.count + 1};
    fake_rma.regions[fake_rma.count++] = region;
    *region_out = region;
    return BATON_OK;
}

baton_status fake_rma_region_destroy(baton__rma *rma, baton__rma_region *region)
{
    (void)rma;
    region->ended = true;
    return fake_rma.fault == FAKE_RMA_NO_DEREGISTER && region->size > 2 * (size_t)FAKE_RMA_PAGE ? BATON_ERR_TRANSPORT : BATON_OK;
}

size_t fake_rma_region_key(const baton__rma_region *region, uint8_t key[BATON__RMA_KEY_MAX])
{
    memcpy(key, &region->key, KEY_SIZE);
    return KEY_SIZE;
}

bool fake_rma_key_open(const baton__rma *rma, const uint8_t *bytes, size_t size, uint64_t *key_out)
{
    (void)rma;
    if (size != KEY_SIZE) {
        return false;
    }
    memcpy(key_out, bytes, KEY_SIZE);
    return true;
}

unsigned fake_rma_regions(void)
{
    unsigned live = 0;
    for (unsigned i = 0; i < fake_rma.count; i++) {
        live += !fake_rma.regions[i]->ended && fake_rma.regions[i]->size > 2 * (size_t)FAKE_RMA_PAGE;
    }
    return live;
}
