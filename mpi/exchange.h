/* exchange.h – how results get from the ranks that make them into the one file.
 *
 * Rank 0 owns the container. Another rank that has packed a chunk sends its size, goes on working, gets an address back when the owner
 * next looks, and writes the bytes there itself, through MPI-IO. Rows of small tables travel in the message. To commit, the owner stops handing out
 * addresses, asks all ranks to finish and sync what they were given, and commits when all have answered; nobody stops computing meanwhile.
 * A rank's packed chunks that wait for an address are bounded (C5_OUTBOX_BYTES); beyond that the rank waits for the owner. */
#ifndef C5_MPI_EXCHANGE_H
#define C5_MPI_EXCHANGE_H

#include "container/owner.h"
#include "mpi/comm.h"

#define C5_OUTBOX_BYTES (UINT64_C(64) << 20)

typedef struct c5_exchange c5_exchange;

/* Collective. owner: rank 0's, NULL elsewhere. commit_every_s: longest time between commits. */
int c5_exchange_open(c5_exchange **out, c5_comm *comm, c5_owner *owner, const char *path, double commit_every_s);
void c5_exchange_close(c5_exchange *x);
c5_sink *c5_exchange_sink(c5_exchange *x);

/* A step begins, of n units; then each rank works, tells of its units done or jobs failed, and says that it is done.
 * c5_exchange_end is collective: rank 0 serves until all are done, then commits; all learn whether the run may go on
 * (C5_OK, C5_ESTOP when someone was asked to stop, or the error that ended it). */
int c5_exchange_begin(c5_exchange *x, uint64_t n_units, uint64_t n_jobs);
int c5_exchange_unit_done(c5_exchange *x, uint32_t job);
int c5_exchange_job_failed(c5_exchange *x, uint32_t job, const char *why);
int c5_exchange_end(c5_exchange *x, int code);

/* Rank 0, after the end: why a job failed, or NULL. */
const char *c5_exchange_failure(const c5_exchange *x, uint32_t job);
uint64_t c5_exchange_commits(const c5_exchange *x);

#endif
