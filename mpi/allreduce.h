/* allreduce.h – how ranks train together: the table of train/together.h over MPI.
 *
 * Gradients travel in buckets, begun as soon as the backward pass has made them final, later layers first. A bucket is cut into as many slices as
 * there are ranks; each rank gets everyone's part of its slice, sums them in the order of the tree (train/tree.h), and gives the sum to all. That is
 * a reduce-scatter and an all-gather: every rank sends and receives about twice the gradient, whatever the number of ranks, and the order of the
 * additions is the same for any number. MPI's own reductions promise no such thing. */
#ifndef C5_MPI_ALLREDUCE_H
#define C5_MPI_ALLREDUCE_H

#include "mpi/comm.h"
#include "train/together.h"

#define C5_BUCKET_FLOATS ((size_t)1 << 20)

/* Fills the table for the ranks of `c`, which is borrowed. A rank alone gets c5_alone's. c5_allreduce_close is due. */
int c5_allreduce_open(c5_together *t, c5_comm *c);
void c5_allreduce_close(c5_together *t);

#endif
