/* near.c – see near.h. */
#include "track/near.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NEAREST_MAX 16

static uint32_t cell_at(double at, double origin, double cell, uint32_t n)
{
	double c = floor((at - origin) / cell);
	return c < 0 ? 0 : c >= n ? n - 1 : (uint32_t)c;
}

int c5_near_open(c5_near *g, uint32_t n, const double *y, const double *x, double cell)
{
	double y1 = -INFINITY, x1 = -INFINITY;
	int err;
	*g = (c5_near){ .n = n, .y = y, .x = x, .y0 = INFINITY, .x0 = INFINITY, .rows = 1, .cols = 1, .cell = cell > 1 ? cell : 1 };
	for (uint32_t i = 0; i < n; i++) {
		g->y0 = fmin(g->y0, y[i]), g->x0 = fmin(g->x0, x[i]);
		y1 = fmax(y1, y[i]), x1 = fmax(x1, x[i]);
	}
	if (n) {
		double most = sqrt(4.0 * n + 16);
		g->cell = fmax(g->cell, fmax(y1 - g->y0, x1 - g->x0) / (4 * most));
		if ((y1 - g->y0) * (x1 - g->x0) / (g->cell * g->cell) > 4.0 * n + 16) g->cell = sqrt((y1 - g->y0) * (x1 - g->x0) / (4.0 * n + 16));
		g->rows = (uint32_t)((y1 - g->y0) / g->cell) + 1;
		g->cols = (uint32_t)((x1 - g->x0) / g->cell) + 1;
	}
	size_t cells = (size_t)g->rows * g->cols;
	if ((err = c5_alloc(&g->start, cells + 2, sizeof *g->start)) < 0 || (err = c5_alloc(&g->item, (size_t)n + 1, sizeof *g->item)) < 0 ||
	    (err = c5_alloc(&g->found, (size_t)n + 1, sizeof *g->found)) < 0) {
		c5_near_close(g);
		return err;
	}
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < n; i++) {
			size_t c = (size_t)cell_at(y[i], g->y0, g->cell, g->rows) * g->cols + cell_at(x[i], g->x0, g->cell, g->cols);
			if (pass) g->item[g->start[c + 1]++] = i;
			else g->start[c + 2]++;
		}
		for (size_t c = 2; !pass && c <= cells; c++) g->start[c] += g->start[c - 1];
	}
	return 0;
}

void c5_near_close(c5_near *g)
{
	free(g->start);
	free(g->item);
	free(g->found);
	*g = (c5_near){ 0 };
}

static int by_number(const void *a, const void *b)
{
	uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
	return (p > q) - (p < q);
}

void c5_near_ask(c5_near *g, double y, double x, double radius)
{
	g->n_found = 0;
	if (!g->n || y + radius < g->y0 || x + radius < g->x0) return;
	uint32_t r0 = cell_at(y - radius, g->y0, g->cell, g->rows), r1 = cell_at(y + radius, g->y0, g->cell, g->rows);
	uint32_t c0 = cell_at(x - radius, g->x0, g->cell, g->cols), c1 = cell_at(x + radius, g->x0, g->cell, g->cols);
	for (uint32_t r = r0; r <= r1; r++)
		for (uint32_t k = g->start[(size_t)r * g->cols + c0]; k < g->start[(size_t)r * g->cols + c1 + 1]; k++) {
			uint32_t i = g->item[k];
			double dy = g->y[i] - y, dx = g->x[i] - x;
			if (dy * dy + dx * dx <= radius * radius) g->found[g->n_found++] = i;
		}
	if (g->n_found > 24) {
		qsort(g->found, g->n_found, sizeof *g->found, by_number);
		return;
	}
	for (uint32_t k = 1; k < g->n_found; k++) { /* few: insertion */
		uint32_t i = g->found[k], at = k;
		for (; at && g->found[at - 1] > i; at--) g->found[at] = g->found[at - 1];
		g->found[at] = i;
	}
}

uint32_t c5_near_nearest(c5_near *g, uint32_t i, uint32_t k, double radius, const uint8_t *keep, uint32_t *out)
{
	double d[NEAREST_MAX];
	uint32_t n = 0;
	if (k > NEAREST_MAX) k = NEAREST_MAX;
	/* most often a small circle is enough */
	for (double r = fmin(radius, g->cell); ; r = fmin(radius, 2 * r)) {
		c5_near_ask(g, g->y[i], g->x[i], r);
		n = 0;
		for (uint32_t f = 0; f < g->n_found; f++) {
			uint32_t j = g->found[f];
			if (j == i || (keep && !keep[j])) continue;
			double dy = g->y[j] - g->y[i], dx = g->x[j] - g->x[i], dd = dy * dy + dx * dx;
			if (n == k && dd >= d[n - 1]) continue;
			uint32_t at = n < k ? n++ : n - 1;
			for (; at && d[at - 1] > dd; at--) d[at] = d[at - 1], out[at] = out[at - 1];
			d[at] = dd, out[at] = j;
		}
		if (n == k || r >= radius) return n;
	}
}

static void swap(double *a, double *b)
{
	double t = *a;
	*a = *b, *b = t;
}

double c5_median(double *v, size_t n) { return c5_quantile(v, n, 0.5); }

double c5_quantile(double *v, size_t n, double q)
{
	if (!n) return 0;
	size_t want = (size_t)((double)(n - 1) * q), lo = 0, hi = n - 1;
	while (lo < hi) { /* Hoare's selection, middle of three */
		size_t mid = lo + (hi - lo) / 2;
		if (v[mid] < v[lo]) swap(&v[mid], &v[lo]);
		if (v[hi] < v[lo]) swap(&v[hi], &v[lo]);
		if (v[hi] < v[mid]) swap(&v[hi], &v[mid]);
		double pivot = v[mid];
		size_t i = lo, j = hi;
		while (i <= j) {
			while (v[i] < pivot) i++;
			while (v[j] > pivot) j--;
			if (i <= j) {
				swap(&v[i++], &v[j]);
				if (!j) break;
				j--;
			}
		}
		if (want <= j) hi = j;
		else if (want >= i) lo = i;
		else return v[want];
	}
	return v[want];
}

int c5_near_spacing(double *out, uint32_t n, const double *y, const double *x)
{
	c5_near g = { 0 };
	double *d = NULL, y0 = INFINITY, x0 = INFINITY, y1 = -INFINITY, x1 = -INFINITY;
	int err;
	*out = 0;
	if (n < 2) return 0;
	for (uint32_t i = 0; i < n; i++) y0 = fmin(y0, y[i]), x0 = fmin(x0, x[i]), y1 = fmax(y1, y[i]), x1 = fmax(x1, x[i]);
	double side = hypot(y1 - y0, x1 - x0);
	if ((err = c5_near_open(&g, n, y, x, side / sqrt(n))) < 0 || (err = c5_alloc(&d, n, sizeof *d)) < 0) goto done;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at[NEAREST_MAX];
		d[i] = c5_near_nearest(&g, i, 1, 2 * side + 1, NULL, at) ? hypot(y[at[0]] - y[i], x[at[0]] - x[i]) : 0;
	}
	*out = c5_median(d, n);
done:
	free(d);
	c5_near_close(&g);
	return err;
}
