/* compare.h – whether values of one kind of well differ from those of another: tests of two samples, and what many tests at once leave standing.
 * Undefined results are NAN. */
#ifndef C5_CLASSIFY_COMPARE_H
#define C5_CLASSIFY_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum c5_tail { C5_TAIL_BOTH, C5_TAIL_GREATER, C5_TAIL_LESS }; /* the first sample is other, greater or less than the second */

typedef struct c5_compared {
	double p;         /* NAN: a sample is too small */
	double statistic; /* U of the first sample; t; difference of the means */
	double effect;    /* chance that a value of the first sample is above one of the second, equal ones counting half; or difference of the means */
	bool exact;       /* p counts all orders there are */
} c5_compared;

/* Mann & Whitney 1947. With up to 50 values together p is exact, equal values included (the distribution of midrank sums over all ways to
 * draw the first sample, Streitberg & Röhmel 1986); beyond it is normal with the correction for equal values and for continuity. The p of both
 * tails is twice the smaller one's, at most 1. Values must be finite. */
int c5_compare_ranks(c5_compared *out, const double *a, size_t n, const double *b, size_t m, int tail);
/* Welch's t for unequal variances; both samples need two values, and one of them must vary. */
int c5_compare_means(c5_compared *out, const double *a, size_t n, const double *b, size_t m, int tail);
/* Permutations of the difference of the means: all of them when there are no more than `resamples`, else so many drawn by (seed, number), and p is
 * (1 + as far) / (1 + resamples). */
int c5_compare_shuffled(c5_compared *out, const double *a, size_t n, const double *b, size_t m, int tail, int64_t resamples, uint64_t seed);

/* q[i] of p[i]: Benjamini & Hochberg 1995, the share of false ones among all whose q is as small. NAN stays NAN and is no test. May be the same
 * array. */
int c5_false_discovery(double *q, const double *p, size_t n);

/* P(T > t) of Student's t with df degrees of freedom. */
double c5_student_above(double t, double df);

#endif
