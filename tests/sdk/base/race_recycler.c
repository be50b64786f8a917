/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a recycler, more than the ring has places. */
#include "base/recycler.h"
#include "support/race_pieces.h"

static baton__recycler recycler;

static void *take_piece(void)
{
    return baton__recycler_take(&recycler);
}

static void give_piece(void *memory)
{
    baton__recycler_give(&recycler, memory);
}

static void init_pieces(size_t size)
{
    baton__recycler_init(&recycler, size);
}

static void fini_pieces(void)
{
    baton__recycler_fini(&recycler);
}

int main(void)
{
    return race_pieces();
}
