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

#endif
