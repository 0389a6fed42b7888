/* overlap.h – which objects of one label image share how many pixels with which objects of another: what every measure of masks begins with.
 *
 * One pass cuts the pair of images into runs of equal label pairs; the runs, far fewer than the pixels, are sorted by digits and added up.
 * There is no hash table and no matrix of all pairs, so labels may be any 32-bit number and objects as many as there are pixels. */
#ifndef C5_MEASURE_OVERLAP_H
#define C5_MEASURE_OVERLAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct c5_shared { uint32_t a, b; uint64_t pixels; } c5_shared; /* indices into the two lists of labels */

/* Zero it before the first use; the memory is used again for the next pair of images. */
typedef struct c5_overlap {
	size_t n_a, n_b, n_pairs;
	uint32_t *label_a, *label_b; /* ascending, background (0) left out */
	uint64_t *area_a, *area_b;   /* px */
	c5_shared *pairs;              /* of objects that share pixels, sorted by a, then b */
	size_t cap_a, cap_b, cap_areas_a, cap_areas_b, cap_pairs, cap_runs, cap_spare;
	struct c5_run { uint64_t key; uint64_t pixels; } *runs, *spare;
} c5_overlap;

/* a, b: n labels each. C5_ENOMEM only. */
int c5_overlap_count(c5_overlap *o, const uint32_t *a, const uint32_t *b, size_t n);
void c5_overlap_free(c5_overlap *o);

/* For each object of a, the one object of b that covers more than half of it, or UINT32_MAX. match: (n_a), caller's. */
void c5_overlap_match(const c5_overlap *o, uint32_t *match);

/* Intersection over union of a pair. */
double c5_overlap_iou(const c5_overlap *o, const c5_shared *p);

#endif
