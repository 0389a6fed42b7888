/* gp.h – a Gaussian process over points of a search (Rasmussen & Williams 2006): Matern 5/2 with one length a parameter, a constant mean, and noise.
 *
 *     k(a, b) = s2 (1 + sqrt5 r + 5/3 r^2) exp(-sqrt5 r),   r^2 = sum over parameters of (difference / length)^2
 *
 * The difference of two choices is 0 or 1. Lengths, signal and noise are where the marginal likelihood, times weak priors, is greatest: found by
 * NLopt's L-BFGS from several starts, with the exact gradient; where that fails, by its SBPLX. The mean is the generalised least-squares one. Values
 * should be standardised beforehand. Costs n^3 a step of the fit, n^2 a prediction; Cholesky factors by LAPACK. */
#ifndef C5_HYPEROPT_GP_H
#define C5_HYPEROPT_GP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define C5_GP_MOST 64 /* parameters */

typedef struct c5_gp c5_gp;

typedef struct c5_gp_data {
	size_t n, d;
	const double *x;       /* (n, d) in [0, 1]; of choices their index */
	const bool *choice;    /* (d) */
	const double *y;       /* (n) */
} c5_gp_data;

typedef struct c5_gp_setup {
	double noise_least;    /* variance, of values of variance 1 */
	int starts;            /* of the fit, 1 or more */
	uint64_t seed, item;   /* of the random ones among them */
	const double *first;   /* NULL, or d + 2 logarithms (lengths, signal, noise) to start from as well */
} c5_gp_setup;

/* Fits and conditions on the data, which is copied. */
int c5_gp_fit(c5_gp **out, const c5_gp_data *data, const c5_gp_setup *setup);
/* Conditions on the data with given hyperparameters, d + 2 logarithms. */
int c5_gp_make(c5_gp **out, const c5_gp_data *data, const double *logs);
void c5_gp_free(c5_gp *gp);
/* Logarithm of marginal likelihood and priors at given hyperparameters, and its gradient (d + 2) unless NULL. C5_EFAIL where there is none. */
int c5_gp_judge(const c5_gp_data *data, const double *logs, double *evidence, double *gradient);

/* Mean and standard deviation of the function (without the noise) at x (d). */
void c5_gp_predict(const c5_gp *gp, const double *x, double *mean, double *sd);
/* Takes (x, y) in as one more observation, the hyperparameters and the mean as they are: how pending trials are believed. */
int c5_gp_add(c5_gp *gp, const double *x, double y);

const double *c5_gp_logs(const c5_gp *gp); /* (d + 2) */
double c5_gp_evidence(const c5_gp *gp);    /* logarithm of marginal likelihood and priors, as fitted */
double c5_gp_mean(const c5_gp *gp);        /* far from all data */
size_t c5_gp_size(const c5_gp *gp);
const double *c5_gp_point(const c5_gp *gp, size_t i); /* (d) */

#endif
