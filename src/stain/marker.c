/* marker.c – see marker.h. */
#include "stain/marker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/label.h"

static double value_at(int dtype, const void *pixels, size_t i)
{
	switch (dtype) {
	case C5_U8: return ((const uint8_t *)pixels)[i];
	case C5_U16: return ((const uint16_t *)pixels)[i];
	case C5_U32: return ((const uint32_t *)pixels)[i];
	case C5_I8: return ((const int8_t *)pixels)[i];
	case C5_I16: return ((const int16_t *)pixels)[i];
	case C5_I32: return ((const int32_t *)pixels)[i];
	case C5_F32: return (double)((const float *)pixels)[i];
	case C5_F64: return ((const double *)pixels)[i];
	default: return (double)NAN;
	}
}

void c5_marker_start(c5_marker_counts *c, int dtype, const double range[2])
{
	memset(c, 0, sizeof *c);
	c->width = 1;
	switch (dtype) {
	case C5_U8: c->hi = UINT8_MAX; break;
	case C5_I8: c->lo = INT8_MIN, c->hi = INT8_MAX; break;
	case C5_U16: c->hi = UINT16_MAX; break;
	case C5_I16: c->lo = INT16_MIN, c->hi = INT16_MAX; break;
	default:
		if (range) c->lo = range[0], c->hi = range[1];
		if (c->hi > c->lo) c->width = (c->hi - c->lo) / (C5_MARKER_BINS - 1);
	}
}

void c5_marker_count(c5_marker_counts *c, int dtype, const void *pixels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double v = value_at(dtype, pixels, i);
		if (!isfinite(v)) continue;
		double at = (v - c->lo) / c->width;
		c->bin[at <= 0 ? 0 : at >= C5_MARKER_BINS - 1 ? C5_MARKER_BINS - 1 : (size_t)at]++;
		c->n++;
		c->saturated += v >= c->hi;
	}
}

/* The upper edge of a bin: what lies above is in a later one. */
static double upper(const c5_marker_counts *c, size_t bin) { return c->width == 1 ? c->lo + (double)bin : c->lo + (double)(bin + 1) * c->width; }

/* Bin with the largest variance between the sides; the middle of equally good ones, as gaps between two peaks are. */
static size_t otsu_bin(const c5_marker_counts *c)
{
	double all = (double)c->n, moment = 0, below = 0, moment_below = 0, most = -1;
	size_t first = 0, last = 0;
	for (size_t i = 0; i < C5_MARKER_BINS; i++) moment += (double)c->bin[i] * (double)i;
	for (size_t i = 0; i + 1 < C5_MARKER_BINS; i++) {
		below += (double)c->bin[i], moment_below += (double)c->bin[i] * (double)i;
		if (below <= 0 || below >= all) continue;
		double apart = moment_below / below - (moment - moment_below) / (all - below), variance = below * (all - below) * (apart * apart);
		if (variance > most) most = variance, first = last = i;
		else if (c->bin[i] == 0 && last + 1 == i && variance >= most) last = i;
	}
	if (most < 0) { /* one value only */
		while (first + 1 < C5_MARKER_BINS && !c->bin[first]) first++;
		return first;
	}
	return first + (last - first) / 2;
}

static size_t percentile_bin(const c5_marker_counts *c, double percent)
{
	double want = (double)c->n * percent / 100;
	uint64_t below = 0;
	for (size_t i = 0; i < C5_MARKER_BINS; i++)
		if ((double)(below += c->bin[i]) >= want && below) return i;
	return C5_MARKER_BINS - 1;
}

/* What a split after `bin` separates: the sides' means apart, as a share of the whole variance. */
static void describe(c5_marker_found *out, const c5_marker_counts *c, size_t bin)
{
	double n = (double)c->n, mean = 0, variance = 0, above = 0, mean_above = 0;
	for (size_t i = 0; i < C5_MARKER_BINS; i++) mean += (double)c->bin[i] * (double)i;
	mean /= n;
	for (size_t i = 0; i < C5_MARKER_BINS; i++) {
		double d = (double)i - mean;
		variance += (double)c->bin[i] * (d * d);
		if (i > bin) above += (double)c->bin[i], mean_above += (double)c->bin[i] * d;
	}
	out->positive = above / n;
	out->saturated = (double)c->saturated / n;
	if (above > 0 && above < n && variance > 0) {
		double up = mean_above / above, down = -mean_above / (n - above);
		out->separation = (above * (up * up) + (n - above) * (down * down)) / variance;
	}
}

int c5_marker_threshold(c5_marker_found *out, const c5_marker_counts *c, int method, double value)
{
	size_t bin = 0;
	memset(out, 0, sizeof *out);
	if (c->n == 0) return c5_fail(C5_EINPUT, "no finite pixel to find the marker's threshold from");
	switch (method) {
	case C5_MARKER_OTSU: bin = otsu_bin(c); break;
	case C5_MARKER_PERCENTILE:
		if (!(value >= 0 && value <= 100)) return c5_fail(C5_EUSAGE, "percentile %g, expected 0 to 100", value);
		bin = percentile_bin(c, value);
		break;
	case C5_MARKER_HAND: {
		double at = floor((value - c->lo) / c->width);
		bin = at <= 0 ? 0 : at >= C5_MARKER_BINS - 1 ? C5_MARKER_BINS - 1 : (size_t)at;
		break;
	}
	default: return c5_fail(C5_EFAIL, "marker method %d is none of those known", method);
	}
	out->threshold = method == C5_MARKER_HAND ? value : upper(c, bin);
	describe(out, c, bin);
	return C5_OK;
}

void c5_marker_binarise(uint8_t *mask, int dtype, const void *pixels, size_t n, double threshold)
{
	for (size_t i = 0; i < n; i++) mask[i] = value_at(dtype, pixels, i) > threshold; /* NAN is not above */
}

int c5_marker_despeckle(uint8_t *mask, size_t height, size_t width, int64_t least)
{
	c5_label_rules rules = C5_LABEL_ALL;
	uint32_t *labels = NULL;
	void *scratch = NULL;
	int err;
	if (least <= 1) return C5_OK;
	rules.min_area = least;
	if ((err = c5_alloc_aligned(&labels, height * width, sizeof *labels)) < 0 ||
	    (err = c5_alloc_aligned(&scratch, c5_label_bytes(height, width), 1)) < 0) goto done;
	c5_label_mask(labels, mask, height, width, &rules, scratch);
	for (size_t i = 0; i < height * width; i++) mask[i] = labels[i] != 0;
done:
	free(scratch);
	free(labels);
	return err;
}
