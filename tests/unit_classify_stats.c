/* unit_classify_stats.c – tests of two samples, false-discovery rates, temperatures and ensembles, against SciPy and by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/random.h"
#include "classify/calibrate.h"
#include "classify/compare.h"
#include "classify/ensemble.h"

#include "golden/classify.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

static void near(double found, double wanted, double share, const char *what)
{
	if (fabs(found - wanted) <= share * fmax(fabs(wanted), 1e-300) || found == wanted) return;
	print_error("%s: %.17g, expected %.17g\n", what, found, wanted);
	fail();
}

static void tests_of_two_samples_are_those_of_scipy(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(golden_compares); i++) {
		const struct golden_compare *g = &golden_compares[i];
		for (int tail = 0; tail < 3; tail++) {
			c5_compared c;
			assert_int_equal(c5_compare_ranks(&c, g->a, g->n, g->b, g->m, tail), C5_OK);
			near(c.statistic, g->u, 1e-15, "U");
			near(c.effect, g->u / (double)(g->n * g->m), 1e-15, "effect");
			near(c.p, g->rank_p[tail], 1e-12, "p of ranks");
			assert_int_equal(c.exact, g->n + g->m <= 50);
			assert_int_equal(c5_compare_means(&c, g->a, g->n, g->b, g->m, tail), C5_OK);
			near(c.statistic, g->welch_t, 1e-12, "t");
			near(c.p, g->welch_p[tail], 1e-10, "p of means");
			assert_int_equal(c5_compare_shuffled(&c, g->a, g->n, g->b, g->m, tail, 2000, 3), C5_OK);
			if (g->shuffle_p[tail] < 0) continue;
			assert_true(c.exact);
			near(c.p, g->shuffle_p[tail], 1e-12, "p of permutations");
		}
	}
	for (size_t i = 0; i < LENGTH(golden_student); i++)
		near(c5_student_above(golden_student[i][0], golden_student[i][1]), golden_student[i][2], 1e-11, "Student's t");
}

static void drawn_permutations_repeat_and_come_near(void **state)
{
	(void)state;
	const struct golden_compare *g = &golden_compares[1]; /* 8 and 12: 125,970 choices */
	c5_compared all, some, again, other;
	assert_int_equal(c5_compare_shuffled(&all, g->a, g->n, g->b, g->m, C5_TAIL_BOTH, 200000, 1), C5_OK);
	assert_int_equal(c5_compare_shuffled(&some, g->a, g->n, g->b, g->m, C5_TAIL_BOTH, 20000, 1), C5_OK);
	assert_int_equal(c5_compare_shuffled(&again, g->a, g->n, g->b, g->m, C5_TAIL_BOTH, 20000, 1), C5_OK);
	assert_int_equal(c5_compare_shuffled(&other, g->a, g->n, g->b, g->m, C5_TAIL_BOTH, 20000, 2), C5_OK);
	assert_true(all.exact && !some.exact);
	assert_true(some.p == again.p && some.p != other.p);
	assert_true(fabs(some.p - all.p) < 5 * sqrt(all.p / 20000));
}

static void too_few_values_are_undefined(void **state)
{
	(void)state;
	const double one[1] = { 1 }, same[2] = { 1, 1 };
	c5_compared c;
	assert_int_equal(c5_compare_ranks(&c, one, 1, one, 0, 0), C5_OK);
	assert_true(isnan(c.p));
	assert_int_equal(c5_compare_means(&c, one, 1, same, 2, 0), C5_OK);
	assert_true(isnan(c.p));
	assert_int_equal(c5_compare_means(&c, same, 2, same, 2, 0), C5_OK);
	assert_true(isnan(c.p)); /* nothing varies */
	assert_int_equal(c5_compare_ranks(&c, same, 2, same, 2, 0), C5_OK);
	assert_true(c.p == 1 && c.effect == 0.5);
}

static void false_discovery_rates_are_those_of_scipy(void **state)
{
	(void)state;
	double q[LENGTH(golden_p)], with[4] = { NAN, 0.01, 0.9, NAN };
	assert_int_equal(c5_false_discovery(q, golden_p, LENGTH(golden_p)), C5_OK);
	for (size_t i = 0; i < LENGTH(golden_p); i++) near(q[i], golden_q[i], 1e-14, "q");
	assert_int_equal(c5_false_discovery(with, with, 4), C5_OK); /* in place; NAN is no test */
	assert_true(isnan(with[0]) && isnan(with[3]));
	near(with[1], 0.02, 1e-15, "q of two");
	near(with[2], 0.9, 1e-15, "q of two");
}

static void the_temperature_is_the_one_of_least_likelihood_lost(void **state)
{
	(void)state;
	const size_t n = LENGTH(golden_truth);
	float prob[LENGTH(golden_prob)];
	double t;
	memcpy(prob, golden_prob, sizeof prob);
	near(c5_temperature_nll(prob, golden_truth, n, 3, 1), golden_nll_before, 1e-12, "likelihood before");
	assert_int_equal(c5_temperature_fit(&t, prob, golden_truth, n, 3), C5_OK);
	near(t, golden_temperature, 1e-6, "temperature");
	near(c5_temperature_nll(prob, golden_truth, n, 3, t), golden_nll_after, 1e-12, "likelihood after");
	c5_temperature_apply(prob, n, 3, t);
	near(c5_temperature_nll(prob, golden_truth, n, 3, 1), golden_nll_after, 1e-6, "likelihood of the new probabilities");
	for (size_t i = 0; i < n; i++) {
		near((double)prob[3 * i] + (double)prob[3 * i + 1] + (double)prob[3 * i + 2], 1, 1e-6, "sum");
		/* no class changes its rank */
		for (int k = 1; k < 3; k++) assert_true((golden_prob[3 * i] < golden_prob[3 * i + k]) == (prob[3 * i] < prob[3 * i + k]));
	}
	assert_int_equal(c5_temperature_fit(&t, prob, golden_truth, 0, 3), C5_EINPUT);
}

static void temperatures_stay_within_limits(void **state)
{
	(void)state;
	const float sure[4] = { 0.9f, 0.1f, 0.2f, 0.8f }, flat[4] = { 1, 0, 0, 1 };
	const uint32_t right[2] = { 0, 1 }, wrong[2] = { 1, 0 };
	double t;
	assert_int_equal(c5_temperature_fit(&t, sure, right, 2, 2), C5_OK);
	assert_true(t >= C5_TEMPERATURE_LEAST && t < 0.05);
	assert_int_equal(c5_temperature_fit(&t, sure, wrong, 2, 2), C5_OK);
	assert_true(t <= C5_TEMPERATURE_MOST * 1.0001 && t > 50);
	assert_int_equal(c5_temperature_fit(&t, flat, wrong, 2, 2), C5_OK); /* sure and wrong: the logarithm of 0 does not escape */
	assert_true(isfinite(t) && isfinite(c5_temperature_nll(flat, wrong, 2, 2, t)));
}

static void calibration_is_judged_on_groups_it_was_not_fitted_to(void **state)
{
	(void)state;
	enum { N = 4000, GROUPS = 8 };
	static float prob[2 * N], before[2 * N];
	static uint32_t truth[N], group[N];
	static double score[N];
	static bool positive[N];
	double temperatures[4];
	c5_reliability bins[10], raw[10];
	for (uint32_t i = 0; i < N; i++) { /* three times too sure of themselves */
		c5_random r;
		c5_random_start(&r, 5, i);
		double z = 1.5 * c5_random_normal(&r);
		truth[i] = c5_random_uniform(&r) < 1 / (1 + exp(-z));
		group[i] = i % GROUPS;
		prob[2 * i + 1] = (float)(1 / (1 + exp(-3 * z)));
		prob[2 * i] = 1 - prob[2 * i + 1];
		positive[i] = truth[i] == 1;
		score[i] = (double)prob[2 * i + 1];
	}
	const c5_answers answers = { before, NULL, 1, N, 2 };
	memcpy(before, prob, sizeof prob);
	c5_reliability_bins(raw, 10, score, positive, N);
	assert_int_equal(c5_temperature_cross(prob, temperatures, &answers, truth, group, GROUPS, 4, 1), C5_OK);
	for (int f = 0; f < 4; f++) assert_true(fabs(temperatures[f] - 3) < 0.4);
	for (uint32_t i = 0; i < N; i++) score[i] = (double)prob[2 * i + 1];
	c5_reliability_bins(bins, 10, score, positive, N);
	assert_true(c5_reliability_error(raw, 10) > 0.1);
	assert_true(c5_reliability_error(bins, 10) < 0.03);
	uint64_t n = 0;
	for (int k = 0; k < 10; k++) {
		n += bins[k].n;
		assert_true(bins[k].low <= bins[k].share && bins[k].share <= bins[k].high);
	}
	assert_int_equal(n, N);
	/* One group's labels turned round: its own fold must not see them, the others must. */
	double other[GROUPS], plain[GROUPS];
	assert_int_equal(c5_temperature_cross(prob, plain, &answers, truth, group, GROUPS, GROUPS, 1), C5_OK);
	for (uint32_t i = 0; i < N; i++)
		if (group[i] == 3) truth[i] = !truth[i];
	assert_int_equal(c5_temperature_cross(prob, other, &answers, truth, group, GROUPS, GROUPS, 1), C5_OK);
	int same = 0;
	for (int f = 0; f < GROUPS; f++) same += other[f] == plain[f];
	assert_int_equal(same, 1);
	assert_int_equal(c5_temperature_cross(prob, other, &answers, truth, group, 1, 2, 1), C5_EINPUT);
}

/* Each member is right about itself, yet their mean is not sure enough: one T below 1 for all of them mends that. */
static void members_of_an_ensemble_share_a_temperature_that_fits_their_mean(void **state)
{
	(void)state;
	enum { N = 6000, MEMBERS = 3 };
	static float prob[MEMBERS * N * 2];
	static uint32_t truth[N];
	static uint8_t heard[MEMBERS * N];
	for (uint32_t i = 0; i < N; i++) { /* what is known is the sum of three parts; each member sees its own */
		double part[MEMBERS];
		c5_random r;
		c5_random_start(&r, 11, i);
		truth[i] = c5_random_uniform(&r) < 0.5;
		for (int m = 0; m < MEMBERS; m++) {
			part[m] = (truth[i] ? 1 : -1) + 1.2 * c5_random_normal(&r);
			prob[(m * N + i) * 2 + 1] = (float)(1 / (1 + exp(-2 * part[m] / (1.2 * 1.2))));
			prob[(m * N + i) * 2] = 1 - prob[(m * N + i) * 2 + 1];
			heard[m * N + i] = (uint32_t)m == i % MEMBERS;
		}
	}
	const c5_answers together = { prob, NULL, MEMBERS, N, 2 }, first = { prob, NULL, 1, N, 2 }, folds = { prob, heard, MEMBERS, N, 2 };
	double t, alone, single;
	assert_int_equal(c5_temperature_fit_mean(&alone, &first, truth, NULL), C5_OK);
	assert_int_equal(c5_temperature_fit(&single, prob, truth, N, 2), C5_OK);
	assert_true(alone == single && fabs(alone - 1) < 0.06);
	assert_int_equal(c5_temperature_fit_mean(&t, &folds, truth, NULL), C5_OK);
	assert_true(fabs(t - 1) < 0.06); /* one voice an item: as a single model */
	assert_int_equal(c5_temperature_fit_mean(&t, &together, truth, NULL), C5_OK);
	assert_true(t < 0.8);
	double at[3] = { 0, 0, 0 };
	for (int k = 0; k < 3; k++) /* nothing near is better */
		for (size_t i = 0; i < N; i++) {
			float mean[2];
			c5_answers_mean(mean, &together, i, t * (1 + 0.01 * (k - 1)));
			at[k] -= log((double)mean[truth[i]]);
		}
	assert_true(at[1] <= at[0] && at[1] <= at[2]);
	uint8_t none[N] = { 0 };
	assert_int_equal(c5_temperature_fit_mean(&t, &together, truth, none), C5_EINPUT);
}

static void an_ensemble_tells_its_mean_and_its_doubts(void **state)
{
	(void)state;
	const float agree[] = { 0.5f, 0.5f, 0.5f, 0.5f }, differ[] = { 1, 0, 0, 1 }; /* two members, one object, two classes */
	float mean[2], spread[2], entropy, mutual;
	c5_ensemble_join(agree, 2, 1, 2, mean, spread, &entropy, &mutual);
	assert_true(mean[0] == 0.5f && spread[0] == 0 && entropy == 1 && mutual == 0); /* each alone knows nothing */
	c5_ensemble_join(differ, 2, 1, 2, mean, spread, &entropy, &mutual);
	assert_true(mean[0] == 0.5f && entropy == 1 && mutual == 1);                   /* each is sure, of another thing */
	near((double)spread[0], sqrt(0.5), 1e-6, "spread");
	c5_ensemble_join(differ, 1, 1, 2, mean, spread, &entropy, NULL); /* one member */
	assert_true(spread[0] == 0 && entropy == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tests_of_two_samples_are_those_of_scipy),
		cmocka_unit_test(drawn_permutations_repeat_and_come_near),
		cmocka_unit_test(too_few_values_are_undefined),
		cmocka_unit_test(false_discovery_rates_are_those_of_scipy),
		cmocka_unit_test(the_temperature_is_the_one_of_least_likelihood_lost),
		cmocka_unit_test(temperatures_stay_within_limits),
		cmocka_unit_test(calibration_is_judged_on_groups_it_was_not_fitted_to),
		cmocka_unit_test(members_of_an_ensemble_share_a_temperature_that_fits_their_mean),
		cmocka_unit_test(an_ensemble_tells_its_mean_and_its_doubts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
