/* texture.h – how grey values follow one another inside each region: Haralick's measures of co-occurrence. */
#ifndef C5_IMAGE_TEXTURE_H
#define C5_IMAGE_TEXTURE_H

#include <stddef.h>
#include <stdint.h>

#define C5_TEXTURE_LEVELS_MAX 64

/* Means over four directions (0, 45, 90, 135 degrees) of skimage.feature.graycoprops, and the entropy in bits. All NAN for a region without two
 * neighbours. */
typedef struct c5_texture {
	double contrast, dissimilarity, homogeneity, second_moment, energy, correlation, entropy; /* energy: root of the second moment */
} c5_texture;

/* Pairs of pixels one step apart that lie in one region, counted both ways; whatever lies outside the region has no part. Grey values between `low`
 * and `high` are cut into `levels` (2..C5_TEXTURE_LEVELS_MAX) of equal width, those beyond belong to the end ones; a pixel that is not finite
 * is in no pair. labels: (H, W), 0..n; pixels: (H, W) of `dtype`; textures: (n), of labels 1..n. Regions of one grey value have
 * correlation 1, as scikit-image says. Threads share the regions. C5_EFAIL for a bad number of levels or pixel type, C5_ENOMEM. */
int c5_texture_measure(c5_texture *textures, const uint32_t *labels, size_t height, size_t width, uint32_t n, int dtype, const void *pixels,
	double low, double high, int levels);

#endif
