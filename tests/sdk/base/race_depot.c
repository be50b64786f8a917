/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a depot, more than the ring has places: the slab has its share. */
#include "base/depot.h"
#include "support/race_pieces.h"

static baton__depot depot;

static void *take_piece(void)
{
    return baton__depot_take(&depot);
}

static void give_piece(void *memory)
{
    baton__depot_give(&depot, memory);
}

static void init_pieces(size_t size)
{
    baton__depot_init(&depot, size);
}

static void fini_pieces(void)
{
    baton__depot_fini(&depot);
}

int main(void)
{
    return race_pieces();
}
