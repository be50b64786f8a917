/* SPDX-License-Identifier: Apache-2.0 */
#include "base/depot.h"

#include "base/poison.h"
#include <string.h>

enum { LINE = 64 };

void baton__depot_init(baton__depot *depot, size_t size)
{
    size = (size + LINE - 1) / LINE * LINE;
    baton__recycler_init(&depot->ring, size);
    baton__slab_init(&depot->slab, size);
    (void)pthread_mutex_init(&depot->lock, NULL); /* never fails for a plain one */
}

#ifdef BATON__HAS_POISON
void baton__depot_fini(baton__depot *depot)
{
    (void)pthread_mutex_destroy(&depot->lock);
    baton__recycler_fini(&depot->ring);
}

void *baton__depot_take(baton__depot *depot)
{
    return baton__recycler_take(&depot->ring);
}

void baton__depot_give(baton__depot *depot, void *memory)
{
    baton__recycler_give(&depot->ring, memory);
}
#else
void baton__depot_fini(baton__depot *depot)
{
    (void)pthread_mutex_destroy(&depot->lock);
    baton__slab_fini(&depot->slab); /* what the ring has is of it */
}

void *baton__depot_take(baton__depot *depot)
{
    void *memory = baton__recycler_try_take(&depot->ring);
    if (memory == NULL) {
        (void)pthread_mutex_lock(&depot->lock);
        memory = baton__slab_take_raw(&depot->slab);
        (void)pthread_mutex_unlock(&depot->lock);
    }
    return memory == NULL ? NULL : memset(memory, 0, depot->ring.size);
}

void baton__depot_give(baton__depot *depot, void *memory)
{
    if (memory != NULL && !baton__recycler_try_give(&depot->ring, memory)) {
        (void)pthread_mutex_lock(&depot->lock);
        baton__slab_give(&depot->slab, memory);
        (void)pthread_mutex_unlock(&depot->lock);
    }
}
#endif
