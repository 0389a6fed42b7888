/* unit_stain_forecast.c – forecasts whose worth is known: perfect, useless, and getting better with time. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "stain/forecast.h"

enum { FIELDS = 12, LOOKS = 4 };
static c5_forecast_row rows[FIELDS * LOOKS];

/* Frames 0, 10, 20, 30: the first knows nothing, the last all. Rows stand field by field. */
static void fill(void)
{
	static const double wrong[LOOKS] = { 0, 1, 0.05, 0 };
	for (uint32_t i = 0; i < FIELDS; i++)
		for (uint32_t k = 0; k < LOOKS; k++) {
			const double truth = 0.05 * i + 0.1, other = 0.05 * ((i * 7 + 5) % FIELDS) + 0.1, w = wrong[k];
			rows[i * LOOKS + k] = (c5_forecast_row){ .field = i, .frame = 10 * k, .time_s = 36000.0 * k, .recorded = truth, .guess = 0.375,
				.auc = k ? 0.5 + 0.15 * k : (double)NAN, .predicted = k == 0 ? 0.375 : (1 - w) * truth + w * other };
		}
}

static void each_frame_is_judged_over_fields(void **state)
{
	c5_forecast_frame *f;
	size_t n;
	(void)state;
	fill();
	assert_int_equal(c5_forecast_sum(&f, &n, rows, FIELDS * LOOKS, 1, 400), C5_OK);
	assert_int_equal(n, LOOKS);
	for (size_t k = 0; k < n; k++) assert_true(f[k].frame == 10 * k && f[k].fields == FIELDS && f[k].time_s == 36000.0 * (double)k);
	assert_true(isnan(f[0].pearson) && isnan(f[0].pearson_low) && isnan(f[0].auc)); /* the same said of all */
	assert_true(fabs(f[0].mae - f[0].guess_mae) < 1e-12 && fabs(f[0].guess_mae - 0.15) < 1e-12);
	assert_true(f[1].pearson < 0.6 && f[1].pearson_low < f[1].pearson && f[1].pearson_high > f[1].pearson);
	assert_true(fabs(f[3].pearson - 1) < 1e-12 && f[3].mae < 1e-12 && fabs(f[3].pearson_low - 1) < 1e-9);
	assert_true(f[2].pearson > 0.99 && f[2].mae > 0 && f[2].mae_low <= f[2].mae && f[2].mae_high >= f[2].mae);
	assert_true(fabs(f[3].auc - 0.95) < 1e-12);
	free(f);
}

static void the_order_of_rows_does_not_matter(void **state)
{
	c5_forecast_frame *a, *b;
	c5_forecast_row swapped[FIELDS * LOOKS];
	size_t n, m;
	(void)state;
	fill();
	for (size_t i = 0; i < FIELDS * LOOKS; i++) swapped[i] = rows[FIELDS * LOOKS - 1 - i];
	assert_int_equal(c5_forecast_sum(&a, &n, rows, FIELDS * LOOKS, 3, 200), C5_OK);
	assert_int_equal(c5_forecast_sum(&b, &m, swapped, FIELDS * LOOKS, 3, 200), C5_OK);
	assert_int_equal(n, m);
	assert_memory_equal(a, b, n * sizeof *a);
	free(a);
	free(b);
}

static void an_outcome_is_known_when_it_stays_so(void **state)
{
	c5_forecast_frame f[5] = { { .pearson_low = 0.9 }, { .pearson_low = 0.7 }, { .pearson_low = 0.81 }, { .pearson_low = 0.95 },
		{ .pearson_low = 0.99 } };
	(void)state;
	assert_int_equal(c5_forecast_known(f, 5, 0.8), 2); /* the first was luck */
	assert_int_equal(c5_forecast_known(f, 5, 0.999), 5);
	assert_int_equal(c5_forecast_known(f, 5, 0.1), 0);
	f[4].pearson_low = NAN;
	assert_int_equal(c5_forecast_known(f, 5, 0.8), 5);
}

static void few_fields_and_none_are_no_accident(void **state)
{
	c5_forecast_frame *f;
	size_t n;
	(void)state;
	fill();
	assert_int_equal(c5_forecast_sum(&f, &n, rows, 0, 1, 100), C5_OK);
	assert_int_equal(n, 0);
	free(f);
	assert_int_equal(c5_forecast_sum(&f, &n, rows, LOOKS, 1, 100), C5_OK); /* one field */
	assert_true(n == LOOKS && isnan(f[3].pearson) && f[3].mae < 1e-12);
	free(f);
}

static void the_picture_shows_when_it_is_known(void **state)
{
	c5_forecast_frame *f;
	c5_buf b = { 0 };
	size_t n;
	(void)state;
	fill();
	assert_int_equal(c5_forecast_sum(&f, &n, rows, FIELDS * LOOKS, 1, 200), C5_OK);
	assert_int_equal(c5_forecast_plot(&b, f, n, 0.8, "a<b"), C5_OK);
	c5_buf_put(&b, "", 1);
	const char *text = (const char *)b.data;
	assert_true(!strncmp(text, "<svg", 4) && strstr(text, "known from frame 20 on") && strstr(text, "a&#60;b") && strstr(text, "</svg>") &&
		!strstr(text, "nan"));
	assert_true(c5_forecast_plot(&b, f, 0, 0.8, "a") < 0);
	c5_buf_free(&b);
	free(f);
}

/* Truths with the odds of x, a network that says -1.5 + 0.5 x: the line back is x = 3 + 2 (what it says). */
static void a_network_that_is_off_is_set_right(void **state)
{
	enum { N = 40000 };
	static float said[N];
	static bool truth[N];
	double line[2], share = 0, before = 0, after = 0;
	(void)state;
	for (size_t i = 0; i < N; i++) {
		const double x = -4 + 6 * fmod((double)i * 0.6180339887498949, 1), drawn = fmod((double)i * 0.7548776662466927, 1);
		said[i] = (float)(1 / (1 + exp(1.5 - 0.5 * x)));
		truth[i] = drawn < 1 / (1 + exp(-x));
		share += truth[i];
	}
	c5_forecast_calibrate(line, said, truth, N);
	assert_true(fabs(line[0] - 3) < 0.05 && fabs(line[1] - 2) < 0.05);
	for (size_t i = 0; i < N; i++) before += (double)said[i], after += c5_forecast_calibrated(line, (double)said[i]);
	assert_true(fabs(after - share) < 5 && fabs(before - share) > 1000);
	/* Of one kind, certain, or none at all: finite still. */
	for (size_t i = 0; i < 100; i++) truth[i] = true, said[i] = i % 2 ? 1 : 0.9f;
	c5_forecast_calibrate(line, said, truth, 100);
	assert_true(isfinite(line[0]) && isfinite(line[1]) && c5_forecast_calibrated(line, 1) > 0.99);
	c5_forecast_calibrate(line, said, truth, 0);
	assert_true(line[0] == 0 && line[1] == 1 && fabs(c5_forecast_calibrated(line, 0.3) - 0.3) < 1e-12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_frame_is_judged_over_fields),
		cmocka_unit_test(the_order_of_rows_does_not_matter),
		cmocka_unit_test(an_outcome_is_known_when_it_stays_so),
		cmocka_unit_test(few_fields_and_none_are_no_accident),
		cmocka_unit_test(the_picture_shows_when_it_is_known),
		cmocka_unit_test(a_network_that_is_off_is_set_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
