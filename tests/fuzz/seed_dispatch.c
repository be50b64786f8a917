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

/* A frame with right numbers and a right payload; bits of `spoiled` as in fuzz_dispatch.c. */
static void add_frame(script *s, uint8_t how, uint8_t type, uint8_t lane, uint8_t spoiled,
                      uint8_t index)
{
    const uint8_t bytes[] = {how, (uint8_t)(type - 1), lane, spoiled, index, 0, 0, 0, 0, 0, index};
    for (size_t i = 0; i < sizeof(bytes) - ((spoiled & 64) == 0); i++) {
        add(s, bytes[i]);
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

static script begin(uint8_t flags, uint8_t stuck, uint8_t turns)
{
    script s = {.used = 0};
    add(&s, flags);
    add(&s, stuck);
    add(&s, turns);
    return s;
}

static void write_type(const char *directory, uint8_t type)
{
    for (uint8_t mode = 0; mode < 8; mode++) {
        script s = begin((uint8_t)(mode % 3 + mode / 3 * 8 + 4), (uint8_t)(mode * 30), 5);
        for (uint8_t lane = 0; lane < KINDS; lane++) {
            for (uint8_t bit = 0; bit < 8; bit++) {
                uint8_t spoiled = bit == 7 ? 0 : (uint8_t)(1U << bit);
                add_frame(&s, SHOOT, type, lane, spoiled, (uint8_t)(bit % 3));
            }
            add_frame(&s, ANNOUNCED, type, lane, 0, lane);
            add(&s, TURN_TARGET);
            add(&s, TURN_PEER);
        }
        write_script(directory, baton__frame_type_name((baton__frame_type)type), mode, &s);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: seed_dispatch DIRECTORY\n");
        return 2;
    }
    for (uint8_t type = 1; type < BATON__FRAME_TYPES; type++) {
        write_type(argv[1], type);
    }
    return 0;
}
