/* unit_measure_tracking.c – each tracking measure on movies small enough to count by hand, and input that breaks the rules. */
#include "support_measure.h"

#include "measure/heaviest.h"

/* Cells are squares of 4 px side in a row of places, 4 px apart. */
#define CELL(t, label, place) (t), (label), 0, 4, 4 * (place), 4 * (place) + 4
#define N(array, each) (sizeof(array) / sizeof *(array) / (each))
#define MOVIE(frames, rects, lives) { (frames), 4, 40, (rects), N(rects, 6), (lives), N(lives, 1), NULL }

static const uint32_t family_rects[] = { CELL(0, 1, 0), CELL(1, 1, 0), CELL(2, 2, 0), CELL(2, 3, 1), CELL(3, 2, 0), CELL(3, 3, 1) };
static const c5_life family_lives[] = { { 1, 0, 1, 0 }, { 2, 2, 3, 1 }, { 3, 2, 3, 1 } };

static void a_missed_daughter(void **state)
{
	(void)state;
	static const uint32_t rects[] = { CELL(0, 1, 0), CELL(1, 1, 0), CELL(2, 2, 0), CELL(3, 2, 0) };
	static const c5_life lives[] = { { 1, 0, 1, 0 }, { 2, 2, 3, 1 } };
	movie gt = MOVIE(4, family_rects, family_lives), res = MOVIE(4, rects, lives);
	c5_tracking t = measure(&gt, &res);
	assert_int_equal(t.gt_edges, 5);
	assert_int_equal(t.fn, 2);
	assert_int_equal(t.ea, 2); /* to the daughter missed, and within her */
	assert_int_equal(t.fp + t.ns + t.ed + t.ec, 0);
	SAME(t.aogm, 23);
	SAME(t.aogm_0, 67.5);
	SAME(t.det, 1 - 20.0 / 60);
	SAME(t.lnk, 0.6);
	SAME(t.tra, 1 - 23 / 67.5);
	SAME(t.seg, 4.0 / 6);
	SAME(t.ct, 0.8);
	SAME(t.tf, 1);
	SAME(t.divisions[0].bc, 0);
	assert_int_equal(t.divisions[0].missed, 1);
	assert_true(isnan(t.cca));
	SAME(t.divisions[0].bio, 0.6);
	SAME(t.divisions[0].op_clb, 0.6);
	SAME(t.mota, 1 - 2.0 / 6);
}

static void an_object_that_covers_two(void **state)
{
	(void)state;
	static const uint32_t two[] = { CELL(0, 1, 0), CELL(0, 2, 1) }, one[] = { 0, 7, 0, 4, 0, 8 };
	static const c5_life two_lives[] = { { 1, 0, 0, 0 }, { 2, 0, 0, 0 } }, one_life[] = { { 7, 0, 0, 0 } };
	movie gt = MOVIE(1, two, two_lives), res = MOVIE(1, one, one_life);
	c5_tracking t = measure(&gt, &res);
	assert_int_equal(t.ns, 1);
	assert_int_equal(t.fn + t.fp, 0);
	SAME(t.aogm, 5);
	SAME(t.det, 0.75);
	SAME(t.tra, 0.75);
	assert_true(isnan(t.lnk)); /* no link in the truth */
	SAME(t.seg, 0.5);
	SAME(t.ct, 0);
	assert_true(isnan(t.tf)); /* no track is detected by itself */
	SAME(t.mota, 0.5);
	SAME(t.idf1, 0.5);
	assert_int_equal(t.merges, 1);
	t = measure(&res, &gt); /* the other way round: halves of an object cover no more than half of it */
	assert_int_equal(t.fn, 1);
	assert_int_equal(t.fp, 2);
	SAME(t.aogm, 12);
	SAME(t.det, 0); /* never below */
	SAME(t.seg, 0);
	SAME(t.mota, -2);
}

static void more_than_half_decides(void **state)
{
	(void)state;
	static const uint32_t whole[] = { 0, 1, 0, 4, 0, 8 }, parts[] = { 0, 1, 0, 4, 0, 5, 0, 2, 0, 4, 5, 8 };
	static const c5_life whole_life[] = { { 1, 0, 0, 0 } }, part_lives[] = { { 1, 0, 0, 0 }, { 2, 0, 0, 0 } };
	movie gt = MOVIE(1, whole, whole_life), res = MOVIE(1, parts, part_lives);
	c5_tracking t = measure(&gt, &res);
	assert_int_equal(t.fn, 0);
	assert_int_equal(t.fp, 1);
	SAME(t.det, 0.9);
	SAME(t.seg, 20.0 / 32);
	SAME(t.ct, 2.0 / 3);
}

static void a_division_that_was_none(void **state)
{
	(void)state;
	static const uint32_t one[] = { CELL(0, 5, 0), CELL(1, 5, 0), CELL(2, 5, 0), CELL(3, 5, 0) };
	static const c5_life one_life[] = { { 5, 0, 3, 0 } };
	movie gt = MOVIE(4, one, one_life), res = MOVIE(4, family_rects, family_lives);
	c5_tracking t = measure(&gt, &res);
	assert_int_equal(t.fp, 2);
	assert_int_equal(t.ec, 1); /* a plain step taken for a parent link */
	assert_int_equal(t.ed + t.ea + t.fn, 0); /* the link to the false daughter goes with her */
	SAME(t.aogm, 3);
	SAME(t.lnk, 1 - 1 / 4.5);
	assert_true(isnan(t.divisions[0].bc));
	assert_int_equal(t.divisions[0].invented, 1);
	SAME(t.ct, 0);
	SAME(t.tf, 0.5);
	SAME(t.divisions[0].bio, 0.25); /* of CT and TF */
	t = measure(&res, &gt);
	assert_int_equal(t.ec, 1);
	assert_int_equal(t.ea, 2);
}

static void two_identities_swapped(void **state)
{
	(void)state;
	static const uint32_t right[] = { CELL(0, 1, 0), CELL(1, 1, 0), CELL(2, 1, 0), CELL(3, 1, 0), CELL(0, 2, 2), CELL(1, 2, 2), CELL(2, 2, 2),
		CELL(3, 2, 2) };
	static const uint32_t wrong[] = { CELL(0, 1, 0), CELL(1, 1, 0), CELL(2, 2, 0), CELL(3, 2, 0), CELL(0, 2, 2), CELL(1, 2, 2), CELL(2, 1, 2),
		CELL(3, 1, 2) };
	static const c5_life lives[] = { { 1, 0, 3, 0 }, { 2, 0, 3, 0 } };
	movie gt = MOVIE(4, right, lives), res = MOVIE(4, wrong, lives);
	c5_tracking t = measure(&gt, &res);
	SAME(t.det, 1);
	assert_int_equal(t.ed, 2);
	assert_int_equal(t.ea, 2);
	SAME(t.lnk, 1 - 5.0 / 9);
	SAME(t.ct, 0);
	SAME(t.tf, 0.5);
	assert_int_equal(t.switches, 2);
	SAME(t.mota, 0.75);
	SAME(t.idf1, 0.5);
	SAME(t.hota, sqrt(1.0 / 3));
	SAME(t.chota, sqrt(1.0 / 3));
}

static void a_link_over_a_gap(void **state)
{
	(void)state;
	static const uint32_t rects[] = { CELL(0, 1, 0), CELL(1, 1, 0), CELL(3, 2, 0), CELL(4, 2, 0) };
	static const uint32_t through[] = { CELL(0, 1, 0), CELL(1, 1, 0), CELL(2, 1, 0), CELL(3, 1, 0), CELL(4, 1, 0) };
	static const c5_life linked[] = { { 1, 0, 1, 0 }, { 2, 3, 4, 1 } }, apart[] = { { 1, 0, 1, 0 }, { 2, 3, 4, 0 } }, whole[] = { { 1, 0, 4, 0 } };
	movie gt = MOVIE(5, rects, linked), same = gt, res = MOVIE(5, rects, apart), long_one = MOVIE(5, through, whole);
	c5_tracking t = measure(&gt, &same);
	SAME(t.lnk, 1);
	SAME(t.hota, 1);
	assert_int_equal(t.gt_divisions, 0); /* one child is the same cell */
	assert_int_equal(t.switches, 0);
	t = measure(&gt, &res);
	assert_int_equal(t.ea, 1);
	assert_int_equal(t.switches, 1);
	SAME(t.lnk, 1 - 1.0 / 3);
	SAME(t.hota, sqrt(0.5));
	t = measure(&res, &gt);
	assert_int_equal(t.ed, 1);
	t = measure(&gt, &long_one); /* an object in the gap: invented, its links with it; the link over the gap is missing */
	assert_int_equal(t.fp, 1);
	assert_int_equal(t.ea, 1);
	assert_int_equal(t.ed + t.ec, 0);
}

static void a_division_a_frame_late(void **state)
{
	(void)state;
	static const uint32_t right[] = { CELL(0, 1, 0), CELL(1, 1, 0), CELL(2, 2, 0), CELL(2, 3, 1), CELL(3, 2, 0), CELL(3, 3, 1), CELL(4, 2, 0),
		CELL(4, 3, 1) };
	static const uint32_t late[] = { CELL(0, 1, 0), CELL(1, 1, 0), CELL(2, 1, 0), CELL(3, 2, 0), CELL(3, 3, 1), CELL(4, 2, 0), CELL(4, 3, 1) };
	static const c5_life right_lives[] = { { 1, 0, 1, 0 }, { 2, 2, 4, 1 }, { 3, 2, 4, 1 } },
		late_lives[] = { { 1, 0, 2, 0 }, { 2, 3, 4, 1 }, { 3, 3, 4, 1 } };
	movie a = MOVIE(5, right, right_lives), b = MOVIE(5, late, late_lives);
	for (int turn = 0; turn < 2; turn++) { /* late, and early */
		c5_tracking t = turn ? measure(&b, &a) : measure(&a, &b);
		SAME(t.divisions[0].bc, 0);
		assert_int_equal(t.divisions[0].missed, 1);
		assert_int_equal(t.divisions[0].invented, 1);
		for (int i = 1; i <= 3; i++) {
			SAME(t.divisions[i].bc, 1);
			assert_int_equal(t.divisions[i].correct, 1);
			assert_int_equal(t.divisions[i].missed + t.divisions[i].invented + t.divisions[i].mismatched, 0);
		}
	}
}

static void a_division_into_a_wrong_daughter(void **state)
{
	(void)state;
	static const uint32_t rects[] = { CELL(0, 1, 0), CELL(1, 1, 0), CELL(2, 2, 0), CELL(2, 3, 1), CELL(2, 4, 5), CELL(3, 2, 0), CELL(3, 3, 1),
		CELL(3, 4, 5) };
	static const c5_life lives[] = { { 1, 0, 1, 0 }, { 2, 2, 3, 1 }, { 3, 2, 3, 0 }, { 4, 2, 3, 1 } };
	movie gt = MOVIE(4, family_rects, family_lives), res = MOVIE(4, rects, lives);
	c5_tracking t = measure(&gt, &res);
	c5_figures f = { 0 };
	assert_int_equal(t.divisions[0].mismatched, 1);
	assert_int_equal(t.divisions[0].missed + t.divisions[0].invented + t.divisions[0].correct, 0);
	SAME(t.divisions[3].bc, 0);
	c5_tracking_figures(&f, &t);
	SAME(c5_figures_find(&f, "division_F1_strict(0)")->value, 0);
	assert_true(isnan(c5_figures_find(&f, "division_F1_excluded(0)")->value)); /* nothing is left to count */
	c5_figures_free(&f);
}

static void whole_cycles_are_compared_by_length(void **state)
{
	(void)state;
	/* 1 divides into 2 and 3; 2 and 3 divide: cycles of 2 and 3 frames in truth, of 2 and 2 in the result */
	static const uint32_t truth[] = { CELL(0, 1, 0), CELL(1, 2, 0), CELL(1, 3, 4), CELL(2, 2, 0), CELL(2, 3, 4), CELL(3, 4, 0), CELL(3, 5, 1),
		CELL(3, 3, 4), CELL(4, 4, 0), CELL(4, 5, 1), CELL(4, 6, 4), CELL(4, 7, 5) };
	static const c5_life truth_lives[] = { { 1, 0, 0, 0 }, { 2, 1, 2, 1 }, { 3, 1, 3, 1 }, { 4, 3, 4, 2 }, { 5, 3, 4, 2 }, { 6, 4, 4, 3 },
		{ 7, 4, 4, 3 } };
	static const uint32_t other[] = { CELL(0, 1, 0), CELL(1, 2, 0), CELL(1, 3, 4), CELL(2, 2, 0), CELL(2, 3, 4), CELL(3, 4, 0), CELL(3, 5, 1),
		CELL(3, 6, 4), CELL(3, 7, 5),
		CELL(4, 4, 0), CELL(4, 5, 1), CELL(4, 6, 4), CELL(4, 7, 5) };
	static const c5_life other_lives[] = { { 1, 0, 0, 0 }, { 2, 1, 2, 1 }, { 3, 1, 2, 1 }, { 4, 3, 4, 2 }, { 5, 3, 4, 2 }, { 6, 3, 4, 3 },
		{ 7, 3, 4, 3 } };
	movie gt = MOVIE(5, truth, truth_lives), res = MOVIE(5, other, other_lives), none = MOVIE(5, truth, truth_lives);
	c5_tracking t = measure(&gt, &res);
	SAME(t.cca, 0.5);
	static const c5_life loose[] = { { 1, 0, 0, 0 }, { 2, 1, 2, 0 }, { 3, 1, 3, 0 }, { 4, 3, 4, 2 }, { 5, 3, 4, 2 }, { 6, 4, 4, 3 }, { 7, 4, 4, 3 } };
	none.lives = loose;
	t = measure(&gt, &none);
	SAME(t.cca, 0); /* the result has no whole cycle */
	t = measure(&none, &gt);
	assert_true(isnan(t.cca)); /* the truth has none */
}

static void nothing_on_one_side_or_both(void **state)
{
	(void)state;
	movie gt = MOVIE(4, family_rects, family_lives), none = { 4, 4, 40, NULL, 0, NULL, 0, NULL };
	c5_tracking t = measure(&gt, &none);
	SAME(t.det, 0);
	SAME(t.tra, 0);
	SAME(t.lnk, 0);
	SAME(t.seg, 0);
	SAME(t.ct, 0);
	SAME(t.hota, 0);
	SAME(t.idf1, 0);
	assert_true(isnan(t.tf) && isnan(t.idp));
	t = measure(&none, &gt);
	assert_true(isnan(t.det) && isnan(t.tra) && isnan(t.lnk) && isnan(t.seg) && isnan(t.ct) && isnan(t.tf) && isnan(t.divisions[0].bc) && isnan(t.mota));
	assert_int_equal(t.fp, 6);
	t = measure(&none, &none);
	assert_true(isnan(t.det) && isnan(t.hota) && isnan(t.chota) && isnan(t.idf1) && isnan(t.divisions[0].bio) && isnan(t.op_csb));
}

/* ---- segmentation truth apart ---- */

static int paint_part(void *self, size_t i, uint32_t *labels)
{
	(void)self;
	memset(labels, 0, 4 * 40 * sizeof *labels);
	for (uint32_t y = 0; y < 4; y++)
		for (uint32_t x = 0; x < (i ? 4u : 5u); x++) labels[y * 40 + x] = 77;
	return C5_OK;
}

static void segmentation_truth_of_some_frames(void **state)
{
	(void)state;
	movie gt = MOVIE(4, family_rects, family_lives), res = gt;
	struct c5_label_part at[] = { { 1, -1 }, { 3, 0 }, { 3, 1 } };
	c5_label_parts parts = { "SEG", 2, at, paint_part, NULL };
	c5_breaches breaches = { keep_line, NULL, 0 };
	c5_tracking_input in = { frames_of(&gt, "GT"), frames_of(&res, "RES"), family_lives, family_lives, 3, 3, 0, &parts, &breaches };
	c5_tracking t;
	assert_int_equal(c5_tracking_measure(&t, &in), C5_OK);
	assert_int_equal(t.seg_objects, 2);
	SAME(t.seg, (16.0 / 20 + 1) / 2);
	SAME(t.det, 1);
	parts.n = 3;
	assert_int_equal(c5_tracking_measure(&t, &in), C5_EINPUT); /* a second plane where there is one */
	assert_non_null(strstr(c5_error_last(), "plane 1"));
}

/* ---- rules ---- */

static void broken_rules_are_told_one_by_one(void **state)
{
	(void)state;
	static const struct { c5_life lives[3]; const char *word; } bad[] = {
		{ { { 1, 0, 1, 0 }, { 1, 2, 3, 0 }, { 3, 2, 3, 1 } }, "label 1 has more than one row" },
		{ { { 1, 0, 1, 0 }, { 2, 2, 3, 9 }, { 3, 2, 3, 1 } }, "the parent 9 of track 2 does not exist" },
		{ { { 1, 0, 1, 2 }, { 2, 2, 3, 1 }, { 3, 2, 3, 1 } }, "the parent 2 of track 1 ends in frame 3, expected before frame 0" },
		{ { { 1, 0, 1, 1 }, { 2, 2, 3, 1 }, { 3, 2, 3, 1 } }, "track 1 is its own parent" },
		{ { { 1, 1, 0, 0 }, { 2, 2, 3, 0 }, { 3, 2, 3, 0 } }, "track 1 ends in frame 0 before it begins in frame 1" },
		{ { { 1, 0, 1, 0 }, { 2, 2, 4, 1 }, { 3, 2, 3, 1 } }, "track 2 ends in frame 4, but the last frame is 3" },
		{ { { 1, 0, 1, 0 }, { 2, 1, 3, 0 }, { 3, 2, 3, 1 } }, "frame 1: track 2 should live then, but its label is not in the mask" },
		{ { { 1, 0, 1, 0 }, { 2, 2, 3, 1 }, { 3, 3, 3, 1 } }, "frame 2: label 3 is in the mask, but no track of that label lives then" },
		{ { { 1, 0, 1, 0 }, { 2, 2, 3, 1 }, { 4, 2, 3, 1 } }, "frame 2: label 3 is in the mask" },
		{ { { 0, 0, 1, 0 }, { 2, 2, 3, 0 }, { 3, 2, 3, 0 } }, "label 0, which is the background's" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		movie gt = MOVIE(4, family_rects, family_lives), res = MOVIE(4, family_rects, bad[i].lives);
		c5_tracking t;
		for (int turn = 0; turn < 2; turn++) {
			assert_int_equal(turn ? try_measure(&t, &gt, &res) : try_measure(&t, &res, &gt), C5_EINPUT);
			if (!strstr(told, bad[i].word)) fail_msg("'%s' not told, but: %s", bad[i].word, told);
			assert_non_null(strstr(told, turn ? "RES: " : "GT: "));
			assert_non_null(strstr(c5_error_last(), "breach"));
		}
	}
}

static void sides_that_do_not_go_together_are_refused(void **state)
{
	(void)state;
	movie gt = MOVIE(4, family_rects, family_lives), longer = gt, wider = gt;
	c5_tracking t;
	longer.frames = 5;
	wider.width = 41;
	assert_int_equal(try_measure(&t, &gt, &longer), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "GT has 4 frames, RES has 5"));
	assert_int_equal(try_measure(&t, &gt, &wider), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "RES of 1 x 4 x 41"));
}

/* ---- the heaviest pairs against all that are possible ---- */

static uint64_t try_all(const uint64_t *w, size_t rows, size_t cols, size_t row, unsigned used)
{
	if (row == rows) return 0;
	uint64_t best = try_all(w, rows, cols, row + 1, used);
	for (size_t c = 0; c < cols; c++) {
		if (used & 1u << c || !w[row * cols + c]) continue;
		uint64_t sum = w[row * cols + c] + try_all(w, rows, cols, row + 1, used | 1u << c);
		if (sum > best) best = sum;
	}
	return best;
}

static void heaviest_pairs_are_the_heaviest(void **state)
{
	(void)state;
	uint32_t random = 1;
	for (int turn = 0; turn < 500; turn++) {
		size_t rows = 1 + (size_t)turn % 6, cols = 1 + (size_t)turn / 6 % 6, n = 0;
		uint64_t w[36], got;
		c5_weighted pairs[36];
		for (size_t i = 0; i < rows * cols; i++) {
			random = random * 1664525u + 1013904223u;
			w[i] = (random >> 16) % 3 ? (random >> 20) % 12 : 0;
			if (w[i]) pairs[n++] = (c5_weighted){ (uint32_t)(i / cols), (uint32_t)(i % cols), w[i] };
		}
		assert_int_equal(c5_heaviest_pairs(&got, pairs, n, rows, cols), C5_OK);
		assert_int_equal(got, try_all(w, rows, cols, 0, 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missed_daughter),
		cmocka_unit_test(an_object_that_covers_two),
		cmocka_unit_test(more_than_half_decides),
		cmocka_unit_test(a_division_that_was_none),
		cmocka_unit_test(two_identities_swapped),
		cmocka_unit_test(a_link_over_a_gap),
		cmocka_unit_test(a_division_a_frame_late),
		cmocka_unit_test(a_division_into_a_wrong_daughter),
		cmocka_unit_test(whole_cycles_are_compared_by_length),
		cmocka_unit_test(nothing_on_one_side_or_both),
		cmocka_unit_test(segmentation_truth_of_some_frames),
		cmocka_unit_test(broken_rules_are_told_one_by_one),
		cmocka_unit_test(sides_that_do_not_go_together_are_refused),
		cmocka_unit_test(heaviest_pairs_are_the_heaviest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
