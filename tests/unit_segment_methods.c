/* unit_segment_methods.c – what each method is for: touching rods and discs that are parted, halos that go, the published crop rule, and real frames
 * against their masks. */
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
#include "base/mem.h"
#include "image/source.h"
#include "segment/segment.h"

enum { H = 160, W = 200, N = H * W };

static uint16_t frame[N];
static uint32_t labels[N];

static uint32_t noise(uint32_t i)
{
	i = (i ^ 61) * 2654435761u;
	return (i ^ i >> 15) * 2246822519u >> 16;
}

static c5_segment_params settings(const char *const *words) /* name, value ... NULL */
{
	c5_segment_params p = { 0 };
	assert_int_equal(c5_opt_defaults(c5_segment_opts, &p), C5_OK);
	for (; *words; words += 2) assert_int_equal(c5_opt_set(c5_segment_opts, &p, words[0], words[1]), C5_OK);
	return p;
}

static c5_segment_summary segment(const char *const *words, int dtype, const void *pixels, uint32_t *to, size_t h, size_t w)
{
	c5_segment_params p = settings(words);
	c5_segmenter *s = NULL;
	c5_segment_summary sum;
	assert_int_equal(c5_segmenter_open(&s, &p, h, w), C5_OK);
	assert_int_equal(c5_segment_frame(s, dtype, pixels, to, &sum), C5_OK);
	c5_segmenter_close(s);
	c5_opt_clear(c5_segment_opts, &p);
	return sum;
}

/* Distance of a pixel to the line from (y0, x0) to (y1, x1). */
static double to_line(double y, double x, const double *l)
{
	const double dy = l[2] - l[0], dx = l[3] - l[1];
	double t = ((y - l[0]) * dy + (x - l[1]) * dx) / (dy * dy + dx * dx);
	t = t < 0 ? 0 : t > 1 ? 1 : t;
	return hypot(y - l[0] - t * dy, x - l[1] - t * dx);
}

/* ---- rods ---- */

/* Two in a row, one beside them, one far off, one twice as long as the others and a little uneven; each 12 px wide in a bright halo. */
static const double rods[5][4] = { { 40, 30, 40, 60 }, { 40, 72, 40, 102 }, { 53, 40, 53, 80 }, { 120, 30, 95, 60 }, { 120, 90, 120, 165 } };

static void draw_rods(void)
{
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			double light = 90, first = 1e9;
			for (int k = 0; k < 5; k++) {
				const double d = to_line(y, x, rods[k]);
				if (d < first) first = d;
			}
			if (first < 20) light += 110 * exp(-(first - 6) / 5 * ((first - 6) / 5));
			if (first < 7) light = 10 + 20 * (0.5 + 0.5 * sin(x * 0.31)) + (first > 5 ? (first - 5) * 50 : 0);
			frame[y * W + x] = (uint16_t)(light + noise((uint32_t)(y * W + x)) % 5);
		}
}

static uint32_t at(int y, int x) { return labels[y * W + x]; }

static void rods_are_parted_where_they_meet_and_nowhere_else(void **state)
{
	(void)state;
	draw_rods();
	const c5_segment_summary sum = segment((const char *const[]){ "method", "rods", "sigma", "1.5", "min-area", "150", NULL }, C5_U16, frame, labels, H,
		W);
	assert_int_equal(sum.objects, 5);
	for (int k = 0; k < 5; k++) {
		const int y0 = (int)rods[k][0], x0 = (int)rods[k][1], y1 = (int)rods[k][2], x1 = (int)rods[k][3];
		assert_true(at(y0, x0) != 0);
		assert_int_equal(at(y0, x0), at(y1, x1)); /* one end to the other */
		for (int j = 0; j < k; j++) assert_true(at(y0, x0) != at((int)rods[j][0], (int)rods[j][1]));
	}
	const c5_segment_summary whole = segment((const char *const[]){ "method", "rods", "sigma", "1.5", "min-area", "150", "split", "0", NULL }, C5_U16,
		frame, labels, H, W);
	assert_true(whole.objects < 5);
}

static void rods_are_the_same_brighter_stretched_and_upside_down(void **state)
{
	(void)state;
	uint32_t *want = NULL, *got = NULL;
	float *other = NULL;
	assert_int_equal(c5_alloc(&want, N, sizeof *want) | c5_alloc(&got, N, sizeof *got) | c5_alloc(&other, N, sizeof *other), C5_OK);
	draw_rods();
	static const char *const words[] = { "method", "rods", "sigma", "1.5", "min-area", "150", NULL };
	segment(words, C5_U16, frame, want, H, W);
	for (size_t i = 0; i < N; i++) other[i] = 8.f * frame[i] + 4096; /* exact in floats: the same labels to the pixel */
	segment(words, C5_F32, other, got, H, W);
	size_t differ = 0;
	for (size_t i = 0; i < N; i++) differ += want[i] != got[i];
	assert_true(differ < N / 1000);
	for (size_t i = 0; i < N; i++) other[i] = frame[N - 1 - i];
	assert_int_equal(segment(words, C5_F32, other, got, H, W).objects, 5);
	for (size_t i = 0, k = differ = 0; k < N; i++, k++) differ += !want[N - 1 - i] != !got[i];
	assert_true(differ < N / 1000);
	free(want);
	free(got);
	free(other);
}

/* ---- phase ---- */

static void the_halo_goes_and_bright_spots_inside_stay(void **state)
{
	(void)state;
	/* a rough disc of radius 30 with a bright rim of 4 px outside it and a bright spot in its middle */
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			const double d = hypot(y - 80, x - 100);
			const uint32_t r = noise((uint32_t)(y * W + x));
			double light = 30000 + r % 1000;
			if (d < 30) light = 27000 + r % 9000;
			if (d >= 30 && d < 34) light = 45000;
			if (d < 4) light = 50000;
			frame[y * W + x] = (uint16_t)light;
		}
	static const char *const words[] = { "method", "phase", "radius", "3", "low", "2", "split", "0", NULL };
	const c5_segment_summary sum = segment(words, C5_U16, frame, labels, H, W);
	assert_int_equal(sum.objects, 1);
	assert_int_equal(at(80, 100), 1);
	double both = 0, either = 0, halo = 0;
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			const double d = hypot(y - 80, x - 100);
			both += at(y, x) && d < 30, either += at(y, x) || d < 30, halo += at(y, x) && d >= 31;
		}
	if (!(both / either > 0.93)) fail_msg("overlap %g", both / either);
	static const char *const kept[] = { "method", "phase", "radius", "3", "low", "2", "split", "0", "halo", "0", NULL };
	segment(kept, C5_U16, frame, labels, H, W);
	double with = 0;
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) with += at(y, x) && hypot(y - 80, x - 100) >= 31;
	assert_true(with > 4 * (halo + 30));
}

/* ---- fluorescence ---- */

static void draw_discs(bool slope)
{
	static const double discs[5][3] = { { 50, 48, 14 }, { 50, 75, 14 }, { 110, 60, 16 }, { 110, 150, 12 }, { 40, 150, 17 } };
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			double light = 200 + (slope ? 12.0 * x : 0);
			double most = 0;
			for (int k = 0; k < 5; k++) most = fmax(most, 1500 / (1 + exp(hypot(y - discs[k][0], x - discs[k][1]) - discs[k][2])));
			light += most;
			frame[y * W + x] = (uint16_t)(light + noise((uint32_t)(y * W + x)) % 60);
		}
}

static void touching_discs_are_two(void **state)
{
	(void)state;
	static const char *const thresholds[] = { "otsu", "li", "local" };
	draw_discs(false);
	for (int k = 0; k < 3; k++) {
		const char *const words[] = { "method", "fluorescence", "size", "28", "threshold", thresholds[k], "min-area", "100", NULL };
		const c5_segment_summary sum = segment(words, C5_U16, frame, labels, H, W);
		if (sum.objects != 5) fail_msg("%s: %u objects", thresholds[k], sum.objects);
		assert_true(at(50, 48) && at(50, 75) && at(50, 48) != at(50, 75));
	}
	for (size_t i = 0; i < N; i++) frame[i] = (uint16_t)(9000 - frame[i]);
	static const char *const dark[] = { "method", "fluorescence", "size", "28", "foreground", "dark", NULL };
	assert_int_equal(segment(dark, C5_U16, frame, labels, H, W).objects, 5);
}

static void slow_background_is_taken_away(void **state)
{
	(void)state;
	static const char *const words[] = { "method", "fluorescence", "size", "28", "background", "30", NULL };
	draw_discs(true);
	assert_int_equal(segment(words, C5_U16, frame, labels, H, W).objects, 5);
}

static void shapes_that_are_not_wanted_are_dropped(void **state)
{
	(void)state;
	draw_discs(false);
	static const char *const joined[] = { "method", "fluorescence", "split", "0", NULL }, *const round[] = { "method", "fluorescence", "split", "0",
		"max-eccentricity", "0.6", NULL }, *const solid[] = { "method", "fluorescence", "split", "0", "min-solidity", "0.95", NULL };
	assert_int_equal(segment(joined, C5_U16, frame, labels, H, W).objects, 4);
	assert_int_equal(segment(round, C5_U16, frame, labels, H, W).objects, 3);
	assert_int_equal(segment(solid, C5_U16, frame, labels, H, W).objects, 3);
	assert_int_equal(at(50, 48), 0);
	assert_int_equal(at(40, 150), 1); /* numbered anew in raster order */
}

/* ---- sesmo ---- */

static void crops_follow_the_published_rule(void **state)
{
	(void)state;
	uint8_t *dark = NULL;
	assert_int_equal(c5_alloc(&dark, N, 1), C5_OK);
	memset(dark, 200, N);
	const struct { int y, x, side; } squares[] = { { 70, 90, 16 }, { 120, 40, 12 }, { 60, 150, 4 }, { 5, 100, 14 }, { 75, 4, 14 } };
	for (int k = 0; k < 5; k++)
		for (int y = 0; y < squares[k].side; y++)
			for (int x = 0; x < squares[k].side; x++) dark[(squares[k].y + y) * W + squares[k].x + x] = (uint8_t)(20 + (x * 7 + y * 3) % 5);
	dark[78 * W + 98] = 255; /* a hole: outlines are the outer ones */
	const c5_segment_summary sum = segment((const char *const[]){ "method", "sesmo", "min-area", "0", NULL }, C5_U8, dark, labels, H, W);
	assert_int_equal(sum.objects, 2); /* one is small, two are within 25 px of the edge */
	assert_int_equal(at(78, 98), 1);
	assert_int_equal(at(125, 45), 2);
	assert_int_equal(at(62, 152), 0);
	free(dark);
}

/* ---- real frames ---- */

static void *load(const char *name, int *dtype, size_t *h, size_t *w)
{
	c5_scan_params params = { 0 };
	c5_scan *scan = NULL;
	c5_frame_reader *reader = NULL;
	void *pixels = NULL;
	const char *root = getenv("C5_SOURCE");
	char *path = c5_format("%s/tests/data/%s", root ? root : "..", name);
	assert_int_equal(c5_opt_defaults(c5_scan_opts, &params), C5_OK);
	if (c5_scan_inputs(&scan, &params, 1, (const char *const *)&path) < 0) fail_msg("%s", c5_error_last());
	*dtype = scan->series[0].dtype, *h = scan->series[0].height, *w = scan->series[0].width;
	assert_int_equal(c5_alloc(&pixels, *h * *w, c5_dtype_size(*dtype)), C5_OK);
	assert_int_equal(c5_frame_reader_open(&reader, scan, &params), C5_OK);
	assert_int_equal(c5_frame_read(reader, &scan->series[0], 0, 0, pixels), C5_OK);
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	c5_opt_clear(c5_scan_opts, &params);
	free(path);
	return pixels;
}

static void bacteria_are_found_one_by_one(void **state)
{
	(void)state;
	static const char *const words[] = { "method", "rods", "sigma", "1.5", "min-area", "150", NULL };
	double seg = 0, objects = 0;
	for (int t = 25; t < 29; t += 3) {
		size_t h, w;
		int dtype, truth_dtype;
		char image[64], mask[64];
		snprintf(image, sizeof image, "ecoli-phase-lineage/01/t%03d.tif", t);
		snprintf(mask, sizeof mask, "ecoli-phase-lineage/01_GT/TRA/man_track%03d.tif", t);
		void *pixels = load(image, &dtype, &h, &w);
		uint16_t *truth = load(mask, &truth_dtype, &h, &w);
		assert_int_equal(truth_dtype, C5_U16);
		uint32_t *found = NULL, *both = NULL, *in_truth = NULL, *in_found = NULL;
		assert_int_equal(c5_alloc(&found, h * w, sizeof *found), C5_OK);
		const uint32_t n = segment(words, dtype, pixels, found, h, w).objects;
		assert_int_equal(c5_alloc(&both, 65536, (n + 1) * sizeof *both) | c5_alloc(&in_truth, 65536, 4) | c5_alloc(&in_found, n + 1, 4), C5_OK);
		for (size_t i = 0; i < h * w; i++) both[truth[i] * (n + 1) + found[i]]++, in_truth[truth[i]]++, in_found[found[i]]++;
		for (uint32_t g = 1; g < 65536; g++) {
			objects += in_truth[g] != 0;
			for (uint32_t r = 1; r <= n && in_truth[g]; r++) {
				const uint32_t shared = both[g * (n + 1) + r];
				if (2 * shared > in_truth[g]) seg += shared / (double)(in_truth[g] + in_found[r] - shared);
			}
		}
		free(pixels), free(truth), free(found), free(both), free(in_truth), free(in_found);
	}
	if (!(seg / objects > 0.78)) fail_msg("SEG %g", seg / objects);
}

static void spread_cells_are_found_whole(void **state)
{
	(void)state;
	static const char *const words[] = { "method", "phase", "radius", "3", "sigma", "0.7", "low", "1.4", "min-area", "700", "split", "0.8", NULL };
	size_t h, w;
	int dtype, truth_dtype;
	void *pixels = load("t98g-phase-timelapse/01/t000.tif", &dtype, &h, &w);
	uint8_t *truth = load("t98g-phase-timelapse/t000_manual_instances.png", &truth_dtype, &h, &w);
	uint32_t *found = NULL;
	double shared = 0, sum = 0;
	assert_int_equal(truth_dtype, C5_U8);
	assert_int_equal(c5_alloc(&found, h * w, sizeof *found), C5_OK);
	segment(words, dtype, pixels, found, h, w);
	for (size_t i = 0; i < h * w; i++) shared += truth[i] && found[i], sum += (truth[i] != 0) + (found[i] != 0);
	if (!(2 * shared / sum > 0.72)) fail_msg("Dice %g", 2 * shared / sum);
	free(pixels), free(truth), free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rods_are_parted_where_they_meet_and_nowhere_else),
		cmocka_unit_test(rods_are_the_same_brighter_stretched_and_upside_down),
		cmocka_unit_test(the_halo_goes_and_bright_spots_inside_stay),
		cmocka_unit_test(touching_discs_are_two),
		cmocka_unit_test(slow_background_is_taken_away),
		cmocka_unit_test(shapes_that_are_not_wanted_are_dropped),
		cmocka_unit_test(crops_follow_the_published_rule),
		cmocka_unit_test(bacteria_are_found_one_by_one),
		cmocka_unit_test(spread_cells_are_found_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
