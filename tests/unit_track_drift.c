/* unit_track_drift.c – drift found between pictures, over frames that show nothing, and taken off before objects are compared. */
#include "support_image.h"

#include <stdbool.h>

#include "base/dtype.h"
#include "base/error.h"
#include "support_track.h"
#include "track/drift.h"
#include "track/stats.h"

enum { BIG = 220, H = 120, W = 140, FRAMES = 12 };

/* Where the picture of each frame lies against the first. */
static const int place[FRAMES][2] = { { 0, 0 }, { 3, -5 }, { 3, -5 }, { 9, 4 }, { -7, 12 }, { -20, 12 }, { -6, 0 }, { -6, 1 }, { 0, 0 }, { 11, -15 },
	{ 12, -15 }, { 25, 30 } };

/* Frame t: a piece of one field, with noise of its own. */
static void draw(uint16_t *out, const uint16_t *field, uint32_t t)
{
	uint32_t seed = 900 + t;
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			out[y * W + x] = (uint16_t)(20000 + field[(y + 40 - place[t][0]) * BIG + x + 40 - place[t][1]] / 2 + noise_next(&seed) / 64);
}

static c5_drift *opened(size_t height, size_t width)
{
	c5_drift_params params = { 0 };
	c5_drift *d;
	assert_int_equal(c5_opt_defaults(c5_drift_opts, &params), C5_OK);
	assert_int_equal(c5_drift_open(&d, &params, height, width), C5_OK);
	c5_opt_clear(c5_drift_opts, &params);
	return d;
}

static void near_place(const double *places, uint32_t t)
{
	if (fabs(places[2 * t] - place[t][0]) > 0.2 || fabs(places[2 * t + 1] - place[t][1]) > 0.2)
		fail_msg("frame %u: %g, %g, expected %d, %d", t, places[2 * t], places[2 * t + 1], place[t][0], place[t][1]);
}

static void a_picture_that_moves_is_followed(void **state)
{
	(void)state;
	uint16_t *field = room(BIG * BIG * sizeof *field), frame[H * W];
	c5_drift_row rows[FRAMES];
	double places[2 * FRAMES];
	c5_drift *d = opened(H, W);
	field_make(field, BIG, BIG, 61, 3);
	for (uint32_t t = 0; t < FRAMES; t++) {
		draw(frame, field, t);
		assert_int_equal(c5_drift_add(d, t, C5_U16, frame, &rows[t]), C5_OK);
		assert_int_equal(rows[t].from, t ? t - 1 : 0);
	}
	assert_int_equal(c5_drift_sum(places, rows, FRAMES), C5_OK);
	for (uint32_t t = 0; t < FRAMES; t++) near_place(places, t);
	c5_drift_close(d);
	free(field);
}

static void frames_that_show_nothing_are_bridged(void **state)
{
	(void)state;
	uint16_t *field = room(BIG * BIG * sizeof *field), frame[H * W];
	c5_drift_row rows[FRAMES];
	double places[2 * FRAMES];
	c5_drift *d = opened(H, W);
	field_make(field, BIG, BIG, 61, 3);
	for (uint32_t t = 0; t < FRAMES; t++) {
		uint32_t seed = t;
		draw(frame, field, t);
		if (t == 0 || t == 4) memset(frame, 0, sizeof frame);                                         /* dark */
		for (size_t i = 0; i < H * W && (t == 6 || t == 7); i++) frame[i] = noise_next(&seed) / 8; /* noise alone */
		assert_int_equal(c5_drift_add(d, t, C5_U16, frame, &rows[t]), C5_OK);
	}
	const uint32_t from[FRAMES] = { 0, 1, 1, 2, 4, 3, 6, 7, 5, 8, 9, 10 };
	for (uint32_t t = 0; t < FRAMES; t++) {
		if (rows[t].from != from[t]) fail_msg("frame %u is compared with %u, expected %u, peak %g", t, rows[t].from, from[t], rows[t].peak);
		if (rows[t].from == t) assert_true(rows[t].dy == 0 && rows[t].dx == 0);
	}
	assert_int_equal(c5_drift_sum(places, rows, FRAMES), C5_OK);
	for (uint32_t t = 2; t < FRAMES; t++) /* the first frame seen is the second */
		if (from[t] != t) {
			assert_true(fabs(places[2 * t] - (place[t][0] - place[1][0])) < 0.2);
			assert_true(fabs(places[2 * t + 1] - (place[t][1] - place[1][1])) < 0.2);
		}
	c5_drift_close(d);
	free(field);
}

static void odd_frames_have_no_drift(void **state)
{
	(void)state;
	float gaps[30];
	c5_drift_row row;
	c5_drift *d;
	c5_drift_params params = { .fraction = 10, .blur = 1, .least = 3 };
	for (int i = 0; i < 30; i++) gaps[i] = NAN;
	d = opened(5, 6);
	for (uint32_t t = 0; t < 7; t++) {
		assert_int_equal(c5_drift_add(d, t, C5_F32, gaps, &row), C5_OK);
		assert_true(row.frame == t && row.from == t && row.dy == 0 && row.dx == 0);
	}
	c5_drift_close(d);
	d = opened(1, 1);
	assert_int_equal(c5_drift_add(d, 0, C5_F32, gaps, &row), C5_OK);
	c5_drift_close(d);
	assert_int_equal(c5_drift_open(&d, &params, 0, 4), C5_EINPUT);
	assert_null(d);
	params.fraction = 0;
	assert_int_equal(c5_drift_open(&d, &params, 4, 4), C5_EUSAGE);
	c5_drift_close(NULL);
}

static void rows_that_lead_nowhere_are_refused(void **state)
{
	(void)state;
	double places[4];
	c5_drift_row rows[2] = { { 0, 0, 0, 0, 0 }, { 1, 0, 2, -3, 1 } };
	assert_int_equal(c5_drift_sum(places, rows, 2), C5_OK);
	assert_true(fabs(places[2] - 2) < 1e-12 && fabs(places[3] + 3) < 1e-12);
	rows[1].from = 2;
	assert_int_equal(c5_drift_sum(places, rows, 2), C5_EINPUT);
	rows[1].from = 0, rows[1].dy = (double)NAN;
	assert_int_equal(c5_drift_sum(places, rows, 2), C5_EINPUT);
	rows[1].dy = 0, rows[1].frame = 7;
	assert_int_equal(c5_drift_sum(places, rows, 2), C5_EINPUT);
	assert_int_equal(c5_drift_sum(places, rows, 0), C5_OK);
}

/* ---- tracks ---- */

/* Thirty cells that hardly move on a sample that leaps, by more than they lie apart; or stands still. Two of ten frames show nothing. */
static void make_movie(movie *m, double frames[][2], bool leaps)
{
	uint64_t seed = 4;
	movie_free(m);
	m->height = m->width = 4000;
	for (uint32_t t = 0; t < 10; t++) {
		const double y = (double)movie_dice(&seed, 600) - 300, x = (double)movie_dice(&seed, 600) - 300;
		frames[t][0] = leaps ? y : 0, frames[t][1] = leaps ? x : 0;
		for (uint32_t k = 0; k < 30 && t != 3 && t != 7; k++)
			movie_add(m, t, k + 1, 1800 + 55 * (double)(k / 6) + (double)((k * 7 + t) % 5) + frames[t][0],
				1800 + 61 * (double)(k % 6) + (double)((k + 3 * t) % 4) + frames[t][1], 400, 1, 0);
		m->n_frames = t + 1;
	}
}

static c5_tracks *tracked(const movie *m, double frames[][2], bool tell)
{
	c5_track_params params = { 0 };
	c5_tracker *tracker;
	c5_tracks *r;
	assert_int_equal(c5_opt_defaults(c5_track_opts, &params), C5_OK);
	assert_int_equal(c5_tracker_open(&tracker, &params), C5_OK);
	for (uint32_t t = 0; t < m->n_frames; t++) {
		c5_track_frame f = movie_frame(m, t);
		if (tell) f.drift_y = frames[t][0], f.drift_x = frames[t][1];
		assert_int_equal(c5_tracker_add_frame(tracker, &f), C5_OK);
	}
	assert_int_equal(c5_tracker_finish(tracker, &r), C5_OK);
	c5_tracker_close(tracker);
	return r;
}

static void tracks_on_a_leaping_sample_are_those_of_a_still_one(void **state)
{
	(void)state;
	static movie m;
	double frames[10][2];
	make_movie(&m, frames, false);
	c5_tracks *still = tracked(&m, frames, false);
	make_movie(&m, frames, true);
	c5_tracks *told = tracked(&m, frames, true), *untold = tracked(&m, frames, false);
	c5_track_stats a[64], b[64];
	assert_int_equal(still->n_tracks, 30);
	assert_int_equal(told->n_tracks, 30);
	assert_true(untold->n_tracks > 60); /* a test that cannot fail is none */
	assert_int_equal(told->n_links, still->n_links);
	for (size_t k = 0; k < told->n_links; k++)
		assert_true(told->links[k].from == still->links[k].from && told->links[k].to == still->links[k].to && told->links[k].kind == still->links[k].kind);
	for (size_t i = 0; i < told->n_nodes; i++) { /* nodes lie in the picture */
		const uint32_t t = told->nodes[i].frame;
		assert_true(fabs((double)told->nodes[i].y - (double)still->nodes[i].y - frames[t][0]) < 1e-2);
		assert_true(fabs((double)told->nodes[i].x - (double)still->nodes[i].x - frames[t][1]) < 1e-2);
	}
	assert_int_equal(c5_track_measure(still, a), C5_OK);
	assert_int_equal(c5_track_measure(told, b), C5_OK);
	for (size_t k = 0; k < 30; k++)
		assert_true(fabs(a[k].path - b[k].path) < 0.1 && fabs(a[k].displacement - b[k].displacement) < 0.1 && a[k].path < 60);
	c5_tracks_free(still);
	c5_tracks_free(told);
	c5_tracks_free(untold);
	movie_free(&m);
}

static void a_drift_that_is_no_number_is_refused(void **state)
{
	(void)state;
	c5_track_params params = { 0 };
	c5_linker *linker;
	c5_pair *pair;
	const c5_track_frame frame = { .drift_x = (double)NAN };
	assert_int_equal(c5_opt_defaults(c5_track_opts, &params), C5_OK);
	assert_int_equal(c5_linker_open(&linker, &params), C5_OK);
	assert_int_equal(c5_linker_add(linker, &frame, &pair), C5_EINPUT);
	c5_linker_close(linker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_picture_that_moves_is_followed),
		cmocka_unit_test(frames_that_show_nothing_are_bridged),
		cmocka_unit_test(odd_frames_have_no_drift),
		cmocka_unit_test(rows_that_lead_nowhere_are_refused),
		cmocka_unit_test(tracks_on_a_leaping_sample_are_those_of_a_still_one),
		cmocka_unit_test(a_drift_that_is_no_number_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
