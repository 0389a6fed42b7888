/* random.h – random numbers that depend on (seed, item) alone, never on who draws them or in what order the items are done.
 *
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a keyed bijection of a counter. The seed is the key,
 * the item (a cell, a frame, a resample ...) is the upper half of the counter, and the draws of an item count up the lower half. So any rank or
 * thread may do any item at any time and the numbers are the same. An item has 2^66 draws of 32 bits. Not for secrets. */
#ifndef C5_BASE_RANDOM_H
#define C5_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct c5_random {
	uint32_t key[2], counter[4];
	uint32_t block[4];  /* the present four numbers */
	unsigned left;      /* of them not yet handed out */
	double spare;       /* the second normal of a pair; NAN: none */
} c5_random;

/* The bijection itself: ten rounds. */
void c5_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

void c5_random_start(c5_random *r, uint64_t seed, uint64_t item);
uint32_t c5_random_u32(c5_random *r);
uint64_t c5_random_u64(c5_random *r);
double c5_random_uniform(c5_random *r);                  /* [0, 1), multiples of 2^-53 */
double c5_random_range(c5_random *r, double lo, double hi); /* lo + (hi - lo) uniform */
uint64_t c5_random_below(c5_random *r, uint64_t n);      /* 0..n-1, every value alike likely; 0 for n = 0 */
double c5_random_normal(c5_random *r);                   /* mean 0, deviation 1 */
/* All orders of 0..n-1 alike likely. */
void c5_random_order(c5_random *r, uint64_t *order, size_t n);

#endif
