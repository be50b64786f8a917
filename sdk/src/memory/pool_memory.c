/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/pool_memory.h"

#include "base/error.h"

typedef struct kind_row {
    const char *name;
    bool has_group;
    bool has_cuda_id;
    size_t alignment; /* at least */
    baton_status (*create)(const baton_pool_options *options, baton__pool_memory *memory);
} kind_row;

static baton_status create_shared(const baton_pool_options *options, baton__pool_memory *memory)
{
    baton_status status = baton__segment_create(options->capacity_bytes, &memory->segment);
    if (status == BATON_OK) {
        memory->pointer = memory->segment->pointer;
        memory->size_bytes = memory->segment->size;
        memory->device = BATON_DEVICE_HOST;
        memory->runtime = BATON_DEVICE_HOST;
        memory->exportable = options->group != NULL;
    }
    return status;
}

static void take_over(baton__pool_memory *memory, baton_device device)
{
    const baton__reserve *reserve = memory->reserve;
    memory->pointer = reserve->pointer;
    memory->size_bytes = reserve->size_bytes;
    memory->device = device;
    memory->runtime = (baton_device){.kind = BATON_DEVICE_KIND_CUDA, .id = reserve->device};
    memory->exportable = reserve->exportable;
}

static baton_status create_pinned(const baton_pool_options *options, baton__pool_memory *memory)
{
    baton_status status = baton__reserve_pinned(options->capacity_bytes, &memory->reserve);
    if (status == BATON_OK) {
        take_over(memory, BATON_DEVICE_HOST);
    }
    return status;
}

static baton_status create_cuda(const baton_pool_options *options, baton__pool_memory *memory)
{
    baton_status status = baton__reserve_device(options->cuda_id, options->capacity_bytes, &memory->reserve);
    if (status == BATON_OK) {
        take_over(memory, (baton_device){.kind = BATON_DEVICE_KIND_CUDA, .id = options->cuda_id});
    }
    return status;
}

static const kind_row rows[] = {
    [BATON_POOL_SHARED] = {"shared", true, false, 16, create_shared},
    [BATON_POOL_PINNED] = {"pinned", false, false, 16, create_pinned},
    [BATON_POOL_CUDA] = {"CUDA", false, true, 256, create_cuda}, /* as cudaMalloc gives it, and kernels want it */
};
enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

static baton_status check(const baton_pool_options *options)
{
    unsigned kind = (unsigned)options->kind;
    if (kind >= ROW_COUNT) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "pool options: %u is no kind of pool", kind);
    }
    if (options->group != NULL && !rows[kind].has_group) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "pool options: nobody can map %s memory, so it has no group", rows[kind].name);
    }
    if (options->cuda_id != 0 && !rows[kind].has_cuda_id) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "pool options: %s memory is of no CUDA device", rows[kind].name);
    }
    return BATON_OK;
}

baton_status baton__pool_memory_create(const baton_pool_options *options, baton__pool_memory *memory_out)
{
    baton__pool_memory memory = {.pointer = NULL};
    baton_status status = check(options);
    if (status == BATON_OK) {
        status = rows[options->kind].create(options, &memory);
    }
    if (status != BATON_OK) {
        return status;
    }
    const kind_row *row = &rows[options->kind];
    memory.unit = options->alignment_bytes > row->alignment ? options->alignment_bytes : row->alignment;
    /* CUDA promises 256 bytes, and has always given whole pages. */
    if ((uintptr_t)memory.pointer % memory.unit != 0) {
        baton__pool_memory_destroy(&memory, true);
        return baton__fail(BATON_ERR_NOT_SUPPORTED, "%s memory does not come aligned to %zu bytes here", row->name, memory.unit);
    }
    *memory_out = memory;
    return BATON_OK;
}

void baton__pool_memory_destroy(const baton__pool_memory *memory, bool wait)
{
    if (memory->segment != NULL) {
        baton__segment_destroy(memory->segment);
    } else {
        baton__reserve_end(memory->reserve, wait);
    }
}
