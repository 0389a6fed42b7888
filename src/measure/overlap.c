/* overlap.c – see overlap.h. */
#include "measure/overlap.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define DIGIT 11 /* bits sorted at a time */
#define STEP 16  /* pixels compared at a time */

/* How many pixels from `i` on carry the labels (x, y). */
static size_t run_end(const uint32_t *a, const uint32_t *b, size_t i, size_t n, uint32_t x, uint32_t y)
{
	for (; i + STEP <= n; i += STEP) {
		uint32_t other = 0;
		for (size_t k = 0; k < STEP; k++) other |= (a[i + k] ^ x) | (b[i + k] ^ y);
		if (other) break;
	}
	while (i < n && a[i] == x && b[i] == y) i++;
	return i;
}

static int take_runs(c5_overlap *o, const uint32_t *a, const uint32_t *b, size_t n, size_t *n_runs, uint64_t *bits)
{
	size_t m = 0;
	*bits = 0;
	for (size_t i = 0; i < n;) {
		uint32_t x = a[i], y = b[i];
		size_t end = run_end(a, b, i + 1, n, x, y);
		if (x | y) {
			if (m == o->cap_runs) {
				int err = c5_grow(&o->runs, &o->cap_runs, m + 1, sizeof *o->runs);
				if (err < 0) return err;
			}
			o->runs[m] = (struct c5_run){ (uint64_t)x << 32 | y, end - i };
			*bits |= o->runs[m++].key;
		}
		i = end;
	}
	*n_runs = m;
	return C5_OK;
}

/* Sorts runs[0..m) by the bits set in `bits`, lowest digit first; digits in which no key has a bit are passed over. */
static int sort_runs(c5_overlap *o, size_t m, uint64_t bits)
{
	int err = c5_grow(&o->spare, &o->cap_spare, m, sizeof *o->spare);
	if (err < 0) return err;
	for (int shift = 0; shift < 64; shift += DIGIT) {
		uint32_t at[1 << DIGIT] = { 0 };
		const uint64_t mask = (1 << DIGIT) - 1;
		if (!(bits >> shift & mask)) continue;
		for (size_t i = 0; i < m; i++) at[o->runs[i].key >> shift & mask]++;
		uint32_t sum = 0;
		for (size_t k = 0; k <= mask; k++) {
			uint32_t count = at[k];
			at[k] = sum;
			sum += count;
		}
		for (size_t i = 0; i < m; i++) o->spare[at[o->runs[i].key >> shift & mask]++] = o->runs[i];
		struct c5_run *runs = o->runs;
		size_t cap = o->cap_runs;
		o->runs = o->spare;
		o->cap_runs = o->cap_spare;
		o->spare = runs;
		o->cap_spare = cap;
	}
	return C5_OK;
}

static int room_for(c5_overlap *o, size_t m)
{
	int err = c5_grow(&o->label_a, &o->cap_a, m, sizeof *o->label_a);
	if (err == C5_OK) err = c5_grow(&o->label_b, &o->cap_b, m, sizeof *o->label_b);
	if (err == C5_OK) err = c5_grow(&o->area_a, &o->cap_areas_a, m, sizeof *o->area_a);
	if (err == C5_OK) err = c5_grow(&o->area_b, &o->cap_areas_b, m, sizeof *o->area_b);
	if (err == C5_OK) err = c5_grow(&o->pairs, &o->cap_pairs, m, sizeof *o->pairs);
	return err;
}

int c5_overlap_count(c5_overlap *o, const uint32_t *a, const uint32_t *b, size_t n)
{
	size_t m, distinct = 0;
	uint64_t bits;
	int err;
	o->n_a = o->n_b = o->n_pairs = 0;
	if ((err = take_runs(o, a, b, n, &m, &bits)) < 0 || !m) return err;
	if (m > UINT32_MAX) return c5_fail(C5_EINPUT, "an image pair of %zu runs of labels, fewer than 2^32 are expected: these are no masks", m);
	if ((err = sort_runs(o, m, bits)) < 0) return err;
	for (size_t i = 0; i < m; i++) /* equal pairs become one */
		if (distinct && o->runs[distinct - 1].key == o->runs[i].key) o->runs[distinct - 1].pixels += o->runs[i].pixels;
		else o->runs[distinct++] = o->runs[i];
	if ((err = room_for(o, distinct)) < 0) return err;
	for (size_t i = 0; i < distinct; i++) {
		uint32_t x = (uint32_t)(o->runs[i].key >> 32), y = (uint32_t)o->runs[i].key;
		if (x) {
			if (!o->n_a || o->label_a[o->n_a - 1] != x) {
				o->label_a[o->n_a] = x;
				o->area_a[o->n_a++] = 0;
			}
			o->area_a[o->n_a - 1] += o->runs[i].pixels;
			if (y) o->pairs[o->n_pairs++] = (c5_shared){ (uint32_t)o->n_a - 1, (uint32_t)i, o->runs[i].pixels };
		}
	}
	/* The second list: the same pairs by their lower half; `spare` remembers where each came from. */
	if ((err = c5_grow(&o->spare, &o->cap_spare, distinct, sizeof *o->spare)) < 0) return err;
	for (size_t i = 0; i < distinct; i++) o->spare[i] = o->runs[i];
	bits = 0;
	for (size_t i = 0; i < distinct; i++) {
		o->runs[i].key = o->spare[i].key << 32 | (uint32_t)i;
		bits |= o->runs[i].key;
	}
	if ((err = sort_runs(o, distinct, bits & ~(uint64_t)UINT32_MAX)) < 0) return err;
	if ((err = c5_grow(&o->spare, &o->cap_spare, distinct, sizeof *o->spare)) < 0) return err;
	for (size_t i = 0; i < distinct; i++) {
		uint32_t y = (uint32_t)(o->runs[i].key >> 32);
		if (!y) continue;
		if (!o->n_b || o->label_b[o->n_b - 1] != y) {
			o->label_b[o->n_b] = y;
			o->area_b[o->n_b++] = 0;
		}
		o->area_b[o->n_b - 1] += o->runs[i].pixels;
		o->spare[(uint32_t)o->runs[i].key].pixels = o->n_b - 1;
	}
	for (size_t i = 0; i < o->n_pairs; i++) o->pairs[i].b = (uint32_t)o->spare[o->pairs[i].b].pixels;
	return C5_OK;
}

void c5_overlap_free(c5_overlap *o)
{
	free(o->label_a);
	free(o->label_b);
	free(o->area_a);
	free(o->area_b);
	free(o->pairs);
	free(o->runs);
	free(o->spare);
	memset(o, 0, sizeof *o);
}

void c5_overlap_match(const c5_overlap *o, uint32_t *match)
{
	for (size_t i = 0; i < o->n_a; i++) match[i] = UINT32_MAX;
	for (size_t i = 0; i < o->n_pairs; i++)
		if (2 * o->pairs[i].pixels > o->area_a[o->pairs[i].a]) match[o->pairs[i].a] = o->pairs[i].b;
}

double c5_overlap_iou(const c5_overlap *o, const c5_shared *p)
{
	return (double)p->pixels / (double)(o->area_a[p->a] + o->area_b[p->b] - p->pixels);
}
