/* objective.h – what a search makes good: asked for a value at a point, it gives one some time later, perhaps reports on the way.
 *
 * A table of functions, so that a search does not know what it searches for. Nothing here waits: a trial is started, looked at again and again,
 * and thrown away when it is done. The ranks of a group that work on one trial have a communicator of their own; an objective that is `together` is
 * started and looked at on all of them alike, any other on the first alone. */
#ifndef C5_HYPEROPT_OBJECTIVE_H
#define C5_HYPEROPT_OBJECTIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "hyperopt/history.h"
#include "mpi/comm.h"

/* Mean and spread of values that come one by one (Welford 1962). squares: sum of those of the distances from the mean. */
typedef struct c5_mean { uint32_t n; double mean, squares; } c5_mean;
void c5_mean_add(c5_mean *m, double value);
double c5_mean_spread(const c5_mean *m); /* standard deviation; NAN with fewer than two */

/* One run of the objective: a trial of several repeats is as many runs. */
typedef struct c5_order {
	uint32_t trial, repeat;  /* repeat from 0 */
	uint64_t seed;           /* for the objective's own random numbers: the same for the same repeat of all trials */
	const double *values;    /* (space n) */
	uint32_t repeats;        /* of the trial */
	double begun_s;          /* when the trial began, by c5_clock_s() */
	c5_mean so_far;          /* of the repeats before this one */
	const char *mark;        /* a file for what the run comes to if the search is gone by then (left.h); NULL: none */
	const c5_buf *about;     /* what is noted there of the trial; */
	const c5_report *told;   /* and what its first run reported, (n_told) */
	size_t n_told;
} c5_order;

/* The ranks that work on one trial. */
typedef struct c5_group {
	c5_comm *comm;           /* theirs alone; NULL where there is one rank and no MPI */
	int ranks;
	const char *hosts;       /* names, by commas; "" or NULL: this one */
} c5_group;

typedef struct c5_outcome {
	bool done;
	bool reported;           /* `report` is new */
	c5_report report;
	double value;            /* when done; NAN: it failed, or was stopped */
	char note[C5_NOTE_TEXT]; /* when it failed: why */
} c5_outcome;

typedef struct c5_objective c5_objective;
struct c5_objective {
	bool together;
	/* Begins. An error is a failed trial, its text the reason. The group is borrowed. */
	int (*start)(c5_objective *o, const c5_order *order, const c5_group *group, void **running);
	/* What is new, without waiting; at most one report a call, those before the end first. */
	void (*poll)(c5_objective *o, void *running, c5_outcome *outcome);
	/* Asks it to end early; poll tells when it has. */
	void (*stop)(c5_objective *o, void *running);
	void (*finish)(c5_objective *o, void *running);
	void (*close)(c5_objective *o);
};

#endif
