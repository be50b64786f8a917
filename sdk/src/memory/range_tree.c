/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/range_tree.h"

#include <stddef.h>

/* Those that begin before start go to the left. */
static void split(baton__range *root, uintptr_t start, baton__range **left, baton__range **right)
{
    if (root == NULL) {
        *left = NULL;
        *right = NULL;
    } else if (root->start < start) {
        *left = root;
        split(root->right_, start, &root->right_, right);
    } else {
        *right = root;
        split(root->left_, start, left, &root->left_);
    }
}

/* All of left begin before all of right. */
static baton__range *merge(baton__range *left, baton__range *right)
{
    if (left == NULL || right == NULL) {
        return left == NULL ? right : left;
    }
    if (left->priority_ > right->priority_) {
        left->right_ = merge(left->right_, right);
        return left;
    }
    right->left_ = merge(left, right->left_);
    return right;
}

static uint64_t next_priority(baton__range_tree *tree)
{
    tree->state += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    uint64_t z = tree->state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

baton__range *baton__range_tree_find(const baton__range_tree *tree, uintptr_t start, uintptr_t end)
{
    baton__range *last = NULL;
    for (baton__range *at = tree->root; at != NULL;) {
        if (at->start <= start) {
            last = at;
            at = at->right_;
        } else {
            at = at->left_;
        }
    }
    return last != NULL && last->end >= end ? last : NULL;
}

baton__range *baton__range_tree_take_inside(baton__range_tree *tree, const baton__range *range)
{
    baton__range *first = NULL;
    for (baton__range *at = tree->root; at != NULL;) {
        if (at->start >= range->start) {
            first = at;
            at = at->left_;
        } else {
            at = at->right_;
        }
    }
    if (first == NULL || first->end > range->end) {
        return NULL;
    }
    baton__range_tree_remove(tree, first);
    return first;
}

void baton__range_tree_insert(baton__range_tree *tree, baton__range *range)
{
    baton__range *left;
    baton__range *right;
    range->priority_ = next_priority(tree);
    range->left_ = NULL;
    range->right_ = NULL;
    split(tree->root, range->start, &left, &right);
    tree->root = merge(merge(left, range), right);
}

void baton__range_tree_remove(baton__range_tree *tree, baton__range *range)
{
    baton__range **at = &tree->root;
    while (*at != range) {
        at = (*at)->start < range->start ? &(*at)->right_ : &(*at)->left_;
    }
    *at = merge(range->left_, range->right_);
}
