/* runner.h – a pipeline run on all ranks: plan, work, commit, step by step. The program's main job.
 *
 * Every rank calls c5_run_pipeline with the same arguments. Rank 0 plans each step and owns the container; all take units from the
 * shared counter, longest experiment first. An experiment that fails is recorded and left out; the others go on. */
#ifndef C5_MPI_RUNNER_H
#define C5_MPI_RUNNER_H

#include "mpi/comm.h"
#include "pipeline/pipeline.h"

typedef struct c5_run_request {
	const char *command, *command_line; /* for the record */
	const char *container;
	const char *const *inputs;          /* of an ingest step; NULL-ended */
	const char *experiments;            /* glob over names; NULL: all */
	bool resume;                        /* go on with the unfinished run if there is one */
	bool recompute;                     /* make results anew even where nothing changed */
	bool dry_run;                       /* say what would be done, on stdout, and do nothing */
	double commit_every_s;              /* <= 0: the pipeline's */
	int64_t threads;
} c5_run_request;

typedef struct c5_run_summary {
	uint32_t run;               /* 0: nothing was recorded (dry run) */
	uint64_t experiments, failed, skipped, units, commits;
	double seconds;
	bool resumed;
} c5_run_summary;

/* C5_OK, C5_EPARTIAL when some experiments failed, C5_ESTOP when asked to stop, or why nothing could be done. */
int c5_run_pipeline(c5_comm *comm, const c5_pipeline *pipeline, const c5_run_request *request, c5_run_summary *summary);

#endif
