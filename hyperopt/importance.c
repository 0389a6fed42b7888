/* importance.c – see importance.h. */
#include "hyperopt/importance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "hyperopt/acquire.h"
#include "hyperopt/surrogate.h"
#include "hyperopt/sobol.h"

#define POINTS 1024
#define TRIALS_LEAST 4

/* The process's mean at a place of the unit cube, as it was told. */
static double mean_at(const c5_surrogate *m, const c5_space *space, const double *unit)
{
	double values[C5_SPACE_MOST], x[C5_SPACE_MOST], mean;
	c5_space_round(space, unit, values);
	c5_space_features(space, values, x);
	c5_gp_predict(m->gp, x, &mean, NULL);
	return c5_surrogate_cost_of(m, fmin(mean, m->most)); /* a warped mean beyond all that was seen would outweigh the rest */
}

/* Jansen's (1999) estimators: two sets of points, and the first with one coordinate taken from the second. */
static int estimate(c5_importance *out, const c5_surrogate *m, const c5_space *space, uint64_t seed)
{
	size_t n = space->n;
	double *a, *b = NULL, *fa = NULL, *fb = NULL, sum = 0, squares = 0;
	uint64_t order[POINTS];
	c5_random random;
	int err;
	if ((err = c5_alloc(&a, POINTS, n * sizeof *a)) < 0 || (err = c5_alloc(&b, POINTS, n * sizeof *b)) < 0 ||
	    (err = c5_alloc(&fa, POINTS, sizeof *fa)) < 0 ||
	    (err = c5_alloc(&fb, POINTS, sizeof *fb)) < 0)
		goto done;
	c5_random_start(&random, seed, (UINT64_C(5) << 40));
	c5_random_order(&random, order, POINTS);
	for (uint32_t i = 0; i < POINTS; i++) {
		c5_sobol(a + i * n, n, seed, i);
		c5_sobol(b + i * n, n, seed + 1, (uint32_t)order[i]); /* in another order: two scramblings of one sequence go together */
		fa[i] = mean_at(m, space, a + i * n);
		fb[i] = mean_at(m, space, b + i * n);
		sum += fa[i] + fb[i];
		squares += fa[i] * fa[i] + fb[i] * fb[i];
	}
	double variance = squares / (2 * POINTS) - sum / (2 * POINTS) * (sum / (2 * POINTS));
	for (size_t c = 0; c < n; c++) {
		double total = 0, rest = 0;
		for (size_t i = 0; i < POINTS; i++) {
			double kept = a[i * n + c];
			a[i * n + c] = b[i * n + c];
			double f = mean_at(m, space, a + i * n);
			a[i * n + c] = kept;
			total += (fa[i] - f) * (fa[i] - f);
			rest += (fb[i] - f) * (fb[i] - f);
		}
		out->total[c] = variance > 0 ? fmin(total / (2 * POINTS) / variance, 1) : 0;
		out->alone[c] = variance > 0 ? fmin(fmax(1 - rest / (2 * POINTS) / variance, 0), out->total[c]) : 0;
	}
	out->n = n;
done:
	free(a);
	free(b);
	free(fa);
	free(fb);
	return err;
}

int c5_importance_of(c5_importance *out, const c5_history *h, uint64_t seed)
{
	c5_surrogate m;
	memset(out, 0, sizeof *out);
	int err = c5_surrogate_fit(&m, h, false, true, seed, (UINT64_C(4) << 40) + h->n);
	if (err == C5_OK && m.n >= TRIALS_LEAST) err = estimate(out, &m, h->space, seed);
	if (err == C5_OK) c5_surrogate_free(&m);
	return err;
}
