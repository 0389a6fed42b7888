/* profile.c – see profile.h. */
#include "identify/profile.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define N C5_PROFILE_FEATURES
#define LEVELS C5_PROFILE_LEVELS
#define COMMON 8      /* magnifications that must be in common */
#define COMMON_FEW 6  /* the same where a small picture has few: up to FEW */
#define FEW 11
#define FARTHEST 16   /* steps: 4 octaves */
#define RIDGE 0.5     /* of the mean variance */

void c5_profile_add(c5_profile *sum, const c5_profile *p)
{
	for (int l = 0; l < LEVELS; l++) {
		if (p->level[l].tiles <= 0) continue;
		float n = sum->level[l].tiles += 1;
		for (int k = 0; k < N; k++) sum->level[l].feature[k] += (p->level[l].feature[k] - sum->level[l].feature[k]) / n;
	}
}

typedef struct white { double rows[2][LEVELS][N]; bool seen[2][LEVELS]; int common; } white;

/* Lower triangle of `c` becomes its Cholesky factor; c is positive definite by its ridge. */
static void factor(double c[N][N])
{
	for (int j = 0; j < N; j++)
		for (int i = j; i < N; i++) {
			double sum = c[i][j];
			for (int k = 0; k < j; k++) sum -= c[i][k] * c[j][k];
			c[i][j] = i == j ? sqrt(fmax(sum, 1e-30)) : sum / c[j][j];
		}
}

/* Rows of both without their common mean, divided by the factor of their covariance. False: nothing varies. */
static bool whiten(white *w, const c5_profile *a, const c5_profile *b)
{
	const c5_profile *both[2] = { a, b };
	static _Thread_local double cov[N][N];
	double mean[N] = { 0 }, trace = 0;
	int rows = 0, own[2] = { 0 };
	memset(cov, 0, sizeof cov);
	for (int s = 0; s < 2; s++)
		for (int l = 0; l < LEVELS; l++) {
			w->seen[s][l] = both[s]->level[l].tiles > 0;
			if (!w->seen[s][l]) continue;
			rows++, own[s]++;
			for (int k = 0; k < N; k++) mean[k] += w->rows[s][l][k] = (double)both[s]->level[l].feature[k];
		}
	w->common = own[0] > FEW && own[1] > FEW ? COMMON : COMMON_FEW;
	for (int k = 0; k < N; k++) mean[k] /= rows ? rows : 1;
	for (int s = 0; s < 2; s++)
		for (int l = 0; l < LEVELS; l++) {
			if (!w->seen[s][l]) continue;
			for (int k = 0; k < N; k++) w->rows[s][l][k] -= mean[k];
			for (int i = 0; i < N; i++)
				for (int j = 0; j <= i; j++) cov[i][j] += w->rows[s][l][i] * w->rows[s][l][j] / rows;
		}
	for (int k = 0; k < N; k++) trace += cov[k][k];
	if (!(trace > 0)) return false;
	for (int k = 0; k < N; k++) cov[k][k] += RIDGE * trace / N;
	factor(cov);
	for (int s = 0; s < 2; s++)
		for (int l = 0; l < LEVELS; l++)
			for (int i = 0; w->seen[s][l] && i < N; i++) {
				double sum = w->rows[s][l][i];
				for (int k = 0; k < i; k++) sum -= cov[i][k] * w->rows[s][l][k];
				w->rows[s][l][i] = sum / cov[i][i];
			}
	return true;
}

/* Mean cosine of rows `shift` steps apart; those that differ from the mean say more, and count by the root of it. NAN: too few in common. */
static double likeness(const white *w, int shift)
{
	double sum = 0, weight = 0;
	int n = 0;
	for (int l = 0; l < LEVELS; l++) {
		int o = l + shift;
		if (o < 0 || o >= LEVELS || !w->seen[0][l] || !w->seen[1][o]) continue;
		double ab = 0, aa = 0, bb = 0;
		for (int k = 0; k < N; k++)
			ab += w->rows[0][l][k] * w->rows[1][o][k], aa += w->rows[0][l][k] * w->rows[0][l][k], bb += w->rows[1][o][k] * w->rows[1][o][k];
		double both = sqrt(aa * bb + 1e-12), counts = sqrt(both);
		sum += counts * ab / both, weight += counts, n++;
	}
	return n < w->common ? (double)NAN : sum / weight;
}

double c5_profile_ratio(const c5_profile *reference, const c5_profile *p, double *alike)
{
	white w;
	double c[2 * FARTHEST + 1], off = 0;
	int top = -1;
	if (alike) *alike = 0;
	if (!whiten(&w, reference, p)) return NAN;
	for (int s = 0; s <= 2 * FARTHEST; s++) {
		c[s] = likeness(&w, s - FARTHEST);
		if (isfinite(c[s]) && (top < 0 || c[s] > c[top])) top = s;
	}
	if (top < 0) return NAN;
	if (alike) *alike = fmax(0, c[top]);
	if (top > 0 && top < 2 * FARTHEST && isfinite(c[top - 1]) && isfinite(c[top + 1])) { /* the crest of a parabola through three steps */
		double bend = c[top - 1] - 2 * c[top] + c[top + 1];
		if (bend < 0) off = 0.5 * (c[top - 1] - c[top + 1]) / bend;
	}
	return exp2(0.25 * (top - FARTHEST + off));
}
