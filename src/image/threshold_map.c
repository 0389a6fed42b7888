/* threshold_map.c – thresholds of float maps that do not fit Otsu's picture of two humps: see threshold.h. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "image/filter.h"
#include "image/threshold.h"

/* Li's iteration as skimage.filters.threshold_li runs it, on values above the smallest. The tolerance there is half of the smallest step between
 * two values; here a step of 2^-24 of the span, which is as fine as floats are. */
int c5_threshold_li(const float *map, size_t n, double *threshold)
{
	float lo, hi;
	c5_filter_range(map, n, &lo, &hi);
	*threshold = (double)lo;
	if (!(hi > lo)) return C5_OK;
	double sum = 0;
	for (size_t i = 0; i < n; i++) sum += (double)map[i] - (double)lo;
	const double tolerance = ((double)hi - (double)lo) / (1 << 24);
	double now = sum / (double)n, last;
	int turns = 0;
	do {
		double below = 0;
		size_t n_below = 0;
		for (size_t i = 0; i < n; i++) {
			const double v = (double)map[i] - (double)lo;
			if (v <= now) below += v, n_below++;
		}
		last = now;
		if (n_below == n) break;
		const double back = below / (double)n_below, front = (sum - below) / (double)(n - n_below);
		if (!(back > 0)) break;
		now = (back - front) / (log(back) - log(front));
	} while (fabs(now - last) > tolerance && ++turns < 1000);
	*threshold = now + (double)lo;
	return C5_OK;
}

/* Zack's triangle as skimage.filters.threshold_triangle draws it, on 256 bins between minimum and maximum. */
int c5_threshold_triangle(const float *map, size_t n, void *scratch, double *threshold)
{
	uint32_t *counts = scratch;
	float lo, hi;
	enum { BINS = C5_THRESHOLD_BINS };
	if (n > UINT32_MAX) return c5_fail(C5_EINPUT, "frame of %zu pixels, up to %u can be thresholded", n, UINT32_MAX);
	c5_filter_range(map, n, &lo, &hi);
	*threshold = (double)lo;
	if (!(hi > lo)) return C5_OK;
	const double step = ((double)hi - (double)lo) / BINS;
	memset(counts, 0, BINS * sizeof *counts);
	for (size_t i = 0; i < n; i++) {
		const int k = (int)(((double)map[i] - (double)lo) / step);
		counts[k < BINS ? k : BINS - 1]++;
	}
	int peak = 0, first = BINS, last = 0;
	for (int k = 0; k < BINS; k++) {
		if (!counts[k]) continue;
		if (counts[k] > counts[peak]) peak = k;
		if (first == BINS) first = k;
		last = k;
	}
	const int flip = peak - first < last - peak; /* the long tail is to the right */
	const int top = flip ? BINS - 1 - peak : peak, low = flip ? BINS - 1 - last : first;
	double best = -1, width = top - low, height = counts[peak];
	const double norm = sqrt(width * width + height * height);
	int level = low;
	for (int k = 0; k < top - low; k++) {
		const int bin = low + k;
		const double away = height / norm * k - width / norm * counts[flip ? BINS - 1 - bin : bin];
		if (away > best) best = away, level = bin;
	}
	if (flip) level = BINS - 1 - level;
	*threshold = (double)lo + (level + 0.5) * step;
	return C5_OK;
}
