/* unit_hyperopt_sampler.c – points spread evenly; every algorithm gives new points only, the same ones again after a restart, and ends
 * when there are none left; the model finds optima, goes round failures, and keeps parallel trials apart. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "hyperopt/sampler.h"
#include "hyperopt/sobol.h"

static void even_points_fill_every_box(void **state)
{
	(void)state;
	/* Each 2^k points from the start: every coordinate has one in each of 2^k intervals; the first two one in each of 16 x 16 boxes. */
	enum { D = C5_SOBOL_MOST, N = 256 };
	static double p[N][D];
	for (uint64_t seed = 0; seed < 3; seed++) {
		for (uint32_t i = 0; i < N; i++) c5_sobol(p[i], D, seed, i);
		for (int c = 0; c < D; c++) {
			bool hit[N] = { false };
			for (int i = 0; i < N; i++) {
				int at = (int)(p[i][c] * N);
				assert_false(hit[at]);
				hit[at] = true;
			}
		}
		bool box[N] = { false };
		for (int i = 0; i < N; i++) {
			int at = (int)(p[i][0] * 16) * 16 + (int)(p[i][1] * 16);
			assert_false(box[at]);
			box[at] = true;
		}
	}
	double a[2], b[2];
	c5_sobol(a, 2, 1, 5);
	c5_sobol(b, 2, 2, 5);
	assert_true(a[0] != b[0] && a[1] != b[1]);
}

static void make_space(c5_space *s)
{
	static const char *const words[] = { "a", "b", "c" };
	const double second[] = { 1 };
	memset(s, 0, sizeof *s);
	assert_int_equal(c5_space_add(s, "x", C5_PARAM_REAL, -1, 2, false, 0), C5_OK);
	assert_int_equal(c5_space_add(s, "rate", C5_PARAM_REAL, 1e-4, 1, true, 0), C5_OK);
	assert_int_equal(c5_space_add(s, "n", C5_PARAM_WHOLE, 0, 9, false, 1), C5_OK);
	assert_int_equal(c5_space_add_choice(s, "w", 3, words), C5_OK);
	assert_int_equal(c5_space_add(s, "y", C5_PARAM_REAL, 0, 1, false, 0), C5_OK);
	assert_int_equal(c5_space_add_condition(s, 4, 3, 1, second), C5_OK);
	assert_int_equal(c5_space_settle(s), C5_OK);
}

/* 0 at x 0.5, rate 0.01, n 6, w b, y 0.3 */
static double bowl(const double *v)
{
	double rate = log10(v[1]) + 2;
	return (v[0] - 0.5) * (v[0] - 0.5) + 0.3 * rate * rate + 0.02 * (v[2] - 6) * (v[2] - 6) + (v[3] == 1 ? (v[4] - 0.3) * (v[4] - 0.3) : 0.4);
}

static void try_one(const c5_sampler *s, c5_history *h, uint32_t number, double *values)
{
	char origin[C5_ORIGIN_TEXT];
	c5_trial *t;
	if (c5_sampler_next(s, h, number, values, origin) != C5_OK) fail_msg("%s, trial %u: %s", s->algorithm, number, c5_error_last());
	if (c5_history_find(h, values)) fail_msg("%s gave trial %u a point that was tried", s->algorithm, number);
	assert_int_equal(c5_history_add(h, number, values, origin, &t), C5_OK);
	t->state = C5_TRIAL_COMPLETE;
	t->value = bowl(values);
}

static void every_algorithm_gives_new_points_and_the_same_ones_again(void **state)
{
	(void)state;
	c5_space space;
	make_space(&space);
	for (const char *const *name = c5_sampler_names(); *name; name++) {
		c5_sampler s = { .algorithm = *name, .seed = 4, .startup = 6 };
		c5_history h, again;
		enum { N = 26 };
		double first[N][5], second[5];
		assert_int_equal(c5_sampler_check(&s, &space), C5_OK);
		c5_history_init(&h, &space, false);
		c5_history_init(&again, &space, false);
		for (uint32_t i = 0; i < N; i++) try_one(&s, &h, i + 1, first[i]);
		/* A search that is killed and resumed knows its trials and nothing else. */
		for (uint32_t i = 0; i < N; i++) {
			c5_trial *t;
			char origin[C5_ORIGIN_TEXT];
			if (i % 9 == 8) {
				assert_int_equal(c5_sampler_next(&s, &again, i + 1, second, origin), C5_OK);
				for (int c = 0; c < 5; c++)
					if (second[c] != first[i][c] && !isnan(second[c])) fail_msg("%s: trial %u differs after a restart", *name, i + 1);
			}
			assert_int_equal(c5_history_add(&again, i + 1, first[i], "", &t), C5_OK);
			t->state = C5_TRIAL_COMPLETE;
			t->value = bowl(first[i]);
		}
		c5_history_free(&h);
		c5_history_free(&again);
	}
	c5_space_free(&space);
}

static void the_model_finds_the_best(void **state)
{
	(void)state;
	c5_space space;
	make_space(&space);
	c5_sampler s = { .algorithm = "gp", .seed = 2 };
	c5_history h;
	double values[5];
	c5_history_init(&h, &space, false);
	for (uint32_t i = 1; i <= 32; i++) try_one(&s, &h, i, values);
	const c5_trial *best = c5_history_best(&h);
	if (best->value > 0.01) fail_msg("best %g at trial %u", best->value, best->number);
	assert_true(best->values[3] == 1 && best->values[2] == 6);
	assert_ptr_equal(c5_sampler_recommend(&s, &h)->values, best->values);
	c5_history_free(&h);
	c5_space_free(&space);
}

static void failures_are_gone_round(void **state)
{
	(void)state;
	c5_space space;
	c5_sampler s = { .algorithm = "gp", .seed = 3 };
	c5_history h;
	double values[5];
	int late = 0;
	make_space(&space);
	c5_history_init(&h, &space, false);
	for (uint32_t i = 1; i <= 36; i++) {
		try_one(&s, &h, i, values);
		c5_trial *t = c5_history_get(&h, i);
		if (values[0] < 0.3 || i == 1) {
			t->state = C5_TRIAL_FAILED;
			t->value = NAN;
			late += i > 18;
		}
	}
	assert_true(late <= 5);
	assert_true(c5_history_best(&h)->value < 0.05);
	c5_history_free(&h);
	c5_space_free(&space);
}

static void running_trials_keep_their_distance(void **state)
{
	(void)state;
	c5_space space;
	c5_sampler s = { .algorithm = "gp", .seed = 5 };
	c5_history h;
	double values[8][5];
	make_space(&space);
	c5_history_init(&h, &space, false);
	for (uint32_t i = 1; i <= 14; i++) try_one(&s, &h, i, values[0]);
	for (uint32_t i = 0; i < 8; i++) {
		char origin[C5_ORIGIN_TEXT];
		c5_trial *t;
		assert_int_equal(c5_sampler_next(&s, &h, 15 + i, values[i], origin), C5_OK);
		assert_string_equal(origin, "model");
		assert_int_equal(c5_history_add(&h, 15 + i, values[i], origin, &t), C5_OK);
		for (uint32_t k = 0; k < i; k++) {
			double a[5], b[5], gap = 0;
			c5_space_unit(&space, values[i], a);
			c5_space_unit(&space, values[k], b);
			for (int c = 0; c < 5; c++) gap = fmax(gap, fabs(a[c] - b[c]));
			assert_true(gap > 0.004);
		}
	}
	c5_history_free(&h);
	c5_space_free(&space);
}

static void a_small_space_is_tried_to_its_end(void **state)
{
	(void)state;
	static const char *const algorithms[] = { "gp", "sobol", "random", "GN_DIRECT_L", "GN_CRS2_LM", "LN_SBPLX", NULL };
	for (const char *const *name = algorithms; *name; name++) {
		c5_space space = { 0 };
		c5_history h;
		c5_sampler s = { .algorithm = *name, .seed = 1 };
		double values[2];
		char origin[C5_ORIGIN_TEXT];
		assert_int_equal(c5_space_add(&space, "n", C5_PARAM_WHOLE, 1, 4, false, 1), C5_OK);
		assert_int_equal(c5_space_add_choice(&space, "w", 3, NULL), C5_OK);
		assert_int_equal(c5_space_settle(&space), C5_OK);
		c5_history_init(&h, &space, false);
		for (uint32_t i = 1; i <= 12; i++) {
			c5_trial *t;
			if (c5_sampler_next(&s, &h, i, values, origin) != C5_OK) fail_msg("%s, trial %u: %s", *name, i, c5_error_last());
			assert_null(c5_history_find(&h, values));
			assert_int_equal(c5_history_add(&h, i, values, origin, &t), C5_OK);
			t->state = C5_TRIAL_COMPLETE;
			t->value = values[0] + values[1];
		}
		assert_int_equal(c5_sampler_next(&s, &h, 13, values, origin), C5_ENOTFOUND);
		c5_history_free(&h);
		c5_space_free(&space);
	}
}

static void unknown_and_unfit_algorithms_are_refused(void **state)
{
	(void)state;
	c5_space space = { 0 };
	c5_sampler s = { .algorithm = "GN_CRS2_ML", .seed = 1 };
	assert_int_equal(c5_space_add(&space, "x", C5_PARAM_REAL, 0, 1, false, 0), C5_OK);
	assert_int_equal(c5_space_settle(&space), C5_OK);
	assert_int_equal(c5_sampler_check(&s, &space), C5_EUSAGE);
	assert_non_null(strstr(c5_error_last(), "did you mean GN_CRS2_LM?"));
	s.algorithm = "LN_BOBYQA";
	assert_int_equal(c5_sampler_check(&s, &space), C5_EUSAGE);
	assert_non_null(strstr(c5_error_last(), "two parameters or more"));
	c5_space_free(&space);
}

static void fixed_points_come_first(void **state)
{
	(void)state;
	c5_space space;
	make_space(&space);
	double starts[10] = { 0.1, 0.1, 3, 0, NAN, 0.2, 0.2, 4, 1, 0.5 }, values[5];
	c5_sampler s = { .algorithm = "random", .seed = 1, .n_starts = 2, .starts = starts };
	c5_history h;
	char origin[C5_ORIGIN_TEXT];
	c5_history_init(&h, &space, false);
	for (uint32_t i = 1; i <= 3; i++) {
		c5_trial *t;
		assert_int_equal(c5_sampler_next(&s, &h, i, values, origin), C5_OK);
		assert_string_equal(origin, i < 3 ? "start" : "random");
		if (i < 3) assert_true(values[0] == starts[(i - 1) * 5] && values[2] == starts[(i - 1) * 5 + 2]);
		assert_int_equal(c5_history_add(&h, i, values, origin, &t), C5_OK);
	}
	c5_history_free(&h);
	c5_space_free(&space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(even_points_fill_every_box), cmocka_unit_test(every_algorithm_gives_new_points_and_the_same_ones_again),
		cmocka_unit_test(the_model_finds_the_best), cmocka_unit_test(failures_are_gone_round), cmocka_unit_test(running_trials_keep_their_distance),
		cmocka_unit_test(a_small_space_is_tried_to_its_end), cmocka_unit_test(unknown_and_unfit_algorithms_are_refused),
		cmocka_unit_test(fixed_points_come_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
