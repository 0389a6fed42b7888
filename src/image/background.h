/* background.h – the light under the cells: what is left of a map when all that is smaller than a given size is taken out. Subtract it, or divide
 * by it, to flatten a frame. All functions: in, out (H, W), disjoint; threads share the rows; C5_ENOMEM only. */
#ifndef C5_IMAGE_BACKGROUND_H
#define C5_IMAGE_BACKGROUND_H

#include <stddef.h>

#define C5_BACKGROUND_SIZE_MAX 1000.0

/* How high a ball of `radius` px (as many grey values high) reaches under each pixel when it is pushed up from below:
 * skimage.restoration.rolling_ball (Sternberg 1983). For bright cells on dark ground; for dark ones turn the map over. Sizes in grey values
 * matter: scale the map first. Pixels that are NaN hold nothing up; where the ball finds none else the answer is NaN. The time grows with the
 * ball's area: 0.1 s for 4 Mpixel at radius 25, one thread. */
int c5_background_ball(float *out, const float *in, size_t height, size_t width, double radius);

/* Slow changes alone: a Gaussian of standard deviation `size` px, or the median of the (2 size + 1)^2 window. Both work on means of blocks small
 * beside it (a quarter of `size` for the Gaussian, an eighth for the median) and go back to pixels by straight lines, so that the time does not
 * grow with the size. The Gaussian is off by less than 1 % of the map's span for that, by nothing below 8 px. The median is that of the blocks'
 * means; it forgets cells that, with the blocks they touch, cover less than half of the window. Borders are mirrored. Pixels that are not
 * finite are left out; blocks of nothing else count as the mean of the frame, or 0. */
int c5_background_gaussian(float *out, const float *in, size_t height, size_t width, double size);
int c5_background_median(float *out, const float *in, size_t height, size_t width, double size);

#endif
