/* unit_image_texture.c – co-occurrence of grey values in regions against scikit-image, and at the limits. */
#include <omp.h>

#include "support_image.h"

#include "base/dtype.h"
#include "base/error.h"
#include "golden/imageops.h"
#include "image/texture.h"

enum { N = FIELD_H * FIELD_W, LABELS = 6 };

static void made(float *map, uint32_t *labels)
{
	uint16_t field[N];
	field_make(field, FIELD_H, FIELD_W, 23, 1);
	field_floats(map, field, N);
	field_make(field, FIELD_H, FIELD_W, 26, 2);
	for (size_t i = 0; i < N; i++) labels[i] = field[i] > 22000 ? (uint32_t)(1 + i / FIELD_W / 16 * 2 + i % FIELD_W / 32) : 0;
	assert_int_equal(checksum(labels, N * sizeof *labels), texture_labels[0]);
}

static void textures_are_skimages(void **state)
{
	(void)state;
	float map[N];
	uint32_t labels[N];
	c5_texture got[LABELS], again[LABELS];
	const int before = omp_get_max_threads();
	made(map, labels);
	omp_set_num_threads(1);
	assert_int_equal(c5_texture_measure(got, labels, FIELD_H, FIELD_W, LABELS, C5_F32, map, 40, 220, 16), C5_OK);
	for (int k = 0; k < LABELS; k++) {
		const c5_texture *t = &got[k];
		const double row[7] = { t->contrast, t->dissimilarity, t->homogeneity, t->second_moment, t->energy, t->correlation, t->entropy };
		for (int i = 0; i < 7; i++)
			if (fabs(row[i] - textures[7 * k + i]) > 1e-9 * (1 + fabs(row[i])))
				fail_msg("label %d, measure %d: %.12g, expected %.12g", k + 1, i, row[i], textures[7 * k + i]);
	}
	omp_set_num_threads(3);
	assert_int_equal(c5_texture_measure(again, labels, FIELD_H, FIELD_W, LABELS, C5_F32, map, 40, 220, 16), C5_OK);
	assert_memory_equal(again, got, sizeof got);
	omp_set_num_threads(before);
}

static void textures_stand_any_region(void **state)
{
	(void)state;
	/* 1: one value; 2: a single pixel; 3: a column; 4: absent; 5: two pixels, one of which is a gap */
	const uint32_t labels[12] = { 1, 1, 0, 3, 1, 1, 2, 3, 0, 5, 5, 3 };
	float map[12] = { 4, 4, 0, 1, 4, 4, 9, 5, 0, 2, NAN, 9 };
	c5_texture t[5];
	assert_int_equal(c5_texture_measure(t, labels, 3, 4, 5, C5_F32, map, 0, 10, 8), C5_OK);
	assert_true(fabs(t[0].contrast) < 1e-12 && fabs(t[0].energy - 1) < 1e-12 && fabs(t[0].correlation - 1) < 1e-12 && fabs(t[0].entropy) < 1e-12);
	assert_true(isnan(t[1].contrast) && isnan(t[1].entropy) && isnan(t[3].energy) && isnan(t[4].correlation));
	assert_true(fabs(t[2].contrast - 12.5) < 1e-12); /* levels 0, 4, 7 */
	assert_true(fabs(t[2].entropy - 2) < 1e-12);
	assert_int_equal(c5_texture_measure(t, labels, 3, 4, 5, C5_F32, map, 5, 5, 8), C5_OK); /* one level for all */
	assert_true(fabs(t[2].energy - 1) < 1e-12);
	assert_int_equal(c5_texture_measure(NULL, NULL, 0, 0, 0, C5_F32, NULL, 0, 1, 8), C5_OK);
	assert_int_equal(c5_texture_measure(t, labels, 3, 4, 5, C5_F32, map, 0, 1, 1), C5_EFAIL);
	assert_int_equal(c5_texture_measure(t, labels, 3, 4, 5, C5_I64, map, 0, 1, 8), C5_EFAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(textures_are_skimages),
		cmocka_unit_test(textures_stand_any_region),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
