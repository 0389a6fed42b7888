/* acquire.h – where to try next, by a Gaussian process: the point of greatest expected improvement (Mockus 1978; Jones et al. 1998).
 *
 * Improvement is taken in logarithms, with its tails in closed form, so that there is a slope to follow where the improvement itself rounds to 0
 * (Ament et al. 2023). Points are judged at the values they round to. NLopt's DIRECT-L looks everywhere; the best places it and a spray of points
 * found are refined, real parameters by BOBYQA (SBPLX where there is but one), parameters with steps and choices by trying their neighbours. */
#ifndef C5_HYPEROPT_ACQUIRE_H
#define C5_HYPEROPT_ACQUIRE_H

#include "hyperopt/gp.h"
#include "hyperopt/history.h"

/* Logarithm of the expected improvement below `best` of a normal value. */
double c5_log_improvement(double mean, double sd, double best);

typedef struct c5_acquire {
	const c5_space *space;
	const c5_history *history;  /* points of it are not given again */
	c5_gp *const *models;       /* improvement is averaged over them */
	const double *bests;        /* one a model: the value to improve on */
	size_t n_models;
	const double *near;         /* (n_near, space n) places to look around, in the unit cube */
	size_t n_near;
	uint64_t seed, item;
} c5_acquire;

/* The best new point: its values (space n). C5_ENOTFOUND when none was found that was not tried. */
int c5_acquire_point(const c5_acquire *a, double *values, double *log_improvement);

/* What a model sees of values: coordinates of the unit cube, indices of choices; what is left out in the middle, a choice at -1. */
void c5_space_features(const c5_space *s, const double *values, double *x);

#endif
