/* median.c – see median.h. The frame is done in tiles. The pixels of a tile and its margin are sorted once; from then on a pixel is its rank, all
 * ranks differ, and a window is a set of bits. The window walks over the tile, down and up the columns of a lane, taking in and
 * leaving out one edge a step; the middle bit is found from where it was the step before. */
#include "image/median.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"
#include "image/keys.h"

#define TILE_LEAST 64 /* px; a tile is about as wide as its two margins, so that sorting them stays a small part of the work */
#define TILE_MOST 256
#define ABSENT UINT32_MAX

typedef struct job {
	uint8_t *out;
	const uint8_t *in;
	size_t height, width, size; /* size: bytes a pixel */
	ptrdiff_t radius;
	const ptrdiff_t *half;      /* (2 radius + 1) how far the window reaches to both sides in row dy (and, being symmetric, column dx) */
	int dtype;
} job;

/* One thread's memory for a tile. */
typedef struct tile {
	uint64_t *key[2];           /* of the region's pixels */
	uint32_t *item[2], *rank;   /* pixels in order; rank of each pixel, ABSENT for NaN */
	uint64_t *bits;
	size_t stride;              /* of the region */
	size_t word, below, count;  /* where the middle was; bits before that word; bits in all */
} tile;

static size_t tile_edge(size_t radius) { return 2 * radius < TILE_LEAST ? TILE_LEAST : 2 * radius > TILE_MOST ? TILE_MOST : 2 * radius; }

static void tile_close(tile *t)
{
	for (int k = 0; k < 2; k++) {
		free(t->key[k]);
		free(t->item[k]);
	}
	free(t->rank);
	free(t->bits);
}

static int tile_open(tile *t, size_t region)
{
	int err;
	*t = (tile){ 0 };
	for (int k = 0; k < 2; k++)
		if ((err = c5_alloc(&t->key[k], region, sizeof **t->key)) < 0 || (err = c5_alloc(&t->item[k], region, sizeof **t->item)) < 0) return err;
	if ((err = c5_alloc(&t->rank, region, sizeof *t->rank)) < 0) return err;
	return c5_alloc(&t->bits, region / 64 + 1, sizeof *t->bits);
}

static bool is_nan(int dtype, uint64_t key)
{
	if (dtype == C5_F32) return key < 0x007fffffu || key > 0xff800000u;
	if (dtype == C5_F64) return key < 0x000fffffffffffffu || key > 0xfff0000000000000u;
	return false;
}

/* Sorts the region's pixels, a byte of the key a pass, and numbers them. Leaves the pixels by rank in item[0]. */
static void rank_region(tile *t, int dtype, size_t n, size_t bytes)
{
	for (size_t pass = 0; pass < bytes; pass++) {
		const int shift = (int)(8 * pass);
		size_t start[257] = { 0 };
		for (size_t i = 0; i < n; i++) start[(t->key[0][i] >> shift & 255) + 1]++;
		for (int k = 0; k < 256; k++) start[k + 1] += start[k];
		if (start[(t->key[0][0] >> shift & 255) + 1] - start[t->key[0][0] >> shift & 255] == n) continue; /* all the same */
		for (size_t i = 0; i < n; i++) {
			const size_t to = start[t->key[0][i] >> shift & 255]++;
			t->key[1][to] = t->key[0][i];
			t->item[1][to] = t->item[0][i];
		}
		uint64_t *key = t->key[0];
		uint32_t *item = t->item[0];
		t->key[0] = t->key[1], t->key[1] = key;
		t->item[0] = t->item[1], t->item[1] = item;
	}
	for (size_t i = 0; i < n; i++) t->rank[t->item[0][i]] = is_nan(dtype, t->key[0][i]) ? ABSENT : (uint32_t)i;
}

static inline __attribute__((always_inline)) void load_keys(tile *t, const job *j, int dtype, size_t y0, size_t x0, size_t h, size_t w)
{
	size_t at = 0;
	for (size_t y = 0; y < h; y++) {
		const size_t row = c5_filter_reflect((ptrdiff_t)(y0 + y) - j->radius, j->height) * j->width;
		for (size_t x = 0; x < w; x++, at++) {
			t->key[0][at] = c5_key_at(dtype, j->in, row + c5_filter_reflect((ptrdiff_t)(x0 + x) - j->radius, j->width));
			t->item[0][at] = (uint32_t)at;
		}
	}
}

static void load(tile *t, const job *j, size_t y0, size_t x0, size_t h, size_t w)
{
	switch (j->dtype) {
	case C5_U8: load_keys(t, j, C5_U8, y0, x0, h, w); break;
	case C5_U16: load_keys(t, j, C5_U16, y0, x0, h, w); break;
	case C5_F32: load_keys(t, j, C5_F32, y0, x0, h, w); break;
	default: load_keys(t, j, j->dtype, y0, x0, h, w); break;
	}
	t->stride = w;
	rank_region(t, j->dtype, h * w, j->size);
}

static inline void put(tile *t, size_t pixel)
{
	const uint32_t r = t->rank[pixel];
	if (r == ABSENT) return;
	t->bits[r >> 6] |= 1ull << (r & 63);
	t->below += r >> 6 < t->word;
	t->count++;
}

static inline void drop(tile *t, size_t pixel)
{
	const uint32_t r = t->rank[pixel];
	if (r == ABSENT) return;
	t->bits[r >> 6] ^= 1ull << (r & 63);
	t->below -= r >> 6 < t->word;
	t->count--;
}

/* The region's pixel in the middle of the window; ABSENT for an empty one. */
static inline uint32_t middle(tile *t)
{
	if (!t->count) return ABSENT;
	const size_t want = (t->count - 1) / 2;
	while (t->below > want) t->below -= (size_t)__builtin_popcountll(t->bits[--t->word]);
	for (size_t here; t->below + (here = (size_t)__builtin_popcountll(t->bits[t->word])) <= want; t->word++) t->below += here;
	uint64_t word = t->bits[t->word];
	for (size_t k = want - t->below; k; k--) word &= word - 1;
	return t->item[0][t->word << 6 | (size_t)__builtin_ctzll(word)];
}

static void answer(tile *t, const job *j, size_t y0, size_t x0, size_t y, size_t x)
{
	const uint32_t from = middle(t);
	uint8_t *to = j->out + ((y0 + y) * j->width + x0 + x) * j->size;
	if (from == ABSENT) { /* only floats can be NaN */
		const float f = NAN;
		const double d = (double)NAN;
		memcpy(to, j->size == sizeof f ? (const void *)&f : (const void *)&d, j->size);
		return;
	}
	const size_t v = c5_filter_reflect((ptrdiff_t)(y0 + from / t->stride) - j->radius, j->height);
	const size_t u = c5_filter_reflect((ptrdiff_t)(x0 + from % t->stride) - j->radius, j->width);
	memcpy(to, j->in + (v * j->width + u) * j->size, j->size);
}

/* Window of the tile's pixel (y, x): rows y .. y + 2 radius of the region. */
static void walk(tile *t, const job *j, size_t y0, size_t x0, size_t h, size_t w)
{
	const ptrdiff_t r = j->radius, span = 2 * r + 1, stride = (ptrdiff_t)t->stride;
	const ptrdiff_t *half = j->half;
	memset(t->bits, 0, ((h + 2 * (size_t)r) * t->stride / 64 + 1) * sizeof *t->bits);
	t->word = t->below = t->count = 0;
	for (ptrdiff_t v = 0; v < span; v++)
		for (ptrdiff_t u = r - half[v]; u <= r + half[v]; u++) put(t, (size_t)(v * stride + u));
	ptrdiff_t x = 0;
	for (ptrdiff_t y = 0; y < (ptrdiff_t)h; y++) {
		const ptrdiff_t step = y % 2 ? -1 : 1;
		if (y)
			for (ptrdiff_t u = 0; u < span; u++) { /* one row down */
				drop(t, (size_t)((y - 1 + r - half[u]) * stride + x + u));
				put(t, (size_t)((y + r + half[u]) * stride + x + u));
			}
		answer(t, j, y0, x0, (size_t)y, (size_t)x);
		for (size_t k = 1; k < w; k++) {
			for (ptrdiff_t v = 0; v < span; v++) {
				drop(t, (size_t)((y + v) * stride + x + r - step * half[v]));
				put(t, (size_t)((y + v) * stride + x + step + r + step * half[v]));
			}
			x += step;
			answer(t, j, y0, x0, (size_t)y, (size_t)x);
		}
	}
}

int c5_median_filter(void *out, int dtype, const void *in, size_t height, size_t width, size_t radius, bool disc)
{
	const size_t size = c5_dtype_size(dtype), edge = tile_edge(radius), region = (edge + 2 * radius) * (edge + 2 * radius);
	const size_t rows = (height + edge - 1) / edge, cols = (width + edge - 1) / edge;
	ptrdiff_t *half = NULL;
	int err = C5_OK;
	if (!size || dtype == C5_I64 || dtype == C5_U64) return c5_fail(C5_EFAIL, "pixel type %d is none of those known", dtype);
	if (radius > C5_MEDIAN_RADIUS_MAX) return c5_fail(C5_EFAIL, "median radius %zu px: expected 0 to %d", radius, C5_MEDIAN_RADIUS_MAX);
	if (!height || !width) return C5_OK;
	if (!radius) {
		memcpy(out, in, height * width * size);
		return C5_OK;
	}
	if ((err = c5_alloc(&half, 2 * radius + 1, sizeof *half)) < 0) return err;
	for (ptrdiff_t r = (ptrdiff_t)radius, d = -r; d <= r; d++) {
		ptrdiff_t reach = disc ? 0 : r;
		while (disc && (reach + 1) * (reach + 1) + d * d <= r * r) reach++;
		half[d + r] = reach;
	}
	const job j = { out, in, height, width, size, (ptrdiff_t)radius, half, dtype };
#pragma omp parallel
	{
		tile t;
		int mine = tile_open(&t, region);
		if (mine < 0) {
#pragma omp atomic write
			err = mine;
		}
#pragma omp for schedule(dynamic)
		for (size_t k = 0; k < rows * cols; k++) {
			const size_t y0 = k / cols * edge, x0 = k % cols * edge, h = height - y0 < edge ? height - y0 : edge, w = width - x0 < edge ? width - x0 : edge;
			if (mine < 0) continue;
			load(&t, &j, y0, x0, h + 2 * radius, w + 2 * radius);
			walk(&t, &j, y0, x0, h, w);
		}
		tile_close(&t);
	}
	free(half);
	return err < 0 ? c5_fail(err, "out of memory for the median of %zu x %zu pixels", height, width) : C5_OK;
}
