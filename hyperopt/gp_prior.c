/* gp_prior.c – see gp_prior.h. */
#include "hyperopt/gp_prior.h"

#include <math.h>

/* Normal in the logarithm. */
typedef struct bell { double middle, width; } bell;

static bell length_prior(size_t d, bool choice) { return (bell){ log(0.5) + 0.25 * log((double)d) + (choice ? log(2) : 0), 1.0 }; }
static const bell signal_prior = { 0, 1.0 };
static const bell noise_prior = { -9.2, 3.0 };

static bell prior_of(size_t d, const bool *choice, size_t i)
{
	return i < d ? length_prior(d, choice[i]) : i == d ? signal_prior : noise_prior;
}

double c5_gp_prior(size_t d, const bool *choice, const double *logs, double *grad)
{
	double sum = 0;
	for (size_t i = 0; i < d + 2; i++) {
		bell b = prior_of(d, choice, i);
		double z = (logs[i] - b.middle) / b.width;
		sum -= 0.5 * z * z;
		if (grad) grad[i] -= z / b.width;
	}
	return sum;
}

void c5_gp_prior_middle(size_t d, const bool *choice, double *logs)
{
	for (size_t i = 0; i < d + 2; i++) logs[i] = prior_of(d, choice, i).middle;
}

void c5_gp_bounds(size_t d, double noise_least, double *lower, double *upper)
{
	for (size_t i = 0; i < d; i++) lower[i] = log(5e-3), upper[i] = log(1e3);
	lower[d] = log(1e-3), upper[d] = log(1e4);
	lower[d + 1] = log(noise_least), upper[d + 1] = log(2);
}
