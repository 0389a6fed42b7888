/* comm.h – the ranks of one program. Started by mpirun or srun they are many; started plainly there is one, and MPI is not even
 * initialised (so that `cyto5 show` needs no launcher, no daemon and no permission). All calls but the first are for one thread a rank. */
#ifndef C5_MPI_COMM_H
#define C5_MPI_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

typedef struct c5_comm c5_comm;

/* Joins the other ranks. C5_EFAIL when MPI cannot start. */
int c5_comm_open(c5_comm **out);
void c5_comm_close(c5_comm *c);
/* A group of the ranks of `c`: those that give the same colour, in their order. Collective over `c`; has no counter. Closed before `c`. */
int c5_comm_split(c5_comm **out, c5_comm *c, int colour);
/* Ends all ranks at once, for a failure that the others cannot learn of in order. Does not return. */
void c5_comm_abort(c5_comm *c, int status);
int c5_comm_rank(const c5_comm *c);
int c5_comm_size(const c5_comm *c);
/* How many ranks of this node share the cores of this one; 1 where the launcher gave each its own. */
int c5_comm_sharing(const c5_comm *c);

void c5_comm_barrier(c5_comm *c);
/* Sends rank 0's bytes to all; the others' buffer is replaced. */
int c5_comm_bcast(c5_comm *c, c5_buf *b);
/* All ranks learn the worst (lowest) code, and the text of the first rank that has it. */
int c5_comm_agree(c5_comm *c, int code);
/* Host names, each once, comma-separated, in rank order; rank 0 gets them, others NULL. Caller frees. */
int c5_comm_hosts(c5_comm *c, char **hosts);
uint64_t c5_comm_max(c5_comm *c, uint64_t value);

/* A counter all ranks share, by one-sided fetch-and-add. reset is collective. */
int c5_comm_counter_reset(c5_comm *c);
uint64_t c5_comm_counter_next(c5_comm *c);

/* Whether this process ever joined other ranks: what it failed with then is agreed, and known to all. */
bool c5_comm_met(void);

#endif
