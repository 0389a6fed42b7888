/* profile.c – see profile.h. */
#include "identify/profile.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define N C5_PROFILE_FEATURES
#define LEVELS C5_PROFILE_LEVELS
#define COMMON 6      /* magnifications that must be in common */
#define FEWER 3.0     /* likeness taken off, over the number in common: what few agree on may be chance */
#define FARTHEST 16   /* steps: 4 octaves */
#define BETWEEN 0.3   /* share of the rows' covariance, brought to the size of the tiles' */

/* Of the mean variance. How much whitening is right differs from source to source: likeness is the mean over all. */
static const double ridges[] = { 0.1, 0.3, 1, 3 };

_Static_assert(sizeof(c5_profile) == C5_PROFILE_NUMBERS * sizeof(float), "a profile is its numbers");

void c5_profile_tile(c5_profile_tiles *t, const float feature[N])
{
	double *product = t->product;
	t->n++;
	for (int i = 0; i < N; i++) {
		t->sum[i] += (double)feature[i];
		for (int k = 0; k <= i; k++) *product++ += (double)feature[i] * (double)feature[k];
	}
}

void c5_profile_level(c5_profile *p, int level, const c5_profile_tiles *t)
{
	double spread = 0, freedom = (double)p->freedom + t->n - 1;
	if (t->n < 1) return;
	p->level[level].tiles = (float)t->n;
	for (int i = 0, at = 0; i < N; i++) {
		p->level[level].feature[i] = (float)(t->sum[i] / t->n);
		for (int k = 0; k <= i; k++, at++) {
			double scatter = t->product[at] - t->sum[i] * t->sum[k] / t->n;
			if (k == i) spread += fmax(0, scatter) / t->n;
			if (t->n > 1) p->covariance[at] = (float)(((double)p->covariance[at] * (double)p->freedom + scatter) / freedom);
		}
	}
	p->level[level].spread = (float)spread;
	p->freedom = (float)freedom;
}

void c5_profile_add(c5_profile *sum, const c5_profile *p)
{
	for (int l = 0; l < LEVELS; l++) {
		if (p->level[l].tiles <= 0) continue;
		float n = sum->level[l].tiles += 1, apart = 0;
		for (int k = 0; k < N; k++) {
			float d = p->level[l].feature[k] - sum->level[l].feature[k];
			sum->level[l].feature[k] += d / n, apart += d * d;
		}
		sum->level[l].spread += (p->level[l].spread - sum->level[l].spread) / n + apart * (n - 1) / (n * n);
	}
	if (p->freedom <= 0) return;
	float share = p->freedom / (sum->freedom += p->freedom);
	for (int k = 0; k < C5_PROFILE_PAIRS; k++) sum->covariance[k] += share * (p->covariance[k] - sum->covariance[k]);
}

/* Rows of both profiles, so long that the product of two is the mean cosine of their tiles. */
typedef struct rows { double row[2][LEVELS][N]; bool seen[2][LEVELS]; } rows;
typedef double square[N][N];

/* Lower triangle of `c` becomes its Cholesky factor; c is positive definite by its ridge. */
static void factor(square c)
{
	for (int j = 0; j < N; j++)
		for (int i = j; i < N; i++) {
			double sum = c[i][j];
			for (int k = 0; k < j; k++) sum -= c[i][k] * c[j][k];
			c[i][j] = i == j ? sqrt(fmax(sum, 1e-30)) : sum / c[j][j];
		}
}

/* v becomes L^-1 v. */
static void forward(square l, double *v)
{
	for (int i = 0; i < N; i++) {
		double sum = v[i];
		for (int k = 0; k < i; k++) sum -= l[i][k] * v[k];
		v[i] = sum / l[i][i];
	}
}

static double trace(square c)
{
	double sum = 0;
	for (int k = 0; k < N; k++) sum += c[k][k];
	return sum;
}

/* Mean covariance of the tiles of both, as far as known, all of it: 0 where no magnification has two tiles. */
static void within(square c, const c5_profile *const both[2])
{
	int known = (both[0]->freedom > 0) + (both[1]->freedom > 0);
	memset(c, 0, sizeof(square));
	for (int s = 0; s < 2; s++)
		for (int i = 0, at = 0; i < N && both[s]->freedom > 0; i++)
			for (int k = 0; k <= i; k++, at++) c[i][k] = c[k][i] += (double)both[s]->covariance[at] / known;
}

/* Takes the common mean off the rows and makes the lower triangle of their covariance. */
static void between(square c, rows *r, const c5_profile *const both[2])
{
	double mean[N] = { 0 };
	int n = 0;
	memset(c, 0, sizeof(square));
	for (int s = 0; s < 2; s++)
		for (int l = 0; l < LEVELS; l++) {
			if (!(r->seen[s][l] = both[s]->level[l].tiles > 0)) continue;
			n++;
			for (int k = 0; k < N; k++) mean[k] += r->row[s][l][k] = (double)both[s]->level[l].feature[k];
		}
	for (int k = 0; k < N; k++) mean[k] /= n ? n : 1;
	for (int s = 0; s < 2; s++)
		for (int l = 0; l < LEVELS; l++) {
			if (!r->seen[s][l]) continue;
			for (int k = 0; k < N; k++) r->row[s][l][k] -= mean[k];
			for (int i = 0; i < N; i++)
				for (int k = 0; k <= i; k++) c[i][k] += r->row[s][l][i] * r->row[s][l][k] / n;
		}
}

/* What a spread of 1 is after whitening by the factor l: the trace of C^-1 W over that of W. */
static double stretched(square l, square w)
{
	double sum = 0, whole = trace(w);
	for (int k = 0; k < N && whole > 0; k++) {
		double unit[N] = { 0 }, column[N];
		unit[k] = 1;
		memcpy(column, w[k], sizeof column);
		forward(l, unit);
		forward(l, column);
		for (int i = k; i < N; i++) sum += unit[i] * column[i] / whole;
	}
	return sum;
}

/* False: nothing varies. */
static bool prepare(rows *r, const c5_profile *a, const c5_profile *b, double ridge)
{
	static _Thread_local square tiles, c;
	const c5_profile *const both[2] = { a, b };
	within(tiles, both);
	between(c, r, both);
	double of_rows = trace(c), of_tiles = trace(tiles), share = of_tiles > 0 ? BETWEEN * of_tiles / of_rows : 1;
	if (!(of_rows > 0)) return false;
	for (int i = 0; i < N; i++)
		for (int k = 0; k <= i; k++) c[i][k] = tiles[i][k] + share * c[i][k];
	double added = ridge * trace(c) / N;
	for (int k = 0; k < N; k++) c[k][k] += added;
	factor(c);
	double stretch = stretched(c, tiles);
	for (int s = 0; s < 2; s++)
		for (int l = 0; l < LEVELS; l++) {
			double square_length = 1e-12 + stretch * (double)both[s]->level[l].spread;
			if (!r->seen[s][l]) continue;
			forward(c, r->row[s][l]);
			for (int k = 0; k < N; k++) square_length += r->row[s][l][k] * r->row[s][l][k];
			for (int k = 0; k < N; k++) r->row[s][l][k] /= sqrt(square_length);
		}
	return true;
}

/* How alike rows `shift` steps apart are; NAN: too few in common. */
static double likeness(const rows *r, int shift)
{
	double sum = 0;
	int n = 0;
	for (int l = 0; l < LEVELS; l++) {
		int o = l + shift;
		if (o < 0 || o >= LEVELS || !r->seen[0][l] || !r->seen[1][o]) continue;
		for (int k = 0; k < N; k++) sum += r->row[0][l][k] * r->row[1][o][k];
		n++;
	}
	return n < COMMON ? (double)NAN : (sum - FEWER) / n;
}

double c5_profile_ratio(const c5_profile *reference, const c5_profile *p)
{
	static _Thread_local rows r;
	double c[2 * FARTHEST + 1] = { 0 }, off = 0;
	int top = -1;
	for (size_t k = 0; k < sizeof ridges / sizeof *ridges; k++) {
		if (!prepare(&r, reference, p, ridges[k])) return NAN;
		for (int s = 0; s <= 2 * FARTHEST; s++) c[s] += likeness(&r, s - FARTHEST);
	}
	for (int s = 0; s <= 2 * FARTHEST; s++)
		if (isfinite(c[s]) && (top < 0 || c[s] > c[top])) top = s;
	if (top < 0) return NAN;
	if (top > 0 && top < 2 * FARTHEST && isfinite(c[top - 1]) && isfinite(c[top + 1])) { /* the crest of a parabola through three steps */
		double bend = c[top - 1] - 2 * c[top] + c[top + 1];
		if (bend < 0) off = 0.5 * (c[top - 1] - c[top + 1]) / bend;
	}
	return exp2(0.25 * (top - FARTHEST + off));
}
