/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of fuzz_dispatch: seed_dispatch DIRECTORY, which must exist. Every type
 * of frame meets every kind of operation, sound and with each field spoiled. */
#include "core/frame.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    KINDS = 4,
    SCRIPT_MAX = 600,
    TURN_TARGET = 180,
    TURN_PEER = 210,
    SHOOT = 0,
    ANNOUNCED = 165
};

typedef struct script {
    uint8_t bytes[SCRIPT_MAX];
    size_t used;
} script;

static void add(script *s, uint8_t byte)
{
    if (s->used < SCRIPT_MAX) {
        s->bytes[s->used++] = byte;
    }
}

/* How one series of inputs goes: two types of frames that are held back, and the numbers and the
 * payload of what is shot, with what is behind the block of an OPEN, as fuzz_dispatch.c reads them: 0 for the right ones. */
typedef struct mode {
    baton__frame_type held[2];
    uint8_t number;
    uint8_t payload;
    uint8_t tail;
} mode;

static const mode modes[] = {
    {{BATON__FRAME_OPEN, BATON__FRAME_OPEN}, 0, 0, 0},
    {{BATON__FRAME_OPEN, BATON__FRAME_OPEN}, 0, 0, 4},
    {{BATON__FRAME_OPEN, BATON__FRAME_OPEN}, 0, 0, 64 + 4},
    {{BATON__FRAME_OPEN, BATON__FRAME_OPEN}, 0, 0, 1},
    {{BATON__FRAME_OPEN, BATON__FRAME_OPEN}, 0, 0, 3},
    {{BATON__FRAME_OPEN, BATON__FRAME_OPEN}, 0, 0, 2},
    {{BATON__FRAME_DATA, BATON__FRAME_WRITE}, 0, 0, 0},
    {{BATON__FRAME_DATA, BATON__FRAME_WRITE}, 16, 0, 0},
    {{BATON__FRAME_GRANT, BATON__FRAME_WRITE}, 16, 31, 0},
    {{BATON__FRAME_DATA, BATON__FRAME_WRITE}, 20, 0, 0},
    {{BATON__FRAME_DATA, BATON__FRAME_WRITE}, 20, 31, 0},
    {{BATON__FRAME_MOVED, BATON__FRAME_COMMIT}, 26, 31, 0},
    {{BATON__FRAME_GRANT, BATON__FRAME_ACK}, 29, 3, 0},
};
enum { MODES = sizeof(modes) / sizeof(modes[0]) };

/* Bits of `spoiled` as in fuzz_dispatch.c. */
static void add_frame(script *s, uint8_t how, uint8_t type, uint8_t lane, uint8_t spoiled,
                      uint8_t index, const mode *it)
{
    const uint8_t bytes[] = {how,
                             (uint8_t)(type - 1),
                             lane,
                             spoiled,
                             it->number != 0 ? it->number : index,
                             it->number,
                             it->number,
                             it->number,
                             it->payload,
                             it->tail,
                             index,
                             index};
    enum { TAIL = 9 }; /* of OPEN alone */
    for (size_t i = 0; i < sizeof(bytes) - ((spoiled & 64) == 0); i++) {
        if (i != TAIL || type == BATON__FRAME_OPEN) {
            add(s, bytes[i]);
        }
    }
}

static void write_script(const char *directory, const char *name, unsigned number, const script *s)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s_%u", directory, name, number);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(s->bytes, 1, s->used, file) != s->used || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static script begin(uint8_t flags, const mode *it)
{
    script s = {.used = 0};
    add(&s, flags);
    add(&s, (uint8_t)((it->held[0] - 1) + 17 * (it->held[1] - 1)));
    add(&s, 5); /* turns */
    return s;
}

static void write_type(const char *directory, uint8_t type)
{
    for (unsigned i = 0; i < MODES; i++) {
        uint8_t large = type >= BATON__FRAME_REACH ? 32 : 0;
        script s = begin((uint8_t)((i % 3 + 4 + i / 2 % 4 * 8) | large), &modes[i]);
        for (unsigned lane = 0; lane < KINDS; lane++) {
            for (uint8_t bit = 0; bit < 8; bit++) {
                uint8_t spoiled = bit == 7 ? 0 : (uint8_t)(1U << bit);
                add_frame(&s, SHOOT, type, (uint8_t)lane, spoiled, (uint8_t)(bit % 3), &modes[i]);
            }
            add_frame(&s, ANNOUNCED, type, (uint8_t)lane, 0, (uint8_t)lane, &modes[i]);
            add(&s, TURN_TARGET);
            add(&s, TURN_PEER);
        }
        write_script(directory, baton__frame_type_name((baton__frame_type)type), i, &s);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: seed_dispatch DIRECTORY\n");
        return 2;
    }
    for (unsigned type = 1; type < BATON__FRAME_TYPES; type++) {
        write_type(argv[1], (uint8_t)type);
    }
    return 0;
}
