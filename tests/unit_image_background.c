/* unit_image_background.c – gradient, rolling ball and slow background against scikit-image and scipy.ndimage, and at the limits. */
#include "support_image.h"

#include "base/error.h"
#include "golden/imageops.h"
#include "image/background.h"
#include "image/gradient.h"

enum { N = FIELD_H * FIELD_W, STEP = 31, ROWS = sizeof sobel / sizeof *sobel };

static void made(float *map)
{
	uint16_t field[N];
	field_make(field, FIELD_H, FIELD_W, 23, 1);
	field_floats(map, field, N);
}

static void the_gradient_is_skimages_sobel(void **state)
{
	(void)state;
	float map[N], got[N];
	made(map);
	c5_gradient_sobel(got, map, FIELD_H, FIELD_W);
	near_table(got, sobel, ROWS, STEP, 2e-5);
	/* a slope of 3 a row everywhere but at the mirrored border */
	for (size_t i = 0; i < N; i++) map[i] = 3 * (float)(i / FIELD_W);
	c5_gradient_sobel(got, map, FIELD_H, FIELD_W);
	assert_true(fabs((double)got[5 * FIELD_W + 9] - 6 / sqrt(2)) < 1e-5);
	assert_true(fabs((double)got[9] - 3 / sqrt(2)) < 1e-5);
}

static void a_gap_spoils_the_gradient_around_it_alone(void **state)
{
	(void)state;
	float map[N], got[N];
	made(map);
	map[10 * FIELD_W + 10] = NAN;
	c5_gradient_sobel(got, map, FIELD_H, FIELD_W);
	size_t lost = 0;
	for (size_t i = 0; i < N; i++) lost += isnan(got[i]) != 0;
	assert_int_equal(lost, 8);
	const float one = 4;
	c5_gradient_sobel(got, &one, 1, 1);
	assert_true(fabsf(got[0]) < 1e-30f);
	c5_gradient_sobel(got, NULL, 0, 7);
}

static void a_ball_rolls_as_skimages(void **state)
{
	(void)state;
	float map[N], got[N];
	made(map);
	assert_int_equal(c5_background_ball(got, map, FIELD_H, FIELD_W, 3), C5_OK);
	near_table(got, ball_3, ROWS, STEP, 2e-5);
	assert_int_equal(c5_background_ball(got, map, FIELD_H, FIELD_W, 7.5), C5_OK);
	near_table(got, ball_7, ROWS, STEP, 2e-5);
	assert_int_equal(c5_background_ball(got, map, FIELD_H, FIELD_W, 0.5), C5_OK);
	assert_memory_equal(got, map, sizeof got);
}

static void a_ball_needs_something_to_rest_on(void **state)
{
	(void)state;
	float map[N], got[N];
	for (size_t i = 0; i < N; i++) map[i] = NAN;
	map[0] = 10;
	assert_int_equal(c5_background_ball(got, map, FIELD_H, FIELD_W, 5), C5_OK);
	assert_true(fabs((double)got[0] - 10) < 1e-6 && fabs((double)got[3] - 11) < 1e-6 && fabs((double)got[5] - 15) < 1e-6 && isnan(got[6]));
	assert_int_equal(c5_background_ball(got, map, 1, 1, 900), C5_OK);
	assert_true(fabs((double)got[0] - 10) < 1e-6);
	assert_int_equal(c5_background_ball(got, map, 1, 1, -1), C5_EFAIL);
	assert_int_equal(c5_background_ball(NULL, NULL, 0, 0, 5), C5_OK);
	for (size_t i = 0; i < N; i++) map[i] = -3;
	assert_int_equal(c5_background_ball(got, map, FIELD_H, FIELD_W, 20), C5_OK);
	assert_memory_equal(got, map, sizeof got);
}

static void slow_changes_are_a_gaussians(void **state)
{
	(void)state;
	float map[N], got[N];
	made(map);
	assert_int_equal(c5_background_gaussian(got, map, FIELD_H, FIELD_W, 4), C5_OK);
	near_table(got, ground_4, ROWS, STEP, 1e-4);
	assert_int_equal(c5_background_gaussian(got, map, FIELD_H, FIELD_W, 12), C5_OK);
	near_table(got, ground_12, ROWS, STEP, 0.01 * 256);
}

static void the_median_ground_forgets_cells(void **state)
{
	(void)state;
	enum { H = 90, W = 130 };
	float map[H * W], got[H * W];
	for (size_t y = 0; y < H; y++) /* a slope, with bright discs on a fifth of it */
		for (size_t x = 0; x < W; x++) {
			const double dy = (double)(y % 30) - 15, dx = (double)(x % 30) - 15;
			map[y * W + x] = (float)x / 10 + (dy * dy + dx * dx < 49 ? 200 : 0);
		}
	assert_int_equal(c5_background_median(got, map, H, W, 30), C5_OK);
	for (size_t y = 0; y < H; y++)
		for (size_t x = 30; x + 30 < W; x++) assert_true(fabs((double)got[y * W + x] - (double)x / 10) < 2); /* of 200 */
}

static void pixels_without_a_number_are_no_ground(void **state)
{
	(void)state;
	float map[N], got[N];
	for (size_t i = 0; i < N; i++) map[i] = i % 5 && i / FIELD_W < 30 ? 7 : i % 2 ? NAN : INFINITY;
	int (*const grounds[])(float *, const float *, size_t, size_t, double) = { c5_background_gaussian, c5_background_median };
	for (int k = 0; k < 2; k++)
		for (int s = 0; s < 4; s++) {
			const double sizes[] = { 0, 3, 16, 100 };
			assert_int_equal(grounds[k](got, map, FIELD_H, FIELD_W, sizes[s]), C5_OK);
			for (size_t i = 0; i < N; i++) assert_true(fabs((double)got[i] - 7) < 1e-5);
			assert_int_equal(grounds[k](got, map, 1, 1, sizes[s]), C5_OK);
			assert_true(fabs((double)got[0]) < 1e-9); /* the first pixel is none: nothing to go by */
			assert_int_equal(grounds[k](got, map + 1, 1, 1, sizes[s]), C5_OK);
			assert_true(fabs((double)got[0] - 7) < 1e-5);
			assert_int_equal(grounds[k](NULL, NULL, 0, 3, sizes[s]), C5_OK);
		}
	assert_int_equal(c5_background_gaussian(got, map, 1, 1, NAN), C5_EFAIL);
	assert_int_equal(c5_background_median(got, map, 1, 1, 1e9), C5_EFAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gradient_is_skimages_sobel),
		cmocka_unit_test(a_gap_spoils_the_gradient_around_it_alone),
		cmocka_unit_test(a_ball_rolls_as_skimages),
		cmocka_unit_test(a_ball_needs_something_to_rest_on),
		cmocka_unit_test(slow_changes_are_a_gaussians),
		cmocka_unit_test(the_median_ground_forgets_cells),
		cmocka_unit_test(pixels_without_a_number_are_no_ground),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
