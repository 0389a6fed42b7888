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

typedef struct scored { float score; bool truth; } scored;

static int lower(const void *a, const void *b)
{
	const scored *p = a, *q = b;
	return p->score < q->score ? -1 : p->score > q->score;
}

int c5_feed_auc(double *out, const float *score, const float *truth, size_t n, size_t step)
{
	scored *s;
	double ranks = 0, positive = 0;
	*out = NAN;
	int err = c5_alloc(&s, n, sizeof *s);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++) s[i] = (scored){ score[i * step], truth[i * step] > 0.5f };
	qsort(s, n, sizeof *s, lower);
	for (size_t i = 0, k; i < n; i = k) { /* equal scores share their mean rank */
		for (k = i; k < n && !(s[k].score > s[i].score); k++) {}
		for (size_t j = i; j < k; j++)
			if (s[j].truth) ranks += 0.5 * (double)(i + k + 1), positive++;
	}
	double negative = (double)n - positive;
	if (positive > 0 && negative > 0) *out = (ranks - positive * (positive + 1) / 2) / (positive * negative);
	free(s);
	return C5_OK;
}
