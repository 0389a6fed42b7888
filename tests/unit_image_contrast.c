/* unit_image_contrast.c – local thresholds, hysteresis, percentile stretch and CLAHE against scikit-image, and at the limits. */
#include "support_image.h"

#include "base/dtype.h"
#include "base/error.h"
#include "golden/imageops.h"
#include "image/contrast.h"
#include "image/threshold.h"

enum { N = FIELD_H * FIELD_W, STEP = 31, ROWS = sizeof stretched / sizeof *stretched };

static void made(float *map)
{
	uint16_t field[N];
	field_make(field, FIELD_H, FIELD_W, 23, 1);
	field_floats(map, field, N);
}

static const struct { c5_threshold_rules rules; const float *want; } local[] = {
	{ { C5_LOCAL_GAUSSIAN, 15, 2.5, 0, 0 }, local_gaussian }, { { C5_LOCAL_MEAN, 15, 2.5, 0, 0 }, local_mean },
	{ { C5_LOCAL_MEDIAN, 15, 2.5, 0, 0 }, local_median }, { { C5_LOCAL_NIBLACK, 15, 0, 0.3, 0 }, local_niblack },
	{ { C5_LOCAL_SAUVOLA, 15, 0, 0.3, 128 }, local_sauvola } };

static void local_thresholds_are_skimages(void **state)
{
	(void)state;
	float map[N], got[N];
	made(map);
	for (size_t k = 0; k < sizeof local / sizeof *local; k++) {
		assert_int_equal(c5_threshold_local(got, map, FIELD_H, FIELD_W, &local[k].rules), C5_OK);
		near_table(got, local[k].want, ROWS, STEP, 1e-3);
	}
}

static void local_thresholds_stand_any_frame(void **state)
{
	(void)state;
	float map[N], got[N];
	for (size_t k = 0; k < sizeof local / sizeof *local; k++) {
		c5_threshold_rules rules = local[k].rules;
		const double same = (rules.kind == C5_LOCAL_SAUVOLA ? 1 - rules.k : 1) * 40 - rules.offset;
		for (size_t i = 0; i < N; i++) map[i] = i % 7 ? 40 : NAN;
		assert_int_equal(c5_threshold_local(got, map, FIELD_H, FIELD_W, &rules), C5_OK);
		for (size_t i = 0; i < N; i++) assert_true(fabs((double)got[i] - same) < 1e-4);
		assert_int_equal(c5_threshold_local(got, map + 1, 1, 1, &rules), C5_OK);
		assert_true(fabs((double)got[0] - same) < 1e-4);
		assert_int_equal(c5_threshold_local(got, map + 1, 2, 2, &rules), C5_OK); /* a window much larger than the frame */
		assert_int_equal(c5_threshold_local(NULL, NULL, 0, 5, &rules), C5_OK);
		rules.block = 4;
		assert_int_equal(c5_threshold_local(got, map, 1, 1, &rules), C5_EUSAGE);
	}
	assert_int_equal(c5_threshold_local(got, map, 1, 1, &(c5_threshold_rules){ C5_LOCAL_SAUVOLA, 3, 0, 0.2, 0 }), C5_EUSAGE);
	assert_int_equal(c5_threshold_local(got, map, 1, 1, &(c5_threshold_rules){ 9, 3, 0, 0.2, 0 }), C5_EFAIL);
}

static void hysteresis_is_skimages_over_edges_and_goes_over_corners_too(void **state)
{
	(void)state;
	float map[N];
	uint8_t got[N];
	made(map);
	for (int k = 0; k < 2; k++) {
		assert_int_equal(c5_threshold_hysteresis(got, map, FIELD_H, FIELD_W, 110, 140, k ? 8 : 4), C5_OK);
		assert_int_equal(checksum(got, sizeof got), hysteresis[k]);
	}
	const float row[8] = { 3, 2, NAN, 2, 5, 2, 1, INFINITY };
	const uint8_t low[8] = { 0, 0, 0, 1, 1, 1, 0, 1 }, high[8] = { 0, 0, 0, 0, 1, 0, 0, 1 };
	assert_int_equal(c5_threshold_hysteresis(got, row, 1, 8, 1.5, 4, 4), C5_OK);
	assert_memory_equal(got, low, 8);
	assert_int_equal(c5_threshold_hysteresis(got, row, 1, 8, 9, 4, 4), C5_OK);
	assert_memory_equal(got, high, 8);
	assert_int_equal(c5_threshold_hysteresis(got, row, 1, 1, 0, 4, 8), C5_OK);
	assert_int_equal(got[0], 0);
	assert_int_equal(c5_threshold_hysteresis(NULL, NULL, 3, 0, 0, 4, 8), C5_OK);
}

static void percentiles_stretch_as_skimages(void **state)
{
	(void)state;
	uint16_t field[N];
	float got[N];
	field_make(field, FIELD_H, FIELD_W, 22, 1);
	assert_int_equal(c5_contrast_stretch(got, C5_U16, field, N, 2, 99.5), C5_OK);
	near_table(got, stretched, ROWS, STEP, 1e-6);
	const double odd[6] = { -1, (double)NAN, 3, INFINITY, -INFINITY, 1 };
	const float want[6] = { 0, 0, 1, 1, 0, 0.5f };
	assert_int_equal(c5_contrast_stretch(got, C5_F64, odd, 6, 0, 100), C5_OK);
	near_table(got, want, 6, 1, 1e-9);
	const int8_t same[3] = { -5, -5, -5 };
	assert_int_equal(c5_contrast_stretch(got, C5_I8, same, 3, 1, 99), C5_OK);
	for (int i = 0; i < 3; i++) assert_true(fabsf(got[i]) < 1e-9f);
	assert_int_equal(c5_contrast_stretch(got, C5_I8, same, 0, 1, 99), C5_OK);
	assert_int_equal(c5_contrast_stretch(got, 77, same, 3, 1, 99), C5_EFAIL);
}

static void clahe_is_skimages(void **state)
{
	(void)state;
	uint16_t field[N];
	uint8_t small[N];
	float got[N];
	field_make(field, FIELD_H, FIELD_W, 22, 1);
	assert_int_equal(c5_contrast_equalise(got, C5_U16, field, FIELD_H, FIELD_W, 0, 0, 0.01), C5_OK);
	near_table(got, equalised, ROWS, STEP, 1e-6);
	assert_int_equal(c5_contrast_equalise(got, C5_U16, field, FIELD_H, FIELD_W, 11, 20, 0.03), C5_OK);
	near_table(got, equalised_tiles, ROWS, STEP, 1e-6);
	field_make(field, FIELD_H, FIELD_W, 21, 1);
	field_bytes(small, field, N);
	assert_int_equal(c5_contrast_equalise(got, C5_U8, small, FIELD_H, FIELD_W, FIELD_H, FIELD_W, 0), C5_OK);
	near_table(got, equalised_bytes, ROWS, STEP, 1e-6);
}

static void clahe_stands_any_frame(void **state)
{
	(void)state;
	float map[N], got[N];
	made(map);
	map[5] = NAN, map[6] = INFINITY, map[7] = -INFINITY;
	assert_int_equal(c5_contrast_equalise(got, C5_F32, map, FIELD_H, FIELD_W, 500, 3, 0.01), C5_OK);
	for (size_t i = 0; i < N; i++) assert_true(got[i] >= 0 && got[i] <= 1);
	for (int k = 1; k < 9; k++) { /* slim frames, down to one pixel */
		assert_int_equal(c5_contrast_equalise(got, C5_F32, map + 8, 1, (size_t)k, 0, 0, 0.01), C5_OK);
		assert_true(k > 1 || fabsf(got[0]) < 1e-9f);
	}
	for (size_t i = 0; i < N; i++) map[i] = 1e30f;
	assert_int_equal(c5_contrast_equalise(got, C5_F32, map, FIELD_H, FIELD_W, 0, 0, 0.01), C5_OK);
	for (size_t i = 0; i < N; i++) assert_true(fabsf(got[i]) < 1e-9f);
	assert_int_equal(c5_contrast_equalise(NULL, C5_F32, NULL, 0, 0, 0, 0, 0.01), C5_OK);
	assert_int_equal(c5_contrast_equalise(got, 0, map, 1, 1, 0, 0, 0.01), C5_EFAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(local_thresholds_are_skimages),
		cmocka_unit_test(local_thresholds_stand_any_frame),
		cmocka_unit_test(hysteresis_is_skimages_over_edges_and_goes_over_corners_too),
		cmocka_unit_test(percentiles_stretch_as_skimages),
		cmocka_unit_test(clahe_is_skimages),
		cmocka_unit_test(clahe_stands_any_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
