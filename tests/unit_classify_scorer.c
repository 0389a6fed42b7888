/* unit_classify_scorer.c – crops to probabilities: the same for any batch and neighbours, ensembles, missing channels, what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/random.h"
#include "classify/calibrate.h"
#include "classify/scorer.h"

enum { CROPS = 75, SIDE = 40, CHANNELS = 2 };
static uint16_t crops[CROPS][CHANNELS][SIDE][SIDE];
static c5_device *device;

static int set_up(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < CROPS; i++) {
		c5_random r;
		c5_random_start(&r, 3, i);
		for (size_t k = 0; k < CHANNELS * SIDE * SIDE; k++)
			(&crops[i][0][0][0])[k] = (uint16_t)(20000 + 100 * (k % 37) * (i % 5) + 3000 * c5_random_uniform(&r));
	}
	return c5_device_open(&device, "cpu");
}

static int tear_down(void **state)
{
	(void)state;
	c5_device_close(device);
	return 0;
}

static c5_member member(const char *name, const char *net, int channels, const char *const *names, int side, int classes, uint64_t seed)
{
	c5_member m = { .name = strdup(name), .temperature = 1 };
	m.prepare = (c5_prepare){ .channels = channels, .height = side, .width = side, .scaling = C5_SCALE_PERCENTILE, .low = 1, .high = 99 };
	for (int c = 0; c < channels; c++) snprintf(m.prepare.names[c], sizeof m.prepare.names[c], "%s", names[c]);
	assert_int_equal(c5_model_named(&m.model, net, channels, side, side, classes, 0), C5_OK);
	assert_int_equal(c5_weights_new(&m.weights, m.model), C5_OK);
	c5_weights_init(m.weights, m.model, seed);
	return m;
}

typedef struct list { const uint64_t *order; int stop_after; } list; /* crops by number, or in another order */

static int read_crops(void *ctx, uint64_t at, uint64_t n, void *pixels)
{
	const list *l = ctx;
	for (uint64_t i = 0; i < n; i++) memcpy((char *)pixels + i * sizeof crops[0], crops[l->order ? l->order[at + i] : at + i], sizeof crops[0]);
	return C5_OK;
}

static int stop(void *ctx)
{
	list *l = ctx;
	return l->stop_after-- > 0 ? C5_OK : c5_fail(C5_ESTOP, "stopped");
}

static void score(float *prob, const c5_member *members, size_t n, int batch, const uint64_t *order, size_t count)
{
	c5_scorer *s;
	list l = { order, 0 };
	assert_int_equal(c5_scorer_open(&s, device, members, n, batch, C5_FP32), C5_OK);
	assert_int_equal(c5_scorer_bind(s, "phase,srs", CHANNELS, C5_U16, SIDE, SIDE), C5_OK);
	assert_int_equal(c5_scorer_run(s, 0, count, read_crops, NULL, &l, prob), C5_OK);
	c5_scorer_close(s);
}

static void neighbours_do_not_matter(void **state)
{
	(void)state;
	static const char *const nets[] = { "sesmo", "lenet", "resnet18", "mobilenet_v2" }, *const names[] = { "phase", "srs" };
	for (size_t k = 0; k < 4; k++) {
		c5_member m = member("m", nets[k], 2, names, 50, 3, 7);
		static float by16[CROPS * 3], turned[CROPS * 3];
		uint64_t order[CROPS];
		c5_random r;
		c5_random_start(&r, 9, 0);
		c5_random_order(&r, order, CROPS);
		score(by16, &m, 1, 16, NULL, CROPS);
		score(turned, &m, 1, 16, order, CROPS);
		for (int i = 0; i < CROPS; i++)
			for (int c = 0; c < 3; c++) assert_true(turned[3 * i + c] == by16[3 * order[i] + (uint64_t)c]);
		for (int i = 0; i < CROPS; i++) assert_true(fabs((double)by16[3 * i] + (double)by16[3 * i + 1] + (double)by16[3 * i + 2] - 1) < 1e-5);
		assert_true(by16[0] != by16[3]); /* crops differ */
		c5_member_free(&m);
	}
}

static void sizes_of_batches_hardly_matter(void **state)
{
	(void)state;
	static const char *const names[] = { "phase", "srs" };
	static float by16[CROPS * 2], by1[CROPS * 2], by64[CROPS * 2];
	c5_member m = member("m", "sesmo", 2, names, 50, 2, 7);
	score(by16, &m, 1, 16, NULL, CROPS);
	score(by1, &m, 1, 1, NULL, CROPS);
	score(by64, &m, 1, 64, NULL, CROPS);
	for (int i = 0; i < 2 * CROPS; i++) assert_true(fabsf(by16[i] - by1[i]) < 1e-5f && fabsf(by16[i] - by64[i]) < 1e-5f);
	c5_member_free(&m);
}

/* The crops, turned: view v of scorer.h. */
static int read_turned(void *ctx, uint64_t at, uint64_t n, void *pixels)
{
	const int v = *(const int *)ctx;
	uint16_t(*out)[CHANNELS][SIDE][SIDE] = pixels;
	for (uint64_t i = 0; i < n; i++)
		for (int c = 0; c < CHANNELS; c++)
			for (int y = 0; y < SIDE; y++)
				for (int x = 0; x < SIDE; x++) {
					int a = v & 2 ? SIDE - 1 - y : y, b = v & 1 ? SIDE - 1 - x : x;
					out[i][c][y][x] = v & 4 ? crops[at + i][c][b][a] : crops[at + i][c][a][b];
				}
	return C5_OK;
}

static void views_are_turned_crops_and_their_mean_counts(void **state)
{
	(void)state;
	static const char *const names[] = { "phase", "srs" };
	static float one[CROPS * 2], mean[CROPS * 2], all[CROPS * 2], turned[CROPS * 2];
	c5_member m = member("m", "lenet", 2, names, SIDE, 2, 5);
	c5_scorer *s;
	float most = 0;
	assert_int_equal(c5_scorer_open(&s, device, &m, 1, 16, C5_FP32), C5_OK);
	assert_int_equal(c5_scorer_bind(s, "phase,srs", CHANNELS, C5_U16, SIDE, SIDE), C5_OK);
	for (int v = 0; v < 8; v++) {
		assert_int_equal(c5_scorer_run(s, 0, CROPS, read_turned, NULL, &v, one), C5_OK);
		for (int i = 0; i < CROPS * 2; i++) mean[i] += one[i] / 8;
	}
	assert_int_equal(c5_scorer_views(s, 8), C5_OK);
	for (int v = 0; v < 8; v += 5) {
		assert_int_equal(c5_scorer_run(s, 0, CROPS, read_turned, NULL, &v, v ? turned : all), C5_OK);
		for (int i = 0; i < CROPS * 2; i++) assert_true(fabsf((v ? turned : all)[i] - mean[i]) < 1e-5f);
	}
	for (int i = 0; i < CROPS * 2; i++) most = fmaxf(most, fabsf(one[i] - all[i]));
	assert_true(most > 1e-4f); /* a single view says something else */
	m.temperature = 3; /* of the mean, not of each view */
	assert_int_equal(c5_scorer_run(s, 0, CROPS, read_turned, NULL, &(int){ 0 }, turned), C5_OK);
	c5_temperature_apply(all, CROPS, 2, 3);
	assert_memory_equal(all, turned, sizeof all);
	c5_scorer_close(s);
	c5_member_free(&m);
}

static void members_answer_each_for_itself(void **state)
{
	(void)state;
	static const char *const both[] = { "phase", "srs" }, *const one[] = { "srs" };
	static float together[2 * CROPS * 2], first[CROPS * 2], second[CROPS * 2];
	c5_member m[2] = { member("a", "sesmo", 2, both, 50, 2, 1), member("b", "lenet", 1, one, 32, 2, 2) };
	m[1].temperature = 2;
	score(together, m, 2, 32, NULL, CROPS);
	score(first, m, 1, 32, NULL, CROPS);
	m[1].temperature = 1;
	score(second, m + 1, 1, 32, NULL, CROPS);
	c5_temperature_apply(second, CROPS, 2, 2);
	assert_memory_equal(together, first, sizeof first);
	assert_memory_equal(together + CROPS * 2, second, sizeof second);
	for (int k = 0; k < 2; k++) c5_member_free(&m[k]);
}

static void a_missing_channel_is_zeros_where_the_model_allows(void **state)
{
	(void)state;
	static const char *const names[] = { "phase", "tpef" };
	c5_member m = member("m", "sesmo", 2, names, 50, 2, 1);
	c5_scorer *s;
	assert_int_equal(c5_scorer_open(&s, device, &m, 1, 8, C5_FP32), C5_OK);
	assert_int_equal(c5_scorer_bind(s, "phase,srs", CHANNELS, C5_U16, SIDE, SIDE), C5_ENOTFOUND);
	assert_non_null(strstr(c5_error_last(), "tpef"));
	m.prepare.missing = true;
	assert_int_equal(c5_scorer_bind(s, "phase,srs", CHANNELS, C5_U16, SIDE, SIDE), C5_OK);
	assert_int_equal(c5_scorer_lacks(s, 0), 1);
	static float in[2][2][50][50];
	assert_int_equal(c5_scorer_prepare(s, 0, crops, 2, &in[0][0][0][0]), C5_OK);
	float most = 0;
	for (int k = 0; k < 50 * 50; k++) {
		assert_true((&in[1][1][0][0])[k] == 0);
		most = fmaxf(most, fabsf((&in[1][0][0][0])[k]));
	}
	assert_true(most > 0.5f);
	assert_int_equal(c5_scorer_bind(s, "srs,transmission", CHANNELS, C5_U16, SIDE, SIDE), C5_ENOTFOUND); /* none of its channels */
	c5_scorer_close(s);
	c5_member_free(&m);
}

enum { MIDDLE = 26 };

static int read_middles(void *ctx, uint64_t at, uint64_t n, void *pixels)
{
	uint16_t *to = pixels;
	(void)ctx;
	for (uint64_t i = at; i < at + n; i++)
		for (int c = 0; c < CHANNELS; c++)
			for (int y = 0; y < MIDDLE; y++, to += MIDDLE) memcpy(to, &crops[i][c][y + (SIDE - MIDDLE) / 2][(SIDE - MIDDLE) / 2], MIDDLE * sizeof *to);
	return C5_OK;
}

static void a_window_shows_the_middle_of_the_crops(void **state)
{
	static const char *const names[] = { "srs", "phase" };
	static float whole[2][CROPS * 2], windowed[2][CROPS * 2], middle[2][CROPS * 2];
	c5_member m[] = { member("a", "sesmo", 2, names, 32, 2, 3), member("b", "sesmo", 2, names, 32, 2, 3) };
	c5_scorer *s;
	list all = { NULL, 0 };
	(void)state;
	score(whole[0], m, 2, 16, NULL, CROPS);
	assert_int_equal(c5_scorer_open(&s, device, m, 2, 16, C5_FP32), C5_OK);
	assert_int_equal(c5_scorer_bind(s, "phase,srs", CHANNELS, C5_U16, SIDE, SIDE), C5_OK);
	assert_int_equal(c5_scorer_window(s, 1, SIDE + 1, SIDE), C5_EINPUT);
	assert_int_equal(c5_scorer_window(s, 1, MIDDLE, MIDDLE), C5_OK); /* of one member alone */
	assert_int_equal(c5_scorer_run(s, 0, CROPS, read_crops, NULL, &all, windowed[0]), C5_OK);
	assert_int_equal(c5_scorer_bind(s, "phase,srs", CHANNELS, C5_U16, MIDDLE, MIDDLE), C5_OK);
	assert_int_equal(c5_scorer_run(s, 0, CROPS, read_middles, NULL, NULL, middle[0]), C5_OK);
	assert_memory_equal(windowed[0], whole[0], sizeof whole[0]);
	assert_memory_equal(windowed[1], middle[1], sizeof whole[0]);
	assert_memory_not_equal(windowed[1], whole[1], sizeof whole[0]);
	c5_scorer_close(s);
	for (int k = 0; k < 2; k++) c5_member_free(&m[k]);
}

static void what_cannot_score_is_refused(void **state)
{
	(void)state;
	static const char *const names[] = { "phase" };
	c5_member two = member("two", "sesmo", 1, names, 50, 2, 1), three = member("three", "sesmo", 1, names, 50, 3, 1),
		map = member("map", "unet", 1, names, 32, 2, 1);
	c5_member pair[2] = { two, three };
	c5_scorer *s;
	assert_int_equal(c5_scorer_open(&s, device, pair, 2, 8, C5_FP32), C5_EINPUT);
	assert_int_equal(c5_scorer_open(&s, device, &map, 1, 8, C5_FP32), C5_EINPUT);
	assert_null(s);
	two.prepare.height = 48;
	assert_int_equal(c5_scorer_open(&s, device, &two, 1, 8, C5_FP32), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "50 x 50"));
	two.prepare.height = 50;
	assert_int_equal(c5_scorer_open(&s, device, &two, 1, 8, C5_FP32), C5_OK);
	assert_int_equal(c5_scorer_bind(s, "phase,srs", CHANNELS, C5_U16, SIDE, SIDE), C5_OK);
	float prob[2 * CROPS];
	list l = { NULL, 2 };
	assert_int_equal(c5_scorer_run(s, 4, 8, read_crops, NULL, &l, prob), C5_EFAIL); /* begins no batch */
	assert_int_equal(c5_scorer_run(s, 0, CROPS, read_crops, stop, &l, prob), C5_ESTOP);
	c5_scorer_close(s);
	c5_member_free(&two);
	c5_member_free(&three);
	c5_member_free(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_do_not_matter),
		cmocka_unit_test(sizes_of_batches_hardly_matter),
		cmocka_unit_test(views_are_turned_crops_and_their_mean_counts),
		cmocka_unit_test(members_answer_each_for_itself),
		cmocka_unit_test(a_missing_channel_is_zeros_where_the_model_allows),
		cmocka_unit_test(a_window_shows_the_middle_of_the_crops),
		cmocka_unit_test(what_cannot_score_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
