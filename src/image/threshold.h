/* threshold.h – thresholds of a frame or of a map made from it. Pure functions; non-finite pixels are left out. */
#ifndef C5_IMAGE_THRESHOLD_H
#define C5_IMAGE_THRESHOLD_H

#include <stddef.h>
#include <stdint.h>

#define C5_THRESHOLD_BINS 256
#define C5_THRESHOLD_BYTES (65536 * sizeof(uint32_t)) /* scratch of the functions below that take one */

/* Otsu's threshold as skimage.filters.threshold_otsu finds it: one bin a value for integers whose values span at most 65536
 * (skimage: any span), else 256 bins between minimum and maximum; the answer is a bin's centre, the first of equally good ones.
 * A constant image gives its value, an empty one 0. n < 2^32. */
int c5_threshold_otsu(int dtype, const void *pixels, size_t n, void *scratch, double *threshold);

/* numpy.percentile(pixels, percent), linear interpolation; 0 when there is no pixel. percent is clipped to 0..100. n < 2^32. */
int c5_threshold_percentile(int dtype, const void *pixels, size_t n, double percent, void *scratch, double *value);

/* Of a finite float map: Li's minimum of cross entropy, and the triangle (skimage.filters.threshold_li, threshold_triangle). A constant map gives
 * its value. */
int c5_threshold_li(const float *map, size_t n, double *threshold);
int c5_threshold_triangle(const float *map, size_t n, void *scratch, double *threshold);

/* A threshold for each pixel, from the window of `block` x `block` pixels around it, after skimage.filters.threshold_local, threshold_niblack and
 * threshold_sauvola: the window's mean, median or Gaussian mean (standard deviation (block - 1) / 6), borders mirrored with the edge pixel
 * repeated; or mean - k sd (Niblack) and mean (1 + k (sd / range - 1)) (Sauvola), borders mirrored without. `offset` is taken off. out: (H, W),
 * in grey values. Pixels that are not finite count as the smallest that is. Means and deviations to 2^-20 of the map's span (filter.h).
 * C5_EUSAGE for an even or too large block, C5_ENOMEM. */
enum c5_threshold_kind { C5_LOCAL_GAUSSIAN, C5_LOCAL_MEAN, C5_LOCAL_MEDIAN, C5_LOCAL_NIBLACK, C5_LOCAL_SAUVOLA };
typedef struct c5_threshold_rules {
	int kind;           /* enum c5_threshold_kind */
	size_t block;       /* px, odd */
	double offset;      /* grey values */
	double k, range;    /* niblack, sauvola: 0.2 is usual; sauvola: half of the span of the pixels' type */
} c5_threshold_rules;
int c5_threshold_local(float *out, const float *map, size_t height, size_t width, const c5_threshold_rules *rules);

/* mask gets 1 where the map is above `low` and joined, over edges (connectivity 4: skimage.filters.apply_hysteresis_threshold) or corners
 * too (8), with a pixel above `high`; else 0. A NaN is above nothing; `low` counts as `high` where it is larger. C5_ENOMEM only. */
int c5_threshold_hysteresis(uint8_t *mask, const float *map, size_t height, size_t width, double low, double high, int connectivity);

#endif
