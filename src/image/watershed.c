/* watershed.c – see watershed.h. One list of pixels a level, first in first out; a pixel enters once. Which levels have pixels is kept in two
 * storeys of bits, so that the lowest is found in three steps, whether the flood goes up or falls back.
 *
 * Pieces of the mask that no edge joins do not know of each other: each is flooded by itself, which gives the same basins and keeps the work in
 * one place of memory at a time. */
#include "image/watershed.h"

#include <stdbool.h>
#include <string.h>

#include "base/cpus.h"
#include "image/label.h"

#define NONE UINT32_MAX

typedef struct queue {
	uint32_t *next, *head, *tail; /* of pixels; of levels */
	uint64_t *filled, top[16];    /* levels with pixels; words of `filled` that are not 0 */
} queue;

static size_t queue_bytes(size_t n)
{
	return C5_WATERSHED_LEVELS / 64 * sizeof(uint64_t) + (2 * C5_WATERSHED_LEVELS + (n + 1) / 2 * 2) * sizeof(uint32_t);
}

/* The queue, the pieces' numbers, and what labelling takes, where afterwards the markers lie sorted by piece: fewer bytes. */
size_t c5_watershed_bytes(size_t height, size_t width)
{
	const size_t n = height * width;
	return queue_bytes(n) + (n + 1) / 2 * 2 * sizeof(uint32_t) + c5_label_bytes(height, width);
}

static queue queue_in(void *scratch)
{
	queue q;
	q.filled = scratch;
	q.head = (uint32_t *)(q.filled + C5_WATERSHED_LEVELS / 64);
	q.tail = q.head + C5_WATERSHED_LEVELS;
	q.next = q.tail + C5_WATERSHED_LEVELS;
	memset(q.filled, 0, C5_WATERSHED_LEVELS / 8);
	memset(q.top, 0, sizeof q.top);
	return q;
}

static inline void put(queue *q, uint32_t pixel, uint32_t level)
{
	const uint64_t bit = 1ull << (level & 63);
	q->next[pixel] = NONE;
	if (q->filled[level >> 6] & bit) q->next[q->tail[level]] = pixel;
	else {
		q->head[level] = pixel;
		q->filled[level >> 6] |= bit;
		q->top[level >> 12] |= 1ull << (level >> 6 & 63);
	}
	q->tail[level] = pixel;
}

/* The first pixel of the lowest level; NONE when all are empty. */
static inline uint32_t take(queue *q)
{
	uint32_t k = 0;
	while (k < 16 && !q->top[k]) k++;
	if (k == 16) return NONE;
	const uint32_t word = k << 6 | (uint32_t)__builtin_ctzll(q->top[k]), level = word << 6 | (uint32_t)__builtin_ctzll(q->filled[word]);
	const uint32_t pixel = q->head[level];
	if ((q->head[level] = q->next[pixel]) == NONE) {
		q->filled[word] &= q->filled[word] - 1;
		if (!q->filled[word]) q->top[k] &= q->top[k] - 1;
	}
	return pixel;
}

/* Empties the queue over the frame. */
static void flood(queue *q, uint32_t *labels, const uint16_t *relief, const uint8_t *mask, size_t n, size_t width)
{
	for (uint32_t i; (i = take(q)) != NONE;) {
		const uint32_t label = labels[i], x = i % (uint32_t)width;
		const bool inside[4] = { i >= width, x > 0, x + 1 < width, i + width < n };
		const uint32_t to[4] = { i - (uint32_t)width, i - 1, i + 1, i + (uint32_t)width };
		for (int k = 0; k < 4; k++) {
			const uint32_t j = to[k];
			if (!inside[k] || labels[j] || (mask && !mask[j])) continue;
			labels[j] = label;
			put(q, j, relief[j]);
		}
	}
}

void c5_watershed_flood(uint32_t *labels, const uint16_t *relief, const uint8_t *mask, size_t height, size_t width, void *scratch)
{
	const size_t n = height * width;
	queue q = queue_in(scratch);
	if (!mask) {
		for (size_t i = 0; i < n; i++)
			if (labels[i]) put(&q, (uint32_t)i, relief[i]);
		flood(&q, labels, relief, NULL, n, width);
		return;
	}
	uint32_t *piece = (uint32_t *)(void *)((uint8_t *)scratch + queue_bytes(n)), *start = piece + (n + 1) / 2 * 2;
	const c5_label_rules edges = { 4, false, 0, 0, 0, -1 };
	const uint32_t pieces = c5_label_mask(piece, mask, height, width, &edges, start);
	memset(start, 0, ((size_t)pieces + 2) * sizeof *start);
	uint32_t *sorted = start + pieces + 2; /* start[k + 1]: where piece k's markers begin, then where they end */
	for (size_t i = 0; i < n; i++) {
		if (!labels[i]) continue;
		if (mask[i]) start[piece[i] + 1]++;
		else labels[i] = 0;
	}
	for (uint32_t k = 1; k <= pieces + 1; k++) start[k] += start[k - 1];
	for (size_t i = 0; i < n; i++)
		if (labels[i]) sorted[start[piece[i]]++] = (uint32_t)i; /* start[k] is now the end of piece k */
	for (uint32_t k = 1, at = 0; k <= pieces; k++) {
		for (; at < start[k]; at++) put(&q, sorted[at], relief[sorted[at]]);
		flood(&q, labels, relief, mask, n, width);
	}
}

FOR_CPUS void c5_watershed_levels(uint16_t *relief, const float *map, size_t n, float least, float most)
{
	const float scale = most > least ? (C5_WATERSHED_LEVELS - 1) / (most - least) : 0;
	for (size_t i = 0; i < n; i++) {
		float v = (map[i] - least) * scale;
		v = v > 0 ? v < C5_WATERSHED_LEVELS - 1 ? v : C5_WATERSHED_LEVELS - 1 : 0;
		relief[i] = (uint16_t)(int32_t)v;
	}
}

/* Neighbours of pixel i in reading order; returns how many. */
static int around(uint32_t to[8], size_t i, size_t height, size_t width)
{
	const size_t y = i / width, x = i % width;
	int n = 0;
	for (size_t v = y ? y - 1 : 0; v <= y + 1 && v < height; v++)
		for (size_t u = x ? x - 1 : 0; u <= x + 1 && u < width; u++)
			if (v != y || u != x) to[n++] = (uint32_t)(v * width + u);
	return n;
}

uint32_t c5_watershed_minima(uint32_t *labels, const uint16_t *relief, const uint8_t *mask, size_t height, size_t width, void *scratch)
{
	uint32_t *stack = scratch, count = 0, to[8];
	memset(labels, 0, height * width * sizeof *labels);
	for (size_t i = 0; i < height * width; i++) {
		if (labels[i] || (mask && !mask[i])) continue;
		const uint16_t level = relief[i];
		bool lower = false; /* most pixels have a lower neighbour: settled without a flood */
		for (int k = around(to, i, height, width); k-- > 0 && !lower;) lower = relief[to[k]] < level && (!mask || mask[to[k]]);
		if (lower) continue;
		size_t n = 0, done = 0;
		stack[n++] = (uint32_t)i;
		labels[i] = NONE;
		while (done < n)
			for (int k = around(to, stack[done++], height, width); k-- > 0;) {
				const uint32_t j = to[k];
				if (mask && !mask[j]) continue;
				if (relief[j] < level) lower = true;
				if (relief[j] == level && !labels[j]) labels[j] = NONE, stack[n++] = j;
			}
		if (!lower) {
			count++;
			for (size_t k = 0; k < n; k++) labels[stack[k]] = count;
		}
	}
	for (size_t i = 0; i < height * width; i++)
		if (labels[i] == NONE) labels[i] = 0;
	return count;
}
