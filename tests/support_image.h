/* support_image.h – images both sides can make: the tests here and tests/golden/make_imageops.py draw the same pixels from the same seed, so that
 * a golden is a checksum (whole numbers) or a short table (floats) and no image. */
#ifndef SUPPORT_IMAGE_H
#define SUPPORT_IMAGE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static inline void *room(size_t bytes)
{
	void *p = malloc(bytes ? bytes : 1);
	assert_non_null(p);
	return p;
}

/* The next of a row of numbers, 0..65535. */
static inline uint16_t noise_next(uint32_t *seed) { return (uint16_t)((*seed = *seed * 1664525u + 1013904223u) >> 16); }

/* Noise averaged twice over windows of (2 radius + 1)^2, what of them lies in the frame, and stretched to 0..65535. Whole numbers throughout. */
static inline void field_make(uint16_t *out, size_t h, size_t w, uint32_t seed, size_t radius)
{
	const size_t n = h * w;
	uint32_t *now = room(n * sizeof *now), *next = room(n * sizeof *next), lo = UINT32_MAX, hi = 0;
	for (size_t i = 0; i < n; i++) now[i] = noise_next(&seed);
	for (int turn = 0; turn < 2; turn++) {
		for (size_t y = 0; y < h; y++)
			for (size_t x = 0; x < w; x++) {
				uint32_t sum = 0, count = 0;
				for (size_t v = y > radius ? y - radius : 0; v <= y + radius && v < h; v++)
					for (size_t u = x > radius ? x - radius : 0; u <= x + radius && u < w; u++) sum += now[v * w + u], count++;
				next[y * w + x] = sum / count;
			}
		memcpy(now, next, n * sizeof *now);
	}
	for (size_t i = 0; i < n; i++) {
		if (now[i] < lo) lo = now[i];
		if (now[i] > hi) hi = now[i];
	}
	for (size_t i = 0; i < n; i++) out[i] = (uint16_t)((uint64_t)(now[i] - lo) * 65535 / (hi > lo ? hi - lo : 1));
	free(now);
	free(next);
}

/* The same in other types, exact: 8 bits are the upper ones, floats are 256ths. */
static inline void field_bytes(uint8_t *out, const uint16_t *field, size_t n)
{
	for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(field[i] >> 8);
}

static inline void field_floats(float *out, const uint16_t *field, size_t n)
{
	for (size_t i = 0; i < n; i++) out[i] = (float)field[i] / 256;
}

/* FNV-1a over the bytes. */
static inline uint64_t checksum(const void *data, size_t bytes)
{
	const uint8_t *p = data;
	uint64_t sum = 14695981039346656037u;
	for (size_t i = 0; i < bytes; i++) sum = (sum ^ p[i]) * 1099511628211u;
	return sum;
}

/* Every `step`-th float beside the golden's. */
static inline void near_table(const float *got, const float *want, size_t n, size_t step, double tolerance)
{
	for (size_t i = 0; i < n; i++)
		if (!(fabs((double)got[i * step] - (double)want[i]) <= tolerance))
			fail_msg("pixel %zu: %.9g, expected %.9g", i * step, (double)got[i * step], (double)want[i]);
}

#endif
