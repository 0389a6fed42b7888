/* acquire.c – see acquire.h. */
#include "hyperopt/acquire.h"

#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "hyperopt/sobol.h"

#define SPRAY 512        /* points everywhere, before refinement */
#define AROUND 24        /* points around each place that was good before, a scale */
#define DIRECT_STEPS 300
#define REFINED 5        /* places refined */
#define ROUNDS 4         /* of real and stepped parameters by turns */
#define NEIGHBOURS 24    /* levels tried of one parameter */

double c5_log_improvement(double mean, double sd, double best)
{
	double z = (best - mean) / sd;
	if (z > -25) return log(sd) + log(exp(-0.5 * z * z) / sqrt(2 * M_PI) + z * 0.5 * erfc(-z / M_SQRT2));
	double q = 1 / (z * z); /* phi(z) / z^2 (1 - 3/z^2 + 15/z^4 - ...) */
	return log(sd) - 0.5 * z * z - 0.5 * log(2 * M_PI) - 2 * log(-z) + log1p(q * (-3 + q * (15 - 105 * q)));
}

void c5_space_features(const c5_space *s, const double *values, double *x)
{
	for (size_t i = 0; i < s->n; i++) {
		const c5_param *p = &s->params[i];
		if (p->kind == C5_PARAM_CHOICE) x[i] = isnan(values[i]) ? -1 : values[i];
		else x[i] = isnan(values[i]) ? 0.5 : c5_param_unit(p, values[i]);
	}
}

/* ---- judging a place ---- */

typedef struct place { double at[C5_SPACE_MOST], score; } place;

typedef struct hunt {
	const c5_acquire *a;
	size_t n;
	place *found;         /* the best so far, best first */
	size_t n_found, cap;
	place *base;          /* refinement: the place whose real parameters move */
	size_t real[C5_SPACE_MOST], n_real;
	c5_random random;
} hunt;

static double score_values(const c5_acquire *a, const double *values)
{
	double x[C5_SPACE_MOST], sum = -INFINITY;
	c5_space_features(a->space, values, x);
	for (size_t k = 0; k < a->n_models; k++) {
		double mean, sd;
		c5_gp_predict(a->models[k], x, &mean, &sd);
		double one = c5_log_improvement(mean, sd, a->bests[k]), top = fmax(one, sum);
		sum = k == 0 ? one : top + log(exp(one - top) + exp(sum - top));
	}
	return sum - log((double)a->n_models);
}

static double score(const c5_acquire *a, const double *at)
{
	double values[C5_SPACE_MOST];
	c5_space_round(a->space, at, values);
	double s = score_values(a, values);
	return isfinite(s) ? s : -1e300;
}

/* Keeps the places apart: one point, once. */
static void keep(hunt *h, const double *at, double s)
{
	double values[C5_SPACE_MOST];
	size_t k = h->n_found;
	if (k == h->cap && s <= h->found[k - 1].score) return;
	for (size_t i = 0; i < h->n_found; i++) {
		double gap = 0;
		for (size_t c = 0; c < h->n; c++) gap = fmax(gap, fabs(h->found[i].at[c] - at[c]));
		if (gap > 1e-3) continue;
		if (s > h->found[i].score) {
			memcpy(h->found[i].at, at, h->n * sizeof *at);
			h->found[i].score = s;
			for (; i > 0 && h->found[i - 1].score < s; i--) {
				place swap = h->found[i];
				h->found[i] = h->found[i - 1];
				h->found[i - 1] = swap;
			}
		}
		return;
	}
	c5_space_round(h->a->space, at, values);
	if (c5_history_find(h->a->history, values)) return;
	if (k == h->cap) k--;
	for (; k > 0 && h->found[k - 1].score < s; k--) h->found[k] = h->found[k - 1];
	memcpy(h->found[k].at, at, h->n * sizeof *at);
	h->found[k].score = s;
	if (h->n_found < h->cap) h->n_found++;
}

/* ---- everywhere ---- */

static void spray(hunt *h)
{
	double at[C5_SPACE_MOST];
	for (uint32_t i = 0; i < SPRAY; i++) {
		c5_sobol(at, h->n, h->a->seed ^ (h->a->item * UINT64_C(0x9e3779b97f4a7c15)), i);
		keep(h, at, score(h->a, at));
	}
	static const double scales[] = { 0.2, 0.05, 0.01, 0.001 };
	for (size_t k = 0; k < h->a->n_near; k++)
		for (size_t s = 0; s < sizeof scales / sizeof *scales; s++)
			for (int i = 0; i < AROUND; i++) {
				for (size_t c = 0; c < h->n; c++) {
					double here = h->a->near[k * h->n + c];
					bool stepped = h->a->space->params[c].step > 0;
					if (stepped) at[c] = c5_random_uniform(&h->random) < 1.5 / (double)h->n ? c5_random_uniform(&h->random) : here;
					else at[c] = fmin(fmax(here + scales[s] * c5_random_normal(&h->random), 0), 1);
				}
				keep(h, at, score(h->a, at));
			}
}

static double direct_step(unsigned n, const double *at, double *grad, void *data)
{
	hunt *h = data;
	(void)n, (void)grad;
	double s = score(h->a, at);
	keep(h, at, s);
	return -s;
}

static void direct(hunt *h)
{
	double at[C5_SPACE_MOST], value;
	nlopt_opt opt = nlopt_create(NLOPT_GN_DIRECT_L, (unsigned)h->n);
	if (!opt) return;
	nlopt_set_min_objective(opt, direct_step, h);
	nlopt_set_lower_bounds1(opt, 0);
	nlopt_set_upper_bounds1(opt, 1);
	nlopt_set_maxeval(opt, DIRECT_STEPS);
	for (size_t c = 0; c < h->n; c++) at[c] = 0.5;
	nlopt_optimize(opt, at, &value);
	nlopt_destroy(opt);
}

/* ---- refinement ---- */

static double real_step(unsigned n, const double *part, double *grad, void *data)
{
	hunt *h = data;
	double at[C5_SPACE_MOST];
	(void)grad;
	memcpy(at, h->base->at, h->n * sizeof *at);
	for (unsigned i = 0; i < n; i++) at[h->real[i]] = part[i];
	return -score(h->a, at);
}

static void refine_real(hunt *h, place *p)
{
	double part[C5_SPACE_MOST], value;
	if (h->n_real == 0) return;
	nlopt_opt opt = nlopt_create(h->n_real > 1 ? NLOPT_LN_BOBYQA : NLOPT_LN_SBPLX, (unsigned)h->n_real);
	if (!opt) return;
	h->base = p;
	nlopt_set_min_objective(opt, real_step, h);
	nlopt_set_lower_bounds1(opt, 0);
	nlopt_set_upper_bounds1(opt, 1);
	nlopt_set_initial_step1(opt, 0.02);
	nlopt_set_maxeval(opt, 60 + 20 * (int)h->n_real);
	nlopt_set_xtol_abs1(opt, 1e-7);
	nlopt_set_ftol_abs(opt, 1e-7);
	for (size_t i = 0; i < h->n_real; i++) part[i] = p->at[h->real[i]];
	nlopt_result got = nlopt_optimize(opt, part, &value);
	nlopt_destroy(opt);
	if (got < 0 && got != NLOPT_ROUNDOFF_LIMITED) return;
	place better = *p;
	for (size_t i = 0; i < h->n_real; i++) better.at[h->real[i]] = fmin(fmax(part[i], 0), 1);
	better.score = score(h->a, better.at);
	if (better.score > p->score) *p = better;
}

/* Tries other levels of one parameter: all of a few, else those beside it and some far ones. */
static bool refine_step(hunt *h, place *p, size_t c)
{
	const c5_param *param = &h->a->space->params[c];
	uint64_t levels = c5_param_levels(param);
	double values[C5_SPACE_MOST];
	place best = *p;
	c5_space_round(h->a->space, p->at, values);
	if (isnan(values[c])) return false;
	double now = rint((values[c] - param->min) / param->step);
	for (uint64_t i = 0; i < (levels < NEIGHBOURS ? levels : NEIGHBOURS); i++) {
		double level = (double)i;
		if (levels > NEIGHBOURS) level = i < 8 ? now + (double)(i / 2 + 1) * (i % 2 ? 1 : -1) : (double)c5_random_below(&h->random, levels);
		if (level < 0 || level >= (double)levels || level == now) continue;
		place other = *p;
		other.at[c] = c5_param_unit(param, fmin(param->min + level * param->step, param->max));
		other.score = score(h->a, other.at);
		if (other.score > best.score) best = other;
	}
	bool better = best.score > p->score + 1e-9;
	if (better) *p = best;
	return better;
}

static void refine(hunt *h, place *p)
{
	for (int round = 0; round < ROUNDS; round++) {
		bool moved = false;
		refine_real(h, p);
		for (size_t c = 0; c < h->n; c++)
			if (h->a->space->params[c].step > 0) moved = refine_step(h, p, c) || moved;
		if (!moved) break;
	}
}

/* The best place that was not tried: a refined one that was tried gives way to its untried neighbours, then to the unrefined. */
static int choose(hunt *h, const place *refined, size_t n, double *values, double *best)
{
	*best = -INFINITY;
	for (int pass = 0; pass < 2; pass++) {
		const place *list = pass == 0 ? refined : h->found;
		size_t many = pass == 0 ? n : h->n_found;
		for (size_t i = 0; i < many; i++) {
			double these[C5_SPACE_MOST];
			c5_space_round(h->a->space, list[i].at, these);
			if (list[i].score <= *best || c5_history_find(h->a->history, these)) continue;
			*best = list[i].score;
			memcpy(values, these, h->n * sizeof *values);
		}
	}
	return isinf(*best) ? c5_fail(C5_ENOTFOUND, "no new point was found") : C5_OK;
}

int c5_acquire_point(const c5_acquire *a, double *values, double *log_improvement)
{
	hunt h = { .a = a, .n = a->space->n, .cap = 64 };
	place refined[REFINED];
	size_t n = 0;
	int err = c5_alloc(&h.found, h.cap, sizeof *h.found);
	if (err < 0) return err;
	c5_random_start(&h.random, a->seed, a->item);
	for (size_t c = 0; c < h.n; c++)
		if (!(a->space->params[c].step > 0)) h.real[h.n_real++] = c;
	spray(&h);
	direct(&h);
	for (; n < REFINED && n < h.n_found; n++) {
		refined[n] = h.found[n];
		refine(&h, &refined[n]);
	}
	err = choose(&h, refined, n, values, log_improvement);
	free(h.found);
	return err;
}
