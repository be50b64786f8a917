/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_DEVICE_PACE_H
#define BATON_DEVICE_PACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How long the copies of a lane take, and so when it pays to look whether the oldest is over: a look is five calls of the runtime, and a
 * loop without other work would make one each microsecond. The first look comes after three quarters of the time that so many bytes took
 * lately, the others whenever the loop comes by. A copy that was over by then took less than was thought, and the next one is looked for
 * earlier: what was learned from a slow moment is forgotten within a few copies. What is not known yet, or small, is looked for at once.
 */
typedef struct baton__pace {
    uint64_t since_ns; /* the oldest copy has been the first of its lane since then, at least */
    uint64_t due_ns;   /* no look before */
    uint64_t unit_ns;  /* what BATON__PACE_UNIT bytes take; 0: not known */
} baton__pace;

enum { BATON__PACE_UNIT = 64 * 1024 };

/* Longest time without a look. */
#define BATON__PACE_MAX_NS UINT64_C(200000)

/* A copy of so many bytes is the first of its lane now. */
void baton__pace_first(baton__pace *pace, uint64_t now_ns, uint64_t size_bytes);
/* So many bytes, from the first copy on, are seen to be over now. */
void baton__pace_over(baton__pace *pace, uint64_t now_ns, uint64_t size_bytes);
bool baton__pace_is_due(const baton__pace *pace, uint64_t now_ns);

#endif
