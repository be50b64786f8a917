/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that take and give back: nobody may have what another has, and nothing may be lost. Whose pieces they are says the includer, with
 * take_piece, give_piece, init_pieces and fini_pieces.
 */
#ifndef BATON_TEST_RACE_PIECES_H
#define BATON_TEST_RACE_PIECES_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void *take_piece(void);
static void give_piece(void *memory);
static void init_pieces(size_t size);
static void fini_pieces(void);

enum { THREADS = 4, ROUNDS = 20000, HELD = 400 }; /* more than the ring has places, together */

static int wrong; /* atomic */

typedef struct piece {
    uint32_t owner; /* not atomic: two owners at a time are a race that ThreadSanitizer sees */
    uint32_t more[15];
} piece;

static void take(piece **held, uint32_t self)
{
    *held = take_piece();
    if (*held == NULL || (*held)->owner != 0 || (*held)->more[14] != 0) {
        (void)__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
        return;
    }
    (*held)->owner = self;
    (*held)->more[14] = self;
}

static void give(piece **held, uint32_t self)
{
    if (*held != NULL && (*held)->owner != self) {
        (void)__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
    }
    give_piece(*held);
    *held = NULL;
}

static void *run(void *argument)
{
    uint32_t self = (uint32_t)(uintptr_t)argument;
    piece *held[HELD] = {0};
    uint32_t random = self;
    for (int i = 0; i < ROUNDS; i++) {
        random = random * 1103515245U + 12345U;
        piece **place = &held[(random >> 8) % HELD];
        if (*place == NULL) {
            take(place, self);
        } else {
            give(place, self);
        }
    }
    for (int i = 0; i < HELD; i++) {
        give(&held[i], self);
    }
    return NULL;
}

static int race_pieces(void)
{
    pthread_t threads[THREADS];
    init_pieces(sizeof(piece));
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, run, (void *)(i + 1)) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    fini_pieces();
    if (wrong != 0) {
        (void)printf("%d pieces were wrong\n", wrong);
    }
    return wrong == 0 ? 0 : 1;
}

#endif
