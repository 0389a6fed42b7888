/* unit_train_tree.c – sums in one order: the shape of the tree, covers of ranks, and the same bits however the leaves are shared out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/random.h"
#include "train/tree.h"

enum { N = 37, MOST = 33 };
static float leaf[MOST][N];

static int set_up(void **state)
{
	(void)state;
	c5_random r;
	c5_random_start(&r, 5, 0);
	for (int i = 0; i < MOST; i++)
		for (int k = 0; k < N; k++) leaf[i][k] = (float)(c5_random_normal(&r) * (k % 3 ? 1 : 1e4)); /* so that order matters */
	return 0;
}

/* The tree by its definition. */
static float plain(int lo, int hi, int k)
{
	int mid = c5_tree_split(lo, hi);
	return hi - lo == 1 ? leaf[lo][k] : plain(lo, mid, k) + plain(mid, hi, k);
}

static void the_left_child_is_the_largest_power_of_two(void **state)
{
	(void)state;
	static const int want[][3] = { { 0, 2, 1 }, { 0, 3, 2 }, { 0, 4, 2 }, { 0, 5, 4 }, { 0, 8, 4 }, { 0, 9, 8 }, { 4, 7, 6 }, { 8, 9 + 8, 16 } };
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) assert_int_equal(c5_tree_split(want[i][0], want[i][1]), want[i][2]);
}

static void shares_cover_all_leaves(void **state)
{
	(void)state;
	for (int leaves = 1; leaves <= MOST; leaves++)
		for (int ranks = 1; ranks <= leaves; ranks++) {
			int at = 0, least = leaves, most = 0;
			for (int r = 0; r < ranks; r++) {
				c5_span s = c5_tree_share(leaves, r, ranks), cover[C5_TREE_SLOTS_MAX];
				assert_int_equal(s.lo, at);
				int n = c5_tree_cover(leaves, s.lo, s.hi, cover), c = s.lo;
				for (int i = 0; i < n; i++) {
					assert_int_equal(cover[i].lo, c);
					assert_true(cover[i].hi > c);
					c = cover[i].hi;
				}
				assert_int_equal(c, s.hi);
				at = s.hi;
				if (s.hi - s.lo < least) least = s.hi - s.lo;
				if (s.hi - s.lo > most) most = s.hi - s.lo;
			}
			assert_int_equal(at, leaves);
			assert_true(most - least <= 1 && least >= 1);
		}
}

/* What ranks sum by themselves and what is joined then; leaves come in ranges, the later ones first, as gradients do. */
static void any_number_of_ranks_gives_the_same_bits(void **state)
{
	(void)state;
	for (int leaves = 1; leaves <= MOST; leaves++) {
		float want[N];
		for (int k = 0; k < N; k++) want[k] = plain(0, leaves, k);
		for (int ranks = 1; ranks <= leaves; ranks += leaves > 9 ? 3 : 1) {
			c5_tree_sum sums[MOST];
			c5_span spans[MOST * 4];
			float *parts[MOST * 4], out[N];
			int n = 0;
			for (int r = 0; r < ranks; r++) {
				c5_span s = c5_tree_share(leaves, r, ranks), cover[C5_TREE_SLOTS_MAX];
				assert_int_equal(c5_tree_sum_open(&sums[r], leaves, s.lo, s.hi, N), C5_OK);
				for (int pass = 0; pass < 2; pass++) { /* the second batch forgets the first */
					c5_tree_sum_begin(&sums[r]);
					for (int i = s.lo; i < s.hi; i++) {
						size_t cut = (size_t)(i * 7 % N);
						c5_tree_sum_add(&sums[r], leaf[i] + cut, cut, N);
						c5_tree_sum_add(&sums[r], leaf[i], 0, cut);
						c5_tree_sum_next(&sums[r]);
					}
				}
				int m = c5_tree_cover(leaves, s.lo, s.hi, cover);
				assert_true(m <= sums[r].n_slots);
				for (int i = 0; i < m; i++) {
					spans[n] = cover[i];
					parts[n++] = sums[r].slots[i];
				}
			}
			c5_tree_join(out, leaves, spans, parts, n, N);
			assert_memory_equal(out, want, sizeof want);
			for (int r = 0; r < ranks; r++) c5_tree_sum_close(&sums[r]);
		}
	}
}

static void too_many_leaves_are_refused(void **state)
{
	(void)state;
	c5_tree_sum s;
	assert_int_equal(c5_tree_sum_open(&s, C5_TREE_LEAVES_MAX + 1, 0, C5_TREE_LEAVES_MAX + 1, 1), C5_EUSAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_left_child_is_the_largest_power_of_two), cmocka_unit_test(shares_cover_all_leaves),
		cmocka_unit_test(any_number_of_ranks_gives_the_same_bits), cmocka_unit_test(too_many_leaves_are_refused),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
