/* phase.c – methods for phase contrast.
 *
 * `phase`: spread cells, whose bodies have nearly the medium's grey value. The frame is put in units of the medium's noise (its median and
 * median deviation: cells are the minority). Cells are where the local deviation exceeds `low` and somewhere `high`; gaps up to `closing` are
 * bridged, the window's excess is taken back. The mask then holds the bright halo too: bright pixels that reach the mask's rim without
 * a break go, down to `halo` px; bright spots inside a cell stay.
 *
 * `rods`: dark bodies side by side, bacteria above all. A body is darker than medium, or than the bright line to its neighbour (positive
 * Laplacian); the grey value and the distance to the body's rim together are the relief it is parted by, so that bodies whose contact is
 * saturated black still part where they are pinched. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/distance.h"
#include "image/morphology.h"
#include "image/threshold.h"
#include "segment/method.h"
#include "segment/split.h"

#define MAD_TO_SD 1.4826f /* of a normal distribution */
#define CLIP 15.f         /* noise units; glare must not widen what surrounds it */
#define BRIGHT 2.f        /* noise units from which a pixel may be halo */
#define SMOOTHING 2       /* px: thorns thinner than twice this go */
#define GLARE 0.05        /* of the pinch, for each noise unit that the line between two bodies is brighter than both */

static size_t excess(const c5_segment_params *set) { return (size_t)set->radius * 3 / 4; }

FOR_CPUS static void away_from(float *restrict out, const float *restrict in, size_t n, float centre)
{
	for (size_t i = 0; i < n; i++) out[i] = fabsf(in[i] - centre);
}

FOR_CPUS static void in_units(float *map, size_t n, float centre, float unit)
{
	const float scale = 1 / unit;
	for (size_t i = 0; i < n; i++) {
		float v = (map[i] - centre) * scale;
		map[i] = v > CLIP ? CLIP : v < -CLIP ? -CLIP : v;
	}
}

/* ---- phase ---- */

static size_t phase_scratch(const c5_segment_params *set, size_t height, size_t width)
{
	size_t n = c5_filter_local_bytes(width, (size_t)set->radius);
	n = c5_method_larger(n, c5_filter_gaussian_bytes(height, width, set->sigma));
	n = c5_method_larger(n, c5_morphology_bytes(height, width, (size_t)(set->closing + set->halo) + excess(set) + SMOOTHING));
	n = c5_method_larger(n, c5_method_part_bytes(height, width));
	n = c5_method_larger(n, height * width * sizeof(uint32_t));
	return c5_method_larger(n, c5_label_bytes(height, width));
}

/* Components of the mask (8 neighbours) without a pixel above `high` in the map go. */
static void keep_strong(c5_segmenter *s, const float *map, float high)
{
	const uint32_t n = c5_label_mask(s->basins, s->mask, s->height, s->width, &C5_LABEL_ALL, s->scratch);
	uint8_t *strong = s->scratch;
	memset(strong, 0, (size_t)n + 1);
	for (size_t i = 0; i < s->n; i++)
		if (s->basins[i] && map[i] > high) strong[s->basins[i]] = 1;
	for (size_t i = 0; i < s->n; i++) s->mask[i] = s->basins[i] && strong[s->basins[i]];
}

FOR_CPUS static void bright_rim(uint8_t *restrict rim, const uint8_t *restrict mask, const float *restrict map, size_t n)
{
	for (size_t i = 0; i < n; i++) rim[i] = (uint8_t)(mask[i] & (rim[i] ^ 1) & (map[i] > BRIGHT));
}

/* Takes the bright pixels away that reach the outside within `depth` px of the mask's rim. */
static void peel(c5_segmenter *s, const float *grey, size_t depth)
{
	uint8_t *mask = s->mask, *rim = s->spare;
	const size_t h = s->height, w = s->width;
	uint32_t *stack = s->scratch;
	memcpy(rim, mask, s->n);
	c5_morphology_erode(rim, h, w, depth, s->scratch);
	bright_rim(rim, mask, grey, s->n);
	size_t top = 0;
	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++) {
			const size_t i = y * w + x;
			if (!rim[i]) continue;
			bool outer = false;
			for (size_t v = y ? y - 1 : 0; v <= y + 1 && v < h; v++)
				for (size_t u = x ? x - 1 : 0; u <= x + 1 && u < w; u++) outer |= !mask[v * w + u];
			if (outer) rim[i] = 2, stack[top++] = (uint32_t)i; /* the mask itself is left alone until all are found */
		}
	while (top) {
		const size_t i = stack[--top], x = i % w;
		if (x && rim[i - 1] == 1) rim[i - 1] = 2, stack[top++] = (uint32_t)(i - 1);
		if (x + 1 < w && rim[i + 1] == 1) rim[i + 1] = 2, stack[top++] = (uint32_t)(i + 1);
		if (i >= w && rim[i - w] == 1) rim[i - w] = 2, stack[top++] = (uint32_t)(i - w);
		if (i + w < s->n && rim[i + w] == 1) rim[i + w] = 2, stack[top++] = (uint32_t)(i + w);
	}
	for (size_t i = 0; i < s->n; i++) mask[i] &= rim[i] != 2;
}

static int run_phase(c5_segmenter *s, int dtype, const void *pixels, const c5_filter_stats *stats, uint32_t *labels, uint32_t *objects,
	double *threshold)
{
	const size_t h = s->height, w = s->width, n = s->n;
	double medium, noise;
	int err;
	if ((err = c5_threshold_percentile(dtype, pixels, n, 50, s->scratch, &medium)) < 0) return err;
	away_from(s->map[0], s->smooth, n, (float)medium);
	if ((err = c5_threshold_percentile(C5_F32, s->map[0], n, 50, s->scratch, &noise)) < 0) return err;
	noise *= (double)MAD_TO_SD;
	if (!(noise > 0)) noise = stats->sd / 10; /* most of the frame has one value: drawn, or clipped */
	if (!(noise > 0) || noise < 1e-30) return C5_OK;
	in_units(s->smooth, n, (float)medium, (float)noise);
	c5_filter_local(NULL, s->map[0], s->smooth, h, w, (size_t)s->set.radius, s->scratch);
	c5_method_cut(s->mask, s->map[0], n, (float)s->set.low, false);
	*threshold = s->set.low * noise;
	c5_morphology_dilate(s->mask, h, w, (size_t)s->set.closing, s->scratch);
	c5_morphology_erode(s->mask, h, w, (size_t)s->set.closing + excess(&s->set), s->scratch);
	keep_strong(s, s->map[0], (float)s->set.high);
	if (s->rules.fill_holes) c5_label_fill_holes(s->mask, h, w, s->set.max_hole, s->scratch);
	c5_filter_gaussian(s->smooth, s->smooth, h, w, s->set.sigma, s->scratch);
	if (s->set.halo > 0) peel(s, s->smooth, (size_t)s->set.halo);
	c5_morphology_open(s->mask, h, w, SMOOTHING, s->scratch);
	if (s->rules.fill_holes) c5_label_fill_holes(s->mask, h, w, s->set.max_hole, s->scratch);
	return c5_method_part(s, NULL, s->smooth, 1, 1, GLARE, labels, objects);
}

const c5_method c5_method_phase = { "phase", 2, true, true, 300, phase_scratch, run_phase };

/* ---- rods ---- */

/* All relative: to the medium's height above the darkest pixels, or (LINE ..) to the frame's span. */
#define BODY 1.1f    /* a body has a pixel, or a basin, darker than this */
#define RIM 1.6f     /* and none brighter than this */
#define CONTRAST 0.6 /* somewhere near a body it is this much brighter than in it */
#define LINE -0.04f  /* least Laplacian of a body: below it lies the line between two */
#define EDGE 0.02f   /* least Laplacian of pixels that are not dark */
#define SLOPE 0.02   /* how much a pixel of distance counts in the relief */
#define DEPTH 0.015
#define RIDGE 0.2
#define DARK 0.85     /* mean grey value of a body: below this */
#define CURVED 0.02   /* mean Laplacian of a body: ground, however uneven, is flatter */

static double line_sigma(const c5_segment_params *set) { return (double)set->size / 7; }
static size_t reach(const c5_segment_params *set) { return (size_t)(set->size * 2 / 3); }

static size_t rods_scratch(const c5_segment_params *set, size_t height, size_t width)
{
	size_t n = c5_filter_gaussian_bytes(height, width, set->sigma);
	n = c5_method_larger(n, c5_filter_gaussian_bytes(height, width, line_sigma(set)));
	n = c5_method_larger(n, c5_morphology_window_bytes(height, width, reach(set)));
	n = c5_method_larger(n, c5_method_part_bytes(height, width));
	return c5_method_larger(n, c5_label_bytes(height, width));
}

/* out = scale times the Laplacian, the mean of the upright and the slanting cross. */
FOR_CPUS static void laplace_row(float *restrict out, const float *up, const float *row, const float *down, size_t width, float scale)
{
	for (size_t x = 1; x + 1 < width; x++) {
		const float edges = up[x] + down[x] + *(row + x - 1) + row[x + 1], corners = *(up + x - 1) + up[x + 1] + *(down + x - 1) + down[x + 1];
		out[x] = ((4 * edges + corners) / 6 - row[x] * (20.f / 6)) * scale;
	}
}

static void laplace(float *out, const float *in, size_t height, size_t width, float scale)
{
	memset(out, 0, height * width * sizeof *out);
	if (width < 3) return;
	for (size_t y = 0; y < height; y++) {
		const float *row = in + y * width, *up = y ? row - width : row, *down = y + 1 < height ? row + width : row;
		laplace_row(out + y * width, up, row, down, width, scale);
		out[y * width] = out[y * width + 1];
		out[y * width + width - 1] = out[y * width + width - 2];
	}
}

FOR_CPUS static void bodies(uint8_t *restrict mask, const float *restrict grey, const float *restrict curve, const float *restrict lowest,
	const float *restrict highest, size_t n, float rim, float dark, float line, float edge, float contrast)
{
	for (size_t i = 0; i < n; i++)
		mask[i] = (uint8_t)((grey[i] < rim) & (curve[i] > line) & ((curve[i] > edge) | (grey[i] < dark)) & (highest[i] - lowest[i] > contrast));
}

/* Takes out labels whose mean Laplacian is not above `curved`, or whose mean grey value is not below `dark`. */
static int drop_ground(uint32_t *labels, uint32_t count, const float *curve, const float *grey, size_t n, double curved, double dark)
{
	double *bend = NULL, *tone = NULL;
	int err;
	if ((err = c5_alloc(&bend, (size_t)count + 1, sizeof *bend)) < 0 || (err = c5_alloc(&tone, (size_t)count + 1, sizeof *tone)) < 0) goto done;
	for (size_t i = 0; i < n; i++)
		if (labels[i]) bend[labels[i]] += (double)curve[i] - curved, tone[labels[i]] += (double)grey[i] - dark;
	for (size_t i = 0; i < n; i++)
		if (!(bend[labels[i]] > 0 && tone[labels[i]] < 0)) labels[i] = 0;
	err = C5_OK;
done:
	free(bend);
	free(tone);
	return err;
}

static int run_rods(c5_segmenter *s, int dtype, const void *pixels, const c5_filter_stats *stats, uint32_t *labels, uint32_t *objects,
	double *threshold)
{
	const size_t h = s->height, w = s->width, n = s->n;
	const double edge_sigma = line_sigma(&s->set);
	double medium, darkest, brightest;
	int err;
	(void)stats;
	if ((err = c5_threshold_percentile(dtype, pixels, n, 50, s->scratch, &medium)) < 0) return err;
	if ((err = c5_threshold_percentile(dtype, pixels, n, 0.1, s->scratch, &darkest)) < 0) return err;
	if ((err = c5_threshold_percentile(dtype, pixels, n, 99.9, s->scratch, &brightest)) < 0) return err;
	const float unit = (float)(medium - darkest), span = (float)(brightest - darkest);
	if (!(unit > 0) || !(span > 0)) return C5_OK;
	float *grey = s->smooth, *curve = s->map[2], *relief = s->map[0], *other = s->map[1], *lowest = (float *)s->basins;
	c5_filter_gaussian(other, s->smooth, h, w, edge_sigma, s->scratch);
	laplace(curve, other, h, w, (float)(edge_sigma * edge_sigma));
	c5_filter_gaussian(grey, s->smooth, h, w, s->set.sigma, s->scratch);
	c5_morphology_max(other, grey, h, w, reach(&s->set), s->scratch);
	c5_morphology_min(lowest, grey, h, w, reach(&s->set), s->scratch);
	*threshold = darkest + (double)(unit * RIM) * s->set.scale;
	bodies(s->mask, grey, curve, lowest, other, n, (float)*threshold, (float)(darkest + (double)(unit * BODY)), LINE * span, EDGE * span,
		(float)CONTRAST * unit);
	memcpy(relief, grey, n * sizeof *relief);
	if ((err = c5_method_part(s, relief, grey, SLOPE * (double)span, DEPTH * (double)span, RIDGE / (double)unit, labels, objects)) < 0) return err;
	return drop_ground(labels, *objects, curve, grey, n, CURVED * (double)span, darkest + DARK * (double)unit);
}

const c5_method c5_method_rods = { "rods", 3, false, true, 60, rods_scratch, run_rods };
