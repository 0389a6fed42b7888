/* comm_mpi.h – for mpi/ alone: the communicator itself. */
#ifndef C5_MPI_COMM_MPI_H
#define C5_MPI_COMM_MPI_H

#include <mpi.h>

#include "mpi/comm.h"

struct c5_comm {
	int rank, size, node_rank, sharing;
	bool real;             /* MPI runs; else there is one rank and no MPI */
	bool part;             /* of a larger one: has neither window nor talk */
	MPI_Comm world;        /* everyone; a duplicate of our own */
	MPI_Comm talk;         /* for messages between owner and ranks */
	MPI_Win window;
	uint64_t *slot;        /* rank 0's counter */
	uint64_t alone;        /* the counter when !real */
};

#endif
