/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of the path rma, alone: right data without the other side, and what a key does not open. Two devices in use in one
 * process, of which the second never makes progress. Where there is no verbs device each case is skipped; tests/vm has one.
 */
#include "base/clock.h"
#include "transport/rma.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SIZE = 3 * 1024 * 1024, PAGE = 4096, SOON_MS = 20000 };

static const baton__rma_table *const table = &baton__rma_ucx;
static baton__rma *ours;
static baton__rma *theirs;
static uint8_t *here;
static uint8_t *there;
static baton__rma_region *region_here;
static baton__rma_region *region_there;
static uint64_t key;

/* Both ends of a link. */
typedef struct wire {
    baton__rma_link *near;
    baton__rma_link *far;
    int failures;
} wire;

typedef struct job {
    baton__rma_job base;
    bool over;
    baton_status status;
} job;

static void on_done(baton__rma_job *base, baton_status status, int native)
{
    (void)native;
    job *j = (job *)base;
    j->over = true;
    j->status = status;
}

static void on_failed(void *owner, int native)
{
    (void)native;
    ((wire *)owner)->failures++;
}

static baton__rma *open_one(void)
{
    const char *why = NULL;
    baton__rma *rma = NULL;
    baton_status status = table->open(&why, &rma);
    if (status == BATON_ERR_NOT_SUPPORTED) {
        cr_skip_test("%s", why);
    }
    cr_assert_eq(status, BATON_OK);
    return rma;
}

static uint8_t *memory(void)
{
    uint8_t *pages = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(pages, MAP_FAILED);
    return pages;
}

static uint64_t key_of(const baton__rma_region *region)
{
    uint8_t bytes[BATON__RMA_KEY_MAX];
    uint64_t opened = 0;
    cr_assert(table->key_open(ours, bytes, table->region_key(region, bytes), &opened));
    return opened;
}

static void open_both(void)
{
    ours = open_one();
    theirs = open_one();
    here = memory();
    there = memory();
    for (size_t i = 0; i < SIZE; i++) {
        there[i] = (uint8_t)(i * 7 + i / 251);
    }
    /* The first and the last page of it are nobody's. */
    cr_assert_eq(table->region_create(ours, here, SIZE, &region_here), BATON_OK);
    cr_assert_eq(table->region_create(theirs, there + PAGE, SIZE - 2 * PAGE, &region_there), BATON_OK);
    key = key_of(region_there);
}

static void close_both(void)
{
    cr_assert_eq(table->region_destroy(ours, region_here), BATON_OK);
    if (region_there != NULL) {
        cr_assert_eq(table->region_destroy(theirs, region_there), BATON_OK);
    }
    table->close(ours);
    table->close(theirs);
}

static void wire_up(wire *w)
{
    uint8_t address[BATON__RMA_ADDRESS_MAX];
    w->failures = 0;
    cr_assert_eq(table->link_create(ours, on_failed, w, &w->near), BATON_OK);
    cr_assert_eq(table->link_create(theirs, on_failed, w, &w->far), BATON_OK);
    size_t size = table->link_address(w->near, address);
    cr_assert_eq(table->link_connect(w->far, address, size), BATON_OK);
    size = table->link_address(w->far, address);
    cr_assert_eq(table->link_connect(w->near, address, size), BATON_OK);
}

static void wire_down(wire *w)
{
    table->link_close(w->near);
    table->link_close(w->far);
    (void)table->progress(ours);
}

static baton_status await(job *j)
{
    uint64_t end = baton__clock_now(&baton__clock_boottime) + SOON_MS * BATON__NS_PER_MS;
    while (!j->over) {
        (void)table->progress(ours);
        cr_assert_lt(baton__clock_now(&baton__clock_boottime), end, "it never ends");
    }
    return j->status;
}

static baton_status run(const wire *w, bool get, size_t offset, const uint8_t *address, size_t size, uint64_t with)
{
    baton__rma_span span = {.pointer = here + offset,
                            .size = size,
                            .region = region_here,
                            .address = (uint64_t)(uintptr_t)address,
                            .key = with};
    job j = {.base.done = on_done};
    cr_assert_eq((get ? table->get : table->put)(w->near, &span, &j.base), BATON_OK);
    baton_status status = await(&j);
    if (status == BATON_OK && !get) {
        job flush = {.base.done = on_done};
        if (table->flush(w->near, &flush.base) == BATON_OK) {
            status = await(&flush);
        }
    }
    return status;
}

/* It is refused, nothing has moved, both sides are alive, and a new link works. */
static void is_refused(bool get, const uint8_t *address, size_t size, uint64_t with)
{
    static uint8_t before[SIZE];
    wire w;
    wire_up(&w);
    memset(here, get ? 0xA5 : 0x5A, SIZE);
    memcpy(before, there, SIZE);
    cr_assert_eq(run(&w, get, 0, address, size, with), BATON_ERR_FORBIDDEN, "get %d of %zu bytes", get, size);
    cr_assert_eq(w.failures, 1);
    cr_assert_eq(memcmp(before, there, SIZE), 0);
    for (size_t i = 0; i < size; i++) {
        cr_assert_eq(here[i], get ? 0xA5 : 0x5A);
    }
    wire_down(&w);
    wire_up(&w);
    if (region_there != NULL) {
        cr_assert_eq(run(&w, true, 0, there + PAGE, PAGE, key), BATON_OK);
        cr_assert_eq(memcmp(here, there + PAGE, PAGE), 0);
    }
    wire_down(&w);
}

Test(ucx_rma, data_is_right_without_progress_of_the_other_side)
{
    open_both();
    const size_t sizes[] = {table->get_min(ours), 101, 4097, 1024 * 1024, SIZE - 2 * PAGE};
    cr_assert_leq(sizes[0], sizes[1]);
    wire w;
    wire_up(&w);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(here, 0, SIZE);
        cr_assert_eq(run(&w, true, 3, there + PAGE, sizes[i], key), BATON_OK);
        cr_assert_eq(memcmp(here + 3, there + PAGE, sizes[i]), 0);
        cr_assert_eq(here[3 + sizes[i]], 0);
        here[3] ^= 0xFF;
        cr_assert_eq(run(&w, false, 3, there + PAGE, sizes[i], key), BATON_OK);
        cr_assert_eq(memcmp(here + 3, there + PAGE, sizes[i]), 0);
    }
    cr_assert_eq(w.failures, 0);
    wire_down(&w);
    close_both();
}

Test(ucx_rma, what_lies_outside_is_refused)
{
    open_both();
    for (int get = 0; get < 2; get++) {
        is_refused(get, there, PAGE, key);                    /* before it */
        is_refused(get, there + SIZE - PAGE, PAGE, key);      /* behind it */
        is_refused(get, there + SIZE - PAGE - 100, 101, key); /* over its end */
        is_refused(get, there + PAGE, SIZE - 2 * PAGE + 1, key);
        is_refused(get, there + PAGE - 1, 100, key);
    }
    close_both();
}

Test(ucx_rma, the_key_of_another_region_is_refused)
{
    open_both();
    uint8_t *other = memory();
    baton__rma_region *region = NULL;
    cr_assert_eq(table->region_create(theirs, other, SIZE, &region), BATON_OK);
    for (int get = 0; get < 2; get++) {
        is_refused(get, there + PAGE, PAGE, key_of(region));
        is_refused(get, other, PAGE, key);
    }
    cr_assert_eq(table->region_destroy(theirs, region), BATON_OK);
    close_both();
}

Test(ucx_rma, a_key_that_was_never_given_is_refused)
{
    open_both();
    for (int get = 0; get < 2; get++) {
        is_refused(get, there + PAGE, PAGE, key ^ 0x5A5A00);
        is_refused(get, there + PAGE, PAGE, 0);
    }
    close_both();
}

/* Each registration has a key of its own: the end of one is not that of the other. */
Test(ucx_rma, the_key_of_a_registration_that_has_ended_is_refused)
{
    open_both();
    for (int get = 0; get < 2; get++) {
        baton__rma_region *again = NULL;
        cr_assert_eq(table->region_create(theirs, there + PAGE, SIZE - 2 * PAGE, &again), BATON_OK);
        uint64_t stale = key_of(again);
        cr_assert_neq(stale, key);
        wire w;
        wire_up(&w);
        cr_assert_eq(run(&w, get, 0, there + PAGE, PAGE, stale), BATON_OK);
        cr_assert_eq(table->region_destroy(theirs, again), BATON_OK);
        cr_assert_eq(run(&w, get, 0, there + PAGE, PAGE, stale), BATON_ERR_FORBIDDEN);
        wire_down(&w);
        is_refused(get, there + PAGE, PAGE, stale);
    }
    close_both();
}

Test(ucx_rma, what_is_under_way_comes_back_when_its_link_is_closed)
{
    open_both();
    wire w;
    wire_up(&w);
    baton__rma_span span = {.pointer = here,
                            .size = SIZE - 2 * PAGE,
                            .region = region_here,
                            .address = (uint64_t)(uintptr_t)(there + PAGE),
                            .key = key};
    job jobs[4];
    for (int i = 0; i < 4; i++) {
        jobs[i] = (job){.base.done = on_done};
        cr_assert_eq(table->get(w.near, &span, &jobs[i].base), BATON_OK);
    }
    table->link_close(w.near);
    for (int i = 0; i < 4; i++) {
        (void)await(&jobs[i]);
    }
    memset(here, 0xA5, SIZE);
    table->link_close(w.far);
    for (int i = 0; i < 1000; i++) {
        (void)table->progress(ours);
    }
    for (size_t i = 0; i < SIZE; i++) {
        cr_assert_eq(here[i], 0xA5, "changed after the end");
    }
    cr_assert_eq(w.failures, 0);
    close_both();
}

/* The other end of a link alone can end it too. */
Test(ucx_rma, a_link_that_the_other_side_has_closed_moves_nothing)
{
    open_both();
    wire w;
    wire_up(&w);
    cr_assert_eq(run(&w, true, 0, there + PAGE, PAGE, key), BATON_OK);
    table->link_close(w.far);
    (void)table->progress(theirs);
    baton__rma_span span = {.pointer = here, .size = PAGE, .region = region_here, .address = (uint64_t)(uintptr_t)(there + PAGE), .key = key};
    job j = {.base.done = on_done};
    memset(here, 0xA5, PAGE);
    cr_assert_eq(table->get(w.near, &span, &j.base), BATON_OK);
    uint64_t end = baton__clock_now(&baton__clock_boottime) + 500 * BATON__NS_PER_MS;
    while (!j.over && baton__clock_now(&baton__clock_boottime) < end) {
        (void)table->progress(ours);
    }
    table->link_close(w.near);
    cr_assert_neq(await(&j), BATON_OK);
    for (size_t i = 0; i < PAGE; i++) {
        cr_assert_eq(here[i], 0xA5);
    }
    close_both();
}

Test(ucx_rma, addresses_that_make_no_sense_are_refused)
{
    open_both();
    wire w;
    uint8_t good[BATON__RMA_ADDRESS_MAX];
    uint8_t bad[BATON__RMA_ADDRESS_MAX];
    cr_assert_eq(table->link_create(ours, on_failed, &w, &w.near), BATON_OK);
    cr_assert_eq(table->link_create(theirs, on_failed, &w, &w.far), BATON_OK);
    size_t size = table->link_address(w.far, good);
    for (size_t cut = 0; cut < size; cut++) {
        cr_assert_neq(table->link_connect(w.near, good, cut), BATON_OK);
        memcpy(bad, good, size);
        bad[cut] ^= 1;
        cr_assert_neq(table->link_connect(w.near, bad, size), BATON_OK);
    }
    uint64_t opened = 0;
    cr_assert_not(table->key_open(ours, bad, 3, &opened));
    cr_assert_not(table->key_open(ours, bad, BATON__RMA_KEY_MAX, &opened));
    cr_assert_eq(table->link_connect(w.near, good, size), BATON_OK);
    table->link_close(w.near);
    table->link_close(w.far);
    close_both();
}
