/* feeds.h – what a network learns virtual staining from: blocks with a yes or no for each marker (as the published system), or patches with the
 * marker's own image (`dense`). Both draw from fields held in memory. */
#ifndef C5_STAIN_FEEDS_H
#define C5_STAIN_FEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stain/field.h"
#include "train/feed.h"

typedef struct c5_block_feed {
	size_t side, stride;        /* of blocks, px */
	size_t context;             /* px seen around a block on each side: the input is side + 2 context wide */
	double share;               /* of a block's area from which it is positive */
	double balance;             /* share of drawn blocks that are positive for some marker; 0: as they are */
	size_t per_epoch;           /* blocks of an epoch; 0: all */
	unsigned still;             /* bits of c5_field_cut's turn that are not drawn; 0: all eight symmetries are */
} c5_block_feed;

/* Blocks wholly within the fields' rectangles; one input (C, window, window), one target (K): 1 where the marker's share passes, else 0.
 * Augmented by the symmetries of the square, brightness, contrast and noise. Judged by AUC and F1 (at 0.5) of the first marker and the mean over
 * markers. C5_EINPUT when there is no block, no positive or no negative one for a marker (named): nothing could be learnt. The fields are
 * borrowed. */
int c5_feed_blocks(c5_feed **out, const c5_block_feed *how, const c5_field *fields, size_t n, char *const *markers);

typedef struct c5_dense_feed {
	size_t patch;               /* side, px */
	bool mask;                  /* target is the marker's mask, else its image, scaled by mean and sd */
	double mean[C5_STAIN_MARKERS_MAX], sd[C5_STAIN_MARKERS_MAX]; /* of the markers over the training rectangles: set by c5_dense_scale */
	size_t per_epoch;           /* patches; 0: as many as cover the training area twice */
	unsigned still;             /* as in c5_block_feed */
	double warp;                /* share of patches that are turned by any angle and scaled by up to a fifth; 0: none */
} c5_dense_feed;

/* Mean and deviation of the markers' grey values in the training rectangles. C5_EINPUT for a marker that is the same everywhere. */
int c5_dense_scale(c5_dense_feed *how, const c5_field *fields, size_t n, char *const *markers);
/* Patches drawn anywhere in the training rectangles, anew in every epoch; validation patches stand side by side. One input (C, P, P), one target (K,
 * P, P). Judged by Pearson's r over all pixels: the mean over markers ("pearson"), and of several each ("pearson_MARKER"). */
int c5_feed_dense(c5_feed **out, const c5_dense_feed *how, const c5_field *fields, size_t n, char *const *markers);

void c5_stain_feed_free(c5_feed *f); /* of both; NULL is fine */

#endif
