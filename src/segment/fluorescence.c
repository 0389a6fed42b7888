/* fluorescence.c – bright bodies on dark ground, nuclei above all: slow changes of the background are taken away (the smoothed frame's opening
 * by a large window, evened out), a threshold tells body from ground, distance to the rim and brightness together part those that touch. */
#include <math.h>
#include <string.h>

#include "base/cpus.h"
#include "base/dtype.h"
#include "base/error.h"
#include "image/morphology.h"
#include "image/threshold.h"
#include "segment/method.h"

#define DEPTH 0.75 /* px of distance: shallower tops of the relief are one body */
#define TONE 0.25  /* how many body widths of distance the full brightness counts for */
#define RIDGE 0.2  /* how much of the pinch a dark line counts for, full brightness to ground */

static size_t fluorescence_scratch(const c5_segment_params *set, size_t height, size_t width)
{
	size_t n = c5_method_larger(c5_label_bytes(height, width), C5_THRESHOLD_BYTES);
	n = c5_method_larger(n, c5_filter_gaussian_bytes(height, width, set->sigma));
	n = c5_method_larger(n, c5_filter_local_bytes(width, (size_t)c5_method_larger((size_t)set->background, (size_t)(2 * set->size))));
	n = c5_method_larger(n, c5_morphology_window_bytes(height, width, (size_t)set->background));
	n = c5_method_larger(n, c5_morphology_bytes(height, width, 1));
	return c5_method_larger(n, c5_method_part_bytes(height, width));
}

FOR_CPUS static void subtract(float *restrict map, const float *restrict ground, size_t n)
{
	for (size_t i = 0; i < n; i++) map[i] -= ground[i];
}

/* Grey values above `least`, rooted: bright and faint bodies have the same noise then, and debris that glares decides little. */
FOR_CPUS static void roots(float *map, size_t n, float least)
{
	for (size_t i = 0; i < n; i++) map[i] = map[i] > least ? sqrtf(map[i] - least) : 0;
}

FOR_CPUS static void above(uint8_t *restrict mask, const float *restrict map, const float *restrict mean, size_t n)
{
	for (size_t i = 0; i < n; i++) mask[i] &= map[i] > mean[i];
}

FOR_CPUS static void negative(float *out, const float *in, size_t n, float least, float scale)
{
	for (size_t i = 0; i < n; i++) out[i] = (least - in[i]) * scale;
}

static int run_fluorescence(c5_segmenter *s, int dtype, const void *pixels, const c5_filter_stats *stats, uint32_t *labels, uint32_t *objects,
	double *threshold)
{
	const size_t h = s->height, w = s->width, n = s->n, background = (size_t)s->set.background;
	float *ground = s->map[0], *relief = s->map[0];
	double top, bottom;
	int err;
	(void)dtype, (void)pixels;
	c5_filter_gaussian(s->smooth, s->smooth, h, w, s->set.sigma, s->scratch);
	if (s->dark) /* turned over: from here on bodies are bright */
		negative(s->smooth, s->smooth, n, (float)stats->max, 1);
	if (background) {
		c5_morphology_min(s->map[1], s->smooth, h, w, background, s->scratch);
		c5_morphology_max(s->map[1], s->map[1], h, w, background, s->scratch);
		c5_filter_local(ground, NULL, s->map[1], h, w, background, s->scratch);
		subtract(s->smooth, ground, n);
	}
	if ((err = c5_threshold_percentile(C5_F32, s->smooth, n, 1, s->scratch, &bottom)) < 0) return err;
	roots(s->smooth, n, (float)bottom);
	if (s->threshold == C5_SEGMENT_LI) err = c5_threshold_li(s->smooth, n, threshold);
	else if (s->threshold == C5_SEGMENT_TRIANGLE) err = c5_threshold_triangle(s->smooth, n, s->scratch, threshold);
	else err = c5_threshold_otsu(C5_F32, s->smooth, n, s->scratch, threshold);
	if (err < 0) return err;
	*threshold *= sqrt(s->set.scale);
	if (s->threshold == C5_SEGMENT_LOCAL) { /* half of what Otsu says, and brighter than around */
		c5_method_cut(s->mask, s->smooth, n, (float)(*threshold / 2), false);
		c5_filter_local(s->map[0], NULL, s->smooth, h, w, (size_t)(2 * s->set.size), s->scratch);
		above(s->mask, s->smooth, s->map[0], n);
	} else c5_method_cut(s->mask, s->smooth, n, (float)*threshold, false);
	if (s->rules.fill_holes) c5_label_fill_holes(s->mask, h, w, s->set.max_hole, s->scratch);
	c5_morphology_open(s->mask, h, w, 1, s->scratch);
	if ((err = c5_threshold_percentile(C5_F32, s->smooth, n, 99.9, s->scratch, &top)) < 0) return err;
	const double span = top > 0 ? top : 1;
	negative(relief, s->smooth, n, 0, (float)(TONE * (double)s->set.size / span));
	negative(s->smooth, s->smooth, n, 0, 1);
	return c5_method_part(s, relief, s->smooth, 1, DEPTH, RIDGE / span, labels, objects);
}

const c5_method c5_method_fluorescence = { "fluorescence", 2, false, true, 60, fluorescence_scratch, run_fluorescence };
