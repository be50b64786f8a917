/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/space.h"

#include <stdlib.h>
#include <string.h>

typedef struct place {
    unsigned level;
    unsigned split;
} place;

static unsigned highest_bit(uint64_t value)
{
    return 63u - (unsigned)__builtin_clzll(value);
}

/* The class of a part with so many units. Small numbers have a class each, on level 0. */
static place class_of(uint64_t units)
{
    if (units < BATON__SPACE_SPLITS) {
        return (place){0, (unsigned)units};
    }
    unsigned high = highest_bit(units);
    return (place){high - BATON__SPACE_SPLIT_BITS + 1,
                   (unsigned)(units >> (high - BATON__SPACE_SPLIT_BITS)) - BATON__SPACE_SPLITS};
}

/* The lowest class whose parts all have so many units. */
static place class_for(uint64_t units)
{
    if (units >= BATON__SPACE_SPLITS) {
        units += (UINT64_C(1) << (highest_bit(units) - BATON__SPACE_SPLIT_BITS)) - 1;
    }
    return class_of(units);
}

static baton__part *new_part(baton__space *space)
{
    baton__part *part = space->unused;
    if (part != NULL) {
        space->unused = part->next;
    } else {
        part = malloc(sizeof(*part));
    }
    if (part != NULL) {
        *part = (baton__part){0};
    }
    return part;
}

static void drop_part(baton__space *space, baton__part *part)
{
    part->next = space->unused;
    space->unused = part;
}

static void list_in(baton__space *space, baton__part *part)
{
    place at = class_of(part->units);
    baton__part **list = &space->lists[at.level][at.split];
    part->taken = false;
    part->prev = NULL;
    part->next = *list;
    if (part->next != NULL) {
        part->next->prev = part;
    }
    *list = part;
    space->splits[at.level] |= 1u << at.split;
    space->levels |= UINT64_C(1) << at.level;
}

static void list_out(baton__space *space, baton__part *part)
{
    place at = class_of(part->units);
    if (part->prev != NULL) {
        part->prev->next = part->next;
    } else {
        space->lists[at.level][at.split] = part->next;
    }
    if (part->next != NULL) {
        part->next->prev = part->prev;
    }
    if (space->lists[at.level][at.split] == NULL) {
        space->splits[at.level] &= ~(1u << at.split);
        if (space->splits[at.level] == 0) {
            space->levels &= ~(UINT64_C(1) << at.level);
        }
    }
}

/* The first of its own class may be large enough where no higher class has anything. */
static baton__part *find_close(const baton__space *space, uint64_t units)
{
    place at = class_of(units);
    baton__part *part = space->lists[at.level][at.split];
    return part != NULL && part->units >= units ? part : NULL;
}

static baton__part *find(const baton__space *space, uint64_t units)
{
    place at = class_for(units);
    uint32_t splits = space->splits[at.level] & (~UINT32_C(0) << at.split);
    if (splits == 0) {
        uint64_t levels = space->levels & (~UINT64_C(0) << (at.level + 1));
        if (levels == 0) {
            return find_close(space, units);
        }
        at.level = (unsigned)__builtin_ctzll(levels);
        splits = space->splits[at.level];
    }
    return space->lists[at.level][__builtin_ctz(splits)];
}

bool baton__space_init(baton__space *space, uint64_t units)
{
    memset(space, 0, sizeof(*space));
    space->first = new_part(space);
    if (space->first == NULL) {
        return false;
    }
    space->first->units = units;
    list_in(space, space->first);
    return true;
}

void baton__space_fini(baton__space *space)
{
    for (baton__part *part; (part = space->first) != NULL;) {
        space->first = part->after;
        free(part);
    }
    for (baton__part *part; (part = space->unused) != NULL;) {
        space->unused = part->next;
        free(part);
    }
}

baton__part *baton__space_take(baton__space *space, uint64_t units, bool *memory_out)
{
    *memory_out = false;
    baton__part *part = find(space, units);
    if (part == NULL) {
        return NULL;
    }
    baton__part *rest = part->units == units ? NULL : new_part(space);
    if (rest == NULL && part->units != units) {
        *memory_out = true;
        return NULL;
    }
    list_out(space, part);
    part->taken = true;
    if (rest != NULL) {
        rest->offset = part->offset + units;
        rest->units = part->units - units;
        rest->before = part;
        rest->after = part->after;
        if (rest->after != NULL) {
            rest->after->before = rest;
        }
        part->after = rest;
        part->units = units;
        list_in(space, rest);
    }
    return part;
}

/* The second of two neighbours goes into the first. */
static void join(baton__space *space, baton__part *first, baton__part *second)
{
    first->units += second->units;
    first->after = second->after;
    if (first->after != NULL) {
        first->after->before = first;
    }
    drop_part(space, second);
}

void baton__space_give(baton__space *space, baton__part *part)
{
    if (part->after != NULL && !part->after->taken) {
        list_out(space, part->after);
        join(space, part, part->after);
    }
    if (part->before != NULL && !part->before->taken) {
        baton__part *before = part->before;
        list_out(space, before);
        join(space, before, part);
        part = before;
    }
    list_in(space, part);
}
