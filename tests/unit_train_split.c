/* unit_train_split.c – what is kept back: whole groups, about the share asked for, the same for the same seed; and splits that leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support_train.h"

/* `groups` experiments, class i % classes, 5 + i crops each. */
static c5_dataset *made_dataset(int groups, int classes, int side)
{
	c5_dataset *d = new_dataset(classes);
	for (int i = 0; i < groups; i++) {
		char name[16];
		snprintf(name, sizeof name, "e%02d", i);
		add_experiment(d, name, NULL, (uint64_t)(100 + i), i % classes, (uint64_t)(5 + i), side, "phase");
	}
	return d;
}

/* No group is on both sides, and what has no class is on none. */
static void assert_whole(const c5_dataset *d, const uint8_t *part)
{
	uint8_t side[64] = { 0 };
	for (size_t i = 0; i < d->n; i++) {
		const c5_item *it = &d->items[i];
		if (it->label < 0) {
			assert_int_equal(part[i], C5_PART_NONE);
			continue;
		}
		assert_true(part[i] == C5_PART_TRAIN || part[i] == C5_PART_VALIDATE);
		if (side[it->group]) assert_int_equal(side[it->group], part[i]);
		side[it->group] = part[i];
	}
}

static void groups_stay_whole_and_classes_get_their_share(void **state)
{
	(void)state;
	c5_dataset *d = made_dataset(24, 2, 4);
	uint8_t part[1024], again[1024];
	int differ = 0;
	for (uint64_t i = 0; i < d->n; i += 17) d->items[i].label = -1;
	for (uint64_t seed = 0; seed < 20; seed++)
		for (double share = 0.1; share < 0.6; share += 0.1) {
			size_t all[2], kept[2];
			assert_int_equal(c5_split_share(part, d, share, seed), C5_OK);
			assert_whole(d, part);
			c5_dataset_count(d, all, NULL, 0);
			c5_dataset_count(d, kept, part, C5_PART_VALIDATE);
			for (int k = 0; k < 2; k++) assert_true(fabs((double)kept[k] / (double)all[k] - share) < 0.12);
			assert_int_equal(c5_split_share(again, d, share, seed), C5_OK);
			assert_memory_equal(part, again, d->n);
		}
	assert_int_equal(c5_split_share(part, d, 0, 1), C5_OK);
	assert_int_equal(c5_dataset_count(d, NULL, part, C5_PART_VALIDATE), 0);
	c5_dataset_free(d);
	/* among groups of one size the seed chooses */
	d = new_dataset(2);
	for (int i = 0; i < 20; i++) {
		char name[8];
		snprintf(name, sizeof name, "e%02d", i);
		add_experiment(d, name, NULL, (uint64_t)i, i % 2, 10, 4, "phase");
	}
	for (uint64_t seed = 0; seed < 50; seed++) {
		assert_int_equal(c5_split_share(part, d, 0.3, seed), C5_OK);
		assert_int_equal(c5_split_share(again, d, 0.3, seed + 50), C5_OK);
		differ += memcmp(part, again, d->n) != 0;
	}
	assert_true(differ > 45);
	c5_dataset_free(d);
}

static void a_class_of_one_group_stays_in_training(void **state)
{
	(void)state;
	c5_dataset *d = new_dataset(2);
	uint8_t part[64];
	add_experiment(d, "a", NULL, 1, 0, 8, 4, "phase");
	add_experiment(d, "b", NULL, 2, 0, 8, 4, "phase");
	add_experiment(d, "c", NULL, 3, 1, 8, 4, "phase");
	for (uint64_t seed = 0; seed < 10; seed++) {
		size_t kept[2];
		assert_int_equal(c5_split_share(part, d, 0.5, seed), C5_OK);
		c5_dataset_count(d, kept, part, C5_PART_VALIDATE);
		assert_int_equal(kept[0], 8);
		assert_int_equal(kept[1], 0);
		assert_int_equal(c5_dataset_check(d, part, C5_PART_TRAIN, "training"), C5_OK);
	}
	c5_dataset_free(d);
}

/* A group of both classes: a well with two kinds of cells. */
static void a_class_of_two_groups_is_on_both_sides(void **state)
{
	(void)state;
	c5_dataset *d = new_dataset(2);
	uint8_t part[256];
	for (int i = 0; i < 4; i++) {
		char name[8], group[8];
		snprintf(name, sizeof name, "x%d", i), snprintf(group, sizeof group, "g%d", i / 2);
		add_experiment(d, name, group, (uint64_t)i, i % 2, 10, 4, "phase");
	}
	for (uint64_t seed = 0; seed < 10; seed++) {
		size_t kept[2], learnt[2];
		assert_int_equal(c5_split_share(part, d, 0.2, seed), C5_OK);
		assert_whole(d, part);
		c5_dataset_count(d, kept, part, C5_PART_VALIDATE);
		c5_dataset_count(d, learnt, part, C5_PART_TRAIN);
		for (int k = 0; k < 2; k++) assert_true(kept[k] == 10 && learnt[k] == 10);
	}
	c5_dataset_free(d);
}

static void folds_keep_every_crop_back_once(void **state)
{
	(void)state;
	c5_dataset *d = made_dataset(23, 3, 4);
	uint8_t part[1024];
	for (int folds = 2; folds <= 7; folds++) {
		int kept[1024] = { 0 };
		for (int f = 0; f < folds; f++) {
			size_t all[3], here[3];
			assert_int_equal(c5_split_fold(part, d, folds, f, 5), C5_OK);
			assert_whole(d, part);
			c5_dataset_count(d, all, NULL, 0);
			c5_dataset_count(d, here, part, C5_PART_VALIDATE);
			for (int k = 0; k < 3; k++) assert_true(fabs((double)here[k] / (double)all[k] - 1.0 / folds) < 0.16);
			for (size_t i = 0; i < d->n; i++) kept[i] += part[i] == C5_PART_VALIDATE;
		}
		for (size_t i = 0; i < d->n; i++) assert_int_equal(kept[i], 1);
	}
	assert_int_equal(c5_split_fold(part, d, 24, 0, 5), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "24 folds of 23 groups (by experiment)"));
	assert_int_equal(c5_split_fold(part, d, 1, 0, 5), C5_EUSAGE);
	assert_int_equal(c5_split_fold(part, d, 3, 3, 5), C5_EUSAGE);
	c5_dataset_free(d);
}

static void groups_are_named_by_globs(void **state)
{
	(void)state;
	c5_dataset *d = made_dataset(14, 2, 4);
	uint8_t part[1024];
	assert_int_equal(c5_split_named(part, d, "e03,e1?"), C5_OK);
	for (size_t i = 0; i < d->n; i++) {
		const char *g = d->groups[d->items[i].group];
		assert_int_equal(part[i] == C5_PART_VALIDATE, strcmp(g, "e03") == 0 || g[1] == '1');
	}
	assert_int_equal(c5_split_named(part, d, "f*"), C5_ENOTFOUND);
	assert_non_null(strstr(c5_error_last(), "no group matches 'f*'"));
	assert_non_null(strstr(c5_error_last(), "e00, e01"));
	assert_non_null(strstr(c5_error_last(), " ..."));
	c5_dataset_free(d);
}

static void crops_are_dealt_by_class(void **state)
{
	(void)state;
	c5_dataset *d = made_dataset(10, 2, 4);
	uint8_t part[1024];
	size_t all[2], kept[2];
	c5_dataset_count(d, all, NULL, 0);
	assert_int_equal(c5_split_crops(part, d, 0.25, 3), C5_OK);
	c5_dataset_count(d, kept, part, C5_PART_VALIDATE);
	for (int k = 0; k < 2; k++) assert_true(fabs((double)kept[k] - 0.25 * (double)all[k]) <= 1);
	c5_dataset_free(d);
}

static void leaks_are_found_and_named(void **state)
{
	(void)state;
	c5_dataset *d = made_dataset(8, 2, 6);
	uint8_t part[256];
	assert_int_equal(c5_split_share(part, d, 0.3, 1), C5_OK);
	assert_int_equal(c5_split_leaks(part, d), C5_OK);
	/* an experiment on both sides */
	assert_int_equal(c5_split_crops(part, d, 0.3, 1), C5_OK);
	assert_int_equal(c5_split_leaks(part, d), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "experiment e0"));
	assert_non_null(strstr(c5_error_last(), "--force-leak"));
	/* a well of one plate in two experiments; of two plates they are two wells */
	for (size_t s = 0; s < d->n_sources; s++) d->sources[s].well = strdup("A01"), d->sources[s].plate = strdup(s % 2 ? "P1" : "P2");
	assert_int_equal(c5_split_named(part, d, "e00,e02,e04,e06"), C5_OK);
	assert_int_equal(c5_split_leaks(part, d), C5_OK);
	assert_int_equal(c5_split_named(part, d, "e00"), C5_OK);
	assert_int_equal(c5_split_leaks(part, d), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "well P2 A01"));
	c5_dataset_free(d);
}

static void the_same_pixels_on_both_sides_are_a_leak(void **state)
{
	(void)state;
	c5_dataset *d = new_dataset(2);
	uint8_t part[64];
	add_experiment(d, "a", NULL, 1, 0, 6, 6, "phase");
	add_experiment(d, "b", NULL, 2, 1, 6, 6, "phase");
	add_experiment(d, "copy", NULL, 1, 0, 6, 6, "phase"); /* of a */
	add_experiment(d, "other", NULL, 4, 1, 6, 6, "phase");
	assert_int_equal(c5_split_named(part, d, "copy,other"), C5_OK);
	assert_int_equal(c5_split_leaks(part, d), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "have the same pixels"));
	assert_non_null(strstr(c5_error_last(), "of a (training)"));
	assert_non_null(strstr(c5_error_last(), "of copy (validation)"));
	assert_int_equal(c5_split_named(part, d, "a,copy,b"), C5_OK); /* both on one side */
	assert_int_equal(c5_split_leaks(part, d), C5_OK);
	c5_dataset_free(d);
}

static void what_cannot_be_learnt_from_is_refused(void **state)
{
	(void)state;
	c5_dataset *d = new_dataset(1);
	uint8_t part[64];
	add_experiment(d, "a", NULL, 1, 0, 6, 6, "phase");
	assert_int_equal(c5_dataset_check(d, NULL, 0, NULL), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "condition: one class only, control"));
	c5_dataset_add_class(d, "senescent");
	assert_int_equal(c5_dataset_check(d, NULL, 0, NULL), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "class senescent has no example; leave it out of --classes"));
	add_experiment(d, "b", NULL, 2, 1, 6, 6, "phase");
	assert_int_equal(c5_dataset_check(d, NULL, 0, NULL), C5_OK);
	assert_int_equal(c5_split_named(part, d, "b"), C5_OK);
	assert_int_equal(c5_dataset_check(d, part, C5_PART_TRAIN, "training"), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "class senescent has no example in training"));
	c5_dataset_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_stay_whole_and_classes_get_their_share), cmocka_unit_test(a_class_of_one_group_stays_in_training),
		cmocka_unit_test(a_class_of_two_groups_is_on_both_sides), cmocka_unit_test(folds_keep_every_crop_back_once),
		cmocka_unit_test(groups_are_named_by_globs), cmocka_unit_test(crops_are_dealt_by_class), cmocka_unit_test(leaks_are_found_and_named),
		cmocka_unit_test(the_same_pixels_on_both_sides_are_a_leak), cmocka_unit_test(what_cannot_be_learnt_from_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
