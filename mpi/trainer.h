/* trainer.h – trainings as a run of the container: one, or several side by side on groups of ranks (members of an ensemble, folds). Checkpoints are
 * committed as they come, the models and their history at the end of each; `latest` moves when all are through. An interrupted run goes on
 * to the same bits.
 *
 * Who calls says what is trained (an open feed, a model, first weights) and what is to be said of it; this knows the container, the ranks and the
 * record. */
#ifndef C5_MPI_TRAINER_H
#define C5_MPI_TRAINER_H

#include "container/models.h"
#include "mpi/comm.h"
#include "train/train.h"

/* One training, on the ranks of its group. */
typedef struct c5_trainee {
	c5_feed *feed;
	c5_train_params params;             /* a copy; the seed is this training's own */
	c5_loss losses[C5_FEED_PORTS];
	int n_losses;
	c5_weights *weights;                /* the first ones; taken over */
} c5_trainee;

typedef struct c5_trainer c5_trainer;
struct c5_trainer {
	const char *command, *command_line, *configuration, *inputs, *container; /* for the record; inputs may be NULL */
	bool resume;
	const char *device;                 /* "auto", "cpu", "cuda", "cuda:N" */
	int64_t seed, threads;
	int n;                              /* trainings */
	char **names;                       /* (n) of the models */
	const c5_model *model;              /* of all of them */
	const float *layer_rate;            /* (layers) or NULL */
	int freeze_upto;

	void *ctx;
	/* On every rank of the group that does training k; what it gives stays until `close`. */
	int (*open)(c5_trainer *t, int k, c5_trainee *trainee);
	void (*close)(c5_trainer *t, int k, c5_trainee *trainee);
	/* On rank 0: texts and tables of training k's model; numbers, history and metrics are added. */
	int (*describe)(c5_trainer *t, int k, c5_stored_model *s);
	/* On rank 0, all may be NULL: an epoch is over (items_per_s 0: done elsewhere); between steps of a training of this rank's own group; training k is
	 * through, outputs[t] (n_validate, target_count[t]) of the best epoch's weights. */
	void (*told)(c5_trainer *t, int k, const c5_train_state *s, double items_per_s, bool better);
	void (*step)(c5_trainer *t, int k, const c5_train_state *s, uint32_t steps, double loss);
	int (*finished)(c5_trainer *t, int k, const c5_train_state *s, const float *const *outputs, const size_t *counts, int n_outputs);

	/* A part of a run that has begun (a step of a pipeline): on rank 0 its container, open for writing. No run is made then, and nothing published:
	 * that is for who has the run, who also sets `run` and `resumed`. */
	bool within;
	c5_file *file;

	/* set by the run */
	uint32_t run;
	bool resumed;
	char device_name[128];
};

/* Collective. C5_ESTOP: stopped, go on with resume. Another error: nothing is published; what was kept of it is said in the text. */
int c5_train_run(c5_comm *comm, c5_trainer *t);

#endif
