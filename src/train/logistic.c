/* logistic.c – see logistic.h. */
#include "train/logistic.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define MEMORY 12          /* steps L-BFGS looks back on */
#define STEPS_MOST 2000
#define ENOUGH 1e-7        /* norm of the gradient, of a loss of order 1 */
#define RARE 1e-3          /* of the widest deviation: a feature that hardly ever moves is not blown up to the size of the others */
#define COLUMNS 64         /* of the gradient a thread sums at a time */

typedef struct solver {
	const c5_logistic *l;
	size_t many;           /* unknowns: classes * (d + 1), the biases last */
	float *z;              /* (n, d) */
	double *mean, *scale;  /* (d) */
	double *rest;          /* (n, classes) weight * (answer - target) */
	double *each;          /* (n) weighted loss */
	double total;          /* of the weights */
	double penalty;
} solver;

static double weight_of(const c5_logistic *l, size_t i) { return l->weight ? (double)l->weight[i] : 1; }

/* ---- features in units of their deviation ---- */

static int scale_features(solver *s)
{
	const c5_logistic *l = s->l;
	double widest = 0, side = sqrt((double)l->d);
	for (size_t i = 0; i < l->n; i++)
		for (size_t j = 0; j < l->d; j++) s->mean[j] += (double)l->x[i * l->d + j];
	for (size_t j = 0; j < l->d; j++) s->mean[j] /= (double)l->n;
	for (size_t i = 0; i < l->n; i++)
		for (size_t j = 0; j < l->d; j++) {
			double v = (double)l->x[i * l->d + j] - s->mean[j];
			s->scale[j] += v * v;
		}
	for (size_t j = 0; j < l->d; j++) {
		s->scale[j] = sqrt(s->scale[j] / (double)l->n);
		if (!isfinite(s->scale[j])) return c5_fail(C5_EINPUT, "feature %zu of %zu is no number for some of the crops", j + 1, l->d);
		widest = fmax(widest, s->scale[j]);
	}
	for (size_t j = 0; j < l->d; j++) s->scale[j] = s->scale[j] > 0 ? 1 / (s->scale[j] + RARE * widest) / side : 0;
	for (size_t i = 0; i < l->n; i++)
		for (size_t j = 0; j < l->d; j++) s->z[i * l->d + j] = (float)(((double)l->x[i * l->d + j] - s->mean[j]) * s->scale[j]);
	return C5_OK;
}

/* ---- loss and gradient ---- */

/* In eight sums side by side, which the processor does at once. */
static double product(const double *w, const float *z, size_t d)
{
	double part[8] = { 0 }, sum = 0;
	size_t j = 0;
	for (; j + 8 <= d; j += 8)
		for (size_t k = 0; k < 8; k++) part[k] += w[j + k] * (double)z[j + k];
	for (; j < d; j++) sum += w[j] * (double)z[j];
	for (size_t k = 0; k < 8; k++) sum += part[k];
	return sum;
}

static void answer_row(const solver *s, const double *w, size_t i)
{
	const c5_logistic *l = s->l;
	const float *z = s->z + i * l->d, *t = l->target + i * l->classes;
	double *p = s->rest + i * l->classes, most = -INFINITY, sum = 0, loss = 0, weight = weight_of(l, i);
	for (size_t k = 0; k < l->classes; k++) {
		p[k] = product(w + k * l->d, z, l->d) + w[l->classes * l->d + k];
		most = fmax(most, p[k]);
	}
	for (size_t k = 0; k < l->classes; k++) sum += exp(p[k] - most);
	for (size_t k = 0; k < l->classes; k++) {
		double log_p = p[k] - most - log(sum);
		loss -= (double)t[k] * log_p;
		p[k] = weight * (exp(log_p) - (double)t[k]) / s->total;
	}
	s->each[i] = weight * loss / s->total;
}

static void gradient_columns(const solver *s, const double *w, double *g, size_t from, size_t to)
{
	const c5_logistic *l = s->l;
	for (size_t k = 0; k < l->classes; k++)
		for (size_t j = from; j < to; j++) g[k * l->d + j] = l->decay * w[k * l->d + j];
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < l->classes; k++) {
			const double r = s->rest[i * l->classes + k];
			const float *z = s->z + i * l->d;
			double *to_row = g + k * l->d;
			for (size_t j = from; j < to; j++) to_row[j] += r * (double)z[j];
		}
}

/* Rows by themselves, then columns by themselves: no sum depends on who did it. */
static double evaluate(solver *s, const double *w, double *g)
{
	const c5_logistic *l = s->l;
	const size_t blocks = (l->d + COLUMNS - 1) / COLUMNS;
	double loss = 0, square = 0;
#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < l->n; i++) answer_row(s, w, i);
#pragma omp parallel for schedule(static)
	for (size_t b = 0; b < blocks; b++) gradient_columns(s, w, g, b * COLUMNS, (b + 1) * COLUMNS < l->d ? (b + 1) * COLUMNS : l->d);
	for (size_t k = 0; k < l->classes; k++) g[l->classes * l->d + k] = 0;
	for (size_t i = 0; i < l->n; i++) {
		loss += s->each[i];
		for (size_t k = 0; k < l->classes; k++) g[l->classes * l->d + k] += s->rest[i * l->classes + k];
	}
	for (size_t j = 0; j < l->classes * l->d; j++) square += w[j] * w[j];
	s->penalty = 0.5 * l->decay * square;
	return loss + s->penalty;
}

/* ---- L-BFGS ---- */

typedef struct memory { double *moved[MEMORY], *turned[MEMORY], rho[MEMORY]; int n, at; } memory;

static double dot(const double *a, const double *b, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
	return sum;
}

/* way = - H g, H from the steps remembered (Nocedal's two loops). */
static void direction(double *way, const double *g, const memory *m, size_t n)
{
	double alpha[MEMORY];
	for (size_t i = 0; i < n; i++) way[i] = -g[i];
	for (int k = 0; k < m->n; k++) {
		int at = (m->at - 1 - k + 2 * MEMORY) % MEMORY;
		alpha[k] = m->rho[at] * dot(m->moved[at], way, n);
		for (size_t i = 0; i < n; i++) way[i] -= alpha[k] * m->turned[at][i];
	}
	if (m->n) {
		int last = (m->at - 1 + MEMORY) % MEMORY;
		double size = 1 / (m->rho[last] * dot(m->turned[last], m->turned[last], n));
		for (size_t i = 0; i < n; i++) way[i] *= size;
	}
	for (int k = m->n - 1; k >= 0; k--) {
		int at = (m->at - 1 - k + 2 * MEMORY) % MEMORY;
		double beta = m->rho[at] * dot(m->turned[at], way, n);
		for (size_t i = 0; i < n; i++) way[i] += (alpha[k] - beta) * m->moved[at][i];
	}
}

/* Remembers the step from w to next, where it shows how the loss curves. */
static void remember(memory *m, const double *w, const double *next, const double *g, const double *g_next, size_t n)
{
	double *moved = m->moved[m->at], *turned = m->turned[m->at];
	for (size_t i = 0; i < n; i++) moved[i] = next[i] - w[i], turned[i] = g_next[i] - g[i];
	double curve = dot(moved, turned, n);
	if (!(curve > 1e-18 * dot(turned, turned, n)) || !(curve > 0)) return;
	m->rho[m->at] = 1 / curve;
	m->at = (m->at + 1) % MEMORY;
	if (m->n < MEMORY) m->n++;
}

/* From w along `way` until the loss has fallen as its slope promised; false when it does so no more, at the end of what doubles can tell. */
static bool step(solver *s, double *next, double *g_next, double *loss, const double *w, const double *g, const double *way, double length)
{
	double slope = dot(g, way, s->many), before = *loss;
	for (int tries = 0; tries < 60 && slope < 0; tries++, length *= 0.5) {
		for (size_t i = 0; i < s->many; i++) next[i] = w[i] + length * way[i];
		*loss = evaluate(s, next, g_next);
		if (*loss <= before + 1e-4 * length * slope) return true;
	}
	*loss = before;
	return false;
}

/* w: from 0 to the optimum. rows: (4, many) of work. */
static void descend(solver *s, double *w, double *rows, memory *m, c5_logistic_fit *fit)
{
	size_t n = s->many;
	double *g = rows, *next = rows + n, *g_next = rows + 2 * n, *way = rows + 3 * n;
	double loss = evaluate(s, w, g);
	for (fit->steps = 0; fit->steps < STEPS_MOST; fit->steps++) {
		fit->gradient = sqrt(dot(g, g, n));
		if (fit->gradient <= ENOUGH) break;
		direction(way, g, m, n);
		if (!step(s, next, g_next, &loss, w, g, way, m->n ? 1 : 1 / fit->gradient)) {
			if (!m->n) break;
			m->n = 0; /* once more, straight down */
			continue;
		}
		remember(m, w, next, g, g_next, n);
		memcpy(w, next, n * sizeof *w);
		memcpy(g, g_next, n * sizeof *g);
	}
	loss = evaluate(s, w, g);
	fit->gradient = sqrt(dot(g, g, n));
	fit->penalty = s->penalty;
	fit->loss = loss - s->penalty;
}

/* ---- all of it ---- */

/* b + w z = (b - sum w scale mean) + (w scale) x */
static void unscale(float *w, float *b, const solver *s, const double *at)
{
	const c5_logistic *l = s->l;
	for (size_t k = 0; k < l->classes; k++) {
		double bias = at[l->classes * l->d + k];
		for (size_t j = 0; j < l->d; j++) {
			float v = (float)(at[k * l->d + j] * s->scale[j]);
			w[k * l->d + j] = v;
			bias -= (double)v * s->mean[j];
		}
		b[k] = (float)bias;
	}
}

int c5_logistic_solve(float *w, float *b, c5_logistic_fit *fit, const c5_logistic *l)
{
	solver s = { .l = l, .many = l->classes * (l->d + 1) };
	memory m = { .n = 0 };
	double *numbers = NULL;
	int err;
	*fit = (c5_logistic_fit){ 0 };
	for (size_t i = 0; i < l->n; i++) s.total += weight_of(l, i);
	if (!(s.total > 0) || !isfinite(s.total)) return c5_fail(C5_EINPUT, "no crop has a weight to learn from");
	size_t all = 2 * l->d + l->n * (l->classes + 1) + (5 + 2 * MEMORY) * s.many;
	if ((err = c5_alloc(&s.z, l->n * l->d, sizeof *s.z)) < 0 || (err = c5_alloc(&numbers, all, sizeof *numbers)) < 0) goto done;
	double *at = numbers;
	s.mean = at, at += l->d;
	s.scale = at, at += l->d;
	s.rest = at, at += l->n * l->classes;
	s.each = at, at += l->n;
	for (int k = 0; k < MEMORY; k++, at += 2 * s.many) m.moved[k] = at, m.turned[k] = at + s.many;
	if ((err = scale_features(&s)) < 0) goto done;
	descend(&s, at, at + s.many, &m, fit);
	unscale(w, b, &s, at);
done:
	free(numbers);
	free(s.z);
	return err;
}
