/* objects.h – how well the objects of a segmentation agree with the truth, frame by frame: average precision at several overlaps, SEG, Dice,
 * aggregated Jaccard index, panoptic quality. docs/measures.md has every definition with its source. */
#ifndef C5_MEASURE_OBJECTS_H
#define C5_MEASURE_OBJECTS_H

#include <stddef.h>
#include <stdint.h>

#include "measure/figures.h"
#include "measure/overlap.h"

#define C5_AP_STEPS 10 /* overlaps 0.50, 0.55 .. 0.95 */

/* Sums of a figure over the frames in which it is defined. */
typedef struct c5_mean { double sum; uint64_t n; } c5_mean;

/* Zero it, add frames, read the figures, free it. */
typedef struct c5_objects {
	uint64_t frames, truth, result;
	uint64_t tp[C5_AP_STEPS], fp[C5_AP_STEPS], fn[C5_AP_STEPS];
	c5_mean ap[C5_AP_STEPS];              /* over frames */
	c5_mean seg;                          /* over true objects */
	c5_mean dice, aji;                    /* over frames */
	c5_mean best_truth, best_result;      /* best Dice of each true object, of each object of the result */
	double iou_tp;                        /* sum over the pairs above 0.5 */
	c5_overlap overlap;
	uint32_t *match;
	double *best;
	size_t cap_match, cap_best;
} c5_objects;

/* gt, res: n labels each. C5_ENOMEM, C5_EINPUT only. */
int c5_objects_add(c5_objects *o, const uint32_t *gt, const uint32_t *res, size_t n);
void c5_objects_figures(c5_figures *to, const c5_objects *o);
void c5_objects_free(c5_objects *o);

#endif
