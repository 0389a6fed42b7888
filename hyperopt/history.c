/* history.c – see history.h. */
#include "hyperopt/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const char *const state_names[C5_TRIAL_STATES] = { "none", "running", "complete", "pruned", "failed" };

const char *c5_trial_state_name(int state) { return state >= 0 && state < C5_TRIAL_STATES ? state_names[state] : state_names[0]; }

int c5_trial_state_find(const char *name)
{
	for (int i = 0; i < C5_TRIAL_STATES; i++)
		if (strcmp(state_names[i], name) == 0) return i;
	return C5_TRIAL_NONE;
}

void c5_history_init(c5_history *h, const c5_space *space, bool maximise) { *h = (c5_history){ .space = space, .maximise = maximise }; }

void c5_history_free(c5_history *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->trials[i].values);
		free(h->trials[i].reports);
	}
	free(h->trials);
	free(h->table);
	memset(h, 0, sizeof *h);
}

/* ---- by point ---- */

static uint64_t bits_of(double v)
{
	uint64_t bits;
	if (v == 0) v = 0; /* -0 is 0 */
	if (isnan(v)) return UINT64_C(0x7ff8000000000000);
	memcpy(&bits, &v, sizeof bits);
	return bits;
}

static uint64_t hash_of(const double *values, size_t n)
{
	uint64_t h = UINT64_C(0x9e3779b97f4a7c15);
	for (size_t i = 0; i < n; i++) {
		h ^= bits_of(values[i]) + i;
		h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
		h ^= h >> 31;
	}
	return h;
}

static bool same_point(const double *a, const double *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bits_of(a[i]) != bits_of(b[i])) return false;
	return true;
}

/* Where the point is in the table, or would be. */
static size_t place_of(const c5_history *h, const double *values)
{
	size_t mask = h->table_size - 1, at = (size_t)hash_of(values, h->space->n) & mask;
	while (h->table[at] && !same_point(h->trials[h->table[at] - 1].values, values, h->space->n)) at = (at + 1) & mask;
	return at;
}

static int want_table(c5_history *h, size_t points)
{
	size_t size = h->table_size ? h->table_size : 64;
	while (size < points * 2) size *= 2;
	if (size == h->table_size) return C5_OK;
	uint32_t *table;
	int err = c5_alloc(&table, size, sizeof *table);
	if (err < 0) return err;
	free(h->table);
	h->table = table;
	h->table_size = size;
	for (size_t i = 0; i < h->n; i++) {
		if (h->trials[i].state == C5_TRIAL_NONE) continue;
		size_t at = place_of(h, h->trials[i].values);
		if (!table[at]) table[at] = (uint32_t)i + 1;
	}
	return C5_OK;
}

c5_trial *c5_history_find(const c5_history *h, const double *values)
{
	if (!h->table_size) return NULL;
	uint32_t number = h->table[place_of(h, values)];
	return number ? &h->trials[number - 1] : NULL;
}

/* ---- by number ---- */

c5_trial *c5_history_get(const c5_history *h, uint32_t number)
{
	return number && number <= h->n && h->trials[number - 1].state != C5_TRIAL_NONE ? &h->trials[number - 1] : NULL;
}

int c5_history_add(c5_history *h, uint32_t number, const double *values, const char *origin, c5_trial **out)
{
	int err;
	if (number == 0 || c5_history_get(h, number)) return c5_fail(C5_EFAIL, "trial %u: the number is taken", number);
	if ((err = c5_grow(&h->trials, &h->cap, number, sizeof *h->trials)) < 0) return err;
	c5_trial *t = &h->trials[number - 1];
	double *copy;
	if ((err = c5_alloc(&copy, h->space->n, sizeof *copy)) < 0) return err;
	memcpy(copy, values, h->space->n * sizeof *copy);
	free(t->values); /* of a trial that was taken back */
	free(t->reports);
	*t = (c5_trial){ .number = number, .values = copy, .value = NAN, .spread = NAN };
	if (number > h->n) h->n = number;
	if ((err = want_table(h, h->n + 1)) < 0) return err;
	t->state = C5_TRIAL_RUNNING;
	snprintf(t->origin, sizeof t->origin, "%s", origin);
	size_t at = place_of(h, values);
	if (!h->table[at]) h->table[at] = number;
	*out = t;
	return C5_OK;
}

int c5_trial_report(c5_trial *t, double step, double value)
{
	int err = c5_grow(&t->reports, &t->cap_reports, t->n_reports + 1, sizeof *t->reports);
	if (err == C5_OK) t->reports[t->n_reports++] = (c5_report){ step, value };
	return err;
}

uint32_t c5_history_next(const c5_history *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->trials[i].state == C5_TRIAL_NONE) return (uint32_t)i + 1;
	return (uint32_t)h->n + 1;
}

size_t c5_history_count(const c5_history *h, int state)
{
	size_t n = 0;
	for (size_t i = 0; i < h->n; i++) n += h->trials[i].state == state;
	return n;
}

/* ---- values ---- */

double c5_history_cost(const c5_history *h, double value) { return h->maximise ? -value : value; }

const c5_trial *c5_history_best(const c5_history *h)
{
	const c5_trial *best = NULL;
	for (size_t i = 0; i < h->n; i++) {
		const c5_trial *t = &h->trials[i];
		if (t->state == C5_TRIAL_COMPLETE && (!best || c5_history_cost(h, t->value) < c5_history_cost(h, best->value))) best = t;
	}
	return best;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Least, middle and greatest cost of the complete trials; false without any. */
static bool span_of(const c5_history *h, double *least, double *middle, double *most)
{
	double *costs;
	size_t n = 0;
	if (c5_alloc(&costs, h->n + 1, sizeof *costs) < 0) return false;
	for (size_t i = 0; i < h->n; i++)
		if (h->trials[i].state == C5_TRIAL_COMPLETE) costs[n++] = c5_history_cost(h, h->trials[i].value);
	if (n) {
		qsort(costs, n, sizeof *costs, by_size);
		*least = costs[0], *middle = costs[n / 2], *most = costs[n - 1];
	}
	free(costs);
	return n > 0;
}

bool c5_history_belief(const c5_history *h, const c5_trial *t, double *cost)
{
	double least, middle, most;
	if (t->state == C5_TRIAL_COMPLETE) {
		*cost = c5_history_cost(h, t->value);
		return true;
	}
	if ((t->state != C5_TRIAL_PRUNED && t->state != C5_TRIAL_FAILED) || !span_of(h, &least, &middle, &most)) return false;
	if (t->state == C5_TRIAL_FAILED) *cost = most + 0.1 * (most - least);
	else *cost = isnan(t->value) ? most : fmax(middle, c5_history_cost(h, t->value));
	return true;
}
