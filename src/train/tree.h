/* tree.h – sums of floats in one fixed order, however the work is shared out: a binary tree over the micro-batches of a batch.
 *
 * The tree over leaves [lo, hi) has as left child the largest power of two of them that is less than all. A rank does leaves [a, b); what it can sum
 * by itself are the largest nodes inside, its cover; the nodes above are summed from the covers of all ranks, in the tree's order. Adding two numbers
 * gives the same bits either way round, so only the tree's shape counts, and that depends on the number of leaves alone. */
#ifndef C5_TRAIN_TREE_H
#define C5_TRAIN_TREE_H

#include <stddef.h>

#define C5_TREE_LEAVES_MAX 1024
#define C5_TREE_SLOTS_MAX 32

typedef struct c5_span { int lo, hi; } c5_span;

/* First leaf of the right child of a node of two leaves or more. */
int c5_tree_split(int lo, int hi);
/* The leaves of a rank: evenly cut, in order. */
c5_span c5_tree_share(int leaves, int rank, int ranks);
/* The largest nodes of the tree over `leaves` that lie in [a, b), in order; returns how many (at most C5_TREE_SLOTS_MAX). */
int c5_tree_cover(int leaves, int a, int b, c5_span cover[C5_TREE_SLOTS_MAX]);

/* Sums a rank's leaves, added one after another in order. */
typedef struct c5_tree_sum {
	int leaves, a, b;
	size_t n;                            /* floats of a leaf */
	int depth;                           /* slots in use before `leaf` */
	int leaf;                            /* the next */
	int n_slots;
	float *slots[C5_TREE_SLOTS_MAX];     /* (n) each; after the last leaf slots 0 .. cover - 1 are the cover's sums */
} c5_tree_sum;
int c5_tree_sum_open(c5_tree_sum *s, int leaves, int a, int b, size_t n);
void c5_tree_sum_close(c5_tree_sum *s);
void c5_tree_sum_begin(c5_tree_sum *s);
/* Adds elements [from, to) of the present leaf, given in x (to - from); ranges of a leaf do not overlap and cover it. */
void c5_tree_sum_add(c5_tree_sum *s, const float *x, size_t from, size_t to);
void c5_tree_sum_next(c5_tree_sum *s);

/* The whole tree over `leaves` from covers: parts[i] holds the sum of spans[i], all spans in order without gaps. out may be parts[0]; the parts are
 * used up. n floats. */
void c5_tree_join(float *out, int leaves, const c5_span *spans, float *const *parts, int n_parts, size_t n);

#endif
