/* unit_track_assign.c – the assignment against trying everything, against a dense solver of another make, and against itself shuffled. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "track/assign.h"

#define EDGES 20000
#define NODES 400

static uint64_t seed;

static uint32_t dice(uint32_t sides) /* splitmix64 */
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) >> 33) % sides;
}

static struct { c5_assign_graph g; uint64_t start[NODES + 1]; uint32_t col[EDGES]; double cost[EDGES], rows[NODES], cols[NODES]; } t;

/* Costs are whole halves up to `range`, so that ties abound when it is small. */
static void make(uint32_t rows, uint32_t cols, uint32_t percent, uint32_t range)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < rows; i++) {
		t.start[i] = n;
		for (uint32_t j = cols; j-- > 0;)
			if (dice(100) < percent && n < EDGES) {
				t.col[n] = j;
				t.cost[n++] = 0.5 * dice(range);
			}
		t.rows[i] = 0.5 * dice(range);
	}
	t.start[rows] = n;
	for (uint32_t j = 0; j < cols; j++) t.cols[j] = 0.5 * dice(range);
	t.g = (c5_assign_graph){ rows, cols, t.start, t.col, t.cost, t.rows, t.cols };
}

static double best_of_all(uint32_t row, uint32_t used)
{
	if (row == t.g.n_rows) {
		double sum = 0;
		for (uint32_t j = 0; j < t.g.n_cols; j++) sum += used >> j & 1 ? 0 : t.cols[j];
		return sum;
	}
	double best = t.rows[row] + best_of_all(row + 1, used);
	for (uint64_t e = t.start[row]; e < t.start[row + 1]; e++)
		if (!(used >> t.col[e] & 1)) best = fmin(best, t.cost[e] + best_of_all(row + 1, used | 1u << t.col[e]));
	return best;
}

/* What an answer costs; fails when it is none. */
static double price(const uint32_t *answer)
{
	uint8_t used[NODES] = { 0 };
	double sum = 0;
	for (uint32_t i = 0; i < t.g.n_rows; i++) {
		if (answer[i] == C5_ASSIGN_NONE) {
			sum += t.rows[i];
			continue;
		}
		double least = INFINITY;
		for (uint64_t e = t.start[i]; e < t.start[i + 1]; e++)
			if (t.col[e] == answer[i]) least = fmin(least, t.cost[e]);
		assert_true(isfinite(least));
		assert_int_equal(used[answer[i]]++, 0);
		sum += least;
	}
	for (uint32_t j = 0; j < t.g.n_cols; j++) sum += used[j] ? 0 : t.cols[j];
	return sum;
}

static void it_finds_the_least_cost_of_all_ways(void **state)
{
	(void)state;
	static const uint32_t ranges[] = { 1, 2, 4, 12, 1000 };
	for (int k = 0; k < 6000; k++) {
		uint32_t answer[8];
		c5_assign_summary sum;
		seed = (uint64_t)k;
		make(dice(7), dice(7), 10 + dice(91), ranges[k % 5]);
		assert_int_equal(c5_assign_solve(&t.g, answer, &sum), C5_OK);
		double want = best_of_all(0, 0);
		if (price(answer) != want || sum.cost != want) fail_msg("case %d: costs %g, says %g, expected %g", k, price(answer), sum.cost, want);
	}
}

/* The textbook dense solver (Hungarian with row by row augmentation in n^3) on the matrix with a shadow for every row and column. */
static double dense(uint32_t rows, uint32_t cols)
{
	enum { N = 2 * NODES };
	static double a[N + 1][N + 1], u[N + 1], v[N + 1], low[N + 1];
	static int p[N + 1], way[N + 1];
	static char used[N + 1];
	const double never = 1e5;
	int n = (int)(rows + cols);
	for (int i = 1; i <= n; i++)
		for (int j = 1; j <= n; j++) {
			bool row = i <= (int)rows, col = j <= (int)cols;
			a[i][j] = row && col ? never : row ? (j - (int)cols == i ? t.rows[i - 1] : never) : col ? (i - (int)rows == j ? t.cols[j - 1] : never) : 0;
		}
	for (uint32_t i = 0; i < rows; i++)
		for (uint64_t e = t.start[i]; e < t.start[i + 1]; e++) a[i + 1][t.col[e] + 1] = fmin(a[i + 1][t.col[e] + 1], t.cost[e]);
	memset(u, 0, sizeof u), memset(v, 0, sizeof v), memset(p, 0, sizeof p), memset(way, 0, sizeof way);
	for (int i = 1; i <= n; i++) {
		int j0 = 0;
		p[0] = i;
		for (int j = 0; j <= n; j++) low[j] = INFINITY, used[j] = 0;
		do {
			int i0 = p[j0], j1 = 0;
			double delta = INFINITY;
			used[j0] = 1;
			for (int j = 1; j <= n; j++) {
				if (used[j]) continue;
				double c = a[i0][j] - u[i0] - v[j];
				if (c < low[j]) low[j] = c, way[j] = j0;
				if (low[j] < delta) delta = low[j], j1 = j;
			}
			for (int j = 0; j <= n; j++) {
				if (used[j]) u[p[j]] += delta, v[j] -= delta;
				else low[j] -= delta;
			}
			j0 = j1;
		} while (p[j0]);
		for (; j0; j0 = way[j0]) p[j0] = p[way[j0]];
	}
	double sum = 0;
	for (int j = 1; j <= n; j++) sum += a[p[j]][j];
	return sum;
}

static void larger_ones_cost_what_the_dense_solver_finds(void **state)
{
	(void)state;
	static const struct { uint32_t rows, cols, percent, range; } cases[] = { { 150, 150, 4, 2000 }, { 100, 180, 8, 50 }, { 180, 90, 3, 6 },
		{ 120, 120, 60, 400 },
		{ 200, 1, 50, 9 }, { 1, 200, 50, 9 }, { 160, 160, 1, 100 } };
	static uint32_t answer[NODES];
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		c5_assign_summary sum;
		seed = 77 + k;
		make(cases[k].rows, cases[k].cols, cases[k].percent, cases[k].range);
		assert_int_equal(c5_assign_solve(&t.g, answer, &sum), C5_OK);
		double want = dense(cases[k].rows, cases[k].cols);
		assert_float_equal(price(answer), want, 1e-6);
		assert_float_equal(sum.cost, want, 1e-6);
	}
}

static void the_order_of_the_edges_does_not_matter(void **state)
{
	(void)state;
	for (int k = 0; k < 300; k++) {
		uint32_t one[60], two[60];
		seed = 1000 + (uint64_t)k;
		make(40 + dice(20), 40 + dice(20), 5 + dice(30), 2 + dice(5));
		assert_int_equal(c5_assign_solve(&t.g, one, NULL), C5_OK);
		for (uint32_t i = 0; i < t.g.n_rows; i++)
			for (uint64_t n = t.start[i + 1] - t.start[i]; n > 1; n--) {
				uint64_t a = t.start[i] + n - 1, b = t.start[i] + dice((uint32_t)n);
				uint32_t col = t.col[a];
				double cost = t.cost[a];
				t.col[a] = t.col[b], t.cost[a] = t.cost[b];
				t.col[b] = col, t.cost[b] = cost;
			}
		assert_int_equal(c5_assign_solve(&t.g, two, NULL), C5_OK);
		assert_memory_equal(one, two, t.g.n_rows * sizeof *one);
	}
}

static void ties_go_to_the_lower_number_and_equal_savings_are_not_taken(void **state)
{
	(void)state;
	const uint64_t start[] = { 0, 2, 4 };
	const uint32_t col[] = { 1, 0, 0, 1 };
	const double cost[] = { 1, 1, 1, 1 }, two[] = { 2, 2 }, half[] = { 0.5, 0.5 };
	uint32_t answer[2];
	c5_assign_summary sum;
	c5_assign_graph g = { 2, 2, start, col, cost, two, two };
	assert_int_equal(c5_assign_solve(&g, answer, &sum), C5_OK);
	assert_int_equal(answer[0], 0);
	assert_int_equal(answer[1], 1);
	assert_int_equal(sum.components, 1);
	assert_int_equal(sum.largest, 2);
	g.row_alone = g.col_alone = half;
	assert_int_equal(c5_assign_solve(&g, answer, &sum), C5_OK);
	assert_int_equal(answer[0], C5_ASSIGN_NONE);
	assert_int_equal(answer[1], C5_ASSIGN_NONE);
	assert_float_equal(sum.cost, 2, 0);
	assert_int_equal(sum.components, 0);
}

static void of_a_pair_given_twice_the_cheaper_counts(void **state)
{
	(void)state;
	const uint64_t start[] = { 0, 3 };
	const uint32_t col[] = { 0, 1, 0 };
	const double cost[] = { 5, 4, 3 }, alone[] = { 10, 10 };
	uint32_t answer[1];
	c5_assign_summary sum;
	c5_assign_graph g = { 1, 2, start, col, cost, alone, alone };
	assert_int_equal(c5_assign_solve(&g, answer, &sum), C5_OK);
	assert_int_equal(answer[0], 0);
	assert_float_equal(sum.cost, 13, 0);
}

static void nothing_is_assigned_to_nothing(void **state)
{
	(void)state;
	const uint64_t start[3] = { 0 };
	const double alone[] = { 1, 2 };
	uint32_t answer[2] = { 0, 0 };
	c5_assign_summary sum;
	c5_assign_graph none = { 0, 0, start, NULL, NULL, NULL, NULL }, rows = { 2, 0, start, NULL, NULL, alone, NULL },
		cols = { 0, 2, start, NULL, NULL, NULL, alone };
	assert_int_equal(c5_assign_solve(&none, NULL, &sum), C5_OK);
	assert_float_equal(sum.cost, 0, 0);
	assert_int_equal(c5_assign_solve(&rows, answer, &sum), C5_OK);
	assert_float_equal(sum.cost, 3, 0);
	assert_int_equal(answer[1], C5_ASSIGN_NONE);
	assert_int_equal(c5_assign_solve(&cols, answer, &sum), C5_OK);
	assert_float_equal(sum.cost, 3, 0);
}

static void numbers_that_are_none_are_refused(void **state)
{
	(void)state;
	const uint64_t start[] = { 0, 1 };
	const uint32_t col[] = { 0 }, beyond[] = { 1 };
	const double one[] = { 1 }, nan[] = { NAN }, huge[] = { 1e300 };
	uint32_t answer[1];
	c5_assign_graph bad[] = { { 1, 1, start, col, nan, one, one }, { 1, 1, start, col, one, nan, one }, { 1, 1, start, col, one, one, nan },
		{ 1, 1, start, beyond, one, one, one }, { 1, 1, start, col, huge, one, one } };
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		assert_int_equal(c5_assign_solve(&bad[k], answer, NULL), C5_EFAIL);
		assert_non_null(strstr(c5_error_last(), "assignment"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_finds_the_least_cost_of_all_ways),
		cmocka_unit_test(larger_ones_cost_what_the_dense_solver_finds),
		cmocka_unit_test(the_order_of_the_edges_does_not_matter),
		cmocka_unit_test(ties_go_to_the_lower_number_and_equal_savings_are_not_taken),
		cmocka_unit_test(of_a_pair_given_twice_the_cheaper_counts),
		cmocka_unit_test(nothing_is_assigned_to_nothing),
		cmocka_unit_test(numbers_that_are_none_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
