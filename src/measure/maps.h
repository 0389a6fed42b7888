/* maps.h – how well a computed image (a virtual stain, a score map) agrees with a measured one. docs/measures.md has the definitions. */
#ifndef C5_MEASURE_MAPS_H
#define C5_MEASURE_MAPS_H

#include <stddef.h>
#include <stdint.h>

typedef struct c5_map_agreement {
	double pearson;   /* NAN when one image is constant */
	double spearman;  /* Pearson's of the ranks, equal values sharing their mean rank */
	double ssim;      /* Gaussian window of 11 px, sigma 1.5, sample covariance (n / (n - 1)), as skimage's gaussian_weights=True; NAN below 11 px */
	double ssim_wang; /* the same with the population's covariance, as Wang et al. 2004 */
	double psnr;      /* dB; INFINITY for equal images, NAN without a range */
	double mae, rmse;
} c5_map_agreement;

/* a: measured, b: computed, (height, width), finite. range: greatest less least value the pixels may have; not above 0: SSIM and PSNR stay
 * undefined. */
int c5_map_compare(c5_map_agreement *out, const double *a, const double *b, size_t height, size_t width, double range);

#endif
