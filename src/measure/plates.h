/* plates.h – how well the controls of a screening plate are told apart: Z', SSMD, and the same with median and MAD. */
#ifndef C5_MEASURE_PLATES_H
#define C5_MEASURE_PLATES_H

#include <stddef.h>

typedef struct c5_plate_quality {
	size_t n_positive, n_negative;
	double mean_positive, mean_negative, sd_positive, sd_negative;     /* sd: n - 1; NAN for fewer than two wells */
	double median_positive, median_negative, mad_positive, mad_negative; /* MAD times 1.4826, so that it is the sd of normal values */
	double z_prime, ssmd, robust_z_prime, robust_ssmd;
	double signal_to_background;  /* mean of positive over mean of negative */
	double cv_positive, cv_negative;
} c5_plate_quality;

/* Values of the wells of either kind; they are sorted in place. */
void c5_plate_measure(c5_plate_quality *out, double *positive, size_t n_positive, double *negative, size_t n_negative);

#endif
