/* contour.h – the outer outline of a region, pixel by pixel: for files of regions of interest, and for areas measured on the outline. */
#ifndef C5_IMAGE_CONTOUR_H
#define C5_IMAGE_CONTOUR_H

#include <stddef.h>
#include <stdint.h>

typedef struct c5_contour_point { int32_t y, x; } c5_contour_point;

/* The border pixels of the 8-connected piece of `label` that holds its first pixel in raster order, (y, x): anticlockwise as seen on the
 * screen, corners and straight stretches alike, starting there; a pixel the outline passes twice is listed twice. Points: *out grows as c5_grow
 * does and is the caller's to free, *n is how many. labels: (H, W). */
int c5_contour_trace(c5_contour_point **out, size_t *cap, size_t *n, const uint32_t *labels, size_t height, size_t width, size_t y, size_t x);

/* Area of the polygon through the points, px^2: smaller than the region, whose border pixels lie half outside; 0 for fewer than three. */
double c5_contour_area(const c5_contour_point *points, size_t n);

#endif
