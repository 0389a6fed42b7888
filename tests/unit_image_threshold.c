/* unit_image_threshold.c – Otsu and percentiles against skimage and numpy, for every pixel type. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/dtype.h"
#include "base/error.h"
#include "golden/image_threshold.h"
#include "image/threshold.h"

enum { N = sizeof threshold_image / sizeof *threshold_image, PERCENTS = 6 };

static uint32_t scratch[C5_THRESHOLD_BYTES / sizeof(uint32_t)];

static double otsu(int dtype, const void *pixels, size_t n)
{
	double t = -1;
	assert_int_equal(c5_threshold_otsu(dtype, pixels, n, scratch, &t), C5_OK);
	return t;
}

static double percentile(int dtype, const void *pixels, size_t n, double percent)
{
	double v = -1;
	assert_int_equal(c5_threshold_percentile(dtype, pixels, n, percent, scratch, &v), C5_OK);
	return v;
}

/* The frame in each type, as make_image.py makes them. */
static uint8_t u8[N];
static uint32_t u32[N];
static int8_t i8[N];
static int16_t i16[N];
static int32_t i32[N];
static float f32[N];
static double f64[N];
static const struct { int dtype; const void *pixels; const double *otsu, *percentile; } cases[] = {
	{ C5_U8, u8, threshold_otsu_u8, threshold_percentile_u8 }, { C5_U16, threshold_image, threshold_otsu_u16, threshold_percentile_u16 },
	{ C5_U32, u32, threshold_otsu_u32, threshold_percentile_u32 }, { C5_I8, i8, threshold_otsu_i8, threshold_percentile_i8 },
	{ C5_I16, i16, threshold_otsu_i16, threshold_percentile_i16 }, { C5_I32, i32, threshold_otsu_i32, threshold_percentile_i32 },
	{ C5_F32, f32, threshold_otsu_f32, threshold_percentile_f32 }, { C5_F64, f64, threshold_otsu_f64, threshold_percentile_f64 } };
enum { CASES = sizeof cases / sizeof *cases };

static int make_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i++) {
		const int v = threshold_image[i];
		u8[i] = (uint8_t)(v >> 8), u32[i] = (uint32_t)v * 60000u, i8[i] = (int8_t)((v >> 8) - 128), i16[i] = (int16_t)(v - 32768);
		i32[i] = -v - 100000, f32[i] = (float)v / 8, f64[i] = v * 0.001 - 5;
	}
	return 0;
}

static void otsu_equals_skimage_for_every_type(void **state)
{
	(void)state;
	for (size_t c = 0; c < CASES; c++) {
		double got = otsu(cases[c].dtype, cases[c].pixels, N), want = cases[c].otsu[0];
		if (!(fabs(got - want) <= 1e-9 * fabs(want))) fail_msg("%s: %.17g, expected %.17g", c5_dtype_name(cases[c].dtype), got, want);
	}
}

static void percentiles_equal_numpy_for_every_type(void **state)
{
	(void)state;
	for (size_t c = 0; c < CASES; c++)
		for (size_t k = 0; k < PERCENTS; k++) {
			double got = percentile(cases[c].dtype, cases[c].pixels, N, threshold_percents[k]), want = cases[c].percentile[k];
			if (!(fabs(got - want) <= 1e-9 * fabs(want)))
				fail_msg("%s at %g %%: %.17g, expected %.17g", c5_dtype_name(cases[c].dtype), threshold_percents[k], got, want);
		}
}

static void both_give_the_value_when_the_image_is_constant(void **state)
{
	(void)state;
	const float f[] = { 2.5f, 2.5f, 2.5f };
	const uint16_t u[] = { 9 };
	assert_true(otsu(C5_F32, f, 3) == 2.5 && percentile(C5_F32, f, 3, 40) == 2.5);
	assert_true(otsu(C5_U16, u, 1) == 9 && percentile(C5_U16, u, 1, 99) == 9);
	assert_true(otsu(C5_U16, u, 0) == 0 && percentile(C5_U16, u, 0, 50) == 0);
}

static void pixels_that_are_not_finite_are_left_out(void **state)
{
	(void)state;
	const float f[] = { NAN, 1, INFINITY, 2, -INFINITY, 3 };
	const double d[] = { (double)NAN, 1, (double)INFINITY, 2, -(double)INFINITY, 3 }, none[] = { (double)NAN };
	assert_true(percentile(C5_F32, f, 6, 0) == 1 && percentile(C5_F32, f, 6, 50) == 2 && percentile(C5_F32, f, 6, 100) == 3);
	assert_true(percentile(C5_F64, d, 6, 0) == 1 && percentile(C5_F64, d, 6, 75) == 2.5 && percentile(C5_F64, d, 6, 100) == 3);
	assert_true(otsu(C5_F32, f, 6) > 1 && otsu(C5_F32, f, 6) < 3);
	assert_true(otsu(C5_F64, none, 1) == 0 && percentile(C5_F64, none, 1, 50) == 0);
}

static void otsu_separates_two_classes_when_the_range_is_tiny_or_huge(void **state)
{
	(void)state;
	const float tiny[] = { 0, 1e-40f, 1e-40f }, huge[] = { -3e38f, 3e38f, 3e38f };
	double t = otsu(C5_F32, tiny, 3);
	assert_true(t >= 0 && t < 1e-40);
	t = otsu(C5_F32, huge, 3);
	assert_true(t > -3e38 && t < 3e38);
}

static void a_type_that_is_none_is_refused(void **state)
{
	(void)state;
	double t;
	assert_int_equal(c5_threshold_otsu(0, f32, N, scratch, &t), C5_EFAIL);
	assert_int_equal(c5_threshold_percentile(77, f32, N, 5, scratch, &t), C5_EFAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(otsu_equals_skimage_for_every_type),
		cmocka_unit_test(percentiles_equal_numpy_for_every_type),
		cmocka_unit_test(both_give_the_value_when_the_image_is_constant),
		cmocka_unit_test(pixels_that_are_not_finite_are_left_out),
		cmocka_unit_test(otsu_separates_two_classes_when_the_range_is_tiny_or_huge),
		cmocka_unit_test(a_type_that_is_none_is_refused),
	};
	return cmocka_run_group_tests(tests, make_types, NULL);
}
