/* unit_stain_stainer.c – maps of whole frames: seams do not show, batches do not matter, sizes that are no multiples of anything. */
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
#include "image/resize.h"
#include "stain/stainer.h"

enum { H = 150, W = 118, C = 2, K = 2 };
static float input[C * H * W], maps[3][K * H * W];
static c5_device *device;

static int setup(void **state)
{
	(void)state;
	c5_random r;
	c5_random_start(&r, 2, 0);
	for (int i = 0; i < C * H * W; i++) input[i] = (float)c5_random_normal(&r);
	return c5_device_open(&device, "cpu");
}

static int teardown(void **state)
{
	(void)state;
	c5_device_close(device);
	return 0;
}

static c5_recipe recipe_of(bool dense)
{
	return (c5_recipe){ .dense = dense, .channels = 2, .planes = 1, .channel = { "phase", "srs" }, .plane = { -1 }, .markers = K, .marker = { "a", "b" },
		.positive = { 0.5, 0.5 },
		.mean = { 0, 10 }, .sd = { 1, 3 }, .block = 8, .stride = 4, .context = 4, .share = 0.3 };
}

static double furthest(const float *a, const float *b)
{
	double most = 0;
	for (int i = 0; i < K * H * W; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
	return most;
}

static void predict(const c5_model *m, const c5_weights *w, const c5_recipe *r, c5_stainer_how how, float *out, float *blocks)
{
	c5_stainer *s;
	assert_int_equal(c5_stainer_open(&s, device, m, w, r, H, W, &how), C5_OK);
	assert_int_equal(c5_stainer_frame(s, input, out, blocks), C5_OK);
	c5_stainer_close(s);
}

static void a_dense_map_has_no_seams(void **state)
{
	(void)state;
	for (int mask = 0; mask < 2; mask++) {
		c5_recipe r = recipe_of(true);
		c5_model *m;
		c5_weights *w;
		r.mask = mask;
		assert_int_equal(c5_stain_dense_net(&m, C, 64, 64, K, mask, 2, 0.25), C5_OK);
		assert_int_equal(c5_weights_new(&w, m), C5_OK);
		c5_weights_init(w, m, 4);
		predict(m, w, &r, (c5_stainer_how){ .tile = 1024 }, maps[0], NULL);
		predict(m, w, &r, (c5_stainer_how){ .tile = 96 }, maps[1], NULL);
		predict(m, w, &r, (c5_stainer_how){ .tile = 72, .batch = 3 }, maps[2], NULL);
		double low = INFINITY, high = -INFINITY;
		for (int i = 0; i < K * H * W; i++) low = fmin(low, (double)maps[0][i]), high = fmax(high, (double)maps[0][i]);
		double bound = 1e-5 * fmax(fabs(low), fabs(high));
		assert_true(furthest(maps[0], maps[1]) < bound && furthest(maps[0], maps[2]) < bound);
		assert_true(high > low + 1e-3 && (!mask || (low >= 0 && high <= 1)));
		c5_weights_free(w);
		c5_model_free(m);
	}
}

/* A mirrored frame has the mirrored map when mirror images are averaged: no side is the preferred one. */
static void a_mirrored_frame_has_a_mirrored_map(void **state)
{
	enum { S = 64 };
	static float frame[2][C * S * S], map[3][K * S * S];
	const c5_recipe r = recipe_of(true);
	c5_model *m;
	c5_weights *w;
	double apart = 0, other = 0;
	(void)state;
	assert_int_equal(c5_stain_dense_net(&m, C, 64, 64, K, false, 2, 0.25), C5_OK);
	assert_int_equal(c5_weights_new(&w, m), C5_OK);
	c5_weights_init(w, m, 4);
	for (int k = 0; k < C * S * S; k++) frame[0][k] = input[k];
	for (int k = 0; k < C * S * S; k++) frame[1][k] = frame[0][k / (S * S) * S * S + (S - 1 - k / S % S) * S + S - 1 - k % S];
	for (int k = 0; k < 3; k++) {
		c5_stainer *s;
		assert_int_equal(c5_stainer_open(&s, device, m, w, &r, S, S, &(c5_stainer_how){ .mirrored = k < 2 }), C5_OK);
		assert_int_equal(c5_stainer_frame(s, frame[k == 1], map[k], NULL), C5_OK);
		c5_stainer_close(s);
	}
	for (int k = 0; k < K * S * S; k++) {
		const int turned = k / (S * S) * S * S + (S - 1 - k / S % S) * S + S - 1 - k % S;
		apart = fmax(apart, fabs((double)map[0][k] - (double)map[1][turned])), other = fmax(other, fabs((double)map[0][k] - (double)map[2][k]));
	}
	assert_true(apart < 1e-4 && other > 1e-2);
	c5_weights_free(w);
	c5_model_free(m);
}

static void a_map_of_blocks_is_made_of_its_blocks(void **state)
{
	(void)state;
	c5_recipe r = recipe_of(false);
	c5_model *m;
	c5_weights *w;
	c5_block_grid g;
	assert_int_equal(c5_blocks_grid(&g, H, W, 8, 4), C5_OK);
	size_t n = c5_blocks_count(&g);
	float *a = malloc(K * n * sizeof *a), *b = malloc(K * n * sizeof *b), *scratch = malloc(16 * sizeof *scratch);
	assert_int_equal(c5_stain_block_net(&m, C, 8, 4, K, 0.25), C5_OK);
	assert_int_equal(c5_weights_new(&w, m), C5_OK);
	c5_weights_init(w, m, 4);
	predict(m, w, &r, (c5_stainer_how){ 0 }, maps[0], a);
	predict(m, w, &r, (c5_stainer_how){ .batch = 7 }, maps[1], b);
	assert_true(furthest(maps[0], maps[1]) < 1e-5);
	c5_blocks_assemble(maps[2], &g, a + n, scratch);
	assert_memory_equal(maps[2], maps[0] + H * W, H * W * sizeof(float));
	free(scratch);
	free(b);
	free(a);
	c5_weights_free(w);
	c5_model_free(m);
}

/* Rescaled is what the rescaled frame gives, brought back; at the size it has, nothing is touched. */
static void a_rescaled_frame_is_seen_at_another_size(void **state)
{
	(void)state;
	enum { TH = 75, TW = 59 };
	for (int dense = 0; dense < 2; dense++) {
		c5_recipe r = recipe_of(dense);
		c5_model *m;
		c5_weights *w;
		c5_stainer *s;
		float *small = malloc((C + K) * TH * TW * sizeof *small), *seen = small + C * TH * TW;
		size_t there = c5_image_resize_bytes(TH, TW, H, W), back = c5_image_resize_bytes(H, W, TH, TW);
		void *scratch = aligned_alloc(64, ((there > back ? there : back) + 63) / 64 * 64);
		assert_true(c5_stainer_side(H, 0.5) == TH && c5_stainer_side(W, 0.5) == TW && c5_stainer_side(H, 0) == H && c5_stainer_side(3, 0.01) == 1);
		assert_int_equal(dense ? c5_stain_dense_net(&m, C, 64, 64, K, false, 2, 0.25) : c5_stain_block_net(&m, C, 8, 4, K, 0.25), C5_OK);
		assert_int_equal(c5_weights_new(&w, m), C5_OK);
		c5_weights_init(w, m, 4);
		predict(m, w, &r, (c5_stainer_how){ .rescale = 0.5 }, maps[0], NULL);
		predict(m, w, &r, (c5_stainer_how){ .rescale = 1 }, maps[1], NULL);
		predict(m, w, &r, (c5_stainer_how){ 0 }, maps[2], NULL);
		assert_memory_equal(maps[1], maps[2], sizeof maps[1]);
		for (int c = 0; c < C; c++) c5_image_resize(small + c * TH * TW, TH, TW, input + c * H * W, H, W, scratch);
		assert_int_equal(c5_stainer_open(&s, device, m, w, &r, TH, TW, &(c5_stainer_how){ 0 }), C5_OK);
		assert_int_equal(c5_stainer_frame(s, small, seen, NULL), C5_OK);
		c5_stainer_close(s);
		for (int k = 0; k < K; k++) c5_image_resize(maps[1] + k * H * W, H, W, seen + k * TH * TW, TH, TW, scratch);
		assert_memory_equal(maps[0], maps[1], sizeof maps[0]);
		assert_true(furthest(maps[0], maps[2]) > 1e-3);
		free(scratch);
		free(small);
		c5_weights_free(w);
		c5_model_free(m);
	}
}

static void a_model_of_another_shape_is_refused(void **state)
{
	(void)state;
	c5_recipe r = recipe_of(false);
	c5_model *m;
	c5_weights *w;
	c5_stainer *s = NULL;
	assert_int_equal(c5_stain_block_net(&m, C, 8, 8, K, 0.25), C5_OK);
	assert_int_equal(c5_weights_new(&w, m), C5_OK);
	assert_int_equal(c5_stainer_open(&s, device, m, w, &r, H, W, &(c5_stainer_how){ 0 }), C5_EINPUT);
	r.context = 8;
	assert_int_equal(c5_stainer_open(&s, device, m, w, &r, 6, W, &(c5_stainer_how){ 0 }), C5_EINPUT);
	c5_weights_free(w);
	c5_model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dense_map_has_no_seams), cmocka_unit_test(a_mirrored_frame_has_a_mirrored_map),
		cmocka_unit_test(a_map_of_blocks_is_made_of_its_blocks), cmocka_unit_test(a_rescaled_frame_is_seen_at_another_size),
		cmocka_unit_test(a_model_of_another_shape_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
