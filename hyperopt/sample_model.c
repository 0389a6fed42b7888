/* sample_model.c – Bayesian optimisation: a Gaussian process of the trials so far, and the point of greatest expected improvement by it.
 * Trials still running are believed to be at their mean (Ginsbourger et al. 2010, "kriging believer"). */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "hyperopt/acquire.h"
#include "hyperopt/surrogate.h"
#include "hyperopt/sampler.h"

#define NEAR 4 /* places looked around */
#define LUCK_LEAST 8    /* trials from which on values can be told from luck */
#define NOISE_SEEN 1e-4 /* variance, of values of variance 1, from which a value may owe its place to luck */

typedef c5_surrogate model;

/* The least of the means at the points tried: what there is to improve on, without the luck of the noise. */
static double plain_best(const model *m)
{
	double best = INFINITY, mean;
	for (size_t i = 0; i < c5_gp_size(m->gp); i++) {
		c5_gp_predict(m->gp, c5_gp_point(m->gp, i), &mean, NULL);
		best = fmin(best, mean);
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
	double means[C5_SURROGATE_MOST];
	bool used[C5_SURROGATE_MOST] = { false };
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
	model m;
	double near[NEAR * C5_SPACE_MOST], improvement, best;
	int err = c5_surrogate_fit(&m, h, false, false, s->seed, (UINT64_C(2) << 40) + number);
	if (err < 0) return err;
	if (m.n == 0) return c5_sample_even(s, h, number, values); /* nothing to learn from: all failed, or all are running */
	size_t n_near = best_places(&m, h, near);
	if ((err = believe_pending(&m, h)) < 0) goto done;
	best = plain_best(&m);
	c5_gp *models[1] = { m.gp };
	c5_acquire a = { h->space, h, models, &best, 1, near, n_near, s->seed, (UINT64_C(3) << 40) + number };
	if ((err = c5_acquire_point(&a, values, &improvement)) == C5_ENOTFOUND) err = c5_sample_random(s, h, number, values);
done:
	c5_surrogate_free(&m);
	return err;
}

/* Noise that is no more than what the process needs to be computed. */
static bool is_noisy(const model *m, const c5_history *h) { return c5_gp_logs(m->gp)[h->space->n + 1] > log(NOISE_SEEN); }

const c5_trial *c5_sampler_recommend(const c5_sampler *s, const c5_history *h)
{
	model m;
	const c5_trial *chosen = c5_history_best(h);
	double best = INFINITY, mean;
	if (!chosen || s->exact || c5_surrogate_fit(&m, h, true, false, s->seed, (UINT64_C(2) << 40) + h->n + 1) < 0 || m.n == 0) return chosen;
	for (size_t i = 0; m.n >= LUCK_LEAST && is_noisy(&m, h) && i < m.n; i++) {
		c5_gp_predict(m.gp, m.x + i * h->space->n, &mean, NULL);
		if (mean < best) {
			best = mean;
			chosen = m.trials[i];
		}
	}
	c5_surrogate_free(&m);
	return chosen;
}
