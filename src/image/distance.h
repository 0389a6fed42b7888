/* distance.h – how far each object pixel is from the background: the exact Euclidean distance transform of a mask. */
#ifndef C5_IMAGE_DISTANCE_H
#define C5_IMAGE_DISTANCE_H

#include <stddef.h>
#include <stdint.h>

/* Where the whole frame is object there is no background to measure from. */
#define C5_DISTANCE_NONE UINT32_MAX

/* mask: (H, W), not 0 is object. squared: (H, W), the squared distance between the pixel's centre and that of the nearest background
 * pixel, 0 on background; beyond the frame nothing counts (scipy.ndimage.distance_transform_edt, squared). Frames up to 32,767 px wide
 * and high. scratch: c5_distance_bytes. */
size_t c5_distance_bytes(size_t height, size_t width);
void c5_distance_squared(uint32_t *squared, const uint8_t *mask, size_t height, size_t width, void *scratch);

/* The same as floats, rooted. out may not be NULL; C5_DISTANCE_NONE becomes the frame's diagonal. */
void c5_distance_root(float *out, const uint32_t *squared, size_t height, size_t width);

#endif
