/* unit_stain_recipe.c – what a stain model remembers comes back; its networks have the shapes they should. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "stain/recipe.h"

static c5_recipe example(void)
{
	return (c5_recipe){ .dense = true, .channels = 2, .planes = 3, .channel = { "phase", "srs: 2850" }, .plane = { 4, 6, 8 }, .markers = 2,
		.marker = { "dapi", "map2" },
		.threshold = { 812.25, 1.0 / 3 }, .positive = { 0.5, 0.625 }, .mean = { 500, 1e-3 }, .sd = { 20, 7 }, .ground = 40, .share = 0.1, .pixel_um = 0.65,
			.block = 16, .stride = 8, .context = 12 };
}

static void a_recipe_reads_back_as_it_was(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		c5_recipe r = example(), back;
		c5_buf b = { 0 };
		if (k) r.dense = false, r.pixel_um = NAN, r.planes = 1, memset(r.plane, 0, sizeof r.plane), r.plane[0] = -1;
		c5_recipe_add_yaml(&b, 0, &r);
		assert_int_equal(c5_recipe_parse(&back, "recipe", (const char *)b.data, b.size), C5_OK);
		assert_true(isnan(r.pixel_um) ? isnan(back.pixel_um) : back.pixel_um == r.pixel_um);
		r.pixel_um = back.pixel_um = 0;
		assert_memory_equal(r.threshold, back.threshold, sizeof r.threshold);
		assert_memory_equal(r.channel, back.channel, sizeof r.channel);
		assert_memory_equal(r.plane, back.plane, sizeof r.plane);
		assert_memory_equal(r.marker, back.marker, sizeof r.marker);
		assert_memory_equal(r.positive, back.positive, sizeof r.positive);
		assert_memory_equal(r.mean, back.mean, sizeof r.mean);
		assert_memory_equal(r.sd, back.sd, sizeof r.sd);
		assert_true(r.dense == back.dense && r.mask == back.mask && r.block == back.block && r.stride == back.stride && r.context == back.context &&
		            r.share == back.share && r.ground == back.ground && r.channels == back.channels && r.planes == back.planes &&
		            r.markers == back.markers);
		c5_buf_free(&b);
	}
}

static void a_damaged_recipe_is_refused(void **state)
{
	(void)state;
	c5_recipe r = example(), back;
	c5_buf b = { 0 };
	c5_recipe_add_yaml(&b, 0, &r);
	c5_buf_put(&b, "", 1);
	static const char *const keys[] = { "method", "planes", "markers", "thresholds", "share", "block" };
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		char *text = strdup((const char *)b.data), *at = strstr(text, keys[i]);
		assert_non_null(at);
		at[0] = 'X';
		assert_int_equal(c5_recipe_parse(&back, "recipe", text, strlen(text)), C5_EUSAGE);
		assert_non_null(strstr(c5_error_last(), keys[i]));
		free(text);
	}
	c5_buf_free(&b);
}

static void networks_have_their_shapes(void **state)
{
	(void)state;
	c5_model *m;
	/* Blocks: after all convolutions what the block covers is left, whatever was seen around it. */
	static const struct { int block, context, left; } blocks[] = { { 8, 0, 4 }, { 16, 4, 4 }, { 16, 8, 4 }, { 16, 12, 4 }, { 16, 16, 2 }, { 16, 24, 2 },
		{ 32, 16, 4 }, { 4, 0, 2 }, { 40, 60, 12 } };
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
		assert_int_equal(c5_stain_block_net(&m, 13, blocks[i].block, blocks[i].context, 3, 0.5), C5_OK);
		const c5_layer *l = &m->layers[m->outputs[0]];
		assert_int_equal(l->shape[0], 3);
		assert_int_equal(l->rank, 1);
		while (l->rank == 1) l--;
		assert_int_equal(l->shape[1], blocks[i].left);
		assert_int_equal(l->shape[2], blocks[i].left);
		c5_model_free(m);
	}
	for (int depth = 1; depth <= 4; depth++) {
		assert_int_equal(c5_stain_dense_net(&m, 2, 64, 96, 2, depth % 2, depth, 0.25), C5_OK);
		const c5_layer *l = &m->layers[m->outputs[0]];
		assert_true(l->rank == 3 && l->shape[0] == 2 && l->shape[1] == 64 && l->shape[2] == 96);
		assert_int_equal(l->kind == C5_LAYER_ACTIVATION, depth % 2);
		c5_model_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_recipe_reads_back_as_it_was), cmocka_unit_test(a_damaged_recipe_is_refused),
		cmocka_unit_test(networks_have_their_shapes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
