/* contrast.c – see contrast.h. The equalisation repeats scikit-image's arithmetic step by step, whole numbers where that has whole numbers. */
#include "image/contrast.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"
#include "image/keys.h"
#include "image/threshold.h"

#define GREYS 16384
#define BINS 256
#define PER_BIN (1 + GREYS / BINS) /* grey values a bin */

/* ---- between percentiles ---- */

static inline __attribute__((always_inline)) void stretch(float *out, int dtype, const void *pixels, size_t n, double lo, double span)
{
	for (size_t i = 0; i < n; i++) {
		const double v = (c5_key_value(dtype, c5_key_at(dtype, pixels, i)) - lo) / span;
		out[i] = v > 0 ? v < 1 ? (float)v : 1 : 0; /* NaN is not above 0 */
	}
}

int c5_contrast_stretch(float *out, int dtype, const void *pixels, size_t n, double low, double high)
{
	uint32_t *counts = NULL;
	double lo, hi;
	int err;
	if ((err = c5_alloc(&counts, C5_THRESHOLD_BYTES, 1)) < 0) return err;
	if ((err = c5_threshold_percentile(dtype, pixels, n, low, counts, &lo)) < 0 ||
	    (err = c5_threshold_percentile(dtype, pixels, n, high, counts, &hi)) < 0)
		goto done;
	if (!(hi > lo)) {
		memset(out, 0, n * sizeof *out);
		goto done;
	}
	switch (dtype) { /* the loops know their types */
	case C5_U8: stretch(out, C5_U8, pixels, n, lo, hi - lo); break;
	case C5_U16: stretch(out, C5_U16, pixels, n, lo, hi - lo); break;
	case C5_F32: stretch(out, C5_F32, pixels, n, lo, hi - lo); break;
	default: stretch(out, dtype, pixels, n, lo, hi - lo); break;
	}
done:
	free(counts);
	return err;
}

/* ---- CLAHE ---- */

typedef struct tiling {
	size_t height, width, ky, kx;  /* frame; tile */
	size_t rows, cols;             /* tiles */
	uint8_t *bin;                  /* (H, W) */
	uint16_t *map;                 /* (rows, cols, BINS) grey values */
} tiling;

/* The i-th pixel with the frame mirrored about the middle of its edge pixels. */
static size_t mirrored(size_t i, size_t n)
{
	if (n < 2) return 0;
	i %= 2 * (n - 1);
	return i < n ? i : 2 * (n - 1) - i;
}

/* Counts above `limit` are cut and what is cut off is dealt out: evenly, then one each in turns to those below the limit. */
static void clip_counts(int64_t *counts, int64_t limit)
{
	int64_t excess = 0, high = 0;
	for (int i = 0; i < BINS; i++)
		if (counts[i] > limit) excess += counts[i] - limit, counts[i] = limit;
	const int64_t each = excess / BINS, upper = limit - each;
	for (int i = 0; i < BINS; i++) {
		if (counts[i] < upper) counts[i] += each, excess -= each;
		else if (counts[i] < limit) high += counts[i] - limit, counts[i] = limit;
	}
	excess += high;
	while (excess > 0) {
		const int64_t before = excess;
		for (int first = 0; first < BINS && excess > 0; first++) {
			int64_t under = 0;
			for (int i = 0; i < BINS; i++) under += counts[i] < limit;
			const int64_t step = under / excess > 1 ? under / excess : 1;
			for (int64_t i = first; i < BINS; i += step)
				if (counts[i] < limit) counts[i]++, excess--;
		}
		if (excess == before) return;
	}
}

static void map_tile(const tiling *t, size_t row, size_t col, double clip)
{
	const size_t pixels = t->ky * t->kx;
	const int64_t limit = clip > 0 ? clip * (double)pixels > 1 ? (int64_t)(clip * (double)pixels) : 1 : (int64_t)pixels;
	const double share = (double)(GREYS - 1) / (double)pixels;
	int64_t counts[BINS] = { 0 }, sum = 0;
	uint16_t *map = t->map + (row * t->cols + col) * BINS;
	for (size_t y = row * t->ky; y < (row + 1) * t->ky; y++)
		for (size_t x = col * t->kx; x < (col + 1) * t->kx; x++) counts[t->bin[mirrored(y, t->height) * t->width + mirrored(x, t->width)]]++;
	clip_counts(counts, limit);
	for (int i = 0; i < BINS; i++) {
		sum += counts[i];
		const double v = (double)sum * share;
		map[i] = (uint16_t)(v < GREYS - 1 ? v : GREYS - 1);
	}
}

static size_t bounded(size_t i, size_t n) { return i ? i - 1 < n ? i - 1 : n - 1 : 0; }

/* One row of the answer, in whole grey values. */
static void mix_row(float *out, const tiling *t, size_t y)
{
	const size_t py = y + t->ky / 2, row = py / t->ky;
	const double down = (double)(py % t->ky) / (double)t->ky;
	const uint16_t *up = t->map + bounded(row, t->rows) * t->cols * BINS, *low = t->map + bounded(row + 1, t->rows) * t->cols * BINS;
	for (size_t x = 0; x < t->width; x++) {
		const size_t px = x + t->kx / 2, col = px / t->kx, left = bounded(col, t->cols) * BINS, right = bounded(col + 1, t->cols) * BINS;
		const double side = (double)(px % t->kx) / (double)t->kx;
		const uint8_t bin = t->bin[y * t->width + x];
		float v = (float)(up[left + bin] * ((1 - side) * (1 - down)));
		v += (float)(up[right + bin] * (side * (1 - down)));
		v += (float)(low[left + bin] * ((1 - side) * down));
		v += (float)(low[right + bin] * (side * down));
		out[x] = (float)(uint16_t)v;
	}
}

FOR_CPUS static void bins_of(uint8_t *restrict bin, const float *restrict map, size_t n, double lo, double span)
{
	for (size_t i = 0; i < n; i++) bin[i] = (uint8_t)((int)rint(((double)map[i] - lo) / span * (GREYS - 1)) / PER_BIN);
}

FOR_CPUS static void to_unit(float *map, size_t n, float lo, float span)
{
	for (size_t i = 0; i < n; i++) map[i] = (map[i] - lo) / span;
}

int c5_contrast_equalise(float *out, int dtype, const void *pixels, size_t height, size_t width, size_t tile_y, size_t tile_x, double clip)
{
	const size_t n = height * width;
	tiling t = { .height = height, .width = width, .ky = tile_y ? tile_y : height / 8, .kx = tile_x ? tile_x : width / 8 };
	float lo, hi;
	int err;
	if ((err = c5_filter_to_float(out, dtype, pixels, n, NULL)) < 0 || !n) return err;
	c5_filter_range(out, n, &lo, &hi);
	if (!(hi > lo)) {
		memset(out, 0, n * sizeof *out);
		return C5_OK;
	}
	if (!t.ky) t.ky = 1;
	if (!t.kx) t.kx = 1;
	t.rows = (height + t.ky - 1) / t.ky, t.cols = (width + t.kx - 1) / t.kx;
	if ((err = c5_alloc(&t.bin, n, 1)) < 0 || (err = c5_alloc(&t.map, t.rows * t.cols, BINS * sizeof *t.map)) < 0) goto done;
	bins_of(t.bin, out, n, (double)lo, (double)hi - (double)lo);
#pragma omp parallel for schedule(static)
	for (size_t k = 0; k < t.rows * t.cols; k++) map_tile(&t, k / t.cols, k % t.cols, clip);
#pragma omp parallel for schedule(static)
	for (size_t y = 0; y < height; y++) mix_row(out + y * width, &t, y);
	c5_filter_range(out, n, &lo, &hi);
	if (hi > lo) to_unit(out, n, lo, hi - lo);
	else memset(out, 0, n * sizeof *out);
done:
	free(t.bin);
	free(t.map);
	return err;
}
