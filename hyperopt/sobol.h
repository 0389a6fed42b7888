/* sobol.h – points that fill the unit cube evenly from the first one on: the sequence of Sobol' (1967) with the direction numbers of Joe & Kuo
 * (2008, "Constructing Sobol sequences with better two-dimensional projections"), each coordinate scrambled as Owen (1998) does it, so that
 * different seeds give different points of the same evenness. Any point can be had at any time, by its number. */
#ifndef C5_HYPEROPT_SOBOL_H
#define C5_HYPEROPT_SOBOL_H

#include <stddef.h>
#include <stdint.h>

#define C5_SOBOL_MOST 64 /* coordinates */

/* Point `index` (from 0) of the sequence that `seed` scrambles; to: n coordinates in (0, 1), those beyond C5_SOBOL_MOST 0.5. */
void c5_sobol(double *to, size_t n, uint64_t seed, uint32_t index);

#endif
