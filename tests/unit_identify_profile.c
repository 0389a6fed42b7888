/* unit_identify_profile.c – profiles of pictures and the ratios read off them: known shifts, tiles that differ for other reasons than scale, sums of
 * profiles, and too little to compare. How well ratios of real images are told is measured by bench/identify.py. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "identify/profile.h"

enum { N = C5_PROFILE_FEATURES, LEVELS = C5_PROFILE_LEVELS, MOST = 12, FREE = 40 };

/* How a made-up picture is made. Features say how large things look in a tile, each by a wave of its own; besides, tiles differ in what is in
 * them, along one direction that has nothing to do with scale, by `nuisance`. */
typedef struct made { double scale; int first, levels, tiles; double noise, nuisance, factor; uint64_t seed; } made;

static void feature_of(float out[N], const made *how, int level, c5_random *r)
{
	double size = log2(how->scale) - 0.25 * level, content = how->nuisance * c5_random_normal(r);
	for (int k = 0; k < N; k++) {
		double wave = k < FREE ? sin(size * (0.4 + 0.05 * k) + k) : 0;
		out[k] = (float)(how->factor * (3 + wave + how->noise * c5_random_normal(r) + (k % 2 ? 1 : -1) * content / 4));
	}
}

static void profile_of(c5_profile *p, const made *how)
{
	c5_random r;
	memset(p, 0, sizeof *p);
	for (int l = how->first; l < how->first + how->levels; l++) {
		static c5_profile_tiles t;
		float feature[N];
		memset(&t, 0, sizeof t);
		c5_random_start(&r, how->seed, (uint64_t)l);
		double picture = how->nuisance * 0.5 * c5_random_normal(&r); /* tiles of one magnification show the same places, and differ alike */
		for (int i = 0; i < how->tiles; i++) {
			feature_of(feature, how, l, &r);
			for (int k = 0; k < N; k++) feature[k] += (float)(how->factor * (k % 2 ? 1 : -1) * picture / 4);
			c5_profile_tile(&t, feature);
		}
		c5_profile_level(p, l, &t);
	}
}

static void a_level_is_mean_spread_and_covariance_of_its_tiles(void **state)
{
	static c5_profile p;
	static c5_profile_tiles t;
	static float feature[2][5][N];
	c5_random r;
	(void)state;
	c5_random_start(&r, 3, 4);
	for (int l = 0; l < 2; l++) {
		memset(&t, 0, sizeof t);
		for (int i = 0; i < 5 - l; i++) {
			for (int k = 0; k < N; k++) feature[l][i][k] = (float)(10 + c5_random_normal(&r) * (1 + k % 3));
			c5_profile_tile(&t, feature[l][i]);
		}
		c5_profile_level(&p, 7 + l, &t);
	}
	memset(&t, 0, sizeof t); /* one tile alone, and none: they have a mean, or not, and no spread */
	c5_profile_tile(&t, feature[0][0]);
	c5_profile_level(&p, 9, &t);
	memset(&t, 0, sizeof t);
	c5_profile_level(&p, 10, &t);
	assert_true(p.freedom > 6.99f && p.freedom < 7.01f && p.level[9].tiles > 0.5f && p.level[9].spread <= 0 && p.level[10].tiles <= 0);
	for (int a = 0, at = 0; a < N; a++)
		for (int b = 0; b <= a; b++, at++) {
			double sum = 0;
			for (int l = 0; l < 2; l++)
				for (int i = 0; i < 5 - l; i++)
					sum += ((double)feature[l][i][a] - (double)p.level[7 + l].feature[a]) * ((double)feature[l][i][b] - (double)p.level[7 + l].feature[b]);
			assert_true(fabs(sum / 7 - (double)p.covariance[at]) < 1e-3);
		}
	for (int l = 0; l < 2; l++) {
		double mean = 0, spread = 0;
		for (int i = 0; i < 5 - l; i++) {
			mean += (double)feature[l][i][11] / (5 - l);
			for (int k = 0; k < N; k++) spread += pow((double)feature[l][i][k] - (double)p.level[7 + l].feature[k], 2) / (5 - l);
		}
		assert_true(fabs(mean - (double)p.level[7 + l].feature[11]) < 1e-5 && fabs(spread - (double)p.level[7 + l].spread) < 1e-3);
	}
}

static double told(const made *reference, const made *p)
{
	static c5_profile a, b;
	profile_of(&a, reference);
	profile_of(&b, p);
	double there = c5_profile_ratio(&a, &b), back = c5_profile_ratio(&b, &a);
	assert_true(fabs(there * back - 1) < 1e-6); /* the other way round it is the inverse */
	return there;
}

static void shifts_are_told(void **state)
{
	static const double scales[] = { 1, 2, 0.5, 1.41, 0.25, 4, 1.1, 0.9 };
	(void)state;
	for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
		for (int few = 0; few < 2; few++) { /* a small picture has few magnifications and tiles */
			made a = { .scale = 1, .levels = few ? 14 : 21, .tiles = few ? 3 : 10, .noise = 0.3, .factor = 1, .seed = 5 }, b = a;
			b.scale = scales[i], b.seed = 90 + i, b.levels += (int)round(4 * log2(scales[i]));
			if (few && b.levels < 8) continue;
			double ratio = told(&a, &b);
			assert_true(fabs(ratio / scales[i] - 1) < (few ? 0.08 : 0.03));
			a.factor = b.factor = 30; /* the unit of features means nothing */
			assert_true(fabs(told(&a, &b) / ratio - 1) < 1e-3);
		}
}

/* What tiles differ by at one and the same magnification says nothing of scale, however much of it there is. */
static void what_is_in_the_tiles_does_not_mislead(void **state)
{
	double worst = 0;
	(void)state;
	for (uint64_t seed = 0; seed < 8; seed++) {
		made a = { .scale = 1, .levels = 16, .tiles = 8, .noise = 0.3, .nuisance = 6, .factor = 1, .seed = 2 * seed + 11 }, b = a;
		b.seed++, b.scale = 1.5;
		worst = fmax(worst, fabs(told(&a, &b) / 1.5 - 1));
	}
	assert_true(worst < 0.1);
}

/* Profiles that are added are as the profile of all their tiles, where each has as many. */
static void a_sum_is_the_profile_of_all_tiles(void **state)
{
	static c5_profile one, sum, all;
	static c5_profile_tiles t;
	c5_random r[3];
	(void)state;
	memset(&all, 0, sizeof all);
	made how = { .scale = 1, .levels = 3, .tiles = MOST, .noise = 1, .factor = 1 };
	for (int k = 0; k < 3; k++) {
		how.seed = 20 + (uint64_t)k, how.scale = exp2(0.3 * k);
		profile_of(&one, &how);
		c5_profile_add(&sum, &one);
	}
	for (int l = 0; l < 3; l++) {
		memset(&t, 0, sizeof t);
		for (int k = 0; k < 3; k++) {
			float feature[N];
			how.scale = exp2(0.3 * k);
			c5_random_start(&r[k], 20 + (uint64_t)k, (uint64_t)l);
			c5_random_normal(&r[k]);
			for (int i = 0; i < MOST; i++) feature_of(feature, &how, l, &r[k]), c5_profile_tile(&t, feature);
		}
		c5_profile_level(&all, l, &t);
		assert_true(fabsf(sum.level[l].tiles - 3) < 0.1f && fabsf(sum.level[l].spread / all.level[l].spread - 1) < 1e-4f);
		for (int k = 0; k < N; k++) assert_true(fabsf(sum.level[l].feature[k] - all.level[l].feature[k]) < 1e-5f);
	}
	assert_true(fabsf(sum.freedom - 3 * 3 * (MOST - 1)) < 0.1f); /* within pictures: that pictures differ is in the spread alone */
	double trace = 0, apart = 0;
	for (int k = 0; k < N; k++) trace += (double)sum.covariance[(k + 1) * (k + 2) / 2 - 1], apart += (double)all.covariance[(k + 1) * (k + 2) / 2 - 1];
	assert_true(fabs(trace / N - 1) < 0.2 && trace < apart);
}

static void too_little_is_told_as_not_known(void **state)
{
	static c5_profile a, b, none;
	(void)state;
	made how = { .scale = 1, .levels = 20, .tiles = 4, .noise = 0.3, .factor = 1, .seed = 8 }, few = how;
	few.first = 2, few.levels = 5;
	profile_of(&a, &how);
	profile_of(&b, &few);
	assert_true(isnan(c5_profile_ratio(&a, &b)));
	assert_true(isnan(c5_profile_ratio(&a, &none)) && isnan(c5_profile_ratio(&none, &a)) && isnan(c5_profile_ratio(&none, &none)));
	few.levels = 8;
	profile_of(&b, &few);
	assert_true(fabs(c5_profile_ratio(&a, &b) - 1) < 0.1);
	for (int l = 0; l < LEVELS; l++) /* tiles that are all the same */
		for (int k = 0; k < N; k++) none.level[l].tiles = 2, none.level[l].feature[k] = 5;
	assert_true(isnan(c5_profile_ratio(&none, &none)));
	how.tiles = 1; /* one tile each: no covariance within, but still the rows */
	profile_of(&a, &how);
	assert_true(a.freedom <= 0);
	how.seed++, how.scale = 2, how.noise = 0.1;
	profile_of(&b, &how);
	assert_true(fabs(c5_profile_ratio(&a, &b) / 2 - 1) < 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_level_is_mean_spread_and_covariance_of_its_tiles),
		cmocka_unit_test(shifts_are_told),
		cmocka_unit_test(what_is_in_the_tiles_does_not_mislead),
		cmocka_unit_test(a_sum_is_the_profile_of_all_tiles),
		cmocka_unit_test(too_little_is_told_as_not_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
