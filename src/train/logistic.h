/* logistic.h – multinomial logistic regression with a quadratic penalty, to the optimum: what a linear head learns from features
 * that stay as they are.
 *
 *     least over w, b:   sum_i weight_i H(target_i, softmax(w z_i + b)) / sum_i weight_i  +  decay / 2 |w|^2
 *
 * with z = (x - mean) / sd / sqrt(d): features in units of their own deviation, so that the sum over all has about the size of one whatever their
 * number is, and a decay means the same for networks of any width. Strictly convex for a decay above 0, so there is one answer, found by L-BFGS
 * (Liu and Nocedal 1989) in double precision; sums run in one fixed order, so it is the same bits for any number of threads. */
#ifndef C5_TRAIN_LOGISTIC_H
#define C5_TRAIN_LOGISTIC_H

#include <stddef.h>

typedef struct c5_logistic {
	const float *x;       /* (n, d) */
	const float *target;  /* (n, classes) probabilities */
	const float *weight;  /* (n); NULL: all 1 */
	size_t n, d, classes;
	double decay;
} c5_logistic;

typedef struct c5_logistic_fit {
	double loss, penalty; /* at the optimum: the mean cross-entropy in nats, and the other term */
	double gradient;      /* norm of what is left of it */
	int steps;
} c5_logistic_fit;

/* w (classes, d) and b (classes) for the features as they are given, the scaling folded in.
 * C5_EINPUT when a feature is no number, or no row has weight. */
int c5_logistic_solve(float *w, float *b, c5_logistic_fit *fit, const c5_logistic *l);

#endif
