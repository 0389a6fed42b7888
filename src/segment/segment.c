/* segment.c – see segment.h: the options, the memory, the call of the method, and what all methods share afterwards. */
#include "segment/segment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/distance.h"
#include "image/regions.h"
#include "image/threshold.h"
#include "segment/method.h"
#include "segment/split.h"

#define METHODS "deviation|phase|rods|fluorescence|sesmo|labels|otsu|percentile"
#define THRESHOLDS "otsu|li|triangle|local"

const c5_opt c5_segment_opts[] = {
	{ "channel", C5_OPT_TEXT, offsetof(c5_segment_params, channel), NULL, 0, 0, NULL, "NAME",
		"channel to segment; default the first of transmitted light (phase, brightfield, DIC, transmission), else the first" },
	{ "method", C5_OPT_CHOICE, offsetof(c5_segment_params, method), "deviation", 0, 0, NULL, METHODS,
		"how cell is told from background: by roughness (any label-free frame; phase: spread cells in phase contrast, halo taken off), as dark "
		"rods, as bright bodies, by Deep-SeSMo's rule, from label images, by grey value" },
	{ "labels", C5_OPT_TEXT, offsetof(c5_segment_params, labels), NULL, 0, 0, NULL, "PATH",
		"labels: folder with label images named after the experiments, or their path with {experiment}, {plate}, {well} in it" },
	{ "sigma", C5_OPT_REAL, offsetof(c5_segment_params, sigma), "1", 0, 100, "px", NULL, "Gaussian smoothing; 0 none" },
	{ "radius", C5_OPT_INT, offsetof(c5_segment_params, radius), "4", 1, 200, "px", NULL, "deviation, phase: half width of the window" },
	{ "percentile", C5_OPT_REAL, offsetof(c5_segment_params, percentile), "5", 0, 100, "%", NULL,
		"percentile, sesmo: share of the darkest (or brightest) pixels that is cell" },
	{ "foreground", C5_OPT_CHOICE, offsetof(c5_segment_params, foreground), "bright", 0, 0, NULL, "bright|dark",
		"otsu, percentile, fluorescence: whether cells are brighter or darker than the background" },
	{ "scale", C5_OPT_REAL, offsetof(c5_segment_params, scale), "1", 0, 1000, NULL, NULL, "factor on the threshold found" },
	{ "threshold", C5_OPT_CHOICE, offsetof(c5_segment_params, threshold), "otsu", 0, 0, NULL, THRESHOLDS, "fluorescence: how the threshold is found" },
	{ "background", C5_OPT_INT, offsetof(c5_segment_params, background), "0", 0, C5_FILTER_RADIUS_MAX, "px", NULL,
		"fluorescence: half width of the window that finds the ground, larger than a cell; 0 leaves the ground" },
	{ "size", C5_OPT_INT, offsetof(c5_segment_params, size), "14", 2, 400, "px", NULL, "rods: width of a rod; fluorescence: of a body" },
	{ "low", C5_OPT_REAL, offsetof(c5_segment_params, low), "1.5", 0, 1000, NULL, NULL, "phase: roughness of cells, in units of the medium's noise" },
	{ "high", C5_OPT_REAL, offsetof(c5_segment_params, high), "7", 0, 1000, NULL, NULL, "phase: roughness that every cell has somewhere" },
	{ "closing", C5_OPT_INT, offsetof(c5_segment_params, closing), "4", 0, 100, "px", NULL, "phase: gaps bridged" },
	{ "halo", C5_OPT_INT, offsetof(c5_segment_params, halo), "5", 0, 100, "px", NULL, "phase: how deep the bright halo is taken off; 0 leaves it" },
	{ "max-hole", C5_OPT_INT, offsetof(c5_segment_params, max_hole), "1500", 0, 1e9, "px", NULL,
		"phase, fluorescence: larger holes stay open; 0 fills all" },
	{ "split", C5_OPT_REAL, offsetof(c5_segment_params, split), "0.75", 0, 1, NULL, NULL,
		"phase, rods, fluorescence: what is pinched to less than this share of its width is two; 0 never" },
	{ "min-area", C5_OPT_INT, offsetof(c5_segment_params, min_area), "-1", -1, 1e9, "px", NULL,
		"drop smaller objects; 0 keeps all, -1: by method, 300 (phase), 0 (labels, sesmo), 60 (others)" },
	{ "max-area", C5_OPT_INT, offsetof(c5_segment_params, max_area), "0", 0, 1e9, "px", NULL, "drop larger objects; 0 keeps all" },
	{ "min-solidity", C5_OPT_REAL, offsetof(c5_segment_params, min_solidity), "0", 0, 1, NULL, NULL, "drop objects more ragged than this; 0 keeps all" },
	{ "max-eccentricity", C5_OPT_REAL, offsetof(c5_segment_params, max_eccentricity), "1", 0, 1, NULL, NULL,
		"drop objects longer drawn out than this; 1 keeps all" },
	{ "border", C5_OPT_INT, offsetof(c5_segment_params, border), "-1", -1, 1e6, "px", NULL,
		"drop objects this near to the frame's edge; 0 those that touch it, -1 none" },
	{ "fill-holes", C5_OPT_BOOL, offsetof(c5_segment_params, fill_holes), "true", 0, 0, NULL, NULL,
		"fill holes in objects; deviation: up to (12 radius)^2 px" },
	{ 0 }
};

static const c5_method *const methods[] = { &c5_method_deviation, &c5_method_phase, &c5_method_rods, &c5_method_fluorescence, &c5_method_sesmo,
	&c5_method_labels, &c5_method_otsu, &c5_method_percentile };

size_t c5_method_larger(size_t a, size_t b) { return a > b ? a : b; }

FOR_CPUS void c5_method_cut(uint8_t *restrict mask, const float *restrict map, size_t n, float threshold, bool dark)
{
	if (dark)
		for (size_t i = 0; i < n; i++) mask[i] = map[i] < threshold;
	else
		for (size_t i = 0; i < n; i++) mask[i] = map[i] > threshold;
}

/* ---- opening ---- */

static int read_method(const char *name, const c5_method **method)
{
	for (size_t i = 0; name && i < sizeof methods / sizeof *methods; i++)
		if (!strcmp(name, methods[i]->name)) {
			*method = methods[i];
			return C5_OK;
		}
	return c5_fail(C5_EUSAGE, "segmentation method \"%s\" is none of " METHODS, name ? name : "");
}

static int read_threshold(const char *name, int *threshold)
{
	static const char *const names[] = { "otsu", "li", "triangle", "local" };
	for (int i = 0; name && i < 4; i++)
		if (!strcmp(name, names[i])) {
			*threshold = i;
			return C5_OK;
		}
	return c5_fail(C5_EUSAGE, "threshold \"%s\" is none of " THRESHOLDS, name ? name : "");
}

static int check(const c5_segment_params *p)
{
	if (!(p->sigma >= 0 && p->sigma <= 100) || p->radius < 0 || p->radius > C5_FILTER_RADIUS_MAX)
		return c5_fail(C5_EUSAGE, "sigma %g and radius %lld px: expected 0 to 100, and 0 to %d", p->sigma, (long long)p->radius,
			C5_FILTER_RADIUS_MAX);
	const struct { const char *name; int64_t value, most; } sizes[] = { { "size", p->size, 400 }, { "closing", p->closing, 100 },
		{ "halo", p->halo, 100 }, { "background", p->background, C5_FILTER_RADIUS_MAX } };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		if (sizes[i].value < 0 || sizes[i].value > sizes[i].most)
			return c5_fail(C5_EUSAGE, "%s %lld px: expected 0 to %lld", sizes[i].name, (long long)sizes[i].value, (long long)sizes[i].most);
	return C5_OK;
}

bool c5_segment_from_files(const c5_segment_params *params) { return params->method && !strcmp(params->method, c5_method_labels.name); }

int64_t c5_segment_min_area(const c5_segment_params *params)
{
	const c5_method *m = methods[0];
	if (params->min_area >= 0) return params->min_area;
	(void)read_method(params->method, &m);
	return m->min_area;
}

size_t c5_segmenter_bytes(const c5_segment_params *params, size_t height, size_t width)
{
	const c5_method *m = methods[0];
	(void)read_method(params->method, &m);
	const size_t pixel = sizeof(float) * (1 + (size_t)m->maps + m->basins) + 1 + m->spare;
	return sizeof(c5_segmenter) + height * width * pixel + m->scratch(params, height, width);
}

int c5_segmenter_open(c5_segmenter **out, const c5_segment_params *params, size_t height, size_t width)
{
	c5_segmenter *s = NULL;
	int err;
	*out = NULL;
	if (!height || !width || width > INT32_MAX || height > INT32_MAX / width)
		return c5_fail(C5_EINPUT, "frame of %zu x %zu pixels cannot be segmented: 1 to 2^31 - 1 pixels expected", height, width);
	if ((err = check(params)) < 0) return err;
	if ((err = c5_alloc(&s, 1, sizeof *s)) < 0) return err;
	if ((err = read_method(params->method, &s->method)) < 0 || (err = read_threshold(params->threshold, &s->threshold)) < 0) goto done;
	if (s->method->basins && (height > 32767 || width > 32767)) {
		err = c5_fail(C5_EINPUT, "frame of %zu x %zu pixels: method %s takes up to 32767 each way; segment it as tiles", height, width, s->method->name);
		goto done;
	}
	s->height = height, s->width = width, s->n = height * width;
	s->set = *params;
	s->set.channel = s->set.method = s->set.labels = s->set.foreground = s->set.threshold = NULL;
	s->set.min_area = c5_segment_min_area(params);
	s->dark = params->foreground && !strcmp(params->foreground, "dark");
	s->rules = (c5_label_rules){ 8, params->fill_holes, 0, s->set.min_area, params->max_area, params->border };
	if ((err = c5_alloc_aligned(&s->smooth, s->n, sizeof *s->smooth)) < 0) goto done;
	for (int k = 0; k < s->method->maps; k++)
		if ((err = c5_alloc_aligned(&s->map[k], s->n, sizeof *s->map[k])) < 0) goto done;
	if ((err = c5_alloc_aligned(&s->mask, s->n, 1)) < 0) goto done;
	if (s->method->spare && (err = c5_alloc_aligned(&s->spare, s->n, 1)) < 0) goto done;
	if (s->method->basins && (err = c5_alloc_aligned(&s->basins, s->n, sizeof *s->basins)) < 0) goto done;
	if ((err = c5_alloc_aligned(&s->scratch, s->method->scratch(params, height, width), 1)) < 0) goto done;
	*out = s;
done:
	if (err < 0) c5_segmenter_close(s);
	return err;
}

void c5_segmenter_close(c5_segmenter *s)
{
	if (!s) return;
	free(s->smooth);
	free(s->map[0]);
	free(s->map[1]);
	free(s->map[2]);
	free(s->mask);
	free(s->spare);
	free(s->basins);
	free(s->scratch);
	free(s);
}

/* ---- parting ---- */

size_t c5_method_part_bytes(size_t height, size_t width)
{
	return c5_method_larger(c5_label_bytes(height, width), c5_method_larger(c5_distance_bytes(height, width), c5_split_bytes(height, width)));
}

FOR_CPUS static void slope_down(float *restrict relief, const float *restrict distance, size_t n, float slope)
{
	for (size_t i = 0; i < n; i++) relief[i] -= slope * distance[i];
}

int c5_method_part(c5_segmenter *s, float *relief, const float *tone, double slope, double depth, double ridge, uint32_t *labels, uint32_t *objects)
{
	uint32_t n;
	int err;
	if (!(s->set.split > 0)) {
		*objects = c5_label_mask(labels, s->mask, s->height, s->width, &C5_LABEL_ALL, s->scratch);
		return C5_OK;
	}
	c5_distance_squared(s->basins, s->mask, s->height, s->width, s->scratch);
	c5_distance_root(s->map[1], s->basins, s->height, s->width);
	if (!relief) {
		relief = s->map[0];
		memset(relief, 0, s->n * sizeof *relief);
	}
	slope_down(relief, s->map[1], s->n, (float)slope);
	const c5_split_rules rules = { s->set.split, (double)s->set.min_area, depth, ridge };
	if ((err = c5_split_mask(labels, &n, s->mask, relief, s->map[1], tone, s->height, s->width, &rules, s->scratch)) < 0) return err;
	*objects = n;
	return C5_OK;
}

/* ---- a frame ---- */

/* Takes out labels whose shape is not wanted. */
static int drop_shapes(const c5_segmenter *s, uint32_t *labels, uint32_t n)
{
	c5_region *regions = NULL;
	int err;
	if (!n || (s->set.min_solidity <= 0 && s->set.max_eccentricity >= 1)) return C5_OK;
	if ((err = c5_alloc(&regions, n, sizeof *regions)) < 0 || (err = c5_regions_measure(labels, s->height, s->width, n, regions)) < 0) goto done;
	for (size_t i = 0; i < s->n; i++) {
		if (!labels[i]) continue;
		const c5_region *r = &regions[labels[i] - 1];
		if (r->solidity < s->set.min_solidity || r->eccentricity > s->set.max_eccentricity) labels[i] = 0;
	}
	err = C5_OK;
done:
	free(regions);
	return err;
}

/* What is left to do when every object has its label. */
static int settle(const c5_segmenter *s, const c5_filter_stats *stats, uint32_t *labels, uint32_t objects, double threshold,
	c5_segment_summary *summary)
{
	uint32_t *counts = NULL;
	size_t covered = 0;
	int err;
	if (objects) {
		if ((err = drop_shapes(s, labels, objects)) < 0 || (err = c5_alloc(&counts, 2 * ((size_t)objects + 1), sizeof *counts)) < 0) return err;
		objects = c5_label_filter(labels, s->height, s->width, objects, &s->rules, counts);
		free(counts);
	}
	if (!summary) return C5_OK;
	for (size_t i = 0; i < s->n; i++) covered += labels[i] != 0;
	*summary = (c5_segment_summary){ objects, threshold, (double)covered / (double)s->n, stats->mean, stats->sd };
	return C5_OK;
}

static bool is_gap(int dtype, const void *pixels, size_t i)
{
	return dtype == C5_F32 ? !isfinite(((const float *)pixels)[i]) : !isfinite(((const double *)pixels)[i]);
}

/* Pixels without a number get the frame's median, which is ground: at its minimum they would look like a thing with a sharp rim. */
static int fill_gaps(c5_segmenter *s, int dtype, const void *pixels)
{
	uint32_t *scratch = NULL;
	double median;
	size_t i = 0;
	int err;
	if (dtype != C5_F32 && dtype != C5_F64) return C5_OK;
	while (i < s->n && !is_gap(dtype, pixels, i)) i++;
	if (i == s->n) return C5_OK;
	if ((err = c5_alloc(&scratch, C5_THRESHOLD_BYTES, 1)) == C5_OK &&
	    (err = c5_threshold_percentile(dtype, pixels, s->n, 50, scratch, &median)) == C5_OK)
		for (; i < s->n; i++)
			if (is_gap(dtype, pixels, i)) s->smooth[i] = (float)fmin(C5_FILTER_LIMIT, fmax(-C5_FILTER_LIMIT, median));
	free(scratch);
	return err;
}

int c5_segment_frame(c5_segmenter *s, int dtype, const void *pixels, uint32_t *labels, c5_segment_summary *summary)
{
	c5_filter_stats stats;
	double threshold = 0;
	uint32_t objects = 0;
	int err;
	if (!s->method->run) return c5_fail(C5_EUSAGE, "method %s takes masks from files, which are not at hand here", s->method->name);
	if ((err = c5_filter_to_float(s->smooth, dtype, pixels, s->n, &stats)) < 0) return err;
	if ((err = fill_gaps(s, dtype, pixels)) < 0) return err;
	memset(labels, 0, s->n * sizeof *labels); /* whatever the settings: a frame of one value shows nothing */
	if (stats.max > stats.min && (err = s->method->run(s, dtype, pixels, &stats, labels, &objects, &threshold)) < 0) return err;
	return settle(s, &stats, labels, objects, threshold, summary);
}

int c5_segment_given(c5_segmenter *s, int dtype, const void *pixels, uint32_t *labels, uint32_t n, c5_segment_summary *summary)
{
	c5_filter_stats stats;
	int err = c5_filter_to_float(s->smooth, dtype, pixels, s->n, &stats);
	return err < 0 ? err : settle(s, &stats, labels, n, NAN, summary);
}
