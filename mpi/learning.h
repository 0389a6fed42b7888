/* learning.h – crops with classes (pipeline/learn.h) for the trainer: how each training is opened, described and closed. Shared by `cyto5 train` and
 * by the step `train` of a pipeline. */
#ifndef C5_MPI_LEARNING_H
#define C5_MPI_LEARNING_H

#include "mpi/trainer.h"
#include "pipeline/learn.h"

typedef struct c5_learning {
	c5_learn *what;
	c5_learnt now;             /* the training that is open on this rank */
	char *settings;            /* text kept with each model; NULL: none */
	const char *container;
} c5_learning;

/* Opens the crops on this rank and sets what the trainer is to know: the models, their names, and the functions for each training. The trainer's ctx
 * must begin with `l`. `name`: of the models, NULL: the network's. c5_learning_end is due, also after an error. */
int c5_learning_begin(c5_trainer *t, c5_learning *l, const char *container, const c5_learn_settings *set, const char *name);
void c5_learning_end(c5_trainer *t, c5_learning *l);

#endif
