/* unit_image_register.c – Fourier transforms against their definition, shifts, moved and resized pictures against scikit-image and scipy.ndimage. */
#include <omp.h>

#include "support_image.h"

#include "base/error.h"
#include "golden/imageops.h"
#include "image/fft.h"
#include "image/register.h"
#include "image/resize.h"

enum { N = FIELD_H * FIELD_W };

static void made(float *map)
{
	uint16_t field[N];
	field_make(field, FIELD_H, FIELD_W, 23, 1);
	field_floats(map, field, N);
}

/* ---- transforms ---- */

static void a_transform_is_the_sum_of_waves_and_goes_back(void **state)
{
	(void)state;
	const size_t sizes[][2] = { { 1, 1 }, { 1, 7 }, { 6, 1 }, { 2, 2 }, { 5, 8 }, { 12, 9 }, { 17, 11 } };
	uint32_t seed = 9;
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		const size_t h = sizes[s][0], w = sizes[s][1], half = w / 2 + 1;
		float *map = room(h * w * sizeof *map), *back = room(h * w * sizeof *back);
		c5_fft_value *got = room(half * h * sizeof *got);
		for (size_t i = 0; i < h * w; i++) map[i] = (float)noise_next(&seed) / 65536 - 0.5f;
		assert_int_equal(c5_fft_forward(got, map, h, w), C5_OK);
		for (size_t k = 0; k < half; k++)
			for (size_t q = 0; q < h; q++) {
				double re = 0, im = 0;
				for (size_t y = 0; y < h; y++)
					for (size_t x = 0; x < w; x++) {
						const double turn = 2 * M_PI * ((double)(q * y) / (double)h + (double)(k * x) / (double)w);
						re += (double)map[y * w + x] * cos(turn), im -= (double)map[y * w + x] * sin(turn);
					}
				assert_true(fabs((double)got[k * h + q].re - re) < 1e-4 && fabs((double)got[k * h + q].im - im) < 1e-4);
			}
		assert_int_equal(c5_fft_inverse(back, got, h, w), C5_OK);
		near_table(back, map, h * w, 1, 1e-6);
		free(map);
		free(back);
		free(got);
	}
	assert_int_equal(c5_fft_fast_size(1039), 1024);
	assert_int_equal(c5_fft_fast_size(1080), 1080);
	assert_int_equal(c5_fft_fast_size(7), 6);
	assert_int_equal(c5_fft_fast_size(1), 1);
	assert_int_equal(c5_fft_fast_size(0), 0);
}

/* ---- shifts ---- */

/* Straight lines between pixels of a picture that goes on at its other side. */
static void move_in_a_circle(float *out, const float *in, ptrdiff_t h, ptrdiff_t w, double dy, double dx)
{
	for (ptrdiff_t y = 0; y < h; y++)
		for (ptrdiff_t x = 0; x < w; x++) {
			const double v = (double)y - dy, u = (double)x - dx, fv = floor(v), fu = floor(u);
			const ptrdiff_t y0 = ((ptrdiff_t)fv % h + h) % h, x0 = ((ptrdiff_t)fu % w + w) % w, y1 = (y0 + 1) % h, x1 = (x0 + 1) % w;
			const double a = (double)in[y0 * w + x0] * (1 - (u - fu)) + (double)in[y0 * w + x1] * (u - fu);
			const double b = (double)in[y1 * w + x0] * (1 - (u - fu)) + (double)in[y1 * w + x1] * (u - fu);
			out[y * w + x] = (float)(a * (1 - (v - fv)) + b * (v - fv));
		}
}

static const struct { int upsample; double y, x; size_t h, w; } cases[] = { { 1, 3, -9, 48, 64 }, { 10, 2.3, -5.6, 48, 64 },
	{ 20, -6.4, 11.85, 47, 63 }, { 100, 0.37, 0.12, 45, 64 }, { 7, 0, 4, 1, 64 } };

static void shifts_are_skimages(void **state)
{
	(void)state;
	float map[N], crop[N], moving[N];
	uint16_t some[N], other[N];
	made(map);
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		const size_t h = cases[c].h, w = cases[c].w;
		const c5_register_rules rules = { cases[c].upsample, 0, false };
		c5_shift got;
		for (size_t i = 0; i < h * w; i++) crop[i] = map[i / w * FIELD_W + i % w];
		move_in_a_circle(moving, crop, (ptrdiff_t)h, (ptrdiff_t)w, cases[c].y, cases[c].x);
		for (int half = 0; half < 2; half++) {
			assert_int_equal(c5_register_shift(&got, crop, moving, h, w, &rules), C5_OK);
			const double *want = shifts + 4 * c + 2 * half;
			if (fabs(got.y - want[0]) > 1e-9 || fabs(got.x - want[1]) > 1e-9)
				fail_msg("case %zu, part %d: %g, %g, expected %g, %g", c, half, got.y, got.x, want[0], want[1]);
			if (!half && cases[c].upsample == 1) assert_true(got.peak > 0.999 && got.peak <= 1);
			if (half) assert_true(got.peak > 0 && got.peak < 0.9);
			field_make(some, h, w, 24, 1);
			field_make(other, h, w, 25, 1);
			for (size_t i = 0; i < h * w; i++)
				if (some[i] <= 32768) moving[i] = (float)other[i] / 256;
		}
	}
}

/* A piece of a larger field, so that what enters on one side did not leave on the other; noise of its own in each picture, a gap in one. */
static void a_window_and_a_blur_find_the_shift_of_noisy_pieces(void **state)
{
	(void)state;
	enum { H = 150, W = 170, BIG = 200, DY = 7, DX = -11 };
	const c5_register_rules rules = { 20, 2, true };
	uint16_t *field = room(BIG * BIG * sizeof *field);
	float *a = room(H * W * sizeof *a), *b = room(H * W * sizeof *b);
	uint32_t seed = 8;
	c5_shift first = { 0 }, got;
	const int before = omp_get_max_threads();
	field_make(field, BIG, BIG, 40, 3);
	for (int threads = 1; threads <= 3; threads += 2) {
		omp_set_num_threads(threads);
		seed = 8;
		for (size_t y = 0; y < H; y++)
			for (size_t x = 0; x < W; x++) {
				a[y * W + x] = (float)field[(y + 20) * BIG + x + 15] + (float)noise_next(&seed) / 4;
				b[y * W + x] = (float)field[(y + 20 - DY) * BIG + x + 15 - DX] + (float)noise_next(&seed) / 4;
			}
		a[40 * W + 31] = NAN, b[9] = INFINITY;
		assert_int_equal(c5_register_shift(&got, a, b, H, W, &rules), C5_OK);
		if (!(fabs(got.y + DY) < 0.2 && fabs(got.x + DX) < 0.2)) fail_msg("%g, %g, peak %g", got.y, got.x, got.peak);
		if (threads == 1) first = got;
		assert_memory_equal(&got, &first, sizeof got);
	}
	omp_set_num_threads(before);
	/* in two steps, of the same pictures: 150 x 162 of them */
	c5_spectrum *s = NULL, *t = NULL;
	assert_int_equal(c5_register_open(&s, a, H, W, &rules), C5_OK);
	assert_int_equal(c5_register_open(&t, b, H, W, &rules), C5_OK);
	assert_int_equal(c5_register_between(&got, s, t, &rules), C5_OK);
	assert_true(fabs(got.y + DY) < 0.2 && fabs(got.x + DX) < 0.2);
	assert_false(c5_register_empty(s));
	c5_register_close(t);
	assert_int_equal(c5_register_open(&t, b, H - 20, W, &rules), C5_OK);
	assert_int_equal(c5_register_between(&got, s, t, &rules), C5_EINPUT);
	c5_register_close(s);
	c5_register_close(t);
	free(field);
	free(a);
	free(b);
}

static void nothing_to_go_by_is_no_shift(void **state)
{
	(void)state;
	const c5_register_rules rules = { 10, 1, true };
	float map[N], same[N];
	c5_shift got;
	c5_spectrum *s = NULL;
	made(map);
	for (size_t i = 0; i < N; i++) same[i] = i % 3 ? 6 : NAN;
	assert_int_equal(c5_register_shift(&got, map, same, FIELD_H, FIELD_W, &rules), C5_OK);
	assert_true(got.y == 0 && got.x == 0 && got.peak == 0);
	assert_int_equal(c5_register_shift(&got, map, map + 1, 1, 1, &rules), C5_OK);
	assert_true(got.y == 0 && got.x == 0 && got.peak == 0);
	assert_int_equal(c5_register_shift(&got, NULL, NULL, 0, 0, &rules), C5_OK);
	assert_int_equal(c5_register_shift(&got, map, map, 9, 9, &(c5_register_rules){ 0, 0, false }), C5_EUSAGE);
	assert_int_equal(c5_register_open(&s, map, 0, 5, &rules), C5_EINPUT);
	assert_null(s);
	assert_int_equal(c5_register_open(&s, same, FIELD_H, FIELD_W, &rules), C5_OK);
	assert_true(c5_register_empty(s));
	c5_register_close(s);
	c5_register_close(NULL);
}

static void moved_pictures_are_scipys(void **state)
{
	(void)state;
	float map[N], got[N];
	made(map);
	c5_register_move(got, map, FIELD_H, FIELD_W, 2.25, -7.6);
	near_table(got, moved, sizeof moved / sizeof *moved, 31, 1e-4);
	c5_register_move(got, map, FIELD_H, FIELD_W, 0, 0);
	assert_memory_equal(got, map, sizeof got);
	const float row[4] = { 1, NAN, 3, 5 };
	c5_register_move(got, row, 1, 4, 100, 1);
	assert_true(got[0] >= 1 && got[0] <= 1 && isnan(got[2]) && got[3] >= 3 && got[3] <= 3);
	const uint32_t labels[6] = { 1, 2, 3, 4, 5, 6 }, want[6] = { 0, 0, 0, 0, 1, 2 };
	uint32_t there[6];
	c5_register_move_labels(there, labels, 2, 3, 0.8, 1.4);
	assert_memory_equal(there, want, sizeof want);
}

/* ---- sizes ---- */

static void resize(float *out, size_t oh, size_t ow, const float *in, size_t h, size_t w)
{
	void *scratch = room(c5_image_resize_bytes(oh, ow, h, w));
	c5_image_resize(out, oh, ow, in, h, w, scratch);
	free(scratch);
}

static void resized_pictures_are_skimages(void **state)
{
	(void)state;
	const struct { size_t h, w; const float *want; size_t n; } sizes[] = { { 17, 29, resized_smaller, sizeof resized_smaller / 4 },
		{ 70, 130, resized_larger, sizeof resized_larger / 4 }, { 48, 5, resized_mixed, sizeof resized_mixed / 4 }, { 1, 1, resized_tiny, 1 } };
	float map[N], *got = room(70 * 130 * sizeof *got);
	made(map);
	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		const size_t n = sizes[k].h * sizes[k].w;
		resize(got, sizes[k].h, sizes[k].w, map, FIELD_H, FIELD_W);
		near_table(got, sizes[k].want, sizes[k].n, n / 60 > 1 ? n / 60 : 1, 2e-4);
	}
	free(got);
}

static void resized_labels_are_skimages(void **state)
{
	(void)state;
	uint16_t field[N];
	uint32_t labels[N], *got = room(70 * 130 * sizeof *got);
	field_make(field, FIELD_H, FIELD_W, 22, 1);
	for (size_t i = 0; i < N; i++) labels[i] = field[i];
	c5_image_resize_labels(got, 17, 29, labels, FIELD_H, FIELD_W);
	assert_int_equal(checksum(got, 17 * 29 * sizeof *got), resized_labels[0]);
	c5_image_resize_labels(got, 70, 130, labels, FIELD_H, FIELD_W);
	assert_int_equal(checksum(got, 70 * 130 * sizeof *got), resized_labels[1]);
	free(got);
}

static void sizes_stand_any_frame(void **state)
{
	(void)state;
	const float one = 7, row[6] = { 2, 2, NAN, 2, 2, 2 };
	float got[60];
	resize(got, 6, 10, &one, 1, 1);
	for (int i = 0; i < 60; i++) assert_true(fabs((double)got[i] - 7) < 1e-6);
	resize(got, 1, 18, row, 1, 6); /* pixels 6 to 8 are in the gap, and one more on both sides is made of it */
	for (int i = 0; i < 18; i++) assert_true(i >= 5 && i <= 9 ? isnan(got[i]) : fabs((double)got[i] - 2) < 1e-6);
	c5_image_resize_labels(NULL, 0, 1, NULL, 2, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transform_is_the_sum_of_waves_and_goes_back),
		cmocka_unit_test(shifts_are_skimages),
		cmocka_unit_test(a_window_and_a_blur_find_the_shift_of_noisy_pieces),
		cmocka_unit_test(nothing_to_go_by_is_no_shift),
		cmocka_unit_test(moved_pictures_are_scipys),
		cmocka_unit_test(resized_pictures_are_skimages),
		cmocka_unit_test(resized_labels_are_skimages),
		cmocka_unit_test(sizes_stand_any_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
