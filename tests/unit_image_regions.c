/* unit_image_regions.c – region properties against skimage's regionprops, and what no golden shows. */
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
#include "golden/image_regions.h"
#include "image/regions.h"

static void near(const char *what, size_t i, double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance * (1 + fabs(want)))) fail_msg("%s of label %zu: %.17g, expected %.17g", what, i + 1, got, want);
}

static void properties_equal_regionprops_for_every_shape(void **state)
{
	(void)state;
	c5_region r[REGIONS_N];
	assert_int_equal(c5_regions_measure(regions_labels, REGIONS_H, REGIONS_W, REGIONS_N, r), C5_OK);
	for (size_t i = 0; i < REGIONS_N; i++) {
		assert_int_equal(r[i].label, i + 1);
		assert_int_equal(r[i].area, regions_area[i]);
		assert_int_equal(r[i].bbox_y0, regions_bbox[4 * i]);
		assert_int_equal(r[i].bbox_x0, regions_bbox[4 * i + 1]);
		assert_int_equal(r[i].bbox_y1, regions_bbox[4 * i + 2]);
		assert_int_equal(r[i].bbox_x1, regions_bbox[4 * i + 3]);
		near("centroid y", i, r[i].centroid_y, regions_centroid[2 * i], 1e-12);
		near("centroid x", i, r[i].centroid_x, regions_centroid[2 * i + 1], 1e-12);
		near("perimeter", i, r[i].perimeter, regions_perimeter[i], 1e-9);
		near("major axis", i, r[i].major_axis, regions_major_axis[i], 1e-9);
		/* squared, since the root of a rounding error near 0 is no longer small */
		near("minor axis", i, r[i].minor_axis * r[i].minor_axis, regions_minor_axis[i] * regions_minor_axis[i], 1e-9);
		near("eccentricity", i, r[i].eccentricity * r[i].eccentricity, regions_eccentricity[i] * regions_eccentricity[i], 1e-9);
		near("solidity", i, r[i].solidity, regions_solidity[i], 1e-9);
		near("extent", i, r[i].extent, regions_extent[i], 1e-9);
		near("diameter", i, r[i].equivalent_diameter, regions_equivalent_diameter[i], 1e-9);
		if (!isnan(regions_orientation[i])) near("orientation", i, r[i].orientation, regions_orientation[i], 1e-9);
	}
}

static void intensity_equals_regionprops_and_any_part_may_be_left_out(void **state)
{
	(void)state;
	double mean[REGIONS_N], min[REGIONS_N], max[REGIONS_N], again[REGIONS_N];
	assert_int_equal(c5_regions_intensity(regions_labels, REGIONS_H, REGIONS_W, REGIONS_N, C5_U16, regions_tones, mean, min, max), C5_OK);
	for (size_t i = 0; i < REGIONS_N; i++) {
		near("mean", i, mean[i], regions_mean[i], 1e-9);
		assert_true(min[i] == regions_min[i] && max[i] == regions_max[i]);
	}
	assert_int_equal(c5_regions_intensity(regions_labels, REGIONS_H, REGIONS_W, REGIONS_N, C5_U16, regions_tones, NULL, NULL, again), C5_OK);
	assert_memory_equal(again, max, sizeof max);
	assert_int_equal(c5_regions_intensity(regions_labels, REGIONS_H, REGIONS_W, REGIONS_N, 99, regions_tones, mean, min, max), C5_EFAIL);
}

static void intensity_knows_every_type_and_leaves_out_what_is_not_finite(void **state)
{
	(void)state;
	const uint32_t labels[] = { 1, 1, 1, 2 };
	const uint8_t u8[] = { 1, 2, 6, 0 };
	const uint16_t u16[] = { 1, 2, 6, 0 };
	const uint32_t u32[] = { 1, 2, 6, 0 };
	const int8_t i8[] = { 1, 2, 6, 0 };
	const int16_t i16[] = { 1, 2, 6, 0 };
	const int32_t i32[] = { 1, 2, 6, 0 };
	const float f32[] = { 1, 2, 6, NAN };
	const double f64[] = { 1, 2, 6, (double)INFINITY };
	const void *const all[] = { u8, u16, u32, i8, i16, i32, f32, f64 };
	double mean[3], min[3], max[3];
	for (int t = C5_U8; t <= C5_F64; t++) {
		assert_int_equal(c5_regions_intensity(labels, 2, 2, 3, t, all[t - 1], mean, min, max), C5_OK);
		assert_true(mean[0] == 3 && min[0] == 1 && max[0] == 6);
		assert_true(t >= C5_F32 ? isnan(mean[1]) : mean[1] == 0);
		assert_true(isnan(mean[2]) && isnan(min[2]) && isnan(max[2])); /* no pixel has label 3 */
	}
}

static void absent_labels_have_area_zero_and_labels_beyond_n_count_as_background(void **state)
{
	(void)state;
	const uint32_t labels[] = { 3, 3, 9, 1 };
	c5_region r[3];
	memset(r, 0xff, sizeof r);
	assert_int_equal(c5_regions_measure(labels, 1, 4, 3, r), C5_OK);
	assert_int_equal(r[0].area, 1);
	assert_int_equal(r[1].area, 0);
	assert_int_equal(r[1].label, 2);
	assert_true(r[1].solidity == 0 && r[1].bbox_x1 == 0);
	assert_int_equal(r[2].area, 2);
	assert_int_equal(c5_regions_measure(labels, 1, 4, 0, NULL), C5_OK);
}

static void one_pixel_and_a_full_frame_have_the_known_values(void **state)
{
	(void)state;
	const uint32_t one = 1;
	c5_region r;
	assert_int_equal(c5_regions_measure(&one, 1, 1, 1, &r), C5_OK);
	assert_true(r.area == 1 && r.perimeter == 0 && r.major_axis == 0 && r.eccentricity == 0 && r.solidity == 1 && r.extent == 1);
	uint32_t labels[20 * 30];
	for (size_t i = 0; i < 20 * 30; i++) labels[i] = 1;
	assert_int_equal(c5_regions_measure(labels, 20, 30, 1, &r), C5_OK);
	assert_true(r.area == 600 && r.perimeter == 2 * (19 + 29) && r.centroid_y == 9.5 && r.centroid_x == 14.5 && r.solidity == 1);
	assert_true(fabs(r.orientation) > 1.5707 && r.major_axis > r.minor_axis);
}

static void orientation_leans_with_the_diagonal_when_both_moments_are_equal(void **state)
{
	(void)state;
	const uint32_t down[] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 }, up[] = { 0, 0, 1, 0, 1, 0, 1, 0, 0 };
	c5_region r;
	assert_int_equal(c5_regions_measure(down, 3, 3, 1, &r), C5_OK);
	assert_true(fabs(r.orientation - 0.78539816339744831) < 1e-12 && r.minor_axis == 0);
	assert_int_equal(c5_regions_measure(up, 3, 3, 1, &r), C5_OK);
	assert_true(fabs(r.orientation + 0.78539816339744831) < 1e-12 && r.minor_axis == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(properties_equal_regionprops_for_every_shape),
		cmocka_unit_test(intensity_equals_regionprops_and_any_part_may_be_left_out),
		cmocka_unit_test(intensity_knows_every_type_and_leaves_out_what_is_not_finite),
		cmocka_unit_test(absent_labels_have_area_zero_and_labels_beyond_n_count_as_background),
		cmocka_unit_test(one_pixel_and_a_full_frame_have_the_known_values),
		cmocka_unit_test(orientation_leans_with_the_diagonal_when_both_moments_are_equal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
