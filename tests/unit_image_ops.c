/* unit_image_ops.c – distances, discs, windows, watershed, labels, thresholds of maps and outlines against scipy.ndimage, scikit-image and brute
 * force, and at the limits. */
#include "support_image.h"

#include "base/error.h"
#include "golden/imageops.h"
#include "image/contour.h"
#include "image/distance.h"
#include "image/label.h"
#include "image/morphology.h"
#include "image/threshold.h"
#include "image/watershed.h"

enum { N = OPS_H * OPS_W };

/* The mask of the goldens: a thresholded field, and a long stretch with pinholes. */
static const uint8_t *ops_mask_made(void)
{
	static uint8_t mask[N];
	uint16_t ground[N];
	uint32_t seed = 12;
	field_make(ground, OPS_H, OPS_W, 11, 3);
	for (size_t i = 0; i < N; i++) mask[i] = ground[i] > 30000;
	for (size_t y = 3; y < 20; y++)
		for (size_t x = 4; x < 110; x++) mask[y * OPS_W + x] |= noise_next(&seed) < 61000;
	assert_int_equal(checksum(mask, N), ops_mask[0]);
	return mask;
}

/* Levels that are different everywhere: eleven times the pixel's rank. */
static const uint16_t *ops_relief_made(void)
{
	static uint16_t relief[N];
	uint16_t ground[N];
	field_make(ground, OPS_H, OPS_W, 14, 2);
	for (size_t i = 0; i < N; i++) {
		relief[i] = 0;
		for (size_t j = 0; j < N; j++) relief[i] = (uint16_t)(relief[i] + 11 * (ground[j] < ground[i] || (ground[j] == ground[i] && j < i)));
	}
	return relief;
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
	distances(got, ops_mask_made(), OPS_H, OPS_W);
	assert_int_equal(checksum(got, sizeof got), ops_distances[0]);
	memset(solid, 7, sizeof solid);
	solid[SOLID_HOLE] = 0;
	distances(solid_got, solid, SOLID_H, SOLID_W);
	assert_int_equal(checksum(solid_got, sizeof solid_got), ops_distances[1]);
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
	const size_t radii[] = { 1, 2, 5 };
	const uint8_t *drawn = ops_mask_made();
	uint8_t mask[N];
	for (size_t c = 0; c < 3; c++) {
		void *scratch = room(c5_morphology_bytes(OPS_H, OPS_W, radii[c]));
		memcpy(mask, drawn, N);
		c5_morphology_dilate(mask, OPS_H, OPS_W, radii[c], scratch);
		assert_int_equal(checksum(mask, N), ops_dilated[c]);
		memcpy(mask, drawn, N);
		c5_morphology_erode(mask, OPS_H, OPS_W, radii[c], scratch);
		assert_int_equal(checksum(mask, N), ops_eroded[c]);
		memcpy(mask, drawn, N);
		c5_morphology_close(mask, OPS_H, OPS_W, radii[c], scratch);
		for (size_t i = 0; i < N; i++) assert_true(mask[i] >= drawn[i]);
		memcpy(mask, drawn, N);
		c5_morphology_open(mask, OPS_H, OPS_W, radii[c], scratch);
		for (size_t i = 0; i < N; i++) assert_true(mask[i] <= drawn[i]);
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
	const size_t radii[] = { 1, 6 };
	uint16_t field[N];
	float grey[N], got[N];
	field_make(field, OPS_H, OPS_W, 13, 1);
	field_floats(grey, field, N);
	for (size_t c = 0; c < 2; c++) {
		void *scratch = room(c5_morphology_window_bytes(OPS_H, OPS_W, radii[c]));
		c5_morphology_max(got, grey, OPS_H, OPS_W, radii[c], scratch);
		assert_int_equal(checksum(got, sizeof got), ops_max[c]);
		memcpy(got, grey, sizeof got);
		c5_morphology_min(got, got, OPS_H, OPS_W, radii[c], scratch);
		assert_int_equal(checksum(got, sizeof got), ops_min[c]);
		free(scratch);
	}
}

static void basins_and_minima_are_skimages(void **state)
{
	(void)state;
	const uint16_t *relief = ops_relief_made();
	uint16_t flat[N];
	uint32_t got[N], minima[N];
	void *scratch = room(c5_watershed_bytes(OPS_H, OPS_W));
	assert_true(c5_watershed_minima(minima, relief, NULL, OPS_H, OPS_W, scratch) > 10);
	assert_int_equal(checksum(minima, sizeof minima), ops_minima[0]);
	memcpy(got, minima, sizeof got);
	c5_watershed_flood(got, relief, NULL, OPS_H, OPS_W, scratch);
	assert_int_equal(checksum(got, sizeof got), ops_basins[0]);
	memcpy(got, minima, sizeof got);
	c5_watershed_flood(got, relief, ops_mask_made(), OPS_H, OPS_W, scratch);
	assert_int_equal(checksum(got, sizeof got), ops_basins[1]);
	for (size_t i = 0; i < N; i++) flat[i] = relief[i] / 4000;
	c5_watershed_minima(got, flat, NULL, OPS_H, OPS_W, scratch);
	assert_int_equal(checksum(got, sizeof got), ops_minima[1]);
	free(scratch);
}

/* ---- against brute force ---- */

enum { SMALL_H = 11, SMALL_W = 17, SMALL = SMALL_H * SMALL_W };

/* Neighbour k (up, left, right, down, then corners) of pixel i; -1 beyond the frame. */
static int beside(int i, int k)
{
	static const int dy[] = { -1, 0, 0, 1, -1, -1, 1, 1 }, dx[] = { 0, -1, 1, 0, -1, 1, -1, 1 };
	const int y = i / SMALL_W + dy[k], x = i % SMALL_W + dx[k];
	return y < 0 || x < 0 || y >= SMALL_H || x >= SMALL_W ? -1 : y * SMALL_W + x;
}

/* A flood with a queue that is searched through from end to end. */
static void flood_slowly(uint32_t *labels, const uint16_t *relief, const uint8_t *mask)
{
	int queue[SMALL], n = 0;
	bool done[SMALL] = { false };
	for (int i = 0; i < SMALL; i++) {
		if (!mask[i]) labels[i] = 0;
		if (labels[i]) queue[n++] = i;
	}
	for (;;) {
		int best = -1;
		for (int k = 0; k < n; k++)
			if (!done[k] && (best < 0 || relief[queue[k]] < relief[queue[best]])) best = k;
		if (best < 0) return;
		done[best] = true;
		for (int k = 0; k < 4; k++) {
			const int j = beside(queue[best], k);
			if (j < 0 || labels[j] || !mask[j]) continue;
			labels[j] = labels[queue[best]];
			queue[n++] = j;
		}
	}
}

/* The lowest pass from each pixel to any marker of its label, and to any marker at all, must be of the same height. */
static void passes_are_lowest(const uint32_t *labels, const uint32_t *markers, const uint16_t *relief, const uint8_t *mask)
{
	for (int own = 0; own < 2; own++) {
		static uint32_t pass[2][SMALL];
		for (int i = 0; i < SMALL; i++) pass[own][i] = markers[i] && mask[i] ? relief[i] : UINT32_MAX;
		for (bool again = true; again;) {
			again = false;
			for (int i = 0; i < SMALL; i++)
				for (int k = 0; k < 4; k++) {
					const int j = beside(i, k);
					if (!mask[i] || j < 0 || !mask[j] || (own && labels[i] != labels[j])) continue;
					const uint32_t here = pass[own][j] > relief[i] ? pass[own][j] : relief[i];
					if (here < pass[own][i]) pass[own][i] = here, again = true;
				}
		}
		if (own) assert_memory_equal(pass[0], pass[1], sizeof pass[0]);
	}
}

static void floods_agree_with_a_slow_one_and_take_the_lowest_pass(void **state)
{
	(void)state;
	uint32_t seed = 77;
	void *scratch = room(c5_watershed_bytes(SMALL_H, SMALL_W));
	for (int round = 0; round < 300; round++) {
		uint16_t relief[SMALL];
		uint8_t mask[SMALL];
		uint32_t markers[SMALL], got[SMALL], want[SMALL];
		const uint32_t levels = 1 + noise_next(&seed) % 40, share = noise_next(&seed) / 2, seeds = 2 + noise_next(&seed) % 60;
		for (int i = 0; i < SMALL; i++) {
			relief[i] = (uint16_t)(noise_next(&seed) % levels * (round % 3 ? 1 : 1600));
			mask[i] = round % 2 ? noise_next(&seed) > share : 1;
			markers[i] = noise_next(&seed) % seeds ? 0 : 1 + noise_next(&seed) % 5;
		}
		memcpy(got, markers, sizeof got);
		memcpy(want, markers, sizeof want);
		c5_watershed_flood(got, relief, round % 2 ? mask : NULL, SMALL_H, SMALL_W, scratch);
		flood_slowly(want, relief, mask);
		assert_memory_equal(got, want, sizeof got);
		passes_are_lowest(got, markers, relief, mask);
	}
	free(scratch);
}

static void labels_agree_with_painting_from_pixel_to_pixel(void **state)
{
	(void)state;
	uint32_t seed = 78;
	void *scratch = room(c5_label_bytes(SMALL_H, SMALL_W));
	for (int round = 0; round < 300; round++) {
		uint8_t mask[SMALL];
		uint32_t got[SMALL], want[SMALL] = { 0 }, n = 0;
		const uint16_t share = noise_next(&seed);
		const c5_label_rules rules = { round % 2 ? 4 : 8, false, 0, 0, 0, -1 };
		for (int i = 0; i < SMALL; i++) mask[i] = noise_next(&seed) > share;
		for (int i = 0; i < SMALL; i++) {
			if (!mask[i] || want[i]) continue;
			want[i] = ++n;
			for (bool again = true; again;) { /* the paint spreads until nothing changes */
				again = false;
				for (int j = 0; j < SMALL; j++)
					for (int k = 0; k < rules.connectivity && want[j] == n; k++) {
						const int to = beside(j, k);
						if (to >= 0 && mask[to] && !want[to]) want[to] = n, again = true;
					}
			}
		}
		assert_int_equal(c5_label_mask(got, mask, SMALL_H, SMALL_W, &rules, scratch), n);
		assert_memory_equal(got, want, sizeof got);
	}
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
	enum { TONES = 1000 };
	uint32_t seed = 15;
	float tones[TONES], turned[TONES];
	const float *maps[2] = { tones, turned };
	void *scratch = room(C5_THRESHOLD_BYTES);
	double t;
	for (int i = 0; i < TONES; i++) tones[i] = (float)(noise_next(&seed) % 4001) / 16;
	for (int i = 0; i < TONES; i += 5) tones[i] = tones[i] / 4 + 300;
	for (int i = 0; i < TONES; i++) turned[i] = -tones[i];
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
		cmocka_unit_test(floods_agree_with_a_slow_one_and_take_the_lowest_pass),
		cmocka_unit_test(labels_agree_with_painting_from_pixel_to_pixel),
		cmocka_unit_test(an_even_relief_is_one_basin_and_no_marker_floods_nothing),
		cmocka_unit_test(thresholds_of_maps_are_skimages),
		cmocka_unit_test(outlines_go_round_the_outside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
