/* surrogate.c – see surrogate.h. */
#include "hyperopt/surrogate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "hyperopt/acquire.h"

#define WARPS 4
#define NOISE_LEAST 1e-8

typedef c5_surrogate model;

void c5_surrogate_free(model *m)
{
	free(m->x);
	free(m->cost);
	free(m->y);
	free(m->trials);
	free(m->choice);
	c5_gp_free(m->gp);
	memset(m, 0, sizeof *m);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Of too many trials the best half of what fits, and the newest. */
static int thin_out(model *m)
{
	double *sorted;
	if (m->n <= C5_SURROGATE_MOST) return C5_OK;
	int err = c5_alloc(&sorted, m->n, sizeof *sorted);
	if (err < 0) return err;
	memcpy(sorted, m->cost, m->n * sizeof *sorted);
	qsort(sorted, m->n, sizeof *sorted, by_size);
	double good = sorted[C5_SURROGATE_MOST / 2 - 1];
	free(sorted);
	size_t kept = 0, best = 0;
	for (size_t i = 0; i < m->n; i++) best += m->cost[i] <= good && best < C5_SURROGATE_MOST / 2;
	size_t others = 0, drop = m->n - C5_SURROGATE_MOST; /* of the others, the oldest go */
	for (size_t i = 0, taken = 0; i < m->n; i++) {
		bool keep = m->cost[i] <= good && taken < best;
		taken += keep;
		if (!keep && others++ < drop) continue;
		m->cost[kept] = m->cost[i];
		m->trials[kept++] = m->trials[i];
	}
	m->n = kept;
	return C5_OK;
}

static int gather(model *m, const c5_history *h, bool complete)
{
	int err;
	if ((err = c5_alloc(&m->cost, h->n + 1, sizeof *m->cost)) < 0 || (err = c5_alloc(&m->trials, h->n + 1, sizeof *m->trials)) < 0 ||
	    (err = c5_alloc(&m->choice, h->space->n, sizeof *m->choice)) < 0)
		return err;
	for (size_t i = 0; i < h->n; i++)
		if ((!complete || h->trials[i].state == C5_TRIAL_COMPLETE) && c5_history_belief(h, &h->trials[i], &m->cost[m->n]))
			m->trials[m->n++] = &h->trials[i];
	if ((err = thin_out(m)) < 0 || (err = c5_alloc(&m->y, m->n + 1, sizeof *m->y)) < 0 ||
	    (err = c5_alloc(&m->x, m->n + 1, h->space->n * sizeof *m->x)) < 0)
		return err;
	for (size_t i = 0; i < m->n; i++) c5_space_features(h->space, m->trials[i]->values, m->x + i * h->space->n);
	for (size_t c = 0; c < h->space->n; c++) m->choice[c] = h->space->params[c].kind == C5_PARAM_CHOICE;
	return C5_OK;
}

/* ---- values as the process sees them ---- */

static double bent(const model *m, double cost) { return m->warp > 0 ? log1p((cost - m->least) / m->warp) : cost; }

/* Sets y, and gives the logarithm of dy/dcost over all of them: what the evidences of two warps differ by besides. */
static double warp_values(model *m, double warp)
{
	double sum = 0, squares = 0, change = 0;
	m->warp = warp;
	m->least = INFINITY;
	for (size_t i = 0; i < m->n; i++) m->least = fmin(m->least, m->cost[i]);
	for (size_t i = 0; i < m->n; i++) {
		m->y[i] = bent(m, m->cost[i]);
		sum += m->y[i];
		if (warp > 0) change -= log(warp + m->cost[i] - m->least);
	}
	m->centre = sum / (double)m->n;
	for (size_t i = 0; i < m->n; i++) squares += (m->y[i] - m->centre) * (m->y[i] - m->centre);
	m->scale = sqrt(squares / (double)m->n);
	if (!(m->scale > 1e-300)) m->scale = 1;
	m->most = -INFINITY;
	for (size_t i = 0; i < m->n; i++) {
		m->y[i] = (m->y[i] - m->centre) / m->scale;
		m->most = fmax(m->most, m->y[i]);
	}
	return change - (double)m->n * log(m->scale);
}

/* Half of the costs are below. */
static double middle_cost(const model *m)
{
	double *sorted, middle = NAN;
	if (c5_alloc(&sorted, m->n, sizeof *sorted) < 0) return NAN;
	memcpy(sorted, m->cost, m->n * sizeof *sorted);
	qsort(sorted, m->n, sizeof *sorted, by_size);
	middle = sorted[m->n / 2];
	free(sorted);
	return middle;
}

static int fit(model *m, const c5_history *h, bool plain, uint64_t seed, uint64_t item)
{
	static const double bends[WARPS] = { 0, 1, 0.1, 0.01 };
	double best = -INFINITY, kept = 0, logs[C5_GP_MOST + 2];
	int err;
	warp_values(m, 0);
	double span = middle_cost(m) - m->least;
	c5_gp_data data = { m->n, h->space->n, m->x, m->choice, m->y };
	c5_gp_setup setup = { NOISE_LEAST, 3, seed, item, NULL };
	for (int k = 0; k < WARPS; k++) {
		c5_gp *gp;
		if (k > 0 && (plain || m->n < 8 || !(span > 1e-12 * fabs(m->least)))) break;
		double change = warp_values(m, bends[k] * span);
		if ((err = c5_gp_fit(&gp, &data, &setup)) < 0) return err;
		double evidence = c5_gp_evidence(gp) + change - (k > 0 ? 1 : 0);
		if (evidence <= best) {
			c5_gp_free(gp);
			continue;
		}
		best = evidence;
		kept = m->warp;
		c5_gp_free(m->gp);
		m->gp = gp;
		memcpy(logs, c5_gp_logs(gp), (h->space->n + 2) * sizeof *logs);
		setup.first = logs;
		setup.starts = 2;
	}
	warp_values(m, kept);
	return C5_OK;
}

int c5_surrogate_fit(model *m, const c5_history *h, bool complete, bool plain, uint64_t seed, uint64_t item)
{
	memset(m, 0, sizeof *m);
	int err = gather(m, h, complete);
	if (err == C5_OK && m->n < 2) m->n = 0;
	if (err == C5_OK && m->n) err = fit(m, h, plain, seed, item);
	if (err < 0) c5_surrogate_free(m);
	return err;
}

double c5_surrogate_cost_of(const model *m, double y)
{
	double bent_cost = y * m->scale + m->centre;
	return m->warp > 0 ? m->least + m->warp * expm1(bent_cost) : bent_cost;
}

