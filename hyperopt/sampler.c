/* sampler.c – the choice of algorithm, and those that need no model; see sampler.h. */
#include "hyperopt/sampler.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "base/random.h"
#include "hyperopt/nlopt_names.h"
#include "hyperopt/sobol.h"

#define TRIES 4096 /* points drawn until one is new */

const char *const *c5_sampler_names(void)
{
	static const char *names[C5_NLOPT_NAMES + 4];
	if (names[0]) return names;
	size_t n = 3;
	for (const char *const *p = c5_nlopt_names(); *p && n < sizeof names / sizeof *names - 1; p++) names[n++] = *p;
	names[1] = "sobol", names[2] = "random", names[0] = "gp";
	return names;
}

int c5_sampler_check(const c5_sampler *s, const c5_space *space)
{
	const char *const *names = c5_sampler_names();
	for (size_t i = 0; names[i]; i++)
		if (strcmp(names[i], s->algorithm) == 0) return c5_nlopt_fits(s->algorithm, space);
	const char *near = c5_nearest(s->algorithm, names);
	return c5_fail(C5_EUSAGE, "algorithm %.60s: unknown%s%s%s; there are gp, sobol, random, and of NLopt GN_DIRECT_L, GN_CRS2_LM, GN_ISRES, GN_ESCH, "
		"G_MLSL_LDS, LN_SBPLX, LN_BOBYQA, LN_COBYLA and more (docs/search.md)",
		s->algorithm, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* ---- without a model ---- */

/* The whole space point by point from `from` on, where it can be counted: the last resort when nearly all of it was tried. */
static int any_new(const c5_history *h, uint64_t from, double *values)
{
	const c5_space *space = h->space;
	uint64_t points = c5_space_points(space);
	double unit[C5_SPACE_MOST];
	if (points == 0 || points > 4000000) return c5_fail(C5_ENOTFOUND, "no new point was found");
	for (uint64_t i = 0; i < points; i++) {
		uint64_t rest = (from + i) % points;
		for (size_t c = 0; c < space->n; c++) {
			uint64_t levels = c5_param_levels(&space->params[c]);
			unit[c] = c5_param_unit(&space->params[c], space->params[c].min + (double)(rest % levels) * space->params[c].step);
			rest /= levels;
		}
		c5_space_round(space, unit, values);
		if (!c5_history_find(h, values)) return C5_OK;
	}
	return c5_fail(C5_ENOTFOUND, "every one of the space's points was tried");
}

int c5_sample_random(const c5_sampler *s, const c5_history *h, uint32_t number, double *values)
{
	c5_random r;
	double unit[C5_SPACE_MOST];
	c5_random_start(&r, s->seed, (UINT64_C(1) << 40) + number);
	for (int i = 0; i < TRIES; i++) {
		for (size_t c = 0; c < h->space->n; c++) unit[c] = c5_random_uniform(&r);
		c5_space_round(h->space, unit, values);
		if (!c5_history_find(h, values)) return C5_OK;
	}
	return any_new(h, c5_random_u64(&r), values);
}

int c5_sample_even(const c5_sampler *s, const c5_history *h, uint32_t number, double *values)
{
	double unit[C5_SPACE_MOST];
	c5_sobol(unit, h->space->n, s->seed, number - 1);
	c5_space_round(h->space, unit, values);
	return c5_history_find(h, values) ? c5_sample_random(s, h, number, values) : C5_OK;
}

/* ---- the choice ---- */

/* Trials before the first model: enough to see each parameter a few times. */
static uint32_t startup_of(const c5_sampler *s, const c5_space *space)
{
	if (s->startup) return s->startup;
	return space->n < 4 ? 6 : space->n < 20 ? (uint32_t)space->n + 4 : 24;
}

int c5_sampler_next(const c5_sampler *s, const c5_history *h, uint32_t number, double *values, char origin[C5_ORIGIN_TEXT])
{
	const char *how;
	int err;
	if (number <= s->n_starts) {
		memcpy(values, s->starts + (size_t)(number - 1) * h->space->n, h->space->n * sizeof *values);
		snprintf(origin, C5_ORIGIN_TEXT, "start");
		if (!c5_history_find(h, values)) return C5_OK; /* else it is there twice: something new instead */
	}
	if (strcmp(s->algorithm, "random") == 0) how = "random", err = c5_sample_random(s, h, number, values);
	else if (strcmp(s->algorithm, "sobol") == 0) how = "even", err = c5_sample_even(s, h, number, values);
	else if (strcmp(s->algorithm, "gp") != 0) how = "nlopt", err = c5_sample_nlopt(s, h, number, values);
	else if (number <= s->n_starts + startup_of(s, h->space)) how = "even", err = c5_sample_even(s, h, number, values);
	else how = "model", err = c5_sample_model(s, h, number, values);
	snprintf(origin, C5_ORIGIN_TEXT, "%s", how);
	return err;
}
