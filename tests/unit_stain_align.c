/* unit_stain_align.c – a marker laid on a label-free image that shows the same cells in another way: known shifts are found to parts of a pixel, and
 * where nothing is in common nothing is claimed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/random.h"
#include "image/filter.h"
#include "stain/align.h"
#include "stain/field.h"

enum { H = 224, W = 256, CELLS = 130 };
static float input[H * W], level[H * W], noise[H * W];
static uint8_t scratch[1 << 22];

/* Cells are discs in the marker, and rough patches of no mean brightness in the label-free image. */
static void paint(double dy, double dx, uint64_t seed)
{
	double y[CELLS], x[CELLS], r[CELLS];
	c5_random random;
	c5_random_start(&random, seed, 1);
	for (int k = 0; k < CELLS; k++) y[k] = c5_random_range(&random, 0, H), x[k] = c5_random_range(&random, 0, W), r[k] = c5_random_range(&random, 3, 6);
	for (size_t i = 0; i < H * W; i++) noise[i] = (float)c5_random_normal(&random);
	assert_true(c5_filter_gaussian_bytes(H, W, 1) <= sizeof scratch && c5_field_scratch(H, W, 0) <= sizeof scratch);
	c5_filter_gaussian(noise, noise, H, W, 1, scratch);
	for (int i = 0; i < H; i++)
		for (int j = 0; j < W; j++) {
			double bright = 0, rough = 0;
			for (int k = 0; k < CELLS; k++) {
				const double here = hypot(i - y[k], j - x[k]), there = hypot(i - y[k] - dy, j - x[k] - dx);
				rough += 1 / (1 + exp(2 * (here - r[k]))), bright += 1 / (1 + exp(2 * (there - r[k])));
			}
			input[i * W + j] = noise[i * W + j] * (float)(0.2 + fmin(1, rough));
			level[i * W + j] = (float)(500 + 2000 * fmin(1, bright) + 20 * c5_random_normal(&random));
		}
	c5_field_prepare(input, H, W, 0, scratch);
}

/* What is off is looked at twice, as is done outside. unlike: the marker is of other cells. */
static c5_align found_of(int frames, double dy, double dx, bool unlike)
{
	static float other[H * W];
	c5_align found = { .verdict = C5_ALIGN_OFF };
	for (int look = 0; look < 2 && found.verdict >= C5_ALIGN_OFF; look++) {
		c5_align_sums *s;
		assert_int_equal(c5_align_open(&s, look ? &found : NULL), C5_OK);
		for (int k = 0; k < frames; k++) {
			paint(dy, dx, (uint64_t)k + 1);
			memcpy(other, level, sizeof other);
			if (unlike) paint(0, 0, (uint64_t)k + 100);
			assert_int_equal(c5_align_add(s, input, 1, other, H, W), C5_OK);
		}
		c5_align_find(&found, s);
		c5_align_close(s);
	}
	return found;
}

static void a_marker_in_place_is_left_there(void **state)
{
	(void)state;
	const c5_align a = found_of(1, 0, 0, false);
	assert_int_equal(a.verdict, C5_ALIGN_FINE);
	assert_true(hypot(a.y, a.x) < 0.4 && a.error < 0.5 && a.agreement > 0.3);
}

static void shifts_are_found_to_parts_of_a_pixel(void **state)
{
	static const double shifts[][2] = { { 3.3, -4.6 }, { -7.5, 0.2 }, { 0.4, 9.7 } };
	(void)state;
	const c5_align at = found_of(1, 0, 0, false);
	for (size_t i = 0; i < sizeof shifts / sizeof *shifts; i++) {
		const c5_align a = found_of(1, shifts[i][0], shifts[i][1], false);
		assert_int_equal(a.verdict, C5_ALIGN_OFF);
		assert_true(fabs(a.y + shifts[i][0] - at.y) < 0.2 && fabs(a.x + shifts[i][1] - at.x) < 0.2); /* moved back */
		assert_true(fabs(a.y + shifts[i][0]) < 0.4 && fabs(a.x + shifts[i][1]) < 0.4);
	}
}

static void what_is_too_far_is_said_to_be(void **state)
{
	(void)state;
	assert_int_equal(found_of(1, 13.5, 2, false).verdict, C5_ALIGN_FAR);
}

static void nothing_is_claimed_of_what_has_nothing_in_common(void **state)
{
	static float flat[H * W];
	c5_align_sums *s;
	c5_align a;
	(void)state;
	assert_int_equal(found_of(1, 0, 0, true).verdict, C5_ALIGN_UNSURE);
	assert_int_equal(found_of(1, 5, 5, true).verdict, C5_ALIGN_UNSURE);
	assert_int_equal(found_of(1, 30, -28, false).verdict, C5_ALIGN_UNSURE); /* beyond what is looked at */
	assert_int_equal(c5_align_open(&s, NULL), C5_OK);
	c5_align_find(&a, s);
	assert_int_equal(a.verdict, C5_ALIGN_UNSURE);
	assert_int_equal(c5_align_add(s, input, 1, flat, H, W), C5_OK);
	assert_int_equal(c5_align_add(s, input, 1, level, 40, 40), C5_OK); /* too small to say anything */
	c5_align_find(&a, s);
	assert_int_equal(a.verdict, C5_ALIGN_UNSURE);
	c5_align_close(s);
}

static void more_frames_are_surer(void **state)
{
	(void)state;
	const c5_align one = found_of(1, 4, 2, false), three = found_of(3, 4, 2, false);
	assert_int_equal(three.verdict, C5_ALIGN_OFF);
	assert_true(three.error < one.error && fabs(three.y + 4) < 0.5 && fabs(three.x + 2) < 0.5);
}

static void what_comes_in_at_the_edges_is_not_seen(void **state)
{
	c5_field f = { .height = 6, .width = 8, .markers = 1, .seen = { 0, 0, 6, 8 } };
	(void)state;
	f.level = calloc(48, sizeof *f.level);
	assert_non_null(f.level);
	for (size_t i = 0; i < 48; i++) f.level[i] = (float)i;
	assert_int_equal(c5_field_move(&f, 0, 1.5, -2), C5_OK);
	assert_true(f.seen.y0 == 2 && f.seen.y1 == 6 && f.seen.x0 == 0 && f.seen.x1 == 6);
	assert_true(fabsf(f.level[3 * 8 + 1] - (1.5f * 8 + 3)) < 1e-4f);
	free(f.level);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_marker_in_place_is_left_there),
		cmocka_unit_test(shifts_are_found_to_parts_of_a_pixel),
		cmocka_unit_test(what_is_too_far_is_said_to_be),
		cmocka_unit_test(nothing_is_claimed_of_what_has_nothing_in_common),
		cmocka_unit_test(more_frames_are_surer),
		cmocka_unit_test(what_comes_in_at_the_edges_is_not_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
