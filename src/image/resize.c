/* resize.c – see resize.h. Smoothing and interpolation along an axis are one weighted sum: the weights of each output pixel are worked out once, then
 * rows are resized and after them columns. */
#include "image/resize.h"

#include <math.h>
#include <string.h>

#include "base/cpus.h"

#define ALONE 100000 /* pixels from which threads pay */

/* Weights along one axis: output i is the sum over k < taps of weight[i * taps + k] * input[mirrored(first[i] + k)]. */
typedef struct axis { size_t to, from, taps; float *weight; ptrdiff_t *first; } axis;

static double sigma_of(size_t to, size_t from)
{
	const double factor = (double)from / (double)to;
	return factor > 1 ? (factor - 1) / 2 : 0;
}

static size_t radius_of(size_t to, size_t from) { return (size_t)(4 * sigma_of(to, from) + 0.5); }

/* Two neighbours, each with its window of smoothing. */
static size_t taps_of(size_t to, size_t from) { return 2 * radius_of(to, from) + 2; }

static size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

static size_t axis_bytes(size_t to, size_t from) { return padded(to * sizeof(ptrdiff_t)) + padded(to * taps_of(to, from) * sizeof(float)); }

size_t c5_image_resize_bytes(size_t to_height, size_t to_width, size_t height, size_t width)
{
	const size_t a = axis_bytes(to_width, width), b = axis_bytes(to_height, height);
	return padded(height * to_width * sizeof(float)) + (a > b ? a : b);
}

static size_t mirrored(ptrdiff_t i, size_t n)
{
	const ptrdiff_t period = 2 * (ptrdiff_t)n - 2;
	if (n == 1) return 0;
	i %= period;
	if (i < 0) i += period;
	return (size_t)(i < (ptrdiff_t)n ? i : period - i);
}

static axis axis_make(size_t to, size_t from, void *scratch)
{
	axis a = { to, from, taps_of(to, from), NULL, scratch };
	const double sigma = sigma_of(to, from), factor = (double)from / (double)to;
	const size_t radius = radius_of(to, from);
	double whole = 0;
	a.weight = (float *)(void *)((char *)scratch + padded(to * sizeof(ptrdiff_t)));
	for (size_t k = 0; k <= 2 * radius; k++) {
		const double d = (double)k - (double)radius;
		whole += sigma > 0 ? exp(-d * d / (2 * sigma * sigma)) : 1;
	}
	for (size_t i = 0; i < to; i++) {
		const double at = ((double)i + 0.5) * factor - 0.5, low = floor(at), share = at - low;
		float *w = a.weight + i * a.taps;
		a.first[i] = (ptrdiff_t)low - (ptrdiff_t)radius;
		for (size_t k = 0; k < a.taps; k++) { /* the windows of `low` and `low + 1` lie one pixel apart */
			const double d = (double)k - (double)radius, e = d - 1;
			const double one = k <= 2 * radius ? (sigma > 0 ? exp(-d * d / (2 * sigma * sigma)) : 1) : 0;
			const double two = k > 0 ? (sigma > 0 ? exp(-e * e / (2 * sigma * sigma)) : 1) : 0;
			w[k] = (float)(((1 - share) * one + share * two) / whole);
		}
	}
	return a;
}

static void row_resize(float *out, const float *in, const axis *a)
{
	for (size_t i = 0; i < a->to; i++) {
		const float *w = a->weight + i * a->taps;
		const ptrdiff_t first = a->first[i];
		float sum = 0;
		if (first >= 0 && (size_t)first + a->taps <= a->from)
			for (size_t k = 0; k < a->taps; k++) sum += w[k] * in[(size_t)first + k];
		else
			for (size_t k = 0; k < a->taps; k++) sum += w[k] * in[mirrored(first + (ptrdiff_t)k, a->from)];
		if (!isfinite(sum)) { /* once more without the neighbours that have no part in it */
			sum = 0;
			for (size_t k = 0; k < a->taps; k++)
				if (w[k] != 0) sum += w[k] * in[mirrored(first + (ptrdiff_t)k, a->from)];
		}
		out[i] = sum;
	}
}

FOR_CPUS static void row_add(float *restrict out, const float *restrict in, float w, size_t n)
{
	for (size_t x = 0; x < n; x++) out[x] += w * in[x];
}

void c5_image_resize(float *out, size_t to_height, size_t to_width, const float *in, size_t height, size_t width, void *scratch)
{
	float *rows = scratch;
	void *rest = (char *)scratch + padded(height * to_width * sizeof *rows);
	axis a;
	if (to_width == width) {
		memcpy(rows, in, height * width * sizeof *rows);
	} else {
		a = axis_make(to_width, width, rest);
#pragma omp parallel for schedule(static) if (height * width > ALONE)
		for (size_t y = 0; y < height; y++) row_resize(rows + y * to_width, in + y * width, &a);
	}
	if (to_height == height) {
		memcpy(out, rows, height * to_width * sizeof *rows);
		return;
	}
	a = axis_make(to_height, height, rest);
#pragma omp parallel for schedule(static) if (to_height * to_width > ALONE)
	for (size_t y = 0; y < to_height; y++) {
		float *to = out + y * to_width;
		memset(to, 0, to_width * sizeof *to);
		for (size_t k = 0; k < a.taps; k++) {
			const float w = a.weight[y * a.taps + k];
			if (w != 0) row_add(to, rows + mirrored(a.first[y] + (ptrdiff_t)k, height) * to_width, w, to_width);
		}
	}
}

void c5_image_resize_labels(uint32_t *out, size_t to_height, size_t to_width, const uint32_t *in, size_t height, size_t width)
{
	for (size_t y = 0; y < to_height; y++) {
		const uint32_t *row = in + (2 * y + 1) * height / (2 * to_height) * width;
		for (size_t x = 0; x < to_width; x++) out[y * to_width + x] = row[(2 * x + 1) * width / (2 * to_width)];
	}
}
