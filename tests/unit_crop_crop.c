/* unit_crop_crop.c – crops inside, at and beyond the frame's edge, pixel for pixel; bounding boxes with context, resized. */
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
#include "image/resize.h"

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

#define WORD(text) ((char *)(uintptr_t)(text))

static c5_crop_params settings(const char *window, const char *edge, int64_t size)
{
	return (c5_crop_params){ .window = WORD(window), .aspect = WORD("keep"), .edge = WORD(edge), .size = size, .z = -1 };
}

static void expect(const char *edge, bool masked, uint32_t label, double cy, double cx, int64_t size, const uint16_t *want)
{
	c5_crop_params p = settings("fixed", edge, size);
	c5_crop_window window;
	uint16_t out[82];
	p.masked = masked;
	memset(out, 0xee, sizeof out);
	assert_int_equal(c5_crop_place(&window, &p, cy, cx, (const uint32_t[4]){ 0, 0, 1, 1 }), C5_OK);
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, masked ? labels : NULL, H, W, &window, label, C5_U16, out), C5_OK);
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
	const c5_crop_params p = settings("fixed", "reflect", 2);
	for (int t = C5_U8; t <= C5_F64; t++) {
		size_t b = c5_dtype_size(t);
		for (size_t i = 0; i < sizeof in; i++) ((uint8_t *)in)[i] = (uint8_t)(i * 37 + 5);
		assert_int_equal(c5_crop_cut(&p, t, in, NULL, 3, 3, &(c5_crop_window){ 0, 0, 2, 2 }, 0, t, out), C5_OK);
		for (size_t y = 0; y < 2; y++) assert_memory_equal((char *)out + 2 * y * b, (char *)in + 3 * y * b, 2 * b);
	}
}

static void a_box_gets_its_context_and_the_shape_of_the_crop(void **state)
{
	(void)state;
	const struct { double context, share; int64_t height, width; const char *aspect; uint32_t box[4]; c5_crop_window want; } cases[] = {
		{ 0, 0, 8, 8, "stretch", { 10, 20, 14, 30 }, { 10, 20, 14, 30 } },
		{ 3, 0, 8, 8, "stretch", { 10, 20, 14, 30 }, { 7, 17, 17, 33 } },
		{ 0, 0.25, 8, 8, "stretch", { 10, 20, 14, 30 }, { 7, 17, 17, 33 } }, /* 2.5 px are 3 */
		{ 1, 0.1, 8, 8, "stretch", { 0, 0, 10, 4 }, { -2, -2, 12, 6 } },
		{ 0, 0, 8, 8, "keep", { 10, 20, 14, 30 }, { 7, 20, 17, 30 } },       /* 4 x 10 in a square */
		{ 0, 0, 8, 16, "keep", { 10, 20, 14, 30 }, { 10, 20, 15, 30 } },     /* 5 x 10 has the shape */
		{ 0, 0, 16, 8, "keep", { 10, 20, 14, 30 }, { 2, 20, 22, 30 } },
		{ 0, 0, 7, 9, "keep", { 5, 5, 6, 6 }, { 5, 5, 6, 7 } },              /* 9 / 7 of a pixel is 2 */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		c5_crop_params p = settings("box", "zero", 64);
		c5_crop_window w;
		p.context = cases[i].context, p.context_share = cases[i].share, p.height = cases[i].height, p.width = cases[i].width,
			p.aspect = WORD(cases[i].aspect);
		assert_int_equal(c5_crop_place(&w, &p, 0, 0, cases[i].box), C5_OK);
		if (memcmp(&w, &cases[i].want, sizeof w)) fail_msg("case %zu: (%d, %d) to (%d, %d)", i, w.y0, w.x0, w.y1, w.x1);
	}
}

/* What a box crop should hold: the window as floats, resized. */
static void resized(const c5_crop_window *v, bool masked, uint32_t label, size_t h, size_t w, float *out)
{
	float window[400];
	const size_t vh = (size_t)(v->y1 - v->y0), vw = (size_t)(v->x1 - v->x0);
	for (size_t y = 0; y < vh; y++)
		for (size_t x = 0; x < vw; x++) {
			const int at_y = v->y0 + (int)y, at_x = v->x0 + (int)x;
			const bool in = at_y >= 0 && at_y < H && at_x >= 0 && at_x < W;
			window[y * vw + x] = in && (!masked || labels[at_y * W + at_x] == label) ? (float)frame[at_y * W + at_x] : 0;
		}
	void *scratch = malloc(c5_image_resize_bytes(h, w, vh, vw));
	c5_image_resize(out, h, w, window, vh, vw, scratch);
	free(scratch);
}

static void a_box_is_cut_masked_and_then_resized(void **state)
{
	(void)state;
	for (int masked = 0; masked < 2; masked++)
		for (int64_t size = 1; size <= 12; size++) {
			c5_crop_params p = settings("box", "zero", size);
			c5_crop_window v;
			uint16_t out[144];
			float real[144], want[144];
			p.masked = masked, p.context = 2;
			assert_int_equal(c5_crop_place(&v, &p, 0, 0, (const uint32_t[4]){ 1, 3, H, W }), C5_OK);
			assert_int_equal(c5_crop_cut(&p, C5_U16, frame, labels, H, W, &v, 2, C5_U16, out), C5_OK);
			assert_int_equal(c5_crop_cut(&p, C5_U16, frame, labels, H, W, &v, 2, C5_F32, real), C5_OK);
			resized(&v, masked, 2, (size_t)size, (size_t)size, want);
			for (int64_t i = 0; i < size * size; i++) {
				assert_true(real[i] == want[i]);
				assert_true(fabsf((float)out[i] - want[i]) <= 0.5f);
			}
		}
}

static void values_stay_in_the_range_of_their_type(void **state)
{
	(void)state;
	uint8_t in[36], out[9];
	float real[36], small[9];
	c5_crop_params p = settings("box", "nearest", 3);
	for (int i = 0; i < 36; i++) in[i] = i & 1 ? 255 : 0, real[i] = i == 14 ? (float)NAN : i == 15 ? (float)INFINITY : (float)(i & 7);
	assert_int_equal(c5_crop_cut(&p, C5_U8, in, NULL, 6, 6, &(c5_crop_window){ -3, -3, 9, 9 }, 0, C5_U8, out), C5_OK);
	for (int i = 0; i < 9; i++) assert_in_range(out[i], 1, 254);
	assert_int_equal(c5_crop_cut(&p, C5_F32, real, NULL, 6, 6, &(c5_crop_window){ 0, 0, 6, 6 }, 0, C5_F32, small), C5_OK);
	for (int i = 0; i < 9; i++) assert_true(small[i] >= 0 && small[i] <= 7);
}

static void wrong_settings_are_refused_with_a_reason(void **state)
{
	(void)state;
	uint16_t out[4];
	const c5_crop_window good = { 0, 0, 2, 2 };
	const uint32_t box[4] = { 0, 0, 2, 2 };
	c5_crop_window v;
	c5_crop_params p = settings("fixed", "mirror", 2);
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, NULL, H, W, &good, 0, C5_U16, out), C5_EUSAGE);
	assert_non_null(strstr(c5_error_last(), "mirror"));
	p.edge = WORD("zero");
	assert_int_equal(c5_crop_cut(&p, 0, frame, NULL, H, W, &good, 0, 0, out), C5_EFAIL);
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, NULL, H, W, &good, 0, C5_U8, out), C5_EFAIL);
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, NULL, 0, W, &good, 0, C5_U16, out), C5_EINPUT);
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, NULL, H, W, &(c5_crop_window){ 3, 0, 3, 2 }, 0, C5_U16, out), C5_EINPUT);
	assert_int_equal(c5_crop_place(&v, &p, (double)NAN, 1, box), C5_EINPUT);
	assert_int_equal(c5_crop_place(&v, &p, 1, 1e300, box), C5_EINPUT);
	p.window = WORD("box");
	assert_int_equal(c5_crop_place(&v, &p, 1, 1, (const uint32_t[4]){ 5, 5, 5, 6 }), C5_EINPUT);
	assert_int_equal(c5_crop_place(&v, &p, 1, 1, (const uint32_t[4]){ 0, 0, 70000, 6 }), C5_EINPUT);
	p.context = -1;
	assert_int_equal(c5_crop_place(&v, &p, 1, 1, box), C5_EUSAGE);
	p.window = WORD("round");
	assert_int_equal(c5_crop_place(&v, &p, 1, 1, box), C5_EUSAGE);
	p.masked = true;
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, NULL, H, W, &good, 0, C5_U16, out), C5_EFAIL);
	p.size = 0;
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, labels, H, W, &good, 0, C5_U16, out), C5_EUSAGE);
}

static void the_defaults_are_valid(void **state)
{
	(void)state;
	c5_crop_params p = { 0 };
	c5_crop_window window;
	assert_int_equal(c5_opt_defaults(c5_crop_opts, &p), C5_OK);
	assert_true(p.size == 64 && !p.masked && !strcmp(p.edge, "reflect"));
	assert_int_equal(c5_crop_place(&window, &p, 2, 3, (const uint32_t[4]){ 0, 0, 1, 1 }), C5_OK);
	uint16_t *out = malloc(64 * 64 * sizeof *out);
	assert_int_equal(c5_crop_cut(&p, C5_U16, frame, NULL, H, W, &window, 0, C5_U16, out), C5_OK);
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
		cmocka_unit_test(a_box_gets_its_context_and_the_shape_of_the_crop),
		cmocka_unit_test(a_box_is_cut_masked_and_then_resized),
		cmocka_unit_test(values_stay_in_the_range_of_their_type),
		cmocka_unit_test(wrong_settings_are_refused_with_a_reason),
		cmocka_unit_test(the_defaults_are_valid),
	};
	return cmocka_run_group_tests(tests, fill, NULL);
}
