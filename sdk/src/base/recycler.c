/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Place i of the ring is free for the thread that gives as number n when its turn is n, and full for the one that takes as
 * number n when its turn is n + 1; taking makes it n + PLACES. The numbers wrap around, which their differences do not mind.
 */
#include "base/recycler.h"

#include "base/poison.h"
#include <stdlib.h>
#include <string.h>

enum { MASK = BATON__RECYCLER_PLACES - 1 };

void baton__recycler_init(baton__recycler *recycler, size_t size)
{
    *recycler = (baton__recycler){.size = size};
    for (uint32_t i = 0; i < BATON__RECYCLER_PLACES; i++) {
        recycler->places[i].turn = i;
    }
}

/* The place for the next number, or NULL: the ring is full (empty). ahead: 0 to give, 1 to take. */
static baton__recycler_place *claim(baton__recycler *recycler, uint32_t *counter, uint32_t ahead, uint32_t *number_out)
{
    uint32_t number = __atomic_load_n(counter, __ATOMIC_RELAXED);
    for (;;) {
        baton__recycler_place *place = &recycler->places[number & MASK];
        int32_t distance = (int32_t)(__atomic_load_n(&place->turn, __ATOMIC_ACQUIRE) - (number + ahead));
        if (distance < 0) {
            return NULL;
        }
        if (distance > 0) {
            number = __atomic_load_n(counter, __ATOMIC_RELAXED);
        } else if (__atomic_compare_exchange_n(counter, &number, number + 1, true, __ATOMIC_RELAXED,
                                               __ATOMIC_RELAXED)) {
            *number_out = number;
            return place;
        }
    }
}

void *baton__recycler_try_take(baton__recycler *recycler)
{
    uint32_t number;
    baton__recycler_place *place = claim(recycler, &recycler->take_at, 1, &number);
    if (place == NULL) {
        return NULL;
    }
    void *memory = place->memory;
    __atomic_store_n(&place->turn, number + BATON__RECYCLER_PLACES, __ATOMIC_RELEASE);
    return memory;
}

void *baton__recycler_take_raw(baton__recycler *recycler)
{
    void *memory = baton__recycler_try_take(recycler);
    return memory == NULL ? malloc(recycler->size) : memory;
}

void *baton__recycler_take(baton__recycler *recycler)
{
    void *memory = baton__recycler_take_raw(recycler);
    return memory == NULL ? NULL : memset(memory, 0, recycler->size);
}

bool baton__recycler_try_give(baton__recycler *recycler, void *memory)
{
    uint32_t number;
    baton__recycler_place *place = claim(recycler, &recycler->give_at, 0, &number);
    if (place == NULL) {
        return false;
    }
    place->memory = memory;
    __atomic_store_n(&place->turn, number + 1, __ATOMIC_RELEASE);
    return true;
}

#ifdef BATON__HAS_POISON
void baton__recycler_give(baton__recycler *recycler, void *memory)
{
    (void)recycler;
    free(memory);
}
#else
void baton__recycler_give(baton__recycler *recycler, void *memory)
{
    if (memory != NULL && !baton__recycler_try_give(recycler, memory)) {
        free(memory);
    }
}
#endif

void baton__recycler_fini(baton__recycler *recycler)
{
    for (void *memory; (memory = baton__recycler_try_take(recycler)) != NULL;) {
        free(memory);
    }
}
