/* evaluate.h – a predicted stain against the fluorescence that was recorded: block by block, pixel by pixel, and as the field's efficiency. */
#ifndef C5_STAIN_EVALUATE_H
#define C5_STAIN_EVALUATE_H

#include <stdbool.h>
#include <stdint.h>

#include "measure/figures.h"
#include "stain/blocks.h"
#include "stain/field.h"

/* One frame of one marker. */
typedef struct c5_stain_pair {
	const float *map;           /* (H, W) predicted: probability, or grey values of a dense image */
	const float *level;         /* (H, W) recorded, grey values */
	const uint8_t *mask;        /* (H, W) recorded, 1 where positive */
	size_t height, width;
	c5_rect part;               /* of the frame that is compared */
	const c5_block_grid *grid;  /* the blocks compared; those not wholly within the part are left out */
	const float *blocks;        /* (rows, columns) predicted probabilities, or NULL: the map's mean over each block */
	double threshold;           /* of the map: what is above it is predicted positive */
	double share;               /* of a block's area from which it is positive */
	uint32_t group;             /* experiment: frames of one are alike */
} c5_stain_pair;

typedef struct c5_stain_agreement {
	double *score, *efficiency[2]; /* of blocks; recorded and predicted share of positive area, of frames */
	bool *truth, *called;
	uint32_t *group;
	size_t n, cap_score, cap_truth, cap_called, cap_group, frames, cap_efficiency[2];
	double block_efficiency[2];    /* sums over frames of the share of positive blocks */
	double pearson, ssim;          /* sums over frames in which they are defined */
	size_t n_pearson, n_ssim;
	uint32_t groups;
} c5_stain_agreement;

int c5_stain_agreement_add(c5_stain_agreement *a, const c5_stain_pair *p);
/* Blocks: accuracy, precision, recall, F1, ROC AUC, PR AUC with intervals over experiments; efficiency: Pearson, mean difference and limits of
 * agreement (Bland & Altman 1986); pixels: Pearson and SSIM, means over frames. Undefined is NAN. */
int c5_stain_agreement_figures(c5_figures *to, const c5_stain_agreement *a, uint64_t seed, int64_t resamples);
void c5_stain_agreement_free(c5_stain_agreement *a);

#endif
