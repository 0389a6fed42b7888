/* feed_parts.c – see feed_parts.h. */
#include "stain/feed_parts.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"

void c5_feed_random(c5_random *r, uint64_t seed, size_t item, uint64_t draw)
{
	uint32_t mixed[4], key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
	c5_philox(mixed, (const uint32_t[4]){ (uint32_t)draw, (uint32_t)(draw >> 32), (uint32_t)item, (uint32_t)((uint64_t)item >> 32) }, key);
	c5_random_start(r, seed, (uint64_t)mixed[0] << 32 | mixed[1]);
}

void c5_feed_light(float *planes, int channels, size_t area, c5_random *r)
{
	float gain = (float)exp(0.15 * c5_random_normal(r)), noise = (float)(0.08 * c5_random_uniform(r));
	for (int c = 0; c < channels; c++) {
		float offset = (float)(0.1 * c5_random_normal(r)), *p = planes + (size_t)c * area;
		for (size_t i = 0; i < area; i++) p[i] = gain * p[i] + offset + noise * (float)c5_random_normal(r);
	}
}

int c5_feed_shuffle(size_t *order, size_t n, uint64_t seed, uint64_t epoch)
{
	c5_random r;
	c5_random_start(&r, seed ^ UINT64_C(0x73687566666c65), epoch);
	for (size_t i = n; i > 1; i--) {
		size_t k = (size_t)c5_random_below(&r, i), other = order[k];
		order[k] = order[i - 1], order[i - 1] = other;
	}
	return C5_OK;
}
