/* ensemble.h – what several models say together: their mean, and how unsure they are, of it and among themselves. */
#ifndef C5_CLASSIFY_ENSEMBLE_H
#define C5_CLASSIFY_ENSEMBLE_H

#include <stddef.h>

/* prob: (members, n, classes). mean: (n, classes), may be prob itself. The rest may be NULL:
 * spread (n, classes): standard deviation over the members (n - 1), 0 for one alone;
 * entropy (n): of the mean, in bits: 0 sure, log2(classes) knows nothing;
 * mutual (n): entropy of the mean less the mean of the entropies, in bits: how much the members disagree, 0 for one alone
 * (Depeweg et al. 2018). Sums run in the order of the members. */
void c5_ensemble_join(const float *prob, size_t members, size_t n, size_t classes, float *mean, float *spread, float *entropy, float *mutual);

#endif
