/* unit_crop_crop.c – crops inside, at and beyond the frame's edge, pixel for pixel. */
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
#include "crop/crop.h"

enum { H = 5, W = 7 };
static uint16_t frame[H * W]; /* 10 y + x + 1 */
static uint32_t labels[H * W]; /* 1 left of x = 3, 2 from there on, 0 in the first row */

static int fill(void **state)
{
	(void)state;
	for (int i = 0; i < H * W; i++) {
		frame[i] = (uint16_t)(10 * (i / W) + i % W + 1);
		labels[i] = i < W ? 0 : i % W < 3 ? 1 : 2;
	}
	return 0;
}

static void expect(const char *edge, bool masked, uint32_t label, double cy, double cx, int64_t size, const uint16_t *want)
{
	c5_crop_params p = { size, NULL, (char *)(uintptr_t)edge, masked };
	uint16_t out[81];
	memset(out, 0xee, sizeof out);
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, masked ? labels : NULL, H, W, cy, cx, label, out), C5_OK);
	for (int64_t i = 0; i < size * size; i++)
		if (out[i] != want[i]) fail_msg("%s: pixel %d is %d, expected %d", edge, (int)i, out[i], want[i]);
	assert_int_equal(out[size * size], 0xeeee);
}

static void the_window_lies_around_the_nearest_pixel(void **state)
{
	(void)state;
	expect("reflect", false, 0, 2.49, 2.5, 3, (const uint16_t[]){ 13, 14, 15, 23, 24, 25, 33, 34, 35 });
	expect("reflect", false, 0, 2, 3, 4, (const uint16_t[]){ 2, 3, 4, 5, 12, 13, 14, 15, 22, 23, 24, 25, 32, 33, 34, 35 });
	expect("zero", false, 0, 4, 6, 1, (const uint16_t[]){ 47 });
}

static void beyond_the_edge_lies_what_was_asked_for(void **state)
{
	(void)state;
	expect("reflect", false, 0, 0, 0, 4, (const uint16_t[]){ 12, 11, 11, 12, 2, 1, 1, 2, 2, 1, 1, 2, 12, 11, 11, 12 });
	expect("nearest", false, 0, 0, 0, 4, (const uint16_t[]){ 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 11, 11, 11, 12 });
	expect("zero", false, 0, 0, 0, 4, (const uint16_t[]){ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 11, 12 });
	expect("reflect", false, 0, 4, 6, 3, (const uint16_t[]){ 36, 37, 37, 46, 47, 47, 46, 47, 47 });
	expect("nearest", false, 0, 4, 6, 3, (const uint16_t[]){ 36, 37, 37, 46, 47, 47, 46, 47, 47 });
	expect("zero", false, 0, 4, 6, 3, (const uint16_t[]){ 36, 37, 0, 46, 47, 0, 0, 0, 0 });
}

static void a_window_wholly_outside_is_filled_too(void **state)
{
	(void)state;
	expect("zero", false, 0, 50, 3, 2, (const uint16_t[]){ 0, 0, 0, 0 });
	expect("zero", false, 0, 2, -9, 2, (const uint16_t[]){ 0, 0, 0, 0 });
	expect("nearest", false, 0, 2, 20, 2, (const uint16_t[]){ 17, 17, 27, 27 });
	expect("reflect", false, 0, 2, -9, 2, (const uint16_t[]){ 15, 16, 25, 26 }); /* -10, -9 mirror to 9, 8, and those to 4, 5 */
}

static void only_the_object_is_left_when_masked(void **state)
{
	(void)state;
	expect("reflect", true, 1, 1, 2, 3, (const uint16_t[]){ 0, 0, 0, 12, 13, 0, 22, 23, 0 });
	expect("reflect", true, 2, 1, 2, 3, (const uint16_t[]){ 0, 0, 0, 0, 0, 14, 0, 0, 24 });
	expect("zero", true, 1, 4, 0, 3, (const uint16_t[]){ 0, 31, 32, 0, 41, 42, 0, 0, 0 });
}

static void every_type_is_moved_bit_for_bit(void **state)
{
	(void)state;
	double in[9], out[4];
	c5_crop_params p = { 2, NULL, (char *)(uintptr_t) "reflect", false };
	for (int t = C5_U8; t <= C5_F64; t++) {
		size_t b = c5_dtype_size(t);
		for (size_t i = 0; i < sizeof in; i++) ((uint8_t *)in)[i] = (uint8_t)(i * 37 + 5);
		assert_int_equal(c5_crop_cut(&p, t, in, NULL, 3, 3, 1, 1, 0, out), C5_OK);
		for (size_t y = 0; y < 2; y++) assert_memory_equal((char *)out + 2 * y * b, (char *)in + 3 * y * b, 2 * b);
	}
}

static void wrong_settings_are_refused_with_a_reason(void **state)
{
	(void)state;
	uint16_t out[4];
	c5_crop_params p = { 2, NULL, (char *)(uintptr_t) "mirror", false };
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, NULL, H, W, 1, 1, 0, out), C5_EUSAGE);
	assert_non_null(strstr(c5_error_last(), "mirror"));
	p.edge = (char *)(uintptr_t) "zero";
	assert_int_equal(c5_crop_cut(&p, 0, frame, NULL, H, W, 1, 1, 0, out), C5_EFAIL);
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, NULL, 0, W, 1, 1, 0, out), C5_EINPUT);
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, NULL, H, W, (double)NAN, 1, 0, out), C5_EINPUT);
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, NULL, H, W, 1, 1e300, 0, out), C5_EINPUT);
	p.masked = true;
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, NULL, H, W, 1, 1, 0, out), C5_EFAIL);
	p.size = 0;
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, labels, H, W, 1, 1, 0, out), C5_EUSAGE);
}

static void the_defaults_are_valid(void **state)
{
	(void)state;
	c5_crop_params p = { 0 };
	assert_int_equal(c5_opt_defaults(c5_crop_opts, &p), C5_OK);
	assert_true(p.size == 64 && !p.masked && !strcmp(p.edge, "reflect"));
	uint16_t *out = malloc(64 * 64 * sizeof *out);
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, NULL, H, W, 2, 3, 0, out), C5_OK);
	assert_int_equal(out[32 * 64 + 32], frame[2 * W + 3]);
	free(out);
	c5_opt_clear(c5_crop_opts, &p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_lies_around_the_nearest_pixel),
		cmocka_unit_test(beyond_the_edge_lies_what_was_asked_for),
		cmocka_unit_test(a_window_wholly_outside_is_filled_too),
		cmocka_unit_test(only_the_object_is_left_when_masked),
		cmocka_unit_test(every_type_is_moved_bit_for_bit),
		cmocka_unit_test(wrong_settings_are_refused_with_a_reason),
		cmocka_unit_test(the_defaults_are_valid),
	};
	return cmocka_run_group_tests(tests, fill, NULL);
}
