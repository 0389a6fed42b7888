/* resize.h – an image, or labels, to another size: linear interpolation, after a Gaussian wide enough for the shrinking, as scikit-image's
 * transform.resize(order=1, mode="reflect", anti_aliasing=True) has it. Height and width may change by different factors. */
#ifndef C5_IMAGE_RESIZE_H
#define C5_IMAGE_RESIZE_H

#include <stddef.h>
#include <stdint.h>

/* Pixel centres lie at (i + 0.5) * from / to - 0.5 of the input; beyond its edge it is mirrored about the edge pixel (c b | a b c). Where an axis
 * shrinks by a factor f the input is smoothed along it with sigma (f - 1) / 2, truncated at 4 sigma. Sizes are 1 or more; equal sizes copy.
 * A NaN spreads to the pixels made of it. in: (height, width), out: (to_height, to_width), disjoint. scratch: c5_image_resize_bytes. Threads share
 * the rows. */
size_t c5_image_resize_bytes(size_t to_height, size_t to_width, size_t height, size_t width);
void c5_image_resize(float *out, size_t to_height, size_t to_width, const float *in, size_t height, size_t width, void *scratch);

/* Each pixel of `out` is the one of `in` its centre lies in: no label that was not there. */
void c5_image_resize_labels(uint32_t *out, size_t to_height, size_t to_width, const uint32_t *in, size_t height, size_t width);

#endif
