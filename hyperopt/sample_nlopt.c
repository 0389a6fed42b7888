/* sample_nlopt.c – NLopt's own algorithms as samplers.
 *
 * NLopt calls the objective and wants its value at once; it cannot be asked for the next point and told the value later, and its state cannot be
 * saved. But it does the same when the values are the same. So every point is found by running the algorithm anew from its beginning: values of
 * points that were tried come from the history, at the first new point the run is ended, and that point is the next trial. Rounded points are looked
 * up as what they round to. A point that is still running is believed to be as good as the middle of those done; when it comes back otherwise, the
 * way may fork, and what was tried on the wrong branch is still known when the other one comes by. An algorithm that ends by itself is started again
 * elsewhere. */
#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "hyperopt/nlopt_names.h"
#include "hyperopt/sampler.h"
#include "hyperopt/sobol.h"

#define STARTS 50           /* beginnings tried until one leads to a new point */
#define CALLS_LEAST 5000    /* calls of one beginning that find nothing new */

static const struct algorithm { const char *name; nlopt_algorithm id, local; bool two, deterministic; } algorithms[] = {
	{ "GN_DIRECT_L", NLOPT_GN_DIRECT_L, NLOPT_NUM_ALGORITHMS, false, true },
	{ "GN_DIRECT", NLOPT_GN_DIRECT, NLOPT_NUM_ALGORITHMS, false, true },
	{ "GN_DIRECT_L_RAND", NLOPT_GN_DIRECT_L_RAND, NLOPT_NUM_ALGORITHMS, false, false },
	{ "GN_CRS2_LM", NLOPT_GN_CRS2_LM, NLOPT_NUM_ALGORITHMS, false, false },
	{ "GN_ISRES", NLOPT_GN_ISRES, NLOPT_NUM_ALGORITHMS, false, false },
	{ "GN_ESCH", NLOPT_GN_ESCH, NLOPT_NUM_ALGORITHMS, false, false },
	{ "G_MLSL_LDS", NLOPT_G_MLSL_LDS, NLOPT_LN_SBPLX, false, false },
	{ "G_MLSL", NLOPT_G_MLSL, NLOPT_LN_SBPLX, false, false },
	{ "LN_SBPLX", NLOPT_LN_SBPLX, NLOPT_NUM_ALGORITHMS, false, false },
	{ "LN_BOBYQA", NLOPT_LN_BOBYQA, NLOPT_NUM_ALGORITHMS, true, false },
	{ "LN_COBYLA", NLOPT_LN_COBYLA, NLOPT_NUM_ALGORITHMS, false, false },
	{ "LN_NELDERMEAD", NLOPT_LN_NELDERMEAD, NLOPT_NUM_ALGORITHMS, false, false },
	{ "LN_PRAXIS", NLOPT_LN_PRAXIS, NLOPT_NUM_ALGORITHMS, true, false },
	{ "LN_NEWUOA_BOUND", NLOPT_LN_NEWUOA_BOUND, NLOPT_NUM_ALGORITHMS, true, false },
};
#define ALGORITHMS (sizeof algorithms / sizeof *algorithms)

const char *const *c5_nlopt_names(void)
{
	static const char *names[C5_NLOPT_NAMES];
	for (size_t i = 0; !names[0] && i < ALGORITHMS; i++) names[ALGORITHMS - 1 - i] = algorithms[ALGORITHMS - 1 - i].name;
	return names;
}

static const struct algorithm *find_algorithm(const char *name)
{
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (strcmp(algorithms[i].name, name) == 0) return &algorithms[i];
	return NULL;
}

int c5_nlopt_fits(const char *name, const c5_space *space)
{
	const struct algorithm *a = find_algorithm(name);
	if (a && a->two && space->n < 2)
		return c5_fail(C5_EUSAGE, "algorithm %s: works on two parameters or more, the space has one; take LN_SBPLX", name);
	return C5_OK;
}

typedef struct replay {
	const c5_history *h;
	nlopt_opt opt;
	double *out;         /* the new point's values */
	double pending;      /* what running trials are taken for */
	bool found;
	size_t calls, most;
} replay;

/* What the trials before this one say of a failure: an algorithm must be told the same whenever it is run anew. */
static double failure_cost(const c5_history *h, const c5_trial *t)
{
	double least = INFINITY, most = -INFINITY;
	for (uint32_t i = 0; i + 1 < t->number; i++) {
		if (h->trials[i].state != C5_TRIAL_COMPLETE) continue;
		double cost = c5_history_cost(h, h->trials[i].value);
		least = fmin(least, cost), most = fmax(most, cost);
	}
	return most >= least ? most + (most - least) + 1e-3 * fabs(most) : 1e6;
}

static double step(unsigned n, const double *unit, double *grad, void *data)
{
	replay *r = data;
	double values[C5_SPACE_MOST];
	(void)n, (void)grad;
	if (r->found) return 0; /* the end was asked for; not all algorithms look at once */
	c5_space_round(r->h->space, unit, values);
	const c5_trial *t = c5_history_find(r->h, values);
	if (!t || ++r->calls > r->most) {
		if (!t) {
			memcpy(r->out, values, r->h->space->n * sizeof *values);
			r->found = true;
		}
		nlopt_force_stop(r->opt);
		return 0;
	}
	if (t->state == C5_TRIAL_COMPLETE || (t->state == C5_TRIAL_PRUNED && !isnan(t->value))) return c5_history_cost(r->h, t->value);
	return t->state == C5_TRIAL_RUNNING ? r->pending : failure_cost(r->h, t);
}

/* Where beginning `k` starts: at the first fixed point, else in the cube's middle; the next ones at points evenly spread. */
static void beginning(const c5_sampler *s, const c5_space *space, uint32_t k, double *unit)
{
	if (k == 0 && s->n_starts) c5_space_unit(space, s->starts, unit);
	else if (k == 0)
		for (size_t c = 0; c < space->n; c++) unit[c] = 0.5;
	else c5_sobol(unit, space->n, s->seed, k);
}

static int open_algorithm(const struct algorithm *a, replay *r, nlopt_opt *local)
{
	unsigned n = (unsigned)r->h->space->n;
	*local = NULL;
	if (!(r->opt = nlopt_create(a->id, n))) return c5_fail(C5_ENOMEM, "NLopt cannot start %s", a->name);
	nlopt_set_min_objective(r->opt, step, r);
	nlopt_set_lower_bounds1(r->opt, 0);
	nlopt_set_upper_bounds1(r->opt, 1);
	nlopt_set_maxeval(r->opt, (int)r->most + 1000);
	if (strncmp(a->name, "LN_", 3) == 0) {
		nlopt_set_initial_step1(r->opt, 0.15);
		nlopt_set_xtol_abs1(r->opt, 1e-3);
	}
	if (a->local != NLOPT_NUM_ALGORITHMS) {
		if (!(*local = nlopt_create(a->local, n))) return c5_fail(C5_ENOMEM, "NLopt cannot start %s", a->name);
		nlopt_set_xtol_abs1(*local, 1e-2);
		nlopt_set_initial_step1(*local, 0.1);
		nlopt_set_local_optimizer(r->opt, *local);
	}
	return C5_OK;
}

/* Half of the done trials are better. */
static double middle_cost(const c5_history *h)
{
	const c5_trial *best = c5_history_best(h);
	double sum = 0;
	size_t n = 0;
	for (size_t i = 0; i < h->n; i++)
		if (h->trials[i].state == C5_TRIAL_COMPLETE) sum += c5_history_cost(h, h->trials[i].value), n++;
	return best ? sum / (double)n : 0;
}

int c5_sample_nlopt(const c5_sampler *s, const c5_history *h, uint32_t number, double *values)
{
	const struct algorithm *a = find_algorithm(s->algorithm);
	double unit[C5_SPACE_MOST], value;
	replay r = { .h = h, .out = values, .pending = middle_cost(h), .most = CALLS_LEAST + 20 * h->n };
	if (!a) return c5_fail(C5_EUSAGE, "algorithm %.60s: unknown", s->algorithm);
	for (uint32_t k = 0; k < STARTS && !r.found; k++) {
		nlopt_opt local;
		int err = open_algorithm(a, &r, &local);
		if (err == C5_OK) {
			r.calls = 0;
			beginning(s, h->space, k, unit);
			nlopt_srand((unsigned long)(s->seed * 1000003 + k));
			nlopt_optimize(r.opt, unit, &value);
		}
		nlopt_destroy(local);
		nlopt_destroy(r.opt);
		if (err < 0) return err;
		if (a->deterministic && k == 0 && !r.found) break; /* it would go the same way again */
	}
	return r.found ? C5_OK : c5_sample_random(s, h, number, values);
}
