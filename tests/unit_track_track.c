/* unit_track_track.c – whole movies: divisions, gaps, empty frames, births and deaths, the real colony against its truth, and the same tracks for any
 * order of objects, any number of threads and any cutting into blocks. */
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
#include "track/stats.h"

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

/* Whatever comes out keeps the rules of the headers. */
static void check(const c5_tracks *r)
{
	size_t seen = 0;
	for (size_t i = 1; i < r->n_nodes; i++) {
		const c5_track_node *a = &r->nodes[i - 1], *b = &r->nodes[i];
		assert_true(a->frame < b->frame || (a->frame == b->frame && a->label < b->label));
	}
	for (size_t k = 0; k < r->n_tracks; k++) {
		const c5_track *t = &r->tracks[k], *p = t->parent ? &r->tracks[t->parent - 1] : NULL;
		assert_int_equal(t->id, k + 1);
		assert_true(t->first <= t->last && t->n_nodes >= 1 && t->n_nodes <= t->last - t->first + 1);
		assert_true(t->daughters == 0 || t->daughters == 2);
		if (k) assert_true(t[-1].first < t->first || (t[-1].first == t->first && t[-1].first_label < t->first_label));
		if (p) assert_true(p->last < t->first && p->daughters == 2 && t->generation == p->generation + 1 && t->founder == p->founder);
		else assert_true(t->generation == 0 && t->founder == t->id);
		seen += t->n_nodes;
	}
	assert_int_equal(seen, r->n_nodes);
	for (size_t k = 0; k < r->n_links; k++) {
		const c5_track_link *l = &r->links[k];
		const c5_track_node *a = &r->nodes[l->from], *b = &r->nodes[l->to];
		assert_true(a->frame < b->frame && l->score >= 0 && l->score <= 1);
		if (l->kind == C5_LINK_DIVISION) assert_int_equal(r->tracks[b->track - 1].parent, a->track);
		else assert_int_equal(a->track, b->track);
		if (l->kind == C5_LINK_STEP) assert_int_equal(a->frame + 1, b->frame);
	}
	assert_int_equal(r->n_links + r->n_tracks, r->n_nodes + 2 * r->divisions);
	double *of_from = calloc(r->n_nodes + 1, sizeof *of_from), *of_to = calloc(r->n_nodes + 1, sizeof *of_to);
	size_t taken = 0, surer = 0;
	for (size_t k = 0; k < r->n_candidates; k++) {
		const c5_track_candidate *c = &r->candidates[k];
		if (k) assert_true(c[-1].to < c->to || (c[-1].to == c->to && c[-1].from < c->from));
		assert_true(r->nodes[c->from].frame < r->nodes[c->to].frame && c->probability >= C5_PAIR_LEAST && c->probability <= 1);
		of_from[c->from] += c->probability, of_to[c->to] += c->probability;
		taken += c->kind != 0;
		for (size_t l = 0; c->kind == C5_LINK_STEP && l < r->n_links; l++)
			surer += r->links[l].to == c->to && (r->links[l].from != c->from || r->links[l].score > c->probability + 1e-6f);
	}
	for (size_t i = 0; i < r->n_nodes; i++) assert_true(of_to[i] <= 1.001 && of_from[i] <= 2.001); /* a mother's daughters do not contend */
	assert_true(taken <= r->n_links && surer == 0);
	free(of_from);
	free(of_to);
}

static c5_tracks *track_movie(void)
{
	c5_tracker *tracker;
	c5_tracks *r;
	assert_int_equal(c5_tracker_open(&tracker, &params), C5_OK);
	for (uint32_t t = 0; t < m.n_frames; t++) {
		c5_track_frame f = movie_frame(&m, t);
		assert_int_equal(c5_tracker_add_frame(tracker, &f), C5_OK);
	}
	assert_int_equal(c5_tracker_finish(tracker, &r), C5_OK);
	c5_tracker_close(tracker);
	check(r);
	return r;
}

static const c5_track *track_of(const c5_tracks *r, uint32_t t, uint32_t id)
{
	for (size_t i = 0; i < r->n_nodes; i++)
		if (r->nodes[i].frame == t && movie_id(&m, t, r->nodes[i].label) == id) return &r->tracks[r->nodes[i].track - 1];
	fail_msg("no object %u in frame %u", id, t);
	return NULL;
}

/* n cells on a grid that wander a little. */
static void wander(uint32_t n, uint32_t frames, uint64_t seed)
{
	m.height = m.width = 640;
	for (uint32_t i = 0; i < n; i++) {
		double y = 80 + 60 * (i / 8), x = 80 + 60 * (i % 8);
		for (uint32_t t = 0; t < frames; t++) {
			y += movie_dice(&seed, 7) - 3.0, x += movie_dice(&seed, 7) - 3.0;
			movie_add(&m, t, i + 1, y, x, 500 + movie_dice(&seed, 50), 1.3, 0.1 * i);
		}
	}
}

static void drop(uint32_t t, uint32_t id)
{
	for (uint32_t k = 0; k < m.n[t]; k++)
		if (m.id[t][k] == id) {
			m.n[t]--;
			m.objects[t][k] = m.objects[t][m.n[t]], m.id[t][k] = m.id[t][m.n[t]];
		}
}

static void movies_without_objects_have_no_tracks(void **state)
{
	(void)state;
	c5_tracks *r = track_movie();
	assert_int_equal(r->n_tracks, 0);
	c5_tracks_free(r);
	m.n_frames = 5;
	r = track_movie();
	assert_int_equal(r->n_tracks + r->n_nodes + r->n_links, 0);
	assert_int_equal(r->last_frame, 4);
	c5_tracks_free(r);
}

static void one_frame_is_as_many_tracks_as_objects(void **state)
{
	(void)state;
	wander(12, 1, 1);
	c5_tracks *r = track_movie();
	assert_int_equal(r->n_tracks, 12);
	assert_int_equal(r->n_links, 0);
	c5_tracks_free(r);
}

static void one_object_is_one_track(void **state)
{
	(void)state;
	wander(1, 20, 1);
	c5_tracks *r = track_movie();
	c5_track_stats s;
	assert_int_equal(r->n_tracks, 1);
	assert_int_equal(c5_track_measure(r, &s), C5_OK);
	double path = 0, area = 0;
	for (uint32_t t = 0; t < 20; t++) {
		const c5_object *o = &m.objects[t][0];
		if (t) path += hypot(o->y - m.objects[t - 1][0].y, o->x - m.objects[t - 1][0].x);
		area += o->area / 20;
	}
	assert_int_equal(s.lifetime, 20);
	assert_int_equal(s.seen, 20);
	assert_float_equal(s.path, path, 1e-3);
	assert_float_equal(s.speed, path / 19, 1e-3);
	assert_float_equal(s.mean_area, area, 1e-3);
	assert_float_equal(s.displacement, hypot(m.objects[19][0].y - m.objects[0][0].y, m.objects[19][0].x - m.objects[0][0].x), 1e-3);
	assert_false(s.complete);
	c5_tracks_free(r);
}

static void all_may_go_and_others_come(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 6; i++)
		for (uint32_t t = 0; t < 6; t++) movie_add(&m, t, t < 3 ? i + 1 : i + 101, (t < 3 ? 50 : 900) + 60.0 * i, (t < 3 ? 50 : 900) + t, 300, 1.2, 0);
	c5_tracks *r = track_movie();
	assert_int_equal(r->n_tracks, 12);
	assert_int_equal(r->gaps + r->divisions, 0);
	c5_tracks_free(r);
}

static void add_division(double area_after)
{
	wander(20, 16, 4);
	for (uint32_t t = 0; t < 16; t++) {
		double s = 8 + 1.5 * ((double)t - 8);
		if (t < 8) movie_add(&m, t, 200, 560, 300 + t, 600 + 30.0 * t, 1.5, 0);
		else movie_add(&m, t, 201, 560 - s, 300 + t, area_after + 10.0 * t, 1.2, 0),
			movie_add(&m, t, 202, 560 + s, 300 + t, 0.95 * area_after + 10.0 * t, 1.2, 0);
	}
}

static void a_cell_that_halves_has_two_daughters(void **state)
{
	(void)state;
	add_division(330);
	c5_tracks *r = track_movie();
	const c5_track *mother = track_of(r, 0, 200), *one = track_of(r, 8, 201), *two = track_of(r, 8, 202);
	assert_int_equal(r->divisions, 1);
	assert_int_equal(r->n_tracks, 23);
	assert_int_equal(mother->last, 7);
	assert_true(one != two && one->parent == mother->id && two->parent == mother->id);
	assert_ptr_equal(track_of(r, 15, 201), one);
	assert_ptr_equal(track_of(r, 15, 202), two);
	c5_tracks_free(r);
	params.divisions = false;
	r = track_movie();
	assert_int_equal(r->divisions, 0);
	c5_tracks_free(r);
}

static void a_newcomer_beside_a_cell_that_keeps_its_size_is_no_daughter(void **state)
{
	(void)state;
	wander(20, 16, 4);
	for (uint32_t t = 0; t < 16; t++) {
		movie_add(&m, t, 200, 560, 300 + t, 760 + 5.0 * t, 1.3, 0);
		if (t >= 8) movie_add(&m, t, 202, 561, 334 + t, 760, 1.3, 0);
	}
	c5_tracks *r = track_movie();
	assert_int_equal(r->divisions, 0);
	assert_ptr_equal(track_of(r, 0, 200), track_of(r, 15, 200));
	c5_tracks_free(r);
}

static void a_division_missed_for_a_frame_is_found(void **state)
{
	(void)state;
	add_division(330);
	drop(8, 201), drop(8, 202);
	c5_tracks *r = track_movie();
	assert_int_equal(r->divisions, 1);
	assert_int_equal(track_of(r, 9, 201)->parent, track_of(r, 0, 200)->id);
	assert_int_equal(track_of(r, 9, 202)->parent, track_of(r, 0, 200)->id);
	c5_tracks_free(r);
	clear(NULL);
	add_division(330);
	drop(8, 202); /* one daughter comes late */
	r = track_movie();
	assert_int_equal(r->divisions, 1);
	assert_int_equal(track_of(r, 8, 201)->parent, track_of(r, 0, 200)->id);
	assert_int_equal(track_of(r, 9, 202)->parent, track_of(r, 0, 200)->id);
	c5_tracks_free(r);
}

static void an_object_missed_for_a_while_is_the_same(void **state)
{
	(void)state;
	wander(30, 20, 8);
	for (uint32_t k = 0; k < 3; k++) drop(9 + k, 5), drop(4, 10 + k), drop(12, 14 + k), drop(13, 14 + k);
	c5_tracks *r = track_movie();
	assert_int_equal(r->n_tracks, 30);
	assert_int_equal(r->gaps, 7);
	c5_tracks_free(r);
	params.gap = 2; /* three frames are too many then */
	r = track_movie();
	assert_int_equal(r->n_tracks, 31);
	c5_tracks_free(r);
	params.gap = 0;
	r = track_movie();
	assert_int_equal(r->gaps, 0);
	assert_int_equal(r->n_tracks, 37);
	c5_tracks_free(r);
}

static void frames_missed_altogether_lose_nobody(void **state)
{
	(void)state;
	wander(40, 30, 2);
	for (uint32_t t = 6; t < 30; t += 7) m.n[t] = 0;
	c5_tracks *r = track_movie();
	assert_int_equal(r->n_tracks, 40);
	for (uint32_t i = 0; i < 40; i++) assert_ptr_equal(track_of(r, 0, i + 1), track_of(r, 29, i + 1));
	c5_tracks_free(r);
}

/* One object between two, nearer to the one: both are told of, and how likely either is. */
static void alternatives_are_told_with_their_share(void **state)
{
	(void)state;
	m.height = m.width = 400;
	for (uint32_t t = 0; t < 3; t++) {
		movie_add(&m, t, 1, 200, 100, 300, 1, 0);
		if (t < 2) movie_add(&m, t, 2, 200, 130, 300, 1, 0);
	}
	m.objects[2][0].x += 13;
	c5_tracks *r = track_movie();
	const c5_track_candidate *taken = NULL, *other = NULL;
	for (size_t k = 0; k < r->n_candidates; k++)
		if (r->nodes[r->candidates[k].to].frame == 2) *(r->candidates[k].kind ? &taken : &other) = &r->candidates[k];
	assert_true(taken && other && taken->probability > other->probability && taken->probability + other->probability <= 1);
	assert_true(r->nodes[taken->from].label == 1 && r->nodes[other->from].label == 2);
	c5_tracks_free(r);
}

/* Links of the result that agree with ids in time; parents by the truth's list. */
static void the_colony_is_tracked_without_a_mistake(void **state)
{
	(void)state;
	static const uint32_t parents[][3] = { { 20, 30, 561 }, { 24, 33, 34 }, { 16, 35, 36 }, { 560, 37, 38 }, { 22, 39, 40 }, { 19, 41, 42 },
		{ 21, 43, 44 }, { 23, 45, 46 },
		{ 18, 47, 48 }, { 26, 49, 50 }, { 25, 51, 52 }, { 27, 53, 54 } };
	if (!movie_colony(&m)) skip();
	assert_int_equal(m.n_frames, 6);
	c5_tracks *r = track_movie();
	size_t steps = 0, parts = 0;
	for (size_t k = 0; k < r->n_links; k++) {
		const c5_track_node *a = &r->nodes[r->links[k].from], *b = &r->nodes[r->links[k].to];
		uint32_t from = movie_id(&m, a->frame, a->label), to = movie_id(&m, b->frame, b->label);
		if (r->links[k].kind != C5_LINK_DIVISION) {
			assert_int_equal(from, to);
			steps++;
		} else
			parts++;
		for (size_t d = 0; r->links[k].kind == C5_LINK_DIVISION && d < sizeof parents / sizeof *parents; d++)
			if (parents[d][0] == from) assert_true(to == parents[d][1] || to == parents[d][2]);
	}
	assert_true(steps > 60);
	assert_int_equal(parts, 2 * r->divisions);
	assert_int_equal(r->divisions, 15); /* in man_track.txt */
	c5_tracks_free(r);
}

/* Tracks of pairs that were linked in blocks of `per_block` frames by several threads. */
static c5_tracks *track_in_blocks(uint32_t per_block, int threads)
{
	c5_pair *pairs[MOVIE_FRAMES] = { NULL };
	c5_tracker *tracker;
	c5_tracks *r;
	int failed = 0, blocks = (int)((m.n_frames + per_block - 1) / per_block);
	#pragma omp parallel for num_threads(threads) schedule(dynamic) reduction(+ : failed)
	for (int block = 0; block < blocks; block++) {
		uint32_t first = (uint32_t)block * per_block, begin = first;
		c5_linker *linker;
		for (uint32_t full = 0; begin > 0 && full < 2;) full += m.n[--begin] > 0;
		if (c5_linker_open(&linker, &params) < 0) {
			failed++;
			continue;
		}
		for (uint32_t t = begin; t < first + per_block && t < m.n_frames; t++) {
			c5_track_frame f = movie_frame(&m, t);
			c5_pair *pair;
			failed += c5_linker_add(linker, &f, &pair) < 0;
			if (t < first) c5_pair_free(pair);
			else pairs[t] = pair;
		}
		c5_linker_close(linker);
	}
	assert_int_equal(failed, 0);
	assert_int_equal(c5_tracker_open(&tracker, &params), C5_OK);
	for (uint32_t t = 0; t < m.n_frames; t++) {
		assert_int_equal(c5_tracker_add_pair(tracker, pairs[t]), C5_OK);
		c5_pair_free(pairs[t]);
	}
	assert_int_equal(c5_tracker_finish(tracker, &r), C5_OK);
	c5_tracker_close(tracker);
	check(r);
	return r;
}

static void same(const c5_tracks *a, const c5_tracks *b)
{
	assert_int_equal(a->n_nodes, b->n_nodes);
	assert_int_equal(a->n_tracks, b->n_tracks);
	assert_int_equal(a->n_links, b->n_links);
	assert_memory_equal(a->nodes, b->nodes, a->n_nodes * sizeof *a->nodes);
	assert_memory_equal(a->tracks, b->tracks, a->n_tracks * sizeof *a->tracks);
	assert_int_equal(a->n_candidates, b->n_candidates);
	for (size_t k = 0; k < a->n_candidates; k++) {
		const c5_track_candidate *p = &a->candidates[k], *q = &b->candidates[k];
		assert_true(p->from == q->from && p->to == q->to && p->kind == q->kind && p->probability == q->probability);
	}
	for (size_t k = 0; k < a->n_links; k++) {
		assert_int_equal(a->links[k].from, b->links[k].from);
		assert_int_equal(a->links[k].to, b->links[k].to);
		assert_int_equal(a->links[k].kind, b->links[k].kind);
		assert_true(a->links[k].score == b->links[k].score);
	}
}

static void blocks_threads_and_order_change_nothing(void **state)
{
	(void)state;
	for (int colony = 0; colony < 2; colony++) {
		clear(NULL);
		if (colony && !movie_colony(&m)) break;
		if (!colony) {
			add_division(330);
			m.n[5] = m.n[6] = 0;
			drop(10, 3);
		}
		c5_tracks *whole = track_movie();
		for (int k = 0; k < 3; k++) {
			static const int threads[] = { 1, 2, 4 };
			c5_tracks *r = track_in_blocks((uint32_t)k + 1, threads[k]);
			same(whole, r);
			c5_tracks_free(r);
		}
		movie_shuffle(&m, 77, false);
		c5_tracks *r = track_movie();
		same(whole, r);
		c5_tracks_free(r);
		c5_tracks_free(whole);
	}
}

static void pairs_out_of_place_are_refused(void **state)
{
	(void)state;
	wander(3, 4, 1);
	c5_linker *linker;
	c5_tracker *tracker;
	c5_pair *pair[4];
	assert_int_equal(c5_linker_open(&linker, &params), C5_OK);
	assert_int_equal(c5_tracker_open(&tracker, &params), C5_OK);
	for (uint32_t t = 0; t < 4; t++) {
		c5_track_frame f = movie_frame(&m, t);
		assert_int_equal(c5_linker_add(linker, &f, &pair[t]), C5_OK);
	}
	assert_int_equal(c5_tracker_add_pair(tracker, pair[0]), C5_OK);
	assert_int_equal(c5_tracker_add_pair(tracker, pair[2]), C5_EINPUT);
	assert_int_equal(c5_tracker_add_pair(tracker, pair[1]), C5_OK);
	assert_int_equal(c5_tracker_add_pair(tracker, pair[1]), C5_EINPUT);
	pair[2]->links[0].from = 3;
	assert_int_equal(c5_tracker_add_pair(tracker, pair[2]), C5_EINPUT);
	for (uint32_t t = 0; t < 4; t++) c5_pair_free(pair[t]);
	c5_linker_close(linker);
	c5_tracker_close(tracker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(movies_without_objects_have_no_tracks, fresh),
		cmocka_unit_test_setup(one_frame_is_as_many_tracks_as_objects, fresh),
		cmocka_unit_test_setup(one_object_is_one_track, fresh),
		cmocka_unit_test_setup(all_may_go_and_others_come, fresh),
		cmocka_unit_test_setup(a_cell_that_halves_has_two_daughters, fresh),
		cmocka_unit_test_setup(a_newcomer_beside_a_cell_that_keeps_its_size_is_no_daughter, fresh),
		cmocka_unit_test_setup(a_division_missed_for_a_frame_is_found, fresh),
		cmocka_unit_test_setup(an_object_missed_for_a_while_is_the_same, fresh),
		cmocka_unit_test_setup(frames_missed_altogether_lose_nobody, fresh),
		cmocka_unit_test_setup(alternatives_are_told_with_their_share, fresh),
		cmocka_unit_test_setup(the_colony_is_tracked_without_a_mistake, fresh),
		cmocka_unit_test_setup(blocks_threads_and_order_change_nothing, fresh),
		cmocka_unit_test_setup(pairs_out_of_place_are_refused, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, clear);
}
