/* sobol.c – see sobol.h. */
#include "hyperopt/sobol.h"

#include "base/random.h"

/* Coordinates 1 to 63: the primitive polynomial over GF(2) with its leading and constant bits, and the first odd numbers m. Coordinate 0 needs none.
 * Joe & Kuo's table of 2008 (new-joe-kuo-6). */
static const struct direction { uint32_t poly, m[9]; } directions[C5_SOBOL_MOST - 1] = {
	{ 3, { 1 } }, { 7, { 1, 3 } }, { 11, { 1, 3, 1 } }, { 13, { 1, 1, 1 } }, { 19, { 1, 1, 3, 3 } }, { 25, { 1, 3, 5, 13 } },
	{ 37, { 1, 1, 5, 5, 17 } }, { 41, { 1, 1, 5, 5, 5 } }, { 47, { 1, 1, 7, 11, 19 } }, { 55, { 1, 1, 5, 1, 1 } }, { 59, { 1, 1, 1, 3, 11 } },
	{ 61, { 1, 3, 5, 5, 31 } }, { 67, { 1, 3, 3, 9, 7, 49 } }, { 91, { 1, 1, 1, 15, 21, 21 } }, { 97, { 1, 3, 1, 13, 27, 49 } },
	{ 103, { 1, 1, 1, 15, 7, 5 } }, { 109, { 1, 3, 1, 15, 13, 25 } }, { 115, { 1, 1, 5, 5, 19, 61 } }, { 131, { 1, 3, 7, 11, 23, 15, 103 } },
	{ 137, { 1, 3, 7, 13, 13, 15, 69 } }, { 143, { 1, 1, 3, 13, 7, 35, 63 } }, { 145, { 1, 3, 5, 9, 1, 25, 53 } },
	{ 157, { 1, 3, 1, 13, 9, 35, 107 } }, { 167, { 1, 3, 1, 5, 27, 61, 31 } }, { 171, { 1, 1, 5, 11, 19, 41, 61 } },
	{ 185, { 1, 3, 5, 3, 3, 13, 69 } }, { 191, { 1, 1, 7, 13, 1, 19, 1 } }, { 193, { 1, 3, 7, 5, 13, 19, 59 } },
	{ 203, { 1, 1, 3, 9, 25, 29, 41 } }, { 211, { 1, 3, 5, 13, 23, 1, 55 } }, { 213, { 1, 3, 7, 3, 13, 59, 17 } },
	{ 229, { 1, 3, 1, 3, 5, 53, 69 } }, { 239, { 1, 1, 5, 5, 23, 33, 13 } }, { 241, { 1, 1, 7, 7, 1, 61, 123 } },
	{ 247, { 1, 1, 7, 9, 13, 61, 49 } }, { 253, { 1, 3, 3, 5, 3, 55, 33 } }, { 285, { 1, 3, 1, 15, 31, 13, 49, 245 } },
	{ 299, { 1, 3, 5, 15, 31, 59, 63, 97 } }, { 301, { 1, 3, 1, 11, 11, 11, 77, 249 } }, { 333, { 1, 3, 1, 11, 27, 43, 71, 9 } },
	{ 351, { 1, 1, 7, 15, 21, 11, 81, 45 } }, { 355, { 1, 3, 7, 3, 25, 31, 65, 79 } }, { 357, { 1, 3, 1, 1, 19, 11, 3, 205 } },
	{ 361, { 1, 1, 5, 9, 19, 21, 29, 157 } }, { 369, { 1, 3, 7, 11, 1, 33, 89, 185 } }, { 391, { 1, 3, 3, 3, 15, 9, 79, 71 } },
	{ 397, { 1, 3, 7, 11, 15, 39, 119, 27 } }, { 425, { 1, 1, 3, 1, 11, 31, 97, 225 } }, { 451, { 1, 1, 1, 3, 23, 43, 57, 177 } },
	{ 463, { 1, 3, 7, 7, 17, 17, 37, 71 } }, { 487, { 1, 3, 1, 5, 27, 63, 123, 213 } }, { 501, { 1, 1, 3, 5, 11, 43, 53, 133 } },
	{ 529, { 1, 3, 5, 5, 29, 17, 47, 173, 479 } }, { 539, { 1, 3, 3, 11, 3, 1, 109, 9, 69 } }, { 545, { 1, 1, 1, 5, 17, 39, 23, 5, 343 } },
	{ 557, { 1, 3, 1, 5, 25, 15, 31, 103, 499 } }, { 563, { 1, 1, 1, 11, 11, 17, 63, 105, 183 } }, { 601, { 1, 1, 5, 11, 9, 29, 97, 231, 363 } },
	{ 607, { 1, 1, 5, 15, 19, 45, 41, 7, 383 } }, { 617, { 1, 3, 7, 7, 31, 19, 83, 137, 221 } }, { 623, { 1, 1, 1, 3, 23, 15, 111, 223, 83 } },
	{ 631, { 1, 1, 5, 13, 31, 15, 55, 25, 161 } }, { 637, { 1, 1, 3, 13, 25, 47, 39, 87, 257 } },
};

/* Direction number `bit` of a coordinate, its binary point before bit 31. */
static void direction_numbers(uint32_t v[32], size_t coordinate)
{
	if (coordinate == 0) {
		for (unsigned i = 0; i < 32; i++) v[i] = UINT32_C(1) << (31 - i);
		return;
	}
	const struct direction *d = &directions[coordinate - 1];
	unsigned degree = 0;
	while (d->poly >> (degree + 1)) degree++;
	for (unsigned i = 0; i < 32; i++) {
		if (i < degree) {
			v[i] = d->m[i] << (31 - i);
			continue;
		}
		v[i] = v[i - degree] ^ (v[i - degree] >> degree);
		for (unsigned k = 1; k < degree; k++)
			if (d->poly >> (degree - k) & 1) v[i] ^= v[i - k];
	}
}

/* Owen's nested scrambling: whether a digit is turned depends on all digits before it. */
static uint32_t scramble(uint32_t x, uint64_t seed, size_t coordinate)
{
	const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
	uint32_t out = 0;
	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t before = bit ? x >> (32 - bit) : 0, drawn[4];
		const uint32_t counter[4] = { before, bit, (uint32_t)coordinate, UINT32_C(0x50b01) };
		c5_philox(drawn, counter, key);
		out |= ((x >> (31 - bit) & 1) ^ (drawn[0] & 1)) << (31 - bit);
	}
	return out;
}

void c5_sobol(double *to, size_t n, uint64_t seed, uint32_t index)
{
	for (size_t k = 0; k < n; k++) {
		uint32_t v[32], x = 0;
		if (k >= C5_SOBOL_MOST) {
			to[k] = 0.5;
			continue;
		}
		direction_numbers(v, k);
		for (unsigned bit = 0; bit < 32; bit++)
			if (index >> bit & 1) x ^= v[bit];
		to[k] = ((double)scramble(x, seed, k) + 0.5) / 4294967296.0;
	}
}
