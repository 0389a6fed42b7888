/* texture.c – see texture.h. Grey values become levels once for the frame; each region then counts its pairs within its box. */
#include "image/texture.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/keys.h"

#define DIRECTIONS 4
#define NONE UINT8_MAX

typedef struct box { uint32_t y0, x0, y1, x1; } box; /* half open */

typedef struct frame {
	const uint32_t *labels;
	const uint8_t *level;
	size_t height, width;
	int levels;
} frame;

static inline __attribute__((always_inline)) void quantise(uint8_t *level, int dtype, const void *pixels, size_t n, double low, double high,
	int levels)
{
	const double scale = high > low ? levels / (high - low) : 0;
	for (size_t i = 0; i < n; i++) {
		const double v = c5_key_value(dtype, c5_key_at(dtype, pixels, i)), at = (v - low) * scale;
		level[i] = isfinite(v) ? at > 0 ? at < levels ? (uint8_t)at : (uint8_t)(levels - 1) : 0 : NONE;
	}
}

static void find_boxes(box *boxes, const uint32_t *labels, size_t height, size_t width, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) boxes[k] = (box){ UINT32_MAX, UINT32_MAX, 0, 0 };
	for (size_t y = 0; y < height; y++)
		for (size_t x = 0; x < width; x++) {
			const uint32_t v = labels[y * width + x];
			if (!v || v > n) continue;
			box *b = &boxes[v - 1];
			if (b->y0 == UINT32_MAX) b->y0 = (uint32_t)y;
			if (x < b->x0) b->x0 = (uint32_t)x;
			if (x >= b->x1) b->x1 = (uint32_t)x + 1;
			b->y1 = (uint32_t)y + 1;
		}
}

/* Pairs in each direction, both ways: counts (DIRECTIONS, levels, levels), zeroed by the caller. */
static void count_pairs(uint32_t *counts, uint64_t *pairs, const frame *f, const box *b, uint32_t label)
{
	static const int dy[DIRECTIONS] = { 0, 1, 1, 1 }, dx[DIRECTIONS] = { 1, 1, 0, -1 };
	const size_t square = (size_t)f->levels * (size_t)f->levels;
	memset(pairs, 0, DIRECTIONS * sizeof *pairs);
	for (size_t y = b->y0; y < b->y1; y++)
		for (size_t x = b->x0; x < b->x1; x++) {
			const size_t i = y * f->width + x;
			if (f->labels[i] != label || f->level[i] == NONE) continue;
			for (int d = 0; d < DIRECTIONS; d++) {
				if ((dy[d] && y + 1 == b->y1) || (dx[d] > 0 && x + 1 == b->x1) || (dx[d] < 0 && x == b->x0)) continue;
				const size_t j = i + (size_t)dy[d] * f->width + (size_t)(ptrdiff_t)dx[d];
				if (f->labels[j] != label || f->level[j] == NONE) continue;
				uint32_t *c = counts + (size_t)d * square;
				c[f->level[i] * f->levels + f->level[j]]++;
				c[f->level[j] * f->levels + f->level[i]]++;
				pairs[d] += 2;
			}
		}
}

/* One direction's measures, added to `to`. */
static void add_measures(c5_texture *to, const uint32_t *counts, int levels, double pairs)
{
	c5_texture t = { 0 };
	double mean = 0, square = 0, cross = 0;
	for (int i = 0; i < levels; i++)
		for (int j = 0; j < levels; j++) {
			const uint32_t count = counts[i * levels + j];
			if (!count) continue;
			const double p = count / pairs, apart = i - j;
			t.contrast += p * apart * apart;
			t.dissimilarity += p * fabs(apart);
			t.homogeneity += p / (1 + apart * apart);
			t.second_moment += p * p;
			t.entropy -= p * log2(p);
			mean += p * i;
			square += p * i * i;
			cross += p * i * j;
		}
	const double variance = square - mean * mean; /* the same of both, since pairs count both ways */
	to->contrast += t.contrast;
	to->dissimilarity += t.dissimilarity;
	to->homogeneity += t.homogeneity;
	to->second_moment += t.second_moment;
	to->energy += sqrt(t.second_moment);
	to->correlation += variance > 1e-12 ? (cross - mean * mean) / variance : 1;
	to->entropy += t.entropy;
}

static c5_texture measure(uint32_t *counts, const frame *f, const box *b, uint32_t label)
{
	const size_t square = (size_t)f->levels * (size_t)f->levels;
	uint64_t pairs[DIRECTIONS];
	c5_texture t = { 0 };
	int directions = 0;
	memset(counts, 0, DIRECTIONS * square * sizeof *counts);
	count_pairs(counts, pairs, f, b, label);
	for (int d = 0; d < DIRECTIONS; d++) {
		if (!pairs[d]) continue;
		add_measures(&t, counts + (size_t)d * square, f->levels, (double)pairs[d]);
		directions++;
	}
	double *all[] = { &t.contrast, &t.dissimilarity, &t.homogeneity, &t.second_moment, &t.energy, &t.correlation, &t.entropy };
	for (size_t k = 0; k < sizeof all / sizeof *all; k++) *all[k] = directions ? *all[k] / directions : (double)NAN;
	return t;
}

int c5_texture_measure(c5_texture *textures, const uint32_t *labels, size_t height, size_t width, uint32_t n, int dtype, const void *pixels,
	double low, double high, int levels)
{
	const size_t size = height * width, square = (size_t)levels * (size_t)levels;
	uint8_t *level = NULL;
	box *boxes = NULL;
	int err = C5_OK;
	if (levels < 2 || levels > C5_TEXTURE_LEVELS_MAX) return c5_fail(C5_EFAIL, "%d grey levels: 2 to %d expected", levels, C5_TEXTURE_LEVELS_MAX);
	if (!c5_dtype_size(dtype) || dtype == C5_I64 || dtype == C5_U64) return c5_fail(C5_EFAIL, "pixel type %d is none of those known", dtype);
	if (!n) return C5_OK;
	if ((err = c5_alloc(&level, size, 1)) < 0 || (err = c5_alloc(&boxes, n, sizeof *boxes)) < 0) goto done;
	switch (dtype) {
	case C5_U8: quantise(level, C5_U8, pixels, size, low, high, levels); break;
	case C5_U16: quantise(level, C5_U16, pixels, size, low, high, levels); break;
	case C5_F32: quantise(level, C5_F32, pixels, size, low, high, levels); break;
	default: quantise(level, dtype, pixels, size, low, high, levels); break;
	}
	find_boxes(boxes, labels, height, width, n);
	const frame f = { labels, level, height, width, levels };
#pragma omp parallel
	{
		uint32_t *counts = NULL;
		const int mine = c5_alloc(&counts, DIRECTIONS * square, sizeof *counts);
		if (mine < 0) {
#pragma omp atomic write
			err = mine;
		}
#pragma omp for schedule(dynamic, 8)
		for (uint32_t k = 0; k < n; k++)
			if (mine == C5_OK) textures[k] = measure(counts, &f, &boxes[k], k + 1);
		free(counts);
	}
	if (err < 0) err = c5_fail(err, "out of memory for the texture of %u regions", n);
done:
	free(level);
	free(boxes);
	return err;
}
