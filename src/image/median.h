/* median.h – the median of a window around each pixel, for pixels of any type. */
#ifndef C5_IMAGE_MEDIAN_H
#define C5_IMAGE_MEDIAN_H

#include <stdbool.h>
#include <stddef.h>

#define C5_MEDIAN_RADIUS_MAX 500

/* in, out: (H, W) of `dtype`, disjoint. The window is the (2 radius + 1)^2 square, or the disc of pixels with dy^2 + dx^2 <= radius^2; borders are
 * mirrored with the edge pixel repeated (scipy.ndimage.median_filter, mode reflect), whatever the size of image and window. Exact: every
 * value of `out` is one of `in`. Pixels that are NaN are left out of the windows they lie in; of an even number of pixels left the lower middle one
 * counts, and a window of nothing else is NaN. Radius 0 copies. Threads share the work; the answer does not depend on their number.
 * C5_EFAIL for a value that is no pixel type or a radius above C5_MEDIAN_RADIUS_MAX, C5_ENOMEM.
 * After J. Suomela 2014, "Median filtering is equivalent to sorting". */
int c5_median_filter(void *out, int dtype, const void *in, size_t height, size_t width, size_t radius, bool disc);

#endif
