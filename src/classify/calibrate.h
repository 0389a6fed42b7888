/* calibrate.h – probabilities that mean what they say. One number a model, its temperature T, makes them softer (T > 1) or sharper: the logits are
 * divided by T, so that no class changes its rank (Guo et al. 2017, "On calibration of modern neural networks"). Logits are known up to a constant
 * from the probabilities, log p, which also holds for the mean of several models.
 * Arrays: prob (n, classes) float, rows that sum to 1; truth (n) classes from 0. */
#ifndef C5_CLASSIFY_CALIBRATE_H
#define C5_CLASSIFY_CALIBRATE_H

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

/* What calibration is worth, judged on groups (experiments, wells, plates) it was not fitted to: groups are dealt into `folds` by a seed, each fold's
 * probabilities get the T of all others. prob is changed in place; temperatures: (folds). C5_EINPUT when there are fewer groups than folds. */
int c5_temperature_cross(float *prob, double *temperatures, const uint32_t *truth, const uint32_t *group, uint32_t groups, size_t n, size_t classes,
	uint32_t folds, uint64_t seed);

/* How often those are right who say they are so sure: items by their score, in equal bins over [0, 1]. */
typedef struct c5_reliability { uint64_t n; double score, share, low, high; } c5_reliability; /* means; 95 % interval of the share (Wilson); NAN for n = 0 */
void c5_reliability_bins(c5_reliability *bins, size_t n_bins, const double *score, const _Bool *truth, size_t n);
/* Expected calibration error of such bins. */
double c5_reliability_error(const c5_reliability *bins, size_t n_bins);

#endif
