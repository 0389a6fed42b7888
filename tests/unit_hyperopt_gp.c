/* unit_hyperopt_gp.c – the Gaussian process against scikit-learn, its gradient against differences, fits that find what made the data, and the
 * logarithm of the expected improvement against the integral it stands for. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/random.h"
#include "golden/hyperopt_gp.h"
#include "hyperopt/acquire.h"
#include "hyperopt/gp.h"
#include "hyperopt/gp_prior.h"

static const bool no_choice[8] = { false };
static const c5_gp_data golden = { GP_N, GP_D, gp_x, no_choice, gp_y };

static void predictions_are_those_of_scikit_learn(void **state)
{
	(void)state;
	c5_gp *gp;
	assert_int_equal(c5_gp_make(&gp, &golden, gp_logs), C5_OK);
	assert_true(fabs(c5_gp_mean(gp) - gp_mean) < 1e-9);
	for (int i = 0; i < GP_M; i++) {
		double mean, sd;
		c5_gp_predict(gp, gp_at + i * GP_D, &mean, &sd);
		assert_true(fabs(mean - gp_predicted[i]) < 1e-8);
		assert_true(fabs(sd - gp_sd[i]) < 1e-8);
	}
	c5_gp_free(gp);
	double evidence;
	assert_int_equal(c5_gp_judge(&golden, gp_logs, &evidence, NULL), C5_OK);
	assert_true(fabs(evidence - c5_gp_prior(GP_D, no_choice, gp_logs, NULL) - gp_likelihood) < 1e-8);
}

static void the_gradient_is_that_of_differences(void **state)
{
	(void)state;
	static const bool choice[3] = { false, true, false };
	double x[GP_N * GP_D], logs[GP_D + 2], grad[GP_D + 2], up, down;
	memcpy(x, gp_x, sizeof x);
	for (int i = 0; i < GP_N; i++) x[i * GP_D + 1] = floor(3 * x[i * GP_D + 1]);
	const c5_gp_data data = { GP_N, GP_D, x, choice, gp_y };
	memcpy(logs, gp_logs, sizeof logs);
	assert_int_equal(c5_gp_judge(&data, logs, &up, grad), C5_OK);
	for (int i = 0; i < GP_D + 2; i++) {
		const double h = 1e-5, middle = logs[i];
		logs[i] = middle + h;
		assert_int_equal(c5_gp_judge(&data, logs, &up, NULL), C5_OK);
		logs[i] = middle - h;
		assert_int_equal(c5_gp_judge(&data, logs, &down, NULL), C5_OK);
		logs[i] = middle;
		if (fabs((up - down) / (2 * h) - grad[i]) > 1e-5 * (1 + fabs(grad[i])))
			fail_msg("gradient %d: %g, differences %g", i, grad[i], (up - down) / (2 * h));
	}
}

/* A smooth function of the first of four coordinates and a choice; the rest is idle. */
static void make_data(double *x, double *y, size_t n, double noise)
{
	c5_random r;
	c5_random_start(&r, 3, 1);
	for (size_t i = 0; i < n; i++) {
		for (int c = 0; c < 3; c++) x[i * 4 + (size_t)c] = c5_random_uniform(&r);
		x[i * 4 + 3] = (double)c5_random_below(&r, 3);
		y[i] = sin(6 * x[i * 4]) + 0.5 * x[i * 4 + 3] + noise * c5_random_normal(&r);
	}
}

static void a_fit_sees_noise_and_idle_coordinates(void **state)
{
	(void)state;
	enum { N = 60 };
	static const bool choice[4] = { false, false, false, true };
	double x[N * 4], y[N];
	for (int noisy = 0; noisy < 2; noisy++) {
		c5_gp *gp;
		make_data(x, y, N, noisy ? 0.3 : 0);
		const c5_gp_data data = { N, 4, x, choice, y };
		const c5_gp_setup setup = { 1e-8, 4, 1, 1, NULL };
		assert_int_equal(c5_gp_fit(&gp, &data, &setup), C5_OK);
		const double *logs = c5_gp_logs(gp);
		double noise = exp(0.5 * logs[5]), at[4] = { 0.37, 0.9, 0.1, 1 }, mean, sd;
		if (noisy) assert_true(noise > 0.15 && noise < 0.45);
		else assert_true(noise < 0.01);
		assert_true(logs[0] < logs[1] - 1 && logs[0] < logs[2] - 1);
		c5_gp_predict(gp, at, &mean, &sd);
		assert_true(fabs(mean - (sin(6 * 0.37) + 0.5)) < (noisy ? 0.4 : 0.02));
		assert_true(sd > 0 && sd < (noisy ? 0.4 : 0.05));
		/* The gradient vanishes there, but for lengths at their bounds. */
		double grad[6], evidence;
		assert_int_equal(c5_gp_judge(&data, logs, &evidence, grad), C5_OK);
		assert_true(fabs(evidence - c5_gp_evidence(gp)) < 1e-6);
		for (int i = 0; i < 5; i++) assert_true(fabs(grad[i]) < 0.2);
		c5_gp_free(gp);
	}
}

static void adding_a_point_is_as_making_anew(void **state)
{
	(void)state;
	c5_gp *whole, *grown;
	c5_gp_data part = golden;
	part.n = GP_N - 3;
	assert_int_equal(c5_gp_make(&whole, &golden, gp_logs), C5_OK);
	assert_int_equal(c5_gp_make(&grown, &part, gp_logs), C5_OK);
	double drift = c5_gp_mean(whole) - c5_gp_mean(grown);
	for (int i = GP_N - 3; i < GP_N; i++) assert_int_equal(c5_gp_add(grown, gp_x + i * GP_D, gp_y[i]), C5_OK);
	assert_int_equal(c5_gp_size(grown), GP_N);
	for (int i = 0; i < GP_M; i++) {
		double a, b, sa, sb;
		c5_gp_predict(whole, gp_at + i * GP_D, &a, &sa);
		c5_gp_predict(grown, gp_at + i * GP_D, &b, &sb);
		assert_true(fabs(sa - sb) < 1e-9);
		assert_true(fabs(a - b) <= fabs(drift) + 1e-9); /* the mean stays what it was */
	}
	/* Believing what it thinks anyway changes no mean, and takes the doubt away. */
	double before, sd, after;
	c5_gp_predict(grown, gp_at, &before, &sd);
	assert_int_equal(c5_gp_add(grown, gp_at, before), C5_OK);
	c5_gp_predict(grown, gp_at + GP_D, &after, NULL);
	c5_gp_predict(whole, gp_at, &after, &sd);
	double now;
	c5_gp_predict(grown, gp_at, &now, &after);
	assert_true(fabs(now - before) < 1e-9 && after < sd);
	c5_gp_free(whole);
	c5_gp_free(grown);
}

static void points_on_top_of_each_other_are_survived(void **state)
{
	(void)state;
	double x[20], y[20];
	for (int i = 0; i < 20; i++) x[i] = 0.3, y[i] = 1;
	const c5_gp_data data = { 20, 1, x, no_choice, y };
	const c5_gp_setup setup = { 1e-8, 2, 1, 1, NULL };
	c5_gp *gp;
	double mean, sd;
	assert_int_equal(c5_gp_fit(&gp, &data, &setup), C5_OK);
	c5_gp_predict(gp, x, &mean, &sd);
	assert_true(fabs(mean - 1) < 1e-6 && isfinite(sd));
	c5_gp_free(gp);
}

/* Expected improvement by adding up its integral. */
static double improvement(double mean, double sd, double best)
{
	double sum = 0;
	const int n = 200000;
	for (int i = 0; i < n; i++) {
		double z = -12 + ((double)i + 0.5) * 24 / n, v = mean + sd * z;
		if (v < best) sum += (best - v) * exp(-0.5 * z * z) / sqrt(2 * M_PI) * 24 / n;
	}
	return sum;
}

static void log_improvement_is_the_integral_and_goes_on_beyond(void **state)
{
	(void)state;
	for (double z = -6; z <= 3; z += 0.75) {
		double want = improvement(-z * 0.3, 0.3, 0), got = exp(c5_log_improvement(-z * 0.3, 0.3, 0));
		if (fabs(got / want - 1) > 1e-4) fail_msg("z %g: %g, expected %g", z, got, want);
	}
	double before = INFINITY;
	for (double z = 5; z > -1e8; z = z > -40 ? z - 0.01 : z * 1.5) { /* falls without end and without a jump, at the change of formula too */
		double now = c5_log_improvement(-z, 1, 0);
		assert_true(isfinite(now) && now < before);
		if (z > -40 && isfinite(before)) assert_true(before - now < 0.45);
		before = now;
	}
	assert_true(fabs(c5_log_improvement(24.9999, 1, 0) - c5_log_improvement(25.0001, 1, 0)) < 0.006);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(predictions_are_those_of_scikit_learn), cmocka_unit_test(the_gradient_is_that_of_differences),
		cmocka_unit_test(a_fit_sees_noise_and_idle_coordinates), cmocka_unit_test(adding_a_point_is_as_making_anew),
		cmocka_unit_test(points_on_top_of_each_other_are_survived), cmocka_unit_test(log_improvement_is_the_integral_and_goes_on_beyond),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
