/* stopping.h – ending bad trials early, by the values they report on the way.
 *
 * median: a trial ends when its best report so far is worse than the middle of what the others' best reports were by that step.
 * halving: asynchronous successive halving (Li et al. 2020, "A system for massively parallel hyperparameter tuning"): at steps first, first x factor,
 * first x factor^2 ... a trial goes on if its value is among the best 1/factor of those that came there. */
#ifndef C5_HYPEROPT_STOPPING_H
#define C5_HYPEROPT_STOPPING_H

#include "base/options.h"
#include "hyperopt/history.h"

typedef struct c5_stopping {
	char *method;       /* none | median | halving */
	int64_t after;      /* median: trials that must have ended before */
	double warm_up;     /* no trial ends before this step */
	double first, factor; /* halving: first step looked at, and their ratio */
} c5_stopping;
extern const c5_opt c5_stopping_opts[];

/* Whether the trial should end now, after its last report. */
bool c5_stopping_says(const c5_stopping *s, const c5_history *h, const c5_trial *t);

#endif
