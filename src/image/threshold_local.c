/* threshold_local.c – thresholds that follow the light from place to place, and the one that is two: see threshold.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"
#include "image/label.h"
#include "image/median.h"
#include "image/threshold.h"

/* The i-th pixel with the frame mirrored about the middle of its edge pixels, any i. */
static size_t mirrored(ptrdiff_t i, size_t n)
{
	const ptrdiff_t period = 2 * ((ptrdiff_t)n - 1);
	if (!period) return 0;
	i %= period;
	if (i < 0) i += period;
	return (size_t)(i < (ptrdiff_t)n ? i : period - i);
}

/* Mean and deviation, the frame mirrored without its edge pixels twice: windows of the middle of a larger map. */
static int statistics(float *mean, float *sd, const float *in, size_t height, size_t width, size_t radius)
{
	const size_t h = height + 2 * radius, w = width + 2 * radius;
	float *wide = NULL, *map[2] = { NULL, NULL };
	void *scratch = NULL;
	int err;
	if ((err = c5_alloc_aligned(&wide, h * w, sizeof *wide)) < 0 || (err = c5_alloc_aligned(&map[0], h * w, sizeof **map)) < 0 ||
	    (err = c5_alloc_aligned(&map[1], h * w, sizeof **map)) < 0 || (err = c5_alloc_aligned(&scratch, c5_filter_local_bytes(w, radius), 1)) < 0)
		goto done;
	for (size_t y = 0; y < h; y++) {
		const float *row = in + mirrored((ptrdiff_t)y - (ptrdiff_t)radius, height) * width;
		for (size_t x = 0; x < w; x++) wide[y * w + x] = row[mirrored((ptrdiff_t)x - (ptrdiff_t)radius, width)];
	}
	c5_filter_local(map[0], map[1], wide, h, w, radius, scratch);
	for (size_t y = 0; y < height; y++) {
		memcpy(mean + y * width, map[0] + (y + radius) * w + radius, width * sizeof *mean);
		memcpy(sd + y * width, map[1] + (y + radius) * w + radius, width * sizeof *sd);
	}
done:
	free(wide);
	free(map[0]);
	free(map[1]);
	free(scratch);
	return err;
}

FOR_CPUS static void niblack(float *restrict mean, const float *restrict sd, size_t n, float k)
{
	for (size_t i = 0; i < n; i++) mean[i] -= k * sd[i];
}

FOR_CPUS static void sauvola(float *restrict mean, const float *restrict sd, size_t n, float k, float share)
{
	for (size_t i = 0; i < n; i++) mean[i] *= 1 + k * (sd[i] * share - 1);
}

FOR_CPUS static void lower(float *map, size_t n, float by)
{
	for (size_t i = 0; i < n; i++) map[i] -= by;
}

static int by_rule(float *out, const float *in, size_t height, size_t width, const c5_threshold_rules *rules)
{
	const size_t n = height * width, radius = rules->block / 2;
	const double sigma = ((double)rules->block - 1) / 6;
	const bool moments = rules->kind == C5_LOCAL_NIBLACK || rules->kind == C5_LOCAL_SAUVOLA;
	float *sd = NULL;
	void *scratch = NULL;
	int err = C5_OK;
	if (rules->kind == C5_LOCAL_MEDIAN) return c5_median_filter(out, C5_F32, in, height, width, radius, false);
	const size_t bytes = rules->kind == C5_LOCAL_GAUSSIAN ? c5_filter_gaussian_bytes(height, width, sigma) : c5_filter_local_bytes(width, radius);
	if ((err = c5_alloc_aligned(&scratch, bytes + 1, 1)) < 0 || (moments && (err = c5_alloc_aligned(&sd, n, sizeof *sd)) < 0)) goto done;
	if (rules->kind == C5_LOCAL_GAUSSIAN) c5_filter_gaussian(out, in, height, width, sigma, scratch);
	else if (rules->kind == C5_LOCAL_MEAN) c5_filter_local(out, NULL, in, height, width, radius, scratch);
	else if ((err = statistics(out, sd, in, height, width, radius)) == C5_OK) {
		if (rules->kind == C5_LOCAL_NIBLACK) niblack(out, sd, n, (float)rules->k);
		else sauvola(out, sd, n, (float)rules->k, (float)(1 / rules->range));
	}
done:
	free(scratch);
	free(sd);
	return err;
}

int c5_threshold_local(float *out, const float *map, size_t height, size_t width, const c5_threshold_rules *rules)
{
	const size_t n = height * width;
	float *in = NULL;
	int err;
	if (rules->kind < C5_LOCAL_GAUSSIAN || rules->kind > C5_LOCAL_SAUVOLA)
		return c5_fail(C5_EFAIL, "local threshold %d is none of those known", rules->kind);
	if (rules->block % 2 == 0 || rules->block / 2 > C5_MEDIAN_RADIUS_MAX)
		return c5_fail(C5_EUSAGE, "window of %zu px: an odd number up to %d expected", rules->block, 2 * C5_MEDIAN_RADIUS_MAX + 1);
	if (rules->kind == C5_LOCAL_SAUVOLA && !(rules->range > 0))
		return c5_fail(C5_EUSAGE, "range %g of the deviation: more than 0 expected", rules->range);
	if (!n) return C5_OK;
	if ((err = c5_alloc_aligned(&in, n, sizeof *in)) < 0) return err;
	if ((err = c5_filter_to_float(in, C5_F32, map, n, NULL)) == C5_OK) err = by_rule(out, in, height, width, rules);
	if (err == C5_OK && rules->offset != 0.0) lower(out, n, (float)rules->offset);
	free(in);
	return err;
}

FOR_CPUS static void above(uint8_t *restrict mask, const float *restrict map, size_t n, float low)
{
	for (size_t i = 0; i < n; i++) mask[i] = map[i] > low;
}

int c5_threshold_hysteresis(uint8_t *mask, const float *map, size_t height, size_t width, double low, double high, int connectivity)
{
	const size_t n = height * width;
	const c5_label_rules rules = { connectivity, false, 0, 0, 0, -1 };
	uint32_t *labels = NULL;
	uint8_t *strong = NULL;
	void *scratch = NULL;
	int err;
	if (!n) return C5_OK;
	if ((err = c5_alloc_aligned(&labels, n, sizeof *labels)) < 0 || (err = c5_alloc_aligned(&scratch, c5_label_bytes(height, width), 1)) < 0) goto done;
	above(mask, map, n, (float)(low < high ? low : high));
	const uint32_t count = c5_label_mask(labels, mask, height, width, &rules, scratch);
	if ((err = c5_alloc(&strong, (size_t)count + 1, 1)) < 0) goto done;
	for (size_t i = 0; i < n; i++)
		if (map[i] > (float)high) strong[labels[i]] = 1;
	strong[0] = 0;
	for (size_t i = 0; i < n; i++) mask[i] = strong[labels[i]];
done:
	free(labels);
	free(scratch);
	free(strong);
	return err;
}
