/* unit_stain_tiles.c – tiles cover an image once, and what a filter of the margin's reach makes of them is what it makes of the whole. */
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
#include "stain/tiles.h"

/* height, width, side, margin, align */
static const size_t cases[][5] = { { 64, 64, 64, 8, 16 }, { 100, 130, 48, 5, 8 }, { 37, 53, 16, 4, 4 }, { 200, 31, 64, 9, 16 }, { 5, 7, 32, 3, 8 },
	{ 90, 90, 1, 7, 1 } };
#define CASES (sizeof cases / sizeof *cases)

/* Mean of the (2 reach + 1)^2 window, with zeros beyond the edges: a convolution as networks have it. */
static void box(float *out, const float *in, size_t h, size_t w, size_t reach)
{
	ptrdiff_t r = (ptrdiff_t)reach;
	for (ptrdiff_t y = 0; y < (ptrdiff_t)h; y++)
		for (ptrdiff_t x = 0; x < (ptrdiff_t)w; x++) {
			double sum = 0;
			for (ptrdiff_t a = -r; a <= r; a++)
				for (ptrdiff_t b = -r; b <= r; b++)
					if (y + a >= 0 && y + a < (ptrdiff_t)h && x + b >= 0 && x + b < (ptrdiff_t)w) sum += (double)in[(size_t)(y + a) * w + (size_t)(x + b)];
			out[(size_t)y * w + (size_t)x] = (float)(sum / (double)((2 * reach + 1) * (2 * reach + 1)));
		}
}

static void tiles_give_what_the_whole_gives(void **state)
{
	(void)state;
	for (size_t k = 0; k < CASES; k++) {
		size_t h = cases[k][0], w = cases[k][1], margin = cases[k][3];
		c5_tiling t, whole;
		assert_int_equal(c5_tiles_plan(&t, h, w, cases[k][2], margin, cases[k][4]), C5_OK);
		assert_int_equal(c5_tiles_plan(&whole, h, w, h + w, margin, cases[k][4]), C5_OK);
		assert_int_equal(c5_tiles_count(&whole), 1);
		size_t n = t.size[0] * t.size[1], m = whole.size[0] * whole.size[1];
		float *image = malloc(h * w * sizeof *image), *map = malloc(h * w * sizeof *map), *want = malloc(h * w * sizeof *want);
		float *in = malloc(m * sizeof *in), *out = malloc(m * sizeof *out);
		c5_random r;
		c5_random_start(&r, 5, k);
		for (size_t i = 0; i < h * w; i++) image[i] = (float)c5_random_uniform(&r), map[i] = NAN, want[i] = NAN;
		c5_tiles_cut(&whole, 0, image, in);
		box(out, in, whole.size[0], whole.size[1], margin);
		c5_tiles_paste(&whole, 0, out, want);
		assert_true(n <= m);
		for (size_t i = 0; i < c5_tiles_count(&t); i++) {
			c5_tiles_cut(&t, i, image, in);
			box(out, in, t.size[0], t.size[1], margin);
			c5_tiles_paste(&t, i, out, map);
		}
		for (size_t i = 0; i < h * w; i++) assert_true(map[i] == want[i]);
		free(out);
		free(in);
		free(want);
		free(map);
		free(image);
	}
}

static void sizes_keep_to_the_grid(void **state)
{
	(void)state;
	for (size_t k = 0; k < CASES; k++) {
		c5_tiling t;
		assert_int_equal(c5_tiles_plan(&t, cases[k][0], cases[k][1], cases[k][2], cases[k][3], cases[k][4]), C5_OK);
		for (int a = 0; a < 2; a++) {
			assert_int_equal(t.size[a] % cases[k][4], 0);
			assert_int_equal(t.step[a] % cases[k][4], 0);
			assert_true(t.count[a] == 1 || t.step[a] + 2 * cases[k][3] <= t.size[a]);
		}
	}
	c5_tiling t;
	assert_int_equal(c5_tiles_plan(&t, 4, 4, 4, 0, 0), C5_EUSAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(tiles_give_what_the_whole_gives), cmocka_unit_test(sizes_keep_to_the_grid) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
