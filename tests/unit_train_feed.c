/* unit_train_feed.c – crops with classes as a feed: the same item alike in any batch and thread, balanced drawing and weighing, mixtures, what is
 * refused, and the figures of a validation part. */
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support_train.h"
#include "train/feed_crops.h"

enum { SIDE = 8, PIXELS = SIDE * SIDE, ROOM = 64 };
static c5_prepare prepare = { .channels = 1, .height = SIDE, .width = SIDE, .names = { "phase" }, .scaling = C5_SCALE_CHANNEL, .mean = { 100 },
	.sd = { 20 } };
static c5_augment strong;
static c5_dataset *data; /* three experiments: 30 of control, 10 of senescent; the third is kept back */
static uint8_t part[64];

static int set_up(void **state)
{
	(void)state;
	data = new_dataset(2);
	add_experiment(data, "a", NULL, 1, 0, 30, SIDE, "phase");
	add_experiment(data, "b", NULL, 2, 1, 10, SIDE, "phase");
	add_experiment(data, "c", NULL, 3, 1, 6, SIDE, "phase");
	return c5_augment_preset(&strong, "strong") < 0 || c5_split_named(part, data, "c") < 0;
}

static int tear_down(void **state)
{
	(void)state;
	c5_dataset_free(data);
	return 0;
}

static c5_feed *feed_of(const c5_augment *a, int balance, size_t per_epoch)
{
	static c5_crop_feed how;
	c5_feed *f;
	how = (c5_crop_feed){ .prepare = &prepare, .augment = a, .balance = balance, .n_inputs = 1, .input_channels = { 1 }, .per_epoch = per_epoch };
	if (c5_feed_crops(&f, &how, data, part, false) < 0) fail_msg("%s", c5_error_last());
	return f;
}

typedef struct batch { float x[ROOM * PIXELS], y[ROOM * 2], w[ROOM]; } batch;

static void fill(c5_feed *f, batch *b, const size_t *items, const uint64_t *draws, size_t n, uint64_t seed)
{
	if (f->fill(f, items, draws, n, seed, (float *const[]){ b->x }, (float *const[]){ b->y }, b->w) < 0) fail_msg("%s", c5_error_last());
}

static void items_are_alike_in_any_batch_and_thread(void **state)
{
	(void)state;
	static batch all, one;
	c5_augment a = strong;
	size_t items[40];
	uint64_t draws[40];
	a.mixup = 0.5;
	for (size_t i = 0; i < 40; i++) items[i] = i * 7 % 40, draws[i] = 1000 + i;
	for (int threads = 1; threads <= 4; threads += 3) {
		omp_set_num_threads(threads);
		c5_feed *f = feed_of(&a, C5_BALANCE_WEIGHT, 0);
		assert_true(f->n_train == 40 && f->n_validate == 6 && f->input_count[0] == PIXELS && f->target_count[0] == 2);
		fill(f, &all, items, draws, 40, 5);
		for (size_t i = 40; i-- > 0;) { /* one by one, the last first */
			fill(f, &one, &items[i], &draws[i], 1, 5);
			assert_memory_equal(one.x, all.x + i * PIXELS, PIXELS * sizeof(float));
			assert_memory_equal(one.y, all.y + 2 * i, 2 * sizeof(float));
			assert_true(one.w[0] == all.w[i]);
		}
		fill(f, &one, items, draws, 40, 6);
		assert_memory_not_equal(one.x, all.x, PIXELS * sizeof(float)); /* another seed */
		c5_feed_crops_free(f);
	}
}

static void without_draws_crops_come_as_they_are(void **state)
{
	(void)state;
	static batch b;
	const size_t items[3] = { 4, 33, 41 }; /* of a, of b, and one kept back */
	c5_feed *f = feed_of(&strong, C5_BALANCE_NONE, 0);
	fill(f, &b, items, NULL, 3, 5);
	for (int i = 0; i < 3; i++) {
		uint8_t pixels[PIXELS];
		held_pixels(pixels, &(held_crops){ .seed = (uint64_t)(i + 1), .label = i > 0 }, i == 0 ? 4 : i == 1 ? 3 : 1, PIXELS);
		for (int k = 0; k < PIXELS; k++) assert_true(fabs(b.x[i * PIXELS + k] - (pixels[k] - 100.0) / 20) < 1e-5);
		assert_true(b.y[2 * i] == (i == 0) && b.y[2 * i + 1] == (i > 0) && b.w[i] == 1);
	}
	c5_feed_crops_free(f);
}

static void rare_classes_weigh_more_or_come_more_often(void **state)
{
	(void)state;
	static batch b;
	const c5_augment none = { 0 };
	size_t items[40], order[60];
	for (size_t i = 0; i < 40; i++) items[i] = i;
	c5_feed *f = feed_of(&none, C5_BALANCE_WEIGHT, 0);
	double of[2] = { 0 };
	fill(f, &b, items, NULL, 40, 1);
	for (int i = 0; i < 40; i++) of[b.y[2 * i + 1] > 0] += b.w[i];
	assert_true(fabs(of[0] - 20) < 1e-4 && fabs(of[1] - 20) < 1e-4);
	assert_null(f->draw);
	c5_feed_crops_free(f);
	const float twice[2] = { 1, 2 };
	c5_crop_feed how = { .prepare = &prepare, .augment = &none, .balance = C5_BALANCE_WEIGHT, .n_inputs = 1, .input_channels = { 1 },
		.class_weight = twice };
	assert_int_equal(c5_feed_crops(&f, &how, data, part, false), C5_OK);
	of[0] = of[1] = 0;
	fill(f, &b, items, NULL, 40, 1);
	for (int i = 0; i < 40; i++) of[b.y[2 * i + 1] > 0] += b.w[i];
	assert_true(fabs(of[0] - 20) < 1e-4 && fabs(of[1] - 40) < 1e-4);
	c5_feed_crops_free(f);

	f = feed_of(&none, C5_BALANCE_SAMPLE, 60);
	size_t first[60];
	for (uint64_t epoch = 0; epoch < 5; epoch++) {
		int times[40] = { 0 }, rare = 0;
		assert_int_equal(f->draw(f, 9, epoch, order), C5_OK);
		for (int i = 0; i < 60; i++) {
			assert_true(order[i] < 40);
			times[order[i]]++;
			rare += order[i] >= 30;
		}
		assert_int_equal(rare, 30);
		for (int i = 0; i < 40; i++) assert_int_equal(times[i], i < 30 ? 1 : 3); /* each as often as the others of its class */
		int early = 0;
		for (int i = 0; i < 30; i++) early += order[i] >= 30;
		assert_true(early > 5 && early < 25); /* mixed */
		if (epoch == 0) memcpy(first, order, sizeof first);
		else assert_memory_not_equal(order, first, sizeof first);
	}
	assert_int_equal(f->draw(f, 9, 0, order), C5_OK);
	assert_memory_equal(order, first, sizeof first);
	c5_feed_crops_free(f);

	f = feed_of(&none, C5_BALANCE_NONE, 50); /* more than there are: all, and some again */
	int times[40] = { 0 };
	assert_int_equal(f->per_epoch, 50);
	assert_int_equal(f->draw(f, 9, 0, order), C5_OK);
	for (int i = 0; i < 50; i++) times[order[i]]++;
	for (int i = 0; i < 40; i++) assert_true(times[i] == 1 || times[i] == 2);
	c5_feed_crops_free(f);
}

static void mixtures_mix_crops_classes_and_weights(void **state)
{
	(void)state;
	static batch mixed, plain;
	const c5_augment mix = { .mixup = 1 };
	c5_feed *f = feed_of(&mix, C5_BALANCE_WEIGHT, 0);
	size_t all[40];
	for (size_t i = 0; i < 40; i++) all[i] = i;
	fill(f, &plain, all, NULL, 40, 1);
	for (uint64_t d = 0; d < 200; d++) {
		size_t partner, item = d % 40;
		float share;
		assert_true(c5_augment_mix(&mix, 1, d, 40, &partner, &share));
		fill(f, &mixed, &item, &d, 1, 1);
		for (int k = 0; k < PIXELS; k++)
			assert_true(fabsf(mixed.x[k] - (share * plain.x[item * PIXELS + (size_t)k] + (1 - share) * plain.x[partner * PIXELS + (size_t)k])) < 1e-5f);
		for (int k = 0; k < 2; k++)
			assert_true(fabsf(mixed.y[k] - (share * plain.y[2 * item + (size_t)k] + (1 - share) * plain.y[2 * partner + (size_t)k])) < 1e-6f);
		assert_true(fabsf(mixed.w[0] - (share * plain.w[item] + (1 - share) * plain.w[partner])) < 1e-6f);
	}
	c5_feed_crops_free(f);
}

static void what_does_not_fit_is_refused(void **state)
{
	(void)state;
	const c5_augment none = { 0 };
	c5_prepare other = prepare;
	c5_crop_feed how = { .prepare = &other, .augment = &none, .n_inputs = 1, .input_channels = { 1 } };
	c5_feed *f;
	other.width = 12;
	assert_int_equal(c5_feed_crops(&f, &how, data, part, false), C5_EINPUT);
	assert_string_equal(c5_error_last(),
		"/experiments/a/crops/r000001/images: crops of 8x8 px, the model takes 8x12; resize them with --resize, or cut others");
	assert_int_equal(c5_feed_crops(&f, &how, data, part, true), C5_OK);
	assert_int_equal(f->input_count[0], 96);
	c5_feed_crops_free(f);
	other = prepare;
	snprintf(other.names[0], sizeof other.names[0], "srs");
	assert_int_equal(c5_feed_crops(&f, &how, data, part, false), C5_ENOTFOUND);
	assert_string_equal(c5_error_last(), "/experiments/a/crops/r000001/images: channel srs is not in the crops, which have phase");
	other = prepare;
	how.input_channels[0] = 3;
	assert_int_equal(c5_feed_crops(&f, &how, data, part, false), C5_EINPUT);
	assert_string_equal(c5_error_last(), "the model takes 3 channels, the crops are prepared to 1");
	assert_null(f);
}

/* ---- figures ---- */

static double figure(const char *const *names, const double *values, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0) return values[i];
	fail_msg("no %s", name);
	return NAN;
}

static void figures_are_what_their_names_say(void **state)
{
	(void)state;
	/* six items, two classes; the third and fourth have the same score, one of each class */
	const float prob[12] = { 0.9f, 0.1f, 0.7f, 0.3f, 0.4f, 0.6f, 0.4f, 0.6f, 0.2f, 0.8f, 0.8f, 0.2f };
	const int32_t label[6] = { 0, 0, 0, 1, 1, 1 };
	const char *names[8];
	double values[8], loss = -(log(0.9) + log(0.7) + log(0.4) + log(0.6) + log(0.8) + log(0.2)) / 6;
	int n = c5_class_figures(prob, label, 6, 2, names, values);
	assert_int_equal(n, 5);
	assert_true(fabs(figure(names, values, n, "accuracy") - 4.0 / 6) < 1e-12);
	assert_true(fabs(figure(names, values, n, "balanced_accuracy") - 4.0 / 6) < 1e-12);
	/* pairs (positive, negative): 0.6 beats 0.1, 0.3 and ties 0.6; 0.8 beats all; 0.2 beats 0.1 alone */
	assert_true(fabs(figure(names, values, n, "auc") - (2.5 + 3 + 1) / 9) < 1e-6);
	assert_true(fabs(figure(names, values, n, "log_loss") - loss) < 1e-6);
	/* bins of 1/15 by the claim: 0.6 twice, once right; 0.7, 0.9, one of two 0.8 right */
	assert_true(fabs(figure(names, values, n, "calibration_error") - (fabs(1.2 - 1) + fabs(0.7 - 1) + fabs(0.9 - 1) + fabs(1.6 - 1)) / 6) < 1e-6);
	const int32_t one_class[6] = { 0 };
	assert_true(isnan(figure(names, values, c5_class_figures(prob, one_class, 6, 2, names, values), "auc")));
}

static void the_validation_part_is_judged_in_its_order(void **state)
{
	(void)state;
	const c5_augment none = { 0 };
	c5_feed *f = feed_of(&none, C5_BALANCE_NONE, 0);
	const float outputs[12] = { 0.1f, 0.9f, 0.2f, 0.8f, 0.6f, 0.4f, 0.3f, 0.7f, 0.9f, 0.1f, 0.45f, 0.55f };
	const char *names[8];
	double values[8];
	int n = f->judge(f, (const float *const[]){ outputs }, NULL, names, values);
	assert_true(n == 3 && fabs(figure(names, values, n, "accuracy") - 4.0 / 6) < 1e-12);
	c5_feed_crops_free(f);
}

/* Crops beyond the memory allowed are read as they are needed, to the same pixels; a file that fails is told. */
static void memory_makes_no_difference(void **state)
{
	(void)state;
	static batch kept, read;
	const c5_augment none = { 0 };
	size_t items[40];
	for (size_t i = 0; i < 40; i++) items[i] = i;
	c5_feed *f = feed_of(&none, C5_BALANCE_NONE, 0);
	fill(f, &read, items, NULL, 40, 1);
	data->cache_bytes = 15 * PIXELS; /* b fits, a does not */
	assert_int_equal(c5_dataset_cache(data), C5_OK);
	assert_true(data->kept[0] == NULL && data->kept[1] != NULL);
	fill(f, &kept, items, NULL, 40, 1);
	assert_memory_equal(&kept, &read, sizeof kept);
	held_crops *h = data->sources[0].ctx;
	h->fail_at = 3;
	assert_int_equal(f->fill(f, items, NULL, 40, 1, (float *const[]){ kept.x }, (float *const[]){ kept.y }, kept.w), C5_EIO);
	assert_non_null(strstr(c5_error_last(), "cannot be read"));
	h->fail_at = 0;
	c5_feed_crops_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_are_alike_in_any_batch_and_thread), cmocka_unit_test(without_draws_crops_come_as_they_are),
		cmocka_unit_test(rare_classes_weigh_more_or_come_more_often), cmocka_unit_test(mixtures_mix_crops_classes_and_weights),
		cmocka_unit_test(what_does_not_fit_is_refused), cmocka_unit_test(figures_are_what_their_names_say),
		cmocka_unit_test(the_validation_part_is_judged_in_its_order), cmocka_unit_test(memory_makes_no_difference),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
