/* plates.c – see plates.h. */
#include "measure/plates.h"

#include <math.h>

#include "measure/figures.h"

#define MAD_TO_SD 1.482602218505602 /* 1 / the third quartile of the standard normal */

/* The middle of the distances from `centre`; v sorted, and it becomes those distances, sorted. */
static double median_distance(double *v, size_t n, double centre)
{
	for (size_t i = 0; i < n; i++) v[i] = fabs(v[i] - centre);
	c5_sort_values(v, n);
	return n > 1 ? MAD_TO_SD * c5_sorted_median(v, n) : NAN;
}

void c5_plate_measure(c5_plate_quality *out, double *positive, size_t n_positive, double *negative, size_t n_negative)
{
	c5_plate_quality q = { .n_positive = n_positive, .n_negative = n_negative };
	c5_sort_values(positive, n_positive);
	c5_sort_values(negative, n_negative);
	c5_moments(&q.mean_positive, &q.sd_positive, positive, n_positive);
	c5_moments(&q.mean_negative, &q.sd_negative, negative, n_negative);
	q.median_positive = c5_sorted_median(positive, n_positive);
	q.median_negative = c5_sorted_median(negative, n_negative);
	q.mad_positive = median_distance(positive, n_positive, q.median_positive);
	q.mad_negative = median_distance(negative, n_negative, q.median_negative);
	q.z_prime = 1 - c5_ratio(3 * (q.sd_positive + q.sd_negative), fabs(q.mean_positive - q.mean_negative));
	q.ssmd = c5_ratio(q.mean_positive - q.mean_negative, sqrt(q.sd_positive * q.sd_positive + q.sd_negative * q.sd_negative));
	q.robust_z_prime = 1 - c5_ratio(3 * (q.mad_positive + q.mad_negative), fabs(q.median_positive - q.median_negative));
	q.robust_ssmd = c5_ratio(q.median_positive - q.median_negative, sqrt(q.mad_positive * q.mad_positive + q.mad_negative * q.mad_negative));
	q.signal_to_background = c5_ratio(q.mean_positive, q.mean_negative);
	q.cv_positive = c5_ratio(q.sd_positive, fabs(q.mean_positive));
	q.cv_negative = c5_ratio(q.sd_negative, fabs(q.mean_negative));
	*out = q;
}
