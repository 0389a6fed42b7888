/* watershed.h – floods a relief from markers, lowest places first, as skimage.segmentation.watershed does (connectivity 1, no lines). */
#ifndef C5_IMAGE_WATERSHED_H
#define C5_IMAGE_WATERSHED_H

#include <stddef.h>
#include <stdint.h>

#define C5_WATERSHED_LEVELS 65536

/* relief: (H, W) levels, low is flooded first; among equals whoever came first goes first, markers in raster order. labels: (H, W), markers
 * in, basins out; a marker outside the mask is taken away. mask: (H, W) or NULL: the whole frame. Frames below 2^31 pixels.
 * scratch: c5_watershed_bytes. */
size_t c5_watershed_bytes(size_t height, size_t width);
void c5_watershed_flood(uint32_t *labels, const uint16_t *relief, const uint8_t *mask, size_t height, size_t width, void *scratch);

/* A float relief in levels: `least` and below 0, `most` and above the last; the same order but for values nearer than (most - least) / 65535. */
void c5_watershed_levels(uint16_t *relief, const float *map, size_t n, float least, float most);

/* Marks the regional minima of a relief inside the mask (NULL: anywhere): plateaus of edge- or corner-sharing pixels without a lower
 * neighbour in the mask. labels: (H, W), 1..n in raster order. Returns n. scratch: c5_watershed_bytes. */
uint32_t c5_watershed_minima(uint32_t *labels, const uint16_t *relief, const uint8_t *mask, size_t height, size_t width, void *scratch);

#endif
