/* segment.c – see segment.h.
 * A frame becomes a float map (smoothed grey values, or their local standard deviation), the map is cut at a threshold, the mask becomes
 * labels. Cells under phase contrast and brightfield have no grey value of their own, but they are rougher than the medium around
 * them: hence `deviation` is the method a newcomer gets. */
#include "segment/segment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/cpus.h"
#include "image/filter.h"
#include "image/label.h"
#include "image/threshold.h"

const c5_opt c5_segment_opts[] = {
	{ "channel", C5_OPT_TEXT, offsetof(c5_segment_params, channel), NULL, 0, 0, NULL, "NAME",
		"channel to segment; default the first phase or brightfield channel" },
	{ "method", C5_OPT_CHOICE, offsetof(c5_segment_params, method), "deviation", 0, 0, NULL, "otsu|percentile|deviation",
		"how cell is told from background: grey value (Otsu, percentile) or roughness" },
	{ "sigma", C5_OPT_REAL, offsetof(c5_segment_params, sigma), "1", 0, 100, "px", NULL, "Gaussian smoothing first; 0 none" },
	{ "radius", C5_OPT_INT, offsetof(c5_segment_params, radius), "4", 1, 200, "px", NULL, "deviation: half width of the window" },
	{ "percentile", C5_OPT_REAL, offsetof(c5_segment_params, percentile), "5", 0, 100, "%", NULL,
		"percentile: share of the darkest (or brightest) pixels that is cell" },
	{ "foreground", C5_OPT_CHOICE, offsetof(c5_segment_params, foreground), "bright", 0, 0, NULL, "bright|dark",
		"otsu, percentile: whether cells are brighter or darker than the background" },
	{ "scale", C5_OPT_REAL, offsetof(c5_segment_params, scale), "1", 0, 1000, NULL, NULL, "factor on the threshold found" },
	{ "min-area", C5_OPT_INT, offsetof(c5_segment_params, min_area), "60", 0, 1e9, "px", NULL, "drop smaller objects; 0 keeps all" },
	{ "max-area", C5_OPT_INT, offsetof(c5_segment_params, max_area), "0", 0, 1e9, "px", NULL, "drop larger objects; 0 keeps all" },
	{ "border", C5_OPT_INT, offsetof(c5_segment_params, border), "-1", -1, 1e6, "px", NULL,
		"drop objects this near to the frame's edge; 0 those that touch it, -1 none" },
	{ "fill-holes", C5_OPT_BOOL, offsetof(c5_segment_params, fill_holes), "true", 0, 0, NULL, NULL, "fill holes in objects; deviation: up to (12 radius)^2 px" },
	{ 0 }
};

/* Otsu on the deviation tells bright rims from all else. The body of a cell is rougher than medium too: from this share of it on. */
#define DEVIATION_SHARE 0.5
/* The window sees a cell before it is on it: masks come out larger by nearly its half width, of which this is taken back. */
static size_t excess(size_t radius) { return radius * 3 / 4; }
/* Smooth places inside a cell are smaller than this; larger holes are medium between cells that touch. */
static int64_t largest_hole(size_t radius) { return (int64_t)(12 * radius * 12 * radius); }

enum method { OTSU, PERCENTILE, DEVIATION };

struct c5_segmenter {
	size_t height, width;
	enum method method;
	bool dark, fill_holes;
	double sigma, percentile, scale;
	size_t radius;
	c5_label_rules rules;
	float *smooth, *map; /* (H, W); map is the deviation, the same as `smooth` for other methods */
	uint8_t *mask;       /* (H, W) */
	void *scratch;       /* of one step at a time */
};

static int read_method(const char *name, enum method *method)
{
	static const char *const names[] = { "otsu", "percentile", "deviation" };
	for (int i = 0; name && i < 3; i++)
		if (!strcmp(name, names[i])) {
			*method = (enum method)i;
			return C5_OK;
		}
	return c5_fail(C5_EUSAGE, "segmentation method \"%s\" is none of otsu, percentile, deviation", name ? name : "");
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t scratch_bytes(const c5_segment_params *p, size_t height, size_t width)
{
	size_t n = larger(c5_label_bytes(height, width), C5_THRESHOLD_BYTES);
	const size_t radius = p->radius > 0 ? (size_t)p->radius : 0;
	n = larger(n, c5_filter_gaussian_bytes(height, width, p->sigma));
	n = larger(n, c5_label_erode_bytes(height, width, excess(radius)));
	return larger(n, c5_filter_local_bytes(width, radius));
}

size_t c5_segmenter_bytes(const c5_segment_params *params, size_t height, size_t width)
{
	enum method method = DEVIATION;
	(void)read_method(params->method, &method);
	size_t maps = method == DEVIATION ? 2 : 1;
	return sizeof(c5_segmenter) + height * width * (maps * sizeof(float) + 1) + scratch_bytes(params, height, width);
}

int c5_segmenter_open(c5_segmenter **out, const c5_segment_params *params, size_t height, size_t width)
{
	c5_segmenter *s = NULL;
	int err;
	*out = NULL;
	if (!height || !width || width > INT32_MAX || height > INT32_MAX / width)
		return c5_fail(C5_EINPUT, "frame of %zu x %zu pixels cannot be segmented: 1 to 2^31 - 1 pixels expected", height, width);
	if (!(params->sigma >= 0 && params->sigma <= 100) || params->radius < 0 || params->radius > C5_FILTER_RADIUS_MAX)
		return c5_fail(C5_EUSAGE, "sigma %g and radius %lld px: expected 0 to 100, and 0 to %d", params->sigma, (long long)params->radius,
			C5_FILTER_RADIUS_MAX);
	if ((err = c5_alloc(&s, 1, sizeof *s)) < 0) return err;
	if ((err = read_method(params->method, &s->method)) < 0) goto done;
	s->height = height, s->width = width;
	s->sigma = params->sigma, s->percentile = params->percentile, s->scale = params->scale;
	s->radius = (size_t)params->radius;
	s->dark = s->method != DEVIATION && params->foreground && !strcmp(params->foreground, "dark");
	s->rules = (c5_label_rules){ 8, params->fill_holes, s->method == DEVIATION ? largest_hole(s->radius) : 0, params->min_area, params->max_area,
		params->border };
	if ((err = c5_alloc_aligned(&s->smooth, height * width, sizeof *s->smooth)) < 0) goto done;
	s->map = s->smooth;
	if (s->method == DEVIATION && (err = c5_alloc_aligned(&s->map, height * width, sizeof *s->map)) < 0) {
		s->map = NULL;
		goto done;
	}
	if ((err = c5_alloc_aligned(&s->mask, height * width, 1)) < 0) goto done;
	if ((err = c5_alloc_aligned(&s->scratch, scratch_bytes(params, height, width), 1)) < 0) goto done;
	*out = s;
done:
	if (err < 0) c5_segmenter_close(s);
	return err;
}

void c5_segmenter_close(c5_segmenter *s)
{
	if (!s) return;
	if (s->map != s->smooth) free(s->map);
	free(s->smooth);
	free(s->mask);
	free(s->scratch);
	free(s);
}

FOR_CPUS static void cut(uint8_t *restrict mask, const float *restrict map, size_t n, float threshold, bool dark)
{
	if (dark)
		for (size_t i = 0; i < n; i++) mask[i] = map[i] < threshold;
	else
		for (size_t i = 0; i < n; i++) mask[i] = map[i] > threshold;
}

int c5_segment_frame(c5_segmenter *s, int dtype, const void *pixels, uint32_t *labels, c5_segment_summary *summary)
{
	const size_t n = s->height * s->width;
	c5_filter_stats stats;
	double threshold = 0;
	int err;
	if ((err = c5_filter_to_float(s->smooth, dtype, pixels, n, &stats)) < 0) return err;
	c5_filter_gaussian(s->smooth, s->smooth, s->height, s->width, s->sigma, s->scratch);
	if (s->method == DEVIATION) c5_filter_local(NULL, s->map, s->smooth, s->height, s->width, s->radius, s->scratch);
	if (s->method == PERCENTILE)
		err = c5_threshold_percentile(C5_F32, s->map, n, s->dark ? s->percentile : 100 - s->percentile, s->scratch, &threshold);
	else
		err = c5_threshold_otsu(C5_F32, s->map, n, s->scratch, &threshold);
	if (err < 0) return err;
	threshold *= s->method == DEVIATION ? s->scale * DEVIATION_SHARE : s->scale;
	if (stats.max > stats.min) cut(s->mask, s->map, n, (float)threshold, s->dark);
	else memset(s->mask, 0, n); /* whatever the scale: a frame of one value shows nothing */
	if (s->method == DEVIATION) {
		if (s->rules.fill_holes) c5_label_fill_holes(s->mask, s->height, s->width, s->rules.max_hole, s->scratch);
		c5_label_erode(s->mask, s->height, s->width, excess(s->radius), s->scratch);
	}
	uint32_t objects = c5_label_mask(labels, s->mask, s->height, s->width, &s->rules, s->scratch);
	if (summary) {
		size_t covered = 0;
		for (size_t i = 0; i < n; i++) covered += labels[i] != 0;
		*summary = (c5_segment_summary){ objects, threshold, (double)covered / (double)n, stats.mean, stats.sd };
	}
	return C5_OK;
}
