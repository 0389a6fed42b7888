/* sample_model.c – Bayesian optimisation: a Gaussian process of the trials so far, and the point of greatest expected improvement by it.
 *
 * Values are standardised, and warped by a logarithm above the least where the marginal likelihood says that the process fits better so: errors
 * of networks often have a long upper tail. Trials still running are believed to be at their mean (Ginsbourger et al. 2010, "kriging believer"). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "hyperopt/acquire.h"
#include "hyperopt/sampler.h"

#define MODELLED 400   /* trials that a model holds at most: the best half of them, and the newest */
#define WARPS 4
#define NEAR 4         /* places looked around */
#define NOISE_LEAST 1e-8

typedef struct model {
	size_t n;
	double *x;           /* (n, d) */
	double *cost, *y;    /* (n) as told, and as the process sees it */
	const c5_trial **trials;
	bool *choice;
	c5_gp *gp;
	double warp;         /* 0: none; else the distance above the least at which the logarithm begins to bend */
	double least, centre, scale;
} model;

static void close_model(model *m)
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
	if (m->n <= MODELLED) return C5_OK;
	int err = c5_alloc(&sorted, m->n, sizeof *sorted);
	if (err < 0) return err;
	memcpy(sorted, m->cost, m->n * sizeof *sorted);
	qsort(sorted, m->n, sizeof *sorted, by_size);
	double good = sorted[MODELLED / 2 - 1];
	free(sorted);
	size_t kept = 0, best = 0;
	for (size_t i = 0; i < m->n; i++) best += m->cost[i] <= good && best < MODELLED / 2;
	size_t others = 0, drop = m->n - MODELLED; /* of the others, the oldest go */
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

static int gather(model *m, const c5_history *h)
{
	int err;
	if ((err = c5_alloc(&m->cost, h->n + 1, sizeof *m->cost)) < 0 || (err = c5_alloc(&m->trials, h->n + 1, sizeof *m->trials)) < 0 ||
	    (err = c5_alloc(&m->choice, h->space->n, sizeof *m->choice)) < 0)
		return err;
	for (size_t i = 0; i < h->n; i++)
		if (c5_history_belief(h, &h->trials[i], &m->cost[m->n])) m->trials[m->n++] = &h->trials[i];
	if ((err = thin_out(m)) < 0 || (err = c5_alloc(&m->y, m->n + 1, sizeof *m->y)) < 0 || (err = c5_alloc(&m->x, m->n + 1, h->space->n * sizeof *m->x)) < 0)
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
	for (size_t i = 0; i < m->n; i++) m->y[i] = (m->y[i] - m->centre) / m->scale;
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

static int fit_model(model *m, const c5_sampler *s, const c5_history *h, uint32_t number)
{
	static const double bends[WARPS] = { 0, 1, 0.1, 0.01 };
	double best = -INFINITY, kept = 0, logs[C5_GP_MOST + 2];
	int err;
	warp_values(m, 0);
	double span = middle_cost(m) - m->least;
	c5_gp_data data = { m->n, h->space->n, m->x, m->choice, m->y };
	c5_gp_setup setup = { NOISE_LEAST, 3, s->seed, (UINT64_C(2) << 40) + number, NULL };
	for (int k = 0; k < WARPS; k++) {
		c5_gp *gp;
		if (k > 0 && (m->n < 8 || !(span > 1e-12 * fabs(m->least)))) break;
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

/* ---- sampling ---- */

/* The least of the means at the points tried: what there is to improve on, without the luck of the noise. */
static double plain_best(const model *m, size_t *where)
{
	double best = INFINITY;
	size_t d = m->n ? c5_gp_size(m->gp) : 0;
	for (size_t i = 0; i < d; i++) {
		double mean;
		c5_gp_predict(m->gp, c5_gp_point(m->gp, i), &mean, NULL);
		if (mean < best) {
			best = mean;
			*where = i;
		}
	}
	return best;
}

static int believe_pending(model *m, const c5_history *h)
{
	double x[C5_SPACE_MOST], mean;
	int err = C5_OK;
	for (size_t i = 0; err == C5_OK && i < h->n; i++) {
		if (h->trials[i].state != C5_TRIAL_RUNNING) continue;
		c5_space_features(h->space, h->trials[i].values, x);
		c5_gp_predict(m->gp, x, &mean, NULL);
		err = c5_gp_add(m->gp, x, mean);
	}
	return err;
}

/* The places of the best trials, by the model. */
static size_t best_places(const model *m, const c5_history *h, double *near)
{
	double means[MODELLED];
	bool used[MODELLED] = { false };
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++) c5_gp_predict(m->gp, m->x + i * h->space->n, &means[i], NULL);
	for (; n < NEAR && n < m->n; n++) {
		size_t best = m->n;
		for (size_t i = 0; i < m->n; i++)
			if (!used[i] && (best == m->n || means[i] < means[best])) best = i;
		used[best] = true;
		c5_space_unit(h->space, m->trials[best]->values, near + n * h->space->n);
	}
	return n;
}

int c5_sample_model(const c5_sampler *s, const c5_history *h, uint32_t number, double *values)
{
	model m = { 0 };
	double near[NEAR * C5_SPACE_MOST], improvement, best;
	size_t where = 0;
	int err = gather(&m, h);
	if (err < 0) goto done;
	if (m.n < 2) { /* nothing to learn from: all failed, or all are running */
		err = c5_sample_even(s, h, number, values);
		goto done;
	}
	if ((err = fit_model(&m, s, h, number)) < 0) goto done;
	size_t n_near = best_places(&m, h, near);
	if ((err = believe_pending(&m, h)) < 0) goto done;
	best = plain_best(&m, &where);
	c5_gp *models[1] = { m.gp };
	c5_acquire a = { h->space, h, models, &best, 1, near, n_near, s->seed, (UINT64_C(3) << 40) + number };
	if ((err = c5_acquire_point(&a, values, &improvement)) == C5_ENOTFOUND) err = c5_sample_random(s, h, number, values);
done:
	close_model(&m);
	return err;
}

const c5_trial *c5_sampler_recommend(const c5_sampler *s, const c5_history *h)
{
	model m = { 0 };
	const c5_trial *chosen = c5_history_best(h);
	double best = INFINITY;
	if (!chosen || h->n < 4 || gather(&m, h) < 0 || m.n < 4 || fit_model(&m, s, h, (uint32_t)h->n + 1) < 0) goto done;
	for (size_t i = 0; i < m.n; i++) {
		double mean;
		if (m.trials[i]->state != C5_TRIAL_COMPLETE) continue;
		c5_gp_predict(m.gp, m.x + i * h->space->n, &mean, NULL);
		if (mean < best) {
			best = mean;
			chosen = m.trials[i];
		}
	}
done:
	close_model(&m);
	return chosen;
}
