/* reconstruct.h – what is left of a map when all that its marker does not reach is levelled, and the tops that stand out by a height of their own. */
#ifndef C5_IMAGE_RECONSTRUCT_H
#define C5_IMAGE_RECONSTRUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Grey reconstruction, skimage.morphology.reconstruction: the marker grows from pixel to pixel (connectivity 4 or 8), nowhere above the map, until
 * nothing changes; `erosion`: it shrinks, nowhere below. marker: (H, W), in and out; where it is on the wrong side of the map it counts as the map.
 * A pixel that is NaN in either lets nothing through and is NaN in the end. Frames below 2^31 pixels. C5_ENOMEM only. */
int c5_reconstruct_map(float *marker, const float *map, size_t height, size_t width, int connectivity, bool erosion);

/* Marks the tops (`minima`: the bottoms) of a frame that stand out by `depth` or more: plateaus from which no way over edges and corners leads to
 * a higher pixel without going down by `depth` (skimage.morphology.h_maxima, h_minima). pixels: (H, W) of `dtype`; mask: (H, W), 1 or 0. Whole
 * numbers below 2^24 are exact; others are rounded to floats and a depth is met to 2e-6 of the grey value. A NaN is a wall.
 * C5_EUSAGE when `depth` is not above 0, C5_EFAIL for a value that is no pixel type, C5_ENOMEM. */
int c5_reconstruct_tops(uint8_t *mask, int dtype, const void *pixels, size_t height, size_t width, double depth, bool minima);

#endif
