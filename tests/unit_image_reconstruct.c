/* unit_image_reconstruct.c – grey reconstruction and tops against scikit-image, against growing pixel by pixel, and at the limits. */
#include "support_image.h"

#include "base/dtype.h"
#include "base/error.h"
#include "golden/imageops.h"
#include "image/reconstruct.h"

enum { N = FIELD_H * FIELD_W };

static void made(float *map)
{
	uint16_t field[N];
	field_make(field, FIELD_H, FIELD_W, 23, 1);
	field_floats(map, field, N);
}

static void reconstruction_is_skimages(void **state)
{
	(void)state;
	float map[N], got[N];
	made(map);
	for (int k = 0; k < 3; k++) {
		for (size_t i = 0; i < N; i++) got[i] = k < 2 ? map[i] > 200 ? map[i] : 0 : map[i] < 60 ? map[i] : 256;
		assert_int_equal(c5_reconstruct_map(got, map, FIELD_H, FIELD_W, k == 1 ? 4 : 8, k == 2), C5_OK);
		assert_int_equal(checksum(got, sizeof got), reconstructed[k]);
	}
}

static void reconstruction_agrees_with_growing_until_nothing_changes(void **state)
{
	(void)state;
	enum { H = 9, W = 14 };
	uint32_t seed = 3;
	for (int round = 0; round < 200; round++) {
		float map[H * W], got[H * W], want[H * W];
		const int connectivity = round % 2 ? 4 : 8;
		for (int i = 0; i < H * W; i++) {
			map[i] = (float)(noise_next(&seed) % 30);
			got[i] = noise_next(&seed) % 12 ? -5 : map[i] + (float)(noise_next(&seed) % 5) - 3; /* some above the map */
			if (noise_next(&seed) % 9 == 0) map[i] = NAN;
			want[i] = got[i] > map[i] ? map[i] : got[i];
		}
		for (bool again = true; again;) {
			again = false;
			for (int i = 0; i < H * W; i++)
				for (int dy = -1; dy <= 1; dy++)
					for (int dx = -1; dx <= 1; dx++) {
						const int y = i / W + dy, x = i % W + dx;
						if (y < 0 || x < 0 || y >= H || x >= W || (connectivity == 4 && dy && dx) || isnan(map[i]) || isnan(map[y * W + x])) continue;
						const float v = want[y * W + x] < map[i] ? want[y * W + x] : map[i];
						if (v > want[i]) want[i] = v, again = true;
					}
		}
		assert_int_equal(c5_reconstruct_map(got, map, H, W, connectivity, false), C5_OK);
		for (int i = 0; i < H * W; i++) assert_true(isnan(map[i]) ? isnan(got[i]) : got[i] >= want[i] && got[i] <= want[i]);
	}
}

static void tops_and_bottoms_are_skimages(void **state)
{
	(void)state;
	uint16_t field[N];
	uint8_t small[N], got[N];
	float map[N];
	field_make(field, FIELD_H, FIELD_W, 21, 1);
	field_bytes(small, field, N);
	field_make(field, FIELD_H, FIELD_W, 22, 1);
	made(map);
	const struct { int dtype; const void *pixels; double depth; bool minima; } cases[] = { { C5_U16, field, 9000, false }, { C5_U8, small, 40, false },
		{ C5_F32, map, 33.3, false }, { C5_F32, map, 33.3, true }, { C5_U8, small, 40, true } };
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		uint32_t marked = 0;
		assert_int_equal(c5_reconstruct_tops(got, cases[k].dtype, cases[k].pixels, FIELD_H, FIELD_W, cases[k].depth, cases[k].minima), C5_OK);
		for (size_t i = 0; i < N; i++) marked += got[i];
		if (marked != tops_marked[k]) fail_msg("case %zu: %u marked, expected %u", k, marked, tops_marked[k]);
		assert_true(marked > 3);
		assert_int_equal(checksum(got, sizeof got), tops[k]);
	}
}

static void tops_stand_any_frame(void **state)
{
	(void)state;
	const float row[9] = { 5, 9, 5, NAN, 7, 6, INFINITY, NAN, 6.5f };
	const uint8_t want[9] = { 0, 1, 0, 0, 0, 0, 1, 0, 1 };
	uint8_t got[9];
	assert_int_equal(c5_reconstruct_tops(got, C5_F32, row, 1, 9, 2, false), C5_OK);
	assert_memory_equal(got, want, 9);
	const int32_t same[4] = { -7, -7, -7, -7 };
	assert_int_equal(c5_reconstruct_tops(got, C5_I32, same, 2, 2, 1, false), C5_OK);
	for (int i = 0; i < 4; i++) assert_int_equal(got[i], 0);
	assert_int_equal(c5_reconstruct_tops(got, C5_I32, same, 1, 1, 1, true), C5_OK);
	assert_int_equal(got[0], 0);
	assert_int_equal(c5_reconstruct_tops(NULL, C5_I32, NULL, 0, 4, 1, false), C5_OK);
	assert_int_equal(c5_reconstruct_tops(got, C5_I32, same, 2, 2, 0, false), C5_EUSAGE);
	assert_int_equal(c5_reconstruct_tops(got, C5_I64, same, 2, 2, 1, false), C5_EFAIL);
	float one = 3, top = 2;
	assert_int_equal(c5_reconstruct_map(&one, &top, 1, 1, 8, false), C5_OK);
	assert_true(fabsf(one - 2) < 1e-9f);
	assert_int_equal(c5_reconstruct_map(NULL, NULL, 0, 0, 8, false), C5_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reconstruction_is_skimages),
		cmocka_unit_test(reconstruction_agrees_with_growing_until_nothing_changes),
		cmocka_unit_test(tops_and_bottoms_are_skimages),
		cmocka_unit_test(tops_stand_any_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
