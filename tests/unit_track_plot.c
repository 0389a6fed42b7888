/* unit_track_plot.c – the lineage picture: every track and branch drawn once, time where it belongs, text that XML takes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"
#include "track/plot.h"

/* 1 divides into 2 and 4, 2 into 5 and 6; 3 is alone and short. */
static c5_track family[] = {
	{ 1, 0, 4, 0, 0, 1, 2, 5, 1, 1 }, { 2, 5, 9, 1, 1, 1, 2, 5, 1, 1 }, { 3, 5, 6, 0, 0, 3, 0, 2, 2, 2 }, { 4, 5, 20, 1, 1, 1, 0, 16, 3, 3 },
	{ 5, 10, 20, 2, 2, 1, 0, 11, 1, 1 }, { 6, 10, 15, 2, 2, 1, 0, 6, 2, 2 },
};
static const c5_tracks tracks = { .tracks = family, .n_tracks = 6, .first_frame = 0, .last_frame = 20, .divisions = 2 };

static char *draw(const c5_tracks *of, const c5_lineage_plot *plot)
{
	c5_buf b = { 0 };
	assert_int_equal(c5_lineage_svg(&b, of, plot), C5_OK);
	char *text = c5_text_take(&b);
	assert_non_null(text);
	assert_ptr_equal(strstr(text, "<svg "), text);
	assert_string_equal(text + strlen(text) - 7, "</svg>\n");
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf"));
	return text;
}

static int count(const char *text, const char *what)
{
	int n = 0;
	for (; (text = strstr(text, what)); text++) n++;
	return n;
}

static void each_track_and_branch_is_drawn_once(void **state)
{
	(void)state;
	char *text = draw(&tracks, &(c5_lineage_plot){ .title = "A < B & C", .colour = C5_LINEAGE_FOUNDER });
	assert_int_equal(count(text, "<path class=\"c0\""), 5 + 4);
	assert_int_equal(count(text, "<path class=\"c1\""), 1);
	assert_int_equal(count(text, "<circle"), 2); /* 3 and 6 end before the movie does */
	assert_non_null(strstr(text, "A &lt; B &amp; C"));
	assert_non_null(strstr(text, "6 tracks, 2 families, 2 divisions"));
	assert_non_null(strstr(text, ">frames<"));
	free(text);
}

static void generations_have_colours_and_small_families_may_go(void **state)
{
	(void)state;
	char *text = draw(&tracks, &(c5_lineage_plot){ .colour = C5_LINEAGE_GENERATION, .least = 3, .minutes = 5 });
	assert_int_equal(count(text, "<path class=\"c0\""), 1 + 2);
	assert_int_equal(count(text, "<path class=\"c1\""), 2 + 2);
	assert_int_equal(count(text, "<path class=\"c2\""), 2);
	assert_non_null(strstr(text, "5 tracks, 1 family"));
	assert_non_null(strstr(text, ">minutes<"));
	assert_non_null(strstr(text, ">100<"));
	free(text);
}

/* The lane and the end of the first path of a class, as drawn. */
static void first_line(const char *text, double at[4])
{
	const char *p = strstr(text, "<path class=\"c0\" d=\"M");
	assert_non_null(p);
	assert_int_equal(sscanf(p + strlen("<path class=\"c0\" d=\"M"), "%lf %lfL%lf %lf", &at[0], &at[1], &at[2], &at[3]), 4);
}

static void time_runs_down_or_to_the_right(void **state)
{
	(void)state;
	double down[4], right[4];
	char *text = draw(&tracks, &(c5_lineage_plot){ 0 });
	first_line(text, down);
	free(text);
	text = draw(&tracks, &(c5_lineage_plot){ .sideways = true, .minutes = NAN });
	first_line(text, right);
	free(text);
	assert_float_equal(down[0], down[2], 0.001);
	assert_true(down[3] > down[1]);
	assert_float_equal(right[1], right[3], 0.001);
	assert_true(right[2] > right[0]);
}

static void no_tracks_and_deep_trees_can_be_drawn(void **state)
{
	(void)state;
	enum { DEEP = 4001 };
	static c5_track deep[DEEP];
	char *text = draw(&(c5_tracks){ 0 }, &(c5_lineage_plot){ .title = "nothing" });
	assert_non_null(strstr(text, "0 tracks, 0 families"));
	free(text);
	for (uint32_t k = 0; k < DEEP; k++) { /* each second track divides again */
		uint32_t g = (k + 1) / 2;
		deep[k] = (c5_track){ k + 1, g, g, k ? (k % 2 ? k == 1 ? 1 : k - 1 : k == 2 ? 1 : k - 2) : 0, g, 1, k % 2 == 0 && k + 2 < DEEP ? 2 : 0, 1, k % 2,
			k % 2 };
		if (k > 2) deep[k].parent = k % 2 ? k : k - 1;
	}
	text = draw(&(c5_tracks){ .tracks = deep, .n_tracks = DEEP, .last_frame = DEEP / 2 }, &(c5_lineage_plot){ 0 });
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_track_and_branch_is_drawn_once),
		cmocka_unit_test(generations_have_colours_and_small_families_may_go),
		cmocka_unit_test(time_runs_down_or_to_the_right),
		cmocka_unit_test(no_tracks_and_deep_trees_can_be_drawn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
