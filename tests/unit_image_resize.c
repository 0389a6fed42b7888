/* unit_image_resize.c – images at other sizes: against scikit-image, and what must hold for any size. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "golden/resize.h"
#include "image/resize.h"

static void resize(float *out, size_t to_h, size_t to_w, const float *in, size_t h, size_t w)
{
	const size_t bytes = c5_image_resize_bytes(to_h, to_w, h, w);
	uint8_t *scratch = aligned_alloc(64, (bytes + 127) / 64 * 64);
	memset(scratch, 0xa5, bytes + 1);
	c5_image_resize(out, to_h, to_w, in, h, w, scratch);
	assert_int_equal(scratch[bytes], 0xa5);
	free(scratch);
}

static void larger_and_smaller_images_are_those_of_skimage(void **state)
{
	(void)state;
	float out[440];
	for (size_t i = 0; i < sizeof resized / sizeof *resized; i++) {
		resize(out, resized[i].height, resized[i].width, resized[0].pixels, RESIZE_H, RESIZE_W);
		for (size_t k = 0; k < resized[i].height * resized[i].width; k++)
			if (!(fabsf(out[k] - resized[i].pixels[k]) < 2e-3f))
				fail_msg("%zu x %zu: pixel %zu is %g, expected %g", resized[i].height, resized[i].width, k, (double)out[k], (double)resized[i].pixels[k]);
	}
}

static void an_even_image_stays_even_and_a_mirrored_one_is_mirrored(void **state)
{
	(void)state;
	enum { H = 11, W = 37 };
	float in[H * W], back[H * W], a[64 * 64], b[64 * 64];
	for (size_t h = 1; h <= 64; h += 7)
		for (size_t w = 1; w <= 64; w += 9) {
			for (size_t i = 0; i < H * W; i++) in[i] = 7;
			resize(a, h, w, in, H, W);
			for (size_t i = 0; i < h * w; i++) assert_true(fabsf(a[i] - 7) < 1e-5f);
			for (size_t i = 0; i < H * W; i++) in[i] = (float)(i * i % 97), back[H * W - 1 - i] = in[i];
			resize(a, h, w, in, H, W);
			resize(b, h, w, back, H, W);
			for (size_t i = 0; i < h * w; i++) assert_true(fabsf(a[i] - b[h * w - 1 - i]) < 1e-4f);
		}
}

static void one_pixel_fills_any_size(void **state)
{
	(void)state;
	float in = 3, out[35];
	resize(out, 5, 7, &in, 1, 1);
	for (size_t i = 0; i < 35; i++) assert_true(fabsf(out[i] - 3) < 1e-6f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(larger_and_smaller_images_are_those_of_skimage),
		cmocka_unit_test(an_even_image_stays_even_and_a_mirrored_one_is_mirrored),
		cmocka_unit_test(one_pixel_fills_any_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
