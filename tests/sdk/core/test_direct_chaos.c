/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of devices that goes straight, while sessions break, frames are lost and late, copies take their time and either side
 * cancels, in an order that a number decides. Whatever happens: both sides end, nobody says success of bytes that are not there, nobody says that memory
 * is quiet which a device still reads or writes, and in the end all of it is given back.
 */
#include "support/direct_pair.h"

enum { SEEDS = 200, PATIENCE = 3000, STEPS_MAX = 20 };

TestSuite(direct_chaos, .init = direct_open, .fini = cuda_pair_close, .timeout = 240);

static uint32_t state;

static unsigned dice(unsigned sides)
{
    state = state * 1103515245u + 12345u;
    return (state >> 8) % sides;
}

static void lose_session(const handed *h)
{
    baton__peer *peer = h->active->peer;
    if (dice(2) == 0) {
        peer = h->passive->p.grants == NULL ? NULL : h->passive->p.grants->peer;
    }
    if (peer != NULL) {
        baton__peer_failed(peer, -80);
    }
}

static void cancel(const handed *h)
{
    baton_operation *op = dice(2) == 0 ? h->active : h->passive;
    if (!baton_operation_is_over(op) && dice(3) == 0) {
        (void)!baton_operation_cancel(op); /* it may be too late */
    }
}

static void lose_frame(void)
{
    static const baton__frame_type types[] = {BATON__FRAME_PROBE, BATON__FRAME_PROBED, BATON__FRAME_RELEASE, BATON__FRAME_CANCEL,
                                              BATON__FRAME_FAIL,  BATON__FRAME_GRANT,  BATON__FRAME_OPEN};
    fake_plan(types[dice(sizeof(types) / sizeof(types[0]))], dice(2) == 0 ? FAKE_DROP : FAKE_LAST, 1);
}

static void disturb(const handed *h)
{
    switch (dice(12)) {
    case 0:
        fake_break();
        break;
    case 1:
        lose_session(h);
        break;
    case 2:
        cancel(h);
        break;
    case 3:
        fake_delay_arrivals(1 + dice(3));
        break;
    case 4:
        fake_delay_arrivals(0);
        break;
    case 5:
        fake_set_cut(dice(2) == 0);
        break;
    case 6:
        fake_fail_held();
        break;
    case 7:
        fake_release();
        break;
    case 8:
        fake_plan(h->read ? BATON__FRAME_DATA : BATON__FRAME_WRITE, FAKE_HOLD, 1);
        break;
    case 9:
        fake_clock_advance_ms(60 + dice(1500));
        break;
    case 10:
        lose_frame();
        break;
    default:
        fake_take_lane(dice(2));
        break;
    }
}

static void turn(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        cuda_pair_turn();
    }
}

static bool is_settled(const handed *h)
{
    return cuda_pair_is_over(h) && pair_stats(ORIGIN).quarantined + pair_stats(CONSUMER).quarantined == 0;
}

static bool is_quiet_by_its_word(const baton_operation *op)
{
    return baton_operation_is_over(op) && baton_operation_reason(op) != BATON_ERR_QUARANTINED;
}

/* Frames come through again, and what a device copies is still under way. */
static void wait_without_copies(const handed *h, unsigned seed)
{
    fake_set_cut(false);
    fake_delay_arrivals(0);
    fake_release();
    for (int i = 0; i < 100 && fake_is_arriving(); i++) {
        pair_advance_ms(100);
        cr_assert(!is_quiet_by_its_word(h->active) && !is_quiet_by_its_word(h->passive), "seed %u: active %s, passive %s", seed,
                  baton_status_name(baton_operation_reason(h->active)), baton_status_name(baton_operation_reason(h->passive)));
    }
}

/* Everything does. */
static void settle(const handed *h)
{
    for (int i = 0; i < PATIENCE && !is_settled(h); i++) {
        fake_let_arrive();
        (void)!baton_operation_ack(h->active, NULL, 0); /* where it is due */
        pair_advance_ms(100);
    }
}

static void run(unsigned seed)
{
    static const size_t sizes[] = {CHUNK, 3 * CHUNK, BATON__DIRECT_CHUNK + 2 * CHUNK};
    static handed h;
    state = seed * 2654435761u + 7;
    fake_reset();
    fake_reach_devices(fake_cuda_peek, fake_cuda_poke);
    cuda_pair_begin(&h, dice(2) == 0, 1, sizes[dice(3)], (baton_completion)dice(3), dice(2) * 800, BOTH);
    fake_delay_arrivals(dice(3));
    turn(2 + dice(10));
    for (unsigned i = dice(STEPS_MAX); i > 0; i--) {
        disturb(&h);
        turn(dice(4));
    }
    wait_without_copies(&h, seed);
    settle(&h);
    cr_assert(is_settled(&h), "seed %u", seed);
    baton_status active = baton_operation_reason(h.active);
    baton_status passive = baton_operation_reason(h.passive);
    cr_assert(active != BATON_OK || cuda_pair_is_right(&h), "seed %u: a success without its bytes", seed);
    cr_assert(active != BATON_OK || h.read || passive == BATON_OK, "seed %u: %s", seed, baton_status_name(passive));
    pair_end(&h);
    cr_assert_eq(on_device(), 0, "seed %u", seed);
}

Test(direct_chaos, both_sides_end_and_give_everything_back)
{
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        run(seed);
    }
}
