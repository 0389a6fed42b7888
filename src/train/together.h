/* together.h – what training asks of the other ranks, as a table of functions, so that it knows nothing of how they talk. One rank alone has its own
 * table (c5_alone), and its answers have the same bits. */
#ifndef C5_TRAIN_TOGETHER_H
#define C5_TRAIN_TOGETHER_H

#include <stddef.h>
#include <stdint.h>

#include "train/tree.h"

typedef struct c5_together c5_together;
struct c5_together {
	int rank, size;
	void *ctx;

	/* Gradients: the sum of all leaves over all ranks, in the tree's order, to `out` (n floats) on every rank. `parts` are this rank's cover
	 * (c5_tree_sum after its last leaf); they are used up. Between begin and end, `ready` tells that elements [0, upto) of the parts are
	 * final, so that sending them may begin; `end` says the same of all, and waits. Arrays stay where they are from begin to end. */
	int (*sum_begin)(c5_together *t, float *out, float *const *parts, int leaves, size_t n);
	int (*sum_ready)(c5_together *t, size_t upto);
	int (*sum_end)(c5_together *t);

	/* Sums over ranks; numbers that one rank set and that are 0 on the others come out exactly as they were set, on all. */
	int (*gather)(c5_together *t, double *values, size_t n);
	int (*gather_floats)(c5_together *t, float *values, size_t n);
	/* Rank 0's bytes to all. */
	int (*share)(c5_together *t, void *bytes, size_t n);
	/* All learn the worst code, and the text of the first rank that has it. */
	int (*agree)(c5_together *t, int code);
};

/* A rank by itself; `size` 1. */
void c5_alone(c5_together *t);

#endif
