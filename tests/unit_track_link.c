/* unit_track_link.c – frames linked in twos: places, order of input, what is refused, what travels packed, and that a pair depends on nothing
 * but its own frames and the one before. */
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

#include "support_track.h"
#include "track/near.h"

static movie m;
static c5_track_params params;

static int fresh(void **state)
{
	(void)state;
	movie_free(&m);
	return c5_opt_defaults(c5_track_opts, &params);
}

static int clear(void **state)
{
	(void)state;
	movie_free(&m);
	return 0;
}

/* The pair into frame `to`, after frames first..to-1 were added. Caller frees. */
static c5_pair *pair_at(uint32_t first, uint32_t to)
{
	c5_linker *linker;
	c5_pair *pair = NULL;
	assert_int_equal(c5_linker_open(&linker, &params), C5_OK);
	for (uint32_t t = first; t <= to; t++) {
		c5_track_frame f = movie_frame(&m, t);
		c5_pair_free(pair);
		assert_int_equal(c5_linker_add(linker, &f, &pair), C5_OK);
	}
	c5_linker_close(linker);
	return pair;
}

/* True id of what the object `id` of frame `to` is linked from; 0 none. */
static uint32_t origin(const c5_pair *pair, uint32_t to, uint32_t id)
{
	for (uint32_t k = 0; k < pair->n_links; k++) {
		if (movie_id(&m, to, pair->nodes[pair->links[k].to].label) != id) continue;
		uint32_t label[MOVIE_OBJECTS], n = m.n[pair->before];
		for (uint32_t i = 0; i < n; i++) label[i] = m.objects[pair->before][i].label;
		for (uint32_t i = 1; i < n; i++)
			for (uint32_t j = i; j && label[j - 1] > label[j]; j--) {
				uint32_t l = label[j];
				label[j] = label[j - 1], label[j - 1] = l;
			}
		assert_in_range(pair->links[k].from, 0, n - 1);
		return movie_id(&m, pair->before, label[pair->links[k].from]);
	}
	return 0;
}

static void neighbours_are_found_as_by_looking_at_all(void **state)
{
	(void)state;
	enum { N = 300 };
	double y[N], x[N];
	uint64_t seed = 5;
	c5_near g;
	for (int i = 0; i < N; i++) y[i] = movie_dice(&seed, 1000) / 3.0, x[i] = movie_dice(&seed, 7) ? movie_dice(&seed, 1000) / 2.0 : 20;
	assert_int_equal(c5_near_open(&g, N, y, x, 12), C5_OK);
	for (int k = 0; k < 200; k++) {
		double cy = movie_dice(&seed, 1400) / 3.0 - 60, cx = movie_dice(&seed, 1400) / 2.0 - 90, r = movie_dice(&seed, 60), nearest = INFINITY;
		uint32_t n = 0;
		c5_near_ask(&g, cy, cx, r);
		for (uint32_t i = 0; i < N; i++) {
			double dy = y[i] - cy, dx = x[i] - cx;
			if (dy * dy + dx * dx > r * r) continue;
			assert_true(n < g.n_found);
			assert_int_equal(g.found[n++], i);
		}
		assert_int_equal(n, g.n_found);
		uint32_t of = movie_dice(&seed, N), at[16], two = c5_near_nearest(&g, of, 2, 1e4, NULL, at);
		for (uint32_t i = 0; i < N; i++)
			if (i != of) nearest = fmin(nearest, hypot(y[i] - y[of], x[i] - x[of]));
		assert_int_equal(two, 2);
		assert_float_equal(hypot(y[at[0]] - y[of], x[at[0]] - x[of]), nearest, 1e-9);
	}
	c5_near_close(&g);
	double v[] = { 5, 1, 4, 1, 9, 2, 6 };
	assert_float_equal(c5_median(v, 7), 4, 0);
	assert_float_equal(c5_median(v, 0), 0, 0);
}

static void each_finds_itself_whatever_the_order_and_the_labels(void **state)
{
	(void)state;
	uint64_t seed = 3;
	for (uint32_t i = 0; i < 100; i++)
		for (uint32_t t = 0; t < 3; t++)
			movie_add(&m, t, i + 1, 50 * (i / 10) + 3.0 * movie_dice(&seed, 4), 50 * (i % 10) + 3.0 * movie_dice(&seed, 4), 400 + movie_dice(&seed, 40), 1.5,
				0);
	c5_pair *one = pair_at(0, 2);
	assert_int_equal(one->n_links, 100);
	assert_int_equal(one->n_births, 0);
	movie_shuffle(&m, 9, true);
	c5_pair *two = pair_at(0, 2);
	assert_int_equal(two->n_links, 100);
	for (uint32_t k = 0; k < 100; k++) {
		assert_int_equal(origin(two, 2, k + 1), k + 1);
		assert_true(two->links[k].score > 0.5f && two->links[k].score <= 1);
	}
	c5_pair_free(one);
	c5_pair_free(two);
}

static void touching_rods_are_told_apart_while_the_colony_grows(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 64; i++) /* rods 36 x 12 side by side; everything swells by 12 % a frame about a corner */
		for (uint32_t t = 0; t < 3; t++) {
			double s = pow(1.12, t);
			movie_add(&m, t, i + 1, s * 36 * (i / 8), s * 13 * (i % 8), 380 * s, 3, 0.05 * (i % 5));
		}
	c5_pair *p = pair_at(0, 2);
	for (uint32_t k = 0; k < 64; k++) assert_int_equal(origin(p, 2, k + 1), k + 1);
	c5_pair_free(p);
}

static void a_shift_of_the_stage_is_seen_through(void **state)
{
	(void)state;
	uint64_t seed = 11;
	for (uint32_t i = 0; i < 40; i++) {
		double y = movie_dice(&seed, 400), x = movie_dice(&seed, 400), area = 200 + movie_dice(&seed, 200);
		movie_add(&m, 0, i + 1, y, x, area, 1.2, 0);
		movie_add(&m, 1, i + 1, y + 14, x - 12, area, 1.2, 0);
	}
	c5_pair *p = pair_at(0, 1);
	uint32_t right = 0;
	for (uint32_t k = 0; k < 40; k++) right += origin(p, 1, k + 1) == k + 1;
	assert_in_range(right, 38, 40);
	c5_pair_free(p);
}

static void cells_that_cross_keep_their_course(void **state)
{
	(void)state;
	for (uint32_t t = 0; t < 9; t++) {
		movie_add(&m, t, 1, 40 + 1.5 * t, 10 + 10.0 * t, 300, 1.2, 0);
		movie_add(&m, t, 2, 52 - 1.5 * t, 90 - 10.0 * t, 300, 1.2, 0);
	}
	for (uint32_t t = 1; t < 9; t++) {
		c5_pair *p = pair_at(0, t);
		assert_int_equal(origin(p, t, 1), 1);
		assert_int_equal(origin(p, t, 2), 2);
		c5_pair_free(p);
	}
}

static void nothing_is_linked_beyond_the_distance(void **state)
{
	(void)state;
	movie_add(&m, 0, 1, 100, 100, 300, 1, 0);
	movie_add(&m, 1, 1, 100, 112, 300, 1, 0);
	params.max_distance = 10;
	c5_pair *p = pair_at(0, 1);
	assert_int_equal(p->n_links, 0);
	c5_pair_free(p);
	params.max_distance = 14;
	p = pair_at(0, 1);
	assert_int_equal(p->n_links, 1);
	c5_pair_free(p);
}

static void a_pair_knows_only_the_two_frames_before(void **state)
{
	(void)state;
	if (!movie_colony(&m)) skip();
	for (uint32_t t = 2; t < m.n_frames; t++) {
		c5_buf whole = { 0 }, block = { 0 };
		c5_pair *a = pair_at(0, t), *b = pair_at(t - 2, t);
		c5_pair_pack(a, &whole);
		c5_pair_pack(b, &block);
		assert_int_equal(whole.size, block.size);
		assert_memory_equal(whole.data, block.data, whole.size);
		c5_pair_free(a);
		c5_pair_free(b);
		c5_buf_free(&whole);
		c5_buf_free(&block);
	}
}

static void a_packed_pair_comes_back(void **state)
{
	(void)state;
	if (!movie_colony(&m)) skip();
	c5_pair *p = pair_at(0, 3), *q = NULL;
	c5_buf b = { 0 };
	assert_true(p->n_links > 0 && p->n_births > 0);
	c5_pair_pack(p, &b);
	assert_int_equal(c5_pair_unpack(&q, &b), C5_OK);
	assert_int_equal(b.at, b.size);
	assert_int_equal(q->n_links, p->n_links);
	assert_memory_equal(q->nodes, p->nodes, p->n_nodes * sizeof *p->nodes);
	assert_memory_equal(q->links, p->links, p->n_links * sizeof *p->links);
	assert_memory_equal(q->births, p->births, p->n_births * sizeof *p->births);
	assert_true(p->n_others > 0 && q->n_others == p->n_others);
	assert_memory_equal(q->others, p->others, p->n_others * sizeof *p->others);
	c5_pair_free(q);
	b.at = 0, b.size -= 1;
	assert_int_equal(c5_pair_unpack(&q, &b), C5_EFAIL);
	assert_null(q);
	c5_buf_free(&b);
	c5_pair_free(p);
}

static void what_is_no_object_is_refused(void **state)
{
	(void)state;
	c5_linker *linker;
	c5_pair *pair;
	c5_object good = { .label = 1, .y = 5, .x = 5, .area = 20, .mean = NAN }, bad[6] = { good, good, good, good, good, good };
	bad[0].label = 0, bad[1].y = NAN, bad[2].area = 0, bad[3].major_axis = -1, bad[4].orientation = INFINITY, bad[5].x = 1e300;
	assert_int_equal(c5_linker_open(&linker, &params), C5_OK);
	for (int k = 0; k < 6; k++) {
		assert_int_equal(c5_linker_add(linker, &(c5_track_frame){ .frame = 3, .n = 1, .objects = &bad[k] }, &pair), C5_EINPUT);
		assert_null(pair);
	}
	assert_int_equal(c5_linker_add(linker, &(c5_track_frame){ .frame = 3, .n = 2, .objects = (c5_object[]){ good, good } }, &pair), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "two objects have label 1"));
	assert_int_equal(c5_linker_add(linker, &(c5_track_frame){ .frame = 3, .n = 1, .objects = &good }, &pair), C5_OK);
	c5_pair_free(pair);
	assert_int_equal(c5_linker_add(linker, &(c5_track_frame){ .frame = 3, .n = 1, .objects = &good }, &pair), C5_EINPUT);
	c5_linker_close(linker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(neighbours_are_found_as_by_looking_at_all, fresh),
		cmocka_unit_test_setup(each_finds_itself_whatever_the_order_and_the_labels, fresh),
		cmocka_unit_test_setup(touching_rods_are_told_apart_while_the_colony_grows, fresh),
		cmocka_unit_test_setup(a_shift_of_the_stage_is_seen_through, fresh),
		cmocka_unit_test_setup(cells_that_cross_keep_their_course, fresh),
		cmocka_unit_test_setup(nothing_is_linked_beyond_the_distance, fresh),
		cmocka_unit_test_setup(a_pair_knows_only_the_two_frames_before, fresh),
		cmocka_unit_test_setup(a_packed_pair_comes_back, fresh),
		cmocka_unit_test_setup(what_is_no_object_is_refused, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, clear);
}
