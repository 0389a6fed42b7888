/* classify.h – how well scores of two classes agree with the truth, with bootstrap intervals: whole groups (wells, movies, donors) are drawn
 * when groups are given, because objects of one group are alike and drawing them one by one makes intervals far too narrow. */
#ifndef C5_MEASURE_CLASSIFY_H
#define C5_MEASURE_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measure/figures.h"

typedef struct c5_scored {
	size_t n;
	const bool *truth;       /* whether the object is positive */
	const double *score;     /* finite; the higher, the more positive */
	const uint32_t *group;   /* numbers 0 .. groups - 1; NULL: every object for itself */
	uint32_t groups;
} c5_scored;

typedef struct c5_classify_params {
	double threshold;        /* called positive from this score on */
	int64_t bins;            /* of the calibration error, on [0, 1] */
	int64_t resamples;       /* 0: no intervals */
	uint64_t seed;
	bool wilson;             /* where nothing can be drawn (one group, or no resamples), shares of objects get Wilson's interval */
} c5_classify_params;

/* The same figures and intervals for any number of threads. */
int c5_classify_figures(c5_figures *to, const c5_scored *s, const c5_classify_params *params);

/* The area under the ROC curve alone: the chance that a positive object scores above one that is not, ties counting half. *out is NAN when one of
 * the two is missing, or a score is no number. C5_ENOMEM only. */
int c5_roc_area(double *out, const float *score, const bool *truth, size_t n);

#endif
