/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of devices. Each device has a range of addresses that nobody can touch, from which
 * allocations are handed out, and a file in memory that is mapped once more elsewhere: there the
 * bytes lie, at the same offset. Addresses are given out in turn, so that a freed one stays unused
 * for long, and a page that is nobody's lies behind each allocation.
 */
#include "state.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t range_bytes = (size_t)64 << 30;

fake_device fake_devices[FAKE_DEVICES_MAX];

static bool reserve(fake_device *device)
{
    if (device->range != NULL) {
        return true;
    }
    int file = memfd_create("fake_cuda", MFD_CLOEXEC);
    if (file < 0) {
        return false;
    }
    void *bytes = MAP_FAILED;
    void *range = MAP_FAILED;
    if (ftruncate(file, (off_t)range_bytes) == 0) {
        bytes =
            mmap(NULL, range_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
        range =
            mmap(NULL, range_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    if (bytes == MAP_FAILED || range == MAP_FAILED) {
        if (bytes != MAP_FAILED) {
            (void)munmap(bytes, range_bytes);
        }
        (void)close(file);
        return false;
    }
    (void)madvise(bytes, range_bytes, MADV_DONTDUMP);
    device->bytes = bytes;
    device->range = range;
    device->file = file;
    return true;
}

/* The block whose memory, or the page behind it, meets [start, start + length). */
static const fake_block *occupant(int device, const uint8_t *start, size_t length)
{
    for (const fake_block *block = fake_blocks; block != NULL; block = block->next) {
        bool meets =
            start < block->start + block->size + FAKE_PAGE && block->start < start + length;
        if (block->kind == FAKE_DEVICE && block->device == device && meets) {
            return block;
        }
    }
    return NULL;
}

/* The first gap of that length from the cursor on, once around; NULL if there is none. */
static uint8_t *find_gap(fake_device *device, int id, size_t length)
{
    bool turned = false;
    size_t offset = device->cursor;
    for (;;) {
        if (offset + length > range_bytes) {
            if (turned) {
                return NULL;
            }
            turned = true;
            offset = 0;
        }
        const fake_block *block = occupant(id, device->range + offset, length);
        if (block == NULL) {
            device->cursor = offset + length;
            return device->range + offset;
        }
        size_t end = (size_t)(block->start - device->range) + block->size + FAKE_PAGE;
        offset = (end + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE;
    }
}

cudaError_t fake_device_allocate(int device, size_t size, fake_pool *pool, fake_block **block_out)
{
    fake_device *it = &fake_devices[device];
    if (size > range_bytes || size > fake_setting.memory_bytes ||
        it->used_bytes > fake_setting.memory_bytes - size || !reserve(it)) {
        return cudaErrorMemoryAllocation;
    }
    size_t length = (size + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE + FAKE_PAGE;
    uint8_t *start = find_gap(it, device, length);
    if (start == NULL) {
        return cudaErrorMemoryAllocation;
    }
    fake_block value = {.kind = FAKE_DEVICE,
                        .device = device,
                        .start = start,
                        .size = size,
                        .bytes = it->bytes + (start - it->range),
                        .pool = pool};
    cudaError_t error = fake_block_add(&value, block_out);
    if (error == cudaSuccess) {
        it->used_bytes += size;
    }
    return error;
}

void fake_device_give_back(const fake_block *block)
{
    fake_device *it = &fake_devices[block->device];
    size_t length = (block->size + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE;
    if (fallocate(it->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, block->bytes - it->bytes,
                  (off_t)length) != 0) {
        perror("fake_cuda: memory could not be given back");
        abort();
    }
    it->used_bytes -= block->size;
}

bool fake_device_owns(const void *pointer)
{
    for (int i = 0; i < FAKE_DEVICES_MAX; i++) {
        const uint8_t *range = fake_devices[i].range;
        if (range != NULL && (const uint8_t *)pointer >= range &&
            (const uint8_t *)pointer < range + range_bytes) {
            return true;
        }
    }
    return false;
}
