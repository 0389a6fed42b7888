/* compare.c – see compare.h. */
#include "classify/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"

#define EXACT_MOST 50 /* values: all orders of so many are counted without rounding, C(50, 25) < 2^53 */

static const c5_compared undefined = { NAN, NAN, NAN, false };

static double of_both(double above, double below) { return fmin(1, 2 * fmin(above, below)); }

static double of_tail(int tail, double above, double below)
{
	return tail == C5_TAIL_GREATER ? above : tail == C5_TAIL_LESS ? below : of_both(above, below);
}

/* ---- ranks ---- */

struct value { double v; size_t at; };

static int by_value(const void *x, const void *y)
{
	const struct value *a = x, *b = y;
	return (a->v > b->v) - (a->v < b->v);
}

/* Twice the midranks of a then b (whole numbers), and the sum of t^3 - t over groups of t equal values. */
static int midranks(uint32_t *twice, double *equal, const double *a, size_t n, const double *b, size_t m)
{
	struct value *all;
	size_t total = n + m;
	int err = c5_alloc(&all, total, sizeof *all);
	if (err < 0) return err;
	for (size_t i = 0; i < total; i++) all[i] = (struct value){ i < n ? a[i] : b[i - n], i };
	qsort(all, total, sizeof *all, by_value);
	*equal = 0;
	for (size_t i = 0, k; i < total; i = k) {
		for (k = i + 1; k < total && all[k].v == all[i].v;) k++;
		double t = (double)(k - i);
		*equal += t * t * t - t;
		for (size_t j = i; j < k; j++) twice[all[j].at] = (uint32_t)(i + 1 + k);
	}
	free(all);
	return C5_OK;
}

/* How many of the ways to choose n of the ranks have a sum of at least, and of at most, `sum`; as shares. */
static int count_sums(double *above, double *below, const uint32_t *ranks, size_t total, size_t n, uint32_t sum)
{
	size_t most = 0;
	double *ways, all = 0, up = 0, down = 0;
	for (size_t i = 0; i < total; i++) most += ranks[i];
	int err = c5_alloc(&ways, (n + 1) * (most + 1), sizeof *ways);
	if (err < 0) return err;
	ways[0] = 1;
	for (size_t i = 0; i < total; i++)
		for (size_t k = i + 1 < n ? i + 1 : n; k > 0; k--) {
			double *to = ways + k * (most + 1), *from = to - (most + 1);
			for (size_t s = most + 1; s-- > ranks[i];) to[s] += from[s - ranks[i]];
		}
	const double *last = ways + n * (most + 1);
	for (size_t s = 0; s <= most; s++) {
		all += last[s];
		if (s >= sum) up += last[s];
		if (s <= sum) down += last[s];
	}
	*above = up / all;
	*below = down / all;
	free(ways);
	return C5_OK;
}

int c5_compare_ranks(c5_compared *out, const double *a, size_t n, const double *b, size_t m, int tail)
{
	uint32_t *ranks;
	double equal, above, below;
	uint64_t sum = 0;
	size_t total = n + m;
	*out = undefined;
	if (n == 0 || m == 0) return C5_OK;
	if (total > 1u << 30) return c5_fail(C5_EINPUT, "%zu values are compared, at most 2^30 are expected", total);
	int err = c5_alloc(&ranks, total, sizeof *ranks);
	if (err < 0 || (err = midranks(ranks, &equal, a, n, b, m)) < 0) goto done;
	for (size_t i = 0; i < n; i++) sum += ranks[i];
	double nm = (double)n * (double)m, all = (double)total, u = (double)sum / 2 - (double)n * ((double)n + 1) / 2;
	if (total <= EXACT_MOST) {
		if ((err = count_sums(&above, &below, ranks, total, n, (uint32_t)sum)) < 0) goto done;
	} else {
		double sd = sqrt(nm / 12 * (all + 1 - equal / (all * (all - 1))));
		above = sd > 0 ? erfc((u - nm / 2 - 0.5) / sd * M_SQRT1_2) / 2 : 1;
		below = sd > 0 ? erfc((nm / 2 - u - 0.5) / sd * M_SQRT1_2) / 2 : 1;
	}
	*out = (c5_compared){ of_tail(tail, above, below), u, u / nm, total <= EXACT_MOST };
done:
	free(ranks);
	return err;
}

/* ---- means ---- */

static double mean_of(const double *v, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) sum += v[i];
	return sum / (double)n;
}

/* Variance of the mean. */
static double mean_variance(const double *v, size_t n, double mean)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) sum += (v[i] - mean) * (v[i] - mean);
	return sum / (double)(n - 1) / (double)n;
}

/* Lentz's continued fraction of the incomplete beta function, for x below (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
	double c = 1, d = 1 / fmax(1 - (a + b) * x / (a + 1), 1e-300), h = d;
	for (int k = 1; k < 1000; k++) {
		double even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k)), odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1)), step = 1;
		for (int half = 0; half < 2; half++) {
			double t = half ? odd : even;
			d = 1 + t * d;
			c = 1 + t / c;
			if (fabs(d) < 1e-300) d = 1e-300;
			if (fabs(c) < 1e-300) c = 1e-300;
			d = 1 / d;
			step = d * c;
			h *= step;
		}
		if (fabs(step - 1) < 1e-16) break;
	}
	return h;
}

/* Regularised incomplete beta function. */
static double beta_below(double a, double b, double x)
{
	int sign;
	if (x <= 0 || x >= 1) return x >= 1;
	double front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) + a * log(x) + b * log1p(-x));
	return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double c5_student_above(double t, double df)
{
	double half = beta_below(df / 2, 0.5, df / (df + t * t)) / 2;
	return t > 0 ? half : 1 - half;
}

int c5_compare_means(c5_compared *out, const double *a, size_t n, const double *b, size_t m, int tail)
{
	*out = undefined;
	if (n < 2 || m < 2) return C5_OK;
	double x = mean_of(a, n), y = mean_of(b, m), va = mean_variance(a, n, x), vb = mean_variance(b, m, y), v = va + vb;
	out->effect = x - y;
	if (!(v > 0)) return C5_OK;
	double t = (x - y) / sqrt(v), df = v * v / (va * va / (double)(n - 1) + vb * vb / (double)(m - 1));
	out->statistic = t;
	out->p = of_tail(tail, c5_student_above(t, df), c5_student_above(-t, df));
	return C5_OK;
}

/* ---- permutations ---- */

/* Number of ways to choose n of total, or more than `most`. */
static double ways_up_to(size_t total, size_t n, double most)
{
	double ways = 1;
	for (size_t i = 0; i < n && ways <= most; i++) ways = ways * (double)(total - i) / (double)(i + 1);
	return ways;
}

/* The next choice of n of total in lexicographic order; false after the last. */
static bool next_choice(size_t *choice, size_t n, size_t total)
{
	for (size_t i = n; i-- > 0;) {
		if (choice[i] == total - n + i) continue;
		choice[i]++;
		for (size_t k = i + 1; k < n; k++) choice[k] = choice[k - 1] + 1;
		return true;
	}
	return false;
}

int c5_compare_shuffled(c5_compared *out, const double *a, size_t n, const double *b, size_t m, int tail, int64_t resamples, uint64_t seed)
{
	double *all = NULL, *mixed = NULL, up = 0, down = 0, count = 0;
	size_t *choice = NULL, total = n + m;
	int err;
	*out = undefined;
	if (n == 0 || m == 0) return C5_OK;
	if ((err = c5_alloc(&all, total, sizeof *all)) < 0 || (err = c5_alloc(&mixed, total, sizeof *mixed)) < 0 ||
	    (err = c5_alloc(&choice, n, sizeof *choice)) < 0) goto done;
	memcpy(all, a, n * sizeof *a);
	memcpy(all + n, b, m * sizeof *b);
	double sum = 0, whole = 0, size = 0;
	for (size_t i = 0; i < total; i++) whole += all[i], size += fabs(all[i]);
	for (size_t i = 0; i < n; i++) sum += all[i];
	double near = 1e-12 * size; /* sums of the same values in another order are the same */
	bool exact = ways_up_to(total, n, (double)resamples) <= (double)resamples;
	if (exact) {
		for (size_t i = 0; i < n; i++) choice[i] = i;
		do {
			double s = 0;
			for (size_t i = 0; i < n; i++) s += all[choice[i]];
			up += s >= sum - near;
			down += s <= sum + near;
			count++;
		} while (next_choice(choice, n, total));
	} else {
		for (int64_t r = 0; r < resamples; r++) {
			c5_random random;
			double s = 0;
			c5_random_start(&random, seed, (uint64_t)r);
			memcpy(mixed, all, total * sizeof *all);
			for (size_t i = 0; i < n; i++) { /* the first n of an order drawn at random */
				size_t k = i + (size_t)c5_random_below(&random, total - i);
				double v = mixed[k];
				mixed[k] = mixed[i];
				s += mixed[i] = v;
			}
			up += s >= sum - near;
			down += s <= sum + near;
		}
		up++, down++, count = (double)resamples + 1; /* what was seen is one of them */
	}
	double effect = sum / (double)n - (whole - sum) / (double)m;
	*out = (c5_compared){ of_tail(tail, up / count, down / count), effect, effect, exact };
done:
	free(all);
	free(mixed);
	free(choice);
	return err;
}

/* ---- many tests ---- */

int c5_false_discovery(double *q, const double *p, size_t n)
{
	struct value *order;
	size_t tests = 0;
	int err = c5_alloc(&order, n, sizeof *order);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++)
		if (!isnan(p[i])) order[tests++] = (struct value){ p[i], i };
		else q[i] = NAN;
	if (tests) qsort(order, tests, sizeof *order, by_value);
	double least = 1;
	for (size_t k = tests; k-- > 0;) {
		least = fmin(least, order[k].v * (double)tests / (double)(k + 1));
		q[order[k].at] = least;
	}
	free(order);
	return C5_OK;
}
