/* calibrate.h – probabilities that mean what they say. One number a model, its temperature T, makes them softer (T > 1) or sharper: the logits are
 * divided by T, so that no class changes its rank (Guo et al. 2017, "On calibration of modern neural networks"). Logits are known up to a constant
 * from the probabilities, log p, which also holds for the mean of several models.
 * Arrays: prob (n, classes) float, rows that sum to 1; truth (n) classes from 0. */
#ifndef C5_CLASSIFY_CALIBRATE_H
#define C5_CLASSIFY_CALIBRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define C5_TEMPERATURE_LEAST 0.01
#define C5_TEMPERATURE_MOST 100.0

/* Mean negative log-likelihood of the truth at temperature T, in nats. NAN for n = 0. */
double c5_temperature_nll(const float *prob, const uint32_t *truth, size_t n, size_t classes, double t);
/* The T of the least negative log-likelihood, within the limits above; it is convex in 1 / T, so there is one. C5_EINPUT for no items. */
int c5_temperature_fit(double *t, const float *prob, const uint32_t *truth, size_t n, size_t classes);
/* prob^(1/T), normalised. In place. */
void c5_temperature_apply(float *prob, size_t n, size_t classes, double t);

/* What several models say of the same items: prob (members, n, classes); heard (members, n): 0 where a model has no say, as it learnt from the
 * item; NULL: all have. */
typedef struct c5_answers { const float *prob; const uint8_t *heard; size_t members, n, classes; } c5_answers;
/* The mean of those heard at temperature t, as an ensemble's answer to item i: each softened, then averaged. (classes); NAN when none is heard. */
void c5_answers_mean(float *mean, const c5_answers *a, size_t i, double t);
/* The one T for all members at which the mean has the least negative log-likelihood, over the items with keep[i] (NULL: all). For one member it is
 * c5_temperature_fit; for several it is mostly lower than theirs, as a mean is less sure than its parts (Rahaman & Thiery 2021), and the loss need
 * not be convex: the lowest of a grid over log T, then golden sections. Every item needs a member that is heard. C5_EINPUT for no items. */
int c5_temperature_fit_mean(double *t, const c5_answers *a, const uint32_t *truth, const uint8_t *keep);

/* What calibration is worth, judged on groups (experiments, wells, plates) it was not fitted to: groups are dealt into `folds` by a seed, each fold's
 * answers get the T of all others. mean: (n, classes); temperatures: (folds). C5_EINPUT when there are fewer groups than folds. */
int c5_temperature_cross(float *mean, double *temperatures, const c5_answers *a, const uint32_t *truth, const uint32_t *group, uint32_t groups,
	uint32_t folds, uint64_t seed);

/* How often those are right who say they are so sure: items by their score, in equal bins over [0, 1]. */
/* means; 95 % interval of the share (Wilson); NAN for n = 0 */
typedef struct c5_reliability { uint64_t n; double score, share, low, high; } c5_reliability;
void c5_reliability_bins(c5_reliability *bins, size_t n_bins, const double *score, const bool *truth, size_t n);
/* Expected calibration error of such bins. */
double c5_reliability_error(const c5_reliability *bins, size_t n_bins);

#endif
