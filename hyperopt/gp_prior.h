/* gp_prior.h – for gp.c alone: what is thought of lengths, signal and noise before there is data, all as logarithms. */
#ifndef C5_HYPEROPT_GP_PRIOR_H
#define C5_HYPEROPT_GP_PRIOR_H

#include <stdbool.h>
#include <stddef.h>

/* Logarithm of the prior; adds its gradient to grad (d + 2) unless NULL. */
double c5_gp_prior(size_t d, const bool *choice, const double *logs, double *grad);
/* Where it is greatest. */
void c5_gp_prior_middle(size_t d, const bool *choice, double *logs);
/* How far a fit may go. */
void c5_gp_bounds(size_t d, double noise_least, double *lower, double *upper);

#endif
