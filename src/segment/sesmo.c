/* sesmo.c – the published cropping rule of Deep-SeSMo (Kusumoto 2021): Gaussian 5 x 5, pixels below the given percentile (5; 1 to 10 are
 * advised), outer outlines, whose polygon must hold 50 px^2 and whose centre must leave room for a 50 x 50 crop. The kernel is the one
 * OpenCV takes for 5 x 5 without a sigma: 1 4 6 4 1, rows mirrored without repeating the edge, whole numbers rounded. Holes belong to the object:
 * outlines within outlines are not looked at. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/contour.h"
#include "image/regions.h"
#include "image/threshold.h"
#include "segment/method.h"

#define LEAST_AREA 50.0
#define MARGIN 25 /* px: half a crop */

static size_t sesmo_scratch(const c5_segment_params *set, size_t height, size_t width)
{
	(void)set;
	return c5_method_larger(c5_label_bytes(height, width), c5_method_larger(C5_THRESHOLD_BYTES, height * width * sizeof(float)));
}

/* d c b | a b c d | c b a */
static size_t mirrored(ptrdiff_t i, size_t n)
{
	const ptrdiff_t last = (ptrdiff_t)n - 1;
	while (last && (i < 0 || i > last)) i = i < 0 ? -i : 2 * last - i;
	return last ? (size_t)i : 0;
}

static void blur(float *map, float *between, size_t height, size_t width, bool whole)
{
	for (size_t y = 0; y < height; y++) {
		const float *row = map + y * width;
		for (size_t x = 0; x < width; x++) {
			const ptrdiff_t i = (ptrdiff_t)x;
			between[y * width + x] = (row[mirrored(i - 2, width)] + row[mirrored(i + 2, width)] + 4 * (row[mirrored(i - 1, width)] +
				row[mirrored(i + 1, width)]) + 6 * row[x]) / 16;
		}
	}
	for (size_t y = 0; y < height; y++) {
		const float *rows[5];
		for (ptrdiff_t k = 0; k < 5; k++) rows[k] = between + mirrored((ptrdiff_t)y + k - 2, height) * width;
		for (size_t x = 0; x < width; x++) {
			const float v = (rows[0][x] + rows[4][x] + 4 * (rows[1][x] + rows[3][x]) + 6 * rows[2][x]) / 16;
			map[y * width + x] = whole ? floorf(v + 0.5f) : v;
		}
	}
}

static int run_sesmo(c5_segmenter *s, int dtype, const void *pixels, const c5_filter_stats *stats, uint32_t *labels, uint32_t *objects,
	double *threshold)
{
	c5_region *regions = NULL;
	c5_contour_point *points = NULL;
	uint8_t *keep = NULL;
	size_t cap = 0, n;
	c5_label_rules all = C5_LABEL_ALL;
	int err;
	(void)pixels, (void)stats;
	blur(s->smooth, s->scratch, s->height, s->width, dtype != C5_F32 && dtype != C5_F64);
	if ((err = c5_threshold_percentile(C5_F32, s->smooth, s->n, s->set.percentile, s->scratch, threshold)) < 0) return err;
	c5_method_cut(s->mask, s->smooth, s->n, (float)*threshold, true);
	all.fill_holes = true;
	const uint32_t found = c5_label_mask(labels, s->mask, s->height, s->width, &all, s->scratch);
	if ((err = c5_alloc(&regions, found, sizeof *regions)) < 0 || (err = c5_alloc(&keep, (size_t)found + 1, 1)) < 0) goto done;
	if ((err = c5_regions_measure(labels, s->height, s->width, found, regions)) < 0) goto done;
	for (uint32_t k = 0; k < found; k++) {
		const c5_region *r = &regions[k];
		const size_t cy = (r->bbox_y0 + r->bbox_y1) / 2, cx = (r->bbox_x0 + r->bbox_x1) / 2;
		size_t x = r->bbox_x0;
		if (r->area < LEAST_AREA || cy < MARGIN || cx < MARGIN || cy + MARGIN > s->height || cx + MARGIN > s->width) continue;
		while (labels[r->bbox_y0 * s->width + x] != k + 1) x++;
		if ((err = c5_contour_trace(&points, &cap, &n, labels, s->height, s->width, r->bbox_y0, x)) < 0) goto done;
		keep[k + 1] = c5_contour_area(points, n) >= LEAST_AREA;
	}
	for (uint32_t k = 1, next = 0; k <= found; k++) regions[k - 1].label = keep[k] ? ++next : 0, *objects = next;
	for (size_t i = 0; i < s->n; i++)
		if (labels[i]) labels[i] = regions[labels[i] - 1].label;
	err = C5_OK;
done:
	free(regions);
	free(points);
	free(keep);
	return err;
}

const c5_method c5_method_sesmo = { "sesmo", 0, false, false, 0, sesmo_scratch, run_sesmo };
