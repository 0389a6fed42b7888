/* unit_segment_segment.c – frames with known objects, by every method, and frames that are degenerate. */
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
#include "image/threshold.h"
#include "segment/segment.h"

enum { H = 96, W = 120, N = H * W, DISCS = 5, DISC_R = 9 };

static uint16_t frame[N]; /* five rough discs on a smooth, slanting ground */
static const int centres[DISCS][2] = { { 20, 20 }, { 21, 90 }, { 50, 55 }, { 78, 100 }, { 80, 15 } };

static uint32_t noise(uint32_t i)
{
	i = (i ^ 61) * 2654435761u;
	return (i ^ i >> 15) * 2246822519u >> 16;
}

static bool in_disc(size_t i, int k)
{
	int dy = (int)(i / W) - centres[k][0], dx = (int)(i % W) - centres[k][1];
	return dy * dy + dx * dx <= DISC_R * DISC_R;
}

static int draw(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i++) {
		frame[i] = (uint16_t)(1000 + i % W + noise((uint32_t)i) % 16);
		for (int k = 0; k < DISCS; k++)
			if (in_disc(i, k)) frame[i] = (uint16_t)(3000 + noise((uint32_t)i) % 3000);
	}
	return 0;
}

static c5_segment_params defaults(void)
{
	c5_segment_params p = { 0 };
	assert_int_equal(c5_opt_defaults(c5_segment_opts, &p), C5_OK);
	return p;
}

static void set(c5_segment_params *p, const char *name, const char *text) { assert_int_equal(c5_opt_set(c5_segment_opts, p, name, text), C5_OK); }

static c5_segment_summary run(const c5_segment_params *p, int dtype, const void *pixels, uint32_t *labels, size_t height, size_t width)
{
	c5_segmenter *s = NULL;
	c5_segment_summary sum;
	assert_int_equal(c5_segmenter_open(&s, p, height, width), C5_OK);
	assert_int_equal(c5_segment_frame(s, dtype, pixels, labels, &sum), C5_OK);
	c5_segmenter_close(s);
	return sum;
}

/* Intersection over union of label k + 1 with disc k; 0 when the label at the disc's centre is another. */
static double overlap(const uint32_t *labels, int k)
{
	uint32_t v = labels[centres[k][0] * W + centres[k][1]];
	double both = 0, either = 0;
	for (size_t i = 0; i < N; i++) {
		bool a = labels[i] == v, b = in_disc(i, k);
		both += a && b, either += a || b;
	}
	return v == (uint32_t)k + 1 ? both / either : 0;
}

static void every_method_finds_the_discs(void **state)
{
	(void)state;
	const struct { const char *method, *foreground, *percentile; double least; } cases[] = {
		{ "deviation", "bright", "5", 0.7 }, { "otsu", "bright", "5", 0.9 }, { "percentile", "bright", "11", 0.9 } };
	uint32_t labels[N];
	for (size_t c = 0; c < 3; c++) {
		c5_segment_params p = defaults();
		set(&p, "method", cases[c].method);
		set(&p, "foreground", cases[c].foreground);
		set(&p, "percentile", cases[c].percentile);
		c5_segment_summary sum = run(&p, C5_U16, frame, labels, H, W);
		assert_int_equal(sum.objects, DISCS);
		for (int k = 0; k < DISCS; k++)
			if (!(overlap(labels, k) > cases[c].least)) fail_msg("%s: disc %d overlaps by %g", cases[c].method, k, overlap(labels, k));
		size_t covered = 0;
		for (size_t i = 0; i < N; i++) covered += labels[i] != 0;
		assert_true(fabs(sum.covered - (double)covered / N) < 1e-12 && sum.threshold > 0);
		c5_opt_clear(c5_segment_opts, &p);
	}
}

static void dark_objects_are_found_when_asked_for(void **state)
{
	(void)state;
	uint16_t negative[N];
	uint32_t bright[N], dark[N];
	for (size_t i = 0; i < N; i++) negative[i] = (uint16_t)(8000 - frame[i]);
	c5_segment_params p = defaults();
	set(&p, "method", "percentile");
	set(&p, "percentile", "9");
	run(&p, C5_U16, frame, bright, H, W);
	set(&p, "foreground", "dark");
	run(&p, C5_U16, negative, dark, H, W);
	size_t differ = 0;
	for (size_t i = 0; i < N; i++) differ += bright[i] != dark[i];
	assert_true(differ < 5);
	c5_opt_clear(c5_segment_opts, &p);
}

static void summary_states_mean_and_deviation_of_the_raw_frame(void **state)
{
	(void)state;
	uint32_t labels[N];
	double sum = 0, sum2 = 0;
	for (size_t i = 0; i < N; i++) sum += frame[i], sum2 += (double)frame[i] * frame[i];
	c5_segment_params p = defaults();
	c5_segment_summary got = run(&p, C5_U16, frame, labels, H, W);
	assert_true(fabs(got.mean - sum / N) < 1e-9 * got.mean);
	assert_true(fabs(got.sd - sqrt(sum2 / N - sum / N * (sum / N))) < 1e-9 * got.sd);
	c5_opt_clear(c5_segment_opts, &p);
}

static void labels_do_not_depend_on_the_pixel_type(void **state)
{
	(void)state;
	uint32_t want[N], got[N];
	float f32[N];
	double f64[N];
	int32_t i32[N];
	for (size_t i = 0; i < N; i++) f32[i] = frame[i], f64[i] = frame[i], i32[i] = frame[i];
	c5_segment_params p = defaults();
	run(&p, C5_U16, frame, want, H, W);
	run(&p, C5_F32, f32, got, H, W);
	assert_memory_equal(got, want, sizeof want);
	run(&p, C5_F64, f64, got, H, W);
	assert_memory_equal(got, want, sizeof want);
	run(&p, C5_I32, i32, got, H, W);
	assert_memory_equal(got, want, sizeof want);
	c5_opt_clear(c5_segment_opts, &p);
}

static void a_segmenter_gives_the_same_again_after_another_frame(void **state)
{
	(void)state;
	uint32_t first[N], second[N], between[N];
	uint16_t other[N];
	c5_segmenter *s = NULL;
	c5_segment_params p = defaults();
	for (size_t i = 0; i < N; i++) other[i] = (uint16_t)noise((uint32_t)i);
	assert_int_equal(c5_segmenter_open(&s, &p, H, W), C5_OK);
	assert_int_equal(c5_segment_frame(s, C5_U16, frame, first, NULL), C5_OK);
	assert_int_equal(c5_segment_frame(s, C5_U16, other, between, NULL), C5_OK);
	assert_int_equal(c5_segment_frame(s, C5_U16, frame, second, NULL), C5_OK);
	assert_memory_equal(first, second, sizeof first);
	assert_int_equal(c5_segment_frame(s, 99, frame, first, NULL), C5_EFAIL);
	c5_segmenter_close(s);
	c5_opt_clear(c5_segment_opts, &p);
}

static void pixels_that_are_not_finite_count_as_the_median(void **state)
{
	(void)state;
	float with[N], without[N];
	uint32_t a[N], b[N];
	double median;
	uint32_t *scratch = malloc(C5_THRESHOLD_BYTES);
	for (size_t i = 0; i < N; i++) with[i] = without[i] = frame[i];
	with[0] = NAN, with[777] = INFINITY, with[778] = -INFINITY;
	assert_int_equal(c5_threshold_percentile(C5_F32, with, N, 50, scratch, &median), C5_OK);
	without[0] = without[777] = without[778] = (float)median;
	free(scratch);
	c5_segment_params p = defaults();
	c5_segment_summary x = run(&p, C5_F32, with, a, H, W), y = run(&p, C5_F32, without, b, H, W);
	assert_memory_equal(a, b, sizeof a);
	assert_true(x.threshold == y.threshold && x.objects == y.objects && x.objects > 0);
	c5_opt_clear(c5_segment_opts, &p);
}

static void degenerate_frames_have_no_objects_by_any_method(void **state)
{
	(void)state;
	const char *const methods[] = { "deviation", "otsu", "percentile", "phase", "rods", "fluorescence", "sesmo" }, *const sides[] = { "bright", "dark" };
	uint16_t zero[N] = { 0 }, same[N], half[N] = { 0 }, one = 7;
	float nothing[N];
	uint32_t labels[N];
	for (size_t i = 0; i < N; i++) same[i] = 4000, nothing[i] = NAN;
	for (int m = 0; m < 7; m++)
		for (int d = 0; d < 2; d++) {
			c5_segment_params p = defaults();
			set(&p, "method", methods[m]);
			set(&p, "foreground", sides[d]);
			set(&p, "min-area", "0");
			set(&p, "scale", d ? "2" : "0.5");
			assert_int_equal(run(&p, C5_U16, zero, labels, H, W).objects, 0);
			assert_int_equal(run(&p, C5_U16, same, labels, H, W).objects, 0);
			assert_int_equal(run(&p, C5_F32, nothing, labels, H, W).objects, 0);
			assert_int_equal(run(&p, C5_U16, &one, labels, 1, 1).objects, 0);
			assert_int_equal(labels[0], 0);
			run(&p, C5_U16, frame, labels, 1, W);
			run(&p, C5_U16, frame, labels, H, 1);
			run(&p, C5_U16, frame, labels, 2, 2);
			memcpy(half, frame, sizeof half / 2); /* the rest one value */
			run(&p, C5_U16, half, labels, H, W);
			c5_opt_clear(c5_segment_opts, &p);
		}
}

static void a_frame_that_is_all_object_becomes_one(void **state)
{
	(void)state;
	uint32_t labels[N];
	c5_segment_params p = defaults();
	set(&p, "method", "otsu");
	set(&p, "scale", "0"); /* every pixel is above 0 */
	c5_segment_summary sum = run(&p, C5_U16, frame, labels, H, W);
	assert_int_equal(sum.objects, 1);
	assert_true(sum.covered == 1);
	c5_opt_clear(c5_segment_opts, &p);
}

static void filters_apply_to_what_was_found(void **state)
{
	(void)state;
	uint32_t labels[N];
	c5_segment_params p = defaults();
	set(&p, "method", "otsu");
	set(&p, "border", "8"); /* discs 0, 1, 3, 4 lie 6 to 11 px from the edge */
	assert_int_equal(run(&p, C5_U16, frame, labels, H, W).objects, 3);
	set(&p, "border", "-1");
	set(&p, "max-area", "100");
	assert_int_equal(run(&p, C5_U16, frame, labels, H, W).objects, 0);
	c5_opt_clear(c5_segment_opts, &p);
}

static void wrong_settings_and_sizes_are_refused_with_a_reason(void **state)
{
	(void)state;
	c5_segmenter *s = NULL;
	c5_segment_params p = defaults();
	assert_int_equal(c5_segmenter_open(&s, &p, 0, 5), C5_EINPUT);
	assert_int_equal(c5_segmenter_open(&s, &p, (size_t)1 << 40, (size_t)1 << 40), C5_EINPUT);
	p.sigma = (double)NAN;
	assert_int_equal(c5_segmenter_open(&s, &p, 5, 5), C5_EUSAGE);
	p.sigma = 1, p.radius = -1;
	assert_int_equal(c5_segmenter_open(&s, &p, 5, 5), C5_EUSAGE);
	p.radius = 4;
	char *method = p.method;
	p.method = "magic";
	assert_int_equal(c5_segmenter_open(&s, &p, 5, 5), C5_EUSAGE);
	assert_non_null(strstr(c5_error_last(), "magic"));
	assert_null(s);
	p.method = method;
	assert_true(c5_segmenter_bytes(&p, H, W) > (size_t)N * 9);
	c5_opt_clear(c5_segment_opts, &p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_finds_the_discs),
		cmocka_unit_test(dark_objects_are_found_when_asked_for),
		cmocka_unit_test(summary_states_mean_and_deviation_of_the_raw_frame),
		cmocka_unit_test(labels_do_not_depend_on_the_pixel_type),
		cmocka_unit_test(a_segmenter_gives_the_same_again_after_another_frame),
		cmocka_unit_test(pixels_that_are_not_finite_count_as_the_median),
		cmocka_unit_test(degenerate_frames_have_no_objects_by_any_method),
		cmocka_unit_test(a_frame_that_is_all_object_becomes_one),
		cmocka_unit_test(filters_apply_to_what_was_found),
		cmocka_unit_test(wrong_settings_and_sizes_are_refused_with_a_reason),
	};
	return cmocka_run_group_tests(tests, draw, NULL);
}
