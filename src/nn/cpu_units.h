/* cpu_units.h – the loops normalisations are made of, over one unit: up to 16 channels (lanes) of one item.
 *
 * Statistics are taken in pieces of a few hundred positions, each with its own mean and sum of squared deviations while it is in cache, and the
 * pieces are joined in double precision in their order (Chan, Golub and LeVeque 1979): one reading, no cancellation, the same for any number of
 * threads. ReLU and an addend are done on the way: one pass over memory less than keeping them apart. */
#ifndef C5_NN_CPU_UNITS_H
#define C5_NN_CPU_UNITS_H

#include "nn/onednn.h"

typedef struct c5_units {
	c5_tiles tiles;
	int64_t groups;          /* units of an item: blocks, or parts of 16 lanes of wide ones */
	bool flat;               /* one channel a unit, its positions side by side */
	int64_t padded;          /* channels with padding, and a unit's lanes beyond the last: the length of arrays by channel */
} c5_units;

/* Where a unit begins (numbers), its first channel, lanes, and how far positions are apart. */
typedef struct c5_unit { size_t at, step, channel; int lanes; } c5_unit;

bool c5_units_of(c5_units *m, c5_dn *d, const c5_desc *desc); /* false: a layout unknown here */
c5_unit c5_unit_of(const c5_units *m, int64_t item, int64_t group);

typedef struct c5_spread { double n, mean, m2; } c5_spread;
void c5_spread_join(c5_spread *a, double n, double mean, double m2);
/* Of each lane (a flat unit: of the one channel). */
void c5_unit_spread(const c5_units *m, int type, const void *x, const c5_unit *u, c5_spread *out);

/* By lane. */
typedef struct c5_lane_set { const float *a, *b, *mean, *inv; } c5_lane_set;
typedef struct c5_grad_set { const float *p, *q, *r; } c5_grad_set;

/* y = act(x * a + b (+ z)). Pointers are to whole arrays; z may be NULL. */
void c5_unit_scale(const c5_units *m, int type, int act, const c5_unit *u, const void *x, const void *z, void *y, const float *a, const float *b);
/* Sums of gy and of gy * (x - mean) * inv by lane, gy let through where the activation was open: judged by y if given, else by x * a + b. What went
 * through is left in `masked` if given (then y is needed). s1, s2: 16 numbers. */
void c5_unit_sums(const c5_units *m, int type, int act, const c5_unit *u, const void *x, const void *y, const void *gy, void *masked,
	const c5_lane_set *c, double *s1, double *s2);
/* gx = p * gy - (q + x * r), gy let through as above; gx may be gy. */
void c5_unit_grad(const c5_units *m, int type, int act, const c5_unit *u, const void *x, const void *y, const void *gy, void *gx,
	const c5_lane_set *c, const c5_grad_set *k);

#endif
