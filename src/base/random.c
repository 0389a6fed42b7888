/* random.c – see random.h. */
#include "base/random.h"

#include <math.h>
#include <string.h>

void c5_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
	uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3], k0 = key[0], k1 = key[1];
	for (int round = 0; round < 10; round++) {
		uint64_t p = (uint64_t)a * 0xd2511f53u, q = (uint64_t)c * 0xcd9e8d57u;
		a = (uint32_t)(q >> 32) ^ b ^ k0;
		b = (uint32_t)q;
		c = (uint32_t)(p >> 32) ^ d ^ k1;
		d = (uint32_t)p;
		k0 += 0x9e3779b9u;
		k1 += 0xbb67ae85u;
	}
	out[0] = a;
	out[1] = b;
	out[2] = c;
	out[3] = d;
}

void c5_random_start(c5_random *r, uint64_t seed, uint64_t item)
{
	memset(r, 0, sizeof *r);
	r->key[0] = (uint32_t)seed;
	r->key[1] = (uint32_t)(seed >> 32);
	r->counter[2] = (uint32_t)item;
	r->counter[3] = (uint32_t)(item >> 32);
	r->spare = NAN;
}

uint32_t c5_random_u32(c5_random *r)
{
	if (!r->left) {
		c5_philox(r->block, r->counter, r->key);
		if (!++r->counter[0]) r->counter[1]++;
		r->left = 4;
	}
	return r->block[4 - r->left--];
}

uint64_t c5_random_u64(c5_random *r)
{
	uint64_t low = c5_random_u32(r);
	return low | (uint64_t)c5_random_u32(r) << 32;
}

double c5_random_uniform(c5_random *r) { return (double)(c5_random_u64(r) >> 11) * 0x1p-53; }

double c5_random_range(c5_random *r, double lo, double hi) { return lo + (hi - lo) * c5_random_uniform(r); }

/* Draws from the largest whole number of n's that 2^64 holds; others are drawn again. */
uint64_t c5_random_below(c5_random *r, uint64_t n)
{
	if (n < 2) return 0;
	uint64_t surplus = (0 - n) % n, v; /* 2^64 mod n */
	do v = c5_random_u64(r);
	while (v < surplus);
	return v % n;
}

/* Box and Muller: one pair of uniforms gives two normals. */
double c5_random_normal(c5_random *r)
{
	if (!isnan(r->spare)) {
		double v = r->spare;
		r->spare = NAN;
		return v;
	}
	double radius = sqrt(-2 * log1p(-c5_random_uniform(r))), angle = 6.283185307179586477 * c5_random_uniform(r);
	r->spare = radius * sin(angle);
	return radius * cos(angle);
}

void c5_random_order(c5_random *r, uint64_t *order, size_t n)
{
	for (size_t i = 0; i < n; i++) { /* inside out */
		size_t j = (size_t)c5_random_below(r, i + 1);
		order[i] = order[j];
		order[j] = i;
	}
}
