/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to find a passive operation by the id that a frame brings, among few and among many: the function of the library itself,
 * over operations of a connector, in random order, on one thread and without a peer. Each number of operations has a connector for itself,
 * so that its table is as large as they need, and the numbers alternate, round by round.
 *
 *   bench_lookup [LOOKUPS [OPERATIONS]]     of each kind, number and round; one number alone
 *
 * find: the next id is known only when the operation before has been read, so it is the time from an id to what was found, and
 * nothing overlaps with it. open: the beginning of an OPEN as sdk/src/core/dispatch_open.c has it, its block, its claim and its
 * operation's fields. bare: the same without the two hints to the processor.
 *
 * Misses: valgrind --tool=callgrind --cache-sim=yes --toggle-collect=time_find bench_lookup 10000 100000
 */
#include "measure.h"

#include "core/engine.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 4, ROUNDS = 9, LOOKUPS = 100000, DEADLINE_MS = 3600 * 1000 };
static const uint64_t numbers[STEPS] = {100, 1000, 10000, 100000};

typedef struct crowd {
    uint64_t count;
    baton_connector *connector;
    baton_uuid *ids;   /* in random order */
    baton_key *claims; /* of each */
    double find_ns[ROUNDS];
    double open_ns[ROUNDS];
    double bare_ns[ROUNDS];
} crowd;

static void check(baton_status status, const char *what)
{
    if (status != BATON_OK) {
        measure_fail("%s: %s", what, baton_error_text());
    }
}

/* xorshift (Marsaglia, 2003): the same order in every run. */
static uint64_t next_random(void)
{
    static uint64_t state = UINT64_C(88172645463325252);
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void fill(crowd *self, baton_descriptor *memory)
{
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    baton_operation_options settings = BATON_OPERATION_OPTIONS_INIT;
    options.progress = BATON_PROGRESS_APPLICATION;
    settings.deadline_ms = DEADLINE_MS;
    check(baton_connector_create(&options, &self->connector), "connector");
    self->ids = measure_memory(self->count * sizeof(*self->ids));
    self->claims = measure_memory(self->count * sizeof(*self->claims));
    for (uint64_t i = 0; i < self->count; i++) {
        baton_operation *op = NULL; /* never destroyed: the program is short */
        uint64_t place = next_random() % (i + 1);
        check(baton_connector_create_readable(self->connector, &memory, 1, &settings, &op), "a readable");
        self->ids[i] = self->ids[place];
        self->ids[place] = op->id;
    }
    while (baton_connector_progress(self->connector) != 0) {
    }
    for (uint64_t i = 0; i < self->count; i++) {
        self->claims[i] = baton__claim_token(self->connector, &self->ids[i], 1);
        if (baton__passive_find(self->connector, &self->ids[i]) == NULL) {
            measure_fail("an operation is not found");
        }
    }
}

__attribute__((noinline)) static double time_find(const crowd *self, uint64_t lookups)
{
    uint64_t at = 0;
    uint64_t begin = measure_now_ns();
    for (uint64_t i = 0; i < lookups; i++) {
        const baton_operation *op = baton__passive_find(self->connector, &self->ids[at]);
        at += op->id.bytes[8] >> 7; /* always 1, the variant of a UUID; but that has to be read */
        at = at < self->count ? at : 0;
    }
    return (double)(measure_now_ns() - begin) / (double)lookups;
}

static void open_one(const crowd *self, uint64_t at, const baton__identity *identity, bool is_bare)
{
    const baton_connector *connector = self->connector;
    baton__frame frame = {.operation = self->ids[at], .key = self->claims[at], .c = 1};
    baton__block block;
    if (!is_bare) {
        baton__passive_expect(connector, &frame.operation);
    }
    check(baton__block_decode(identity->block, identity->size, &block), "a block");
    if (!is_bare) {
        baton__passive_fetch(connector, &frame.operation);
    }
    if (!baton__claim_is_proven(connector, &frame)) {
        measure_fail("a claim is not proven");
    }
    const baton_operation *op = baton__passive_find(connector, &frame.operation);
    if (op->kind != BATON_OPERATION_READABLE || op->ending || op->count != 1 || op->attempt != 1) {
        measure_fail("another operation is found");
    }
}

__attribute__((noinline)) static double time_open(const crowd *self, uint64_t lookups, bool is_bare)
{
    const baton__identity *identity = baton__identity_get(self->connector); /* any block will do */
    uint64_t at = 0;
    uint64_t begin = measure_now_ns();
    for (uint64_t i = 0; i < lookups; i++) {
        open_one(self, at, identity, is_bare);
        at = at + 1 < self->count ? at + 1 : 0;
    }
    return (double)(measure_now_ns() - begin) / (double)lookups;
}

static void play_round(crowd *self, int round, uint64_t lookups)
{
    self->find_ns[round] = time_find(self, lookups);
    self->open_ns[round] = time_open(self, lookups, false);
    self->bare_ns[round] = time_open(self, lookups, true);
}

static void report(crowd *self)
{
    (void)printf("{\"type\":\"lookup\",\"operations\":%" PRIu64 ",\"find_ns\":%.1f,\"open_ns\":%.1f,\"bare_ns\":%.1f}\n", self->count,
                 measure_summarize(self->find_ns, ROUNDS).p50, measure_summarize(self->open_ns, ROUNDS).p50,
                 measure_summarize(self->bare_ns, ROUNDS).p50);
}

int main(int count, char **arguments)
{
    static crowd crowds[STEPS];
    uint64_t lookups = count > 1 ? strtoull(arguments[1], NULL, 10) : LOOKUPS;
    uint64_t only = count > 2 ? strtoull(arguments[2], NULL, 10) : 0;
    int steps = only != 0 ? 1 : STEPS;
    baton_descriptor *memory = NULL;
    measure_set_transports("shm");
    check(baton_descriptor_allocate(64, BATON_DEVICE_HOST, &memory), "memory");
    if (lookups == 0) {
        measure_fail("bench_lookup [LOOKUPS [OPERATIONS]]");
    }
    for (int step = 0; step < steps; step++) {
        crowds[step].count = only != 0 ? only : numbers[step];
        fill(&crowds[step], memory);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int step = 0; step < steps; step++) {
            play_round(&crowds[step], round, lookups);
        }
    }
    for (int step = 0; step < steps; step++) {
        report(&crowds[step]);
    }
    return 0;
}
