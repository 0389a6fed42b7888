/* tree.c – see tree.h. */
#include "train/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

int c5_tree_split(int lo, int hi)
{
	int n = 1;
	while (2 * n < hi - lo) n *= 2;
	return lo + n;
}

c5_span c5_tree_share(int leaves, int rank, int ranks)
{
	return (c5_span){ (int)((long long)leaves * rank / ranks), (int)((long long)leaves * (rank + 1) / ranks) };
}

static int cover(int lo, int hi, int a, int b, c5_span *out, int n)
{
	if (hi <= a || lo >= b) return n;
	if (lo >= a && hi <= b) {
		if (n < C5_TREE_SLOTS_MAX) out[n] = (c5_span){ lo, hi };
		return n + 1;
	}
	int mid = c5_tree_split(lo, hi);
	return cover(mid, hi, a, b, out, cover(lo, mid, a, b, out, n));
}

int c5_tree_cover(int leaves, int a, int b, c5_span out[C5_TREE_SLOTS_MAX]) { return cover(0, leaves, a, b, out, 0); }

/* How many nodes inside [a, b) end with this leaf as their last, the leaf itself left out: so many sums are due once it is there. */
static int due(int lo, int hi, int a, int b, int leaf)
{
	if (hi - lo < 2) return 0;
	int mid = c5_tree_split(lo, hi), here = lo >= a && hi <= b && leaf == hi - 1;
	return here + (leaf < mid ? due(lo, mid, a, b, leaf) : due(mid, hi, a, b, leaf));
}

int c5_tree_sum_open(c5_tree_sum *s, int leaves, int a, int b, size_t n)
{
	int depth = 0, most = 0, err;
	*s = (c5_tree_sum){ .leaves = leaves, .a = a, .b = b, .n = n };
	for (int i = a; i < b; i++) {
		depth -= due(0, leaves, a, b, i) - 1;
		if (depth > most) most = depth;
	}
	if (leaves > C5_TREE_LEAVES_MAX || most > C5_TREE_SLOTS_MAX)
		return c5_fail(C5_EUSAGE, "%d micro-batches, expected at most %d", leaves, C5_TREE_LEAVES_MAX);
	for (int i = 0; i < most; i++) {
		if ((err = c5_alloc_aligned(&s->slots[i], n + 1, sizeof(float))) < 0) {
			c5_tree_sum_close(s);
			return err;
		}
		s->n_slots++;
	}
	c5_tree_sum_begin(s);
	return C5_OK;
}

void c5_tree_sum_close(c5_tree_sum *s)
{
	for (int i = 0; i < s->n_slots; i++) free(s->slots[i]);
	*s = (c5_tree_sum){ 0 };
}

void c5_tree_sum_begin(c5_tree_sum *s)
{
	s->leaf = s->a;
	s->depth = 0;
}

static void add(float *to, const float *x, size_t n)
{
#pragma omp parallel for simd schedule(static) if (n > 65536)
	for (size_t i = 0; i < n; i++) to[i] += x[i];
}

void c5_tree_sum_add(c5_tree_sum *s, const float *x, size_t from, size_t to)
{
	int sums = due(0, s->leaves, s->a, s->b, s->leaf), d = s->depth;
	if (sums == 0) memcpy(s->slots[d] + from, x, (to - from) * sizeof *x);
	else add(s->slots[d - 1] + from, x, to - from);
	for (int k = 1; k < sums; k++) add(s->slots[d - 1 - k] + from, s->slots[d - k] + from, to - from);
}

void c5_tree_sum_next(c5_tree_sum *s)
{
	s->depth -= due(0, s->leaves, s->a, s->b, s->leaf) - 1;
	s->leaf++;
}

/* The sum of [lo, hi), left in the part that begins it; its index. */
static int join(int lo, int hi, const c5_span *spans, float *const *parts, int n_parts, size_t n)
{
	for (int i = 0; i < n_parts; i++)
		if (spans[i].lo == lo && spans[i].hi == hi) return i;
	int mid = c5_tree_split(lo, hi), left = join(lo, mid, spans, parts, n_parts, n), right = join(mid, hi, spans, parts, n_parts, n);
	add(parts[left], parts[right], n);
	return left;
}

void c5_tree_join(float *out, int leaves, const c5_span *spans, float *const *parts, int n_parts, size_t n)
{
	int at = join(0, leaves, spans, parts, n_parts, n);
	if (out != parts[at]) memcpy(out, parts[at], n * sizeof *out);
}
