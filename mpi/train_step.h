/* train_step.h – the step `train` of a pipeline, done by all ranks together between the units of other steps. */
#ifndef C5_MPI_TRAIN_STEP_H
#define C5_MPI_TRAIN_STEP_H

#include "mpi/comm.h"
#include "pipeline/steps.h"

typedef struct c5_train_place {
	const char *container;
	c5_file *file;             /* on rank 0: open for writing, committed */
	uint32_t run;
	bool resumed;              /* the run was interrupted, and goes on */
	bool reuse;                /* leave models as they are that the same settings made of the same crops */
	/* on rank 0, what the step adds to: models to be published at the end of the run */
	char **models;
	size_t n_models, cap_models;
	uint64_t skipped;
} c5_train_place;

/* Collective. Errors end the run; what is committed can be gone on with. */
int c5_train_step_run(c5_comm *comm, const c5_step *step, c5_train_place *at);
/* Rank 0: `latest` of all models of the run moves; not committed. */
int c5_train_step_publish(const c5_train_place *at);
void c5_train_place_free(c5_train_place *at);

#endif
