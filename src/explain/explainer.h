/* explainer.h – maps of what models looked at in crops, and whether these maps can be believed.
 *
 * The networks, their weights and the preparation of crops are those of scoring (classify/scorer.h); dropout is off and batch norms use what they
 * learnt, in the pass that takes gradients too. An ensemble's map is the mean of its members'.
 *
 * A map is checked by taking crops apart (Petsiuk et al. 2018): deletion blots out pixels, the most important first, and a good map makes the
 * probability fall at once; insertion brings them back into an empty crop. An empty pixel has the mean of the crop's channel. Both are compared with
 * maps of random numbers, as coarse as the layer's, so that only the place of what is blotted out differs. */
#ifndef C5_EXPLAIN_EXPLAINER_H
#define C5_EXPLAIN_EXPLAINER_H

#include <stddef.h>
#include <stdint.h>

#include "classify/scorer.h"

#define C5_EXPLAIN_STEPS 16 /* of a curve */

typedef struct c5_explainer c5_explainer;

/* Borrows an open scorer, whose crops are bound. layer: name, NULL for the last convolution (gradcam.h). C5_ENOTFOUND: a member has no such layer. */
int c5_explainer_open(c5_explainer **out, c5_device *device, c5_scorer *scorer, const char *layer, int precision);
void c5_explainer_close(c5_explainer *e);   /* NULL is fine */
/* The layer of a member's model that is looked at, as c5_explainer_open takes it; the same errors. */
int c5_explainer_layer(int *at, const c5_member *m, const char *layer);
/* Crops at a time: the scorer's, or fewer where the device has less memory. */
size_t c5_explainer_batch(const c5_explainer *e);
/* Side of the largest member's prepared crop: maps are given in this size, (height, width). */
void c5_explainer_size(const c5_explainer *e, int *height, int *width);

/* n <= the scorer's batch crops. of: (n) class explained; -1: the one said to be likeliest, which is put there. maps: (n, height, width), 0 to 1;
 * peak: (n), mean over members; prob: (n, classes), mean over members. */
int c5_explainer_maps(c5_explainer *e, const void *pixels, size_t n, int *of, float *maps, float *peak, float *prob);

/* One crop's curves: areas under the probability of class `of` (mean over members). item keys the random maps: `randoms` of them, their mean area. */
typedef struct c5_explain_curves {
	double deletion[C5_EXPLAIN_STEPS + 1], insertion[C5_EXPLAIN_STEPS + 1];               /* by the map */
	double random_deletion[C5_EXPLAIN_STEPS + 1], random_insertion[C5_EXPLAIN_STEPS + 1]; /* mean over the random ones */
	double areas[4];            /* of the four, in this order */
} c5_explain_curves;
int c5_explainer_check(c5_explainer *e, const void *pixels, int of, const float *map, uint64_t seed, uint64_t item, int randoms,
	c5_explain_curves *out);

#endif
