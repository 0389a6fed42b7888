/* field.c – see field.h. Sums run in the order of points. */
#include "track/field.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "track/near.h"

#define LEAST 3            /* linked points for a common shift ... */
#define LEAST_AFFINE 8     /* ... and for an affine motion */
#define NEIGHBOURS 8
#define LEAST_NEIGHBOURS 4
#define ROUNDS 4           /* of down-weighting those that move otherwise */

typedef struct affine { double cy, cx, t[2], m[2][2]; } affine; /* displacement (t + m (p - c)) */

static void affine_at(const affine *a, double y, double x, double *dy, double *dx)
{
	*dy = a->t[0] + a->m[0][0] * (y - a->cy) + a->m[0][1] * (x - a->cx);
	*dx = a->t[1] + a->m[1][0] * (y - a->cy) + a->m[1][1] * (x - a->cx);
}

/* Weighted least squares; the linear part is held towards 0 as if by LEAST_AFFINE points that do not stretch, or is 0. */
static void affine_fit(affine *a, bool shift_only, uint32_t n, const double *y, const double *x, const double *dy, const double *dx, const double *w)
{
	double sum = 0, sy = 0, sx = 0, ty = 0, tx = 0, yy = 0, yx = 0, xx = 0, b[2][2] = { { 0 } };
	for (uint32_t i = 0; i < n; i++) sum += w[i], sy += w[i] * y[i], sx += w[i] * x[i], ty += w[i] * dy[i], tx += w[i] * dx[i];
	memset(a, 0, sizeof *a);
	if (!(sum > 0)) return;
	a->cy = sy / sum, a->cx = sx / sum, a->t[0] = ty / sum, a->t[1] = tx / sum;
	if (shift_only) return;
	for (uint32_t i = 0; i < n; i++) {
		double py = y[i] - a->cy, px = x[i] - a->cx, qy = dy[i] - a->t[0], qx = dx[i] - a->t[1];
		yy += w[i] * py * py, yx += w[i] * py * px, xx += w[i] * px * px;
		b[0][0] += w[i] * qy * py, b[0][1] += w[i] * qy * px, b[1][0] += w[i] * qx * py, b[1][1] += w[i] * qx * px;
	}
	double hold = LEAST_AFFINE * (yy + xx) / (2 * sum) + 1e-9;
	yy += hold, xx += hold;
	double det = yy * xx - yx * yx;
	for (int k = 0; det > 0 && k < 2; k++) {
		a->m[k][0] = (b[k][0] * xx - b[k][1] * yx) / det;
		a->m[k][1] = (b[k][1] * yy - b[k][0] * yx) / det;
	}
}

/* The share of v that is worth adding to u, in the least squares sense, 0..1; far-off points count little. */
static double worth(uint32_t n, const uint8_t *moved, const double *uy, const double *ux, const double *vy, const double *vx, double scale2)
{
	double uv = 0, vv = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!moved[i]) continue;
		double w = 1 / (1 + (uy[i] * uy[i] + ux[i] * ux[i]) / (9 * scale2));
		uv += w * (uy[i] * vy[i] + ux[i] * vx[i]), vv += w * (vy[i] * vy[i] + vx[i] * vx[i]);
	}
	return vv > 0 ? fmin(1, fmax(0, uv / vv)) : 0;
}

/* How much of a fit with so many parameters is more than chance would explain of unrelated motions, 0..1. */
static double beyond_chance(uint32_t n, const double *w, const double *fy, const double *fx, const double *ry, const double *rx, double parameters)
{
	double fitted = 0, rest = 0, sum = 0;
	for (uint32_t i = 0; i < n; i++) sum += w[i], fitted += w[i] * (fy[i] * fy[i] + fx[i] * fx[i]), rest += w[i] * (ry[i] * ry[i] + rx[i] * rx[i]);
	double freedom = 2 * sum - parameters;
	if (!(fitted > 0) || freedom <= 0) return 0;
	return fmax(0, 1 - parameters * rest / freedom / fitted);
}

int c5_field_fit(double *fy, double *fx, uint32_t n, const double *y, const double *x, const double *dy, const double *dx, const uint8_t *moved,
	double neighbourhood)
{
	double *w = NULL, *v = NULL, *ry = NULL, *rx = NULL, *my = NULL, *mx = NULL, scale2 = 1e-6;
	c5_near near = { 0 };
	affine a;
	uint32_t linked = 0;
	int err;
	memset(fy, 0, n * sizeof *fy);
	memset(fx, 0, n * sizeof *fx);
	for (uint32_t i = 0; i < n; i++) linked += moved[i] != 0;
	if (linked < LEAST) return 0;
	if ((err = c5_alloc(&w, n, sizeof *w)) < 0 || (err = c5_alloc(&v, n, sizeof *v)) < 0 || (err = c5_alloc(&ry, n, sizeof *ry)) < 0 ||
	    (err = c5_alloc(&rx, n, sizeof *rx)) < 0 || (err = c5_alloc(&my, n, sizeof *my)) < 0 || (err = c5_alloc(&mx, n, sizeof *mx)) < 0)
		goto done;
	for (uint32_t i = 0; i < n; i++) w[i] = moved[i] ? 1 : 0;
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t k = 0;
		affine_fit(&a, linked < LEAST_AFFINE, n, y, x, dy, dx, w);
		for (uint32_t i = 0; i < n; i++) {
			affine_at(&a, y[i], x[i], &fy[i], &fx[i]);
			ry[i] = moved[i] ? dy[i] - fy[i] : 0, rx[i] = moved[i] ? dx[i] - fx[i] : 0;
			if (moved[i]) v[k++] = ry[i] * ry[i] + rx[i] * rx[i];
		}
		scale2 = c5_median(v, k) + 1e-6;
		for (uint32_t i = 0; i < n; i++)
			if (moved[i]) w[i] = 1 / (1 + (ry[i] * ry[i] + rx[i] * rx[i]) / (4 * scale2));
	}
	double share = beyond_chance(n, w, fy, fx, ry, rx, linked < LEAST_AFFINE ? 2 : 6);
	for (uint32_t i = 0; i < n; i++) {
		fy[i] *= share, fx[i] *= share;
		ry[i] = moved[i] ? dy[i] - fy[i] : 0, rx[i] = moved[i] ? dx[i] - fx[i] : 0;
	}
	if ((err = c5_near_open(&near, n, y, x, neighbourhood)) < 0) goto done;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at[NEIGHBOURS], k = c5_near_nearest(&near, i, NEIGHBOURS, 2 * neighbourhood, moved, at);
		double a_y[NEIGHBOURS], a_x[NEIGHBOURS];
		my[i] = mx[i] = 0;
		if (k < LEAST_NEIGHBOURS) continue;
		for (uint32_t j = 0; j < k; j++) a_y[j] = ry[at[j]], a_x[j] = rx[at[j]];
		my[i] = c5_median(a_y, k), mx[i] = c5_median(a_x, k);
	}
	share = worth(n, moved, ry, rx, my, mx, scale2);
	for (uint32_t i = 0; i < n; i++) fy[i] += share * my[i], fx[i] += share * mx[i];
done:
	free(w);
	free(v);
	free(ry);
	free(rx);
	free(my);
	free(mx);
	c5_near_close(&near);
	return err;
}
