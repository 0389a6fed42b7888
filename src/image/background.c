/* background.c – see background.h.
 * The ball: a row of the answer is the least of the rows around it, each moved sideways and lifted by the ball's shape. The ball is the same
 * above and below, left and right, so rows y - dy and y + dy are joined first and then met once for each dx: a quarter of the work. */
#include "image/background.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"
#include "image/median.h"

/* ---- the ball ---- */

#define BLOCK 64 /* pixels of a row whose answer stays in registers */

/* Both rows without their NaN, the lower of them; beyond the frame nothing is in the way. */
FOR_CPUS static void lower_of(float *restrict to, const float *restrict a, const float *restrict b, size_t n)
{
	for (size_t x = 0; x < n; x++) {
		const float u = a[x] < INFINITY ? a[x] : INFINITY, v = b[x] < INFINITY ? b[x] : INFINITY;
		to[x] = u < v ? u : v;
	}
}

/* out[x] = least of line[x - dx] and line[x + dx] plus lift[dx], dx up to `reach`; line has room on both sides. */
FOR_CPUS static void meet(float *restrict out, const float *restrict line, const float *restrict lift, size_t reach, size_t n)
{
	for (size_t at = 0; at < n; at += BLOCK) {
		float least[BLOCK];
		const float *here = line + at;
		for (int i = 0; i < BLOCK; i++) least[i] = out[at + (size_t)i];
		for (size_t dx = 0; dx <= reach; dx++) {
			const float *left = here - dx, *right = here + dx, up = lift[dx];
			for (int i = 0; i < BLOCK; i++) {
				const float v = (left[i] < right[i] ? left[i] : right[i]) + up;
				least[i] = v < least[i] ? v : least[i];
			}
		}
		for (int i = 0; i < BLOCK; i++) out[at + (size_t)i] = least[i];
	}
}

int c5_background_ball(float *out, const float *in, size_t height, size_t width, double radius)
{
	if (!(radius >= 0 && radius <= C5_BACKGROUND_SIZE_MAX))
		return c5_fail(C5_EFAIL, "ball of radius %g px: expected 0 to %g", radius, C5_BACKGROUND_SIZE_MAX);
	const size_t most = (size_t)radius, padded = (width + BLOCK - 1) / BLOCK * BLOCK, wide = padded + 2 * most;
	float *lift = NULL;
	int err;
	if (!height || !width) return C5_OK;
	if ((err = c5_alloc(&lift, (most + 1) * (most + 1), sizeof *lift)) < 0) return err;
	for (size_t dy = 0; dy <= most; dy++)
		for (size_t dx = 0; dx <= most; dx++) {
			const double rest = radius * radius - (double)(dy * dy + dx * dx);
			lift[dy * (most + 1) + dx] = rest >= 0 ? (float)radius - (float)sqrt(rest) : INFINITY;
		}
#pragma omp parallel
	{
		float *line = NULL, *least = NULL;
		int mine = c5_alloc(&line, wide, sizeof *line);
		if (mine == C5_OK) mine = c5_alloc(&least, padded, sizeof *least);
		if (mine < 0) {
#pragma omp atomic write
			err = mine;
		}
		for (size_t x = 0; mine == C5_OK && x < wide; x++) line[x] = INFINITY;
#pragma omp for schedule(static)
		for (size_t y = 0; y < height; y++) {
			if (mine < 0) continue;
			for (size_t x = 0; x < padded; x++) least[x] = INFINITY;
			for (size_t dy = 0; dy <= most; dy++) {
				const float *lifts = lift + dy * (most + 1);
				const float *above = y >= dy ? in + (y - dy) * width : NULL, *below = y + dy < height ? in + (y + dy) * width : above;
				size_t reach = 0;
				if (!above) above = below;
				if (!above) break;
				while (reach < most && lifts[reach + 1] < INFINITY) reach++;
				lower_of(line + most, above, below, width);
				meet(least, line + most, lifts, reach, padded);
			}
			for (size_t x = 0; x < width; x++) out[y * width + x] = least[x] < INFINITY ? least[x] : NAN;
		}
		free(line);
		free(least);
	}
	free(lift);
	return err < 0 ? c5_fail(err, "out of memory for the background of %zu x %zu pixels", height, width) : C5_OK;
}

/* ---- slow changes ---- */

/* A map in blocks, with a margin of mirrored ones: (rows, cols) means of block x block pixels. */
typedef struct coarse {
	size_t block, margin, rows, cols;
	float *map;
} coarse;

/* Mean of the finite pixels. */
static double mean_of(const float *in, size_t n)
{
	double sum = 0;
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		if (isfinite(in[i])) sum += (double)in[i], count++;
	return count ? sum / (double)count : 0;
}

static double block_mean(const float *in, size_t height, size_t width, const coarse *c, size_t row, size_t col, double instead)
{
	double sum = 0;
	size_t count = 0;
	for (size_t i = 0; i < c->block; i++) {
		const size_t y = c5_filter_reflect((ptrdiff_t)(row * c->block + i) - (ptrdiff_t)(c->margin * c->block), height);
		for (size_t k = 0; k < c->block; k++) {
			const size_t x = c5_filter_reflect((ptrdiff_t)(col * c->block + k) - (ptrdiff_t)(c->margin * c->block), width);
			const float v = in[y * width + x];
			if (isfinite(v)) sum += (double)v, count++;
		}
	}
	return count ? sum / (double)count : instead;
}

static int coarsen(coarse *c, const float *in, size_t height, size_t width, size_t block, size_t margin)
{
	const double mean = mean_of(in, height * width);
	int err;
	*c = (coarse){ block, margin, (height + block - 1) / block + 2 * margin, (width + block - 1) / block + 2 * margin, NULL };
	if ((err = c5_alloc_aligned(&c->map, c->rows * c->cols, sizeof *c->map)) < 0) return err;
#pragma omp parallel for schedule(static)
	for (size_t row = 0; row < c->rows; row++)
		for (size_t col = 0; col < c->cols; col++) c->map[row * c->cols + col] = (float)block_mean(in, height, width, c, row, col, mean);
	return C5_OK;
}

/* Straight lines between the blocks' centres. */
static int refine(float *out, const coarse *c, size_t height, size_t width)
{
	const double first = (double)(c->margin * c->block) + 0.5 - (double)c->block / 2; /* of a pixel, from the first block's centre */
	uint32_t *from = NULL;
	float *share = NULL;
	int err;
	if ((err = c5_alloc(&from, width, sizeof *from)) < 0 || (err = c5_alloc(&share, width, sizeof *share)) < 0) goto done;
	for (size_t x = 0; x < width; x++) {
		const double at = ((double)x + first) / (double)c->block;
		from[x] = (uint32_t)at;
		share[x] = (float)(at - (double)from[x]);
	}
#pragma omp parallel for schedule(static)
	for (size_t y = 0; y < height; y++) {
		const double at = ((double)y + first) / (double)c->block;
		const float *a = c->map + (size_t)at * c->cols, *b = a + c->cols, down = (float)(at - floor(at));
		for (size_t x = 0; x < width; x++) {
			const uint32_t k = from[x];
			const float left = a[k] + (b[k] - a[k]) * down, right = a[k + 1] + (b[k + 1] - a[k + 1]) * down;
			out[y * width + x] = left + (right - left) * share[x];
		}
	}
	err = C5_OK;
done:
	free(from);
	free(share);
	return err;
}

static int check(double size)
{
	if (size >= 0 && size <= C5_BACKGROUND_SIZE_MAX) return C5_OK;
	return c5_fail(C5_EFAIL, "background of size %g px: expected 0 to %g", size, C5_BACKGROUND_SIZE_MAX);
}

int c5_background_gaussian(float *out, const float *in, size_t height, size_t width, double size)
{
	const size_t block = size >= 8 ? (size_t)(size / 4) : 1;
	const double b = (double)block, lost = block > 1 ? (b * b - 1) / 12 + b * b / 6 : 0; /* blocks and lines smooth, too */
	const double sigma = sqrt(size * size - lost) / b;
	coarse c = { 0 };
	void *scratch = NULL;
	int err;
	if ((err = check(size)) < 0 || !height || !width) return err;
	if ((err = coarsen(&c, in, height, width, block, (size_t)(4 * sigma + 0.5) + 1)) < 0) goto done;
	if ((err = c5_alloc_aligned(&scratch, c5_filter_gaussian_bytes(c.rows, c.cols, sigma) + 1, 1)) < 0) goto done;
	c5_filter_gaussian(c.map, c.map, c.rows, c.cols, sigma, scratch);
	err = refine(out, &c, height, width);
done:
	free(scratch);
	free(c.map);
	return err;
}

int c5_background_median(float *out, const float *in, size_t height, size_t width, double size)
{
	const size_t block = size >= 16 ? (size_t)(size / 8) : 1, radius = (size_t)(size / (double)block + 0.5);
	coarse c = { 0 }, smooth;
	int err;
	if ((err = check(size)) < 0 || !height || !width) return err;
	if ((err = coarsen(&c, in, height, width, block, radius + 1)) < 0) return err;
	smooth = c;
	if ((err = c5_alloc_aligned(&smooth.map, c.rows * c.cols, sizeof *smooth.map)) < 0) goto done;
	if ((err = c5_median_filter(smooth.map, C5_F32, c.map, c.rows, c.cols, radius, false)) < 0) goto done;
	err = refine(out, &smooth, height, width);
done:
	if (smooth.map != c.map) free(smooth.map);
	free(c.map);
	return err;
}
