/* unit_stain_feeds.c – blocks and patches drawn from fields: the right pixels, the right answers, the same for any order of asking. */
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
#include "stain/feeds.h"

enum { H = 40, W = 60, C = 2, K = 2, FIELDS = 2 };
static c5_field fields[FIELDS];
static char *markers[K] = { (char *)"dapi", (char *)"map2" };

static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < FIELDS; i++) {
		c5_field *f = &fields[i];
		*f = (c5_field){ .name = strdup("a"), .height = H, .width = W, .channels = C, .markers = K };
		f->input = malloc(C * H * W * sizeof(float)), f->level = malloc(K * H * W * sizeof(float)), f->mask = malloc(K * H * W);
		c5_random r;
		c5_random_start(&r, 11, (uint64_t)i);
		for (int k = 0; k < C * H * W; k++) f->input[k] = (float)c5_random_normal(&r);
		for (int k = 0; k < K * H * W; k++) {
			f->mask[k] = (k / W % H / 10 + k % W / 10) % 3 == 0; /* patches of 10 px */
			f->level[k] = (float)(100 + 50 * f->mask[k] + c5_random_normal(&r));
		}
		c5_field_split(f, (c5_rect){ 0, 0, H, W }, 0.3, 5);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < FIELDS; i++) c5_field_clear(&fields[i]);
	return 0;
}

static void a_field_splits_with_a_gap(void **state)
{
	(void)state;
	assert_int_equal(fields[0].train.x1, 37);
	assert_int_equal(fields[0].validate.x0, 42);
	assert_int_equal(fields[0].validate.x1, W);
	c5_field all = { .height = H, .width = W };
	c5_field_split(&all, (c5_rect){ 0, 0, H, W }, 0, 5);
	assert_int_equal(all.train.x1, W);
	assert_int_equal(all.validate.x1, 0);
}

static void blocks_hold_their_pixels_and_answers(void **state)
{
	(void)state;
	c5_block_feed how = { .side = 8, .stride = 4, .context = 3, .share = 0.25, .balance = 0 };
	c5_feed *f;
	assert_int_equal(c5_feed_blocks(&f, &how, fields, FIELDS, markers), C5_OK);
	assert_int_equal(f->n_train, FIELDS * 9 * 9);      /* 40 x 37: starts 0, 4 .. 32 and 0, 4 .. 28, 29 */
	assert_int_equal(f->input_count[0], C * 14 * 14);
	float *in = malloc(f->input_count[0] * sizeof *in), truth[K], weight;
	/* item 10: second row, second column of the first field */
	size_t item = 10;
	assert_int_equal(f->fill(f, &item, NULL, 1, 1, &in, (float *[]){ truth }, &weight), C5_OK);
	for (int c = 0; c < C; c++)
		for (int y = 0; y < 14; y++)
			for (int x = 0; x < 14; x++) assert_true(in[(c * 14 + y) * 14 + x] == fields[0].input[(c * H + 1 + y) * W + 1 + x]);
	for (int m = 0; m < K; m++) {
		int n = 0;
		for (int y = 4; y < 12; y++)
			for (int x = 4; x < 12; x++) n += fields[0].mask[(m * H + y) * W + x];
		assert_int_equal(truth[m] > 0.5f, n >= 16);
	}
	free(in);
	c5_stain_feed_free(f);
}

/* A quarter turn and no turn are those of c5_field_cut; halves are between; and nothing beyond the rectangle is ever seen. */
static void warped_patches_keep_to_their_rectangle(void **state)
{
	enum { S = 12 };
	static float plane[H * W], a[S * S], b[S * S];
	static uint8_t mask[H * W];
	const c5_rect all = { 0, 0, H, W }, part = { 5, 4, 30, 28 };
	(void)state;
	for (int i = 0; i < H * W; i++) plane[i] = (float)((i * 37) % 101), mask[i] = (i * 37) % 101 > 50;
	c5_field_warp(a, plane, W, all, 10, 8, S, &(c5_warp){ 0, 1 });
	c5_field_cut(b, plane, H, W, 10, 8, S, 0);
	for (int i = 0; i < S * S; i++) assert_true(fabsf(a[i] - b[i]) < 1e-3f);
	c5_field_warp(a, plane, W, all, 10, 8, S, &(c5_warp){ M_PI / 2, 1 });
	for (int y = 0; y < S; y++)
		for (int x = 0; x < S; x++) assert_true(fabsf(a[y * S + x] - b[(S - 1 - x) * S + y]) < 1e-2f);
	c5_field_warp_mask(a, mask, W, all, 10, 8, S, &(c5_warp){ M_PI, 1 });
	for (int i = 0; i < S * S; i++) assert_true(a[i] == mask[(10 + S - 1 - i / S) * W + 8 + S - 1 - i % S]);
	for (int i = 0; i < H * W; i++)
		if (i / W < 5 || i / W >= 30 || i % W < 4 || i % W >= 28) plane[i] = 1e6f, mask[i] = 77; /* never to be seen */
	for (int k = 0; k < 40; k++) {
		const c5_warp w = { 0.31 * k, k % 2 ? 0.84 : 1.19 };
		c5_field_warp(a, plane, W, part, k % 2 ? 5 : 18, k % 3 ? 16 : 4, S, &w);
		for (int i = 0; i < S * S; i++) assert_true(a[i] < 1e3f);
		c5_field_warp_mask(a, mask, W, part, k % 2 ? 5 : 18, k % 3 ? 16 : 4, S, &w);
		for (int i = 0; i < S * S; i++) assert_true(a[i] <= 1);
	}
}

static void what_is_drawn_depends_on_the_item_alone(void **state)
{
	(void)state;
	c5_block_feed blocks = { .side = 8, .stride = 4, .context = 0, .share = 0.25, .balance = 0.5 };
	c5_dense_feed patches = { .patch = 16, .per_epoch = 24, .warp = 0.5 };
	c5_feed *feeds[2];
	assert_int_equal(c5_dense_scale(&patches, fields, FIELDS, markers), C5_OK);
	assert_int_equal(c5_feed_blocks(&feeds[0], &blocks, fields, FIELDS, markers), C5_OK);
	assert_int_equal(c5_feed_dense(&feeds[1], &patches, fields, FIELDS, markers), C5_OK);
	for (int k = 0; k < 2; k++) {
		c5_feed *f = feeds[k];
		uint64_t draws[4] = { 40, 41, 42, 43 }, later = 99;
		size_t items[4] = { 3, 0, 17, 5 }, in = f->input_count[0], to = f->target_count[0];
		float *x = malloc(4 * in * sizeof *x), *y = malloc(4 * to * sizeof *y), *x1 = malloc(in * sizeof *x1), *y1 = malloc(to * sizeof *y1), weight[4];
		assert_int_equal(f->fill(f, items, draws, 4, 9, &x, &y, weight), C5_OK);
		for (int i = 3; i >= 0; i--) {
			assert_int_equal(f->fill(f, &items[i], &draws[i], 1, 9, &x1, &y1, weight), C5_OK);
			assert_memory_equal(x1, x + (size_t)i * in, in * sizeof *x);
			assert_memory_equal(y1, y + (size_t)i * to, to * sizeof *y);
		}
		assert_int_equal(f->fill(f, items, &later, 1, 9, &x1, &y1, weight), C5_OK);
		assert_memory_not_equal(x1, x, in * sizeof *x); /* drawn again, it looks new */
		free(y1);
		free(x1);
		free(y);
		free(x);
		c5_stain_feed_free(f);
	}
}

static void half_of_a_balanced_epoch_is_positive(void **state)
{
	(void)state;
	c5_block_feed how = { .side = 8, .stride = 4, .share = 0.9, .balance = 0.5 };
	c5_feed *f;
	assert_int_equal(c5_feed_blocks(&f, &how, fields, FIELDS, markers), C5_OK);
	size_t n = f->per_epoch, *order = malloc(n * sizeof *order), yes = 0, *seen = calloc(f->n_train, sizeof *seen);
	assert_int_equal(f->draw(f, 4, 1, order), C5_OK);
	float *in = malloc(f->input_count[0] * sizeof *in), truth[K], weight;
	for (size_t i = 0; i < n; i++) {
		assert_true(order[i] < f->n_train);
		seen[order[i]]++;
		assert_int_equal(f->fill(f, &order[i], NULL, 1, 1, &in, (float *[]){ truth }, &weight), C5_OK);
		yes += truth[0] > 0.5f || truth[1] > 0.5f;
	}
	assert_int_equal(yes, (n + 1) / 2);
	free(in);
	free(seen);
	free(order);
	c5_stain_feed_free(f);
}

static void patches_hold_the_scaled_marker(void **state)
{
	(void)state;
	c5_dense_feed how = { .patch = 18 };
	c5_feed *f;
	assert_int_equal(c5_dense_scale(&how, fields, FIELDS, markers), C5_OK);
	assert_int_equal(c5_feed_dense(&f, &how, fields, FIELDS, markers), C5_OK);
	assert_int_equal(f->n_validate, FIELDS * 2);
	size_t item = f->n_train + 1; /* first field, second patch: below the first */
	float *in = malloc(f->input_count[0] * sizeof *in), *y = malloc(f->target_count[0] * sizeof *y), weight;
	assert_int_equal(f->fill(f, &item, NULL, 1, 1, &in, &y, &weight), C5_OK);
	for (int m = 0; m < K; m++)
		for (int i = 0; i < 18 * 18; i++) {
			double v = (double)fields[0].level[(m * H + 18 + i / 18) * W + 42 + i % 18];
			assert_float_equal(y[m * 18 * 18 + i], (float)((v - how.mean[m]) / how.sd[m]), 1e-5);
		}
	free(y);
	free(in);
	c5_stain_feed_free(f);
}

static void judged_by_what_is_known(void **state)
{
	(void)state;
	c5_block_feed how = { .side = 8, .stride = 4, .share = 0.25 };
	c5_dense_feed patches = { .patch = 18 };
	const char *names[8];
	double values[8];
	c5_feed *f;
	assert_int_equal(c5_feed_blocks(&f, &how, fields, FIELDS, markers), C5_OK);
	size_t n = f->n_validate, *items = malloc(n * sizeof *items);
	float *in = malloc(n * f->input_count[0] * sizeof *in), *y = malloc(n * K * sizeof *y), *weight = malloc(n * sizeof *weight);
	for (size_t i = 0; i < n; i++) items[i] = f->n_train + i;
	assert_int_equal(f->fill(f, items, NULL, n, 1, &in, &y, weight), C5_OK);
	assert_int_equal(f->judge(f, (const float *[]){ y }, (const float *[]){ y }, names, values), 2);
	assert_true(values[0] == 1 && values[1] == 1);
	for (size_t i = 0; i < n * K; i++) in[i] = 0.4f; /* knows nothing */
	assert_int_equal(f->judge(f, (const float *[]){ in }, (const float *[]){ y }, names, values), 2);
	assert_true(values[0] == 0.5 && values[1] == 0);
	free(weight);
	free(y);
	free(in);
	free(items);
	c5_stain_feed_free(f);
	assert_int_equal(c5_dense_scale(&patches, fields, FIELDS, markers), C5_OK);
	assert_int_equal(c5_feed_dense(&f, &patches, fields, FIELDS, markers), C5_OK);
	size_t all = f->n_validate * f->target_count[0];
	y = malloc(all * sizeof *y), in = malloc(all * sizeof *in);
	for (size_t i = 0; i < all; i++) y[i] = (float)(i % 13), in[i] = 3 - 2 * y[i];
	assert_int_equal(f->judge(f, (const float *[]){ in }, (const float *[]){ y }, names, values), 3); /* the mean over markers, and each */
	assert_true(!strcmp(names[0], "pearson") && !strncmp(names[1], "pearson_", 8) && fabs(values[0] - 0.5 * (values[1] + values[2])) < 1e-12);
	assert_true(fabs(values[0] + 1) < 1e-9);
	free(in);
	free(y);
	c5_stain_feed_free(f);
}

static void what_cannot_be_learnt_is_refused(void **state)
{
	(void)state;
	c5_block_feed how = { .side = 8, .stride = 4, .share = 1.1 };
	c5_dense_feed patches = { .patch = 64 };
	c5_feed *f = NULL;
	assert_int_equal(c5_feed_blocks(&f, &how, fields, FIELDS, markers), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "positive"));
	how.share = 0.25, how.side = 50, how.stride = 50;
	assert_int_equal(c5_feed_blocks(&f, &how, fields, FIELDS, markers), C5_EINPUT);
	uint8_t *kept = fields[0].mask, *other = fields[1].mask, full[K * H * W];
	memset(full, 1, sizeof full);
	fields[0].mask = fields[1].mask = full;
	how.side = how.stride = 8;
	assert_int_equal(c5_feed_blocks(&f, &how, fields, FIELDS, markers), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "are positive"));
	fields[0].mask = kept, fields[1].mask = other;
	assert_int_equal(c5_dense_scale(&patches, fields, FIELDS, markers), C5_OK);
	assert_int_equal(c5_feed_dense(&f, &patches, fields, FIELDS, markers), C5_EINPUT);
}

static void a_prepared_plane_forgets_its_lamp(void **state)
{
	(void)state;
	static float a[H * W], b[H * W];
	void *scratch = malloc(c5_field_scratch(H, W, 8));
	for (int i = 0; i < H * W; i++) a[i] = fields[0].input[i], b[i] = 500 + 30 * a[i];
	c5_field_prepare(a, H, W, 8, scratch);
	c5_field_prepare(b, H, W, 8, scratch);
	for (int i = 0; i < H * W; i++) assert_float_equal(a[i], b[i], 1e-3);
	for (int i = 0; i < H * W; i++) a[i] = 7;
	c5_field_prepare(a, H, W, 0, scratch);
	for (int i = 0; i < H * W; i++) assert_true(a[i] == 0);
	free(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_field_splits_with_a_gap), cmocka_unit_test(blocks_hold_their_pixels_and_answers),
			cmocka_unit_test(what_is_drawn_depends_on_the_item_alone),
		cmocka_unit_test(half_of_a_balanced_epoch_is_positive), cmocka_unit_test(patches_hold_the_scaled_marker),
		cmocka_unit_test(warped_patches_keep_to_their_rectangle), cmocka_unit_test(judged_by_what_is_known),
		cmocka_unit_test(what_cannot_be_learnt_is_refused), cmocka_unit_test(a_prepared_plane_forgets_its_lamp),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
