/* stopping.c – see stopping.h. */
#include "hyperopt/stopping.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

const c5_opt c5_stopping_opts[] = {
	{ "method", C5_OPT_CHOICE, offsetof(c5_stopping, method), "none", 0, 0, NULL, "none|median|halving", "how bad trials are known" },
	{ "after", C5_OPT_INT, offsetof(c5_stopping, after), "5", 1, 1e6, NULL, NULL, "median: trials that must have ended before" },
	{ "warm-up", C5_OPT_REAL, offsetof(c5_stopping, warm_up), "0", 0, 1e12, NULL, NULL, "no trial ends before this step" },
	{ "first", C5_OPT_REAL, offsetof(c5_stopping, first), "1", 1e-9, 1e12, NULL, NULL, "halving: the first step looked at" },
	{ "factor", C5_OPT_REAL, offsetof(c5_stopping, factor), "3", 1.1, 100, NULL, NULL, "halving: one of so many goes on; the next step looked at" },
	{ 0 },
};

/* The least cost reported up to a step; INFINITY without any. */
static double best_by(const c5_history *h, const c5_trial *t, double step)
{
	double best = INFINITY;
	for (size_t i = 0; i < t->n_reports && t->reports[i].step <= step; i++) {
		double cost = c5_history_cost(h, t->reports[i].value);
		if (!isnan(cost)) best = fmin(best, cost);
	}
	return best;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static bool median_says(const c5_stopping *s, const c5_history *h, const c5_trial *t, double *costs)
{
	double step = t->reports[t->n_reports - 1].step;
	size_t n = 0, ended = 0;
	for (size_t i = 0; i < h->n; i++) {
		const c5_trial *other = &h->trials[i];
		if (other == t || (other->state != C5_TRIAL_COMPLETE && other->state != C5_TRIAL_PRUNED)) continue;
		ended++;
		double best = best_by(h, other, step);
		/* One that was ended before this step was no better than the middle there. */
		if (isfinite(best)) costs[n++] = best;
	}
	if (ended < (size_t)s->after || n == 0) return false;
	qsort(costs, n, sizeof *costs, by_size);
	double middle = n % 2 ? costs[n / 2] : 0.5 * (costs[n / 2 - 1] + costs[n / 2]);
	return best_by(h, t, step) > middle;
}

/* The report with which a trial reached a step; NULL: it did not come so far. */
static const c5_report *report_at(const c5_trial *t, double step)
{
	for (size_t i = 0; i < t->n_reports; i++)
		if (t->reports[i].step >= step) return &t->reports[i];
	return NULL;
}

static bool halving_says(const c5_stopping *s, const c5_history *h, const c5_trial *t, double *costs)
{
	const c5_report *last = &t->reports[t->n_reports - 1];
	double rung = s->first;
	while (rung * s->factor <= last->step) rung *= s->factor;
	if (rung > last->step || report_at(t, rung) != last) return false; /* not just come to a rung */
	size_t n = 0;
	for (size_t i = 0; i < h->n; i++) {
		const c5_report *r = h->trials[i].state == C5_TRIAL_NONE ? NULL : report_at(&h->trials[i], rung);
		if (r && !isnan(r->value)) costs[n++] = c5_history_cost(h, r->value);
	}
	if (n < (size_t)s->factor) return false; /* the first ones have nobody to be held against */
	qsort(costs, n, sizeof *costs, by_size);
	size_t go_on = (size_t)fmax(1, floor((double)n / s->factor));
	return !(c5_history_cost(h, last->value) <= costs[go_on - 1]);
}

bool c5_stopping_says(const c5_stopping *s, const c5_history *h, const c5_trial *t)
{
	double *costs;
	if (!s->method || strcmp(s->method, "none") == 0 || t->n_reports == 0 || t->reports[t->n_reports - 1].step < s->warm_up) return false;
	if (isnan(t->reports[t->n_reports - 1].value)) return true; /* it goes nowhere */
	if (c5_alloc(&costs, h->n + 1, sizeof *costs) < 0) return false;
	bool says = strcmp(s->method, "median") == 0 ? median_says(s, h, t, costs) : halving_says(s, h, t, costs);
	free(costs);
	return says;
}
