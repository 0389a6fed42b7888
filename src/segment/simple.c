/* simple.c – methods that cut one map at one threshold: smoothed grey values (`otsu`, `percentile`), or their local standard deviation.
 * Cells under phase contrast and brightfield have no grey value of their own, but they are rougher than the medium around them: hence
 * `deviation` is the method a newcomer gets. */
#include "base/dtype.h"
#include "base/error.h"
#include "image/threshold.h"
#include "segment/method.h"

/* Otsu on the deviation tells bright rims from all else. The body of a cell is rougher than medium too: from this share of it on. */
#define DEVIATION_SHARE 0.5
/* The window sees a cell before it is on it: masks come out larger by nearly its half width, of which this is taken back. */
static size_t excess(size_t radius) { return radius * 3 / 4; }
/* Smooth places inside a cell are smaller than this; larger holes are medium between cells that touch. */
static int64_t largest_hole(size_t radius) { return (int64_t)(12 * radius * 12 * radius); }

static size_t grey_scratch(const c5_segment_params *set, size_t height, size_t width)
{
	size_t n = c5_method_larger(c5_label_bytes(height, width), C5_THRESHOLD_BYTES);
	return c5_method_larger(n, c5_filter_gaussian_bytes(height, width, set->sigma));
}

static size_t deviation_scratch(const c5_segment_params *set, size_t height, size_t width)
{
	const size_t radius = (size_t)set->radius, n = c5_method_larger(grey_scratch(set, height, width), c5_filter_local_bytes(width, radius));
	return c5_method_larger(n, c5_label_erode_bytes(height, width, excess(radius)));
}

static int run_grey(c5_segmenter *s, uint32_t *labels, uint32_t *objects, double *threshold, bool otsu)
{
	int err;
	c5_filter_gaussian(s->smooth, s->smooth, s->height, s->width, s->set.sigma, s->scratch);
	if (otsu) err = c5_threshold_otsu(C5_F32, s->smooth, s->n, s->scratch, threshold);
	else err = c5_threshold_percentile(C5_F32, s->smooth, s->n, s->dark ? s->set.percentile : 100 - s->set.percentile, s->scratch, threshold);
	if (err < 0) return err;
	*threshold *= s->set.scale;
	c5_method_cut(s->mask, s->smooth, s->n, (float)*threshold, s->dark);
	*objects = c5_label_mask(labels, s->mask, s->height, s->width, &s->rules, s->scratch);
	return C5_OK;
}

static int run_otsu(c5_segmenter *s, int dtype, const void *pixels, const c5_filter_stats *stats, uint32_t *labels, uint32_t *objects,
	double *threshold)
{
	(void)dtype, (void)pixels, (void)stats;
	return run_grey(s, labels, objects, threshold, true);
}

static int run_percentile(c5_segmenter *s, int dtype, const void *pixels, const c5_filter_stats *stats, uint32_t *labels, uint32_t *objects,
	double *threshold)
{
	(void)dtype, (void)pixels, (void)stats;
	return run_grey(s, labels, objects, threshold, false);
}

static int run_deviation(c5_segmenter *s, int dtype, const void *pixels, const c5_filter_stats *stats, uint32_t *labels, uint32_t *objects,
	double *threshold)
{
	const size_t radius = (size_t)s->set.radius;
	int err;
	(void)dtype, (void)pixels, (void)stats;
	c5_filter_gaussian(s->smooth, s->smooth, s->height, s->width, s->set.sigma, s->scratch);
	c5_filter_local(NULL, s->map[0], s->smooth, s->height, s->width, radius, s->scratch);
	if ((err = c5_threshold_otsu(C5_F32, s->map[0], s->n, s->scratch, threshold)) < 0) return err;
	*threshold *= s->set.scale * DEVIATION_SHARE;
	c5_method_cut(s->mask, s->map[0], s->n, (float)*threshold, false);
	s->rules.max_hole = largest_hole(radius);
	if (s->rules.fill_holes) c5_label_fill_holes(s->mask, s->height, s->width, s->rules.max_hole, s->scratch);
	c5_label_erode(s->mask, s->height, s->width, excess(radius), s->scratch);
	*objects = c5_label_mask(labels, s->mask, s->height, s->width, &s->rules, s->scratch);
	return C5_OK;
}

static size_t no_scratch(const c5_segment_params *set, size_t height, size_t width)
{
	(void)set, (void)height, (void)width;
	return 0;
}

const c5_method c5_method_labels = { "labels", 0, false, false, 0, no_scratch, NULL };
const c5_method c5_method_otsu = { "otsu", 0, false, false, 60, grey_scratch, run_otsu };
const c5_method c5_method_percentile = { "percentile", 0, false, false, 60, grey_scratch, run_percentile };
const c5_method c5_method_deviation = { "deviation", 1, false, false, 60, deviation_scratch, run_deviation };
