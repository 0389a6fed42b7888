/* maps.c – see maps.h. */
#include "measure/maps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define RADIUS 5 /* 3.5 sigma */
#define WINDOW (2 * RADIUS + 1)
#define SIGMA 1.5

static double correlation(const double *a, const double *b, size_t n)
{
	double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
	for (size_t i = 0; i < n; i++) {
		ma += a[i];
		mb += b[i];
	}
	ma /= (double)n;
	mb /= (double)n;
	for (size_t i = 0; i < n; i++) {
		double x = a[i] - ma, y = b[i] - mb;
		ab += x * y;
		aa += x * x;
		bb += y * y;
	}
	return aa > 0 && bb > 0 ? ab / sqrt(aa) / sqrt(bb) : NAN;
}

struct ranked { double v; size_t at; };

static int by_value(const void *x, const void *y)
{
	double a = ((const struct ranked *)x)->v, b = ((const struct ranked *)y)->v;
	return (a > b) - (a < b);
}

static void ranks(double *out, const double *v, size_t n, struct ranked *scratch)
{
	for (size_t i = 0; i < n; i++) scratch[i] = (struct ranked){ v[i], i };
	qsort(scratch, n, sizeof *scratch, by_value);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && scratch[end].v == scratch[i].v;) end++;
		for (size_t k = i; k < end; k++) out[scratch[k].at] = (double)(i + end - 1) / 2;
	}
}

/* Row y of the image smoothed along y, for the pixels RADIUS from the edge only: no pixel beyond it is needed. */
static void smooth(double *out, const double *in, size_t height, size_t width, const double w[WINDOW], double *line)
{
	for (size_t y = RADIUS; y + RADIUS < height; y++) {
		for (size_t x = 0; x < width; x++) {
			double sum = 0;
			for (size_t k = 0; k < WINDOW; k++) sum += w[k] * in[(y + k - RADIUS) * width + x];
			line[x] = sum;
		}
		for (size_t x = RADIUS; x + RADIUS < width; x++) {
			double sum = 0;
			for (size_t k = 0; k < WINDOW; k++) sum += w[k] * line[x + k - RADIUS];
			out[y * width + x] = sum;
		}
	}
}

enum { MEAN_A, MEAN_B, SQUARE_A, SQUARE_B, PRODUCT, SMOOTHED };

static int similarity(c5_map_agreement *out, const double *a, const double *b, size_t height, size_t width, double range)
{
	const size_t n = height * width;
	const double c1 = 0.0001 * range * range, c2 = 0.0009 * range * range, samples = WINDOW * WINDOW;
	double *m = NULL, *product = NULL, *line = NULL, w[WINDOW], sum = 0, wang = 0, sample = 0;
	int err;
	if (!(range > 0) || height < WINDOW || width < WINDOW) return C5_OK;
	if ((err = c5_alloc(&m, n * SMOOTHED, sizeof *m)) < 0 || (err = c5_alloc(&product, n, sizeof *product)) < 0 ||
	    (err = c5_alloc(&line, width, sizeof *line)) < 0)
		goto done;
	for (int k = 0; k < WINDOW; k++) sum += w[k] = exp(-0.5 * (k - RADIUS) * (k - RADIUS) / (SIGMA * SIGMA));
	for (int k = 0; k < WINDOW; k++) w[k] /= sum;
	smooth(m + MEAN_A * n, a, height, width, w, line);
	smooth(m + MEAN_B * n, b, height, width, w, line);
	for (int k = SQUARE_A; k <= PRODUCT; k++) {
		const double *x = k == SQUARE_B ? b : a, *y = k == SQUARE_A ? a : b;
		for (size_t i = 0; i < n; i++) product[i] = x[i] * y[i];
		smooth(m + (size_t)k * n, product, height, width, w, line);
	}
	for (size_t y = RADIUS; y + RADIUS < height; y++)
		for (size_t x = RADIUS; x + RADIUS < width; x++) {
			const size_t i = y * width + x;
			double ma = m[i], mb = m[MEAN_B * n + i], va = m[SQUARE_A * n + i] - ma * ma, vb = m[SQUARE_B * n + i] - mb * mb, v = m[PRODUCT * n + i] - ma * mb;
			double level = (2 * ma * mb + c1) / (ma * ma + mb * mb + c1), more = samples / (samples - 1);
			wang += level * (2 * v + c2) / (va + vb + c2);
			sample += level * (2 * more * v + c2) / (more * (va + vb) + c2);
		}
	double count = (double)((height - 2 * RADIUS) * (width - 2 * RADIUS));
	out->ssim_wang = wang / count;
	out->ssim = sample / count;
done:
	free(m);
	free(product);
	free(line);
	return err;
}

int c5_map_compare(c5_map_agreement *out, const double *a, const double *b, size_t height, size_t width, double range)
{
	const size_t n = height * width;
	struct ranked *scratch = NULL;
	double *ra = NULL, *rb = NULL, absolute = 0, square = 0;
	int err;
	*out = (c5_map_agreement){ NAN, NAN, NAN, NAN, NAN, NAN, NAN };
	if (!n) return C5_OK;
	if ((err = c5_alloc(&scratch, n, sizeof *scratch)) < 0 || (err = c5_alloc(&ra, n, sizeof *ra)) < 0 || (err = c5_alloc(&rb, n, sizeof *rb)) < 0)
		goto done;
	out->pearson = correlation(a, b, n);
	ranks(ra, a, n, scratch);
	ranks(rb, b, n, scratch);
	out->spearman = correlation(ra, rb, n);
	for (size_t i = 0; i < n; i++) {
		absolute += fabs(a[i] - b[i]);
		square += (a[i] - b[i]) * (a[i] - b[i]);
	}
	out->mae = absolute / (double)n;
	out->rmse = sqrt(square / (double)n);
	if (range > 0) out->psnr = square > 0 ? 10 * log10(range * range * (double)n / square) : INFINITY;
	err = similarity(out, a, b, height, width, range);
done:
	free(scratch);
	free(ra);
	free(rb);
	return err;
}
