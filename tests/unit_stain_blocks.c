/* unit_stain_blocks.c – blocks of an image and their map, against plain loops. */
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
#include "stain/blocks.h"

static const size_t cases[][4] = { { 64, 64, 16, 16 }, { 61, 47, 16, 16 }, { 61, 47, 16, 5 }, { 16, 16, 16, 8 }, { 17, 40, 16, 1 }, { 33, 90, 7, 3 },
	{ 5, 5, 1, 1 } };
#define CASES (sizeof cases / sizeof *cases)

static c5_block_grid grid_of(size_t i)
{
	c5_block_grid g;
	assert_int_equal(c5_blocks_grid(&g, cases[i][0], cases[i][1], cases[i][2], cases[i][3]), C5_OK);
	return g;
}

static void every_pixel_is_in_a_block(void **state)
{
	(void)state;
	for (size_t k = 0; k < CASES; k++) {
		c5_block_grid g = grid_of(k);
		uint8_t *hit = calloc(g.height * g.width, 1);
		for (size_t i = 0; i < c5_blocks_count(&g); i++) {
			size_t y, x;
			c5_blocks_at(&g, i, &y, &x);
			assert_true(y + g.side <= g.height && x + g.side <= g.width);
			for (size_t a = 0; a < g.side; a++)
				for (size_t b = 0; b < g.side; b++) hit[(y + a) * g.width + x + b] = 1;
		}
		for (size_t i = 0; i < g.height * g.width; i++) assert_int_equal(hit[i], 1);
		free(hit);
	}
}

static void shares_are_counts(void **state)
{
	(void)state;
	for (size_t k = 0; k < CASES; k++) {
		c5_block_grid g = grid_of(k);
		uint8_t *mask = malloc(g.height * g.width);
		uint32_t *scratch = malloc((g.height + 1) * (g.width + 1) * sizeof *scratch);
		float *share = malloc(c5_blocks_count(&g) * sizeof *share);
		c5_random r;
		c5_random_start(&r, 7, k);
		for (size_t i = 0; i < g.height * g.width; i++) mask[i] = c5_random_uniform(&r) < 0.3;
		c5_blocks_shares(share, &g, mask, scratch);
		for (size_t i = 0; i < c5_blocks_count(&g); i++) {
			size_t y, x, n = 0;
			c5_blocks_at(&g, i, &y, &x);
			for (size_t a = 0; a < g.side; a++)
				for (size_t b = 0; b < g.side; b++) n += mask[(y + a) * g.width + x + b];
			assert_float_equal(share[i], (float)n / (float)(g.side * g.side), 1e-7);
		}
		free(share);
		free(scratch);
		free(mask);
	}
}

/* The map by spreading each block over the image: the other way round. */
static void a_map_is_the_windowed_mean_of_its_blocks(void **state)
{
	(void)state;
	for (size_t k = 0; k < CASES; k++) {
		c5_block_grid g = grid_of(k);
		size_t n = g.height * g.width, blocks = c5_blocks_count(&g);
		float *p = malloc(blocks * sizeof *p), *map = malloc(n * sizeof *map), *scratch = malloc(2 * g.side * sizeof *scratch);
		double *sum = calloc(n, sizeof *sum), *weight = calloc(n, sizeof *weight);
		c5_random r;
		c5_random_start(&r, 8, k);
		for (size_t i = 0; i < blocks; i++) p[i] = (float)c5_random_uniform(&r);
		c5_blocks_assemble(map, &g, p, scratch);
		for (size_t i = 0; i < blocks; i++) {
			size_t y, x;
			c5_blocks_at(&g, i, &y, &x);
			for (size_t a = 0; a < g.side; a++)
				for (size_t b = 0; b < g.side; b++) {
					double wa = 0.501 - 0.5 * cos(2 * M_PI * ((double)a + 0.5) / (double)g.side),
						wb = 0.501 - 0.5 * cos(2 * M_PI * ((double)b + 0.5) / (double)g.side);
					sum[(y + a) * g.width + x + b] += wa * wb * (double)p[i];
					weight[(y + a) * g.width + x + b] += wa * wb;
				}
		}
		for (size_t i = 0; i < n; i++) assert_float_equal(map[i], (float)(sum[i] / weight[i]), 1e-5);
		for (size_t i = 0; i < blocks; i++) p[i] = 0.25f; /* no seam: equal blocks give a flat map */
		c5_blocks_assemble(map, &g, p, scratch);
		for (size_t i = 0; i < n; i++) assert_float_equal(map[i], 0.25f, 1e-7);
		free(weight);
		free(sum);
		free(scratch);
		free(map);
		free(p);
	}
}

static void what_cannot_be_cut_is_refused(void **state)
{
	(void)state;
	c5_block_grid g;
	assert_int_equal(c5_blocks_grid(&g, 10, 40, 16, 8), C5_EINPUT);
	assert_int_equal(c5_blocks_grid(&g, 40, 40, 16, 0), C5_EUSAGE);
	assert_int_equal(c5_blocks_grid(&g, 40, 40, 16, 17), C5_EUSAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pixel_is_in_a_block), cmocka_unit_test(shares_are_counts), cmocka_unit_test(a_map_is_the_windowed_mean_of_its_blocks),
		cmocka_unit_test(what_cannot_be_cut_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
