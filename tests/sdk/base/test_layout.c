/* SPDX-License-Identifier: Apache-2.0 */
#include "base/layout.h"

#include "support/shape.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 1 << 16, RUNS = 64 };

static uint8_t memory[MEMORY];
static uint8_t *places[MEMORY]; /* the plain model: where each byte of the row lies */
static baton__run runs[RUNS];

/* Layouts by chance: with gaps, without, backwards, overlapping nowhere. */
static baton__layout random_layout(uint64_t *state)
{
    baton__layout layout = {.runs = runs};
    size_t offset = 0;
    size_t wanted = 1 + (size_t)(shape_next(state) % RUNS);
    for (size_t i = 0; i < wanted; i++) {
        size_t segment = 1 + (size_t)(shape_next(state) % 40);
        size_t count = 1 + (size_t)(shape_next(state) % 12);
        size_t stride = segment + (size_t)(shape_next(state) % 3 == 0 ? 0 : shape_next(state) % 20);
        offset += (size_t)(shape_next(state) % 2 == 0 ? 0 : shape_next(state) % 30);
        baton__run run = {.base = memory + offset, .segment = segment, .stride = stride, .count = count};
        for (size_t k = 0; k < count * segment; k++) {
            places[layout.total + k] = run.base + k / segment * stride + k % segment;
        }
        offset += (count - 1) * stride + segment;
        baton__layout_add(runs, &layout.count, &layout.total, run);
    }
    cr_assert_leq(layout.count, wanted);
    cr_assert_leq(offset, MEMORY);
    return layout;
}

static void check_range(const baton__layout *layout, uint64_t offset, size_t size, uint32_t *hint, uint64_t *state)
{
    static uint8_t row[MEMORY];
    baton__layout_gather(layout, offset, row, size, hint);
    for (size_t i = 0; i < size; i++) {
        cr_assert_eq(row[i], *places[offset + i]);
        row[i] = (uint8_t)shape_next(state);
    }
    baton__layout_scatter(layout, offset, row, size, hint);
    for (size_t i = 0; i < size; i++) {
        cr_assert_eq(row[i], *places[offset + i]);
    }
}

Test(layout, gathers_and_scatters_what_the_model_says)
{
    uint64_t state = 42;
    for (int round = 0; round < 2000; round++) {
        baton__layout layout = random_layout(&state);
        uint32_t hint = (uint32_t)shape_next(&state);
        for (int i = 0; i < 20; i++) {
            uint64_t offset = shape_next(&state) % layout.total;
            size_t size = (size_t)(shape_next(&state) % (layout.total - offset + 1));
            check_range(&layout, offset, size, &hint, &state);
        }
        baton__slice slice = {.layout = &layout, .offset = 0, .size = (size_t)layout.total};
        uint64_t offset = 0;
        size_t pieces = 0;
        while (offset < layout.total) {
            baton__piece piece = baton__layout_at(&layout, offset, &hint);
            cr_assert_eq(piece.pointer, places[offset]);
            cr_assert_eq(piece.pointer + piece.size - 1, places[offset + piece.size - 1]);
            offset += piece.size;
            pieces++;
        }
        cr_assert_eq(offset, layout.total);
        cr_assert_eq(baton__slice_pieces(&slice, SIZE_MAX), pieces);
        cr_assert_eq(baton__slice_pieces(&slice, 1), 1);
    }
}

Test(layout, writes_nothing_beside_the_range)
{
    uint64_t state = 7;
    static uint8_t before[MEMORY];
    static uint8_t row[MEMORY];
    for (int round = 0; round < 200; round++) {
        baton__layout layout = random_layout(&state);
        uint64_t offset = shape_next(&state) % layout.total;
        size_t size = (size_t)(shape_next(&state) % (layout.total - offset + 1));
        for (size_t i = 0; i < MEMORY; i++) {
            before[i] = (uint8_t)shape_next(&state);
        }
        memcpy(memory, before, MEMORY);
        memset(row, 0x5A, size);
        uint32_t hint = 0;
        baton__layout_scatter(&layout, offset, row, size, &hint);
        for (size_t i = 0; i < size; i++) {
            cr_assert_eq(*places[offset + i], 0x5A);
            *places[offset + i] = before[places[offset + i] - memory];
        }
        cr_assert_eq(memcmp(memory, before, MEMORY), 0);
    }
}

Test(layout, what_goes_on_without_a_gap_is_one_run)
{
    uint32_t count = 0;
    uint64_t total = 0;
    for (size_t i = 0; i < RUNS; i++) {
        baton__layout_add(runs, &count, &total, (baton__run){.base = memory + 10 * i, .segment = 5, .stride = 5, .count = 2});
    }
    cr_assert_eq(count, 1);
    cr_assert_eq(total, 10 * RUNS);
    cr_assert_eq(runs[0].segment, 10 * RUNS);
    baton__layout_add(runs, &count, &total, (baton__run){.base = memory + 10 * RUNS, .segment = 5, .stride = 6, .count = 2});
    cr_assert_eq(count, 2);
    cr_assert_eq(runs[1].start, 10 * RUNS);
}
