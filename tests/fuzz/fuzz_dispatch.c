/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes what a connector does with the frames of a peer: no crash, no byte of an operation's
 * memory touched and no state changed by a frame that does not prove itself, every such frame
 * counted as refused once, and nothing left when the connector ends.
 *
 * The input is a script. Three bytes say what world there is: kind of completion, lease, sizes, how
 * far the hand-offs have come, and what frames get stuck. Each step after that is a frame made of a
 * hand-off's real secrets with some fields spoiled, or a turn, a time, a break, a call of the
 * application's.
 */
#include "fuzz/dispatch_shot.h"

/* A payload of a whole chunk fits no operation here: what it passes for would be out of bounds. */
enum { STEPS_MAX = 60, PAYLOAD_MAX = BATON__CHUNK_BYTES, REACHED_SIZE = 30000 /* goes by rma */ };

typedef struct script {
    const uint8_t *data;
    size_t size;
    size_t used;
} script;

/* The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t next(script *s)
{
    return s->used < s->size ? s->data[s->used++] : 0;
}

static uint64_t number_of(uint8_t choice, uint64_t right)
{
    static const uint64_t numbers[] = {0,
                                       1,
                                       2,
                                       3,
                                       4,
                                       63,
                                       64,
                                       65,
                                       4096,
                                       1048576,
                                       UINT32_MAX,
                                       UINT64_MAX,
                                       UINT64_MAX / 2,
                                       UINT64_C(1) << 30,
                                       5000,
                                       86400001};
    return (choice & 16) == 0 ? right : numbers[choice % 16];
}

/* d, a, b and c as the type means them. */
static void fill_numbers(script *s, const world *w, shot *it)
{
    const baton_operation *op = it->lane->at_target;
    baton__frame *frame = &it->frame;
    uint8_t index = next(s);
    frame->d = (uint32_t)number_of(index, index % (PIECES + 1));
    frame->a = number_of(next(s), frame->type == BATON__FRAME_RENEWED ? w->now_ns : 300);
    frame->b = number_of(next(s), BATON__CHUNK_BYTES);
    frame->c = (uint32_t)number_of(next(s), frame->type == BATON__FRAME_OPEN ? 0 : 1 + index % 3);
    if (frame->type == BATON__FRAME_OPEN) {
        uint32_t kind =
            op->kind == BATON_OPERATION_READABLE ? BATON_OPERATION_READ : BATON_OPERATION_WRITE;
        frame->a = number_of(index, op->bytes_total);
        frame->d = (uint32_t)number_of(index / 2, baton__open_pack(PIECES, kind, index % 16));
    }
}

static size_t payload_size(script *s, const shot *it)
{
    static const size_t sizes[] = {1,
                                   600,
                                   601,
                                   BATON__INLINE_MAX,
                                   BATON__INLINE_MAX + 1,
                                   BATON_RESULT_MAX,
                                   BATON_RESULT_MAX + 1,
                                   PAYLOAD_MAX};
    uint8_t choice = next(s);
    if ((choice & 1) == 0) {
        switch (it->frame.type) {
        case BATON__FRAME_DATA:
        case BATON__FRAME_WRITE:
            return it->lane->size;
        case BATON__FRAME_ACK:
        case BATON__FRAME_NACK:
            return choice / 2;
        default:
            return 0;
        }
    }
    return (choice & 2) == 0 ? choice / 4 : sizes[choice / 4 % 8];
}

/* The block of an OPEN: the peer's own, one of a connector that nobody has met, or a broken one. */
static void fill_block(script *s, const world *w, shot *it)
{
    uint8_t choice = next(s);
    const baton_connector *peer = w->connectors[PEER];
    baton__block block;
    check(baton__block_decode(peer->identity->block, peer->identity->size, &block) == BATON_OK);
    if (choice % 4 == 1) {
        block.instance.bytes[3] ^= (uint8_t)(1 + choice / 4 % 8);
    }
    it->stranger = choice % 4 == 1;
    it->payload = malloc(peer->identity->size);
    check(it->payload != NULL);
    check(baton__block_encode(&block, it->payload, peer->identity->size, &it->size) == BATON_OK);
    it->block = true;
    it->good_block = choice % 4 != 2;
    if (!it->good_block) {
        it->payload[choice / 4 % it->size] ^= 0x10;
    }
}

/* Behind the block: what its flags ask for, or a little more or less. */
static void fill_tail(script *s, shot *it)
{
    uint8_t choice = next(s);
    it->frame.d |= (uint32_t)(choice % 16) << 17;
    size_t right = tail_of(&it->frame);
    it->tail = right == SIZE_MAX ? choice / 16 : (choice & 64) != 0 ? right + choice / 128 * 2 - 1 : right;
    it->tail = it->tail > PAYLOAD_MAX ? 0 : it->tail;
    uint8_t *whole = malloc(it->size + it->tail); /* of its exact size, for AddressSanitizer */
    check(whole != NULL);
    memcpy(whole, it->payload, it->size);
    memset(whole + it->size, 0xEE, it->tail);
    free(it->payload);
    it->payload = whole;
    it->size += it->tail;
}

static void fill_payload(script *s, const world *w, shot *it)
{
    bool may_have_block = it->frame.type == BATON__FRAME_RESET || it->frame.type == BATON__FRAME_CANCEL;
    if (it->frame.type == BATON__FRAME_OPEN || (may_have_block && next(s) % 2 == 0)) {
        fill_block(s, w, it);
        if (it->frame.type == BATON__FRAME_OPEN) {
            fill_tail(s, it);
        }
        return;
    }
    it->size = payload_size(s, it);
    it->payload = malloc(it->size + (it->size == 0)); /* of its exact size, for AddressSanitizer */
    check(it->payload != NULL);
    memset(it->payload, 0xEE, it->size);
}

static void spoil(script *s, shot *it)
{
    uint8_t bit = (uint8_t)(1U << next(s) % 8);
    baton__frame *frame = &it->frame;
    frame->to_instance.bytes[5] ^= (it->spoiled & SPOIL_INSTANCE) != 0 ? bit : 0;
    frame->to_epoch ^= (it->spoiled & SPOIL_EPOCH) != 0 ? bit : 0;
    frame->session.bytes[15] ^= (it->spoiled & SPOIL_SESSION) != 0 ? bit : 0;
    frame->operation.bytes[0] ^= (it->spoiled & SPOIL_OPERATION) != 0 ? bit : 0;
    frame->key.bytes[8] ^= (it->spoiled & SPOIL_KEY) != 0 ? bit : 0;
    frame->aux.bytes[8] ^= (it->spoiled & SPOIL_KEY) != 0 ? bit : 0;
    frame->nonce.bytes[15] ^= (it->spoiled & SPOIL_NONCE) != 0 ? bit : 0;
}

static void spoil_header(script *s, shot *it)
{
    static const size_t places[] = {0, 1, 2, 3, 132, 133, 134, 135};
    uint8_t choice = next(s);
    if (choice % 3 == 0) {
        it->header_size = choice % (BATON__FRAME_SIZE + 8);
        it->header_size += it->header_size == BATON__FRAME_SIZE;
    } else {
        it->header[places[choice / 3 % 8]] ^= 0x80;
    }
}

static void make_shot(script *s, world *w, shot *it)
{
    *it = (shot){.header_size = BATON__FRAME_SIZE, .good_block = true};
    world_learn(w);
    it->frame.type = (baton__frame_type)(1 + next(s) % (BATON__FRAME_TYPES - 1));
    uint8_t which = next(s);
    const lane *l = &w->lanes[which % KINDS];
    it->lane = l;
    it->spoiled = next(s);
    it->frame.to_instance = w->connectors[TARGET]->instance;
    it->frame.to_epoch = w->connectors[TARGET]->epoch;
    it->frame.session = l->session;
    it->frame.operation = l->operation;
    it->frame.key = l->key;
    it->frame.nonce = l->nonce;
    it->frame.aux = l->aux;
    if (it->frame.type == BATON__FRAME_OPEN && is_passive(l)) {
        it->frame.key = baton__claim_token(w->connectors[TARGET], &l->operation, l->at_target->attempt);
        it->frame.nonce.bytes[1] ^= (which & 4) != 0 ? 0xFF : 0; /* another consumer's attempt */
    }
    fill_numbers(s, w, it);
    fill_payload(s, w, it);
    spoil(s, it);
    baton__frame_encode(&it->frame, it->header);
    if ((it->spoiled & SPOIL_HEADER) != 0) {
        spoil_header(s, it);
    }
}

typedef struct picture {
    uint8_t memory[KINDS][PIECES][REACHED_SIZE];
    baton_operation_status status[KINDS];
    uint64_t received;
    uint64_t refused;
} picture;

static void take_picture(const world *w, picture *p)
{
    for (size_t i = 0; i < KINDS; i++) {
        for (size_t k = 0; k < PIECES; k++) {
            memcpy(p->memory[i][k], w->lanes[i].ours[k], w->lanes[i].size);
        }
        p->status[i] = baton__operation_status(w->lanes[i].at_target);
    }
    p->received = w->connectors[TARGET]->stats.frames_received;
    p->refused = world_refused(w);
}

static void expect_same(const world *w, const picture *p)
{
    for (size_t i = 0; i < KINDS; i++) {
        for (size_t k = 0; k < PIECES; k++) {
            check(memcmp(p->memory[i][k], w->lanes[i].ours[k], w->lanes[i].size) == 0);
        }
        check(p->status[i] == baton__operation_status(w->lanes[i].at_target));
    }
}

static void expect_none_completed(const world *w, const picture *p)
{
    for (size_t i = 0; i < KINDS; i++) {
        check(p->status[i] == BATON_OPERATION_COMPLETE ||
              baton__operation_status(w->lanes[i].at_target) != BATON_OPERATION_COMPLETE);
    }
}

static void shoot(script *s, world *w)
{
    static picture before;
    shot it;
    make_shot(s, w, &it);
    take_picture(w, &before);
    baton__payload payload = {.data = it.payload, .size = it.size, .announced = false};
    baton__dispatch_message(w->connectors[TARGET], it.header, it.header_size, &payload);
    check(w->connectors[TARGET]->stats.frames_received == before.received + 1);
    if (is_unproven(&it)) {
        check(world_refused(w) == before.refused + 1);
        expect_same(w, &before);
    }
    if (says_no(&it)) {
        expect_none_completed(w, &before);
    }
    free(it.payload);
}

/* Through the transport, announced: the bytes come a progress later, from memory that stays. */
static void shoot_announced(script *s, world *w)
{
    static uint8_t far_away[PAYLOAD_MAX];
    shot it;
    make_shot(s, w, &it);
    fake_inject(TARGET, it.header, it.header_size, far_away, it.size, true);
    free(it.payload);
}

static void call(script *s, world *w)
{
    uint8_t choice = next(s);
    const lane *l = &w->lanes[choice % KINDS];
    baton_operation *op = (choice & 4) != 0 ? l->at_target : l->at_peer;
    switch (choice / 8 % 4) {
    case 0:
        (void)baton_operation_cancel(op);
        break;
    case 1:
        (void)baton_operation_ack(op, "yes", 3);
        break;
    case 2:
        (void)baton_operation_nack(op, NULL, 0);
        break;
    default:
        (void)baton_operation_fail(op, BATON_ERR_REJECTED);
        break;
    }
}

static void step(script *s, world *w)
{
    uint8_t choice = next(s);
    if (choice < 160) {
        shoot(s, w);
    } else if (choice < 176) {
        shoot_announced(s, w);
    } else if (choice < 200) {
        (void)baton_connector_progress(w->connectors[TARGET]);
    } else if (choice < 220) {
        (void)baton_connector_progress(w->connectors[PEER]);
    } else if (choice < 228) {
        w->now_ns += (uint64_t)(choice - 219) * 50 * BATON__NS_PER_MS;
    } else if (choice < 232) {
        fake_release();
    } else if (choice < 236) {
        fake_break();
    } else if (choice < 250) {
        call(s, w);
    } else {
        w->now_ns += 3000 * BATON__NS_PER_MS;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t sizes[] = {1, 16, 4096, 5000};
    script s = {.data = data, .size = size};
    world w;
    world_open(&w);
    uint8_t flags = next(&s);
    uint8_t stuck = next(&s);
    uint8_t turns = next(&s);
    for (size_t i = 0; i < KINDS; i++) {
        world_begin(&w, i, (flags & 32) != 0 ? REACHED_SIZE : sizes[flags / 8 % 4], (baton_completion)(flags % 4 % 3),
                    (flags & 4) != 0 ? 300 : 0);
    }
    if (stuck !=
        0) { /* two types of frames are held back, so that operations stay where they are */
        fake_plan((baton__frame_type)(1 + stuck % 17), FAKE_HOLD, 100);
        fake_plan((baton__frame_type)(1 + stuck / 17), FAKE_HOLD, 100);
    }
    world_turn(&w, turns % 16);
    for (int i = 0; i < STEPS_MAX && s.used < s.size; i++) {
        step(&s, &w);
    }
    world_turn(&w, TURNS_MAX);
    world_close(&w);
    return 0;
}
