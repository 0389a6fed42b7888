/* unit_base_random.c – Philox4x32-10 against the known answers its authors published, streams apart from one another, and the helpers'
 * distributions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"

static void philox_gives_the_published_answers(void **state)
{
	(void)state;
	static const struct { uint32_t counter[4], key[2], out[4]; } known[] = {
		{ { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
		{ { ~0u, ~0u, ~0u, ~0u }, { ~0u, ~0u }, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
		{ { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, { 0xa4093822, 0x299f31d0 }, { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		uint32_t out[4];
		c5_philox(out, known[i].counter, known[i].key);
		for (int k = 0; k < 4; k++) assert_int_equal(out[k], known[i].out[k]);
	}
}

static void a_stream_is_its_blocks_in_order(void **state)
{
	(void)state;
	c5_random r;
	c5_random_start(&r, 0x299f31d0a4093822u, 0x0370734413198a2eu);
	for (uint32_t block = 0; block < 3; block++) {
		uint32_t want[4], counter[4] = { block, 0, 0x13198a2e, 0x03707344 }, key[2] = { 0xa4093822, 0x299f31d0 };
		c5_philox(want, counter, key);
		for (int k = 0; k < 4; k++) assert_int_equal(c5_random_u32(&r), want[k]);
	}
	r.counter[0] = ~0u;
	r.left = 0;
	for (int k = 0; k < 4; k++) c5_random_u32(&r);
	assert_int_equal(r.counter[0], 0);
	assert_int_equal(r.counter[1], 1);
}

static void streams_repeat_and_differ_by_seed_and_item(void **state)
{
	(void)state;
	c5_random a, b, seed, item;
	c5_random_start(&a, 7, 1);
	c5_random_start(&b, 7, 1);
	c5_random_start(&seed, 8, 1);
	c5_random_start(&item, 7, 2);
	int same_seed = 0, same_item = 0;
	for (int i = 0; i < 1000; i++) {
		uint32_t v = c5_random_u32(&a);
		assert_int_equal(v, c5_random_u32(&b));
		same_seed += v == c5_random_u32(&seed);
		same_item += v == c5_random_u32(&item);
	}
	assert_true(same_seed < 3 && same_item < 3);
}

static void uniforms_fill_the_interval_evenly(void **state)
{
	(void)state;
	enum { N = 200000, BINS = 50 };
	int bins[BINS] = { 0 };
	c5_random r;
	c5_random_start(&r, 1, 0);
	for (int i = 0; i < N; i++) {
		double v = c5_random_uniform(&r);
		assert_true(v >= 0 && v < 1);
		bins[(int)(v * BINS)]++;
	}
	double chi2 = 0, want = (double)N / BINS;
	for (int i = 0; i < BINS; i++) chi2 += (bins[i] - want) * (bins[i] - want) / want;
	assert_true(chi2 > 20 && chi2 < 95); /* 49 degrees of freedom: beyond these once in ten thousand */
	for (int i = 0; i < 1000; i++) {
		double v = c5_random_range(&r, -3, 5);
		assert_true(v >= -3 && v < 5);
	}
}

static void below_reaches_every_value_and_no_other(void **state)
{
	(void)state;
	int seen[7] = { 0 };
	c5_random r;
	c5_random_start(&r, 1, 1);
	for (int i = 0; i < 70000; i++) {
		uint64_t v = c5_random_below(&r, 7);
		assert_true(v < 7);
		seen[v]++;
	}
	for (int i = 0; i < 7; i++) assert_in_range(seen[i], 9500, 10500);
	assert_int_equal(c5_random_below(&r, 0), 0);
	assert_int_equal(c5_random_below(&r, 1), 0);
	for (int i = 0; i < 100; i++) assert_true(c5_random_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void normals_have_the_moments_of_normals(void **state)
{
	(void)state;
	enum { N = 200000 };
	double sum = 0, sum2 = 0, sum3 = 0, sum4 = 0, pairs = 0, last = 0;
	c5_random r;
	c5_random_start(&r, 3, 0);
	for (int i = 0; i < N; i++) {
		double v = c5_random_normal(&r);
		assert_true(isfinite(v));
		sum += v;
		sum2 += v * v;
		sum3 += v * v * v;
		sum4 += v * v * v * v;
		pairs += v * last;
		last = v;
	}
	assert_true(fabs(sum / N) < 0.01);
	assert_true(fabs(sum2 / N - 1) < 0.015);
	assert_true(fabs(sum3 / N) < 0.03);
	assert_true(fabs(sum4 / N - 3) < 0.1);
	assert_true(fabs(pairs / N) < 0.01);
}

static void orders_are_permutations_all_alike_likely(void **state)
{
	(void)state;
	int seen[6] = { 0 };
	c5_random r;
	c5_random_start(&r, 5, 0);
	for (int i = 0; i < 60000; i++) {
		uint64_t o[3];
		c5_random_order(&r, o, 3);
		assert_int_equal((1u << o[0]) | (1u << o[1]) | (1u << o[2]), 7);
		seen[o[0] * 2 + (o[1] > o[2])]++;
	}
	for (int i = 0; i < 6; i++) assert_in_range(seen[i], 9500, 10500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(philox_gives_the_published_answers),
		cmocka_unit_test(a_stream_is_its_blocks_in_order),
		cmocka_unit_test(streams_repeat_and_differ_by_seed_and_item),
		cmocka_unit_test(uniforms_fill_the_interval_evenly),
		cmocka_unit_test(below_reaches_every_value_and_no_other),
		cmocka_unit_test(normals_have_the_moments_of_normals),
		cmocka_unit_test(orders_are_permutations_all_alike_likely),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
