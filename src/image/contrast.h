/* contrast.h – grey values brought to 0..1: between two percentiles, or equalised from place to place (CLAHE). */
#ifndef C5_IMAGE_CONTRAST_H
#define C5_IMAGE_CONTRAST_H

#include <stddef.h>

/* pixels: (n) of `dtype` -> out (n): 0 at the `low`-th percentile (0..100) and below, 1 at the `high`-th and above, straight between
 * (skimage.exposure.rescale_intensity with in_range of numpy.percentile). Pixels that are not finite have no part in the percentiles; they
 * become 0, +infinity 1. Where both percentiles are one value all become 0. n < 2^32. C5_EFAIL for a value that is no pixel type, C5_ENOMEM. */
int c5_contrast_stretch(float *out, int dtype, const void *pixels, size_t n, double low, double high);

/* Contrast-limited adaptive histogram equalisation as skimage.exposure.equalize_adapthist (Zuiderveld 1994). The frame, brought to 2^14 grey
 * values, is cut into tiles of tile_y x tile_x px (0: an eighth of the frame); each has a histogram of 256 bins, cut at `clip` of the tile's
 * pixels (0.01 is usual; 0: not cut), whose sum maps grey values; between tiles' centres mappings are mixed. pixels: (H, W) of `dtype`; out: (H, W),
 * 0..1. Pixels that are not finite count as the smallest that is; a frame of one value becomes 0. Threads share the tiles.
 * C5_EFAIL for a value that is no pixel type, C5_ENOMEM. */
int c5_contrast_equalise(float *out, int dtype, const void *pixels, size_t height, size_t width, size_t tile_y, size_t tile_x, double clip);

#endif
