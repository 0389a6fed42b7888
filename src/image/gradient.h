/* gradient.h – how steep a map is: the Sobel operator. */
#ifndef C5_IMAGE_GRADIENT_H
#define C5_IMAGE_GRADIENT_H

#include <stddef.h>

/* Magnitude of the Sobel gradient as skimage.filters.sobel scales it: differences over two pixels, smoothed 1 2 1 across, the root of
 * the mean of both squares. in, out: (H, W), disjoint; borders mirrored with the edge pixel repeated. A NaN makes NaN of the pixels around
 * it. Threads share the rows. */
void c5_gradient_sobel(float *out, const float *in, size_t height, size_t width);

#endif
