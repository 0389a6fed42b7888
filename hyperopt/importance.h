/* importance.h – how much each parameter matters: the share of the objective's variance over the space that is due to it, as functional analysis of
 * variance tells it (Hutter, Hoos & Leyton-Brown 2014), on the mean of the Gaussian process. Indices of Sobol' by Jansen's estimators on scrambled
 * Sobol' points. `alone`: the part due to the parameter by itself; `total`: with all it does together with others, both of a whole of 1. */
#ifndef C5_HYPEROPT_IMPORTANCE_H
#define C5_HYPEROPT_IMPORTANCE_H

#include "hyperopt/history.h"

typedef struct c5_importance { size_t n; double alone[C5_SPACE_MOST], total[C5_SPACE_MOST]; } c5_importance;

/* n 0 when there are too few trials to say (4). seed: of the points. */
int c5_importance_of(c5_importance *out, const c5_history *h, uint64_t seed);

#endif
