/* ensemble.c – see ensemble.h. */
#include "classify/ensemble.h"

#include <math.h>

static double bits(double p) { return p > 0 ? -p * log2(p) : 0; }

void c5_ensemble_join(const float *prob, size_t members, size_t n, size_t classes, float *mean, float *spread, float *entropy, float *mutual)
{
	for (size_t i = 0; i < n; i++) {
		double of_mean = 0, of_members = 0;
		for (size_t k = 0; k < classes; k++) {
			const float *p = prob + i * classes + k;
			size_t step = n * classes;
			double sum = 0, square = 0;
			for (size_t m = 0; m < members; m++) {
				sum += (double)p[m * step];
				of_members += bits((double)p[m * step]);
			}
			sum /= (double)members;
			of_mean += bits(sum);
			for (size_t m = 0; m < members; m++) square += ((double)p[m * step] - sum) * ((double)p[m * step] - sum);
			if (spread) spread[i * classes + k] = members > 1 ? (float)sqrt(square / (double)(members - 1)) : 0;
			mean[i * classes + k] = (float)sum;
		}
		if (entropy) entropy[i] = (float)of_mean;
		if (mutual) mutual[i] = members > 1 ? (float)fmax(0, of_mean - of_members / (double)members) : 0;
	}
}
