/* sampler.h – which point to try next.
 *
 * A sampler has no memory of its own: what it gives depends on its settings, the trials in the history and the number of the trial to come. So
 * a search that was cut short goes on as if nothing had happened. All samplers are driven by trials that may come back in any
 * order, some of them still running. */
#ifndef C5_HYPEROPT_SAMPLER_H
#define C5_HYPEROPT_SAMPLER_H

#include "hyperopt/history.h"

typedef struct c5_sampler {
	const char *algorithm;   /* gp | sobol | random | a name of NLopt's, "GN_CRS2_LM" */
	uint64_t seed;
	uint32_t startup;        /* gp: trials evenly spread before the first model; 0: as many as fit the space */
	size_t n_starts;         /* points to begin with */
	double *starts;          /* (n_starts, space n) values */
	bool exact;              /* a point has one value, whatever a model takes for noise */
} c5_sampler;

/* C5_EUSAGE when the algorithm is unknown or does not fit the space. */
int c5_sampler_check(const c5_sampler *s, const c5_space *space);
/* Names of all algorithms, NULL-ended. */
const char *const *c5_sampler_names(void);

/* Values (space n) for trial `number`, and how they were found. C5_ENOTFOUND: every point of the space was tried, or is being tried. */
int c5_sampler_next(const c5_sampler *s, const c5_history *h, uint32_t number, double *values, char origin[C5_ORIGIN_TEXT]);

/* The parts it is made of. */
int c5_sample_even(const c5_sampler *s, const c5_history *h, uint32_t number, double *values);
int c5_sample_random(const c5_sampler *s, const c5_history *h, uint32_t number, double *values);
int c5_sample_model(const c5_sampler *s, const c5_history *h, uint32_t number, double *values);
int c5_sample_nlopt(const c5_sampler *s, const c5_history *h, uint32_t number, double *values);

/* Of the points tried, the one that the model thinks best, which noise misleads less than the best value does; if there is none, the best one.
 * NULL: none is complete. */
const c5_trial *c5_sampler_recommend(const c5_sampler *s, const c5_history *h);

#endif
