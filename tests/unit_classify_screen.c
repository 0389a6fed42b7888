/* unit_classify_screen.c – wells, plates, treatments and hits of a screen known by hand and by simulation, and its pictures. */
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

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "classify/plot.h"
#include "classify/screen.h"

#define SAME(a, b) assert_true(fabs((a) - (b)) < 1e-12)

static c5_screen_params defaults(void)
{
	c5_screen_params p = { 0 };
	assert_int_equal(c5_opt_defaults(c5_screen_opts, &p), C5_OK);
	return p;
}

static void wells_have_places(void **state)
{
	(void)state;
	const struct { const char *name; int row, column; } wells[] = { { "A1", 0, 0 }, { "b03", 1, 2 }, { "H12", 7, 11 }, { "AA01", 26, 0 },
		{ "AF48", 31, 47 }, { "12", -1, -1 },
		{ "A", -1, -1 }, { "A0", -1, -1 }, { "", -1, -1 }, { "A1x", -1, -1 }, { "ABC1", -1, -1 }, { "A99999999999", -1, -1 } };
	for (size_t i = 0; i < sizeof wells / sizeof *wells; i++) {
		int row, column;
		c5_well_place(wells[i].name, &row, &column);
		assert_int_equal(row, wells[i].row);
		assert_int_equal(column, wells[i].column);
	}
}

/* Two fields make well A1; plate p2 is brighter than p1 by 0.2 throughout. */
static const c5_screen_field by_hand[] = {
	{ "p1_A1_2", "p1", "A1", "DMSO", NULL, NULL, 10, 1, 2.0, 0, 0 },
	{ "p1_A1_1", "p1", "A1", "DMSO", NULL, NULL, 30, 3, 2.0, 0, 0 },
	{ "p1_A2", "p1", "A2", "dmso", NULL, NULL, 10, 2, 2.0, 0, 0 },
	{ "p1_A3", "p1", "A3", "DMSO", NULL, NULL, 10, 3, 3.0, 0, 0 },
	{ "p1_B1", "p1", "B1", "old", NULL, NULL, 10, 9, 8.0, 0, 0 },
	{ "p1_B2", "p1", "B2", "old", NULL, NULL, 10, 9, 9.0, 0, 0 },
	{ "p1_C1", "p1", "C1", "treated", "quercetin", "5 uM", 10, 4, 5.0, 0, 0 },
	{ "p2_A1", "p2", "A1", "DMSO", NULL, NULL, 10, 1, 3.0, 0, 0 },
	{ "p2_A2", "p2", "A2", "DMSO", NULL, NULL, 10, 1, 4.0, 0, 0 },
	{ "p2_A3", "p2", "A3", "DMSO", NULL, NULL, 10, 1, 5.0, 0, 0 },
	{ "p2_C1", "p2", "C1", "treated", "quercetin", "5 uM", 10, 4, 7.0, 0, 0 },
	{ "p2_C2", "p2", "C2", "treated", "quercetin", "5 uM", 0, 0, 0, 0, 0 }, /* an empty field */
};
#define BY_HAND (sizeof by_hand / sizeof *by_hand)

static const c5_screen_treatment *treatment(const c5_screen *s, const char *condition)
{
	for (size_t i = 0; i < s->n_treatments; i++)
		if (!strcmp(s->treatments[i].condition, condition)) return &s->treatments[i];
	fail();
	return NULL;
}

static void a_small_screen_is_what_the_hand_says(void **state)
{
	(void)state;
	c5_screen_params p = defaults();
	c5_screen s;
	assert_int_equal(c5_opt_set(c5_screen_opts, &p, "positive-controls", "old, ancient"), C5_OK);
	assert_int_equal(c5_screen_make(&s, by_hand, BY_HAND, &p), C5_OK);
	assert_int_equal(s.n_wells, 11);
	assert_int_equal(s.n_plates, 2);
	assert_int_equal(s.negatives, 6);
	assert_int_equal(s.positives, 2);
	const c5_screen_well *a1 = &s.wells[0], *c1 = &s.wells[5];
	assert_string_equal(a1->well, "A1");
	assert_int_equal(a1->experiments, 2);
	assert_int_equal(a1->objects, 40);
	SAME(a1->mean, 0.1);
	SAME(a1->share, 0.1);
	assert_string_equal(c1->compound, "quercetin"); /* negatives of p1: 0.1, 0.2, 0.3; positives 0.8, 0.9 */
	SAME(c1->difference, 0.3);
	SAME(c1->z, 3);
	SAME(c1->robust_z, 0.3 / (0.1 * 1.482602218505602));
	SAME(c1->percent_of_control, 250);
	SAME(c1->percent, 100 * 0.3 / 0.65);
	SAME(s.plates[0].quality.z_prime, 1 - 3 * (0.1 + 0.0707106781186548) / 0.65);
	assert_true(isnan(s.plates[1].quality.z_prime)); /* no positive control there */
	const c5_screen_treatment *t = treatment(&s, "treated");
	assert_int_equal(t->wells, 3);
	assert_int_equal(t->tested, 2);
	assert_int_equal(t->plates, 2);
	assert_int_equal(t->objects, 20);
	SAME(t->mean, 0.6);
	SAME(t->share, 0.4);
	SAME(t->value, 0.6);
	SAME(t->normalised, 3);  /* z of 3 on either plate: the brighter plate is no effect */
	SAME(t->p, 2.0 / 28);    /* both above all 6 controls of their plates: 1 of 28 choices, twice */
	SAME(t->q, t->p);        /* the only test */
	assert_true(t->exact && !t->hit);
	assert_true(isnan(treatment(&s, "DMSO")->p) && isnan(treatment(&s, "old")->q) && !isnan(treatment(&s, "old")->p));
	c5_screen_free(&s);
	p.fdr = 0.1;
	assert_int_equal(c5_screen_make(&s, by_hand, BY_HAND, &p), C5_OK);
	assert_true(treatment(&s, "treated")->hit);
	assert_int_equal(s.n_hits, 1);
	c5_screen_free(&s);
	p.least_effect = 3.5;
	assert_int_equal(c5_screen_make(&s, by_hand, BY_HAND, &p), C5_OK);
	assert_false(treatment(&s, "treated")->hit);
	c5_screen_free(&s);
	p.least_effect = 0;
	assert_int_equal(c5_opt_set(c5_screen_opts, &p, "direction", "down"), C5_OK);
	assert_int_equal(c5_screen_make(&s, by_hand, BY_HAND, &p), C5_OK);
	SAME(treatment(&s, "treated")->p, 1);
	c5_screen_free(&s);
	c5_opt_clear(c5_screen_opts, &p);
}

static void the_order_of_fields_changes_nothing(void **state)
{
	(void)state;
	c5_screen_params p = defaults();
	c5_screen a, b;
	c5_screen_field turned[BY_HAND];
	for (size_t i = 0; i < BY_HAND; i++) turned[i] = by_hand[BY_HAND - 1 - i];
	assert_int_equal(c5_screen_make(&a, by_hand, BY_HAND, &p), C5_OK);
	assert_int_equal(c5_screen_make(&b, turned, BY_HAND, &p), C5_OK);
	assert_int_equal(a.n_wells, b.n_wells);
	for (size_t i = 0; i < a.n_wells; i++) assert_true(a.wells[i].sum == b.wells[i].sum && !strcmp(a.wells[i].well, b.wells[i].well));
	for (size_t i = 0; i < a.n_treatments; i++)
		assert_true(a.treatments[i].value == b.treatments[i].value && (a.treatments[i].low == b.treatments[i].low || isnan(a.treatments[i].low)));
	c5_screen_free(&a);
	c5_screen_free(&b);
	c5_opt_clear(c5_screen_opts, &p);
}

static void without_controls_there_are_no_tests(void **state)
{
	(void)state;
	c5_screen_params p = defaults();
	const c5_screen_field fields[] = { { "a", NULL, NULL, "x", NULL, NULL, 5, 1, 2, 0, 0 }, { "b", NULL, NULL, "y", NULL, NULL, 5, 1, 1, 0, 0 } };
	c5_screen s;
	assert_int_equal(c5_screen_make(&s, fields, 2, &p), C5_OK);
	assert_int_equal(s.n_wells, 2);
	assert_string_equal(s.wells[0].well, "a");
	assert_true(isnan(s.treatments[0].p) && isnan(s.wells[0].z) && s.n_hits == 0);
	SAME(s.treatments[0].mean, 0.4);
	c5_screen_free(&s);
	assert_int_equal(c5_screen_make(&s, NULL, 0, &p), C5_OK);
	assert_int_equal(s.n_plates, 0);
	c5_screen_free(&s);
	c5_opt_clear(c5_screen_opts, &p);
}

/* Four plates of 96 wells: two columns of DMSO, one of the positive control, 23 compounds of three wells a plate; every eighth compound acts. Plates
 * differ by 0.2. */
enum { PLATES = 4, WELLS = 96, FIELDS = PLATES * WELLS };
static char names[FIELDS][4][32];

static void simulate(c5_screen_field *fields, uint64_t seed, double effect)
{
	for (int i = 0; i < FIELDS; i++) {
		int plate = i / WELLS, well = i % WELLS, column = well % 12, row = well / 12, compound = (column - 3) * 8 + row;
		c5_random r;
		c5_random_start(&r, seed, (uint64_t)i);
		snprintf(names[i][0], 32, "plate%d", plate + 1);
		snprintf(names[i][1], 32, "%c%02d", 'A' + row, column + 1);
		snprintf(names[i][2], 32, column < 2 ? "DMSO" : column == 2 ? "doxorubicin" : "compound%02d", compound / 3);
		snprintf(names[i][3], 32, "p%dw%d", plate, well);
		bool acts = column > 2 && compound / 3 % 8 == 0;
		double mean = 0.2 + 0.07 * plate + 0.02 * c5_random_normal(&r) + (column == 2 ? 0.4 : acts ? effect : 0);
		fields[i] = (c5_screen_field){ names[i][3], names[i][0], names[i][1], "treated", names[i][2], NULL, 200, (uint64_t)(200 * mean), 200 * mean, mean,
			mean };
	}
}

static void hits_are_the_compounds_that_act(void **state)
{
	(void)state;
	static c5_screen_field fields[FIELDS];
	c5_screen_params p = defaults();
	c5_screen s;
	assert_int_equal(c5_opt_set(c5_screen_opts, &p, "positive-controls", "doxorubicin"), C5_OK);
	static const char *const tests[] = { "rank", "welch", "permutation" };
	for (int k = 0; k < 3; k++) {
		assert_int_equal(c5_opt_set(c5_screen_opts, &p, "test", tests[k]), C5_OK);
		simulate(fields, 11, 0.08);
		assert_int_equal(c5_screen_make(&s, fields, FIELDS, &p), C5_OK);
		assert_int_equal(s.n_plates, PLATES);
		assert_int_equal(s.n_hits, 3);
		for (size_t i = 0; i < s.n_hits; i++) {
			const c5_screen_treatment *t = &s.treatments[s.ranked[i]];
			assert_true(t->hit && atoi(t->compound + strlen("compound")) % 8 == 0 && t->normalised > 2 && t->effect > 0);
		}
		for (size_t i = 0; i < s.n_plates; i++) assert_true(s.plates[i].quality.z_prime > 0.5 && s.plates[i].quality.n_negative == 16);
		c5_screen_free(&s);
	}
	c5_opt_clear(c5_screen_opts, &p);
}

/* False discoveries among compounds of which none acts: in no more than 5 % of the screens, give or take chance. */
static void nothing_is_found_where_nothing_is(void **state)
{
	(void)state;
	static c5_screen_field fields[FIELDS];
	c5_screen_params p = defaults();
	int found = 0, screens = 60;
	p.resamples = 0;
	for (int k = 0; k < screens; k++) {
		c5_screen s;
		simulate(fields, 1000 + (uint64_t)k, 0);
		assert_int_equal(c5_screen_make(&s, fields, FIELDS, &p), C5_OK);
		for (size_t i = 0; i < s.n_treatments; i++)
			if (s.treatments[i].hit && strcmp(s.treatments[i].compound, "doxorubicin") != 0) {
				found++;
				break;
			}
		c5_screen_free(&s);
	}
	assert_true(found <= 9); /* 3 expected; more than 9 once in 2,000 tries */
	c5_opt_clear(c5_screen_opts, &p);
}

static void check_svg(c5_buf *b, const char *file)
{
	const char *folder = getenv("C5_TEST_PICTURES"); /* to look at them */
	char *text = c5_text_take(b), path[512];
	assert_non_null(text);
	assert_int_equal(strncmp(text, "<svg ", 5), 0);
	assert_string_equal(text + strlen(text) - 7, "</svg>\n");
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf"));
	if (folder) {
		snprintf(path, sizeof path, "%s/%s", folder, file);
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fputs(text, f);
		fclose(f);
	}
	free(text);
}

static void pictures_are_drawn(void **state)
{
	(void)state;
	static c5_screen_field fields[FIELDS];
	c5_screen_params p = defaults();
	c5_screen s, small;
	c5_buf b = { 0 };
	assert_int_equal(c5_opt_set(c5_screen_opts, &p, "positive-controls", "doxorubicin"), C5_OK);
	simulate(fields, 11, 0.08);
	fields[40].objects = 0; /* an empty well */
	assert_int_equal(c5_screen_make(&s, fields, FIELDS, &p), C5_OK);
	assert_int_equal(c5_screen_make(&small, by_hand, BY_HAND, &p), C5_OK);
	assert_int_equal(c5_plot_plates(&b, &s, C5_MAP_VALUE, "mean score <&>"), C5_OK);
	check_svg(&b, "plates.svg");
	assert_int_equal(c5_plot_plates(&b, &s, C5_MAP_NORMALISED, "z"), C5_OK);
	check_svg(&b, "plates-z.svg");
	assert_int_equal(c5_plot_volcano(&b, &s, &p, "hits"), C5_OK);
	check_svg(&b, "volcano.svg");
	assert_int_equal(c5_plot_ranks(&b, &s, &p, "ranks"), C5_OK);
	check_svg(&b, "ranks.svg");
	assert_int_equal(c5_plot_plates(&b, &small, C5_MAP_VALUE, NULL), C5_OK);
	check_svg(&b, "small-plates.svg");
	assert_int_equal(c5_plot_ranks(&b, &small, &p, NULL), C5_OK);
	check_svg(&b, "small-ranks.svg");
	assert_int_equal(c5_plot_volcano(&b, &small, &p, NULL), C5_OK);
	check_svg(&b, "small-volcano.svg");
	c5_screen_free(&s);
	assert_int_equal(c5_screen_make(&s, NULL, 0, &p), C5_OK);
	assert_int_equal(c5_plot_plates(&b, &s, C5_MAP_VALUE, "none"), C5_OK);
	check_svg(&b, "none-plates.svg");
	assert_int_equal(c5_plot_volcano(&b, &s, &p, "none"), C5_OK);
	check_svg(&b, "none-volcano.svg");
	assert_int_equal(c5_plot_ranks(&b, &s, &p, "none"), C5_OK);
	check_svg(&b, "none-ranks.svg");
	c5_screen_free(&s);
	c5_screen_free(&small);
	c5_opt_clear(c5_screen_opts, &p);
}

static void reliability_is_drawn(void **state)
{
	(void)state;
	enum { N = 3000 };
	static double score[N], softer[N];
	static bool truth[N];
	c5_reliability before[10], after[10];
	c5_buf b = { 0 };
	for (uint32_t i = 0; i < N; i++) {
		c5_random r;
		c5_random_start(&r, 5, i);
		double z = 1.5 * c5_random_normal(&r);
		truth[i] = c5_random_uniform(&r) < 1 / (1 + exp(-z));
		score[i] = 1 / (1 + exp(-3 * z));
		softer[i] = 1 / (1 + exp(-z));
	}
	c5_reliability_bins(before, 10, score, truth, N);
	c5_reliability_bins(after, 10, softer, truth, N);
	assert_int_equal(c5_plot_reliability(&b, before, after, 10, "calibration", "senescent"), C5_OK);
	check_svg(&b, "reliability.svg");
	assert_int_equal(c5_plot_reliability(&b, before, NULL, 10, NULL, "senescent"), C5_OK);
	check_svg(&b, "reliability-one.svg");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wells_have_places),
		cmocka_unit_test(a_small_screen_is_what_the_hand_says),
		cmocka_unit_test(the_order_of_fields_changes_nothing),
		cmocka_unit_test(without_controls_there_are_no_tests),
		cmocka_unit_test(hits_are_the_compounds_that_act),
		cmocka_unit_test(nothing_is_found_where_nothing_is),
		cmocka_unit_test(pictures_are_drawn),
		cmocka_unit_test(reliability_is_drawn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
