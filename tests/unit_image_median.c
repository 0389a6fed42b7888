/* unit_image_median.c – medians of squares and discs against scipy.ndimage, against sorting every window, and at the limits. */
#include <omp.h>

#include "support_image.h"

#include "base/dtype.h"
#include "base/error.h"
#include "golden/imageops.h"
#include "image/filter.h"
#include "image/median.h"

enum { N = FIELD_H * FIELD_W };
static const struct { size_t radius; bool disc; } windows[] = { { 2, false }, { 9, false }, { 3, true }, { 10, true } };

static void medians_are_scipys_for_every_type(void **state)
{
	(void)state;
	uint16_t field[N], u16[N];
	uint8_t small[N], u8[N];
	float floats[N], f32[N];
	int16_t lowered[N], i16[N];
	double wide[N], f64[N];
	for (size_t k = 0; k < 4; k++) {
		field_make(field, FIELD_H, FIELD_W, 21, 1);
		field_bytes(small, field, N);
		assert_int_equal(c5_median_filter(u8, C5_U8, small, FIELD_H, FIELD_W, windows[k].radius, windows[k].disc), C5_OK);
		assert_int_equal(checksum(u8, sizeof u8), median_u8[k]);
		field_make(field, FIELD_H, FIELD_W, 22, 1);
		assert_int_equal(c5_median_filter(u16, C5_U16, field, FIELD_H, FIELD_W, windows[k].radius, windows[k].disc), C5_OK);
		assert_int_equal(checksum(u16, sizeof u16), median_u16[k]);
		/* types that are u16 in other words have the same medians */
		for (size_t i = 0; i < N; i++) lowered[i] = (int16_t)((int)field[i] - 32768), wide[i] = -1e9 * field[i];
		assert_int_equal(c5_median_filter(i16, C5_I16, lowered, FIELD_H, FIELD_W, windows[k].radius, windows[k].disc), C5_OK);
		assert_int_equal(c5_median_filter(f64, C5_F64, wide, FIELD_H, FIELD_W, windows[k].radius, windows[k].disc), C5_OK);
		for (size_t i = 0; i < N; i++) {
			assert_int_equal(i16[i] + 32768, u16[i]);
			assert_true(fabs(f64[i] + 1e9 * u16[i]) < 0.5);
		}
		field_make(field, FIELD_H, FIELD_W, 23, 1);
		field_floats(floats, field, N);
		assert_int_equal(c5_median_filter(f32, C5_F32, floats, FIELD_H, FIELD_W, windows[k].radius, windows[k].disc), C5_OK);
		assert_int_equal(checksum(f32, sizeof f32), median_f32[k]);
	}
}

static int rising(const void *a, const void *b)
{
	const float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

/* The lower middle of what is a number in the window. */
static float median_slowly(const float *in, ptrdiff_t h, ptrdiff_t w, ptrdiff_t y, ptrdiff_t x, ptrdiff_t r, bool disc)
{
	static float in_window[4000];
	size_t n = 0;
	for (ptrdiff_t dy = -r; dy <= r; dy++)
		for (ptrdiff_t dx = -r; dx <= r; dx++) {
			const float v = in[c5_filter_reflect(y + dy, (size_t)h) * (size_t)w + c5_filter_reflect(x + dx, (size_t)w)];
			if ((!disc || dy * dy + dx * dx <= r * r) && !isnan(v)) in_window[n++] = v;
		}
	qsort(in_window, n, sizeof *in_window, rising);
	return n ? in_window[(n - 1) / 2] : NAN;
}

static void medians_agree_with_sorting_windows_with_gaps_and_of_any_size(void **state)
{
	(void)state;
	const struct { size_t h, w, r; } sizes[] = { { 1, 1, 1 }, { 1, 9, 3 }, { 9, 1, 2 }, { 2, 3, 9 }, { 13, 11, 4 }, { 70, 67, 1 }, { 5, 130, 2 } };
	uint32_t seed = 31;
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
		for (int disc = 0; disc < 2; disc++) {
			const size_t n = sizes[s].h * sizes[s].w;
			float *in = room(n * sizeof *in), *got = room(n * sizeof *got);
			for (size_t i = 0; i < n; i++) {
				in[i] = (float)(noise_next(&seed) % 50) - 25;
				if (noise_next(&seed) % 4 == 0) in[i] = seed % 3 ? NAN : seed % 2 ? INFINITY : -INFINITY;
			}
			assert_int_equal(c5_median_filter(got, C5_F32, in, sizes[s].h, sizes[s].w, sizes[s].r, disc), C5_OK);
			for (size_t i = 0; i < n; i++) {
				const float want = median_slowly(in, (ptrdiff_t)sizes[s].h, (ptrdiff_t)sizes[s].w, (ptrdiff_t)(i / sizes[s].w),
					(ptrdiff_t)(i % sizes[s].w), (ptrdiff_t)sizes[s].r, disc);
				assert_true(isnan(want) ? isnan(got[i]) : got[i] <= want && got[i] >= want);
			}
			free(in);
			free(got);
		}
}

static void one_value_stays_and_nothing_is_read_of_an_empty_frame(void **state)
{
	(void)state;
	uint16_t same[300], got[300];
	for (int i = 0; i < 300; i++) same[i] = 777, got[i] = 0;
	assert_int_equal(c5_median_filter(got, C5_U16, same, 20, 15, 6, true), C5_OK);
	assert_memory_equal(got, same, sizeof got);
	assert_int_equal(c5_median_filter(NULL, C5_U16, NULL, 0, 15, 6, true), C5_OK);
	got[0] = 5;
	assert_int_equal(c5_median_filter(got, C5_U16, same, 1, 1, 0, false), C5_OK);
	assert_int_equal(got[0], 777);
	assert_int_equal(c5_median_filter(got, 99, same, 1, 1, 1, false), C5_EFAIL);
	assert_int_equal(c5_median_filter(got, C5_U16, same, 1, 1, C5_MEDIAN_RADIUS_MAX + 1, false), C5_EFAIL);
}

static void the_number_of_threads_changes_nothing(void **state)
{
	(void)state;
	enum { H = 150, W = 210 };
	uint16_t *field = room(H * W * sizeof *field), *got = room(H * W * sizeof *got);
	uint64_t first = 0;
	const int before = omp_get_max_threads();
	field_make(field, H, W, 5, 1);
	for (int threads = 1; threads <= 3; threads++) {
		omp_set_num_threads(threads);
		assert_int_equal(c5_median_filter(got, C5_U16, field, H, W, 4, true), C5_OK);
		if (threads == 1) first = checksum(got, H * W * sizeof *got);
		assert_int_equal(checksum(got, H * W * sizeof *got), first);
	}
	omp_set_num_threads(before);
	free(field);
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(medians_are_scipys_for_every_type),
		cmocka_unit_test(medians_agree_with_sorting_windows_with_gaps_and_of_any_size),
		cmocka_unit_test(one_value_stays_and_nothing_is_read_of_an_empty_frame),
		cmocka_unit_test(the_number_of_threads_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
