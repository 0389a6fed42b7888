/* near.h – points of the plane sorted into square cells, to find those around a place without looking at all. */
#ifndef C5_TRACK_NEAR_H
#define C5_TRACK_NEAR_H

#include <stddef.h>
#include <stdint.h>

typedef struct c5_near {
	uint32_t n, *start, *item;   /* items by cell; within a cell in ascending order */
	const double *y, *x;         /* (n), borrowed */
	double y0, x0, cell;
	uint32_t rows, cols;
	uint32_t *found;             /* (n) answer of the last question */
	uint32_t n_found;
} c5_near;

/* cell: px, about the radius that will be asked for; made larger where that would give too many cells. n may be 0. */
int c5_near_open(c5_near *g, uint32_t n, const double *y, const double *x, double cell);
void c5_near_close(c5_near *g);
/* Indices of the points at most `radius` away into g->found, ascending. */
void c5_near_ask(c5_near *g, double y, double x, double radius);
/* The k (at most 16) nearest to point i other than itself and at most `radius` away, nearest first, ties by index; `keep` (n) or NULL: only those
 * set. */
uint32_t c5_near_nearest(c5_near *g, uint32_t i, uint32_t k, double radius, const uint8_t *keep, uint32_t *out);
/* Median over the points of the distance to the nearest other; 0 for fewer than two. */
int c5_near_spacing(double *out, uint32_t n, const double *y, const double *x);

/* The value that a share `q` of v lies below, and the middle value (lower of two); 0 for none. v gets reordered. */
double c5_quantile(double *v, size_t n, double q);
double c5_median(double *v, size_t n);

#endif
