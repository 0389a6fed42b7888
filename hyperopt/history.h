/* history.h – the trials of a search, and what is known of a point because it was tried before.
 *
 * A trial is numbered from 1 in the order in which the points were asked for; numbers of trials that a killed search never saw the end of may be
 * missing. */
#ifndef C5_HYPEROPT_HISTORY_H
#define C5_HYPEROPT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hyperopt/space.h"

enum c5_trial_state {
	C5_TRIAL_NONE,      /* a number that has no trial yet */
	C5_TRIAL_RUNNING,   /* asked for, no answer yet */
	C5_TRIAL_COMPLETE,
	C5_TRIAL_PRUNED,    /* stopped early; value is the last one reported */
	C5_TRIAL_FAILED,    /* the objective failed or gave no number */
	C5_TRIAL_STATES
};
const char *c5_trial_state_name(int state);
int c5_trial_state_find(const char *name); /* C5_TRIAL_NONE for an unknown one */

/* An intermediate value. Steps rise within a trial. */
typedef struct c5_report { double step, value; } c5_report;

#define C5_ORIGIN_TEXT 12
#define C5_NOTE_TEXT 120

typedef struct c5_trial {
	uint32_t number;
	int state;
	double *values;          /* (space n) NAN: left out */
	double value;            /* of the objective, as it was told; NAN: none */
	double spread;           /* standard deviation of its repeats; NAN with fewer than two */
	uint32_t repeats;        /* values the mean is made of */
	char origin[C5_ORIGIN_TEXT]; /* start | even | random | model | ... : how the point was found */
	char note[C5_NOTE_TEXT]; /* why it failed or was stopped */
	uint32_t group;          /* ranks that did it, from 0 */
	double begun_s, seconds; /* begun: after the start of the search, over all its restarts */
	c5_report *reports;
	size_t n_reports, cap_reports;
} c5_trial;

typedef struct c5_history {
	const c5_space *space;   /* borrowed */
	bool maximise;
	c5_trial *trials;        /* trials[i] is number i + 1 */
	size_t n, cap;
	uint32_t *table;         /* numbers by point, open addressing; 0: free */
	size_t table_size;
} c5_history;

void c5_history_init(c5_history *h, const c5_space *space, bool maximise);
void c5_history_free(c5_history *h);
/* Makes trial `number` with the values (settled) and the state RUNNING. The pointer is good until the next call. C5_EFAIL if the number is taken. */
int c5_history_add(c5_history *h, uint32_t number, const double *values, const char *origin, c5_trial **out);
c5_trial *c5_history_get(const c5_history *h, uint32_t number); /* NULL: none */
/* The first trial of these very values; NULL: never tried. */
c5_trial *c5_history_find(const c5_history *h, const double *values);
int c5_trial_report(c5_trial *t, double step, double value);

/* The smallest number without a trial. */
uint32_t c5_history_next(const c5_history *h);
size_t c5_history_count(const c5_history *h, int state);
/* The complete trial of the best value, the first of several; NULL: none. */
const c5_trial *c5_history_best(const c5_history *h);
/* A value so that less is better; and whether a is better than b. */
double c5_history_cost(const c5_history *h, double value);

/* What models take a trial for, less being better: the value of a complete one; of a pruned one its last report, but no better than the middle of the
 * complete ones; of a failed one somewhat worse than the worst complete one. False for trials that say nothing (running, or nothing to compare a
 * failure with). */
bool c5_history_belief(const c5_history *h, const c5_trial *t, double *cost);

#endif
