/* unit_image_ops.c – distances, discs, windows, watershed, thresholds of maps and outlines against scipy.ndimage and scikit-image, and at the limits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "golden/imageops.h"
#include "image/contour.h"
#include "image/distance.h"
#include "image/morphology.h"
#include "image/threshold.h"
#include "image/watershed.h"

enum { N = OPS_H * OPS_W };

static void *room(size_t bytes)
{
	void *p = malloc(bytes ? bytes : 1);
	assert_non_null(p);
	return p;
}

static void distances(uint32_t *out, const uint8_t *mask, size_t h, size_t w)
{
	void *scratch = room(c5_distance_bytes(h, w));
	c5_distance_squared(out, mask, h, w, scratch);
	free(scratch);
}

static void distances_are_scipys_to_the_last_digit(void **state)
{
	(void)state;
	uint32_t got[N], solid_got[SOLID_H * SOLID_W];
	uint8_t solid[SOLID_H * SOLID_W];
	distances(got, ops_mask, OPS_H, OPS_W);
	assert_memory_equal(got, ops_distance, sizeof got);
	memset(solid, 7, sizeof solid);
	solid[SOLID_HOLE] = 0;
	distances(solid_got, solid, SOLID_H, SOLID_W);
	assert_memory_equal(solid_got, solid_distance, sizeof solid_got);
}

static void distances_agree_with_trying_all_background_pixels(void **state)
{
	(void)state;
	enum { H = 23, W = 300 };
	uint8_t *mask = room(H * W);
	uint32_t *got = room(H * W * sizeof *got), seed = 5;
	for (int round = 0; round < 4; round++) {
		for (size_t i = 0; i < H * W; i++) seed = seed * 1664525 + 1013904223, mask[i] = seed >> 16 > (uint32_t)(round ? 200 << round : 20000);
		distances(got, mask, H, W);
		for (int y = 0; y < H; y += 3)
			for (int x = 0; x < W; x++) {
				uint32_t best = C5_DISTANCE_NONE;
				for (int v = 0; v < H; v++)
					for (int u = 0; u < W; u++)
						if (!mask[v * W + u] && (uint32_t)((v - y) * (v - y) + (u - x) * (u - x)) < best)
							best = (uint32_t)((v - y) * (v - y) + (u - x) * (u - x));
				assert_int_equal(got[y * W + x], best);
			}
	}
	free(mask);
	free(got);
}

static void a_frame_without_background_has_no_distance(void **state)
{
	(void)state;
	uint8_t mask[200];
	uint32_t got[200];
	float root[200];
	memset(mask, 1, sizeof mask);
	distances(got, mask, 2, 100);
	for (int i = 0; i < 200; i++) assert_int_equal(got[i], C5_DISTANCE_NONE);
	c5_distance_root(root, got, 2, 100);
	assert_true(fabs((double)root[7] - sqrt(10004)) < 1e-3);
	distances(got, mask, 1, 1);
	assert_int_equal(got[0], C5_DISTANCE_NONE);
	mask[0] = 0;
	distances(got, mask, 1, 1);
	assert_int_equal(got[0], 0);
}

static void discs_grow_and_shrink_masks_as_skimages(void **state)
{
	(void)state;
	const struct { size_t radius; const uint8_t *grown, *shrunk; } cases[] = { { 1, ops_dilated_1, ops_eroded_1 }, { 2, ops_dilated_2, ops_eroded_2 },
		{ 5, ops_dilated_5, ops_eroded_5 } };
	uint8_t mask[N];
	for (size_t c = 0; c < 3; c++) {
		void *scratch = room(c5_morphology_bytes(OPS_H, OPS_W, cases[c].radius));
		memcpy(mask, ops_mask, N);
		c5_morphology_dilate(mask, OPS_H, OPS_W, cases[c].radius, scratch);
		assert_memory_equal(mask, cases[c].grown, N);
		memcpy(mask, ops_mask, N);
		c5_morphology_erode(mask, OPS_H, OPS_W, cases[c].radius, scratch);
		assert_memory_equal(mask, cases[c].shrunk, N);
		memcpy(mask, ops_mask, N);
		c5_morphology_close(mask, OPS_H, OPS_W, cases[c].radius, scratch);
		for (size_t i = 0; i < N; i++) assert_true(mask[i] >= ops_mask[i]);
		memcpy(mask, ops_mask, N);
		c5_morphology_open(mask, OPS_H, OPS_W, cases[c].radius, scratch);
		for (size_t i = 0; i < N; i++) assert_true(mask[i] <= ops_mask[i]);
		free(scratch);
	}
}

static void a_disc_larger_than_the_frame_fills_it(void **state)
{
	(void)state;
	uint8_t mask[15] = { 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 };
	void *scratch = room(c5_morphology_bytes(3, 5, 40));
	c5_morphology_dilate(mask, 3, 5, 40, scratch);
	for (int i = 0; i < 15; i++) assert_int_equal(mask[i], 1);
	c5_morphology_erode(mask, 3, 5, 40, scratch);
	for (int i = 0; i < 15; i++) assert_int_equal(mask[i], 1);
	free(scratch);
}

static void windows_hold_scipys_extremes(void **state)
{
	(void)state;
	const struct { size_t radius; const float *most, *least; } cases[] = { { 1, ops_max_1, ops_min_1 }, { 6, ops_max_6, ops_min_6 } };
	float got[N];
	for (size_t c = 0; c < 2; c++) {
		void *scratch = room(c5_morphology_window_bytes(OPS_H, OPS_W, cases[c].radius));
		c5_morphology_max(got, ops_grey, OPS_H, OPS_W, cases[c].radius, scratch);
		assert_memory_equal(got, cases[c].most, sizeof got);
		memcpy(got, ops_grey, sizeof got);
		c5_morphology_min(got, got, OPS_H, OPS_W, cases[c].radius, scratch);
		assert_memory_equal(got, cases[c].least, sizeof got);
		free(scratch);
	}
}

static void basins_and_minima_are_skimages(void **state)
{
	(void)state;
	uint32_t got[N];
	void *scratch = room(c5_watershed_bytes(OPS_H, OPS_W));
	assert_true(c5_watershed_minima(got, ops_relief, NULL, OPS_H, OPS_W, scratch) > 10);
	assert_memory_equal(got, ops_minima, sizeof got);
	c5_watershed_flood(got, ops_relief, NULL, OPS_H, OPS_W, scratch);
	assert_memory_equal(got, ops_basins, sizeof got);
	memcpy(got, ops_minima, sizeof got);
	c5_watershed_flood(got, ops_relief, ops_mask, OPS_H, OPS_W, scratch);
	assert_memory_equal(got, ops_basins_masked, sizeof got);
	c5_watershed_minima(got, ops_flat, NULL, OPS_H, OPS_W, scratch);
	assert_memory_equal(got, ops_flat_minima, sizeof got);
	free(scratch);
}

static void an_even_relief_is_one_basin_and_no_marker_floods_nothing(void **state)
{
	(void)state;
	uint16_t even[N];
	uint32_t got[N];
	void *scratch = room(c5_watershed_bytes(OPS_H, OPS_W));
	for (size_t i = 0; i < N; i++) even[i] = 65535;
	assert_int_equal(c5_watershed_minima(got, even, NULL, OPS_H, OPS_W, scratch), 1);
	for (size_t i = 0; i < N; i++) assert_int_equal(got[i], 1);
	memset(got, 0, sizeof got);
	c5_watershed_flood(got, even, NULL, OPS_H, OPS_W, scratch);
	for (size_t i = 0; i < N; i++) assert_int_equal(got[i], 0);
	got[0] = 3; /* both ends of the frame get a marker: the border lies half way */
	got[N - 1] = 9;
	c5_watershed_flood(got, even, NULL, OPS_H, OPS_W, scratch);
	size_t three = 0;
	for (size_t i = 0; i < N; i++) three += got[i] == 3;
	assert_true(labs((long)three - N / 2) < N / 50);
	free(scratch);
}

static void thresholds_of_maps_are_skimages(void **state)
{
	(void)state;
	enum { TONES = sizeof ops_tones / sizeof *ops_tones };
	float turned[TONES];
	const float *maps[2] = { ops_tones, turned };
	void *scratch = room(C5_THRESHOLD_BYTES);
	double t;
	for (int i = 0; i < TONES; i++) turned[i] = -ops_tones[i];
	for (int k = 0; k < 2; k++) {
		assert_int_equal(c5_threshold_li(maps[k], TONES, &t), C5_OK);
		if (!(fabs(t - ops_li[k]) < 1e-3)) fail_msg("li %g, expected %g", t, ops_li[k]);
		assert_int_equal(c5_threshold_triangle(maps[k], TONES, scratch, &t), C5_OK);
		if (!(fabs(t - ops_triangle[k]) < 1e-3)) fail_msg("triangle %g, expected %g", t, ops_triangle[k]);
	}
	const float same[3] = { 4, 4, 4 };
	c5_threshold_li(same, 3, &t);
	assert_true(fabs(t - 4) < 1e-9);
	c5_threshold_triangle(same, 3, scratch, &t);
	assert_true(fabs(t - 4) < 1e-9);
	free(scratch);
}

static void outlines_go_round_the_outside(void **state)
{
	(void)state;
	/* a ring of 1, a diagonal pair of 2, a single 3 */
	static const uint32_t labels[7 * 9] = {
		0, 0, 0, 0, 0, 0, 0, 0, 3,
		0, 1, 1, 1, 1, 0, 0, 0, 0,
		0, 1, 0, 0, 1, 0, 2, 0, 0,
		0, 1, 0, 0, 1, 0, 0, 2, 0,
		0, 1, 1, 1, 1, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0,
		4, 4, 4, 4, 4, 4, 4, 4, 4,
	};
	c5_contour_point *points = NULL;
	size_t cap = 0, n;
	assert_int_equal(c5_contour_trace(&points, &cap, &n, labels, 7, 9, 1, 1), C5_OK);
	assert_int_equal(n, 12);
	assert_true(points[0].y == 1 && points[0].x == 1 && points[1].y == 2 && points[1].x == 1); /* down the left side first */
	assert_true(fabs(c5_contour_area(points, n) - 9) < 1e-12);
	assert_int_equal(c5_contour_trace(&points, &cap, &n, labels, 7, 9, 2, 6), C5_OK);
	assert_int_equal(n, 2);
	assert_true(c5_contour_area(points, n) < 1e-12);
	assert_int_equal(c5_contour_trace(&points, &cap, &n, labels, 7, 9, 0, 8), C5_OK);
	assert_int_equal(n, 1);
	assert_int_equal(c5_contour_trace(&points, &cap, &n, labels, 7, 9, 6, 0), C5_OK);
	assert_int_equal(n, 16); /* there and back */
	free(points);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances_are_scipys_to_the_last_digit),
		cmocka_unit_test(distances_agree_with_trying_all_background_pixels),
		cmocka_unit_test(a_frame_without_background_has_no_distance),
		cmocka_unit_test(discs_grow_and_shrink_masks_as_skimages),
		cmocka_unit_test(a_disc_larger_than_the_frame_fills_it),
		cmocka_unit_test(windows_hold_scipys_extremes),
		cmocka_unit_test(basins_and_minima_are_skimages),
		cmocka_unit_test(an_even_relief_is_one_basin_and_no_marker_floods_nothing),
		cmocka_unit_test(thresholds_of_maps_are_skimages),
		cmocka_unit_test(outlines_go_round_the_outside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
