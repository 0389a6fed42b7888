/* unit_image_filter.c – conversion, Gaussian and local statistics against scipy's results and by rule. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/dtype.h"
#include "base/error.h"
#include "golden/image_filter.h"
#include "image/filter.h"

enum { N = FILTER_H * FILTER_W };

static void near_all(const float *got, const double *want, size_t n, double tolerance)
{
	for (size_t i = 0; i < n; i++)
		if (!(fabs((double)got[i] - want[i]) <= tolerance)) fail_msg("value %zu is %.9g, expected %.9g", i, (double)got[i], want[i]);
}

static float *image(void)
{
	float *img = malloc(N * sizeof *img);
	assert_non_null(img);
	for (size_t i = 0; i < N; i++) img[i] = filter_image[i];
	return img;
}

static void gaussian_equals_scipy_for_small_and_large_sigma(void **state)
{
	(void)state;
	const struct { double sigma; const double *want; } cases[] = { { 0.5, filter_gaussian_5 }, { 1, filter_gaussian_10 }, { 3.3, filter_gaussian_33 } };
	float *in = image(), out[N];
	for (size_t i = 0; i < 3; i++) {
		void *scratch = malloc(c5_filter_gaussian_bytes(FILTER_H, FILTER_W, cases[i].sigma));
		c5_filter_gaussian(out, in, FILTER_H, FILTER_W, cases[i].sigma, scratch);
		near_all(out, cases[i].want, N, 0.03); /* of 65535: single precision */
		free(scratch);
	}
	free(in);
}

static void gaussian_works_in_place_when_given_one_array(void **state)
{
	(void)state;
	float *in = image(), out[N];
	void *scratch = malloc(c5_filter_gaussian_bytes(FILTER_H, FILTER_W, 2));
	c5_filter_gaussian(out, in, FILTER_H, FILTER_W, 2, scratch);
	c5_filter_gaussian(in, in, FILTER_H, FILTER_W, 2, scratch);
	assert_memory_equal(in, out, sizeof out);
	c5_filter_gaussian(in, in, FILTER_H, FILTER_W, 0, NULL);
	assert_memory_equal(in, out, sizeof out);
	free(scratch);
	free(in);
}

static void gaussian_keeps_the_value_when_the_frame_is_one_pixel(void **state)
{
	(void)state;
	float v = 7;
	void *scratch = malloc(c5_filter_gaussian_bytes(1, 1, 5));
	c5_filter_gaussian(&v, &v, 1, 1, 5, scratch);
	assert_true(fabsf(v - 7) < 1e-5f);
	free(scratch);
}

static void local_statistics_equal_scipy_when_the_window_is_larger_than_the_frame_too(void **state)
{
	(void)state;
	const struct { size_t radius; const double *mean, *sd; } cases[] = {
		{ 1, filter_mean_1, filter_sd_1 }, { 4, filter_mean_4, filter_sd_4 }, { 30, filter_mean_30, filter_sd_30 } };
	float *in = image(), mean[N], sd[N];
	for (size_t i = 0; i < 3; i++) {
		void *scratch = malloc(c5_filter_local_bytes(FILTER_W, cases[i].radius));
		c5_filter_local(mean, sd, in, FILTER_H, FILTER_W, cases[i].radius, scratch);
		near_all(mean, cases[i].mean, N, 0.05); /* of 65535: rounded to 2^20 steps */
		near_all(sd, cases[i].sd, N, 0.05);
		c5_filter_local(NULL, mean, in, FILTER_H, FILTER_W, cases[i].radius, scratch);
		assert_memory_equal(mean, sd, sizeof sd);
		free(scratch);
	}
	free(in);
}

static void local_deviation_is_exactly_zero_away_from_a_step(void **state)
{
	(void)state;
	enum { H = 9, W = 4000 };
	float *in = malloc(H * W * sizeof *in), *sd = malloc(H * W * sizeof *sd);
	void *scratch = malloc(c5_filter_local_bytes(W, 2));
	for (size_t i = 0; i < H * W; i++) in[i] = i % W < 100 ? 1e6f : 1;
	c5_filter_local(NULL, sd, in, H, W, 2, scratch);
	for (size_t i = 0; i < H * W; i++) assert_true((sd[i] > 1) == (i % W >= 98 && i % W < 102));
	for (size_t i = 0; i < H * W; i++) assert_true(sd[i] > 1 || sd[i] == 0); /* running sums do not drift */
	free(in);
	free(sd);
	free(scratch);
}

static void every_type_becomes_float_with_its_statistics(void **state)
{
	(void)state;
	const uint8_t u8[] = { 1, 2, 255 };
	const uint16_t u16[] = { 1, 2, 65535 };
	const uint32_t u32[] = { 1, 2, 4294967295u };
	const int8_t i8[] = { -128, 2, 127 };
	const int16_t i16[] = { -32768, 2, 32767 };
	const int32_t i32[] = { -2147483647 - 1, 2, 2147483647 };
	const float f32[] = { -1.5f, 2, 1e30f };
	const double f64[] = { -1.5, 2, 1e30 };
	const struct { int dtype; const void *pixels; double want[3]; } cases[] = {
		{ C5_U8, u8, { 1, 2, 255 } }, { C5_U16, u16, { 1, 2, 65535 } }, { C5_U32, u32, { 1, 2, 4294967295.0 } }, { C5_I8, i8, { -128, 2, 127 } },
		{ C5_I16, i16, { -32768, 2, 32767 } }, { C5_I32, i32, { -2147483648.0, 2, 2147483647 } }, { C5_F32, f32, { -1.5, 2, (double)1e30f } },
		{ C5_F64, f64, { -1.5, 2, 1e30 } } };
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		const double *v = cases[c].want, mean = (v[0] + v[1] + v[2]) / 3;
		const double sd = sqrt(((v[0] - mean) * (v[0] - mean) + (v[1] - mean) * (v[1] - mean) + (v[2] - mean) * (v[2] - mean)) / 3);
		float out[3];
		c5_filter_stats stats;
		assert_int_equal(c5_filter_to_float(out, cases[c].dtype, cases[c].pixels, 3, &stats), C5_OK);
		for (int i = 0; i < 3; i++) assert_true(out[i] == (float)v[i]);
		assert_true(stats.min == v[0] && stats.max == v[2]);
		assert_true(fabs(stats.mean - mean) <= 1e-12 * v[2] && fabs(stats.sd - sd) <= 1e-9 * sd);
	}
	assert_int_equal(c5_filter_to_float(NULL, 99, NULL, 0, NULL), C5_EFAIL);
}

static void statistics_hold_when_a_frame_is_longer_than_one_block(void **state)
{
	(void)state;
	enum { MANY = 200001 };
	uint16_t *in = malloc(MANY * sizeof *in);
	float *out = malloc(MANY * sizeof *out);
	c5_filter_stats stats;
	for (size_t i = 0; i < MANY; i++) in[i] = i % 2 ? 65535 : 65533;
	assert_int_equal(c5_filter_to_float(out, C5_U16, in, MANY, &stats), C5_OK);
	assert_true(fabs(stats.mean - 65534) < 1e-4 && fabs(stats.sd - 1) < 1e-4);
	free(in);
	free(out);
}

static void pixels_become_the_minimum_when_they_are_not_finite(void **state)
{
	(void)state;
	const float f32[] = { NAN, 3, -INFINITY, 5, INFINITY }, want[] = { 3, 3, 3, 5, 3 };
	const double nothing[] = { (double)NAN, (double)INFINITY }, huge[] = { -DBL_MAX, DBL_MAX };
	float out[5];
	c5_filter_stats stats;
	assert_int_equal(c5_filter_to_float(out, C5_F32, f32, 5, &stats), C5_OK);
	assert_memory_equal(out, want, sizeof want);
	assert_true(stats.min == 3 && stats.max == 5);
	assert_int_equal(c5_filter_to_float(out, C5_F64, nothing, 2, &stats), C5_OK);
	assert_true(out[0] == 0 && out[1] == 0 && stats.mean == 0 && stats.sd == 0);
	assert_int_equal(c5_filter_to_float(out, C5_F64, huge, 2, NULL), C5_OK);
	assert_true(out[0] == -C5_FILTER_LIMIT && out[1] == C5_FILTER_LIMIT);
}

static void range_finds_both_ends_wherever_they_lie(void **state)
{
	(void)state;
	float v[100] = { 0 }, min, max;
	for (size_t at = 0; at < 99; at++) {
		v[at] = -3, v[at + 1] = 4;
		c5_filter_range(v, 100, &min, &max);
		assert_true(min == -3 && max == 4);
		v[at] = v[at + 1] = 0;
	}
}

static void mirroring_repeats_the_edge_pixel_for_any_index(void **state)
{
	(void)state;
	const size_t want[] = { 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1 }; /* from -4 on */
	for (ptrdiff_t i = 0; i < 12; i++) assert_int_equal(c5_filter_reflect(i - 4, 3), want[i]);
	assert_int_equal(c5_filter_reflect(-1000001, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gaussian_equals_scipy_for_small_and_large_sigma),
		cmocka_unit_test(gaussian_works_in_place_when_given_one_array),
		cmocka_unit_test(gaussian_keeps_the_value_when_the_frame_is_one_pixel),
		cmocka_unit_test(local_statistics_equal_scipy_when_the_window_is_larger_than_the_frame_too),
		cmocka_unit_test(local_deviation_is_exactly_zero_away_from_a_step),
		cmocka_unit_test(every_type_becomes_float_with_its_statistics),
		cmocka_unit_test(statistics_hold_when_a_frame_is_longer_than_one_block),
		cmocka_unit_test(pixels_become_the_minimum_when_they_are_not_finite),
		cmocka_unit_test(range_finds_both_ends_wherever_they_lie),
		cmocka_unit_test(mirroring_repeats_the_edge_pixel_for_any_index),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
