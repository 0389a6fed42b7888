/* gradcam.h – which part of a crop made a network say what it says (Selvaraju et al. 2017): the maps of its last convolution, each weighted by the
 * mean gradient of the class' logit over it, added up, what speaks against cut off. Arrays are dense float32. */
#ifndef C5_EXPLAIN_GRADCAM_H
#define C5_EXPLAIN_GRADCAM_H

#include <stddef.h>

#include "nn/model.h"

/* The layer that is looked at when none is named: the last with rows and columns (more than one pixel) that is no pooling, dropout or resizing. -1:
 * none. */
int c5_gradcam_layer(const c5_model *m);

/* activation, gradient: (channels, height, width) of one crop. map: (height, width), from 0 to 1; *peak: what 1 stands for, 0 when nothing speaks for
 * the class (then the map is 0). */
void c5_gradcam_map(float *map, float *peak, const float *activation, const float *gradient, size_t channels, size_t height, size_t width);

/* Pixels of a map (n), the most important first; equal ones in order of place. scratch-free. */
int c5_gradcam_order(size_t *order, const float *map, size_t n);

/* Area under a curve of `steps` + 1 points on [0, 1], by straight lines. */
double c5_gradcam_area(const double *points, size_t steps);

#endif
