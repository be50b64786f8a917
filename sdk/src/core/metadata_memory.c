/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metadata_memory.h"

#include "base/recycler.h"
#include <pthread.h>
#include <stdlib.h>

/* A transport block of a machine with some networks, and a handful of descriptors. */
enum { KEPT_SIZE = 2048 };

static baton__recycler kept;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    baton__recycler_init(&kept, KEPT_SIZE);
}

void *baton__metadata_memory_take(size_t size)
{
    if (size > KEPT_SIZE) {
        return malloc(size);
    }
    (void)pthread_once(&once, prepare);
    return baton__recycler_take_raw(&kept);
}

void baton__metadata_memory_give(void *memory, size_t size)
{
    if (size > KEPT_SIZE) {
        free(memory);
    } else {
        baton__recycler_give(&kept, memory);
    }
}

/* At the end of the process, and where the library is unloaded. */
__attribute__((destructor)) static void clean_up(void)
{
    baton__recycler_fini(&kept);
}
