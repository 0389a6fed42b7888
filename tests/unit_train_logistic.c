/* unit_train_logistic.c – logistic regression to the optimum: the gradient there by other sums, the same answers for scaled features and any number
 * of threads, weights of rows, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <omp.h>

#include "base/error.h"
#include "base/random.h"
#include "train/logistic.h"

enum { N = 90, D = 11, K = 3 };
static float x[N * D], target[N * K], weight[N];

static int set_up(void **state)
{
	c5_random r;
	(void)state;
	c5_random_start(&r, 5, 0);
	memset(target, 0, sizeof target);
	for (int i = 0; i < N; i++) {
		int k = i % 7 == 0 ? 2 : i % 2;
		for (int j = 0; j < D; j++) x[i * D + j] = (float)((j + 1) * (c5_random_normal(&r) + (j % 3 == k ? 0.7 : 0) + 5));
		target[i * K + k] = i % 5 ? 1.0f : 0.8f;
		if (i % 5 == 0) target[i * K + (k + 1) % K] = 0.2f;
		weight[i] = k == 2 ? 3.0f : 1.0f;
	}
	return 0;
}

static c5_logistic problem(void) { return (c5_logistic){ x, target, weight, N, D, K, 0.01 }; }

/* Gradient of the penalised loss by w in units of deviation, and by b, from the definition. */
static double gradient_at(const float *w, const float *b)
{
	double total = 0, square = 0, widest = 0, mean[D] = { 0 }, sd[D] = { 0 }, g[K][D + 1] = { { 0 } };
	for (int i = 0; i < N; i++) total += weight[i];
	for (int j = 0; j < D; j++) {
		for (int i = 0; i < N; i++) mean[j] += x[i * D + j] / (double)N;
		for (int i = 0; i < N; i++) sd[j] += pow(x[i * D + j] - mean[j], 2) / N;
		widest = fmax(widest, sd[j] = sqrt(sd[j]));
	}
	for (int j = 0; j < D; j++) sd[j] = (sd[j] + 1e-3 * widest) * sqrt(D);
	for (int i = 0; i < N; i++) {
		double e[K], sum = 0;
		for (int k = 0; k < K; k++) {
			e[k] = b[k];
			for (int j = 0; j < D; j++) e[k] += (double)w[k * D + j] * x[i * D + j];
			sum += e[k] = exp(e[k]);
		}
		for (int k = 0; k < K; k++) {
			double rest = weight[i] / total * (e[k] / sum - target[i * K + k]);
			for (int j = 0; j < D; j++) g[k][j] += rest * (x[i * D + j] - mean[j]) / sd[j];
			g[k][D] += rest;
		}
	}
	for (int k = 0; k < K; k++)
		for (int j = 0; j <= D; j++) square += pow(g[k][j] + (j < D ? 0.01 * w[k * D + j] * sd[j] : 0), 2);
	return sqrt(square);
}

static void optimum(void **state)
{
	float w[K * D], b[K];
	c5_logistic_fit fit;
	const c5_logistic l = problem();
	(void)state;
	assert_int_equal(c5_logistic_solve(w, b, &fit, &l), C5_OK);
	assert_true(fit.gradient < 1e-6 && fit.steps > 3);
	assert_true(gradient_at(w, b) < 2e-6); /* as near as float32 weights can be */
	w[4] *= 1.01f;
	assert_true(gradient_at(w, b) > 1e-5); /* and nowhere else */
	assert_true(fit.loss > 0 && fit.loss < log(K) && fit.penalty > 0);
}

static void units(void **state)
{
	float w[K * D], b[K], w2[K * D], b2[K], far[N * D];
	c5_logistic_fit fit;
	c5_logistic l = problem();
	(void)state;
	assert_int_equal(c5_logistic_solve(w, b, &fit, &l), C5_OK);
	for (int i = 0; i < N * D; i++) far[i] = 8 * x[i] - 100;
	l.x = far;
	assert_int_equal(c5_logistic_solve(w2, b2, &fit, &l), C5_OK);
	for (int i = 0; i < K * D; i++) assert_true(fabsf(8 * w2[i] - w[i]) < 1e-4f);
}

static void threads(void **state)
{
	float w[K * D], b[K], w2[K * D], b2[K];
	c5_logistic_fit fit;
	const c5_logistic l = problem();
	(void)state;
	omp_set_num_threads(1);
	assert_int_equal(c5_logistic_solve(w, b, &fit, &l), C5_OK);
	omp_set_num_threads(3);
	assert_int_equal(c5_logistic_solve(w2, b2, &fit, &l), C5_OK);
	assert_memory_equal(w, w2, sizeof w);
	assert_memory_equal(b, b2, sizeof b);
}

/* A row that weighs three is three rows; a feature that never moves says nothing. */
static void weights(void **state)
{
	enum { TWICE = 4 };
	const float four[TWICE * 2] = { 0, 7, 1, 7, 2, 7, 3, 7 }, classes[TWICE * 2] = { 1, 0, 0, 1, 1, 0, 0, 1 };
	const float six[6 * 2] = { 0, 7, 1, 7, 1, 7, 2, 7, 2, 7, 3, 7 }, six_classes[6 * 2] = { 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1 },
		heavy[TWICE] = { 1, 2, 2, 1 };
	float w[4], b[2], w2[4], b2[2];
	c5_logistic_fit fit, fit2;
	const c5_logistic one = { four, classes, heavy, TWICE, 2, 2, 0 }, two = { six, six_classes, NULL, 6, 2, 2, 0 };
	(void)state;
	assert_int_equal(c5_logistic_solve(w, b, &fit, &one), C5_OK);
	assert_int_equal(c5_logistic_solve(w2, b2, &fit2, &two), C5_OK);
	assert_true(fabs(fit.loss - fit2.loss) < 1e-6);
	assert_true(fabsf(w[2] - w2[2]) < 1e-3f && w[1] == 0 && w[3] == 0);
}

static void refused(void **state)
{
	float w[K * D], b[K];
	c5_logistic_fit fit;
	c5_logistic l = problem();
	(void)state;
	x[3] = NAN;
	assert_int_equal(c5_logistic_solve(w, b, &fit, &l), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "feature 4 of 11"));
	memset(weight, 0, sizeof weight);
	assert_int_equal(c5_logistic_solve(w, b, &fit, &l), C5_EINPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup(optimum, set_up), cmocka_unit_test_setup(units, set_up),
		cmocka_unit_test_setup(threads, set_up), cmocka_unit_test_setup(weights, set_up), cmocka_unit_test_setup(refused, set_up) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
