/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MEMORY_RANGE_TREE_H
#define BATON_MEMORY_RANGE_TREE_H

#include <stdint.h>

/*
 * Ranges of addresses of which none lies inside another one; they may overlap. In the order of their starts, which is then that of their
 * ends too, so the one with the last start that is not behind a place is the only one that can hold what begins there.
 * A treap (Seidel and Aragon, "Randomized search trees", 1996): logarithmic, expected. Embedded in the caller's objects.
 */
typedef struct baton__range baton__range;
struct baton__range {
    uintptr_t start;
    uintptr_t end; /* behind the last byte */
    uint64_t priority_;
    baton__range *left_;
    baton__range *right_;
};

typedef struct baton__range_tree {
    baton__range *root;
    uint64_t state; /* of the priorities */
} baton__range_tree;

/* The one that holds start .. end; NULL: none. */
baton__range *baton__range_tree_find(const baton__range_tree *tree, uintptr_t start, uintptr_t end);
/* Takes one out that lies inside of range; NULL: there is none. */
baton__range *baton__range_tree_take_inside(baton__range_tree *tree, const baton__range *range);
/* None lies inside another one then. */
void baton__range_tree_insert(baton__range_tree *tree, baton__range *range);
/* It is in the tree. */
void baton__range_tree_remove(baton__range_tree *tree, baton__range *range);

#endif
