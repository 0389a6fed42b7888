/* threshold.c – see threshold.h. */
#include "image/threshold.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/cpus.h"
#include "image/filter.h"
#include "image/keys.h"

#define VALUES 65536
#define BLOCK 1024

/* The pixel's value; NAN for one that is not finite. */
static inline double value_at(int dtype, const void *pixels, size_t i)
{
	double v;
	switch (dtype) {
	case C5_U8: return ((const uint8_t *)pixels)[i];
	case C5_U16: return ((const uint16_t *)pixels)[i];
	case C5_U32: return ((const uint32_t *)pixels)[i];
	case C5_I8: return ((const int8_t *)pixels)[i];
	case C5_I16: return ((const int16_t *)pixels)[i];
	case C5_I32: return ((const int32_t *)pixels)[i];
	case C5_F32: v = (double)((const float *)pixels)[i]; break;
	default: v = ((const double *)pixels)[i]; break;
	}
	return isfinite(v) ? v : (double)NAN;
}

/* ---- Otsu ---- */

/* Bin with the largest between-class variance; sums of counts times bin number are whole numbers, so no rounding blurs ties. */
static size_t otsu_bin(const uint32_t *counts, size_t bins)
{
	uint64_t all = 0, moment = 0, below = 0, moment_below = 0;
	size_t best = 0;
	double most = -1;
	for (size_t i = 0; i < bins; i++) all += counts[i], moment += (uint64_t)counts[i] * i;
	for (size_t i = 0; i + 1 < bins; i++) {
		below += counts[i], moment_below += (uint64_t)counts[i] * i;
		if (!below || below == all) continue;
		double n1 = (double)below, n2 = (double)(all - below);
		double apart = (double)moment_below / n1 - (double)(moment - moment_below) / n2;
		double variance = n1 * n2 * (apart * apart);
		if (variance > most) most = variance, best = i;
	}
	return best;
}

FOR_CPUS static void bins_of(uint8_t *restrict bin, const float *restrict in, size_t n, float min, float scale)
{
	for (size_t i = 0; i < n; i++) {
		int k = (int)((in[i] - min) * scale);
		bin[i] = (uint8_t)(k < C5_THRESHOLD_BINS ? k : C5_THRESHOLD_BINS - 1);
	}
}

/* Four tables in turn, so that neighbouring equal pixels do not wait for each other. */
static void count_f32(uint32_t *counts, const float *in, size_t n, float min, float scale)
{
	uint8_t bin[BLOCK];
	memset(counts, 0, 4 * C5_THRESHOLD_BINS * sizeof *counts);
	for (size_t at = 0; at < n; at += BLOCK) {
		size_t m = n - at < BLOCK ? n - at : BLOCK, i = 0;
		bins_of(bin, in + at, m, min, scale);
		for (; i + 4 <= m; i += 4) {
			counts[bin[i]]++;
			counts[C5_THRESHOLD_BINS + bin[i + 1]]++;
			counts[2 * C5_THRESHOLD_BINS + bin[i + 2]]++;
			counts[3 * C5_THRESHOLD_BINS + bin[i + 3]]++;
		}
		for (; i < m; i++) counts[bin[i]]++;
	}
	for (size_t k = 0; k < C5_THRESHOLD_BINS; k++)
		counts[k] += counts[C5_THRESHOLD_BINS + k] + counts[2 * C5_THRESHOLD_BINS + k] + counts[3 * C5_THRESHOLD_BINS + k];
}

FOR_CPUS static bool any_nan(const float *in, size_t n)
{
	uint32_t bad = 0;
	for (size_t i = 0; i < n; i++) bad |= in[i] != in[i];
	return bad;
}

int c5_threshold_otsu(int dtype, const void *pixels, size_t n, void *scratch, double *threshold)
{
	uint32_t *counts = scratch;
	double min = INFINITY, max = -INFINITY;
	*threshold = 0;
	if (!c5_dtype_size(dtype)) return c5_fail(C5_EFAIL, "pixel type %d is none of those known", dtype);
	if (n > UINT32_MAX) return c5_fail(C5_EINPUT, "frame of %zu pixels, up to %u can be thresholded", n, UINT32_MAX);
	bool clean = false; /* floats without a non-finite pixel: the fast way */
	if (dtype == C5_F32 && n) {
		float lo, hi;
		c5_filter_range(pixels, n, &lo, &hi);
		clean = isfinite(lo) && isfinite(hi);
		clean = clean && !any_nan(pixels, n);
		min = (double)lo, max = (double)hi;
	}
	if (!clean) {
		min = INFINITY, max = -INFINITY;
		for (size_t i = 0; i < n; i++) {
			double v = value_at(dtype, pixels, i);
			if (v < min) min = v;
			if (v > max) max = v;
		}
	}
	if (!(min <= max)) return C5_OK;
	*threshold = min;
	double scale = C5_THRESHOLD_BINS / (max - min);
	bool whole = dtype != C5_F32 && dtype != C5_F64 && max - min < VALUES;
	size_t bins = whole ? (size_t)(max - min) + 1 : C5_THRESHOLD_BINS;
	if (!(max > min) || !isfinite(scale) || !(scale > 0)) return C5_OK;
	if (clean && isfinite((float)scale)) {
		count_f32(counts, pixels, n, (float)min, (float)scale);
	} else {
		memset(counts, 0, bins * sizeof *counts);
		for (size_t i = 0; i < n; i++) {
			double v = value_at(dtype, pixels, i);
			if (isnan(v)) continue;
			size_t k = (size_t)(whole ? v - min : (v - min) * scale);
			counts[k < bins ? k : bins - 1]++;
		}
	}
	size_t best = otsu_bin(counts, bins);
	*threshold = whole ? min + (double)best : min + (max - min) * ((double)best + 0.5) / C5_THRESHOLD_BINS;
	return C5_OK;
}

/* ---- percentile ---- */

/* Radix select looks at 16 bits of a key a pass. */

/* Keys from lo to hi, ends included, are finite. */
static void finite_keys(int dtype, uint64_t *lo, uint64_t *hi)
{
	*lo = 0, *hi = UINT64_MAX;
	if (dtype == C5_F32) *lo = 0x00800000u, *hi = 0xff7fffffu;
	if (dtype == C5_F64) *lo = 0x0010000000000000u, *hi = 0xffefffffffffffffu;
}

/* Inlined into a switch over the types: the inner loops know theirs. */
static inline __attribute__((always_inline)) double percentile(int dtype, const void *pixels, size_t n, double percent, uint32_t *counts)
{
	const int bits = (int)(8 * c5_dtype_size(dtype)), passes = (bits + 15) / 16;
	uint64_t lo, hi, prefix = 0, finite = 0, next = UINT64_MAX;
	finite_keys(dtype, &lo, &hi);
	double at = 0;
	uint64_t rank = 0;
	for (int pass = passes - 1; pass >= 0; pass--) {
		const int shift = 16 * pass;
		memset(counts, 0, VALUES * sizeof *counts);
		for (size_t i = 0; i < n; i++) {
			uint64_t key = c5_key_at(dtype, pixels, i);
			if (key < lo || key > hi) continue;
			if (pass < passes - 1 && key >> shift >> 16 != prefix) continue;
			counts[key >> shift & (VALUES - 1)]++;
		}
		if (pass == passes - 1) {
			for (size_t k = 0; k < VALUES; k++) finite += counts[k];
			if (!finite) return 0;
			at = percent / 100 * (double)(finite - 1);
			rank = (uint64_t)at;
			at -= (double)rank;
		}
		size_t k = 0;
		while (rank >= counts[k]) rank -= counts[k++];
		prefix = prefix << 16 | k;
	}
	double a = c5_key_value(dtype, prefix), b = a;
	if (at > 0 && rank + 1 >= counts[prefix & (VALUES - 1)]) {
		for (size_t i = 0; i < n; i++) {
			uint64_t key = c5_key_at(dtype, pixels, i);
			if (key > prefix && key <= hi && key < next) next = key;
		}
		if (next != UINT64_MAX) b = c5_key_value(dtype, next);
	}
	return at < 0.5 ? a + (b - a) * at : b - (b - a) * (1 - at);
}

int c5_threshold_percentile(int dtype, const void *pixels, size_t n, double percent, void *scratch, double *value)
{
	*value = 0;
	if (n > UINT32_MAX) return c5_fail(C5_EINPUT, "frame of %zu pixels, up to %u can be thresholded", n, UINT32_MAX);
	percent = percent > 0 ? percent < 100 ? percent : 100 : 0;
	switch (dtype) {
	case C5_U8: *value = percentile(C5_U8, pixels, n, percent, scratch); break;
	case C5_U16: *value = percentile(C5_U16, pixels, n, percent, scratch); break;
	case C5_U32: *value = percentile(C5_U32, pixels, n, percent, scratch); break;
	case C5_I8: *value = percentile(C5_I8, pixels, n, percent, scratch); break;
	case C5_I16: *value = percentile(C5_I16, pixels, n, percent, scratch); break;
	case C5_I32: *value = percentile(C5_I32, pixels, n, percent, scratch); break;
	case C5_F32: *value = percentile(C5_F32, pixels, n, percent, scratch); break;
	case C5_F64: *value = percentile(C5_F64, pixels, n, percent, scratch); break;
	default: return c5_fail(C5_EFAIL, "pixel type %d is none of those known", dtype);
	}
	return C5_OK;
}
