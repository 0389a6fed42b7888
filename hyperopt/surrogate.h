/* surrogate.h – the Gaussian process of a search: its trials gathered, their values standardised and perhaps warped, the process fitted.
 * Values are warped by a logarithm above the least where the marginal likelihood says that the process fits better so: errors of networks and
 * costs often have a long upper tail. */
#ifndef C5_HYPEROPT_SURROGATE_H
#define C5_HYPEROPT_SURROGATE_H

#include "hyperopt/gp.h"
#include "hyperopt/history.h"

#define C5_SURROGATE_MOST 400   /* trials that a model holds: of more, the best half of that and the newest */

typedef struct c5_surrogate {
	size_t n;
	double *x;           /* (n, space n) */
	double *cost, *y;    /* (n) as told, less being better; and as the process sees it */
	const c5_trial **trials;
	bool *choice;
	c5_gp *gp;
	double warp;         /* 0: none; else the distance above the least at which the logarithm begins to bend */
	double least, centre, scale;
	double most;         /* of y */
} c5_surrogate;

/* Gathers and fits. n 0 and no process when fewer than two trials say anything. complete: of what came to its end alone, else also what is believed
 * of failures and of trials stopped early. plain: values as they are, without a logarithm. */
int c5_surrogate_fit(c5_surrogate *m, const c5_history *h, bool complete, bool plain, uint64_t seed, uint64_t item);
void c5_surrogate_free(c5_surrogate *m);
/* A cost as the process models it (y), back in what was told. */
double c5_surrogate_cost_of(const c5_surrogate *m, double y);

#endif
