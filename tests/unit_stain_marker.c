/* unit_stain_marker.c – thresholds of a marker from counts of one or many frames. */
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
#include "base/random.h"
#include "image/threshold.h"
#include "stain/marker.h"

enum { N = 4096 };
static uint16_t dark[N], bright[N]; /* a field without positive cells, and one with a quarter of them */
static c5_marker_counts counts;

static int setup(void **state)
{
	(void)state;
	c5_random r;
	c5_random_start(&r, 3, 0);
	for (size_t i = 0; i < N; i++) {
		dark[i] = (uint16_t)(500 + 20 * c5_random_normal(&r));
		bright[i] = (uint16_t)((i % 4 ? 500 : 2000) + 20 * c5_random_normal(&r));
	}
	return 0;
}

static double share(const uint16_t *frame, double threshold)
{
	static uint8_t mask[N];
	size_t n = 0;
	c5_marker_binarise(mask, C5_U16, frame, N, threshold);
	for (size_t i = 0; i < N; i++) n += mask[i];
	return (double)n / N;
}

static void otsu_splits_as_the_image_room_does(void **state)
{
	(void)state;
	static uint32_t scratch[C5_THRESHOLD_BYTES / 4];
	c5_marker_found f;
	double t;
	c5_marker_start(&counts, C5_U16, NULL);
	c5_marker_count(&counts, C5_U16, bright, N);
	assert_int_equal(c5_marker_threshold(&f, &counts, C5_MARKER_OTSU, 0), C5_OK);
	assert_int_equal(c5_threshold_otsu(C5_U16, bright, N, scratch, &t), C5_OK);
	assert_true(share(bright, f.threshold) == share(bright, t));
	assert_true(fabs(f.positive - 0.25) < 1e-12 && f.separation > 0.99);
}

static void a_plate_judges_a_field_without_positive_cells(void **state)
{
	(void)state;
	c5_marker_found alone, plate;
	c5_marker_start(&counts, C5_U16, NULL);
	c5_marker_count(&counts, C5_U16, dark, N);
	assert_int_equal(c5_marker_threshold(&alone, &counts, C5_MARKER_OTSU, 0), C5_OK);
	assert_true(share(dark, alone.threshold) > 0.3); /* half the noise: why plates are needed */
	assert_true(alone.separation > 0.55 && alone.separation < 0.72);
	c5_marker_count(&counts, C5_U16, bright, N);
	assert_int_equal(c5_marker_threshold(&plate, &counts, C5_MARKER_OTSU, 0), C5_OK);
	assert_true(share(dark, plate.threshold) == 0 && fabs(share(bright, plate.threshold) - 0.25) < 1e-12);
}

static void other_ways_to_a_threshold(void **state)
{
	(void)state;
	c5_marker_found f;
	c5_marker_start(&counts, C5_U16, NULL);
	c5_marker_count(&counts, C5_U16, bright, N);
	assert_int_equal(c5_marker_threshold(&f, &counts, C5_MARKER_PERCENTILE, 90), C5_OK);
	assert_true(fabs(share(bright, f.threshold) - 0.1) < 0.01 && fabs(share(bright, f.threshold) - f.positive) < 1e-12);
	assert_int_equal(c5_marker_threshold(&f, &counts, C5_MARKER_HAND, 1000), C5_OK);
	assert_true(f.threshold == 1000 && fabs(f.positive - 0.25) < 1e-12);
	assert_int_equal(c5_marker_threshold(&f, &counts, C5_MARKER_PERCENTILE, 101), C5_EUSAGE);
}

static void flat_empty_and_saturated_frames(void **state)
{
	(void)state;
	c5_marker_found f;
	uint16_t flat[64], burnt[64];
	float nans[4] = { NAN, NAN, INFINITY, NAN };
	double range[2] = { 0, 1 };
	for (int i = 0; i < 64; i++) flat[i] = 700, burnt[i] = i < 16 ? 65535 : 100;
	c5_marker_start(&counts, C5_U16, NULL);
	c5_marker_count(&counts, C5_U16, flat, 64);
	assert_int_equal(c5_marker_threshold(&f, &counts, C5_MARKER_OTSU, 0), C5_OK);
	assert_true(f.threshold == 700 && f.positive == 0);
	c5_marker_start(&counts, C5_U16, NULL);
	c5_marker_count(&counts, C5_U16, burnt, 64);
	assert_int_equal(c5_marker_threshold(&f, &counts, C5_MARKER_OTSU, 0), C5_OK);
	assert_true(f.positive == 0.25 && f.saturated == 0.25);
	c5_marker_start(&counts, C5_F32, range);
	c5_marker_count(&counts, C5_F32, nans, 4);
	assert_int_equal(c5_marker_threshold(&f, &counts, C5_MARKER_OTSU, 0), C5_EINPUT);
}

static void real_values_split_too(void **state)
{
	(void)state;
	static float pixels[N];
	double range[2] = { 0, 0.05 };
	c5_marker_found f;
	for (size_t i = 0; i < N; i++) pixels[i] = (float)bright[i] / 65536;
	c5_marker_start(&counts, C5_F32, range);
	c5_marker_count(&counts, C5_F32, pixels, N);
	assert_int_equal(c5_marker_threshold(&f, &counts, C5_MARKER_OTSU, 0), C5_OK);
	assert_true(fabs(f.positive - 0.25) < 1e-12 && f.threshold > 600.0 / 65536 && f.threshold < 1900.0 / 65536);
}

static void specks_are_dropped(void **state)
{
	(void)state;
	uint8_t mask[25] = { 1, 0, 0, 0, 0,  0, 0, 1, 1, 0,  0, 0, 0, 1, 0,  0, 0, 0, 0, 0,  1, 1, 0, 0, 0 };
	static const uint8_t kept[25] = { 0, 0, 0, 0, 0,  0, 0, 1, 1, 0,  0, 0, 0, 1, 0,  0, 0, 0, 0, 0,  0, 0, 0, 0, 0 };
	assert_int_equal(c5_marker_despeckle(mask, 5, 5, 3), C5_OK);
	assert_memory_equal(mask, kept, 25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(otsu_splits_as_the_image_room_does), cmocka_unit_test(a_plate_judges_a_field_without_positive_cells),
			cmocka_unit_test(other_ways_to_a_threshold),
		cmocka_unit_test(flat_empty_and_saturated_frames), cmocka_unit_test(real_values_split_too), cmocka_unit_test(specks_are_dropped),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
